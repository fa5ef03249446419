# SPDX-License-Identifier: Apache-2.0
"""Trailer fields pass on, but those that RFC 9110 6.5.1 forbids; the ones that would change where the message ends or
goes are refused."""
import pytest

from testenv import message

FORBIDDEN = ["Authorization: x", "Connection: close", "Trailer: x", "Content-Encoding: gzip",
             "Content-Type: text/html", "Set-Cookie: a=b", "Via: x", "X-Forwarded-For: 6.6.6.6"]
SECTION = "\r\n".join(["0", "X-Sum: abc", *FORBIDDEN, "X-More: d e", "", ""]).encode()


def test_of_requests(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    one.request("POST", "/hash", "Transfer-Encoding: chunked", "Trailer: X-Sum")
    one.send(message.chunk(b"body") + SECTION)
    response = one.response()
    assert response.status == 200
    assert app.requests[0].trailers == [("X-Sum", "abc"), ("X-More", "d e")]
    assert one.get("/bytes/1").status == 200


def test_of_responses(sluice, upstream):
    def script(connection):
        while True:
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
                            message.chunk(b"body") + SECTION)

    one = sluice(upstream(script)).client()
    for _ in range(2):
        response = one.get()
        assert response.body == b"body"
        assert response.trailers == [("X-Sum", "abc"), ("X-More", "d e")]


@pytest.mark.parametrize("field", ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: evil"])
def test_refused(sluice, upstream, field):
    app = upstream()
    one = sluice(app).client()
    one.request("POST", "/hash", "Transfer-Encoding: chunked")
    one.send(message.chunk(b"body") + f"0\r\n{field}\r\n\r\n".encode())
    assert one.response().status == 400
    assert not any(request.is_complete for request in app.requests)
