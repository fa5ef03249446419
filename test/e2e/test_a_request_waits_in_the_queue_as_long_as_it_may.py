# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_queue, the lawful side: a slot gets free after far longer than every other deadline; those
who wait are served in their order."""
from testenv import sluice as s, wait


def test_a_request_waits_in_the_queue(sluice, upstream):
    def script(connection):
        while True:
            request = connection.request()
            if request.target == "/first":
                s.sleep(3)
            connection.respond(body=request.target.encode())

    app = upstream(script)
    deadlines = s.every_phase("1s", upstream_queue="8s", upstream_header="8s")
    proxy = sluice({"endpoints": [{"address": app, "max_connections": 1}]}, deadlines=deadlines)
    first = proxy.client().request("GET", "/first")
    app.wait_requests(1)
    waiting = []
    for i in range(3):
        waiting.append(proxy.client().request("GET", f"/{i}"))
        wait.until(lambda n=i + 1: proxy.metrics().get("sluice_upstream_queued_total") == n)
    assert first.response().body == b"/first"
    assert [one.response().body for one in waiting] == [b"/0", b"/1", b"/2"]
    assert [request.target for request in app.requests] == ["/first", "/0", "/1", "/2"]
    proxy.nothing_expired()


def test_one_that_gives_up_leaves_the_queue(sluice, upstream):
    def script(connection):
        while True:
            request = connection.request()
            if request.target == "/first":
                s.sleep(1.5)
            connection.respond()

    app = upstream(script)
    proxy = sluice({"endpoints": [{"address": app, "max_connections": 1}]})
    first = proxy.client().request("GET", "/first")
    app.wait_requests(1)
    quitter = proxy.client().request("GET", "/quitter")
    wait.until(lambda: proxy.metrics().get("sluice_upstream_queued_total") == 1)
    last = proxy.client().request("GET", "/last")
    wait.until(lambda: proxy.metrics().get("sluice_upstream_queued_total") == 2)
    quitter.reset()
    assert first.response().status == 200
    assert last.response().status == 200
    assert [request.target for request in app.requests] == ["/first", "/last"]
