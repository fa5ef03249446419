# SPDX-License-Identifier: Apache-2.0
"""Deadline request_body once a response has begun: there can be no 408, so the response is visibly cut."""
import pytest

from testenv import message, wait


def test_an_upload_stalled_after_the_response_began(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        message.chunk(b"begun"))
        connection.wait_end()

    proxy = sluice(upstream(script), deadlines={"request_body": {"idle": "700ms"}})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.request("POST", "/", "Content-Length: 100")
    one.send(b"x" * 10)
    with pytest.raises(message.Cut) as cut:
        one.response()
    wait.at(clock.seconds, 0.7)
    assert cut.value.message.status == 200
    assert cut.value.message.body == b"begun"
    assert one.ended != "close_notify"
    proxy.wait_expired("request_body")
