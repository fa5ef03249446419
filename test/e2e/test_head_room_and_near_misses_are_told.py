# SPDX-License-Identifier: Apache-2.0
"""Phases that ended well tell how much of their limit they used; more than 80 % is a near miss."""
from testenv import sluice as s


def test_near_miss(sluice, upstream):
    def script(connection):
        while True:
            request = connection.request()
            if request.target == "/close":
                s.sleep(0.9)
            connection.respond()

    proxy = sluice(upstream(script), deadlines={"upstream_header": "1s"})
    one = proxy.client()
    for target in ("/", "/", "/close"):
        assert one.get(target).status == 200
        s.sleep(0.2)
    metrics = proxy.metrics()
    assert metrics.get("sluice_deadline_near_misses_total", phase="upstream_header") == 1
    assert metrics.get("sluice_deadline_near_misses_total") == 1
    name = "sluice_phase_headroom_ratio"
    assert metrics.get(name + "_count", phase="upstream_header") == 3
    assert metrics.get(name + "_bucket", phase="upstream_header", le="0.8") == 2
    assert metrics.get(name + "_bucket", phase="upstream_header", le="1.0") == 3
    assert metrics.get(name + "_count", phase="first_byte") == 1
    assert metrics.get(name + "_count", phase="tls_handshake") == 1
    assert metrics.get(name + "_count", phase="request_start") == 1
    assert metrics.get(name + "_count", phase="request_header") == 3
    assert metrics.get(name + "_count", phase="keepalive") == 2
    proxy.nothing_expired()


def test_of_what_ends_with_the_connection(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"linger": {"idle": "2s", "total": "8s"}})
    one = proxy.client()
    assert one.get("/bytes/1", "Connection: close").status == 200
    s.sleep(1.75)
    one.close()
    proxy.wait_phase("linger", 0)
    metrics = proxy.metrics()
    assert metrics.get("sluice_phase_headroom_ratio_count", phase="linger") == 1
    assert metrics.get("sluice_deadline_near_misses_total", phase="linger") == 1
    assert metrics.get("sluice_phase_headroom_ratio_count", phase="response") == 1
    assert metrics.get("sluice_deadline_near_misses_total") == 1
    proxy.nothing_expired()


def test_of_the_rest_of_a_refused_upload(sluice, upstream):
    def script(connection):
        while True:
            connection.head()
            connection.respond(401)
            connection.wait_end()

    proxy = sluice(upstream(script))
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 1000")
    assert one.response().status == 401
    proxy.wait_phase("linger")
    one.send(bytes(1000))
    proxy.wait_phase("keepalive")
    assert proxy.metrics().get("sluice_phase_headroom_ratio_count", phase="linger") == 1


def test_one_that_was_cut_is_none(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "300ms"})
    assert proxy.connect(tls=None).end() == "reset"
    metrics = proxy.metrics()
    assert metrics.get("sluice_deadline_near_misses_total", phase="first_byte") == 0
    assert metrics.get("sluice_phase_headroom_ratio_count", phase="first_byte") == 0
