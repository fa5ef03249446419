# SPDX-License-Identifier: Apache-2.0
"""upstream_idle: a kept connection serves the next request, and is closed when it was not used for so long."""
from testenv import sluice as s, wait


def test_kept_and_closed(sluice, upstream):
    app = upstream()
    proxy = sluice(app, deadlines={"upstream_idle": "800ms"})
    one = proxy.client()
    assert one.get("/bytes/1").status == 200
    s.sleep(0.3)
    assert one.get("/bytes/1").status == 200
    clock = wait.Stopwatch()
    assert len(app.connections) == 1
    wait.until(lambda: app.connections[0].ended, what="the unused connection to be closed")
    wait.at(clock.seconds + 0.05, 0.8)
    assert app.connections[0].ended == "fin"
    assert one.get("/bytes/1").status == 200
    assert len(app.connections) == 2
    proxy.nothing_expired()
