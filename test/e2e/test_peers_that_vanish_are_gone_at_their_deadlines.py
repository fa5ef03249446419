# SPDX-License-Identifier: Apache-2.0
"""A peer vanishes: its cable is cut, so there is neither FIN nor RST nor any acknowledgement. In every phase its deadline ends
it, on either side, and nothing is left open."""
import ctypes
import socket
import struct

import pytest

from testenv import faults, tunnel, wait

SO_ATTACH_FILTER = 26
DEADLINES = {"first_byte": "1s", "tls_handshake": "2s", "request_header": "1s", "request_body": {"idle": "1s"}, "keepalive": "1s",
             "response": {"stall": "1s", "min_rate": "off"}, "tunnel": {"idle": "1s"}, "upstream_idle": "200ms",
             "upstream_header": "1s", "upstream_body": {"idle": "1s"}, "upstream_write": {"stall": "1s"}}


def vanish(sock):
    """Its kernel drops whatever comes for this socket, as if no packet reached it any more."""
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF: return 0
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack("HxxxxxxP", 1, ctypes.addressof(nothing)))


@pytest.fixture(autouse=True)
def allowed():
    with socket.socket() as one:
        try:
            vanish(one)
        except PermissionError:
            pytest.skip("this kernel lets only root attach a filter to a socket")


def test_the_harness(upstream):
    """Somebody who has vanished acknowledges nothing: bytes to it stay with their sender."""
    import fcntl
    import termios
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname()) as one:
        other, _ = listener.accept()
        with other:
            vanish(one)
            other.send(b"hello")

            def unacknowledged():
                return struct.unpack("i", fcntl.ioctl(other, termios.TIOCOUTQ, b"\0" * 4))[0]
            assert unacknowledged() == 5


# --- clients: what each has done before it vanishes ---

def in_the_handshake(proxy):
    one = proxy.connect()
    one.raw_send(b"\x16\x03\x01\x02\x00\x01\x00")
    proxy.wait_phase("tls_handshake")
    return one


def in_its_head(proxy):
    one = proxy.client()
    one.send(b"GET / HTTP/1.1\r\nHost:")
    proxy.wait_phase("request_header")
    return one


def in_its_body(proxy):
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 1000").send(b"some")
    proxy.wait_phase("request_body")
    return one


def in_its_response(proxy):
    one = proxy.client(rcvbuf=65536)
    one.request("GET", "/bytes/30000000")
    one.reader.response_head()
    return one


def at_rest(proxy):
    one = proxy.client()
    assert one.get("/bytes/1").status == 200
    proxy.wait_phase("keepalive")
    return one


def in_a_tunnel(proxy):
    one = tunnel.switch(proxy.client())
    one.send(b"hello")
    assert tunnel.read(one, 5) == b"hello"
    return one


CLIENTS = {in_the_handshake: "tls_handshake", in_its_head: "request_header", in_its_body: "request_body",
           in_its_response: "response", at_rest: "keepalive", in_a_tunnel: "tunnel"}


@pytest.mark.parametrize("where", CLIENTS, ids=lambda where: where.__name__)
def test_a_client(sluice, upstream, where):
    proxy = sluice(upstream(tunnel.serve_or_switch, keeps_bytes=False), deadlines=DEADLINES)
    n_fds = faults.fresh_baseline(proxy)
    one = where(proxy)
    vanish(one.socket)
    proxy.clients.remove(one)  # nobody closes it
    wait.until(lambda: proxy.metrics().get("sluice_connections") == 0, 15, "it to be gone")
    assert proxy.expired(CLIENTS[where]) == 1
    faults.unharmed(proxy, n_fds)
    one.close()


# --- upstreams ---

def before_its_response(connection):
    connection.request()
    vanish(connection.socket)
    connection.hold()


def in_its_body_of_the_response(connection):
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
    vanish(connection.socket)
    connection.hold()


def in_an_upload(connection):
    connection.head()
    vanish(connection.socket)
    connection.hold()


UPSTREAMS = [(before_its_response, "GET", "upstream_header", 504),
             (in_its_body_of_the_response, "GET", "upstream_body", None),
             (in_an_upload, "PUT", "upstream_write", 504)]


@pytest.mark.parametrize("script,method,phase,status", UPSTREAMS, ids=[row[0].__name__ for row in UPSTREAMS])
def test_an_upstream(sluice, upstream, script, method, phase, status):
    lost, sound = upstream(script, rcvbuf=65536), upstream(keeps_bytes=False)
    proxy = sluice(None, upstreams=[{"name": "lost", "endpoints": [lost.endpoint]},
                                    {"name": "sound", "endpoints": [sound.endpoint]}],
                   routes=[{"path": "/lost", "upstream": "lost"}, {"upstream": "sound"}], deadlines=DEADLINES)
    n_fds = faults.fresh_baseline(proxy)
    one = proxy.client()
    one.request(method, "/lost", *(["Content-Length: 30000000"] if method == "PUT" else []))
    if method == "PUT":
        data, n_sent = bytes(1 << 16), 0
        for _ in wait.ticks(0.01, lasting=3):
            if one.has_ended() or one.reader.buffer:
                break
            n_sent += one.send_some(data)
    response = faults.visible_end(one)
    assert (response and response.status) == status
    assert proxy.expired(phase) == 1
    faults.unharmed(proxy, n_fds)


def test_an_upstream_at_rest(sluice, upstream):
    """The kept connection leads nowhere: what is sent on it is answered 504 in time."""
    app = upstream(keeps_bytes=False)
    proxy = sluice(app, deadlines={**DEADLINES, "upstream_idle": "5s", "keepalive": "5s"})
    one = proxy.client()
    assert one.get("/bytes/1").status == 200
    vanish(app.connections[0].socket)
    clock = wait.Stopwatch()
    assert one.get("/bytes/1").status == 504
    wait.at(clock.seconds, 1)
    assert one.get("/bytes/1").status == 200
    assert len(app.connections) == 2
