# SPDX-License-Identifier: Apache-2.0
"""Round robin by weights, least connections, and an endpoint of weight 0."""
import re
import threading

import pytest

from testenv import sluice as s, wait


def count(apps):
    return [len(app.requests) for app in apps]


def test_round_robin(sluice, upstream):
    apps = [upstream() for _ in range(3)]
    one = sluice(apps).client()
    for _ in range(9):
        assert one.get("/bytes/1").status == 200
    assert count(apps) == [3, 3, 3]


def test_weights(sluice, upstream):
    apps = [upstream(), upstream()]
    one = sluice([{"address": apps[0], "weight": 3}, {"address": apps[1], "weight": 1}]).client()
    for _ in range(12):
        assert one.get("/bytes/1").status == 200
    assert count(apps) == [9, 3]


def test_weight_0(sluice, upstream):
    apps = [upstream(), upstream()]
    one = sluice([{"address": apps[0], "weight": 0}, apps[1]]).client()
    for _ in range(4):
        assert one.get("/bytes/1").status == 200
    assert count(apps) == [0, 4]


def test_least_connections(sluice, upstream):
    go = threading.Event()

    def script(connection):
        while True:
            request = connection.request()
            if request.target == "/hold":
                go.wait(10)
            connection.respond()

    apps = [upstream(script), upstream(script)]
    proxy = sluice({"endpoints": apps, "balance": "least_connections"})
    held = []
    for i in range(4):
        held.append(proxy.client().request("GET", "/hold"))
        wait.until(lambda n=i + 1: sum(count(apps)) == n)
    assert count(apps) == [2, 2]
    go.set()
    for one in held:
        one.response()
    go.clear()
    # One of them busy: the other gets everything.
    busy = proxy.client().request("GET", "/hold")
    wait.until(lambda: sum(count(apps)) == 5)
    before = count(apps)
    one = proxy.client()
    for _ in range(4):
        assert one.get("/").status == 200
    after = count(apps)
    assert sorted(b - a for a, b in zip(before, after)) == [0, 4]
    go.set()
    assert busy.response().status == 200


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_max_connections_is_kept(sluice, upstream, workers):
    go = threading.Event()

    def script(connection):
        while True:
            connection.request()
            go.wait(10)
            connection.respond()

    app = upstream(script)
    proxy = sluice([{"address": app, "max_connections": 3}], workers=workers,
                   deadlines={"upstream_queue": "20s"})
    clients = [proxy.client().request() for _ in range(24)]
    app.wait_requests(3)
    wait.until(lambda: proxy.metrics().get("sluice_upstream_queue_length") == 21)
    assert len(app.connections) == 3
    go.set()
    for one in clients:
        assert one.response().status == 200
    assert len(app.connections) == 3


def test_a_limit_that_some_worker_would_have_no_share_of_is_refused(tmp_path):
    (tmp_path / "sluice.yaml").write_text(
        "workers: 4\nstatus: off\nlisteners: [{address: '127.0.0.1:0', tls: off}]\n"
        "upstreams:\n  - name: app\n    endpoints:\n"
        "      - {address: '127.0.0.1:1', max_connections: 3}\n")
    done = s.run("check", "-c", tmp_path / "sluice.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert re.search(r"sluice.yaml:7:\d+: upstreams\[0\].endpoints\[0\].max_connections: .*workers: 3",
                     done.stdout + done.stderr)
