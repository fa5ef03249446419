# SPDX-License-Identifier: Apache-2.0
"""An upstream behind a unix socket; and one that is not there."""
import os
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
