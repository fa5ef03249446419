# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, and the servers behind them.

Each is a process of the distribution (or of the release build) with a configuration written into
the bench's folder: one worker, TLS 1.3 alone, X25519, an ECDSA P-256 certificate, no access log,
keep-alive connections to the servers behind, bodies streamed rather than stored. Deadlines are so
long that none matters. Paths below /origin/ go to origin.py, the others to an nginx with files.
"""
import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NGINX_USER = "user root;" if os.geteuid() == 0 else ""


class BenchError(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_tool(*command):
    """Its output, both streams; BenchError when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                         + done.stdout[-2000:])
    return done.stdout


class Process:
    """A server and its children, pinned to one core, in a session of its own."""

    def __init__(self, name, folder, core):
        self.name, self.folder, self.core = name, folder, core
        self.port = free_port()
        self.process = None
        folder.mkdir(parents=True)

    def start(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(self.core), *map(str, self.command())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True)
        give_up = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise BenchError(f"{self.name} did not start:\n{self.log()}") from None
                time.sleep(0.02)

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def pids(self):
        """taskset becomes the server by exec, so its pid is the server's."""
        pid = self.process.pid
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except FileNotFoundError:
            raise BenchError(f"{self.name} is gone:\n{self.log()}") from None
        return [pid, *map(int, children.split())]

    def cpu_s(self):
        """utime + stime of all its threads and processes."""
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_S

    def rss_bytes(self):
        return PAGE_BYTES * sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                                for pid in self.pids())

    def n_descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())


class Files(Process):
    """nginx as a web server: /1k, /64k and /1g."""

    def command(self):
        www = self.folder / "www"
        www.mkdir()
        for name, n_bytes in (("1k", 1 << 10), ("64k", 64 << 10)):
            (www / name).write_bytes(b"x" * n_bytes)
        with open(www / "1g", "wb") as f:
            f.truncate(1 << 30)  # no block of it is on the disk
        (self.folder / "conf").write_text(f"""
{NGINX_USER} worker_processes 1; daemon off; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{self.port}; root {www}; }}
}}
""")
        return ["nginx", "-p", self.folder, "-c", self.folder / "conf", "-e", "stderr"]


class Origin(Process):
    def command(self):
        return [sys.executable, HERE / "origin.py", self.port]


class Peer(Process):
    """A proxy under test."""

    def __init__(self, lab, label):
        super().__init__(self.key, lab.folder / f"{self.key}-{label}", lab.proxy_core)
        self.lab = lab

    @classmethod
    def make(cls, key, lab, label):
        peer = {c.key: c for c in (Nginx, NginxTuned, Haproxy, Sluice)}[key](lab, label)
        peer.start()
        return peer


class Nginx(Peer):
    key = "nginx"
    buffers = ""

    @staticmethod
    def version(_lab):
        return run_tool("nginx", "-v").strip().rpartition("/")[2]

    def command(self):
        lab = self.lab
        (self.folder / "conf").write_text(f"""
{NGINX_USER} worker_processes 1; daemon off; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections {2 * lab.n_clients}; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_header_timeout 600s; client_max_body_size 0;
    upstream files {{ server 127.0.0.1:{lab.files.port}; keepalive 64;
                      keepalive_requests 1000000000; }}
    upstream origin {{ server 127.0.0.1:{lab.origin.port}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{self.port} ssl backlog=4096;
        ssl_certificate {lab.folder}/cert.pem; ssl_certificate_key {lab.folder}/key.pem;
        ssl_protocols TLSv1.3; ssl_ecdh_curve X25519;
        proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_request_buffering off; proxy_max_temp_file_size 0; {self.buffers}
        location / {{ proxy_pass http://files; }}
        location /origin/ {{ proxy_pass http://origin; }}
    }}
}}
""")
        return ["nginx", "-p", self.folder, "-c", self.folder / "conf", "-e", "stderr"]


class NginxTuned(Nginx):
    key = "nginx-tuned"
    buffers = ("proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 512k; "
               "tcp_nodelay on;")


class Haproxy(Peer):
    key = "haproxy"

    @staticmethod
    def version(_lab):
        return run_tool("haproxy", "-v").split()[2]

    def command(self):
        lab = self.lab
        (self.folder / "conf").write_text(f"""
global
    nbthread 1
    maxconn {lab.n_clients}
    no strict-limits
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 5s
frontend public
    bind 127.0.0.1:{self.port} ssl crt {lab.folder}/both.pem alpn http/1.1 ssl-min-ver TLSv1.3 curves X25519 backlog 4096
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
        return ["haproxy", "-db", "-f", self.folder / "conf"]


class Sluice(Peer):
    key = "sluice"

    @staticmethod
    def version(lab):
        return run_tool(lab.sluice, "version").splitlines()[0].split()[-1]

    def command(self):
        lab = self.lab
        (self.folder / "conf").write_text(f"""
workers: 1
listeners:
  - address: 127.0.0.1:{self.port}
    tls:
      versions: ["1.3"]
      certificates: [{{ certificate: {lab.folder}/cert.pem, key: {lab.folder}/key.pem }}]
upstreams:
  - {{ name: files, max_idle: 64, endpoints: [127.0.0.1:{lab.files.port}] }}
  - {{ name: origin, endpoints: [127.0.0.1:{lab.origin.port}] }}
routes:
  - {{ upstream: origin, path: /origin }}
  - {{ upstream: files, path: / }}
deadlines: {{ first_byte: 10m, tls_handshake: 10m, keepalive: 10m }}
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


PEERS = [Nginx.key, NginxTuned.key, Haproxy.key, Sluice.key]
VERSION = {c.key: c.version for c in (Nginx, NginxTuned, Haproxy, Sluice)}


def client_tls():
    """TLS 1.3 with X25519, never resumed: each use of it is a full handshake."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.set_ecdh_curve("X25519")
    return tls


class Lab:
    """The folder, the cores and the servers behind; the proxies that run."""

    def __init__(self, folder, sluice, proxy_core, load_core, n_silent):
        self.folder, self.sluice = folder, sluice
        self.proxy_core, self.load_core = proxy_core, load_core
        self.n_silent = n_silent
        self.n_clients = n_silent + 1000
        self.running = []
        self.n_fresh = 0
        self.tls = client_tls()
        run_tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
        (folder / "both.pem").write_text((folder / "cert.pem").read_text()
                                         + (folder / "key.pem").read_text())

    def __enter__(self):
        try:
            self.files = self._begin(Files("upstream nginx", self.folder / "files", self.load_core))
            self.origin = self._begin(Origin("origin.py", self.folder / "origin", self.load_core))
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
        peer = Peer.make(key, self, "main")
        self.running.append(peer)
        return peer

    @contextlib.contextmanager
    def fresh(self, key):
        """A proxy for one measurement of memory, warm: it has served a few requests."""
        self.n_fresh += 1
        peer = Peer.make(key, self, self.n_fresh)
        self.running.append(peer)
        try:
            for _ in range(3):
                self.get(peer, "/1k", 1 << 10)
            time.sleep(0.2)
            yield peer
        finally:
            self.running.remove(peer)
            peer.stop()

    def connect(self, peer):
        plain = socket.create_connection(("127.0.0.1", peer.port), 30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain)

    def get(self, peer, path, n_body_bytes):
        """One request on a connection of its own; the cipher suite that was agreed on."""
        with self.connect(peer) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
            head, _, body = answer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or len(body) != n_body_bytes:
                raise BenchError(f"{peer.name}: GET {path} was answered {head[:200]!r} "
                                 f"and {len(body)} bytes\n{peer.log()}")
            return s.cipher()[0]
