# SPDX-License-Identifier: Apache-2.0
"""Deadline request_header, a lawful client: its header takes far longer than every other deadline."""
from testenv import sluice as s


def test_a_slow_but_lawful_header_is_served(sluice, upstream):
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", request_header="8s"))
    one = proxy.client()
    for _ in range(2):  # the first request of a connection, and one more
        head = b"GET /bytes/5 HTTP/1.1\r\nHost: localhost\r\nX-Slow: abcdefgh\r\n\r\n"
        assert one.drip(head, every=0.1, size=2) >= len(head)
        assert one.response().body
    assert one.clock.seconds > 5
    proxy.nothing_expired()
