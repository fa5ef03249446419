# SPDX-License-Identifier: Apache-2.0
"""A burst of ClientHellos on one worker: a request that came after all of them, on a connection that is there already, is
answered before most of the handshakes are begun; all of them are served in the end, and the waiting is told."""
import select

from testenv import client, wait

N_BURST = 500


def test_a_burst(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "60s", "tls_handshake": "60s"})
    established = proxy.client()
    assert established.get("/bytes/1").status == 200
    burst = [proxy.connect(tls=None) for _ in range(N_BURST)]
    wait.until(lambda: proxy.now_in("first_byte") == N_BURST)
    hello = client.client_hello()
    proxy.freeze()  # so that one poll brings all of it, the request last
    for one in burst:
        one.raw_send(hello)
    request = established.request("GET", "/bytes/1")
    proxy.thaw()
    assert request.response().status == 200
    proxy.freeze()
    watch = select.poll()
    for one in burst:
        watch.register(one.socket, select.POLLIN)
    n_answered = len(watch.poll(0))
    proxy.thaw()
    assert n_answered < N_BURST / 2
    wait.until(lambda: len(watch.poll(0)) == N_BURST, 60, "every hello to be answered")
    metrics = proxy.metrics()
    assert metrics.get("sluice_tls_handshakes_waited_total") > N_BURST / 2
    assert metrics.get("sluice_tls_handshakes_waiting") == 0
    assert metrics.get("sluice_tls_handshake_wait_seconds_count") >= metrics.get("sluice_tls_handshakes_waited_total")
    assert proxy.status()["handshakes"]["waited"] == metrics.get("sluice_tls_handshakes_waited_total")
    assert established.get("/bytes/1").status == 200
    proxy.nothing_expired()
