# SPDX-License-Identifier: Apache-2.0
"""What is measured. A work does something through a proxy and tells what one unit of it cost."""
import re
import socket
import struct
import subprocess
import threading
import time

from origin import Pace
from peers import BenchError, run_tool

GIB = 1 << 30
PIECE = 64 << 10


class Work:
    """`bar` is a limit for sluice alone that holds on any machine, whatever else runs there."""
    bar = None
    is_memory = False
    is_compared = True

    def measure(self, lab, key, peer):
        raise NotImplementedError


class Wrk(Work):
    unit = "us CPU"

    def __init__(self, name, path, title, options):
        self.name, self.path, self.title, self.options = name, path, title, options

    def measure(self, lab, key, peer):
        before_s = peer.cpu_s()
        text = run_tool("wrk", "-t1", f"-c{self.options.clients}", f"-d{self.options.seconds}s",
                        "--timeout", "30s", f"https://127.0.0.1:{peer.port}{self.path}")
        cpu_s = peer.cpu_s() - before_s
        if "Socket errors" in text or "Non-2xx" in text:
            raise BenchError(f"{peer.name}: wrk met errors:\n{text}")
        return 1e6 * cpu_s / int(re.search(r"(\d+) requests in", text)[1])


class Handshakes(Work):
    name, unit = "handshake", "us CPU"
    title = "new connection, full handshake, one request, close"

    def __init__(self, options):
        self.n = options.handshakes

    def measure(self, lab, key, peer):
        before_s = peer.cpu_s()
        for _ in range(self.n):
            lab.get(peer, "/1k", 1 << 10)
        return 1e6 * (peer.cpu_s() - before_s) / self.n


class Bulk(Work):
    unit = "s CPU/GB"

    def __init__(self, name, title, arguments):
        self.name, self.title, self.arguments = name, title, arguments

    def measure(self, lab, key, peer):
        before_s = peer.cpu_s()
        run_tool("curl", "-sSfk", "--http1.1", "--tlsv1.3", "-H", "Expect:",
                 *(a.format(base=f"https://127.0.0.1:{peer.port}", www=lab.files.folder / "www",
                            sink=lab.folder / "sink")
                   for a in self.arguments))
        return (peer.cpu_s() - before_s) / (GIB / 1e9)


class Silent(Work):
    name, unit, bar, is_memory = "silent", "bytes", 2048, True
    title = "memory per silent TCP connection"

    def measure(self, lab, key, peer):
        n, sockets = lab.n_silent, []
        with lab.fresh(key) as own:
            before_bytes, before_fds = own.rss_bytes(), own.n_descriptors()
            try:
                for i in range(n):
                    s = socket.socket()
                    sockets.append(s)
                    s.bind((f"127.0.0.{2 + i // 2000 % 250}", 0))
                    s.connect(("127.0.0.1", own.port))
                give_up = time.monotonic() + 30
                while own.n_descriptors() < before_fds + n:
                    if time.monotonic() > give_up:
                        raise BenchError(f"{own.name} holds {own.n_descriptors() - before_fds} of "
                                         f"{n} silent connections\n{own.log()}")
                    time.sleep(0.1)
                time.sleep(0.5)
                return (own.rss_bytes() - before_bytes) / n
            finally:
                for s in sockets:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.close()


class PeakRss:
    """The most memory that a proxy holds while the block runs."""

    def __init__(self, peer):
        self.peer, self.peak_bytes, self.is_over = peer, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.is_over.wait(0.02):
            self.sample()

    def sample(self):
        self.peak_bytes = max(self.peak_bytes, self.peer.rss_bytes())

    def __enter__(self):
        self.sample()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


class Slow(Work):
    """A long body with one slow end: what the proxy stores of it."""
    unit, bar, is_memory = "MiB", 2.0, True
    is_compared = False  # a ratio of figures near zero says nothing

    def __init__(self, name, title, is_upload, is_client_slow, options):
        self.name, self.title = name, title
        self.is_upload = is_upload
        rate = options.slow_rate << 20
        self.n_bytes = options.slow_mib << 20
        self.client_rate, self.origin_rate = (rate, 0) if is_client_slow else (0, rate)

    def measure(self, lab, key, peer):
        with lab.fresh(key) as own:
            before_bytes = own.rss_bytes()
            with lab.connect(own) as s, PeakRss(own) as rss:
                if self.is_upload:
                    self.upload(s)
                else:
                    self.download(s)
            return (rss.peak_bytes - before_bytes) / (1 << 20)

    def upload(self, s):
        s.sendall(f"POST /origin/sink?rate={self.origin_rate} HTTP/1.1\r\nHost: localhost\r\n"
                  f"Content-Length: {self.n_bytes}\r\n\r\n".encode())
        pace, piece, n_left = Pace(self.client_rate), bytes(PIECE), self.n_bytes
        s.settimeout(60)
        while n_left:
            n = min(n_left, PIECE)
            s.sendall(piece[:n])
            pace.count(n)
            n_left -= n
        head, body = self.read_head(s)
        while b"\n" not in body:
            body += s.recv(PIECE) or self.cut(body)
        if int(body) != self.n_bytes:
            raise BenchError(f"the upload was cut: {head!r} {body!r}")

    def download(self, s):
        s.sendall(f"GET /origin/bytes?n={self.n_bytes}&rate={self.origin_rate} HTTP/1.1\r\n"
                  f"Host: localhost\r\n\r\n".encode())
        s.settimeout(60)
        _, body = self.read_head(s)
        n_left, pace = self.n_bytes - len(body), Pace(self.client_rate)
        while n_left:
            piece = s.recv(PIECE)
            if not piece:
                raise BenchError(f"the download was cut {n_left} bytes early")
            n_left -= len(piece)
            pace.count(len(piece))

    def read_head(self, s):
        text = b""
        while b"\r\n\r\n" not in text:
            text += s.recv(PIECE) or self.cut(text)
        head, _, body = text.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"answered {head[:200]!r}")
        return head, body

    @staticmethod
    def cut(text):
        raise BenchError(f"the connection ended after {text[-200:]!r}")


def all_works(options):
    """Every part, in the order of the table."""
    chunked = ("-H", "Transfer-Encoding: chunked")
    slow = f"{options.slow_mib} MiB at {options.slow_rate} MiB/s"
    return [
        Wrk("small", "/1k", "keep-alive GET, 1 KiB", options),
        Wrk("medium", "/64k", "keep-alive GET, 64 KiB", options),
        Handshakes(options),
        Bulk("download", "download 1 GiB", ("-o", "/dev/null", "{base}/1g")),
        Bulk("upload", "upload 1 GiB, Content-Length",
             ("-o", "{sink}", "-T", "{www}/1g", "{base}/origin/sink")),
        Bulk("upload-chunked", "upload 1 GiB, chunked",
             ("-o", "{sink}", *chunked, "-T", "{www}/1g", "{base}/origin/sink")),
        Silent(),
        Slow("download-slow-client", f"growth, download {slow}, slow client", False, True, options),
        Slow("download-slow-app", f"growth, download {slow}, slow application", False, False,
             options),
        Slow("upload-slow-client", f"growth, upload {slow}, slow client", True, True, options),
        Slow("upload-slow-app", f"growth, upload {slow}, slow application", True, False, options),
    ]
