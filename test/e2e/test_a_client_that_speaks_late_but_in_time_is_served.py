# SPDX-License-Identifier: Apache-2.0
"""Deadlines first_byte and tls_handshake, a lawful client: its first byte comes long after every other
deadline would have ended it."""
import pytest

from testenv import sluice as s


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_a_client_that_speaks_late_but_in_time_is_served(sluice, upstream, tls):
    proxy = sluice(upstream(), tls=tls,
                   deadlines=s.every_phase("1s", first_byte="5s", tls_handshake="6s"))
    late = proxy.connect()
    s.sleep(2.5)
    if tls is None:
        late.handshake()
    assert late.get("/bytes/10").status == 200
    proxy.nothing_expired()
