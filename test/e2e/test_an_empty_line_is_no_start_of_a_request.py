# SPDX-License-Identifier: Apache-2.0
"""Deadline request_start, a client that trickles what is no request (RFC 9112 2.2): not extended."""
from testenv import sluice as s, wait


def test_an_empty_line_is_no_start_of_a_request(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_start": "700ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    s.sleep(0.4)
    one.send(b"\r\n")
    assert one.end() == "close_notify"
    wait.at(clock.seconds + 0.05, 0.7)
    proxy.wait_expired("request_start")


def test_and_is_skipped(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    one.send(b"\r\n")
    assert one.get("/bytes/3").status == 200
