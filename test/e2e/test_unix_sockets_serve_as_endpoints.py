# SPDX-License-Identifier: Apache-2.0
"""An upstream behind a unix socket; and one that is not there."""
import os
import socket
import tempfile

from testenv import wait


def test_unix(sluice, upstream):
    with tempfile.TemporaryDirectory() as folder:
        app = upstream(unix=os.path.join(folder, "app.sock"))
        proxy = sluice(app)
        one = proxy.client()
        assert len(one.get("/bytes/300000").body) == 300000
        assert one.request("POST", "/echo", body=b"abc").response().body.endswith(b"abc")
        assert len(app.connections) == 1
        assert proxy.wait_access(2)[0]["endpoint"] == app.endpoint


def test_nobody_there(sluice, tmp_path):
    proxy = sluice("unix:/nonexistent/sluice.sock")
    assert proxy.client().get().status == 502
    wait.until(proxy.access)


def crowded(folder):
    """A unix socket whose backlog is full: its listener, and the callers that fill it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(folder, "app.sock"))
    listener.listen(0)
    callers = []
    while True:
        caller = socket.socket(socket.AF_UNIX)
        caller.setblocking(False)
        callers.append(caller)
        try:
            caller.connect(listener.getsockname())
        except BlockingIOError:
            return listener, callers


def test_a_full_backlog_is_awaited(sluice):
    with tempfile.TemporaryDirectory() as folder:
        listener, callers = crowded(folder)
        proxy = sluice("unix:" + listener.getsockname(), deadlines={"upstream_connect": "20s"})
        one = proxy.client().request()
        wait.until(lambda: proxy.now_in("upstream_connect") == 1)
        for caller in callers:
            caller.close()
        while True:  # the callers are gone; the next who waits is sluice
            connection, _ = listener.accept()
            if connection.recv(10000):
                break
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert one.response().body == b"ok"
        listener.close()


def test_a_backlog_that_stays_full_is_504_at_upstream_connect(sluice):
    with tempfile.TemporaryDirectory() as folder:
        listener, callers = crowded(folder)
        proxy = sluice("unix:" + listener.getsockname(), deadlines={"upstream_connect": "500ms"})
        one = proxy.client().request()
        assert one.response().status == 504
        assert proxy.expired("upstream_connect") == 1
        assert callers
        listener.close()
