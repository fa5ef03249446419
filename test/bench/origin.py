#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The application behind the proxies for long bodies: `origin.py PORT`.

GET /origin/bytes?n=N[&rate=R]  answers N bytes, at R bytes a second if R is given
POST, PUT /origin/sink[?rate=R] reads the body, at R bytes a second, and answers its length

It serves one body at a time per connection, each connection in a thread.
"""
import socket
import sys
import threading
import time
import urllib.parse

PIECE = 256 << 10


class Pace:
    """Sleeps so that no more than `rate` bytes a second go by; rate 0: never."""

    def __init__(self, rate):
        self.rate, self.start, self.n_bytes = rate, time.monotonic(), 0

    def count(self, n_bytes):
        self.n_bytes += n_bytes
        if self.rate:
            ahead_s = self.n_bytes / self.rate - (time.monotonic() - self.start)
            if ahead_s > 0:
                time.sleep(ahead_s)


class Ended(Exception):
    pass


class Reader:
    def __init__(self, s):
        self.s, self.rest, self.pace = s, b"", Pace(0)

    def read(self):
        """Some bytes: what is left over, or the next."""
        piece, self.rest = self.rest, b""
        if not piece:
            piece = self.s.recv(PIECE)
            if not piece:
                raise Ended
            self.pace.count(len(piece))
        return piece

    def until(self, mark):
        text = self.read()
        while mark not in text:
            text += self.s.recv(PIECE) or self.end()
        text, _, self.rest = text.partition(mark)
        return text

    def skip(self, n_bytes):
        while n_bytes:
            piece = self.read()
            self.rest = piece[n_bytes:]
            n_bytes -= min(len(piece), n_bytes)

    def skip_chunked(self):
        n_bytes = 0
        while n := int(self.until(b"\r\n"), 16):
            self.skip(n + 2)
            n_bytes += n
        while self.until(b"\r\n"):
            pass
        return n_bytes

    @staticmethod
    def end():
        raise Ended


def send_bytes(s, n_bytes, rate):
    pace, piece = Pace(rate), bytes(PIECE if not rate else min(PIECE, 64 << 10))
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n_bytes)
    while n_bytes:
        n = min(n_bytes, len(piece))
        s.sendall(piece[:n] if n < len(piece) else piece)
        pace.count(n)
        n_bytes -= n


def serve(s):
    reader = Reader(s)
    while True:
        lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        target = urllib.parse.urlsplit(lines[0].split()[1])
        query = {k: int(v) for k, v in urllib.parse.parse_qsl(target.query)}
        fields = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        if target.path == "/origin/bytes":
            send_bytes(s, query["n"], query.get("rate", 0))
            continue
        reader.pace = Pace(query.get("rate", 0))
        if "chunked" in fields.get("transfer-encoding", ""):
            n_bytes = reader.skip_chunked()
        else:
            n_bytes = int(fields.get("content-length", "0"))
            reader.skip(n_bytes)
        reader.pace = Pace(0)
        answer = b"%d\n" % n_bytes
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def serve_until_end(s):
    try:
        with s:
            serve(s)
    except (Ended, OSError):
        pass


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as listener:
        while True:
            s, _ = listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve_until_end, args=(s,), daemon=True).start()


if __name__ == "__main__":
    main()
