# SPDX-License-Identifier: Apache-2.0
"""Several chunks of a body that come at once go on as one: fewer, and the same bytes, in both directions."""
import pytest

from testenv import message
from testenv.upstream import pattern

PIECES = [pattern(n, seed=n) for n in (1, 700, 30, 2, 1500)]
BODY = b"".join(PIECES)
AT_ONCE = b"".join(map(message.chunk, PIECES)) + b"0\r\nX-Sum: abc\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_up(sluice, upstream, tls):
    def script(connection):
        connection.request()
        connection.respond()

    app = upstream(script)
    one = sluice(app, tls=tls).client()
    one.send(f"POST / HTTP/1.1\r\nHost: localhost\r\n{CHUNKED}\r\n\r\n".encode() + AT_ONCE)
    assert one.response().status == 200
    request = app.requests[0]
    assert request.body == BODY
    assert request.chunks == [len(BODY)]
    assert request.trailers == [("X-Sum", "abc")]
    assert app.connections[0].received.endswith(b"\r\n\r\n%x\r\n%b\r\n0\r\nX-Sum: abc\r\n\r\n" % (len(BODY), BODY))


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_down(sluice, upstream, tls):
    def script(connection):
        connection.request()
        connection.send(f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n".encode() + AT_ONCE)

    response = sluice(upstream(script), tls=tls).client().get()
    assert response.body == BODY
    assert response.chunks == [len(BODY)]
    assert response.trailers == [("X-Sum", "abc")]


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_large_ones_are_the_same_bytes(sluice, upstream, tls):
    """Chunks of every kind of size, many at a time, up and down again."""
    sizes = [1, 65536, 7, 16384, 3, 40_000, 65535, 2, 131_072, 1, 1, 1] * 6
    pieces = [pattern(n, seed=n) for n in sizes]
    whole = b"".join(map(message.chunk, pieces)) + message.LAST_CHUNK

    def script(connection):
        assert connection.request().body == b"".join(pieces)
        connection.send(f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n".encode() + whole)

    one = sluice(upstream(script), tls=tls).client()
    one.send(f"POST / HTTP/1.1\r\nHost: localhost\r\n{CHUNKED}\r\n\r\n".encode() + whole)
    assert one.response().body == b"".join(pieces)
