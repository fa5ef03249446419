# SPDX-License-Identifier: Apache-2.0
"""Deadline keepalive, a lawful client: rests far longer than every other deadline, again and again."""
from testenv import sluice as s


def test_a_client_that_rests_within_keepalive_is_served_again(sluice, upstream):
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", keepalive="5s"))
    one = proxy.client()
    for _ in range(3):
        assert one.get("/bytes/10").status == 200
        s.sleep(2)
    assert one.get("/bytes/10").status == 200
    proxy.nothing_expired(besides=())
