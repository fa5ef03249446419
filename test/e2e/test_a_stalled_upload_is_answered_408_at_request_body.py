# SPDX-License-Identifier: Apache-2.0
"""Deadline request_body, a client that falls silent: 408, a lingering close, and the upstream's connection is
dropped, never completed."""
import pytest

from testenv import wait

BODIES = {"length": (b"Content-Length: 1000\r\n\r\n", b"x" * 100),
          "chunked": (b"Transfer-Encoding: chunked\r\n\r\n", b"64\r\n" + b"x" * 100 + b"\r\n")}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("start", [True, False], ids=["some_bytes", "none"])
def test_a_stalled_upload_is_answered_408(sluice, upstream, kind, start):
    ends = []

    def script(connection):
        connection.head()
        ends.append(connection.wait_end())

    app = upstream(script)
    proxy = sluice(app, deadlines={"request_body": {"idle": "600ms"}})
    one = proxy.client()
    framing, body = BODIES[kind]
    clock = wait.Stopwatch()
    one.send(b"POST /hash HTTP/1.1\r\nHost: localhost\r\n" + framing + (body if start else b""))
    response = one.response()
    assert response.status == 408
    assert response.get("Connection") == "close"
    wait.at(clock.seconds, 0.6)
    assert one.end() in ("close_notify", "fin")
    proxy.wait_expired("request_body")
    if app.connections:
        wait.until(lambda: ends, what="the upstream's connection to be dropped")
        assert not app.received.endswith(b"\r\n0\r\n\r\n"), "the request was made to look complete"
