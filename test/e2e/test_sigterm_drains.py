# SPDX-License-Identifier: Apache-2.0
"""Deadline drain: SIGTERM closes who is between two requests, lets exchanges finish, and cuts what is left in the
end."""
import signal

import pytest

from testenv import message, sluice as s, wait


def slow(connection):
    connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(15):
        s.sleep(0.1)
        connection.send(message.chunk(b"x"))
    connection.send(message.LAST_CHUNK)


def test_an_exchange_may_finish(sluice, upstream):
    proxy = sluice({"endpoints": [upstream(slow)]}, deadlines={"drain": "10s"})
    busy, idle, fresh, silent = proxy.client(), proxy.client(), proxy.client(), proxy.connect()
    assert idle.get().body == b"x" * 15
    busy.request()
    assert busy.reader.head().status == 200
    proxy.signal(signal.SIGTERM)
    clock = wait.Stopwatch()
    assert idle.end() == "close_notify"
    assert fresh.end() in ("close_notify", "fin")
    assert silent.end() in ("fin", "reset")
    assert clock.seconds < 1
    wait.until(lambda: not s.listens(proxy.port), what="the listener to be closed")
    whole = bytearray()
    while busy.reader.more():
        pass
    whole = bytes(busy.reader.buffer)
    assert whole.endswith(b"0\r\n\r\n") and whole.count(b"x") == 15
    assert busy.ended == "close_notify"
    assert proxy.wait_exit() == 0
    assert clock.seconds < 5


def test_the_response_says_close(sluice, upstream):
    def script(connection):
        connection.request()
        s.sleep(1)
        connection.respond(body=b"done")

    proxy = sluice(upstream(script))
    one = proxy.client().request()
    wait.until(lambda: proxy.now_in("upstream_header") == 1)
    proxy.signal(signal.SIGTERM)
    response = one.response()
    assert response.body == b"done"
    assert response.get("Connection") == "close"
    assert proxy.wait_exit() == 0


def test_what_is_left_is_cut(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in wait.ticks(0.1):
            connection.send(message.chunk(b"x"))

    proxy = sluice(upstream(script), deadlines={"drain": "1s"})
    one = proxy.client().request()
    assert one.reader.head().status == 200
    proxy.signal(signal.SIGTERM)
    clock = wait.Stopwatch()
    assert proxy.wait_exit() == 0
    wait.at(clock.seconds, 1, slack=3)
    assert one.end() != "close_notify"
    with pytest.raises(AssertionError):
        assert bytes(one.reader.buffer).endswith(b"0\r\n\r\n")
    assert "drain" in proxy.log()
