# SPDX-License-Identifier: Apache-2.0
"""Deadline response, a lawful client: it reads just above min_rate, for far longer than every other deadline.
The upstream's clock stands still meanwhile."""
import hashlib

from testenv import sluice as s, wait
from testenv.upstream import pattern_hash

SIZE = 8 << 20


def test_a_slow_but_lawful_reader(sluice, upstream):
    pace = {"stall": "1500ms", "min_rate": "64KiB/s", "window": "2s"}
    proxy = sluice(upstream(), tls="off", deadlines=s.every_phase("1s", response=pace))
    one = proxy.client(rcvbuf=32768)
    one.request("GET", f"/bytes/{SIZE}")
    head = one.reader.head()
    digest = hashlib.sha256()
    left = SIZE
    clock = wait.Stopwatch()
    for _ in wait.ticks(0.05, lasting=6):
        block = one.reader.take(len(one.reader.buffer)) or one.recv(16384)
        assert block, one.ended
        digest.update(block)
        left -= len(block)
    assert left > 1 << 20 and clock.seconds > 5.5
    for block in one.reader._exactly(head, left):  # the rest at once
        digest.update(block)
    assert digest.hexdigest() == pattern_hash(SIZE)
    proxy.nothing_expired()
