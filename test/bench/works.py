# SPDX-License-Identifier: Apache-2.0
"""What is measured. A work does something through a proxy and tells what one unit of it cost."""
import dataclasses
import json
import threading
import time

from origin import Pace
from procs import BenchError, run_tool

PIECE = 64 << 10
N_AT_A_TIME = 8  # new connections


@dataclasses.dataclass(frozen=True)
class Line:
    """One figure of a work, a line of the report. Less is better unless `is_more_better`."""
    name: str
    title: str
    unit: str
    is_memory: bool = False
    is_compared: bool = True  # by ratio to the peers' figures
    is_more_better: bool = False


class Work:
    """`is_tuned`: variants with other buffers are measured, too; elsewhere they cannot differ."""
    is_memory = False
    is_tuned = False

    def __init__(self, name, title, unit, **more):
        self.name = name
        self.lines = [Line(name, title, unit, **more)]

    def measure(self, lab, key, peer):
        """{name of a line: figure}"""
        return {self.name: self.figure(lab, key, peer)}


class KeepAlive(Work):
    is_tuned = True

    def __init__(self, name, title, path, n_bytes, options):
        super().__init__(name, title, "us CPU")
        self.options = options
        self.arguments = ("--requests-per-connection", 0, "--connections", options.clients,
                          "--seconds", options.seconds, "--path", path, "--body-bytes", n_bytes)

    def figure(self, lab, key, peer):
        with lab.load(peer, *self.arguments) as load:
            load.wait_ready()
            before_s = peer.cpu_s()
            figures = json.loads(load.figures_text(self.options.seconds + 60))
            return 1e6 * (peer.cpu_s() - before_s) / figures["requests"]


class Handshakes(Work):
    """New connections: a handshake, one request, close."""

    def __init__(self, name, title, is_rsa, options, *arguments):
        super().__init__(name, title, "us CPU")
        self.is_rsa, self.n = is_rsa, options.handshakes
        self.arguments = ("--connections", N_AT_A_TIME, "--count", self.n, *arguments)

    def figure(self, lab, key, peer):
        port = peer.rsa_port if self.is_rsa else peer.port
        with lab.load(peer, *self.arguments, port=port) as load:
            load.wait_ready()
            before_s = peer.cpu_s()
            figures = json.loads(load.figures_text(600))
            if figures["connections"] != self.n:
                raise BenchError(f"{figures['connections']} connections instead of {self.n}")
            # Resumption in TLS 1.2 agrees on no new key.
            if figures["group"] != "X25519" and not (figures["resumed"] and figures["tls"] == "1.2"):
                raise BenchError(f"{peer.name} took {figures['group']} instead of X25519")
            return 1e6 * (peer.cpu_s() - before_s) / self.n


class Bulk(Work):
    is_tuned = True

    def __init__(self, name, title, options, *arguments):
        super().__init__(name, title, "s CPU/GB")
        suite = {"aes128": "TLS_AES_128_GCM_SHA256", "aes256": "TLS_AES_256_GCM_SHA384"}
        self.n_bytes = options.bulk_mib << 20
        self.arguments = ("--tlsv1.3", "--tls13-ciphers", suite[options.cipher], *arguments)

    def figure(self, lab, key, peer):
        words = {"base": f"https://127.0.0.1:{peer.port}", "www": lab.files.www,
                 "sink": lab.folder / "sink"}
        before_s = peer.cpu_s()
        run_tool("curl", "-sSfk", "--http1.1", "-H", "Expect:",
                 *(a.format(**words) for a in self.arguments), core=lab.options.load_core)
        return (peer.cpu_s() - before_s) / (self.n_bytes / 1e9)


class Held(Work):
    """Resident memory per connection that is held."""
    is_memory = True

    def __init__(self, name, title, kind, n, *arguments):
        super().__init__(name, title, "bytes", is_memory=True)
        self.kind, self.n, self.arguments = kind, n, arguments

    def figure(self, lab, key, peer):
        with lab.fresh(key) as own:
            usage = own.usage
            before_bytes, before_fds = usage.rss_bytes(), usage.n_descriptors()
            with lab.holding(own, self.kind, self.n, *self.arguments):
                self.await_all(own, before_fds)
                time.sleep(1.5)  # for who gives memory back when a connection rests
                return (usage.rss_bytes() - before_bytes) / self.n

    def await_all(self, own, before_fds):
        give_up = time.monotonic() + 30
        while (n := own.usage.n_descriptors() - before_fds) < self.n:
            if time.monotonic() > give_up:
                raise BenchError(f"{own.name} holds {n} of {self.n} connections ({self.kind})\n"
                                 + own.log())
            time.sleep(0.1)


class PeakRss:
    """The most memory that a proxy holds while the block runs."""

    def __init__(self, peer):
        self.peer, self.peak_bytes, self.is_over = peer, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.is_over.wait(0.02):
            self.sample()

    def sample(self):
        self.peak_bytes = max(self.peak_bytes, self.peer.usage.rss_bytes())

    def __enter__(self):
        self.sample()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


class Slow(Work):
    """A long body with one slow end: what the proxy stores of it."""
    is_memory = True

    def __init__(self, name, title, is_upload, is_client_slow, options):
        # A ratio of figures near zero says nothing.
        super().__init__(name, title, "MiB", is_memory=True, is_compared=False)
        self.is_upload = is_upload
        rate = options.slow_rate << 20
        self.n_bytes = options.slow_mib << 20
        self.client_rate, self.origin_rate = (rate, 0) if is_client_slow else (0, rate)

    def figure(self, lab, key, peer):
        with lab.fresh(key) as own:
            before_bytes = own.usage.rss_bytes()
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


