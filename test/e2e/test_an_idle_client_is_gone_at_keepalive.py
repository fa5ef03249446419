# SPDX-License-Identifier: Apache-2.0
"""Deadline keepalive, a client that is silent or sends empty lines between two requests: close_notify."""
from testenv import sluice as s, wait


def test_silent(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"keepalive": "600ms"})
    one = proxy.client()
    assert one.get("/bytes/100").status == 200
    clock = wait.Stopwatch()
    assert one.end() == "close_notify"
    wait.at(clock.seconds + 0.05, 0.6)
    proxy.wait_expired("keepalive")


def test_an_empty_line_extends_nothing(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"keepalive": "600ms"})
    one = proxy.client()
    assert one.get("/bytes/100").status == 200
    clock = wait.Stopwatch()
    s.sleep(0.4)
    one.send(b"\r\n")
    assert one.end() == "close_notify"
    wait.at(clock.seconds + 0.05, 0.6)
    proxy.wait_expired("keepalive")
