# SPDX-License-Identifier: Apache-2.0
"""A client with a hand on every byte, with and without TLS.

TLS runs on ssl.MemoryBIO, so that a test decides when each byte of a ClientHello leaves, reads as slowly
as it likes, and sees how a connection ended:

    reset         the peer sent RST
    close_notify  TLS said goodbye
    fin           the stream ended; with TLS that is without close_notify, a cut
    alert:...     a TLS alert other than close_notify
"""
import select
import socket
import ssl
import struct
import time

from . import message, wait

OP_IGNORE_UNEXPECTED_EOF = 1 << 7  # of OpenSSL 3; ssl has no name for it before Python 3.12

ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 40: "handshake_failure",
          47: "illegal_parameter", 50: "decode_error", 70: "protocol_version",
          71: "insufficient_security", 80: "internal_error", 90: "user_canceled",
          112: "unrecognized_name", 120: "no_application_protocol"}


class StillOpen(AssertionError):
    """The peer neither sent anything nor ended the connection in time."""


def context(ca=None, low=None, high=None, ciphers=None, alpn=("http/1.1",)):
    """What a client offers. Without `ca` it believes everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Python has OpenSSL take an end without close_notify for a clean one. It is a cut.
    made.options &= ~OP_IGNORE_UNEXPECTED_EOF
    if ca:
        made.load_verify_locations(ca)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if low:
        made.minimum_version = low
    if high:
        made.maximum_version = high
    if ciphers:
        made.set_ciphers(ciphers)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def client_hello(tls=None, name="localhost"):
    """The bytes with which a client of this context begins."""
    outgoing = ssl.MemoryBIO()
    session = (tls or context()).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Client:
    def __init__(self, address, tls=None, name="localhost", rcvbuf=None, sndbuf=None, source=None,
                 session=None):
        """Connects, and says nothing. `tls` is a context; handshake() is the test's to call."""
        family = socket.AF_UNIX if isinstance(address, str) else \
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if sndbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(5 * wait.PATIENCE)
        self.clock = wait.Stopwatch()  # since just before the connection was there
        self.socket.connect(address)
        self.socket.setblocking(False)

        self.ended = None       # how; see above
        self.records = []       # TLS: (type, length) of each record that came
        self.plain_alerts = []  # names of alerts that came unencrypted
        self._record_tail = b""
        self._unsent = b""
        self.tls = None
        if tls:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=name,
                                    session=session)
        self.reader = message.Reader(self.recv)
        self.timeout = 10 * wait.PATIENCE

    # --- the wire ---

    def _wait(self, events, deadline):
        poll = select.poll()
        poll.register(self.socket, events)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise StillOpen(f"nothing happened on the connection; {len(self.reader.buffer)} bytes "
                            f"were read before: {bytes(self.reader.buffer[:200])!r}")

    def raw_send_some(self, data):
        """What the kernel takes at once."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0

    def raw_send(self, data, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        data = memoryview(data)
        while data:
            sent = self.raw_send_some(data)
            data = data[sent:]
            if data and not sent:
                self._wait(select.POLLOUT, deadline)

    def raw_recv(self, n=262144, timeout=None):
        """b"" at the end; `ended` then says which."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            try:
                data = self.socket.recv(n)
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except ConnectionResetError:
                self.ended = self.ended or "reset"
                return b""
            if not data:
                self.ended = self.ended or "fin"
            if self.tls:
                self._note_records(data)
            return data

    def _note_records(self, data):
        self._record_tail += data
        while len(self._record_tail) >= 5:
            kind, _, length = struct.unpack(">BHH", self._record_tail[:5])
            if len(self._record_tail) < 5 + length:
                break
            self.records.append((kind, length))
            if kind == 21 and length == 2:
                code = self._record_tail[6]
                self.plain_alerts.append(ALERTS.get(code, str(code)))
            self._record_tail = self._record_tail[5 + length:]

    # --- TLS ---

    def handshake(self, timeout=None, send=None):
        """`send` takes the bytes of each flight, for a test that has its own idea of pace."""
        send = send or self.raw_send
        while True:
            try:
                self.tls.do_handshake()
                self._flush(send)
                return self
            except ssl.SSLWantReadError:
                self._flush(send)
                data = self.raw_recv(timeout=timeout)
                if data:
                    self._incoming.write(data)
                elif self.ended == "reset":
                    raise ConnectionResetError("in the handshake") from None
                else:
                    self._incoming.write_eof()

    def _flush(self, send=None):
        data = self._outgoing.read()
        if data:
            (send or self.raw_send)(data)

    def encrypt(self, data):
        """The records that carry `data`, for a test that wants to send them in its own way."""
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view):]
        return self._outgoing.read()

    def close_notify(self):
        """Says goodbye, and does not wait for an answer."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self._flush()

    # --- plaintext, whatever is below ---

    def send(self, data, timeout=None):
        if isinstance(data, str):
            data = data.encode("latin-1")
        for at in range(0, len(data), 1 << 20):
            block = data[at:at + (1 << 20)]
            self.raw_send(self.encrypt(block) if self.tls else block, timeout)

    def send_some(self, data):
        """Sends what the kernel takes at once. Returns how many bytes of `data` are on their way: a
        record that was taken in part is finished by the next call."""
        if self._unsent:
            self._unsent = self._unsent[self.raw_send_some(self._unsent):]
            return 0
        if not self.tls:
            return self.raw_send_some(data)
        data = data[:16384]
        cipher = self.encrypt(data)
        self._unsent = cipher[self.raw_send_some(cipher):]
        return len(data)

    def drip(self, data, every, size=1):
        """Sends a piece at each tick until all is sent or the peer has ended. Returns the bytes sent."""
        sent = 0
        for _ in wait.ticks(every):
            if sent >= len(data) or self.has_ended():
                return sent
            try:
                self.send(data[sent:sent + size])
            except (ConnectionResetError, BrokenPipeError):
                self.has_ended()
                return sent
            sent += size

    def drip_raw(self, data, every, size=1):
        """The same with bytes as they go over the wire, and to the end."""
        for tick in wait.ticks(every, n=(len(data) + size - 1) // size):
            self.raw_send(data[tick * size:(tick + 1) * size])

    def recv(self, n=262144, timeout=None):
        """Some plaintext; b"" at the end, and `ended` then says which."""
        if not self.tls:
            return self.raw_recv(n, timeout)
        while True:
            try:
                data = self.tls.read(n)
                if not data:  # close_notify
                    self.ended = "close_notify"
                return data
            except ssl.SSLWantReadError:
                cipher = self.raw_recv(timeout=timeout)
                if cipher:
                    self._incoming.write(cipher)
                    continue
                if self.ended == "fin":
                    self._incoming.write_eof()
                    continue
                return b""
            except ssl.SSLZeroReturnError:
                self.ended = "close_notify"
                return b""
            except ssl.SSLError as error:
                if self.ended == "fin":  # ours: it misses the close_notify
                    return b""
                self.ended = "alert:" + (error.reason or str(error)).lower()
                return b""

    def has_ended(self):
        """Takes what is there without waiting, keeps it for the reader. Did the peer end?"""
        while self.ended is None:
            try:
                data = self.recv(timeout=0)
            except StillOpen:
                return False
            if data:
                self.reader.buffer += data
        self.reader.has_ended = True
        return True

    def end(self, within=10):
        """Reads until the peer ends, and returns how. The bytes stay in the reader."""
        deadline = time.monotonic() + within * wait.PATIENCE
        while self.ended is None:
            data = self.recv(timeout=max(0, deadline - time.monotonic()))
            self.reader.buffer += data
        self.reader.has_ended = True
        return self.ended

    def is_open(self):
        return not self.has_ended()

    # --- HTTP ---

    def request(self, method="GET", target="/", *fields, host="localhost", body=None, version="1.1"):
        """Sends a request; fields are whole lines. A body of bytes gets its Content-Length."""
        lines = [f"{method} {target} HTTP/{version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += fields
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self

    def response(self, method="GET"):
        response = self.reader.response(method)
        assert response is not None, f"the connection ended without a response: {self.ended}"
        return response

    def get(self, target="/", *fields, **options):
        return self.request("GET", target, *fields, **options).response()

    # --- endings ---

    def shutdown_write(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the peer was quicker
            assert self.has_ended()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
