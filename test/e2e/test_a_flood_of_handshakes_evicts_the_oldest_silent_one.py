# SPDX-License-Identifier: Apache-2.0
"""max_handshaking: when the budget is full the oldest silent connection goes first; those that handshake, and established
clients, are not touched. The same per client address."""
from testenv import client, wait


def evicted(proxy):
    return proxy.metrics().get("sluice_tls_handshakes_ended_total", result="evicted")


def test_the_oldest_silent_one(sluice, upstream):
    proxy = sluice(upstream(), limits={"max_handshaking": 10})
    established = proxy.client()
    assert established.get("/bytes/1").status == 200
    talking = proxy.connect(tls=None)
    talking.raw_send(client.client_hello()[:50])
    wait.until(lambda: proxy.now_in("tls_handshake") == 1)
    silent = [proxy.connect(tls=None) for _ in range(9)]
    wait.until(lambda: proxy.now_in("first_byte") == 9)
    assert evicted(proxy) == 0
    more = [proxy.connect(tls=None) for _ in range(4)]
    wait.until(lambda: evicted(proxy) == 4)
    for one in silent[:4]:
        assert one.end() == "reset"
    assert all(one.is_open() for one in silent[4:] + more + [talking])
    assert established.get("/bytes/1").status == 200
    assert proxy.client().get("/bytes/1").status == 200  # a lawful newcomer gets in
    assert evicted(proxy) == 5
    assert proxy.metrics().get("sluice_connections_evicted_total") == 5
    proxy.nothing_expired()


def test_a_flood(sluice, upstream):
    proxy = sluice(upstream(), limits={"max_handshaking": 20})
    established = proxy.client()
    flood = [proxy.connect(tls=None) for _ in range(200)]
    for _ in range(10):
        assert established.get("/bytes/10").status == 200
        assert proxy.client().get("/bytes/10").status == 200
        flood.append(proxy.connect(tls=None))
    assert proxy.now_in("first_byte") + proxy.now_in("tls_handshake") <= 20


def test_per_client(sluice, upstream):
    proxy = sluice(upstream(), limits={"max_handshaking": 100, "max_handshaking_per_client": 5})
    others = [proxy.connect(tls=None, source="127.0.0.2") for _ in range(4)]
    greedy = [proxy.connect(tls=None, source="127.0.0.3") for _ in range(8)]
    wait.until(lambda: evicted(proxy) == 3)
    for one in greedy[:3]:
        assert one.end() == "reset"
    assert all(one.is_open() for one in others + greedy[3:])


def test_all_talking(sluice, upstream):
    """No silent one is left: the oldest that handshakes goes."""
    proxy = sluice(upstream(), limits={"max_handshaking": 4})
    talking = []
    for i in range(5):
        talking.append(proxy.connect(tls=None))
        talking[-1].raw_send(client.client_hello()[:50])
        wait.until(lambda n=min(i + 1, 4): proxy.now_in("tls_handshake") == n)
    assert talking[0].end() in ("reset", "fin")
    assert all(one.is_open() for one in talking[1:])
