#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cleans up after a bench that was killed: `keeper.py FOLDER`, started by procs.py.

It reads from the bench which process groups there are ("+PID", "-PID"). When the bench is gone, in
whatever way, the pipe ends: then those that are left are killed and FOLDER is removed.
"""
import os
import shutil
import signal
import sys


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
