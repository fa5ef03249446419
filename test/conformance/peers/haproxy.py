# SPDX-License-Identifier: Apache-2.0
"""HAProxy: every timeout that it has; no retries, so that a timeout is what it says."""
import re
import signal

from .process import ONE_AT_A_TIME, Peer, run_tool


class Haproxy(Peer):
    name = binary = "haproxy"
    reload_signal, drain_signal = signal.SIGUSR2, signal.SIGUSR1
    patterns = (
        (r"Timeout during SSL handshake|Timeout while waiting for|Timeout while reading PROXY", "client"),
        (r" ts=c", "client"), (r" ts=s", "upstream"), (r" ts=\wQ", "pool"))
    notes = ("every timeout T (`timeout client-hs` from 3.1 on, which know it), `retries 0`, "
             "`option abortonclose`, `hard-stop-after` for its end, `tune.sndbuf.*` 32768, without which it "
             "cuts slow but lawful readers sooner.")

    @classmethod
    def version(cls):
        return run_tool("haproxy", "-v").split()[2]

    def configure(self):
        t = self.terms
        major, minor = map(int, re.match(r"(\d+)\.(\d+)", self.version()).groups())
        handshake = f"    timeout client-hs {t.ms}ms\n" if (major, minor) >= (3, 1) else ""
        (self.folder / "both.pem").write_text(open(t.certificate).read() + open(t.key).read())
        backends = "".join(
            f"backend {prefix}\n    server s 127.0.0.1:{port}"
            + (" maxconn 1\n" if prefix in ONE_AT_A_TIME else "\n")
            for prefix, port in t.origin.items())
        stop = f"    hard-stop-after {t.ms}ms\n" if t.drains else ""
        uses = "".join(f"    use_backend {prefix} if {{ path_beg /{prefix}/ }}\n"
                       for prefix in t.origin)
        bind = f"ssl crt {self.folder}/both.pem alpn http/1.1 ssl-min-ver TLSv1.2 backlog 4096"
        (self.folder / "conf").write_text(f"""
global
    nbthread 1
    maxconn 4000
    no strict-limits
    log stdout format raw local0
    tune.sndbuf.client 32768
    tune.sndbuf.server 32768
{stop}defaults
    mode http
    log global
    log-format "%ci:%cp ts=%tsc status=%ST sent=%B Ta=%Ta %{{+Q}}r"
    retries 0
    option abortonclose
    timeout client {t.ms}ms
{handshake}    timeout http-request {t.ms}ms
    timeout http-keep-alive {t.ms}ms
    timeout client-fin {t.ms}ms
    timeout connect {t.ms}ms
    timeout queue {t.ms}ms
    timeout server {t.ms}ms
    timeout server-fin {t.ms}ms
    timeout tunnel {t.ms}ms
frontend public
    bind 127.0.0.1:{self.port} {bind}
    http-after-response set-header X-Generation {self.generation}
{uses}frontend behind_a_proxy
    bind 127.0.0.1:{self.proxy_port} accept-proxy {bind}
{uses}{backends}""")
        return ["haproxy", "-W", "-f", self.folder / "conf"]
