# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_body, an upstream that falls silent or trickles within its body: the client sees that the
response is cut; it is never made to look complete."""
import pytest

from testenv import message, wait

HEADS = {"length": b"Content-Length: 100\r\n\r\n",
         "chunked": b"Transfer-Encoding: chunked\r\n\r\n",
         "eof": b"Connection: close\r\n\r\n"}


def cut(one, status=200):
    with pytest.raises(message.Cut) as caught:
        one.response()
    assert caught.value.message.status == status
    assert not caught.value.message.is_complete
    assert one.ended in ("reset", "fin"), "the end looks clean"
    return caught.value.message


@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_silent(sluice, upstream, framing, tls):
    def script(connection):
        connection.head()
        body = message.chunk(b"some") if framing == "chunked" else b"some"
        connection.send(b"HTTP/1.1 200 OK\r\n" + HEADS[framing] + body)
        connection.hold()

    proxy = sluice(upstream(script), tls=tls, deadlines={"upstream_body": {"idle": "700ms"}})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.request()
    assert cut(one).body == b"some"
    wait.at(clock.seconds, 0.7)
    proxy.wait_expired("upstream_body")


def test_trickling(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        connection.drip(b"x" * 1000, every=0.05)

    pace = {"idle": "20s", "min_rate": "1KiB/s", "window": "1s"}
    proxy = sluice(upstream(script), deadlines={"upstream_body": pace})
    one = proxy.client()
    clock = wait.Stopwatch()
    one.request()
    cut(one)
    wait.at(clock.seconds, 0.85)
    proxy.wait_expired("upstream_body")
