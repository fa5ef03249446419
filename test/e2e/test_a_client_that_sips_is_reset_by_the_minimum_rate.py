# SPDX-License-Identifier: Apache-2.0
"""Deadline response, a client that reads below min_rate: RST after about a window."""
from testenv import client, wait


def test_a_client_that_sips(sluice, upstream):
    pace = {"stall": "20s", "min_rate": "64KiB/s", "window": "1s"}
    proxy = sluice(upstream(), deadlines={"response": pace})
    one = proxy.client(rcvbuf=4096)
    one.request("GET", "/bytes/50000000")
    clock = wait.Stopwatch()
    for _ in wait.ticks(0.1, n=100):
        try:
            if not one.raw_recv(600, timeout=0.05):
                break
        except client.StillOpen:
            pass
    assert one.ended == "reset"
    wait.at(clock.seconds, 0.8, slack=3)
    proxy.wait_expired("response")
