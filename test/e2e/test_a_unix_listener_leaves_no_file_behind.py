# SPDX-License-Identifier: Apache-2.0
"""A listener on a unix path, shared by the workers: served, replaced after a crash, refused while somebody listens,
removed when it is no longer listened to."""
import os
import signal
import socket
import tempfile

import pytest

from testenv import client, sluice as s, wait


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory() as folder:
        yield os.path.join(folder, "l.sock")


def proxy_at(sluice, upstream, path):
    proxy = sluice(upstream(), is_ready=False, workers=2, tls="off", listener={"address": f"unix:{path}"})
    proxy.wait_ready()
    return proxy


def test_served_and_removed(sluice, upstream, path):
    proxy = proxy_at(sluice, upstream, path)
    for _ in range(20):
        with client.Client(path) as one:
            assert one.get("/bytes/10").status == 200
    proxy.signal(signal.SIGTERM)
    assert proxy.wait_exit() == 0
    assert not os.path.exists(path)


def test_a_reload_moves_it(sluice, upstream, path):
    proxy = proxy_at(sluice, upstream, path)
    proxy.reload()
    with client.Client(path) as one:
        assert one.get("/bytes/10").status == 200
    proxy.reload(lambda config: config["listeners"][0].update(address=f"unix:{path}.2"))
    wait.until(lambda: not os.path.exists(path), what="the old path to be gone")
    with client.Client(path + ".2") as one:
        assert one.get("/bytes/10").status == 200


def test_left_over_by_a_crash(sluice, upstream, path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    proxy_at(sluice, upstream, path)
    with client.Client(path) as one:
        assert one.get("/bytes/10").status == 200


def test_in_use(sluice, upstream, path):
    proxy = proxy_at(sluice, upstream, path)
    done = s.run("run", "-c", proxy.config_path, folder=proxy.folder)
    assert done.returncode == 2
    assert "listeners[0].address" in done.stderr and "status.address" in done.stderr
    with client.Client(path) as one:
        assert one.get("/bytes/10").status == 200
