# SPDX-License-Identifier: Apache-2.0
"""Kept connections serve the next request, of whichever client; max_idle and keepalive: false bound them."""
import pytest

from testenv import wait


def test_by_several_clients(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    for _ in range(5):
        with proxy.client() as one:
            assert one.get("/bytes/10").status == 200
    assert len(app.connections) == 1
    metrics = proxy.metrics()
    assert metrics.get("sluice_upstream_connects_total") == 1
    assert metrics.get("sluice_upstream_reuses_total") == 4


@pytest.mark.parametrize("target", ["/bytes/100", "/bytes/100000", "/chunked/0", "/chunked/100",
                                    "/chunked/100000", "/status/204", "/status/304"])
def test_after_every_framing(sluice, upstream, target):
    app = upstream()
    one = sluice(app).client()
    for _ in range(5):
        one.get(target)
    assert len(app.connections) == 1


def test_a_clients_connection_close_is_its_own(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    for _ in range(3):
        proxy.client().get("/bytes/10", "Connection: close")
    assert len(app.connections) == 1


def test_the_upstreams_connection_close_is_honoured(sluice, upstream):
    def script(connection):
        connection.request()
        connection.respond(200, "Connection: close", body=b"once")

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client()
    for _ in range(3):
        response = one.get()
        assert response.body == b"once" and (response.get("Connection") or "") != "close"
    assert len(app.connections) == 3
    assert proxy.metrics().get("sluice_upstream_retries_total") == 0


def test_keepalive_false(sluice, upstream):
    app = upstream()
    one = sluice({"endpoints": [app], "keepalive": False}).client()
    for _ in range(3):
        assert one.get("/bytes/10").status == 200
    assert len(app.connections) == 3
    assert all(request.get("Connection") == "close" for request in app.requests)


def test_max_idle(sluice, upstream):
    import threading
    go = threading.Event()

    def script(connection):
        while True:
            connection.request()
            go.wait(5)
            connection.respond()

    app = upstream(script)
    proxy = sluice({"endpoints": [app], "max_idle": 2})
    clients = [proxy.client().request() for _ in range(5)]
    app.wait_requests(5)
    go.set()
    for one in clients:
        assert one.response().status == 200
    wait.until(lambda: sum(connection.ended is not None for connection in app.connections) == 3)
    metrics = proxy.metrics()
    assert metrics.get("sluice_endpoint_idle_connections") == 2
