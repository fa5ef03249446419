# SPDX-License-Identifier: Apache-2.0
"""Connections that have not said a word cost a socket and less than 1 KiB of memory each."""
import os
import resource

import pytest

from testenv import wait

N = 2000


@pytest.mark.skipif("gcc" not in os.environ.get("SLUICE_BUILD", ""), reason="only a plain build tells its memory")
def test_a_silent_client_costs_next_to_nothing(sluice, upstream):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < N + 500:
        pytest.skip("there are too few descriptors")
    proxy = sluice(upstream(), limits={"max_handshaking_per_client": 10 * N}, deadlines={"first_byte": "60s",
                                                                                        "tls_handshake": "60s"})
    crowd = [proxy.connect(tls=None) for _ in range(200)]
    wait.until(lambda: proxy.now_in("first_byte") == 200)
    before = proxy.rss_bytes()
    crowd += [proxy.connect(tls=None) for _ in range(N)]
    wait.until(lambda: proxy.now_in("first_byte") == N + 200)
    assert (proxy.rss_bytes() - before) / N < 1024
    assert all(one.is_open() for one in crowd[::100])
