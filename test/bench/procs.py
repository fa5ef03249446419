# SPDX-License-Identifier: Apache-2.0
"""Processes that never outlive the bench.

Each is the leader of a session of its own, so a Ctrl-C reaches the bench alone, which ends them and
what they started. Should the bench itself be killed, the keeper does it.
"""
import contextlib
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class BenchError(Exception):
    pass


class Keeper:
    """Knows all that runs; see keeper.py."""

    def __init__(self, folder):
        self.process = subprocess.Popen([sys.executable, HERE / "keeper.py", folder],
                                        stdin=subprocess.PIPE, start_new_session=True, text=True)

    def tell(self, sign, pid):
        self.process.stdin.write(f"{sign}{pid}\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


keeper = None


@contextlib.contextmanager
def kept(folder):
    """While this lasts, processes can be started; `folder` is removed at the end."""
    global keeper
    keeper = Keeper(folder)
    try:
        yield
    finally:
        keeper.end()
        keeper = None


def spawn(command, core=None, nice=0, **options):
    command = [str(c) for c in command]
    if core is not None:  # taskset becomes the command by exec, and so does nice
        command = ["taskset", "-c", str(core), *command]
    if nice:
        command = ["nice", "-n", str(nice), *command]
    process = subprocess.Popen(command, start_new_session=True, **options)
    keeper.tell("+", process.pid)
    return process


def finish(process, patience_s=0):
    """Ends it and all that it started, after some time for it to end by itself."""
    if patience_s and process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    keeper.tell("-", process.pid)


def run_tool(*command, timeout_s=600, **options):
    """Its output, both streams; BenchError when it fails."""
    process = spawn(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    words = " ".join(map(str, command))
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{words}: still running after {timeout_s} s") from None
    finally:
        finish(process)
    if process.returncode != 0:
        raise BenchError(f"{words}: exit status {process.returncode}\n{output[-2000:]}")
    return output


class Generator:
    """A load generator at work: prints "ready" if it has a beginning to tell, then figures."""

    def __init__(self, command, log, **options):
        self.command, self.log_file = command, log
        with open(log, "wb") as err:
            self.process = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=err, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        finish(self.process)

    def line(self, timeout_s):
        text, give_up = b"", time.monotonic() + timeout_s
        while not text.endswith(b"\n"):
            left_s = give_up - time.monotonic()
            if left_s <= 0 or not select.select([self.process.stdout], [], [], left_s)[0]:
                self.fail(f"nothing came for {timeout_s} s")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                self.fail(f"exit status {self.process.wait()}")
            text += piece
            if text.startswith(b"ready\n"):  # the figures may stand behind it at once
                self.rest, text = text[6:], b"ready\n"
        return text.decode()

    def wait_ready(self, timeout_s=120):
        self.rest = b""
        if self.line(timeout_s) != "ready\n":
            self.fail("it did not begin")

    def figures_text(self, timeout_s):
        """What it prints in the end; it ends by itself, or because its stdin does."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdin = None
        text = getattr(self, "rest", b"")
        self.rest = b""
        if not text.endswith(b"\n"):
            text += self.line(timeout_s).encode()
        if self.process.wait(timeout_s) != 0:
            self.fail(f"exit status {self.process.returncode}")
        return text.decode()

    def fail(self, why):
        words = " ".join(map(str, self.command))
        raise BenchError(f"{words}: {why}\n"
                         + pathlib.Path(self.log_file).read_text(errors="replace")[-2000:])


class Usage:
    """What a process and its children use, from /proc."""

    def __init__(self, pid, name):
        self.pid, self.name = pid, name

    def pids(self):
        try:
            children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except FileNotFoundError:
            raise BenchError(f"{self.name} is gone") from None
        return [self.pid, *map(int, children.split())]

    def cpu_s(self):
        """User and system time of all threads, in nanoseconds where the kernel tells them."""
        return sum(self._precise_cpu_s(pid) or self._cpu_s(pid) for pid in self.pids())

    @staticmethod
    def _precise_cpu_s(pid):
        try:
            return sum(int((thread / "schedstat").read_text().split()[0])
                       for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9
        except FileNotFoundError:
            return 0

    @staticmethod
    def _cpu_s(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_bytes(self):
        return PAGE_BYTES * sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                                for pid in self.pids())

    def n_descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())
