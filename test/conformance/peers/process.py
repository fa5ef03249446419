# SPDX-License-Identifier: Apache-2.0
"""A proxy under test, as a process group of its own with a folder for its files."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from origin import ONE_AT_A_TIME  # noqa: E402,F401  (for the peers)
from testenv.ports import free_port  # noqa: E402  (ports that no other test has)

sys.dont_write_bytecode = True


class PeerError(Exception):
    pass


def run_tool(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                        + done.stdout[-2000:])
    return done.stdout


PRIORITY = -10


def hurry(pid):
    """Little work, but in time: of the suite, and of the proxies that it starts. Where that is not
    allowed, a busy machine makes cases void. (Each session is an autogroup of its own.)"""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(PRIORITY))


class Terms:
    """What every proxy is given: T for each timeout, a rate where it knows one, and where things are.
    `live_s` is the T of this instance at the moment: a reload changes it. `drains`: its end is watched,
    and has T, too. (Elsewhere it has none: some proxies would end old connections by it after a reload.)"""

    def __init__(self, timeout_s, window_bytes, origin_ports, certificate, key):
        self.timeout_s, self.live_s, self.drains = timeout_s, timeout_s, False
        self.window_bytes = window_bytes
        self.origin = origin_ports
        self.certificate, self.key = certificate, key

    @property
    def rate(self):
        """Bytes per second; the same bytes in each T."""
        return max(1, round(self.window_bytes / self.timeout_s))

    @property
    def ms(self):
        return round(self.live_s * 1000)

    @property
    def whole_s(self):
        return max(1, -(-self.ms // 1000))


class Peer:
    """Subclasses say name, binary, configure() -> command, blame patterns, and what they lack."""

    name = binary = None
    lacks = frozenset()        # of: proxy_header, queue, reload
    patterns = ()              # (regular expression, "client" | "upstream" | "pool")
    logs = ("log",)            # files in the folder
    reload_signal = None
    drain_signal = signal.SIGTERM
    notes = ""                 # for the page: what is particular about its configuration

    def __init__(self, folder, terms):
        self.folder, self.terms = pathlib.Path(folder), terms
        self.folder.mkdir(parents=True)
        self.port, self.proxy_port = free_port(), free_port()
        self.address = ("127.0.0.1", self.port)
        self.process, self.generation = None, 1

    @classmethod
    def version(cls):
        raise NotImplementedError

    def configure(self):
        """Writes the configuration for the terms as they are now; returns the command."""
        raise NotImplementedError

    environment = {}

    def start(self):
        command = self.configure()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, env={**os.environ, **self.environment})
        hurry(self.process.pid)
        give_up = time.monotonic() + 20
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise PeerError(f"{self.name} did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def is_ready(self):
        return all(answers(port) for port in self.open_ports())

    def open_ports(self):
        return [self.port] if "proxy_header" in self.lacks else [self.port, self.proxy_port]

    def reload(self, timeout_s):
        """With another T; is_reloaded() tells when it is in force."""
        self.terms.live_s = timeout_s
        self.generation += 1
        self.configure()
        self.process.send_signal(self.reload_signal)

    def is_reloaded(self):
        """A new client is told the generation; `X-Generation` is in every answer."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=2, context=made)
        try:
            connection.request("GET", "/none")
            return connection.getresponse().getheader("X-Generation") == str(self.generation)
        except OSError:
            return False
        finally:
            connection.close()

    def drain(self):
        """Orders it to end, and to let what is under way finish, within T."""
        self.process.send_signal(self.drain_signal)

    def has_ended(self):
        return self.process.poll() is not None

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self):
        if not self.process:
            return
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    # --- what it tells ---

    def log(self):
        return "\n".join((self.folder / name).read_text(errors="replace")
                         for name in self.logs if (self.folder / name).exists())

    def lines_about(self, source, other_ports):
        """The lines of its logs with this client's address, but not with these ports of it."""
        pattern = re.compile(rf"(?<![\d.]){re.escape(source)}(?!\d)")
        others = [re.compile(rf"{re.escape(source)}:{port}\b|\"remote_port\":\"{port}\"")
                  for port in other_ports]
        return [line for line in self.log().splitlines()
                if pattern.search(line) and not any(other.search(line) for other in others)]

    def blamed(self, lines):
        """Whom these lines blame for slowness."""
        return {party for line in lines for pattern, party in self.patterns
                if re.search(pattern, line)}

    def said(self, lines):
        """The words by which these lines blame somebody."""
        for line in lines:
            for pattern, _ in self.patterns:
                if found := re.search(pattern, line):
                    yield found[0].strip()

    def expiries(self, lines):
        """The phase of each expiry that these lines tell of, where a proxy names them."""
        return []

    def counted(self):
        """{phase: number of expiries} of a proxy that counts them, else None."""
        return None

    def is_clean(self):
        """The text of what must not be in its logs; "" if all is well."""
        return ""


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
