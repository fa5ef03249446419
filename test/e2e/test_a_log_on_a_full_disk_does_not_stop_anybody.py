# SPDX-License-Identifier: Apache-2.0
"""The disk is full (/dev/full): requests are served as before, every line that could not be written is counted, and when there is
room again (SIGUSR1) lines are written again."""
import os
import signal

import pytest

from testenv import wait

N = 300


def lost(proxy, log, reason="failed"):
    return proxy.metrics().get("sluice_log_lines_lost_total", log=log, reason=reason)


@pytest.fixture
def on_full_disk(sluice, upstream, tmp_path):
    """start(log): sluice whose `log` or `access_log` leads to /dev/full, and the link that does."""
    def start(log):
        path = tmp_path / "full.log"
        os.symlink("/dev/full", path)
        return sluice(upstream(keeps_bytes=False), **{log: {"path": str(path)}}), path
    return start


def serve_many(proxy):
    slowest = 0
    with proxy.client() as one:
        for _ in range(N):
            clock = wait.Stopwatch()
            assert one.get("/bytes/10").status == 200
            slowest = max(slowest, clock.seconds)
    assert slowest < 2 * wait.PATIENCE


def test_the_access_log(on_full_disk):
    proxy, path = on_full_disk("access_log")
    serve_many(proxy)
    wait.until(lambda: lost(proxy, "access") == N, what="every line to be counted")
    assert lost(proxy, "access", "dropped") == 0
    assert proxy.metrics().get("sluice_requests_total") == N
    path.unlink()
    proxy.signal(signal.SIGUSR1)
    wait.until(path.exists)
    assert proxy.client().get("/bytes/1").status == 200
    wait.until(lambda: path.read_text().count("\n") == 1, what="one line, the last one")
    assert lost(proxy, "access") == N


def test_the_error_log(on_full_disk):
    proxy, path = on_full_disk("log")
    serve_many(proxy)
    proxy.connect(tls=None).reset()  # its end is told there
    wait.until(lambda: lost(proxy, "error") >= 1, what="a line to be counted")
    wait.until(lambda: len(proxy.access()) == N, what="the access log, which is not concerned")
    assert lost(proxy, "access") == 0
    path.unlink()
    proxy.signal(signal.SIGUSR1)
    wait.until(path.exists)
    proxy.connect(tls=None).reset()
    wait.until(lambda: "connection ended before a request" in path.read_text())
    assert proxy.client().get("/bytes/1").status == 200


def test_both_and_a_reload(on_full_disk):
    proxy, path = on_full_disk("access_log")
    proxy.reload(lambda config: config.update(log={"path": str(path)}))
    serve_many(proxy)
    wait.until(lambda: lost(proxy, "access") == N)
    assert proxy.client().get("/bytes/1").status == 200
