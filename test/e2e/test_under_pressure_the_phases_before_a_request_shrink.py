# SPDX-License-Identifier: Apache-2.0
"""Few connection slots left: pre-request phases shrink linearly to a floor, body phases never do; with no slot left the
oldest silent connection makes room."""
import resource

from testenv import sluice as s, wait

LIMITS = {"max_connections": 20, "pressure_start": "50%", "pressure_floor": "500ms", "max_handshaking": 20,
          "max_handshaking_per_client": 20}


def test_shrinking(sluice, upstream):
    proxy = sluice(upstream(), limits=LIMITS, deadlines={"first_byte": "6s", "keepalive": "60s"})
    early = proxy.connect(tls=None)
    clients = [proxy.client() for _ in range(17)]
    for one in clients:
        assert one.get("/bytes/1").status == 200
    late = proxy.connect(tls=None)  # 19 of 20: about a tenth is left above the floor
    assert late.end() == "reset"
    assert 0.5 - wait.TICK <= late.clock.seconds < 3
    assert early.clock.seconds < 6 and early.is_open(), "a live phase keeps its value"
    assert proxy.expired("first_byte") == 1


def test_bodies_do_not_shrink(sluice, upstream):
    proxy = sluice(upstream(), limits=LIMITS, deadlines={"request_body": {"idle": "3s"}})
    idle = [proxy.client() for _ in range(18)]
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 3")
    one.drip(b"abc", every=1)
    assert one.response().status == 200
    assert idle


def test_no_slot_left(sluice, upstream):
    proxy = sluice(upstream(), limits={**LIMITS, "pressure_start": "100%"})
    silent = proxy.connect(tls=None)
    clients = [proxy.client() for _ in range(19)]
    assert clients[0].get("/bytes/1").status == 200
    newcomer = proxy.client()
    assert newcomer.get("/bytes/1").status == 200
    assert silent.end() == "reset"
    assert proxy.metrics().get("sluice_connections") <= 20


def test_all_slots_busy(sluice, upstream):
    """Nobody can go: the newcomer is refused at once, and no exchange is cut."""
    def script(connection):
        connection.request()
        s.sleep(2)
        connection.respond(body=b"done")

    proxy = sluice(upstream(script), limits={**LIMITS, "max_connections": 3, "max_handshaking": 3,
                                             "max_handshaking_per_client": 3})
    busy = [proxy.client().request() for _ in range(3)]
    wait.until(lambda: proxy.now_in("upstream_header") == 3 or proxy.metrics().get("sluice_requests_total") == 3)
    refused = proxy.connect(tls=None)
    assert refused.end() in ("reset", "fin")
    assert refused.clock.seconds < 1.5
    for one in busy:
        assert one.response().body == b"done"
    assert proxy.metrics().get("sluice_connections_refused_total") >= 1


def test_few_descriptors_left(sluice, upstream):
    """Slots for clients are plenty, but each exchange takes a second descriptor."""
    proxy = sluice(upstream(), workers=1, deadlines={"first_byte": "6s", "keepalive": "60s"},
                   limits={**LIMITS, "max_connections": 1000, "max_handshaking": 1000,
                           "max_handshaking_per_client": 1000})
    limit = proxy.n_fds() + 40
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    proxy.reload()  # the share of each worker is worked out anew
    clients = [proxy.client() for _ in range(35)]
    assert clients[0].get("/bytes/1").status == 200
    late = proxy.connect(tls=None)
    assert late.end() == "reset"
    assert late.clock.seconds < 5.2
    assert proxy.expired("first_byte") == 1
