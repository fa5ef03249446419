# SPDX-License-Identifier: Apache-2.0
"""Starts the real binary and watches it to its end.

A test describes the configuration as far as it cares; the rest is one TLS listener with an ECDSA
certificate, one route to the upstream given, and a status listener. When the test is over the process
must end with 0 on SIGTERM, no sanitizer may have said anything, and its counters must add up.
"""
import copy
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from . import client, metrics, ports, wait, yaml

REPO = pathlib.Path(__file__).resolve().parents[3]

BEFORE_REQUEST = ("proxy_header", "first_byte", "tls_handshake", "request_start", "request_header")
OF_EXCHANGE = ("request_body", "response", "upstream_queue", "upstream_connect", "upstream_write",
               "upstream_header", "upstream_body", "tunnel")
ALL_PHASES = ("first_byte", "tls_handshake", "request_start", "request_header", "request_body",
              "keepalive", "response", "upstream_queue", "upstream_connect", "upstream_write",
              "upstream_header", "upstream_body", "tunnel", "linger")


def binary():
    path = os.environ.get("SLUICE_BIN") or REPO / "build" / "src" / "server" / "sluice"
    path = pathlib.Path(path).absolute()
    assert path.is_file(), f"there is no {path}: build it, or set SLUICE_BIN"
    return str(path)


def sanitizer():
    """"asan", "tsan", or None: with what the binary was built."""
    program = pathlib.Path(binary()).read_bytes()
    for name in ("asan", "tsan"):
        if f"__{name}_init".encode() in program:
            return name
    return None


def environment(folder):
    """Sanitizers write to files, and find leaks."""
    result = dict(os.environ)
    for tool, more in (("ASAN", "detect_leaks=1:exitcode=99"), ("UBSAN", "print_stacktrace=1"),
                       ("TSAN", "exitcode=99"), ("LSAN", "exitcode=99")):
        before = result.get(f"{tool}_OPTIONS", "")
        result[f"{tool}_OPTIONS"] = f"{before}:{more}:log_path={folder}/sanitizer".lstrip(":")
    return result


def run(*arguments, folder, within=20, **options):
    """Runs the binary to its end."""
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True,
                          timeout=within * wait.PATIENCE, env=environment(folder),
                          stdin=subprocess.DEVNULL, **options)
    check_sanitizers(folder)
    return done


def check_sanitizers(folder):
    for report in pathlib.Path(folder).glob("sanitizer.*"):
        raise AssertionError("a sanitizer's report:\n" + report.read_text()[:8000])


def every_phase(value, **others):
    """Every deadline at the same value, but the ones given. `None` leaves one at its default."""
    result = {}
    for phase in ALL_PHASES:
        value_here = others.get(phase, value)
        if value_here is not None:
            result[phase] = value_here
    return result


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


def endpoint_of(thing):
    """An Upstream, or an endpoint as the configuration has it."""
    return getattr(thing, "endpoint", thing)


