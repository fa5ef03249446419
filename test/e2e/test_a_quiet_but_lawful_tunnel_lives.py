# SPDX-License-Identifier: Apache-2.0
"""Deadline tunnel, lawful peers: a word now and then, from either side alone, for far longer than every other
deadline."""
import pytest

from testenv import sluice as s, tunnel, wait

LIMITS = s.every_phase("1s", tunnel={"idle": "2s"})


def test_both_talk(sluice, upstream):
    proxy = sluice(upstream(tunnel.echo), deadlines=LIMITS)
    one = tunnel.switch(proxy.client())
    for _ in wait.ticks(1.3, n=4):
        one.send(b"ping")
        assert tunnel.read(one, 4) == b"ping"
    proxy.nothing_expired()


@pytest.mark.parametrize("speaker", ["client", "upstream"])
def test_only_one_talks(sluice, upstream, speaker):
    def script(connection):
        tunnel.accept(connection)
        if speaker == "upstream":
            connection.drip(b"12345", every=1.2)
        else:
            assert connection.read(5) == b"12345"
            connection.send(b"enough")
        connection.wait_end()

    proxy = sluice(upstream(script), deadlines=LIMITS)
    one = tunnel.switch(proxy.client())
    if speaker == "upstream":
        assert tunnel.read(one, 5) == b"12345"
    else:
        one.drip(b"12345", every=1.2)
        assert tunnel.read(one, 6) == b"enough"
    proxy.nothing_expired()


def test_a_record_that_takes_long(sluice, upstream):
    """Nothing of a TLS record can be read before its last byte: all of its bytes count, as they come."""
    proxy = sluice(upstream(tunnel.echo), deadlines=LIMITS)
    one = tunnel.switch(proxy.client())
    one.drip_raw(one.encrypt(b"ping" * 100), every=1.2, size=100)
    assert tunnel.read(one, 400) == b"ping" * 100
    proxy.nothing_expired()
