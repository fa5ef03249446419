# SPDX-License-Identifier: Apache-2.0
"""Deadline first_byte, a client that is silent: RST."""
import pytest

from testenv import wait


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_a_silent_client_is_gone_at_first_byte(sluice, upstream, tls):
    proxy = sluice(upstream(), tls=tls, deadlines={"first_byte": "500ms"})
    silent = proxy.connect(tls=None)
    assert silent.end() == "reset"
    wait.at(silent.clock.seconds, 0.5)
    line = proxy.wait_expired("first_byte")
    assert "127.0.0.1" in line
    if tls is None:
        assert proxy.metrics().get("sluice_tls_handshakes_ended_total", result="silent") == 1


def test_others_are_not_touched(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "300ms"})
    busy = proxy.client()
    silent = proxy.connect()
    assert silent.end() == "reset"
    assert busy.get("/bytes/100").status == 200
