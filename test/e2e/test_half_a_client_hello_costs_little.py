# SPDX-License-Identifier: Apache-2.0
"""A connection that stopped within its ClientHello costs under 2.5 KiB of memory: what it said, and nothing for TLS."""
import os
import resource

import pytest

from testenv import client, wait

N = 1000
HALF = client.client_hello()[:250]


@pytest.mark.skipif("gcc" not in os.environ.get("SLUICE_BUILD", ""), reason="only a plain build tells its memory")
def test_half_a_client_hello_costs_little(sluice, upstream):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 2 * N + 500:
        pytest.skip("there are too few descriptors")
    proxy = sluice(upstream(), limits={"max_handshaking_per_client": 10 * N}, deadlines={"tls_handshake": "60s"})

    def begin(n):
        crowd = [proxy.connect(tls=None) for _ in range(n)]
        for one in crowd:
            one.raw_send(HALF)
        return crowd

    crowd = begin(200)
    wait.until(lambda: proxy.now_in("tls_handshake") == 200)
    before = proxy.rss_bytes()
    crowd += begin(N)
    wait.until(lambda: proxy.now_in("tls_handshake") == N + 200)
    each = (proxy.rss_bytes() - before) / N
    print(f"{each:.0f} bytes each")
    assert each < 2560
    assert all(one.is_open() for one in crowd[::100])
