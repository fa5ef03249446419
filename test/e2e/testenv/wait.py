# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a deadline; nothing here sleeps and hopes."""
import os
import time

# A machine that is slow (sanitizers, many jobs) gets more patience, never other expectations.
PATIENCE = float(os.environ.get("SLUICE_E2E_PATIENCE", "1"))

# How much later than a deadline its effect may be seen. Earlier is never right.
SLACK = 1.5 * PATIENCE

# Clocks of two processes and a timer that counts whole milliseconds: this much is not "early".
TICK = 0.02


class NeverHappened(AssertionError):
    """The condition did not become true in time."""


def until(condition, within=5.0, what=None, every=0.01):
    """Calls condition until it is true and returns what it returned."""
    deadline = time.monotonic() + within * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NeverHappened(f"not within {within * PATIENCE:.1f} s: {what or condition}")
        time.sleep(every)


def at(seconds, limit, slack=None):
    """Asserts that something that took `seconds` happened at its deadline: not before, hardly after."""
    slack = SLACK if slack is None else slack * PATIENCE
    assert seconds >= limit - TICK, f"{seconds:.3f} s is before the deadline of {limit} s"
    assert seconds <= limit + slack, f"{seconds:.3f} s is long after the deadline of {limit} s"


class Stopwatch:
    """Seconds since it was made or last restarted."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.start = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.start


def ticks(every, n=None, lasting=None):
    """Yields at a steady pace: n times, or for so many seconds. The pace is kept, not the pauses."""
    start = time.monotonic()
    count = 0
    while (n is None or count < n) and (lasting is None or time.monotonic() - start < lasting):
        yield count
        count += 1
        pause = start + count * every - time.monotonic()
        if pause > 0:
            time.sleep(pause)
