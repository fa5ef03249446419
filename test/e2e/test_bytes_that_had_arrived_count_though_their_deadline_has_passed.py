# SPDX-License-Identifier: Apache-2.0
"""Time during which sluice itself was busy is nobody's fault: here it is stopped (SIGSTOP) beyond a deadline, while its peer
does in time what is awaited. Before an expiry is acted on the socket gets one last look."""
import contextlib

import pytest

from testenv import client, message, sluice as s, wait


@contextlib.contextmanager
def stopped(proxy, seconds=1.5):
    """What happens within happens at once; sluice learns of it late."""
    proxy.freeze()
    clock = wait.Stopwatch()
    try:
        yield
        s.sleep(seconds - clock.seconds)
    finally:
        proxy.thaw()


def test_first_byte_and_handshake(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "700ms", "tls_handshake": "10s"})
    one = proxy.connect()
    proxy.wait_phase("first_byte")
    hello = []
    with stopped(proxy), contextlib.suppress(Exception):
        one.handshake(send=lambda data: (one.raw_send(data), hello.append(data), 1 / 0))
    assert hello
    assert one.handshake().get("/bytes/1").status == 200
    proxy.nothing_expired()


def test_request_start(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_start": "700ms"})
    one = proxy.client()
    proxy.wait_phase("request_start")
    with stopped(proxy):
        one.request("GET", "/bytes/3")
    assert one.response().status == 200
    proxy.nothing_expired()


def test_request_header(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_header": "700ms"})
    one = proxy.client()
    one.send(b"GET / HTTP/1.1\r\n")
    proxy.wait_phase("request_header")
    with stopped(proxy):
        one.send(b"Host: localhost\r\n\r\n")
    assert one.response().status == 200
    proxy.nothing_expired()


@pytest.mark.parametrize("pace", [{"idle": "700ms"}, {"idle": "20s", "min_rate": "1KiB/s", "window": "700ms"}],
                         ids=["idle", "rate"])
def test_request_body(sluice, upstream, pace):
    proxy = sluice(upstream(), deadlines={"request_body": pace})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 6000")
    one.send(bytes(3000))
    proxy.wait_phase("request_body")
    with stopped(proxy):
        one.send(bytes(3000))
    assert one.response().status == 200
    proxy.nothing_expired()


def test_keepalive(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"keepalive": "700ms"})
    one = proxy.client()
    one.get("/bytes/1")
    proxy.wait_phase("keepalive")
    with stopped(proxy):
        one.request("GET", "/bytes/3", "Connection: close")
    assert one.response().status == 200
    proxy.nothing_expired(besides=())


def test_upstream_header(sluice, upstream):
    def script(connection):
        connection.request()
        s.sleep(0.4)
        connection.respond(body=b"in time")

    proxy = sluice(upstream(script), deadlines={"upstream_header": "900ms"})
    one = proxy.client().request()
    proxy.wait_phase("upstream_header")
    with stopped(proxy):
        pass
    assert one.response().body == b"in time"
    proxy.nothing_expired()


def test_upstream_body(sluice, upstream):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + message.chunk(b"in "))
        s.sleep(0.4)
        connection.send(message.chunk(b"time") + message.LAST_CHUNK)

    proxy = sluice(upstream(script), deadlines={"upstream_body": {"idle": "900ms"}})
    one = proxy.client().request()
    proxy.wait_phase("upstream_body")
    with stopped(proxy):
        pass
    assert one.response().body == b"in time"
    proxy.nothing_expired()


def test_upstream_connect(sluice, upstream):
    app = upstream()
    proxy = sluice(app, deadlines={"upstream_connect": "300ms"})
    one = proxy.client()
    with stopped(proxy, 0.5):
        one.request("GET", "/bytes/1")
    assert one.response().status == 200
    proxy.nothing_expired()


def test_response(sluice, upstream):
    """The client reads all the time; nobody writes to it while sluice stands still."""
    proxy = sluice(upstream(), deadlines={"response": {"stall": "700ms", "min_rate": "64KiB/s", "window": "700ms"}})
    one = proxy.client(rcvbuf=65536)
    size = 30_000_000
    one.request("GET", f"/bytes/{size}")
    one.reader.head()
    left = size - len(one.reader.buffer)
    with stopped(proxy), contextlib.suppress(client.StillOpen):
        while True:
            left -= len(one.recv(timeout=0.2))
    while left > 0:
        block = one.recv()
        assert block, one.ended
        left -= len(block)
    proxy.nothing_expired()


def test_who_did_nothing_is_still_cut(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "500ms"})
    silent = proxy.connect(tls=None)
    proxy.wait_phase("first_byte")
    with stopped(proxy, 1):
        pass
    assert silent.end() == "reset"
    wait.at(silent.clock.seconds, 1)
    assert proxy.expired("first_byte") == 1
