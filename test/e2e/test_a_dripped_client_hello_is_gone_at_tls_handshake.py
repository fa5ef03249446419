# SPDX-License-Identifier: Apache-2.0
"""Deadline tls_handshake, a client that trickles: nothing extends it."""
from testenv import client, wait


def test_a_dripped_client_hello_is_gone_at_tls_handshake(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "500ms", "tls_handshake": "1s"})
    one = proxy.connect(tls=None)
    hello = client.client_hello()
    sent = one.drip(hello, every=0.05)
    assert sent < len(hello)
    wait.at(one.clock.seconds, 1)
    proxy.wait_expired("tls_handshake")
    assert proxy.expired("first_byte") == 0
