# SPDX-License-Identifier: Apache-2.0
"""Four workers, full and resumed handshakes of both versions with both kinds of certificates at once, while the
configuration is reloaded again and again: every one succeeds. What workers share, ThreadSanitizer watches."""
import itertools
import ssl
import threading

import pytest

from testenv import client
from testenv.upstream import pattern

pytestmark = [pytest.mark.workers, pytest.mark.limit(120)]

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
N_THREADS, N_RELOADS, N_ROUNDS = 8, 6, 3


def test_under_load(sluice, upstream, certs):
    leaves = {"ecdsa.sluice.test": certs.leaf("one", "ecdsa", names="DNS:ecdsa.sluice.test"),
              "rsa.sluice.test": certs.leaf("two", "rsa", names="DNS:rsa.sluice.test")}
    proxy = sluice(upstream(keeps_bytes=False), workers=4,
                   tls={"certificates": [leaf.config() for leaf in leaves.values()]})
    kinds = list(itertools.product(VERSIONS, leaves))
    is_over = threading.Event()
    failures, counts = [], {"full": 0, "resumed": 0}
    lock = threading.Lock()

    def one(offered, name, session):
        with proxy.client(tls=offered, name=name, session=session) as connection:
            assert connection.get("/bytes/20000").body == pattern(20000)
            with lock:
                counts["resumed" if connection.tls.session_reused else "full"] += 1
            return connection.tls.session

    def run(number):
        try:
            for round_number in itertools.count():
                for version, name in kinds[number % 4:] + kinds[:number % 4]:
                    offered = client.context(certs.ca, low=version, high=version)
                    session = one(offered, name, None)
                    one(offered, name, session)
                    one(offered, name, session)
                if is_over.is_set() and round_number >= N_ROUNDS:
                    return
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(N_THREADS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(N_RELOADS):
            proxy.reload()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    # A reload drops no ticket: these certificates are the same before and after.
    assert counts["resumed"] == 2 * counts["full"] >= 2 * N_THREADS * N_ROUNDS * len(kinds)
    metrics = proxy.metrics()
    assert metrics.get("sluice_tls_handshakes_resumed_total") == counts["resumed"]
    assert metrics.get("sluice_tls_handshakes_ended_total", result="ok") == sum(counts.values())
