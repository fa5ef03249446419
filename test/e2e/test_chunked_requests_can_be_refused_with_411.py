# SPDX-License-Identifier: Apache-2.0
"""chunked_requests: reject, for applications that do not understand them."""
from testenv import message


def test_reject(sluice, upstream):
    app = upstream()
    proxy = sluice({"endpoints": [app], "chunked_requests": "reject"})
    one = proxy.client()
    one.request("POST", "/hash", "Transfer-Encoding: chunked")
    one.send(message.chunk(b"hello") + message.LAST_CHUNK)
    response = one.response()
    assert response.status == 411 and response.body
    assert not app.requests
    one = proxy.client()
    assert one.request("POST", "/hash", body=b"hello").response().status == 200
    assert one.get("/chunked/100").body


def test_forward(sluice, upstream):
    app = upstream()
    proxy = sluice({"endpoints": [app], "chunked_requests": "forward"})
    one = proxy.client()
    one.request("POST", "/hash", "Transfer-Encoding: chunked")
    one.send(message.chunk(b"hello") + message.LAST_CHUNK)
    assert one.response().status == 200
    assert app.requests[0].is_chunked
