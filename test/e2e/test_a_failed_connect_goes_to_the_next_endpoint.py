# SPDX-License-Identifier: Apache-2.0
"""Nobody listens at one endpoint: the next serves the request, whatever its method, for nothing was sent; all of them
down is 502."""
from testenv import ports, wait
from testenv.upstream import pattern


def test_the_next(sluice, upstream):
    app = upstream()
    proxy = sluice([f"127.0.0.1:{ports.free_port()}", app])
    one = proxy.client()
    for _ in range(6):
        response = one.request("POST", "/echo", body=b"only once").response()
        assert response.body.endswith(b"only once")
    assert len(app.requests) == 6
    assert proxy.metrics().get("sluice_upstream_connect_failures_total") >= 1


def test_with_a_large_body(sluice, upstream):
    app = upstream()
    one = sluice([f"127.0.0.1:{ports.free_port()}", app]).client()
    for _ in range(2):
        data = pattern(3_000_000)
        assert b"3000000" in one.request("PUT", "/hash", body=data).response().body


def test_all_down(sluice):
    proxy = sluice([f"127.0.0.1:{ports.free_port()}", f"127.0.0.1:{ports.free_port()}"])
    one = proxy.client()
    response = one.get()
    assert response.status == 502
    assert "connection_refused" in response.get("Proxy-Status")
    assert one.get().status == 502
    line = proxy.wait_access(2)[0]
    assert line["cause"] == {"phase": "upstream_connect", "side": "upstream", "error": "refused"}


def test_it_comes_back(sluice, upstream):
    port = ports.free_port()
    proxy = sluice(f"127.0.0.1:{port}")
    one = proxy.client()
    assert one.get("/bytes/1").status == 502
    upstream(port=port)
    wait.until(lambda: one.get("/bytes/1").status == 200)
