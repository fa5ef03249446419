# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, and the servers behind them.

Each has a configuration written into the bench's folder: one worker, TLS 1.2 and 1.3 with X25519,
session tickets, one port with an ECDSA P-256 certificate and one with RSA-2048, no logs, keep-alive
connections to the servers behind, bodies streamed rather than stored. Deadlines are so long that
none matters. Paths below /origin/ go to origin.py, the others to an nginx with files. The clients
choose version and cipher suite. A tuned variant differs from its proxy in its buffers only.
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import time

from procs import HERE, BenchError, Generator, Usage, finish, run_tool, spawn

NGINX_USER = "user root;" if os.geteuid() == 0 else ""
CURVES = "X25519:P-256"  # X25519 is taken; TLS 1.2 wants the certificate's curve to be among them


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A server and its children, pinned to one core."""

    def __init__(self, name, folder, core):
        self.name, self.folder, self.core = name, folder, core
        self.port = free_port()
        self.process = self.usage = None
        folder.mkdir(parents=True)

    def start(self):
        with open(self.folder / "log", "wb") as log:
            self.process = spawn(self.command(), self.core, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, cwd=self.folder)
        self.usage = Usage(self.process.pid, self.name)
        give_up = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise BenchError(f"{self.name} did not start:\n{self.log()}") from None
                time.sleep(0.02)

    def stop(self):
        if self.process:
            finish(self.process, patience_s=3)
            self.process = None

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def nginx(self, tools, text):
        """The command line of an nginx that writes to its own folder only."""
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "conf").write_text(text.replace("http {", "http {\n    " + temporary))
        return [*tools.command("nginx"), "-p", self.folder, "-c", self.folder / "conf",
                "-e", "stderr"]


class Files(Process):
    """nginx as a web server: /1k, /64k and /bulk."""

    def __init__(self, lab):
        super().__init__("nginx with files", lab.folder / "files", lab.options.load_core)
        self.lab, self.www = lab, self.folder / "www"

    def command(self):
        self.www.mkdir()
        for name, n_bytes in (("1k", 1 << 10), ("64k", 64 << 10)):
            (self.www / name).write_bytes(b"x" * n_bytes)
        with open(self.www / "bulk", "wb") as f:
            f.truncate(self.lab.options.bulk_mib << 20)  # no block of it is on the disk
        return self.nginx(self.lab.tools, f"""
{NGINX_USER} worker_processes 1; daemon off; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    keepalive_timeout 600s; open_file_cache max=16;
    server {{ listen 127.0.0.1:{self.port}; root {self.www}; }}
}}
""")


class Origin(Process):
    def __init__(self, lab):
        super().__init__("origin.py", lab.folder / "origin", lab.options.load_core)

    def command(self):
        return [sys.executable, HERE / "origin.py", self.port]


class Peer(Process):
    """A proxy under test. `port` has the ECDSA certificate, `rsa_port` the other."""
    tuned = None  # the key of the proxy that it is a variant of

    def __init__(self, lab, label):
        super().__init__(self.key, lab.folder / f"{self.key}-{label}", lab.options.proxy_core)
        self.lab, self.rsa_port = lab, free_port()

    def cpu_s(self):
        return self.usage.cpu_s()


class Nginx(Peer):
    key = "nginx"
    buffers = ""

    @staticmethod
    def version(lab):
        text = run_tool(*lab.tools.command("nginx"), "-V")
        openssl = (re.search(r"running with OpenSSL (\S+)", text)
                   or re.search(r"built with OpenSSL (\S+)", text))
        nginx = re.search(r"nginx/(\S+)", text)
        return f"{nginx[1]}, OpenSSL {openssl[1]}"

    def command(self):
        lab = self.lab
        listen = "reuseport backlog=4096"
        servers = "".join(f"""
    server {{
        listen 127.0.0.1:{port} ssl {listen};
        ssl_certificate {lab.folder}/{kind}.pem; ssl_certificate_key {lab.folder}/{kind}.key;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve {CURVES}; ssl_session_tickets on;
        proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_request_buffering off; proxy_max_temp_file_size 0; {self.buffers}
        location / {{ proxy_pass http://files; }}
        location /origin/ {{ proxy_pass http://origin; }}
    }}""" for port, kind in ((self.port, "ecdsa"), (self.rsa_port, "rsa")))
        return self.nginx(lab.tools, f"""
{NGINX_USER} worker_processes 1; daemon off; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections {2 * lab.n_clients}; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_header_timeout 600s; client_max_body_size 0;
    upstream files {{ server 127.0.0.1:{lab.files.port}; keepalive 64;
                      keepalive_requests 1000000000; keepalive_timeout 600s; }}
    upstream origin {{ server 127.0.0.1:{lab.origin.port}; keepalive 64; }}
{servers}
}}
""")


class NginxTuned(Nginx):
    key, tuned = "nginx-tuned", "nginx"
    buffers = ("proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 512k; "
               "client_body_buffer_size 64k; tcp_nodelay on;")


class Haproxy(Peer):
    key = "haproxy"
    buffers = ""

    @staticmethod
    def version(lab):
        text = run_tool(*lab.tools.command("haproxy"), "-vv")
        openssl = re.search(r"Running on (?:OpenSSL|SSL library) version *: (.*?)(?: \d+ \w+ \d+)?\n",
                            text)
        return text.split()[2] + (f", {openssl[1]}" if openssl else "")

    def command(self):
        lab = self.lab
        binds = "".join(f"    bind 127.0.0.1:{port} ssl crt {lab.folder}/{kind}-both.pem "
                        f"alpn http/1.1 ssl-min-ver TLSv1.2 curves {CURVES} backlog 4096\n"
                        for port, kind in ((self.port, "ecdsa"), (self.rsa_port, "rsa")))
        (self.folder / "conf").write_text(f"""
global
    nbthread 1
    maxconn {lab.n_clients}
    no strict-limits
    {self.buffers}
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 5s
frontend public
{binds}
    option forwardfor
    use_backend origin if {{ path_beg /origin/ }}
    default_backend files
backend files
    http-reuse always
    server s 127.0.0.1:{lab.files.port}
backend origin
    http-reuse always
    server s 127.0.0.1:{lab.origin.port}
""")
        return [*lab.tools.command("haproxy"), "-db", "-f", self.folder / "conf"]


class HaproxyTuned(Haproxy):
    key, tuned = "haproxy-tuned", "haproxy"
    buffers = "tune.bufsize 65536"


class Sluice(Peer):
    key = "sluice"

    @staticmethod
    def version(lab):
        lines = run_tool(lab.sluice, "version").splitlines()
        return ", ".join([lines[0].split()[-1], *lines[1:]])

    def command(self):
        lab = self.lab
        listeners = "".join(f"""
  - address: 127.0.0.1:{port}
    tls:
      certificates: [{{ certificate: {lab.folder}/{kind}.pem, key: {lab.folder}/{kind}.key }}]"""
                            for port, kind in ((self.port, "ecdsa"), (self.rsa_port, "rsa")))
        (self.folder / "conf").write_text(f"""
workers: 1
listeners:{listeners}
upstreams:
  - {{ name: files, max_idle: 64, endpoints: [127.0.0.1:{lab.files.port}] }}
  - {{ name: origin, endpoints: [127.0.0.1:{lab.origin.port}] }}
routes:
  - {{ upstream: origin, path: /origin }}
  - {{ upstream: files, path: / }}
deadlines: {{ first_byte: 10m, tls_handshake: 10m, request_start: 10m, request_header: 10m,
             keepalive: 10m }}
limits:
  max_connections: {lab.n_clients}
  max_handshaking: {lab.n_clients}
  max_handshaking_per_client: {lab.n_clients}
  pressure_start: 100%
log: {{ path: stderr, level: warn }}
access_log: off
status: off
""")
        return [lab.sluice, "run", "-c", self.folder / "conf"]


KINDS = {c.key: c for c in (Sluice, Nginx, NginxTuned, Haproxy, HaproxyTuned)}


def client_tls():
    """TLS 1.3 with X25519, never resumed: each use of it is a full handshake."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    return tls


class Lab:
    """The folder, the cores and the servers behind; the proxies that run."""

    def __init__(self, folder, options, tools, build):
        self.folder, self.options, self.tools, self.build = folder, options, tools, build
        self.sluice = build / "src/server/sluice"
        # What a proxy has to have room for, at most.
        self.n_clients = max(options.silent, options.held, options.stalled + options.slow_headers
                             + 4000) + 1000
        self.running = []
        self.n_fresh = self.n_logs = 0
        self.tls = client_tls()
        for kind, key in (("ecdsa", ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")),
                          ("rsa", ("rsa:2048",))):
            run_tool("openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj",
                     "/CN=localhost", "-keyout", folder / f"{kind}.key",
                     "-out", folder / f"{kind}.pem")
            (folder / f"{kind}-both.pem").write_text((folder / f"{kind}.pem").read_text()
                                                     + (folder / f"{kind}.key").read_text())

    def __enter__(self):
        try:
            self.files = self._begin(Files(self))
            self.origin = self._begin(Origin(self))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.stop()
        self.running.clear()

    def _begin(self, process):
        self.running.append(process)
        process.start()
        return process

    def peer(self, key):
        """A proxy that runs until the end."""
        return self._begin(KINDS[key](self, "main"))

    @contextlib.contextmanager
    def fresh(self, key):
        """A proxy for one measurement, warm: it has served a few requests."""
        self.n_fresh += 1
        peer = self._begin(KINDS[key](self, self.n_fresh))
        try:
            for _ in range(3):
                self.get(peer, "/1k", 1 << 10)
            time.sleep(0.2)
            yield peer
        finally:
            self.running.remove(peer)
            peer.stop()

    def generator(self, name, *arguments, nice=0):
        self.n_logs += 1
        return Generator([self.build / "test/bench" / name, *arguments],
                         self.folder / f"load-{self.n_logs}", core=self.options.load_core,
                         nice=nice)

    def load(self, peer, *arguments, port=None, nice=0):
        """bench-load through a proxy, to be entered with `with`."""
        return self.generator("bench-load", "--port", port or peer.port, "--cipher",
                              self.options.cipher, *arguments, nice=nice)

    def flood(self, peer):
        """Hellos at a rate, from many addresses, until it is terminated. It is nicer than the lawful clients, with whom it
        shares the core of the load: they are to wait for the proxy, not for it."""
        return self.generator("bench-flood", "-m", "hello", "-r", self.options.flood, "-s", 3600,
                              "-n", 2000, "-a", 200, "127.0.0.1", peer.port, nice=5)

    @contextlib.contextmanager
    def holding(self, peer, kind, n, *arguments):
        """So many connections are held meanwhile, and none may be lost."""
        with self.load(peer, "--hold", kind, "--connections", n, *arguments, nice=5) as load:
            load.wait_ready()
            yield
            figures = json.loads(load.figures_text(60))
        if figures["lost"]:
            raise BenchError(f"{peer.name} closed {figures['lost']} of {n} connections ({kind})\n"
                             + peer.log())

    def connect(self, peer):
        plain = socket.create_connection(("127.0.0.1", peer.port), 30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain)

    def get(self, peer, path, n_body_bytes):
        """One request on a connection of its own."""
        with self.connect(peer) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
            head, _, body = answer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or len(body) != n_body_bytes:
                raise BenchError(f"{peer.name}: GET {path} was answered {head[:200]!r} "
                                 f"and {len(body)} bytes\n{peer.log()}")
