# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_header, an upstream that is silent, that trickles its header, or that sends one 1xx after the
other: 504 after the same time. The 1xx are passed on and extend nothing."""
import pytest

from testenv import wait


def silent(connection):
    connection.request()
    connection.hold()


def trickling(connection):
    connection.request()
    connection.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, every=0.05)


def hinting(connection):
    connection.request()
    for _ in wait.ticks(0.15, n=100):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")


@pytest.mark.parametrize("script", [silent, trickling, hinting])
@pytest.mark.parametrize("body", [None, b"a body"], ids=["get", "post"])
def test_an_upstream_without_an_answer(sluice, upstream, script, body):
    app = upstream(script)
    proxy = sluice(app, deadlines={"upstream_header": "800ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.request("POST" if body else "GET", "/", body=body)
    response = one.response()
    assert response.status == 504
    assert response.has("Proxy-Status")
    wait.at(clock.seconds, 0.8)
    assert bool(response.interim) == (script is hinting)
    proxy.wait_expired("upstream_header")
    assert one.is_open()
    assert len(app.requests) == 1, "a request that was sent is not sent again"
    wait.until(lambda: app.connections[0].ended or script is silent)
