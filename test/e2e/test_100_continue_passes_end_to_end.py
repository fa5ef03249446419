# SPDX-License-Identifier: Apache-2.0
"""Expect: 100-continue: the client's body is not awaited before the upstream asks for it; a refusal comes without it;
an upstream that says nothing of it is served, too."""
from testenv import message


def test_the_upstream_says_100(sluice, upstream):
    def script(connection):
        request = connection.head()
        assert request.get("Expect") == "100-continue"
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.reader.body(request)
        connection.respond(body=request.body)

    one = sluice(upstream(script)).client()
    one.request("POST", "/", "Expect: 100-continue", "Content-Length: 5")
    assert one.reader.head().status == 100
    one.send(b"hello")
    response = one.response()
    assert response.body == b"hello" and not response.interim


def test_the_upstream_refuses(sluice, upstream):
    def script(connection):
        connection.head()
        connection.respond(401, "WWW-Authenticate: Basic realm=x", body=b"who are you?")

    app = upstream(script)
    one = sluice(app).client()
    one.request("POST", "/", "Expect: 100-continue", "Content-Length: 5")
    response = one.response()
    assert response.status == 401 and response.body == b"who are you?"
    assert not response.interim
    assert b"hello" not in app.received


def test_a_client_that_does_not_wait(sluice, upstream):
    one = sluice(upstream()).client()
    one.request("POST", "/echo", "Expect: 100-continue", "Content-Length: 5")
    one.send(b"hello")
    assert one.response().body.endswith(b"hello")


def test_an_upstream_that_just_reads(sluice, upstream):
    def script(connection):
        request = connection.head()
        connection.reader.body(request)
        connection.respond(body=request.body)

    one = sluice(upstream(script)).client()
    one.request("POST", "/", "Expect: 100-continue", "Transfer-Encoding: chunked")
    one.send(message.chunk(b"hello") + message.LAST_CHUNK)
    assert one.response().body == b"hello"


def test_another_expectation(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    one.request("POST", "/", "Expect: a-miracle", "Content-Length: 5")
    assert one.response().status == 417
    assert not app.requests
