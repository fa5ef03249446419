# SPDX-License-Identifier: Apache-2.0
"""Responses with more than one reading, or none: 502, and that connection serves nobody else."""
import threading

import pytest

from smuggling import REFUSED_RESPONSES, REFUSED_SWITCHES
from testenv import message, wait


@pytest.mark.parametrize("what", REFUSED_RESPONSES)
def test_502(sluice, upstream, what):
    def script(connection):
        request = connection.request()
        if request.target == "/bad":
            connection.send(REFUSED_RESPONSES[what])
            connection.wait_end()
        else:
            connection.respond(body=b"good")
            connection.request()
            connection.respond(body=b"again")

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    response = one.get("/bad")
    assert response.status == 502
    assert "http_protocol_error" in response.get("Proxy-Status")
    assert one.get("/good").body == b"good"
    assert len(app.connections) == 2


@pytest.mark.parametrize("what", REFUSED_SWITCHES)
def test_a_switch_that_is_none(sluice, upstream, what):
    """Nothing of what follows reaches the client, and no other client either."""
    asked, answer = REFUSED_SWITCHES[what]

    def script(connection):
        request = connection.request()
        if request.target == "/":
            connection.send(answer)
            connection.wait_end()
        else:
            connection.respond(body=b"good")

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    one.send(asked)
    response = one.response(asked.split()[0].decode())
    assert response.status == 502
    assert "http_protocol_error" in response.get("Proxy-Status")
    assert proxy.client().get("/good").body == b"good"
    wait.until(lambda: app.connections[0].ended, what="the connection to be dropped")
    assert len(app.connections) == 2
    one.has_ended()
    assert not one.reader.buffer
    assert proxy.metrics().get("sluice_tunnels_total") == 0


def test_bytes_after_the_response(sluice, upstream):
    """More than Content-Length: what belongs to the response arrives; the rest is no answer to anybody."""
    def script(connection):
        connection.request()
        if connection.number == 0:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            connection.wait_end()
        connection.respond(body=b"good")

    app = upstream(script)
    one = sluice(app).client()
    first = one.get()
    assert first.status == 502 or first.body == b"hello"
    assert one.get().body == b"good"
    assert len(app.connections) == 2


def test_bytes_on_an_idle_connection(sluice, upstream):
    def script(connection):
        connection.request()
        connection.respond(body=b"good")
        if connection.number == 0:
            connection.upstream.go.wait(5)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            connection.wait_end()

    app = upstream(script)
    app.go = threading.Event()
    one = sluice(app).client()
    assert one.get().body == b"good"
    app.go.set()
    wait.until(lambda: app.connections[0].ended, what="the connection to be dropped")
    assert one.get().body == b"good"


@pytest.mark.parametrize("chunk", [b"xyz\r\n", b"5\r\nhelloX\r\n", b"-1\r\n", b"5 \n", b"fffffffffffffffff\r\n",
                                   b"5;" + b"x" * 1000 + b"\r\nhello\r\n"])
def test_bad_chunks_cut_the_response(sluice, upstream, chunk):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        connection.upstream.go.wait(5)
        connection.send(chunk)
        connection.wait_end()

    app = upstream(script)
    app.go = threading.Event()
    one = sluice(app).client().request()
    head = one.reader.response_head()
    app.go.set()
    with pytest.raises(message.Cut):
        one.reader.body(head)
    assert head.body.startswith(b"abc") and b"X" not in head.body
    assert one.ended != "close_notify"
