# SPDX-License-Identifier: Apache-2.0
"""sluice: each phase T, and where a phase has a pace, `rate` over a window of T."""
import json
import os
import re
import signal
import urllib.request

from .process import ONE_AT_A_TIME, Peer, free_port, run_tool

ABSOLUTE = ("proxy_header", "first_byte", "tls_handshake", "request_start", "request_header", "keepalive",
            "upstream_queue", "upstream_connect", "upstream_header")
PACED = {"request_body": "idle", "response": "stall", "upstream_write": "stall", "upstream_body": "idle"}


class Sluice(Peer):
    name = "sluice"
    binary = None  # a path, set by `run`
    logs = ("log", "access")
    reload_signal = signal.SIGHUP
    notes = "each phase T; `linger` idle T and total 2 T, and 64 MiB at most."

    @classmethod
    def version(cls):
        return run_tool(cls.binary, "version").split()[1]

    def __init__(self, folder, terms):
        super().__init__(folder, terms)
        self.status_port = free_port()
        self.environment = {}
        for tool in ("ASAN", "UBSAN", "TSAN", "LSAN"):
            before = os.environ.get(f"{tool}_OPTIONS", "")
            self.environment[f"{tool}_OPTIONS"] = f"{before}:log_path={folder}/sanitizer".lstrip(":")

    def configure(self):
        t = self.terms
        ms = f"{t.ms}ms"
        deadlines = {phase: ms for phase in ABSOLUTE}
        for phase, word in PACED.items():
            deadlines[phase] = f"{{ {word}: {ms}, min_rate: {t.rate}B/s, window: {ms} }}"
        deadlines["tunnel"] = f"{{ idle: {ms} }}"
        deadlines["linger"] = f"{{ idle: {ms}, total: {2 * t.ms}ms, max_bytes: 64MiB }}"
        deadlines["drain"] = ms if t.drains else "1s"
        tls = f"{{ certificates: [{{ certificate: {t.certificate}, key: {t.key} }}] }}"
        endpoint = {prefix: f"{{ address: 127.0.0.1:{port}"
                    + (", max_connections: 1 }" if prefix in ONE_AT_A_TIME else " }")
                    for prefix, port in t.origin.items()}
        lines = [
            "workers: 1", "listeners:",
            f"  - {{ address: 127.0.0.1:{self.port}, tls: {tls} }}",
            f"  - {{ address: 127.0.0.1:{self.proxy_port}, tls: {tls}, proxy_protocol: required }}",
            "upstreams:",
            *(f"  - {{ name: {prefix}, endpoints: [{endpoint[prefix]}] }}" for prefix in t.origin),
            "routes:",
            *(f"  - {{ upstream: {prefix}, path: /{prefix} }}" for prefix in t.origin),
            "deadlines:",
            *(f"  {phase}: {value}" for phase, value in deadlines.items()),
            "log: { level: debug }", f"access_log: {{ path: {self.folder}/access }}",
            f"status: {{ address: 127.0.0.1:{self.status_port} }}"]
        (self.folder / "sluice.yaml").write_text("\n".join(lines) + "\n")
        return [self.binary, "run", "-c", self.folder / "sluice.yaml"]

    def fetch(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.status_port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def is_ready(self):
        try:
            return bool(self.fetch("/readyz"))
        except OSError:
            return False

    def is_reloaded(self):
        return json.loads(self.fetch("/status"))["configuration"]["generation"] == self.generation

    def causes(self, lines):
        """The cause of each line: of the access log, and of the error log for ends without a
        request."""
        for line in lines:
            if line.startswith("{"):
                cause = json.loads(line).get("cause")
                if cause:
                    yield cause
            elif "request refused" in line:
                continue  # the access log has it, too
            elif named := re.search(r"\bphase=(\w+) error=(\w+)", line):
                yield {"phase": named[1], "side": "client", "error": named[2]}

    def blamed(self, lines):
        return {cause["side"] for cause in self.causes(lines) if cause["error"] == "timeout"}

    def expiries(self, lines):
        return [cause["phase"] for cause in self.causes(lines) if cause["error"] == "timeout"]

    def said(self, lines):
        return self.expiries(lines)

    def counted(self):
        found = re.findall(r'^sluice_deadline_expired_total\{phase="(\w+)"\} (\d+)', self.fetch("/metrics"),
                           re.MULTILINE)
        return {phase: int(n) for phase, n in found if int(n)}

    def is_clean(self):
        return "\n".join(report.read_text()[:4000] for report in self.folder.glob("sanitizer.*"))
