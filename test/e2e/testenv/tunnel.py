# SPDX-License-Identifier: Apache-2.0
"""An upgrade such as WebSocket's, seen from both ends."""
from . import upstream

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def accept(connection, more=b""):
    """The upstream's side: answers 101, with bytes of the new protocol in the same segment."""
    request = connection.head()
    assert request.get("Upgrade") == "websocket"
    assert "upgrade" in request.get("Connection").lower()
    connection.send(SWITCHED + more)


def echo(connection):
    accept(connection)
    while data := connection.reader.take(len(connection.reader.buffer)) or connection.recv():
        connection.send(data)


def serve_or_switch(connection):
    """The well-behaved application, whose connections may become an echo."""
    while not (head := connection.head()).has("Upgrade"):
        upstream.serve(connection, head)
    connection.send(SWITCHED)
    while data := connection.recv():
        connection.send(data)


def ask(one, *fields, more=b""):
    one.send(b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
             b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n" + more)
    return one


def switch(one, more=b""):
    """The client's side, up to its 101."""
    head = ask(one, more=more).reader.response_head()
    assert head.status == 101, head
    assert head.get("Upgrade") == "websocket"
    assert "upgrade" in head.get("Connection").lower()
    return one


def read(one, n):
    while len(one.reader.buffer) < n:
        assert one.reader.more(), f"the tunnel ended: {one.ended}, {bytes(one.reader.buffer)!r}"
    return one.reader.take(n)