class Sluice:
    def __init__(self, folder, certs, upstream=None, *, upstreams=None, routes=None, listener=None,
                 tls=None, deadlines=None, workers=1, is_ready=True, arguments=(), config=None, environ=None, **more):
        """upstream: an Upstream, an endpoint, a list of them, or a mapping with further keys.
        upstreams/routes: instead of it, whole sections. listener, tls: merged into the listener; tls="off"
        for plain HTTP. more: further top-level sections. config: the whole file as text. environ: further
        variables of its environment."""
        self.folder = pathlib.Path(folder)
        self.certs = certs
        self.clients = []
        self.port, self.status_port = ports.free_port(), ports.free_port()
        self.address = ("127.0.0.1", self.port)
        self.is_tls = tls != "off"
        self.log_path = self.folder / "stderr.log"
        self.access_path = self.folder / "access.log"
        self.config_path = self.folder / "sluice.yaml"
        self.config = None
        self.checks_counters = True
        self.process = None
        self.environ = environ or {}
        if config is None:
            self.config = self._config(upstream, upstreams, routes, listener, tls, deadlines, workers,
                                       more)
            config = yaml.dump(self.config)
        self.config_path.write_text(config)
        self.start(arguments, is_ready)

    # --- the configuration ---

    def _config(self, upstream, upstreams, routes, listener, tls, deadlines, workers, more):
        first = {"address": f"127.0.0.1:{self.port}",
                 "tls": {"certificates": [self.certs.ecdsa.config()]}}
        if tls == "off":
            first["tls"] = "off"
        elif tls:
            merge(first["tls"], tls)
        merge(first, listener or {})
        config = {"workers": workers, "listeners": [first],
                  "upstreams": upstreams or [self._upstream(upstream)],
                  "routes": routes or [{"upstream": "app"}],
                  "log": {"level": "debug"},
                  "access_log": {"path": str(self.access_path)},
                  "status": {"address": f"127.0.0.1:{self.status_port}"}}
        # What a failed test leaves behind must not keep the others waiting.
        config["deadlines"] = {"drain": "3s", **copy.deepcopy(deadlines or {})}
        merge(config, copy.deepcopy(more))
        return {key: value for key, value in config.items() if value is not None}

    @staticmethod
    def _upstream(upstream):
        section = {"name": "app"}
        if isinstance(upstream, dict):
            section.update(upstream)
        else:
            section["endpoints"] = upstream if isinstance(upstream, list) else [upstream]
        section["endpoints"] = [
            {**item, "address": endpoint_of(item["address"])} if isinstance(item, dict)
            else endpoint_of(item) for item in section["endpoints"]]
        return section

    # --- life ---

    def start(self, arguments=(), is_ready=True):
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [binary(), "run", "-c", str(self.config_path), *arguments], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            env={**environment(self.folder), **self.environ})
        if is_ready:
            self.wait_ready()

    def wait_ready(self):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"sluice ended with {self.process.returncode} at its start:\n"
                                     + self.log() + "\n" + self.config_path.read_text())
            try:
                return self.fetch("/readyz")[0] == 200
            except OSError:
                return False
        wait.until(answers, 20, "sluice to be ready")

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        """SIGSTOP. A signal takes its time: returns when every thread stands still."""
        self.signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")

        def stands_still():
            return all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir())

        wait.until(stands_still, what="every thread to stop", every=0.001)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def reload(self, change=None):
        """Edits the configuration (change gets the dictionary), sends SIGHUP, waits until it is in force."""
        before = self.generation()
        if change:
            change(self.config)
        self.config_path.write_text(yaml.dump(self.config))
        self.signal(signal.SIGHUP)
        wait.until(lambda: self.generation() > before, 10, "the new configuration to be in force")

    def generation(self):
        return self.status()["configuration"]["generation"]

    def wait_exit(self, within=20):
        return self.process.wait(within * wait.PATIENCE)

    def stop(self):
        """The end of the test."""
        for one in self.clients:
            one.close()
        try:
            if self.process.poll() is None:
                if self.checks_counters:
                    self.check_counters()
                self.signal(signal.SIGTERM)
                status = self.wait_exit()
                assert status == 0, f"sluice ended with {status}:\n{self.log()[-4000:]}"
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log_file.close()
            check_sanitizers(self.folder)

    # --- clients ---

    def connect(self, **options):
        """A client that has connected and says nothing, not even hello."""
        if self.is_tls and "tls" not in options:
            options["tls"] = client.context(self.certs.ca)
        made = client.Client(options.pop("address", self.address), **options)
        self.clients.append(made)
        return made

    def client(self, **options):
        """A client whose handshake is done."""
        made = self.connect(**options)
        if made.tls:
            made.handshake()
        return made

    # --- what it tells ---

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, pattern, within=5):
        """A line of the error log in which the pattern is found."""
        def find():
            for line in self.log().splitlines():
                if re.search(pattern, line):
                    return line
            return None
        return wait.until(find, within, f"a log line like {pattern!r}")

    def access(self):
        """The lines of the access log, as JSON."""
        if not self.access_path.exists():
            return []
        text = self.access_path.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def wait_access(self, n=1, within=5):
        wait.until(lambda: len(self.access()) >= n, within, f"{n} lines in the access log")
        return self.access()

    def fetch(self, path, method="GET"):
        """(status, fields, body) from the status listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.status_port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    def metrics(self):
        status, _, text = self.fetch("/metrics")
        assert status == 200
        return metrics.Metrics(text)

    def status(self):
        status, _, text = self.fetch("/status")
        assert status == 200
        return json.loads(text)

    def expired(self, phase):
        """How many deadlines of this phase cut something."""
        return self.metrics().get("sluice_deadline_expired_total", phase=phase)

    def wait_expired(self, phase, n=1, within=5):
        """Waits until n deadlines of this phase have cut something, and for the word about it: a line of the
        error log for connections that end before a request, else the cause in the access log."""
        wait.until(lambda: self.expired(phase) >= n, within, f"{phase} to expire")
        assert self.expired(phase) == n
        if phase in BEFORE_REQUEST:
            return self.wait_log(rf"\b{phase}\b")
        if phase in OF_EXCHANGE:
            return self.wait_cause(phase)
        return None

    def wait_cut(self, phase):
        """The error log's line about a connection that was cut after its exchange was over."""
        return self.wait_log(rf"connection cut: .*\bphase={phase}\b")

    def wait_cause(self, phase, within=5):
        """A line of the access log whose cause is this phase."""
        def find():
            return [line for line in self.access() if line.get("cause", {}).get("phase") == phase]
        return wait.until(find, within, f"an access line that blames {phase}")[0]

    def nothing_expired(self, besides=("keepalive",)):
        """No deadline cut anything; a client that rests at the end of its test may be gone by now."""
        expired = self.metrics().series("sluice_deadline_expired_total", "phase")
        cut = {phase: n for phase, n in expired.items() if n and phase not in besides}
        assert not cut, cut

    def now_in(self, phase):
        """Client connections in this phase."""
        return self.metrics().get("sluice_connections", phase=phase)

    def wait_phase(self, phase, n=1, within=5):
        wait.until(lambda: self.now_in(phase) == n, within, f"{n} connections in {phase}")

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def check_counters(self):
        """Everything that was counted adds up, at any moment at which nothing moves."""
        def adds_up():
            m = self.metrics()
            accepted = m.get("sluice_connections_accepted_total")
            closed = m.get("sluice_connections_closed_total")
            present = m.get("sluice_connections")
            begun = m.get("sluice_tls_handshakes_total")
            ended = m.get("sluice_tls_handshakes_ended_total")
            under_way = (m.get("sluice_connections", phase="first_byte") +
                         m.get("sluice_connections", phase="tls_handshake")) if self.is_tls else 0
            return accepted == closed + present and begun == ended + under_way
        wait.until(adds_up, 5, "the counters to add up")


def listens(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def sleep(seconds):
    """For tests in which nothing must happen for a while."""
    time.sleep(seconds)
