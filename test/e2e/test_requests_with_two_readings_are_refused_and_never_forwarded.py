# SPDX-License-Identifier: Apache-2.0
"""The strictness table: everything that two parsers could read differently is refused with the right status, the
connection is closed, and the upstream sees not one byte."""
import pytest

from smuggling import BAD_CHUNKS, CHUNKED, REFUSED, SMUGGLED, get, post


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_the_table(sluice, upstream, tls):
    app = upstream()
    proxy = sluice(app, tls=tls)
    found = {}
    for name, (_, bytes_) in REFUSED.items():
        one = proxy.client()
        try:
            one.send(bytes_)
        except ConnectionError:
            pass
        response = one.response()
        found[name] = response.status
        assert response.get("Connection") == "close", name
        assert response.body, f"{name}: nobody is told what was wrong"
        one.timeout = 10
        assert one.end() in ("close_notify", "fin"), name
        assert not one.reader.buffer, name
        one.close()
    assert found == {name: status for name, (status, _) in REFUSED.items()}
    assert app.received == b"", "something was forwarded"


LARGE_CHUNKS = {"trailers_too_large": 431}  # the rest is 400


def test_the_chunks(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    found = {}
    for name, body in BAD_CHUNKS.items():
        one = proxy.client()
        one.send(post(CHUNKED, body + SMUGGLED))
        response = one.response()
        found[name] = response.status
        one.end()
        assert not one.reader.buffer, name
        one.close()
    assert found == {name: LARGE_CHUNKS.get(name, 400) for name in BAD_CHUNKS}
    assert b"smuggled" not in app.received
    assert not any(request.is_complete for request in app.requests)


def test_what_is_strict_but_good(sluice, upstream):
    """And nothing lawful is refused."""
    app = upstream()
    one = sluice(app).client()
    good = [
        post(b"Transfer-Encoding:\tChunked \r\n", b"5;ext=1;q=\"a b\"\r\nhello\r\n0\r\n\r\n"),
        post(b"content-length:5\r\n", b"hello"),
        post(b"Content-Length: 00005\r\n", b"hello"),
        post(CHUNKED, b"0005\r\nhello\r\n000\r\n\r\n"),
        get(fields=b"hOST:   localhost  \r\nX-Empty:\r\nX-Obs: \xe4\xf6\r\n"),
        get(b"GET http://localhost/x HTTP/1.1"),
        get(b"OPTIONS * HTTP/1.1"),
        get(b"MKCALENDAR / HTTP/1.1"), get(b"PROPFIND / HTTP/1.1"),
        get(b"GET /?a=%00b HTTP/1.1"),
        get(fields=b"Host: [::1]:8443\r\n"),
    ]
    for bytes_ in good:
        one.send(bytes_)
        assert one.response().status == 200, bytes_
    assert len(app.requests) == len(good)
