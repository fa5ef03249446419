# SPDX-License-Identifier: Apache-2.0
"""Deadline response, a client that reads nothing: RST. What counts is what its kernel acknowledged, so a
response that sluice's own socket buffer has swallowed whole does not hide it."""
import pytest

from testenv import wait


@pytest.mark.parametrize("size", [100_000_000, 300_000], ids=["huge", "all_in_the_socket"])
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_a_client_that_does_not_read(sluice, upstream, size, tls):
    ends = []

    def script(connection):
        connection.head()
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        block = bytes(100_000)
        try:
            for _ in range(size // len(block)):
                connection.send(block)
            connection.recv()
        finally:
            ends.append(connection.ended)

    proxy = sluice(upstream(script), tls=tls, deadlines={"response": {"stall": "800ms"}})
    one = proxy.client(rcvbuf=4096)
    clock = wait.Stopwatch()
    one.request("GET", "/")
    wait.until(lambda: proxy.expired("response") == 1)
    wait.at(clock.seconds, 0.8, slack=3)
    if size > 1_000_000:
        proxy.wait_cause("response")
    else:  # to sluice the exchange was over
        proxy.wait_cut("response")
    assert one.end() == "reset"
    if size > 1_000_000:
        wait.until(lambda: ends, what="the upstream's connection to be dropped")
