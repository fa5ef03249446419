# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_write with a min_rate, an upstream that trickles."""
from testenv import sluice as s, wait


def test_an_upstream_that_sips(sluice, upstream):
    def script(connection):
        connection.head()
        while True:
            connection.recv(1000)
            s.sleep(0.1)

    pace = {"stall": "20s", "min_rate": "1MiB/s", "window": "1s"}
    proxy = sluice(upstream(script, rcvbuf=4096), 
                   deadlines={"upstream_write": pace, "linger": {"idle": "2s", "max_bytes": "500MiB"}})
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 100000000")
    block, clock = bytes(16384), wait.Stopwatch()
    while not one.has_ended() and b"HTTP/1.1" not in one.reader.buffer and clock.seconds < 15:
        one.send_some(block)
    assert one.response().status == 504
    proxy.wait_expired("upstream_write")
