# SPDX-License-Identifier: Apache-2.0
"""Somebody types http:// instead of https://: they are told, in plain HTTP."""
import pytest

from testenv import wait


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /x HTTP/1.1\r\n", b"GET",
                                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_plain_http(sluice, upstream, sent):
    app = upstream()
    proxy = sluice(app)
    one = proxy.connect(tls=None)
    one.send(sent)
    if sent == b"GET":
        one.send(b" /index.html HTTP/1.0\r\n\r\n")
    response = one.response()
    assert response.status == 400
    assert b"https" in response.body.lower() or b"tls" in response.body.lower()
    assert one.end() == "fin"
    wait.until(lambda: proxy.metrics().get("sluice_tls_handshakes_ended_total", result="plain_http") == 1)
    assert not app.connections


def test_dripped(sluice, upstream):
    one = sluice(upstream()).connect(tls=None)
    one.drip(b"GET / HTTP/1.1\r\n\r\n", every=0.02)
    assert one.response().status == 400


@pytest.mark.parametrize("sent", [b"\x00\x00\x00\x00\x00", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x80\x2e\x01\x00\x02",
                                  b"\x15\x03\x01\x00\x02\x02\x28"])
def test_what_is_neither(sluice, upstream, sent):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    one.raw_send(sent)
    assert one.end() in ("fin", "reset")
    assert one.clock.seconds < 3
    metrics = proxy.metrics()
    assert metrics.get("sluice_tls_handshakes_ended_total", result="ok") == 0
    assert metrics.get("sluice_tls_handshakes_ended_total") == 1
    assert proxy.client().get("/bytes/1").status == 200
