# SPDX-License-Identifier: Apache-2.0
"""Deadline request_header, a client that falls silent or trickles: 408, then a lingering close."""
import pytest

from testenv import wait


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_silent(sluice, upstream, tls):
    app = upstream()
    proxy = sluice(app, tls=tls, deadlines={"request_header": "600ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
    response = one.response()
    assert response.status == 408
    assert response.get("Connection") == "close"
    assert response.has("Proxy-Status")
    wait.at(clock.seconds, 0.6)
    assert one.end() in ("close_notify", "fin")
    proxy.wait_expired("request_header")
    assert not app.connections


def test_trickling(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_header": "1s"})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.drip(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100, every=0.05)
    wait.at(clock.seconds, 1)
    assert one.response().status == 408
    proxy.wait_expired("request_header")


def test_of_the_second_request(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_header": "600ms"})
    one = proxy.client()
    assert one.get("/bytes/1").status == 200
    clock = wait.Stopwatch()
    one.send(b"G")
    assert one.response().status == 408
    wait.at(clock.seconds, 0.6)
    proxy.wait_expired("request_header")
