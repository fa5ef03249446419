# SPDX-License-Identifier: Apache-2.0
"""max_queue: who finds the queue full is told at once, and those in it are not disturbed."""
from testenv import sluice as s, wait


def test_a_full_queue_is_answered_503_at_once(sluice, upstream):
    def script(connection):
        while True:
            request = connection.request()
            if request.target == "/first":
                s.sleep(2)
            connection.respond()

    app = upstream(script)
    proxy = sluice({"endpoints": [{"address": app, "max_connections": 1}], "max_queue": 1})
    first = proxy.client().request("GET", "/first")
    app.wait_requests(1)
    queued = proxy.client().request("GET", "/queued")
    wait.until(lambda: proxy.metrics().get("sluice_upstream_queued_total") == 1)
    clock = wait.Stopwatch()
    refused = proxy.client().get("/refused")
    assert refused.status == 503 and refused.has("Retry-After")
    assert clock.seconds < 1.5
    assert first.response().status == queued.response().status == 200
    assert [request.target for request in app.requests] == ["/first", "/queued"]
    proxy.nothing_expired()
