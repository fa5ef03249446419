# SPDX-License-Identifier: Apache-2.0
"""A reused connection that turns out to be gone: a request without a body that may be repeated is sent once more on a
fresh one; a POST is not, unless none of it was sent; nothing is ever sent twice that may not be (RFC 9110 9.2.2)."""
import threading

import pytest

from testenv import sluice as s, wait


def closes_on_second(connection):
    connection.request()
    connection.respond(body=b"first")
    if connection.number == 0:
        connection.head()  # the second request is read, and then the connection goes
        return
    connection.request()
    connection.respond(body=b"second")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_repeated(sluice, upstream, method):
    def script(connection):
        connection.request()
        connection.respond()
        connection.head()
        if connection.number == 0:
            return
        connection.respond()

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    assert one.get().status == 200
    app.script = lambda connection: (connection.head(), connection.respond(), connection.head())
    assert one.request(method, "/again").response(method).status == 200
    assert [request.method for request in app.requests] == ["GET", method, method]
    assert proxy.metrics().get("sluice_upstream_retries_total") == 1


@pytest.mark.parametrize("method,body", [("POST", None), ("POST", b"body"), ("PATCH", b"body"), ("PUT", b"body")])
def test_not_repeated(sluice, upstream, method, body):
    app = upstream(closes_on_second)
    proxy = sluice(app)
    one = proxy.client()
    assert one.get().body == b"first"
    response = one.request(method, "/once", body=body).response()
    assert response.status == 502
    assert [request.method for request in app.requests] == ["GET", method]


def test_only_once(sluice, upstream):
    def script(connection):
        connection.head()
        if connection.number == 0:
            connection.respond()
            connection.head()

    app = upstream(script)
    one = sluice(app).client()
    assert one.get().status == 200
    assert one.get("/fails").status == 502
    assert len(app.requests) == 3


def test_a_fresh_connection_that_fails_is_no_stale_one(sluice, upstream):
    app = upstream(lambda connection: connection.head() and None)
    one = sluice(app).client()
    assert one.get().status == 502
    assert len(app.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closed_while_it_rested(sluice, upstream, method):
    """sluice sees the end of an idle connection and does not use it."""
    def script(connection):
        connection.request()
        connection.respond(body=b"answer")

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    assert one.get().body == b"answer"
    wait.until(lambda: proxy.metrics().get("sluice_endpoint_idle_connections") == 0)
    assert one.request(method, "/", body=b"x" if method == "POST" else None).response().body == b"answer"
    assert len(app.requests) == 2


def test_closed_just_before_a_post(sluice, upstream):
    """The end of the idle connection and the request are there at the same time: what may not be sent twice is not sent
    where nobody listens."""
    go = threading.Event()

    def script(connection):
        connection.request()
        connection.respond(body=b"answer")
        if connection.number == 0:
            go.wait(5)
        else:
            connection.wait_end()

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    assert one.get().body == b"answer"
    wait.until(lambda: proxy.metrics().get("sluice_endpoint_idle_connections") == 1)
    proxy.freeze()
    one.request("POST", "/", body=b"x")  # sluice hears of this first
    s.sleep(0.2)
    go.set()
    s.sleep(0.2)
    proxy.thaw()
    assert one.response().body == b"answer"
    assert [request.method for request in app.requests] == ["GET", "POST"]


def test_not_after_a_byte_of_the_response(sluice, upstream):
    def script(connection):
        connection.request()
        connection.respond(body=b"first")
        connection.request()
        connection.send(b"HTTP/1.1 2")

    app = upstream(script)
    one = sluice(app).client()
    assert one.get().body == b"first"
    assert one.get("/half").status == 502
    assert len(app.requests) == 2
