# SPDX-License-Identifier: Apache-2.0
"""enforce: false, per phase: what would have been cut is counted and logged, once, and lives."""
import pytest

from testenv import message, sluice as s, wait


def shadowed(proxy, phase, n=1):
    wait.until(lambda: proxy.metrics().get("sluice_deadline_expired_shadow_total", phase=phase) >= n,
               what=f"{phase} to expire in the shadow")
    assert proxy.metrics().get("sluice_deadline_expired_shadow_total", phase=phase) == n
    proxy.nothing_expired()
    assert proxy.wait_log(rf"\b{phase}\b.*not enforced")


SHADOW = {"limit": "400ms", "enforce": False}


def test_first_byte(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": SHADOW})
    one = proxy.connect()
    s.sleep(1)
    assert one.handshake().get("/bytes/1").status == 200
    shadowed(proxy, "first_byte")
    # tls_handshake, whose deadline stood in for it, has ended once, and well
    m = proxy.metrics()
    assert m.get("sluice_phase_headroom_ratio_count", phase="tls_handshake") == 1
    assert m.get("sluice_deadline_near_misses_total", phase="tls_handshake") == 0


def test_proxy_header(sluice, upstream):
    deadlines = {"proxy_header": SHADOW, "first_byte": "1200ms"}
    proxy = sluice(upstream(), listener={"proxy_protocol": "required"}, deadlines=deadlines)
    one, silent = proxy.connect(), proxy.connect(tls=None)
    s.sleep(0.8)
    one.raw_send(b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n")
    assert one.handshake().get("/bytes/1").status == 200
    assert silent.end() == "reset", "first_byte is enforced"
    wait.at(silent.clock.seconds, 1.2)
    assert proxy.metrics().get("sluice_deadline_expired_shadow_total", phase="proxy_header") == 2
    assert proxy.expired("first_byte") == 1


def test_linger(sluice, upstream):
    """What is read on is seen to end, however much it is."""
    def script(connection):
        connection.head()
        connection.respond(413)
        connection.hold()

    limits = {"idle": "300ms", "total": "600ms", "max_bytes": "64KiB", "enforce": False}
    proxy = sluice(upstream(script), deadlines={"linger": limits})
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 100000000")
    assert one.response().status == 413
    for _ in wait.ticks(0.05, n=30):
        one.send(bytes(65536))
    shadowed(proxy, "linger")
    one.close()
    wait.until(lambda: proxy.now_in("linger") == 0, what="the client to be seen gone")


def test_tls_handshake(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "300ms", "tls_handshake": SHADOW})
    one = proxy.connect()
    one.handshake(send=lambda data: (one.raw_send(data[:1]), s.sleep(1), one.raw_send(data[1:])))
    assert one.get("/bytes/1").status == 200
    shadowed(proxy, "tls_handshake")


def test_request_start(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_start": SHADOW})
    one = proxy.client()
    s.sleep(1)
    assert one.get("/bytes/1").status == 200
    shadowed(proxy, "request_start")


def test_request_header(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_header": SHADOW})
    one = proxy.client()
    one.drip(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", every=0.05)
    assert one.response().status == 200
    shadowed(proxy, "request_header")


def test_keepalive(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"keepalive": SHADOW})
    one = proxy.client()
    assert one.get("/bytes/1").status == 200
    s.sleep(1)
    assert one.get("/bytes/1").status == 200
    shadowed(proxy, "keepalive")


def test_upstream_header(sluice, upstream):
    def script(connection):
        connection.request()
        s.sleep(1)
        connection.respond()

    proxy = sluice(upstream(script), deadlines={"upstream_header": SHADOW})
    assert proxy.client().get().status == 200
    shadowed(proxy, "upstream_header")


@pytest.mark.parametrize("how", [{"idle": "300ms"}, {"idle": "10s", "min_rate": "1MiB/s", "window": "500ms"}],
                         ids=["idle", "rate"])
def test_request_body(sluice, upstream, how):
    proxy = sluice(upstream(), deadlines={"request_body": {**how, "enforce": False}})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 3")
    one.drip(b"abc", every=0.7)
    assert one.response().status == 200
    wait.until(lambda: proxy.metrics().get("sluice_deadline_expired_shadow_total", phase="request_body") >= 1)
    proxy.nothing_expired()


def test_upstream_body(sluice, upstream):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        s.sleep(1)
        connection.send(message.chunk(b"late") + message.LAST_CHUNK)

    proxy = sluice(upstream(script), deadlines={"upstream_body": {"idle": "400ms", "enforce": False}})
    assert proxy.client().get().body == b"late"
    shadowed(proxy, "upstream_body")


def test_one_phase_does_not_shadow_another(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": {"limit": "200ms", "enforce": False},
                                          "tls_handshake": "700ms"})
    one = proxy.connect(tls=None)
    assert one.end() in ("fin", "reset")
    wait.at(one.clock.seconds, 0.7)
    assert proxy.expired("tls_handshake") == 1
