# SPDX-License-Identifier: Apache-2.0
"""SIGINT drains like SIGTERM; the second one ends at once."""
import signal

from testenv import message, sluice as s, wait


def test_sigint_twice_ends_at_once(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in wait.ticks(0.1):
            connection.send(message.chunk(b"x"))

    proxy = sluice(upstream(script))
    one = proxy.client().request()
    assert one.reader.head().status == 200
    proxy.signal(signal.SIGINT)
    wait.until(lambda: not s.listens(proxy.port), what="the listener to be closed")
    s.sleep(0.5)
    assert proxy.process.poll() is None
    assert one.is_open()
    clock = wait.Stopwatch()
    proxy.signal(signal.SIGINT)
    proxy.wait_exit()
    assert clock.seconds < 3
    assert one.end() != "close_notify"
