# SPDX-License-Identifier: Apache-2.0
"""Deadline tunnel: nobody says anything, both sides are closed."""
from testenv import tunnel, wait


def test_an_idle_tunnel_is_closed(sluice, upstream):
    app = upstream(tunnel.echo)
    proxy = sluice(app, deadlines={"tunnel": {"idle": "800ms"}})
    one = tunnel.switch(proxy.client())
    one.send(b"ping")
    assert tunnel.read(one, 4) == b"ping"
    clock = wait.Stopwatch()
    assert one.end()
    wait.at(clock.seconds, 0.8)
    wait.until(lambda: app.connections[0].ended, what="the upstream's side to be closed")
    proxy.wait_expired("tunnel")
