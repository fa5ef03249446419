# SPDX-License-Identifier: Apache-2.0
"""A scripted server behind sluice that remembers every byte it was sent.

A script is a function of one connection; it runs in a thread of its own for each. A connection that
sluice drops ends its script quietly; an assertion that fails in a script fails the test.
"""
import hashlib
import json
import os
import socket
import struct
import threading
import time

from . import message, wait


class Gone(Exception):
    """The peer is gone, or the test is over: the script ends."""


class Connection:
    def __init__(self, upstream, sock, number):
        self.upstream, self.socket, self.number = upstream, sock, number
        self.received = bytearray()  # every byte, as it came
        self.requests = []           # whose heads were read
        self.ended = None            # "fin" or "reset": what the peer did
        self.reader = message.Reader(self.recv)
        self.socket.settimeout(0.05)

    def recv(self, n=262144):
        """Some bytes, b"" at the end of the stream. Waits as long as the test lasts."""
        while not self.upstream.is_over.is_set():
            try:
                data = self.socket.recv(n)
            except TimeoutError:
                continue
            except ConnectionError:
                self.ended = "reset"
                raise Gone from None
            except OSError:
                raise Gone from None
            if not data:
                self.ended = self.ended or "fin"
            elif self.upstream.keeps_bytes:
                self.received += data
            return data
        raise Gone

    def read(self, n):
        """Exactly so many bytes."""
        while len(self.reader.buffer) < n:
            if not self.reader.more():
                raise Gone
        return self.reader.take(n)

    def head(self):
        """The next request head; the script ends if there is none."""
        try:
            request = self.reader.head()
        except message.Cut:
            raise Gone from None
        if request is None:
            raise Gone
        self.requests.append(request)
        return request

    def request(self):
        """The next request with its body."""
        request = self.head()
        return self.reader.body(request)

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        view = memoryview(data)
        while view:
            if self.upstream.is_over.is_set():
                raise Gone
            try:
                view = view[self.socket.send(view):]
            except TimeoutError:
                continue
            except ConnectionError:
                self.ended = "reset"
                raise Gone from None
            except OSError:
                raise Gone from None

    def respond(self, status=200, *fields, body=b"", reason="Whatever"):
        """A complete response with Content-Length."""
        lines = [f"HTTP/1.1 {status} {reason}", *fields, f"Content-Length: {len(body)}", "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def drip(self, data, every, size=1):
        for tick in wait.ticks(every, n=(len(data) + size - 1) // size):
            self.send(data[tick * size:(tick + 1) * size])

    def hold(self):
        """Reads nothing and says nothing until the test is over."""
        self.upstream.is_over.wait()
        raise Gone

    def wait_end(self, within=15):
        """Reads and forgets until the peer ends; returns how."""
        deadline = time.monotonic() + within * wait.PATIENCE
        try:
            while self.recv():
                assert time.monotonic() < deadline, "sluice still sends"
        except Gone:
            if not self.ended:
                raise
        return self.ended

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            raise Gone from None

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
        raise Gone

    def close(self):
        # Wakes nobody up elsewhere: only this thread reads.
        self.socket.close()


class Upstream:
    def __init__(self, script=None, unix=None, rcvbuf=None, sndbuf=None, port=0, keeps_bytes=True,
                 backlog=128, black_hole=None):
        self.script = script or app
        self.keeps_bytes = keeps_bytes
        self.is_over = threading.Event()
        self.connections, self.failures = [], []
        self._threads = []
        if black_hole:
            self.socket = black_hole.socket
            self.endpoint = black_hole.endpoint
        elif unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(os.fspath(unix))
            self.endpoint = f"unix:{unix}"
        else:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets take the buffer sizes from here.
            if rcvbuf:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            if sndbuf:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
            self.socket.bind(("127.0.0.1", port))
            self.port = self.socket.getsockname()[1]
            self.endpoint = f"127.0.0.1:{self.port}"
        self.socket.settimeout(0.05)
        self.socket.listen(backlog)
        self._start(self._accept)

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.is_over.is_set():
            try:
                sock, _ = self.socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, len(self.connections))
            self.connections.append(connection)
            self._start(self._run, connection)

    def _run(self, connection):
        try:
            self.script(connection)
        except Gone:
            pass
        except Exception as error:  # shown when the test ends
            self.failures.append(error)
        finally:
            connection.close()

    @property
    def requests(self):
        """All request heads that were read, in the order of the connections."""
        return [request for connection in self.connections for request in connection.requests]

    @property
    def received(self):
        """All bytes that ever came."""
        return b"".join(bytes(connection.received) for connection in self.connections)

    def wait_connections(self, n=1, within=5):
        wait.until(lambda: len(self.connections) >= n, within, f"{n} connections to the upstream")
        return self.connections

    def wait_requests(self, n=1, within=5):
        wait.until(lambda: len(self.requests) >= n, within, f"{n} requests at the upstream")
        return self.requests

    def refuse(self):
        """Listens no longer: connecting fails."""
        self.socket.close()

    def stop(self):
        self.is_over.set()
        for thread in self._threads:
            thread.join(10)
        self.socket.close()
        if self.failures:
            raise self.failures[0]


def pattern(n, seed=0):
    """n bytes that do not repeat within reach of any buffer."""
    block = b"".join(struct.pack(">Q", (i * 0x9E3779B97F4A7C15 + seed) & (2**64 - 1))
                     for i in range(8192))
    return (block * (n // len(block) + 1))[:n]


def app(connection):
    """A well-behaved application on kept connections.

    /echo    the request's head and body as they came here
    /hash    length and SHA-256 of the request's body, read as it streams
    /bytes/N a body of N bytes with Content-Length; /chunked/N the same in chunks
    /status/N
    """
    while True:
        request = connection.head()
        serve(connection, request)
        if (request.get("Connection") or "").lower() == "close" or request.version == "HTTP/1.0":
            return


def serve(connection, request):
    path = request.target.split("?")[0]
    is_head = request.method == "HEAD"
    if path == "/hash":
        digest, n = hashlib.sha256(), 0
        for block in connection.reader.blocks(request):
            digest.update(block)
            n += len(block)
        body = json.dumps({"length": n, "sha256": digest.hexdigest(),
                           "trailers": request.trailers}).encode()
        connection.respond(200, "Content-Type: application/json", body=body)
        return
    connection.reader.body(request)
    if path.startswith("/bytes/"):
        n = int(path.split("/")[2])
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n")
        if not is_head:
            send_pattern(connection, n, lambda block: block)
    elif path.startswith("/chunked/"):
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if not is_head:
            send_pattern(connection, int(path.split("/")[2]), message.chunk)
            connection.send(message.LAST_CHUNK)
    elif path.startswith("/status/"):
        status = int(path.split("/")[2])
        if status in (204, 304):
            connection.send(f"HTTP/1.1 {status} Whatever\r\n\r\n")
        else:
            connection.respond(status, body=b"" if is_head else b"as you wish\n")
    else:
        body = request.raw_head + request.body
        if is_head:
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n")
        else:
            connection.respond(200, "Content-Type: text/plain", body=body)


BLOCK = pattern(1 << 18)


def send_pattern(connection, n, encode):
    """The bytes of pattern_hash(n)."""
    while n > 0:
        connection.send(encode(BLOCK[:n]))
        n -= min(n, len(BLOCK))


def pattern_hash(n):
    digest = hashlib.sha256()
    for _ in range(n // len(BLOCK)):
        digest.update(BLOCK)
    digest.update(BLOCK[:n % len(BLOCK)])
    return digest.hexdigest()


class BlackHole:
    """Listens, but its backlog is full: who connects gets no answer. An Upstream made of it
    (black_hole=...) makes room, and serves whoever tries again."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.endpoint = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.socket.getsockname())
            self._fillers.append(filler)
        wait.until(self.is_full, what="the backlog to be full")

    def is_full(self):
        with socket.socket() as probe:
            probe.settimeout(0.2)
            try:
                probe.connect(self.socket.getsockname())
            except TimeoutError:
                return True
            return False

    def close(self):
        for filler in self._fillers:
            filler.close()
        self.socket.close()
