# SPDX-License-Identifier: Apache-2.0
"""An upstream that goes away within its response: the client sees the cut, whatever the framing; before the response it
is 502."""
import os
import tempfile

import pytest

from testenv import message, wait

HEADS = {"length": b"Content-Length: 100\r\n\r\nsome", "chunked": b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
         "within_a_chunk": b"Transfer-Encoding: chunked\r\n\r\n64\r\nsome",
         "before_the_end": b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\n"}


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_within_the_body(sluice, upstream, framing, how, tls):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n" + HEADS[framing])
        connection.upstream.seen.wait(5)
        if how == "reset":
            connection.reset()

    import threading
    app = upstream(script)
    app.seen = threading.Event()
    proxy = sluice(app, tls=tls)
    one = proxy.client().request()
    head = one.reader.head()
    assert head.status == 200
    app.seen.set()
    with pytest.raises(message.Cut):
        one.reader.body(head)
    assert head.body == b"some"
    assert one.ended in ("reset", "fin")
    assert one.ended != "close_notify"
    line = proxy.wait_access()[0]
    assert line["status"] == 200 and line["cause"]["side"] == "upstream"


def test_at_once(sluice, upstream):
    """A unix socket tells that its peer is gone together with its last bytes: they are passed on all the same."""
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n" + HEADS["length"])

    with tempfile.TemporaryDirectory() as folder:
        app = upstream(script, unix=os.path.join(folder, "app.sock"))
        for tls in (None, "off"):
            assert_cut(sluice(app, tls=tls).client().request(), b"some")


BAD_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nno chunk\r\n"


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_by_garbage_that_comes_with_the_head(sluice, upstream, tls):
    def script(connection):
        connection.request()
        connection.send(BAD_CHUNK)
        connection.hold()

    assert_cut(sluice(upstream(script), tls=tls).client().request(), b"some")


def assert_cut(one, body):
    head = one.reader.head()
    assert head.status == 200
    with pytest.raises(message.Cut):
        one.reader.body(head)
    assert head.body == body
    assert one.ended != "close_notify"


@pytest.mark.parametrize("how", ["fin", "reset", "half_head"])
def test_before_the_response(sluice, upstream, how):
    def script(connection):
        connection.request()
        if how == "half_head":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        if how == "reset":
            connection.reset()

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    response = one.request("POST", "/", body=b"x").response()
    assert response.status == 502
    assert response.has("Proxy-Status")
    assert len(app.requests) == 1
    assert one.is_open()
    wait.until(proxy.access)
    assert proxy.access()[0]["status"] == 502
