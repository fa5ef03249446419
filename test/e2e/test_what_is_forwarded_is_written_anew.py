# SPDX-License-Identifier: Apache-2.0
"""The upstream sees an unambiguous message: hop-by-hop fields and those that Connection nominates are gone, names with
underscores, too; Host and everything else is kept in its order."""


def seen(app):
    return {name.lower() for name, _ in app.requests[-1].fields}


def test_hop_by_hop_of_requests(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    assert one.get("/", "Connection: close, X-Secret", "X-Secret: 1", "Keep-Alive: timeout=5",
                   "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "TE: trailers, gzip",
                   "Upgrade: websocket", "X-Kept: yes", "Authorization: Basic eDp5").status == 200
    names = seen(app)
    assert not names & {"x-secret", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"}
    assert {"x-kept", "authorization", "host"} <= names
    assert app.requests[0].get("Connection", "keep-alive").lower() == "keep-alive"


def test_connection_cannot_take_out_what_frames_the_message(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    assert one.request("POST", "/echo", "Connection: host, content-length, transfer-encoding, via, forwarded",
                       body=b"hello").response().status == 200
    request = app.requests[0]
    assert request.get("Host") == "localhost" and request.get("Content-Length") == "5"
    assert request.has("Via") and request.has("Forwarded")


def test_max_forwards_is_counted(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    for method, given, passed_on in [("OPTIONS", "5", "4"), ("TRACE", "1", "0"), ("OPTIONS", "many", "many"),
                                     ("GET", "5", "5"), ("GET", "0", "0")]:
        assert one.request(method, "/", f"Max-Forwards: {given}").response().status == 200
        assert app.requests[-1].all("Max-Forwards") == [passed_on]
    assert len(app.requests) == 5
    for method in ("OPTIONS", "TRACE"):
        response = one.request(method, "/", "Max-Forwards: 0").response()
        assert response.status == 501 and b"Max-Forwards" in response.body
    assert one.get().status == 200
    assert len(app.requests) == 6


def test_hop_by_hop_of_responses(sluice, upstream):
    def script(connection):
        connection.request()
        connection.respond(200, "Connection: X-Secret", "X-Secret: 1", "Keep-Alive: timeout=5",
                           "Proxy-Authenticate: Basic", "X-Kept: yes", "Set-Cookie: a=b", "Set-Cookie: c=d")

    response = sluice(upstream(script)).client().get()
    names = {name.lower() for name, _ in response.fields}
    assert not names & {"x-secret", "keep-alive", "proxy-authenticate"}
    assert response.get("X-Kept") == "yes"
    assert response.all("Set-Cookie") == ["a=b", "c=d"]
    assert "sluice" in response.get("Via")
    assert response.has("Date")


def test_order_and_repetition_are_kept(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    assert one.get("/a?b", "X-A: 1", "X-B: 2", "X-A: 3", "Cookie: a=1", "Accept: x").status == 200
    fields = [field for field in app.requests[0].fields if field[0] in ("X-A", "X-B", "Cookie", "Accept")]
    assert fields == [("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("Cookie", "a=1"), ("Accept", "x")]


def test_host_is_kept(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    for host in ("example.org", "Example.Org:8443", "[::1]:1"):
        one.get(host=host)
        assert app.requests[-1].get("Host") == host
    one.get("http://sluice.test:80/x", host="other")
    assert app.requests[-1].get("Host") == "sluice.test:80"
    assert app.requests[-1].target == "/x"


def test_underscores(sluice, upstream):
    field = "X_Forwarded_For: 6.6.6.6"
    app = upstream()
    assert sluice(app).client().get("/", field).status == 200
    assert "x_forwarded_for" not in seen(app)
    keeping = sluice(app, forwarding={"underscores_in_headers": "keep"})
    assert keeping.client().get("/", field).status == 200
    assert app.requests[-1].get("X_Forwarded_For") == "6.6.6.6"
    rejecting = sluice(app, forwarding={"underscores_in_headers": "reject"})
    assert rejecting.client().get("/", field).status == 400
    assert len(app.requests) == 2


def test_bytes_of_the_head(sluice, upstream):
    """Whatever came, what leaves is plain: one space after the colon, CRLF, HTTP/1.1."""
    app = upstream()
    one = sluice(app).client()
    one.send(b"GET / HTTP/1.0\r\nHost:localhost\r\nX-A:   b \t\r\n\r\n")
    one.response()
    head = app.requests[0].raw_head
    assert head.startswith(b"GET / HTTP/1.1\r\n")
    assert b"\r\nX-A: b\r\n" in head
    assert head.count(b"\n") == head.count(b"\r\n")


def test_proxy_is_not_passed_on(sluice, upstream):
    """CGI would make HTTP_PROXY of it (httpoxy)."""
    app = upstream()
    assert sluice(app).client().get("/", "Proxy: http://evil.test/", "X-Proxy: kept").status == 200
    assert "x-proxy" in seen(app)
    assert "proxy" not in seen(app)
