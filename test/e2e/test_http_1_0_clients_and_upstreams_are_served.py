# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.0: a client gets no chunks and a clean end; an old upstream's body ends with its connection."""
import hashlib
import threading

import pytest

from testenv.upstream import pattern_hash


def test_a_client(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client().request("GET", "/chunked/100000", version="1.0")
    response = one.response()
    assert not response.is_chunked
    assert hashlib.sha256(response.body).hexdigest() == pattern_hash(100000)
    assert one.ended == "close_notify"
    assert app.requests[0].version == "HTTP/1.1"


def test_a_client_that_keeps_its_connection(sluice, upstream):
    one = sluice(upstream()).client()
    for _ in range(3):
        response = one.get("/bytes/100", "Connection: keep-alive", version="1.0")
        assert len(response.body) == 100
        assert response.get("Connection").lower() == "keep-alive"
    response = one.get("/bytes/100", version="1.0")
    assert response.status == 200
    assert one.end() == "close_notify"


def test_a_client_without_host(sluice, upstream):
    one = sluice(upstream()).client()
    assert one.get("/bytes/1", host=None, version="1.0").status == 200


def test_a_client_cannot_see_that_a_response_was_cut_but_by_its_end(sluice, upstream):
    """No chunks and no length: the missing close_notify is all there is, so it must be missing."""
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.upstream.seen.wait(5)
        connection.reset()

    app = upstream(script)
    app.seen = threading.Event()
    one = sluice(app).client().request(version="1.0")
    response = one.reader.head()
    assert not response.is_chunked
    app.seen.set()
    one.reader.body(response, to_eof=True)
    assert response.body == b"hello"
    assert one.ended in ("fin", "reset")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_upstream(sluice, upstream, version):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/" + version + b" 200 OK\r\nServer: old\r\n\r\n" + b"x" * 100000)

    app = upstream(script)
    one = sluice(app).client()
    for _ in range(2):
        response = one.get()
        assert response.is_chunked and len(response.body) == 100000
    assert len(app.connections) == 2


def test_an_upstream_that_keeps_its_connection(sluice, upstream):
    def script(connection):
        while True:
            connection.request()
            connection.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")

    app = upstream(script)
    one = sluice(app).client()
    assert one.get().body == one.get().body == b"hi"
    assert len(app.connections) == 1
