# SPDX-License-Identifier: Apache-2.0
"""The status endpoint has a deadline of its own, 10 s from accept, which nothing extends; and a bound on connections."""
import pytest

from testenv import client, sluice as s, wait

CALL_SECONDS, MAX_CALLS = 10, 32


@pytest.mark.limit(60)
def test_silent_trickling_and_deaf(sluice, upstream):
    proxy = sluice(upstream())
    address = ("127.0.0.1", proxy.status_port)
    clock = wait.Stopwatch()
    silent, trickling, deaf = (client.Client(address) for _ in range(3))
    deaf.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    deaf.response()
    while clock.seconds < CALL_SECONDS - 1:
        assert proxy.fetch("/healthz")[0] == 200
        trickling.send(b"G" if clock.seconds < 1 else b"E")
        s.sleep(0.5)
    for one in (silent, trickling):
        assert one.end() in ("fin", "reset")
        wait.at(clock.seconds, CALL_SECONDS, slack=3)
        one.close()
    deaf.close()


def test_no_more_than_it_can_bear(sluice, upstream):
    proxy = sluice(upstream())
    address = ("127.0.0.1", proxy.status_port)
    before = proxy.n_fds()
    crowd = [client.Client(address) for _ in range(3 * MAX_CALLS)]
    s.sleep(0.3)
    assert proxy.n_fds() <= before + MAX_CALLS
    assert proxy.fetch("/healthz")[0] == 200, "the silent make room for who asks"
    assert proxy.status()["state"] == "serving"
    for one in crowd:
        one.close()
    wait.until(lambda: proxy.n_fds() <= before)
    assert proxy.fetch("/healthz")[0] == 200
