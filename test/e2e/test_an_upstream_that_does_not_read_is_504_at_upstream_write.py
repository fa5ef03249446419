# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_write, an upstream that accepts nothing: 504, not 408, though the client has more to send; the
answer reaches the client while it is still sending."""
from testenv import wait


def stuck(connection):
    connection.head()
    connection.hold()


def test_an_upstream_that_does_not_read(sluice, upstream):
    proxy = sluice(upstream(stuck, rcvbuf=4096),
                   deadlines={"upstream_write": {"stall": "800ms"}, "request_body": {"idle": "500ms"},
                              "linger": {"idle": "2s", "max_bytes": "500MiB"}})
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 100000000")
    block, sent, clock = bytes(16384), 0, wait.Stopwatch()
    while not one.has_ended() and b"HTTP/1.1" not in one.reader.buffer and clock.seconds < 10:
        sent += one.send_some(block)
    response = one.response()
    assert response.status == 504
    assert sent > 100_000
    assert clock.seconds > 0.8
    proxy.wait_expired("upstream_write")
    assert proxy.expired("request_body") == 0
