# SPDX-License-Identifier: Apache-2.0
"""Ports that nobody else has.

They lie below the range from which the kernel takes ports for outgoing connections, and each is held
by a locked file for as long as this process lives: sluice shares its ports (SO_REUSEPORT), so that
two tests which chose the same one would otherwise get each other's clients.
"""
import fcntl
import os
import random
import socket
import tempfile

LOW, HIGH = 20000, 32000
_held = {}


def free_port():
    folder = os.path.join(tempfile.gettempdir(), f"sluice-e2e-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    for port in random.SystemRandom().sample(range(LOW, HIGH), 200):
        if port in _held:
            continue
        lock = open(os.path.join(folder, str(port)), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _held[port] = lock
        return port
    raise AssertionError("there is no free port")
