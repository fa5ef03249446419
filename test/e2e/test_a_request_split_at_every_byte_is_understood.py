# SPDX-License-Identifier: Apache-2.0
"""However the bytes of a request are cut into segments, what reaches the upstream is the same."""
from testenv import message

REQUEST = (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n" +
           message.chunk(b"hello") + message.chunk(b"world") + b"0\r\nX-T: u\r\n\r\n")


def test_split_in_two_everywhere(sluice, upstream):
    app = upstream()
    one = sluice(app, tls="off").client()
    for at in range(1, len(REQUEST)):
        one.send(REQUEST[:at])
        one.send(REQUEST[at:])
        assert one.response().body.endswith(b"\r\n\r\nhelloworld"), at
    assert len(app.requests) == len(REQUEST) - 1
    assert all(request.trailers == [("X-T", "u")] for request in app.requests)


def test_byte_by_byte(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    one.drip(REQUEST, every=0.001)
    assert one.response().body.endswith(b"\r\n\r\nhelloworld")


def test_of_a_response(sluice, upstream):
    answer = (b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n" + message.chunk(b"hello") +
              message.chunk(b"world") + b"0\r\nX-T: u\r\n\r\n")

    def script(connection):
        while True:
            at = int(connection.request().target[1:])
            connection.send(answer[:at])
            connection.send(answer[at:])

    one = sluice(upstream(script), tls="off").client()
    for at in range(1, len(answer)):
        response = one.get(f"/{at}")
        assert response.body == b"helloworld", at
        assert response.trailers == [("X-T", "u")]
