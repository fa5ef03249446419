# SPDX-License-Identifier: Apache-2.0
"""Deadline request_start, a lawful client: it starts long after every other deadline."""
from testenv import sluice as s


def test_a_request_that_starts_late_but_in_time_is_served(sluice, upstream):
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", request_start="6s"))
    one = proxy.client()
    s.sleep(3)
    assert one.get("/bytes/10").status == 200
    proxy.nothing_expired()
