# SPDX-License-Identifier: Apache-2.0
"""A loopback of the bench's own, with a congestion control that does not pace.

Where the machine's is one that paces (BBR), the kernel sends each segment by a timer, on the loopback
too. A proxy that writes faster than the others then pays for more timers, and a body takes twice the time:
what is measured is the pacing, and it changes from run to run. reno does not pace, is in every kernel
and, where nothing is lost, does what cubic does.
"""
import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys

SYSTEM = "system"  # the machine's own, whatever it is
DEFAULT = "reno"
IS_ENTERED = "SLUICE_BENCH_NETWORK"
CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def unshare():
    """A namespace of the network; who is not root makes one of users around it, and stays who he is."""
    return ["unshare", "--net", *([] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"])]


def can_enter():
    return subprocess.run([*unshare(), "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def enter(congestion):
    """Begins this very program anew in a network of its own, once, unless the machine's is wanted or
    it may not have one."""
    if os.environ.pop(IS_ENTERED, None):
        raise_loopback()
        CONTROL.write_text(congestion)
        return
    if congestion == SYSTEM:
        return
    if not can_enter():
        print(f"bench: no network namespace of its own may be made here; congestion control is the "
              f"machine's, {CONTROL.read_text().strip()}", file=sys.stderr)
        return
    os.environ[IS_ENTERED] = "1"
    command = unshare()
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def congestion_control():
    return CONTROL.read_text().strip()
