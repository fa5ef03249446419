# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_queue: no connection slot gets free: 503 with Retry-After."""
from testenv import wait


def test_a_request_that_finds_no_slot(sluice, upstream):
    def script(connection):
        connection.head()
        connection.hold()

    app = upstream(script)
    proxy = sluice({"endpoints": [{"address": app, "max_connections": 1}]},
                   deadlines={"upstream_queue": "600ms"})
    first = proxy.client().request()
    app.wait_requests(1)
    second = proxy.client()
    clock = wait.Stopwatch()
    response = second.get()
    assert response.status == 503
    assert int(response.get("Retry-After")) >= 0
    assert response.has("Proxy-Status")
    wait.at(clock.seconds, 0.6)
    proxy.wait_expired("upstream_queue")
    assert first.is_open()
    assert len(app.requests) == 1
    assert second.is_open(), "its framing was intact: the connection may go on"
