# SPDX-License-Identifier: Apache-2.0
"""N workers with SO_REUSEPORT: many clients at once, every answer right, counters of all workers added up."""
import threading

import pytest


@pytest.mark.workers
def test_many_clients(sluice, upstream):
    app = upstream(keeps_bytes=False)
    proxy = sluice(app, workers=4)
    failures = []

    def run():
        try:
            for i in range(5):
                with proxy.client() as one:
                    for n in (10, 100_000):
                        assert len(one.get(f"/bytes/{n}").body) == n
                    assert one.request("PUT", "/hash", body=bytes(50_000)).response().status == 200
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    metrics = proxy.metrics()
    assert metrics.get("sluice_requests_total") == 8 * 5 * 3
    assert metrics.get("sluice_responses_total", **{"class": "2xx"}) == 8 * 5 * 3
    assert metrics.get("sluice_tls_handshakes_ended_total", result="ok") == 40
    assert metrics.get("sluice_workers") == 4
    assert len(proxy.wait_access(120)) == 120


@pytest.mark.workers
def test_reload_and_drain_under_load(sluice, upstream):
    import signal
    proxy = sluice(upstream(keeps_bytes=False), workers=3)
    is_over = threading.Event()
    failures, done = [], []

    def run():
        while not is_over.is_set():
            try:
                with proxy.client() as one:
                    response = one.get("/bytes/20000")
                    assert response.is_complete
                    done.append(1)
            except Exception as error:
                if not is_over.is_set():
                    failures.append(error)
                return

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        proxy.reload()
    is_over.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert done
    proxy.signal(signal.SIGTERM)
    assert proxy.wait_exit() == 0
