# SPDX-License-Identifier: Apache-2.0
"""Deadline first_byte for a crowd: each in its own time, and nobody is forgotten."""
from testenv import wait


def test_many_silent_clients_are_all_gone_at_first_byte(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "600ms"})
    crowd = []
    for _ in wait.ticks(0.005, n=100):
        crowd.append(proxy.connect(tls=None))
    for one in crowd:
        assert one.end() == "reset"
    proxy.wait_expired("first_byte", 100)
    assert proxy.now_in("first_byte") == 0
    assert proxy.client().get("/bytes/1").status == 200
