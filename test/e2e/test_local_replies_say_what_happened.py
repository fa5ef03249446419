# SPDX-License-Identifier: Apache-2.0
"""What sluice answers itself is small, says what happened, to people and to machines (Proxy-Status, RFC 9209), and keeps
the connection where the next request can be found."""
import re

import pytest

from testenv import ports

TOKEN = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"  # RFC 8941 section 3.3.4
ITEM = re.compile(rf'({TOKEN}|"[^"\\]*")((?:; *[a-z_]+=(?:{TOKEN}|"[^"\\]*"))*)')


@pytest.mark.parametrize("name", ["sluice", "edge.1", "9th", "-", "_x"])
def test_to_machines(sluice, name):
    proxy = sluice(f"127.0.0.1:{ports.free_port()}", forwarding={"via": name})
    status = ITEM.fullmatch(proxy.client().get().get("Proxy-Status"))
    assert status and status[1].strip('"') == name
    assert "error=connection_refused" in status[2]


def test_to_people_and_goes_on(sluice, upstream):
    app = upstream()
    proxy = sluice(app, routes=[{"path": "/here", "upstream": "app", "max_body": "10B"}])
    one = proxy.client()
    kept = [("GET", "/elsewhere", b"", 404), ("POST", "/elsewhere", b"x" * 1000, 404), ("GET", "/here", b"", 200),
            ("POST", "/here", b"x" * 11, 413), ("HEAD", "/elsewhere", b"", 404), ("GET", "/here", b"", 200)]
    for method, path, body, status in kept:
        response = one.request(method, path, body=body or None).response(method=method)
        assert response.status == status and response.get("Connection") is None, path
        if status != 200:
            assert method == "HEAD" or response.body.startswith(b"%d " % status)
            assert 0 < int(response.get("Content-Length")) < 400
            assert ITEM.fullmatch(response.get("Proxy-Status"))
    assert [request.target for request in app.requests] == ["/here", "/here"]
