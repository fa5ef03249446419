# SPDX-License-Identifier: Apache-2.0
"""Deadline tls_handshake, a client that stops in the middle of its ClientHello: a TLS alert, then the end,
counted from accept and not from the first byte."""
import pytest

from testenv import client, sluice as s, wait


@pytest.mark.parametrize("share", [0.5, 0.02, 0.99], ids=["half", "a_few_bytes", "nearly_all"])
def test_half_a_client_hello_is_gone_at_tls_handshake(sluice, upstream, share):
    proxy = sluice(upstream(), deadlines={"first_byte": "2s", "tls_handshake": "2s"})
    one = proxy.connect(tls=None)
    s.sleep(1.8)  # a deadline from here on would expire long after the one from accept
    hello = client.client_hello()
    one.raw_send(hello[:int(len(hello) * share)])
    one.tls = True  # note the records
    while one.raw_recv():
        pass
    assert one.ended == "fin"
    assert one.plain_alerts[:1] == ["user_canceled"], "there was no TLS alert that says so"
    wait.at(one.clock.seconds, 2)
    assert proxy.wait_expired("tls_handshake")
    assert proxy.metrics().get("sluice_tls_handshakes_ended_total", result="stalled") == 1
