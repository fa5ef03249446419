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


def test_one_that_was_cut_is_none(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "300ms"})
    assert proxy.connect(tls=None).end() == "reset"
    metrics = proxy.metrics()
    assert metrics.get("sluice_deadline_near_misses_total", phase="first_byte") == 0
    assert metrics.get("sluice_phase_headroom_ratio_count", phase="first_byte") == 0
