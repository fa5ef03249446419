# SPDX-License-Identifier: Apache-2.0
"""Servers of other makes, each of which tells of every request how it understood it, in a field of its response:

    X-Report: METHOD target length hash

Node and Python's http.server tell themselves. nginx and Apache forward what they understood to a reporter, in a framing
of their own making."""
import asyncio
import hashlib
import http.server
import os
import pathlib
import shutil
import socketserver
import subprocess
import threading

from testenv import ports, sluice, wait

HERE = pathlib.Path(__file__).parent
MODULES = pathlib.Path("/usr/lib/apache2/modules")

NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2000; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 1000000; large_client_header_buffers 8 64k;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; merge_slashes off;
  upstream reporter {{ server 127.0.0.1:{reporter}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://reporter; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Expect ""; }}
  }}
}}
"""

APACHE = """\
ServerName localhost
ServerRoot {folder}
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Mutex pthread
{modules}
KeepAlive On
MaxKeepAliveRequests 0
LimitRequestFields 1000
TraceEnable extended
AllowEncodedSlashes NoDecode
MergeSlashes Off
ProxyPass / http://127.0.0.1:{reporter}/ nocanon
<Proxy *>
  Require all granted
</Proxy>
"""


def report(method, target, body):
    return f"{method} {target} {len(body)} {hashlib.sha256(body).hexdigest()[:16]}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Python's server leaves the body to its users: here is what a plain one does."""
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = self.chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        target = self.requestline.split(" ")[1]  # .path has lost a second slash
        self.send_header("X-Report", report(self.command, target, body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def log_message(self, *_):
        pass


class PythonServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        pass  # whoever is refused sees it


NAMES = frozenset({"python", "node", "nginx", "apache"})


class Origins:
    """All of them that are installed. `ports` maps names to ports; `missing` are the others."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ports, self.processes, self.servers = {}, [], []
        self.reporter = self.python()
        self.ports["python"] = self.reporter
        if shutil.which("node"):
            self.node()
        if shutil.which("nginx"):
            self.nginx()
        if shutil.which("apache2"):
            self.apache()

    @property
    def missing(self):
        return NAMES - set(self.ports)

    def python(self):
        server = PythonServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return server.server_address[1]

    def start(self, name, *command, **options):
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def listening(self, name, port):
        wait.until(lambda: sluice.listens(port), 20, f"{name} to listen")
        self.ports[name] = port

    def node(self):
        process = self.start("node", "node", HERE / "origin.js", stdout=subprocess.PIPE)
        self.listening("node", int(process.stdout.readline()))

    def nginx(self):
        folder, port = self.folder / "nginx", ports.free_port()
        folder.mkdir()
        text = NGINX.format(folder=folder, port=port, reporter=self.reporter)
        if os.getuid() == 0:
            text = "user root;" + text
        (folder / "nginx.conf").write_text(text)
        self.start("nginx", "nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log")
        self.listening("nginx", port)

    def apache(self):
        folder, port = self.folder / "apache", ports.free_port()
        folder.mkdir()
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so"
                            for name in ("mpm_event", "authz_core", "proxy", "proxy_http"))
        if os.getuid() == 0:
            modules += "\nUser www-data\nGroup www-data"
        (folder / "apache.conf").write_text(APACHE.format(folder=folder, port=port, modules=modules,
                                                          reporter=self.reporter))
        self.start("apache", "apache2", "-f", folder / "apache.conf", "-DFOREGROUND")
        self.listening("apache", port)

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
            if process.stdout:
                process.stdout.close()
        for server in self.servers:
            server.shutdown()
            server.server_close()


async def understanding(port, data, methods, patience):
    """What the server at this port makes of these bytes of one connection, in which requests with these methods are
    expected: a list with, for each final response, its report as a tuple, or its status where it told of nothing;
    "waits" at the end if it wants more bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    try:
        writer.write(data)
        while len(found) <= len(methods):
            # After the last expected answer nothing more may come; it is not awaited for long.
            within = patience if len(found) < len(methods) else 0.02
            try:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), within)
            except asyncio.TimeoutError:
                if len(found) < len(methods):
                    found.append("waits")
                break
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            status, fields = read_head(head)
            if status < 200:
                continue
            if "x-report" in fields:
                found.append(read_report(fields["x-report"]))
            else:
                has_body = len(found) >= len(methods) or methods[len(found)] != "HEAD"
                found.append(status)
                if has_body and not await skip_body(reader, fields, patience):
                    break
            if fields.get("connection", "").lower() == "close":
                break
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return found


def read_report(text):
    method, target, length, digest = text.split(" ")
    return (method, one_slash(target), int(length), digest)


def one_slash(target):
    """Apache takes several slashes at the front for one, whatever it is told."""
    return "/" + target.lstrip("/") if target.startswith("/") else target


def read_head(head):
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return int(lines[0].split(" ")[1]), fields


async def skip_body(reader, fields, patience):
    """Of a response of the server's own making. False: nothing can follow it."""
    try:
        if "content-length" in fields:
            await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), patience)
        elif "transfer-encoding" in fields:
            while size := int(await asyncio.wait_for(reader.readuntil(b"\r\n"), patience), 16):
                await asyncio.wait_for(reader.readexactly(size + 2), patience)
            await asyncio.wait_for(reader.readuntil(b"\r\n"), patience)
        else:
            return False
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
        return False
    return True
