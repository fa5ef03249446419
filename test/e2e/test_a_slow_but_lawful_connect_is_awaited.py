# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_connect, the lawful side: an endpoint that accepts after far longer than every other deadline
(here the kernel's second or third SYN gets through)."""
from testenv import sluice as s


def test_a_slow_but_lawful_connect_is_awaited(sluice, upstream, black_hole):
    proxy = sluice(black_hole, deadlines=s.every_phase("800ms", upstream_connect="20s",
                                                       tls_handshake="3s", first_byte="3s"))
    one = proxy.client().request("GET", "/bytes/10")
    s.sleep(1.5)
    upstream(black_hole=black_hole)
    assert one.response().body
    assert one.clock.seconds > 1.5
    proxy.nothing_expired()
