# SPDX-License-Identifier: Apache-2.0
"""One request pays for finding out that an endpoint is down, not every other one; fail_timeout later it is tried
again, and takes its turn once it answers."""
from testenv import wait


def passed_over(proxy):
    return [endpoint["passed_over_by"] for endpoint in proxy.status()["upstreams"][0]["endpoints"]]


def test_one_request_waits(sluice, upstream, black_hole):
    app = upstream()
    proxy = sluice([black_hole, app], deadlines={"upstream_connect": "500ms"})
    one = proxy.client()
    for _ in range(8):
        assert one.get("/bytes/1").status == 200
    assert len(app.requests) == 8
    assert proxy.expired("upstream_connect") == 1
    assert passed_over(proxy) == [1, 0]
    assert proxy.metrics().get("sluice_endpoint_passed_over_workers", upstream="app",
                               endpoint=black_hole.endpoint) == 1
    proxy.wait_log(f"endpoint {black_hole.endpoint} is passed over")


def test_it_is_tried_again(sluice, upstream, black_hole):
    app = upstream()
    proxy = sluice({"endpoints": [black_hole, app], "fail_timeout": "300ms"}, deadlines={"upstream_connect": "500ms"})
    one = proxy.client()
    assert one.get("/bytes/1").status == one.get("/bytes/1").status == 200
    assert proxy.expired("upstream_connect") >= 1
    back = upstream(black_hole=black_hole)
    wait.until(lambda: one.get("/bytes/1").status == 200 and back.requests, 20, "the endpoint to be tried again")
    proxy.wait_log(f"endpoint {black_hole.endpoint} works again")
    assert passed_over(proxy) == [0, 0]
    n = len(back.requests)
    for _ in range(4):
        assert one.get("/bytes/1").status == 200
    assert len(back.requests) == n + 2  # each its turn


def test_off(sluice, upstream, black_hole):
    app = upstream()
    proxy = sluice({"endpoints": [black_hole, app], "fail_timeout": "off"}, deadlines={"upstream_connect": "200ms"})
    one = proxy.client()
    for _ in range(4):
        assert one.get("/bytes/1").status == 200
    assert proxy.expired("upstream_connect") == 2
    assert passed_over(proxy) == [0, 0]
