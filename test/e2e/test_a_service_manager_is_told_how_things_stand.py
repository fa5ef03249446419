# SPDX-License-Identifier: Apache-2.0
"""NOTIFY_SOCKET, the protocol of sd_notify(3): ready, reloading, ready again, stopping."""
import os
import signal
import socket
import tempfile

import pytest

from testenv import wait


@pytest.fixture
def manager(monkeypatch):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        path = os.path.join(folder, "notify")
        told.bind(path)
        told.settimeout(10 * wait.PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield lambda: told.recv(4096).decode()


def test_from_start_to_end(sluice, upstream, manager):
    proxy = sluice(upstream())
    assert manager() == "READY=1"
    proxy.reload()
    assert manager().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert manager() == "READY=1"
    proxy.signal(signal.SIGTERM)
    assert manager() == "STOPPING=1"
    assert proxy.wait_exit() == 0


def test_a_failed_reload_is_over_too(sluice, upstream, manager):
    proxy = sluice(upstream())
    assert manager() == "READY=1"
    proxy.config_path.write_text("nonsense: 1\n")
    proxy.signal(signal.SIGHUP)
    assert manager().startswith("RELOADING=1")
    assert manager() == "READY=1"
    assert proxy.generation() == 1


def test_one_that_is_not_there(sluice, upstream, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    assert sluice(upstream()).client().get("/bytes/1").status == 200
