# SPDX-License-Identifier: Apache-2.0
"""Caddy: Go's server timeouts, and those of its reverse proxy."""
import json
import subprocess

from .process import Peer, free_port, run_tool


class Caddy(Peer):
    name = binary = "caddy"
    lacks = frozenset({"proxy_header", "queue"})
    patterns = ((r"TLS handshake error.*i/o timeout", "client"),
                (r'"status":504', "upstream"), (r'"status":408', "client"))
    notes = ("all four `timeouts` of its server, all of its transport's; `flush_interval -1`. "
             "`grace_period` for its end; `read_body` and `write` bound a whole message, so lawful slow ones are "
             "cut; without them the others are never cut.")

    @classmethod
    def version(cls):
        return run_tool("caddy", "version").split()[0]

    def __init__(self, folder, terms):
        super().__init__(folder, terms)
        self.admin_port = free_port()
        self.environment = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder),
                            "XDG_CONFIG_HOME": str(self.folder)}

    def configure(self):
        t = self.terms
        ms = f"{t.ms}ms"
        grace = f"grace_period {ms}" if t.drains else ""
        places = "\n".join(f"""
    reverse_proxy /{prefix}/* 127.0.0.1:{port} {{
        flush_interval -1
        transport http {{
            dial_timeout {ms}
            response_header_timeout {ms}
            expect_continue_timeout {ms}
            read_timeout {ms}
            write_timeout {ms}
            keepalive off
        }}
    }}""" for prefix, port in t.origin.items())
        (self.folder / "Caddyfile").write_text(f"""
{{
    admin 127.0.0.1:{self.admin_port}
    auto_https off
    {grace}
    log {{
        output stderr
        level DEBUG
        format json
    }}
    servers {{
        protocols h1
        timeouts {{
            read_body {ms}
            read_header {ms}
            write {ms}
            idle {ms}
        }}
    }}
}}
https://:{self.port} {{
    bind 127.0.0.1
    tls {t.certificate} {t.key}
    log
    header X-Generation {self.generation}
{places}
}}
""")
        return ["caddy", "run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile"]

    def reload(self, timeout_s):
        self.terms.live_s = timeout_s
        self.generation += 1
        self.configure()
        subprocess.Popen(["caddy", "reload", "--config", self.folder / "Caddyfile", "--adapter",
                          "caddyfile", "--address", f"127.0.0.1:{self.admin_port}"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=self.environment | {"PATH": "/usr/bin:/bin"})

    def lines_about(self, source, other_ports):
        return [shorten(line) for line in super().lines_about(source, other_ports)]


def shorten(line):
    """Its lines hold whole requests."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    request = entry.pop("request", {})
    entry.pop("resp_headers", None)
    entry.pop("headers", None)
    entry["uri"] = request.get("uri")
    return json.dumps({key: value for key, value in entry.items() if value not in (None, "", 0)})
