# SPDX-License-Identifier: Apache-2.0
"""Bytes that an upstream sends on a resting connection answer no request (RFC 9112 9.2), also when they and the next
client's request arrive in the same moment."""
import threading

import pytest

from testenv import sluice as s


@pytest.mark.parametrize("what", [b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nstolen!",
                                  b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                  b"Content-Length: 0\r\n\r\n"], ids=["poison", "408"])
@pytest.mark.parametrize("order", ["bytes_first", "request_first"])
def test_it_is_not_passed_on(sluice, upstream, order, what):
    go = threading.Event()

    def script(connection):
        connection.request()
        connection.respond(body=b"wanted")
        if connection.number == 0:
            go.wait(10)
            connection.send(what)
            connection.hold()
        connection.request()

    proxy = sluice(upstream(script), tls="off")
    one, other = proxy.client(), proxy.client()
    assert one.get().body == b"wanted"
    proxy.freeze()
    if order == "bytes_first":
        go.set()
        s.sleep(0.2)
    other.request()
    s.sleep(0.1)
    go.set()
    s.sleep(0.2)
    proxy.thaw()
    response = other.response()
    assert response.status == 200 and response.body == b"wanted"
