# SPDX-License-Identifier: Apache-2.0
"""Deadline linger: after an early error response the rest of the upload is thrown away, for `idle` without a byte,
`total` in all, and max_bytes."""
import pytest

from testenv import sluice as s, wait

LINGER = {"idle": "500ms", "total": "1500ms", "max_bytes": "1MiB"}


@pytest.fixture
def refused(sluice, upstream):
    """A client that was answered 413 on its head and has not sent a byte of its body."""
    def start(linger):
        proxy = sluice(upstream(), routes=[{"upstream": "app", "max_body": "1KiB"}],
                       deadlines={"linger": linger})
        one = proxy.client()
        one.request("POST", "/", "Content-Length: 100000000")
        response = one.response()
        assert response.status == 413
        assert response.get("Connection") == "close"
        return proxy, one, wait.Stopwatch()
    return start


def gone(proxy, one):
    wait.until(lambda: proxy.metrics().get("sluice_connections") == 0, 10, "the connection to go")
    assert one


def test_silent(refused):
    proxy, one, clock = refused(LINGER)
    gone(proxy, one)
    wait.at(clock.seconds + 0.05, 0.5)
    assert proxy.expired("linger") == 1


def test_trickling(refused):
    proxy, one, clock = refused(LINGER)
    with pytest.raises(ConnectionError):
        for _ in wait.ticks(0.1, n=100):  # though sluice has said goodbye
            one.send(b"x")
    gone(proxy, one)
    wait.at(clock.seconds + 0.05, 1.5)
    assert proxy.expired("linger") == 1


def test_flooding(refused):
    proxy, one, clock = refused({**LINGER, "idle": "20s", "total": "30s", "max_bytes": "64KiB"})
    sent = 0
    with pytest.raises((ConnectionError, AssertionError)):
        while sent < 100_000_000:
            sent += 16384
            one.send(bytes(16384))
    assert clock.seconds < 10
    gone(proxy, one)


def test_a_client_that_ends_its_upload_and_reads_the_answer(sluice, upstream):
    proxy = sluice(upstream(), routes=[{"upstream": "app", "max_body": "1KiB"}],
                   deadlines=s.every_phase("1s", linger={"idle": "2s", "total": "10s"}))
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 300000")
    for _ in wait.ticks(0.1, n=30):
        one.send(bytes(10000))
    response = one.response()  # was there all the time, and no RST has thrown it away
    assert response.status == 413
    assert response.body
    assert one.is_open(), "little was left of the body: it was drained, and the connection can go on"
    assert one.get("/bytes/1").status == 200
    proxy.nothing_expired()
