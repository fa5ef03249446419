# SPDX-License-Identifier: Apache-2.0
"""Deadline tls_handshake, a lawful client: it takes far longer than every other deadline."""
from testenv import sluice as s


def drip(one, data, pieces=12):
    for i in range(pieces):
        one.raw_send(data[len(data) * i // pieces:len(data) * (i + 1) // pieces])
        s.sleep(0.1)


def test_a_slow_but_lawful_handshake_is_served(sluice, upstream):
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", tls_handshake="8s"))
    one = proxy.connect()
    one.handshake(send=lambda data: drip(one, data))
    assert one.clock.seconds > 2
    assert one.get("/bytes/10").status == 200
    proxy.nothing_expired()
