# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_connect: 504 if there is no other endpoint, else the next one serves the request."""
from testenv import wait


def test_alone(sluice, black_hole):
    proxy = sluice(black_hole, deadlines={"upstream_connect": "700ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    response = one.get()
    assert response.status == 504
    assert "connection_timeout" in response.get("Proxy-Status")
    wait.at(clock.seconds, 0.7)
    proxy.wait_expired("upstream_connect")
    assert one.is_open()


def test_with_another_that_answers(sluice, upstream, black_hole):
    app = upstream()
    proxy = sluice([black_hole, app], deadlines={"upstream_connect": "500ms"})
    one = proxy.client()
    for _ in range(2):  # whichever is the first in turn
        assert one.request("POST", "/echo", body=b"sent once").response().body.endswith(b"sent once")
    assert proxy.expired("upstream_connect") >= 1
    assert len(app.requests) == 2
