# SPDX-License-Identifier: Apache-2.0
"""WebSocket-like upgrades: bytes that came together with the 101, and bytes that the client sent at once, are not lost;
half-closing passes on; large transfers both ways; a refused upgrade is an ordinary response."""
import hashlib
import threading

import pytest

from testenv import sluice as s, tunnel, wait
from testenv.upstream import pattern


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_bytes_together_with_the_101(sluice, upstream, tls):
    def script(connection):
        tunnel.accept(connection, more=b"hello at once")
        assert connection.read(5) == b"early"
        connection.send(b"and later")
        assert connection.wait_end() == "fin"

    proxy = sluice(upstream(script), tls=tls)
    one = tunnel.switch(proxy.client(), more=b"early")
    assert tunnel.read(one, 22) == b"hello at onceand later"
    assert proxy.metrics().get("sluice_tunnels_total") == 1
    wait.until(lambda: proxy.now_in("tunnel") == 1)


def test_much_both_ways(sluice, upstream):
    one = tunnel.switch(sluice(upstream(tunnel.echo, keeps_bytes=False)).client())
    data = pattern(8_000_000)
    sender = threading.Thread(target=one.raw_send, args=(one.encrypt(data), 30))
    sender.start()
    back = tunnel.read(one, len(data))
    sender.join()
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


def test_the_upstream_ends_first(sluice, upstream):
    def script(connection):
        tunnel.accept(connection, more=b"bye")

    one = tunnel.switch(sluice(upstream(script)).client())
    assert tunnel.read(one, 3) == b"bye"
    assert one.end() == "close_notify"
    assert one.clock.seconds < 2


def test_the_client_ends_first(sluice, upstream):
    app = upstream(tunnel.echo)
    one = tunnel.switch(sluice(app).client())
    one.close()
    wait.until(lambda: app.connections[0].ended)


def test_half_closing(sluice, upstream):
    def script(connection):
        tunnel.accept(connection)
        while connection.recv():
            pass
        s.sleep(0.5)
        connection.send(b"I heard you out")

    one = tunnel.switch(sluice(upstream(script), tls="off").client())
    one.send(b"all I have to say")
    one.shutdown_write()
    assert tunnel.read(one, 15) == b"I heard you out"
    assert one.end() == "fin"


def test_refused(sluice, upstream):
    app = upstream()
    one = tunnel.ask(sluice(app).client())
    response = one.response()
    assert response.status == 200
    assert one.get("/bytes/5").status == 200
    assert len(app.connections) == 1


@pytest.mark.parametrize("method, offered, fields", [
    ("GET", "websocket", "Upgrade: WebSocket"),
    ("GET", "chat/1, chat/2, irc", "Upgrade: chat/2"),
    ("GET", "chat/1, irc", "Upgrade: irc\r\nUpgrade: Chat/1"),
    ("OPTIONS", "TLS/1.2, TLS/1.1", "Upgrade: TLS/1.2,HTTP/1.1"),
    ("GET", "websocket", "Upgrade: websocket\r\nContent-Length: 0"),
    ("HEAD", "websocket", "Upgrade: websocket"),
], ids=["case", "one_of_several", "several", "http_above_tls", "length_0", "head"])
def test_to_what_was_offered(sluice, upstream, method, offered, fields):
    def script(connection):
        connection.head()
        connection.send(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{fields}\r\n\r\n".encode())
        assert connection.read(4) == b"ping"
        connection.send(b"pong")

    one = sluice(upstream(script)).client()
    one.request(method, "/", "Connection: Upgrade", f"Upgrade: {offered}")
    head = one.reader.response_head()
    assert head.status == 101 and not head.has("Content-Length")
    assert head.get("Connection") == "upgrade"
    assert [f"Upgrade: {value}" for value in head.all("Upgrade")] == \
        [line for line in fields.split("\r\n") if line.startswith("Upgrade")]
    one.send("ping")
    assert tunnel.read(one, 4) == b"pong"


def test_not_asked_for(sluice, upstream):
    """A 101 to a request that asked for none is a fault of the upstream."""
    def script(connection):
        connection.request()
        connection.send(tunnel.SWITCHED + b"evil")
        connection.wait_end()

    one = sluice(upstream(script)).client()
    assert one.get().status == 502


def test_h2c_is_not_upgraded(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    response = one.get("/echo", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                       "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    assert response.status == 200
    assert not app.requests[0].has("Upgrade") and not app.requests[0].has("HTTP2-Settings")
