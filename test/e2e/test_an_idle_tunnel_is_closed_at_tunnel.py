# SPDX-License-Identifier: Apache-2.0
"""Deadline tunnel: nobody says anything, or less than a minimum rate, or it is the end of its total: both sides are
closed."""
import pytest

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


@pytest.mark.parametrize("limits, seconds", [({"idle": "9s", "min_rate": "4KiB/s", "window": "1s"}, 0.85),
                                             ({"idle": "1s", "total": "2s"}, 2)], ids=["min_rate", "total"])
def test_trickling(sluice, upstream, limits, seconds):
    proxy = sluice(upstream(tunnel.echo), deadlines={"tunnel": limits})
    one = tunnel.switch(proxy.client())
    clock = wait.Stopwatch()
    one.drip(b"x" * 1000, every=0.1, size=10)
    assert one.end() == "close_notify"
    wait.at(clock.seconds, seconds)
    proxy.wait_expired("tunnel")
