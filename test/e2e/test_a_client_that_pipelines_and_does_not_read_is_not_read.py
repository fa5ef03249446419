# SPDX-License-Identifier: Apache-2.0
"""Answers that nobody fetches pile up nowhere: while a client's queue is full, its next request waits unparsed.
So a client that pipelines small requests and reads nothing, or sips, costs no more memory than one that asks for
a large file."""
import pytest

from testenv import sluice as s, wait

MIB = 1 << 20
N_TARGETS = {"refused": b"/nowhere", "empty": b"/status/204", "small": b"/bytes/2000"}


def routes():
    return [{"upstream": "app", "path": path} for path in ("/status", "/bytes", "/hash")]


def pipeline(proxy, target, seconds):
    """Sends as much as is taken. Returns the client and how many bytes of requests left."""
    one = proxy.client(rcvbuf=4096)
    block = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target * 400
    clock, n, rest = wait.Stopwatch(), 0, b""
    while clock.seconds < seconds:
        rest = rest or block
        taken = one.send_some(rest)
        n, rest = n + taken, rest[taken:]
        if not taken:
            s.sleep(0.01)
    return one, n


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("kind", N_TARGETS)
def test_memory(sluice, upstream, kind, tls):
    proxy = sluice(upstream(keeps_bytes=False), routes=routes(), tls=tls,
                   access_log={"path": "/dev/null"}, log={"level": "error"})
    proxy.client().get("/status/200")
    _, n = pipeline(proxy, N_TARGETS[kind], 4 * wait.PATIENCE)
    assert n < 16 * MIB
    assert proxy.process.poll() is None
    out = proxy.metrics().get("sluice_requests_total")
    assert out < 60000, f"{out} answers wait for a client that does not read"


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("kind", N_TARGETS)
def test_goes_on(sluice, upstream, kind, tls):
    """When the client reads after all, everything it asked for is answered."""
    proxy = sluice(upstream(keeps_bytes=False), routes=routes(), tls=tls)
    one, n = pipeline(proxy, N_TARGETS[kind], 1)
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % N_TARGETS[kind]
    for _ in range(min(n // len(request), 3000)):
        assert one.response().status in (200, 204, 404)
