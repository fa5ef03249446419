# SPDX-License-Identifier: Apache-2.0
"""Deadline request_start, a client that is silent: close_notify, then the end."""
from testenv import wait


def test_a_client_silent_after_its_handshake_is_gone_at_request_start(sluice, upstream):
    app = upstream()
    proxy = sluice(app, deadlines={"request_start": "500ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    assert one.end() == "close_notify"
    wait.at(clock.seconds + 0.05, 0.5)
    proxy.wait_expired("request_start")
    assert bytes(one.reader.buffer) == b""
    assert not app.connections
