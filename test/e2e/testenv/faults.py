# SPDX-License-Identifier: Apache-2.0
"""System calls of sluice fail on command: faults.c, loaded before libc and steered through a shared file."""
import errno
import mmap
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from . import message, sluice as sluice_module, wait

SOURCE = pathlib.Path(__file__).with_name("faults.c")
CALLS = ("accept", "socket", "connect", "read", "write", "allocate",
         "recv", "epoll_ctl", "setsockopt", "getsockopt", "ioctl", "timerfd_settime")
FAULT = struct.Struct("8i")  # as struct fault: error, n_skip, n_left, every, port, n_seen, n_failed
CLOCKS = struct.Struct("2q")
FOR_EVER = 2**31 - 1


def sanitizer_library():
    """The sanitizer's library must come before ours; a list of none or one."""
    text = subprocess.run(["ldd", sluice_module.binary()], capture_output=True, text=True).stdout
    return re.findall(r"=> (\S*/lib[at]san\.so\S*)", text)


class Faults:
    def __init__(self, folder):
        if not shutil.which("cc"):
            pytest.skip("faults.c needs cc")
        folder = pathlib.Path(folder)
        library, control = folder / "faults.so", folder / "faults.control"
        done = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, SOURCE, "-ldl"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        control.write_bytes(bytes(len(CALLS) * FAULT.size + CLOCKS.size))
        with open(control, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.environment = {"LD_PRELOAD": ":".join([*sanitizer_library(), str(library)]),
                            "SLUICE_FAULTS": str(control)}

    def arm(self, call, error, skip=0, n=1, every=1, port=0):
        """After `skip` calls `n` of them fail with errno `error`, or every so-manieth. Of the sockets with this port,
        if any. A negative error makes reads and writes short: at most so many bytes."""
        at = CALLS.index(call) * FAULT.size
        self.map[at:at + FAULT.size] = FAULT.pack(0, skip, n, every, port, 0, 0, 0)
        self.map[at:at + 4] = struct.pack("i", error)

    def disarm(self):
        for at in range(0, len(CALLS) * FAULT.size, FAULT.size):
            self.map[at:at + 4] = bytes(4)

    def count(self, *calls):
        """Of these none fails; from now on n_seen() tells how many there were."""
        for call in calls:
            self.arm(call, errno.EIO, skip=FOR_EVER)

    def n_seen(self, call):
        return FAULT.unpack_from(self.map, CALLS.index(call) * FAULT.size)[5]

    def n_failed(self, call):
        return FAULT.unpack_from(self.map, CALLS.index(call) * FAULT.size)[6]

    def shift_clocks(self, realtime_s=0, monotonic_s=0):
        """So much is added to what sluice is told."""
        CLOCKS.pack_into(self.map, len(CALLS) * FAULT.size, int(realtime_s * 1e9), int(monotonic_s * 1e9))


def visible_end(one, method="GET"):
    """The response, which must be whole; None when the client sees that there is none, or only a part. A part that
    ends like a whole one fails the test."""
    try:
        response = one.reader.response(method)
    except message.Cut:
        response = None
    if response is not None and not response.has("Content-Length") and not response.is_chunked \
            and method != "HEAD" and response.status not in (101, 204, 304):
        # Its end is the connection's, so that must not be a cut.
        clean = ("close_notify",) if one.tls else ("fin",)
        return response if one.ended in clean else None
    return response


def fresh_baseline(proxy, target="/bytes/5"):
    """Descriptors at rest, after something was served."""
    with proxy.client() as one:
        assert one.get(target, "Connection: close").status == 200
    return at_rest(proxy)


def at_rest(proxy):
    """Closes the clients, waits until everything of theirs is gone, and returns the number of descriptors."""
    for one in proxy.clients:
        one.close()
    proxy.clients.clear()

    def rests():
        m = proxy.metrics()
        return m.get("sluice_connections") == 0 and m.get("sluice_endpoint_active_connections") == 0 \
            and m.get("sluice_endpoint_idle_connections") == 0
    wait.until(rests, 15, "everybody to be gone")
    return proxy.n_fds()


def unharmed(proxy, n_fds, target="/bytes/5"):
    """The next lawful client is served, nothing is left open, and what was counted adds up."""
    with proxy.client() as one:
        response = one.get(target)
        assert response.status == 200 and response.is_complete
    at_rest(proxy)
    wait.until(lambda: proxy.n_fds() <= n_fds, 10, f"descriptors to be {n_fds} again, not {proxy.n_fds()}")
    proxy.check_counters()
    m = proxy.metrics()
    assert m.get("sluice_requests_total") == m.get("sluice_responses_total")
