# SPDX-License-Identifier: Apache-2.0
"""The strictness table: everything that two parsers could read differently is refused with the right status, the
connection is closed, and the upstream sees not one byte."""
import pytest

H = b"Host: localhost\r\n"


def post(fields, body=b""):
    return b"POST / HTTP/1.1\r\n" + H + fields + b"\r\n" + body


def get(line=b"GET / HTTP/1.1", fields=H):
    return line + b"\r\n" + fields + b"\r\n"


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
TABLE = {
    # framing
    "cl_and_te": (400, post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED)),
    "te_and_cl": (400, post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED)),
    "two_lengths": (400, post(b"Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED)),
    "the_same_length_twice": (400, post(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x")),
    "length_list": (400, post(b"Content-Length: 1, 1\r\n", b"x")),
    "length_with_sign": (400, post(b"Content-Length: +1\r\n", b"x")),
    "length_negative": (400, post(b"Content-Length: -1\r\n", b"x")),
    "length_hex": (400, post(b"Content-Length: 0x1\r\n", b"x")),
    "length_empty": (400, post(b"Content-Length:\r\n", b"x")),
    "length_blank_inside": (400, post(b"Content-Length: 1 1\r\n", b"x")),
    "length_underscore": (400, post(b"Content-Length: 1_0\r\n", b"x")),
    "length_overflow": (400, post(b"Content-Length: 18446744073709551617\r\n", b"x")),
    "te_unknown": (501, post(b"Transfer-Encoding: gzip\r\n")),
    "te_identity": (501, post(b"Transfer-Encoding: identity\r\n")),
    "te_gzip_chunked": (501, post(b"Transfer-Encoding: gzip, chunked\r\n")),
    "te_chunked_gzip": (400, post(b"Transfer-Encoding: chunked, gzip\r\n")),
    "te_chunked_twice": (400, post(b"Transfer-Encoding: chunked, chunked\r\n")),
    "te_two_fields": (400, post(CHUNKED + CHUNKED)),
    "te_xchunked": (501, post(b"Transfer-Encoding: xchunked\r\n")),
    "te_quoted": (501, post(b'Transfer-Encoding: "chunked"\r\n')),
    "te_parameter": (501, post(b"Transfer-Encoding: chunked;q=1\r\n")),
    "te_empty": (400, post(b"Transfer-Encoding:\r\n")),
    "te_vertical_tab": (400, post(b"Transfer-Encoding: \x0bchunked\r\n")),
    "te_blank_before_colon": (400, post(b"Transfer-Encoding : chunked\r\n")),
    "te_blank_before_name": (400, post(b" Transfer-Encoding: chunked\r\n")),
    "te_after_tab": (400, post(b"X: y\r\n\tTransfer-Encoding: chunked\r\n")),
    "te_in_1_0": (400, b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    # lines and bytes
    "obs_fold": (400, get(fields=H + b"X: a\r\n b\r\n")),
    "bare_lf": (400, b"GET / HTTP/1.1\nHost: localhost\n\n"),
    "bare_lf_in_a_field": (400, get(fields=H + b"X: a\nY: b\r\n")),
    "bare_cr_in_a_field": (400, get(fields=H + b"X: a\rY: b\r\n")),
    "bare_cr_at_the_end": (400, b"GET / HTTP/1.1\r\n" + H + b"\r\rX\r\n\r\n"),
    "nul_in_a_value": (400, get(fields=H + b"X: a\0b\r\n")),
    "nul_in_a_name": (400, get(fields=H + b"X\0: b\r\n")),
    "nul_in_the_target": (400, get(b"GET /\0 HTTP/1.1")),
    "control_in_a_value": (400, get(fields=H + b"X: a\x01b\r\n")),
    "no_colon": (400, get(fields=H + b"no colon here\r\n")),
    "no_name": (400, get(fields=H + b": value\r\n")),
    "name_with_blank": (400, get(fields=H + b"X Y: value\r\n")),
    "name_with_quote": (400, get(fields=H + b'X"Y: value\r\n')),
    "name_utf8": (400, get(fields=H + "Ü: v\r\n".encode())),
    "empty_lines": (400, b"\r\n\r\n\r\n" + get()),
    # the start line
    "two_blanks": (400, get(b"GET  / HTTP/1.1")),
    "blank_at_the_end": (400, get(b"GET / HTTP/1.1 ")),
    "blank_in_the_target": (400, get(b"GET /a b HTTP/1.1")),
    "tab_instead_of_blank": (400, get(b"GET\t/ HTTP/1.1")),
    "no_slash": (400, get(b"GET index HTTP/1.1")),
    "fragment": (400, get(b"GET /#a HTTP/1.1")),
    "userinfo": (400, get(b"GET http://user@localhost/ HTTP/1.1")),
    "asterisk": (400, get(b"GET * HTTP/1.1")),
    "bad_method": (400, get(b"G@T / HTTP/1.1")),
    "lower_version": (400, get(b"GET / http/1.1")),
    "version_0_9": (505, b"GET /\r\n\r\n"),
    "version_2": (505, get(b"GET / HTTP/2.0")),
    "version_1_2": (505, get(b"GET / HTTP/1.2")),
    "version_1_10": (400, get(b"GET / HTTP/1.10")),
    "http_2_preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "connect": (501, b"CONNECT localhost:80 HTTP/1.1\r\n" + H + b"\r\n"),
    # Host
    "no_host": (400, get(fields=b"")),
    "two_hosts": (400, get(fields=H + b"Host: evil\r\n")),
    "the_same_host_twice": (400, get(fields=H + H)),
    "empty_host": (400, get(fields=b"Host:\r\n")),
    "host_with_path": (400, get(fields=b"Host: localhost/x\r\n")),
    "host_with_user": (400, get(fields=b"Host: a@localhost\r\n")),
    "host_with_blank": (400, get(fields=b"Host: a b\r\n")),
    "host_list": (400, get(fields=b"Host: a, b\r\n")),
    "host_bad_port": (400, get(fields=b"Host: localhost:99999x\r\n")),
    # limits
    "long_target": (414, get(b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
    "long_field": (431, get(fields=H + b"X: " + b"y" * 40000 + b"\r\n")),
    "many_fields": (431, get(fields=H + b"X: y\r\n" * 150)),
    "endless_name": (431, get(fields=H + b"x" * 50000)),
}
# The head is good: what is wrong comes after it. The upstream may have seen the head, but no end.
CHUNKS = {
    "size_not_hex": b"g\r\n",
    "size_empty": b"\r\nhello\r\n0\r\n\r\n",
    "size_negative": b"-1\r\n",
    "size_plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size_0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size_blank_before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size_blank_after": b"5 \r\nhello\r\n0\r\n\r\n",
    "size_overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare_lf_after_size": b"5\nhello\r\n0\r\n\r\n",
    "bare_cr_after_size": b"5\rX\r\nhello\r\n0\r\n\r\n",
    "bare_lf_after_data": b"5\r\nhello\n0\r\n\r\n",
    "too_long": b"5\r\nhelloXX0\r\n\r\n",
    "extension_too_long": b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "extension_with_lf": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bare_lf_in_the_trailers": b"0\r\nX: y\n\r\n",
    "trailers_too_large": b"0\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    "trailers_obs_fold": b"0\r\nX: y\r\n z\r\n\r\n",
}


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_the_table(sluice, upstream, tls):
    app = upstream()
    proxy = sluice(app, tls=tls)
    found = {}
    for name, (_, bytes_) in TABLE.items():
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
    assert found == {name: status for name, (status, _) in TABLE.items()}
    assert app.received == b"", "something was forwarded"


def test_the_chunks(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    found = {}
    for name, body in CHUNKS.items():
        one = proxy.client()
        one.send(post(CHUNKED, body + SMUGGLED))
        response = one.response()
        found[name] = response.status
        one.end()
        assert not one.reader.buffer, name
        one.close()
    assert set(found.values()) <= {400, 431, 413}, found
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
