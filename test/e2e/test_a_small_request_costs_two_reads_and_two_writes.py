# SPDX-License-Identifier: Apache-2.0
"""On connections that rest: one read and one write on the client's side, one of each on the upstream's, and one look
whether its connection is still good; a response's head and body leave together. No call is wasted to find out that there
is nothing more, none to be told of other events, to set a timer anew, or to ask the kernel about a socket."""
import pytest

from testenv import faults

N = 50
NEVER = ("epoll_ctl", "setsockopt", "getsockopt", "ioctl", "timerfd_settime", "accept", "socket", "connect")


def answer_at_once(connection):
    while connection.head():
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000))


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_small_requests(sluice, upstream, tmp_path, tls):
    counter = faults.Faults(tmp_path)
    proxy = sluice(upstream(answer_at_once), tls=tls, environ=counter.environment)
    with proxy.client() as one:
        for _ in range(2):  # from now on its connection to the upstream is one that is reused
            assert one.get("/").status == 200
        counter.count("read", "write", "recv", *NEVER)
        for _ in range(N):
            assert one.get("/").status == 200
        assert (counter.n_seen("read"), counter.n_seen("write")) == (2 * N, 2 * N)
        assert counter.n_seen("recv") == N
        assert {call: counter.n_seen(call) for call in NEVER} == dict.fromkeys(NEVER, 0)
    with proxy.client() as another:  # who counts can see them
        assert another.get("/").status == 200
        assert all(counter.n_seen(call) > 0 for call in ("accept", "epoll_ctl", "ioctl"))
