# SPDX-License-Identifier: Apache-2.0
"""A TLS connection that rests after a request costs under 8 KiB of memory: of its handshake and its record buffers
nothing is left."""
import os
import resource
import ssl

import pytest

from testenv import client, wait

N = 600
V = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.mark.skipif("gcc" not in os.environ.get("SLUICE_BUILD", ""), reason="only a plain build tells its memory")
@pytest.mark.parametrize("version", V)
def test_a_resting_client_costs_little(sluice, upstream, certs, version):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 2 * N + 500:
        pytest.skip("there are too few descriptors")
    proxy = sluice(upstream(), limits={"max_handshaking_per_client": 10 * N}, deadlines={"keepalive": "60s"})
    if "(accelerated" not in proxy.wait_log("mbedTLS"):
        pytest.skip("the system's mbedTLS keeps its buffers")
    offered = client.context(certs.ca, low=V[version], high=V[version])

    def rest(n):
        crowd = [proxy.client(tls=offered) for _ in range(n)]
        for one in crowd:
            assert one.get("/bytes/1000").status == 200
        return crowd

    crowd = rest(200)
    wait.until(lambda: proxy.now_in("keepalive") == 200)
    before = proxy.rss_bytes()
    crowd += rest(N)
    wait.until(lambda: proxy.now_in("keepalive") == 200 + N)
    each = (proxy.rss_bytes() - before) / N
    print(f"{each:.0f} bytes each")
    assert each < 8192
    assert all(one.get("/bytes/10").status == 200 for one in crowd[::50])
