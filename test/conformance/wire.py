# SPDX-License-Identifier: Apache-2.0
"""One TCP connection, held by its bytes: what is sent and read is the case's to decide, and all that
the peer did is kept with its time.

A wire reads only what it is told to: with listen() all that comes, as it comes; with sip() so many
bytes; else nothing, and then the kernel is asked how the connection stands (ends.py). TLS runs on
MemoryBIO, so that a case decides when each byte of a handshake leaves.
"""
import asyncio
import contextlib
import functools
import socket
import ssl
import struct
import time

from http1 import Reader

OP_IGNORE_UNEXPECTED_EOF = 1 << 7  # of OpenSSL 3; ssl has no name for it before Python 3.12

ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
          40: "handshake_failure", 47: "illegal_parameter", 50: "decode_error",
          70: "protocol_version", 80: "internal_error", 90: "user_canceled",
          112: "unrecognized_name"}


class Gone(Exception):
    """The peer ended the connection; the events of the wire tell how."""


@functools.cache
def context(high=None):
    """One for all who want the same: making one takes milliseconds. It believes everybody:
    certificates are no subject here."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Python has OpenSSL take an end without close_notify for a clean one. It is a cut.
    made.options &= ~OP_IGNORE_UNEXPECTED_EOF
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if high:
        made.maximum_version = high
    made.set_alpn_protocols(["http/1.1"])
    return made


class Wire:
    """`events` are (monotonic time, word): "RST", "FIN", "alert NAME", "close_notify", "status N",
    "FIN held back" (the peer's process let go of the socket, and its kernel still has bytes for
    us), "body complete", "body broken"."""

    def __init__(self, sock, ends, is_client=True):
        self.socket, self.ends = sock, ends
        self.loop = asyncio.get_running_loop()
        self.born = time.monotonic()
        self.events = []
        self.port = sock.getsockname()[1]
        self.is_over = False         # FIN or RST
        self.n_raw = 0               # bytes that came
        self.http = Reader(self._on_http, is_response=is_client)
        self.plain = bytearray()     # bytes that are no message: a tunnel's
        self.is_tunnel = False
        self._pulse = asyncio.Event()
        self._listener = None
        self._tls = None

    # --- events ---

    def note(self, word):
        self.events.append((time.monotonic(), word))
        self.pulse()

    def _on_http(self, word):
        self.note(word)

    def pulse(self):
        self._pulse.set()

    def end(self, word):
        if not self.is_over:
            self.is_over = True
            self.note(word)

    async def until(self, condition, seconds=None):
        """Waits for what the listener brings. Gone when the wire ends without it."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not condition():
            if self.is_over:
                raise Gone
            self._pulse.clear()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._pulse.wait(), left)

    # --- raw bytes ---

    async def raw_send(self, data):
        if self.is_over:
            raise Gone
        try:
            await self.loop.sock_sendall(self.socket, data)
        except ConnectionResetError:
            self.end("RST")
            raise Gone from None
        except (BrokenPipeError, OSError):
            # EPIPE: we heard of its end before. Whoever reads learns how it was.
            if not self._listener:
                await self.drain()
            raise Gone from None

    def raw_send_now(self, data):
        """What the kernel takes at once."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except ConnectionResetError:
            self.end("RST")
            raise Gone from None
        except OSError:
            raise Gone from None

    async def raw_recv(self, n=262144):
        try:
            data = await self.loop.sock_recv(self.socket, n)
        except ConnectionError:
            self.end("RST")
            return b""
        except OSError:
            self.end("closed")
            return b""
        if not data:
            self.end("FIN")
        self.n_raw += len(data)
        return data

    def take(self, data):
        """Cipher in, plaintext on to the reader of messages."""
        if not self._tls:
            return self._take_plain(data)
        self._note_plain_alerts(data)
        self._incoming.write(data)
        if not self.is_secure:
            return
        while True:
            try:
                plain = self._tls.read(262144)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                plain = b""
            except ssl.SSLError as error:
                return self.note("alert " + (error.reason or str(error)).lower())
            if not plain:
                return self.note("close_notify")
            self._take_plain(plain)

    def _take_plain(self, data):
        if self.is_tunnel:
            self.plain += data
        else:
            rest = self.http.feed(data)
            if rest:
                self.plain += rest
        self.pulse()

    def listen(self):
        """From now on all that comes is read as it comes."""
        if not self._listener:
            self._listener = asyncio.ensure_future(self.drain())
        return self

    async def drain(self):
        while not self.is_over:
            data = await self.raw_recv()
            if data:
                self.take(data)
        words = {word for _, word in self.events}
        self.http.end(is_clean="FIN" in words and (not self._tls or "close_notify" in words))

    async def sip(self, n):
        """Reads n raw bytes at most, waiting for the first of them."""
        data = await self.raw_recv(n)
        if not data:
            raise Gone
        self.take(data)
        return len(data)

    def sip_now(self, n):
        """Reads what is there, n raw bytes at most."""
        try:
            data = self.socket.recv(n)
        except BlockingIOError:
            return 0
        except ConnectionError:
            self.end("RST")
            raise Gone from None
        if not data:
            self.end("FIN")
            raise Gone
        self.n_raw += len(data)
        self.take(data)
        return len(data)

    def half_close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.ends.forget(self)
        if self.socket.fileno() < 0:
            return
        if self._listener:
            self._listener.cancel()
        # Whoever still waits for this socket must not be left with its number, which is used again.
        self.loop.remove_reader(self.socket)
        self.loop.remove_writer(self.socket)
        self.socket.close()

    # --- TLS ---

    is_secure = False  # the handshake is done
    _alert_tail = b""

    def _note_plain_alerts(self, data):
        """Alerts of the handshake that are not encrypted."""
        if self.is_secure:
            return
        self._alert_tail += data
        while len(self._alert_tail) >= 5:
            kind, _, length = struct.unpack(">BHH", self._alert_tail[:5])
            if len(self._alert_tail) < 5 + length:
                return
            if kind == 21 and length == 2:
                code = self._alert_tail[6]
                self.note("alert " + ALERTS.get(code, str(code)))
            self._alert_tail = self._alert_tail[5 + length:]

    def begin_tls(self, made=None, name="localhost"):
        """Returns the ClientHello."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = (made or context()).wrap_bio(self._incoming, self._outgoing,
                                                 server_hostname=name)
        return self.next_flight()

    def next_flight(self):
        """What a handshake would send now; b"" when it waits for more."""
        try:
            self._tls.do_handshake()
            self.is_secure = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.note("alert " + (error.reason or str(error)).lower())
            raise Gone from None
        return self._outgoing.read()

    async def server_flight(self):
        """Reads until the handshake has something to send; returns that, and does not send it."""
        while True:
            data = await self.raw_recv()
            if not data:
                raise Gone
            self._note_plain_alerts(data)
            self._incoming.write(data)
            flight = self.next_flight()
            if flight or self.is_secure:
                return flight

    async def handshake(self, made=None):
        flight = self.begin_tls(made)
        while True:
            await self.raw_send(flight)
            if self.is_secure:
                break
            flight = await self.server_flight()
        self.take(b"")
        return self

    def seal(self, data):
        if not self._tls:
            return data
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.write(view[:1 << 20]):]
        except ssl.SSLError:  # the peer's alert came first
            raise Gone from None
        return self._outgoing.read()

    def farewell(self):
        """The bytes of a close_notify."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._outgoing.read()

    # --- plaintext, whatever is below ---

    async def send(self, data):
        await self.raw_send(self.seal(data))

    async def answer(self, n=1, seconds=None):
        """The n-th final response or message, when its body is complete."""
        await self.until(lambda: len(self.http.messages) >= n, seconds)
        return self.http.messages[n - 1]

    async def head(self, seconds=None):
        """The head of the message under way, read as it comes."""
        await self.until(lambda: self.http.now or self.http.messages, seconds)
        return self.http.now or self.http.messages[-1]


async def connect(address, ends, source=None, rcvbuf=None, mss=None, sndbuf=None):
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if sndbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    if mss:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
    if source:
        sock.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return Wire(sock, ends)
