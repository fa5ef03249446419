# SPDX-License-Identifier: Apache-2.0
"""A client that waits for 100 and gets a final response instead need not send its body any more (RFC 9110
10.1.1). request_body does not charge it while the response streams, unless it begins to send after all."""
from testenv.message import Cut

import pytest


def script(connection):
    connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    connection.drip(b"x" * 40, 0.1)


def start(sluice, upstream):
    proxy = sluice(upstream(script), deadlines={"request_body": {"idle": "1s"}})
    return proxy, proxy.client().request("PUT", "/", "Expect: 100-continue", "Content-Length: 100")


def test_it_sends_none(sluice, upstream):
    proxy, one = start(sluice, upstream)
    response = one.response()
    assert response.status == 200 and response.body == b"x" * 40
    assert response.get("Connection") == "close"
    proxy.nothing_expired()


def test_it_begins_and_stalls(sluice, upstream):
    proxy, one = start(sluice, upstream)
    one.send(b"y")
    with pytest.raises(Cut):
        one.response()
    proxy.wait_expired("request_body")
