# SPDX-License-Identifier: Apache-2.0
"""A client that is gone, or ends, in the middle of its upload: the upstream's connection is dropped, the request never
completed. One that has asked and only ends its side is answered."""
import pytest

from testenv import message, wait


@pytest.mark.parametrize("how", ["reset", "fin", "close_notify"])
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_within_the_upload(sluice, upstream, how, framing):
    def script(connection):
        request = connection.head()
        with pytest.raises(message.Cut):
            connection.reader.body(request)
        connection.ended = connection.ended or "fin"

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    one.request("POST", "/", framing)
    one.send(b"x" * 100 if framing.endswith("1000") else message.chunk(b"x" * 100))
    wait.until(lambda: b"x" * 100 in app.received)
    if how == "reset":
        one.reset()
    else:
        if how == "close_notify":
            one.close_notify()
        one.shutdown_write()
    wait.until(lambda: app.connections[0].ended, what="the upstream's connection to be dropped")
    assert not any(request.is_complete for request in app.requests)
    assert not app.received.endswith(b"0\r\n\r\n")
    line = proxy.wait_access(1)[0]
    assert line["cause"]["side"] == "client" and line["cause"]["phase"] == "request_body"


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_half_closed_after_the_request(sluice, upstream, tls):
    one = sluice(upstream(), tls=tls).client()
    one.request("POST", "/echo", body=b"my last words")
    if one.tls:
        one.close_notify()
    one.shutdown_write()
    if one.tls:  # ours has said goodbye; what comes is read from the records
        while one.raw_recv():
            pass
        assert one.ended == "fin"
        assert sum(length for kind, length in one.records if kind == 23) > 100
    else:
        assert one.response().body.endswith(b"my last words")
        assert one.end() == "fin"


def test_within_the_download(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(bytes(65536))

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client().request()
    assert one.reader.head().status == 200
    one.reset()
    wait.until(lambda: app.connections[0].ended, what="the upstream's connection to be dropped")
    line = proxy.wait_access(1)[0]
    assert line["status"] == 200 and line["cause"]["side"] == "client"


def test_while_it_is_connected(sluice, black_hole):
    proxy = sluice(black_hole)
    one = proxy.client().request()
    proxy.wait_phase("upstream_connect")
    one.reset()
    wait.until(lambda: proxy.metrics().get("sluice_connections") == 0)
    assert proxy.wait_access(1)[0]["cause"]["side"] == "client"
