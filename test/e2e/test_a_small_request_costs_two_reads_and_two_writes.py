# SPDX-License-Identifier: Apache-2.0
"""On connections that rest: one read and one write on the client's side, one of each on the upstream's; a response's head
and body leave together. No call is wasted to find out that there is nothing more."""
import pytest

from testenv import faults

N = 50


def answer_at_once(connection):
    while connection.head():
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000))


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_small_requests(sluice, upstream, tmp_path, tls):
    counter = faults.Faults(tmp_path)
    with sluice(upstream(answer_at_once), tls=tls, environ=counter.environment).client() as one:
        for _ in range(2):  # from now on its connection to the upstream is one that is reused
            assert one.get("/").status == 200
        counter.count("read", "write")
        for _ in range(N):
            assert one.get("/").status == 200
        assert (counter.n_seen("read"), counter.n_seen("write")) == (2 * N, 2 * N)
