# SPDX-License-Identifier: Apache-2.0
"""Several requests in one segment: answered one after the other, bodies included, on both sides in order."""
from testenv import message


def test_in_order(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    n = 20
    one.send(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (i * 1000) for i in range(n)))
    assert [len(one.response().body) for _ in range(n)] == [i * 1000 for i in range(n)]
    assert [request.target for request in app.requests] == [f"/bytes/{i * 1000}" for i in range(n)]


def test_with_bodies(sluice, upstream):
    one = sluice(upstream()).client()
    first = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nfirst"
    second = (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
              message.chunk(b"second") + message.LAST_CHUNK)
    one.send((first + second) * 10)
    for _ in range(10):
        assert one.response().body.endswith(b"\r\n\r\nfirst")
        assert one.response().body.endswith(b"\r\n\r\nsecond")


def test_after_close_nothing_is_answered(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    one.send(b"GET /bytes/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
             b"GET /bytes/2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert one.response().get("Connection") == "close"
    assert one.end() in ("close_notify", "fin")
    assert not one.reader.buffer
    assert len(app.requests) == 1


def test_a_bad_one_after_a_good_one(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    one.send(b"GET /bytes/1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /\x00 HTTP/1.1\r\n\r\n")
    assert one.response().status == 200
    assert one.response().status == 400
    assert one.end()
    assert len(app.requests) == 1