class Attack(Work):
    """Lawful clients of a proxy at rest, with connections held that stall, and in a flood of new
    handshakes. Throughput is that of clients which ask as soon as they are answered; latencies are
    those of clients which ask on a schedule that leaves the proxy mostly idle."""
    is_memory = False

    def __init__(self, options):
        self.name, self.options = "attack", options
        held = f"{options.stalled} stalled handshakes and {options.slow_headers} slow headers"
        flood = f"{options.flood} new handshakes a second"
        self.lines = [
            Line("alone-throughput", "lawful clients alone: throughput", "requests/s",
                 is_compared=False, is_more_better=True),
            Line("alone-p50", "lawful clients alone: p50", "us", is_compared=False),
            Line("alone-p99", "lawful clients alone: p99", "us", is_compared=False)]
        for name, title in (("held", held), ("flood", flood)):
            self.lines += [
                Line(f"{name}-throughput", f"{title}: throughput", "x alone", is_compared=False,
                     is_more_better=True),
                Line(f"{name}-p50", f"{title}: p50", "x alone", is_compared=False),
                Line(f"{name}-p99", f"{title}: p99", "x alone", is_compared=False),
                Line(f"{name}-p99-us", f"{title}: p99", "us", is_compared=False)]
        self.lines.append(Line("flood-answered", "handshakes of the flood that were answered",
                               "1/s", is_compared=False, is_more_better=True))

    def lawful(self, lab, peer):
        common = ("--requests-per-connection", 0, "--connections", self.options.clients,
                  "--seconds", self.options.attack_seconds)
        throughput = self.run(lab, peer, *common)["requests_per_s"]
        latency = self.run(lab, peer, *common, "--rate", self.options.attack_rate)["request_us"]
        return {"throughput": throughput, "p50": latency["p50"], "p99": latency["p99"]}

    def run(self, lab, peer, *arguments):
        with lab.load(peer, *arguments) as load:
            load.wait_ready()
            return json.loads(load.figures_text(self.options.attack_seconds + 60))

    def measure(self, lab, key, peer):
        options = self.options
        with lab.fresh(key) as own:
            before = self.lawful(lab, own)
            with (lab.holding(own, "hello", options.stalled),
                  lab.holding(own, "header", options.slow_headers)):
                held = self.lawful(lab, own)
            after = self.lawful(lab, own)
            with lab.flood(own) as flood:
                flooded = self.lawful(lab, own)
                flood.process.terminate()
                flood_figures = json.loads(flood.figures_text(60))
        alone = {k: (v + after[k]) / 2 for k, v in before.items()}
        figures = {f"alone-{k}": v for k, v in alone.items()}
        for name, attacked in (("held", held), ("flood", flooded)):
            figures |= {f"{name}-{k}": v / alone[k] for k, v in attacked.items()}
            figures[f"{name}-p99-us"] = attacked["p99"]
        figures["flood-answered"] = flood_figures["answered"] / flood_figures["seconds"]
        return figures


def all_works(options):
    """Every part, in the order of the report."""
    bulk = f"{options.bulk_mib} MiB"
    slow = f"{options.slow_mib} MiB at {options.slow_rate} MiB/s"
    tls12 = ("--tls", "1.2")
    upload = ("-o", "{sink}", "-T", "{www}/bulk", "{base}/origin/sink")
    return [
        Handshakes("full-ecdsa", "full handshake, ECDSA P-256, TLS 1.3", False, options),
        Handshakes("full-rsa", "full handshake, RSA-2048, TLS 1.3", True, options),
        Handshakes("resumed", "resumed handshake, TLS 1.3", False, options, "--resume"),
        Handshakes("full-ecdsa-12", "full handshake, ECDSA P-256, TLS 1.2", False, options, *tls12),
        Handshakes("full-rsa-12", "full handshake, RSA-2048, TLS 1.2", True, options, *tls12),
        Handshakes("resumed-12", "resumed handshake, TLS 1.2", False, options, "--resume", *tls12),
        KeepAlive("small", "keep-alive request, 1 KiB", "/1k", 1 << 10, options),
        KeepAlive("medium", "keep-alive request, 64 KiB", "/64k", 64 << 10, options),
        Bulk("download", f"download of {bulk}", options, "-o", "/dev/null", "{base}/bulk"),
        Bulk("upload", f"upload of {bulk}, Content-Length", options, *upload),
        Bulk("upload-chunked", f"upload of {bulk}, chunked", options, "-H",
             "Transfer-Encoding: chunked", *upload),
        Held("silent", "memory per silent connection", "silent", options.silent),
        Held("stalled", "memory per half ClientHello", "hello", options.held),
        Held("idle", "memory per idle connection, TLS 1.3", "idle", options.held),
        Held("idle-12", "memory per idle connection, TLS 1.2", "idle", options.held, *tls12),
        Attack(options),
        Slow("download-slow-client", f"growth, download {slow}, slow client", False, True, options),
        Slow("download-slow-app", f"growth, download {slow}, slow application", False, False,
             options),
        Slow("upload-slow-client", f"growth, upload {slow}, slow client", True, True, options),
        Slow("upload-slow-app", f"growth, upload {slow}, slow application", True, False, options),
    ]
