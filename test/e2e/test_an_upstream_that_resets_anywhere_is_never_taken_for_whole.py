# SPDX-License-Identifier: Apache-2.0
"""An upstream resets after each byte of the request that it reads, and after each byte of the response that it sends, in every
framing, behind hints, on new connections and on kept ones, and of an upgrade: the client gets the whole right answer, a 502, or a
visible cut, and never a part that ends like a whole."""
import pytest

from testenv import faults, tunnel, upstream as u, wait

BODY = b"some bytes of a body"
HEAD = b"HTTP/1.1 200 OK\r\nX: y\r\n"
RESPONSES = {
    "length": HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n%s\r\nf;x=y\r\n%s\r\n0\r\nT: u\r\n\r\n" % (BODY[:5], BODY[5:]),
    "until_close": HEAD + b"Connection: close\r\n\r\n" + BODY,
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HEAD +
             b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
}
REQUEST_BODY = "5\r\nhello\r\n3\r\nyou\r\n0\r\nT: u\r\n\r\n"


def script(connection):
    """/sent/FRAMING/K: K bytes of that response, then a reset."""
    while True:
        try:
            head = connection.head()
        except AssertionError:
            return
        words = head.target.split("/")
        if words[1] == "sent":
            connection.reader.body(head)
            connection.send(RESPONSES[words[2]][:int(words[3])])
            connection.reset()
        u.serve(connection, head)


class Breaker:
    """Resets when it has read k bytes, without looking at them."""

    def __init__(self, k):
        self.k = k

    def __call__(self, connection):
        n = 0
        while n < self.k:
            block = connection.recv(self.k - n)
            if not block:
                return
            n += len(block)
        connection.reset()


def look(one, line):
    response = faults.visible_end(one)
    if response is None:
        return "cut"
    if response.status == 502:
        return "502"
    assert response.status == 200, line
    assert response.body == BODY, f"{line}: a part ended like a whole: {response.body}, {one.ended}"
    return "whole"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("framing", RESPONSES)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
def test_within_the_response(sluice, upstream, framing, version, tls, is_kept):
    app = upstream(script, keeps_bytes=False)
    proxy = sluice({"endpoints": [app]}, tls=tls, deadlines={"upstream_idle": "2s"})
    n_fds = faults.fresh_baseline(proxy)
    seen = {}
    for k in range(len(RESPONSES[framing]) + 1):
        target = f"/sent/{framing}/{k}"
        with proxy.client() as one:
            if is_kept:  # its answer came on a connection that is now reused
                assert one.get("/bytes/1").status == 200
                n_before = len(app.connections)
            one.request("GET", target, version=version)
            seen[k] = look(one, target)
            if is_kept:  # once more, when there was no byte of an answer; never otherwise
                assert len(app.connections) - n_before == (k == 0), k
    end_of_head = RESPONSES[framing].index(b"\r\n\r\n", RESPONSES[framing].index(HEAD)) + 4
    last = len(RESPONSES[framing])
    assert all(seen[k] == "502" for k in range(end_of_head)), seen
    assert all(seen[k] == "cut" for k in range(end_of_head, last)), seen
    # A length and a last chunk make it whole, whatever comes after; a reset is no end of a stream.
    assert seen[last] == ("cut" if framing == "until_close" else "whole"), seen
    faults.unharmed(proxy, n_fds)


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_within_the_request(sluice, upstream, tls):
    broken = Breaker(10**6)
    breaker, sound = upstream(broken), upstream(keeps_bytes=False)
    proxy = sluice(None, upstreams=[{"name": "breaker", "endpoints": [breaker.endpoint]},
                                    {"name": "sound", "endpoints": [sound.endpoint]}],
                   routes=[{"path": "/break", "upstream": "breaker"}, {"upstream": "sound"}],
                   tls=tls, deadlines={"upstream_idle": "200ms"})
    n_fds = faults.fresh_baseline(proxy)
    with proxy.client() as one:  # how much a whole request is
        one.request("POST", "/break", "Transfer-Encoding: chunked").send(REQUEST_BODY)
        received = breaker.wait_connections()[0].received
        wait.until(lambda: received.endswith(b"0\r\nT: u\r\n\r\n"))
        one.reset()
    for broken.k in range(len(received) + 1):
        with proxy.client() as one:
            one.request("POST", "/break", "Transfer-Encoding: chunked")
            one.send(REQUEST_BODY)
            assert one.response().status == 502, broken.k
    assert len(breaker.connections) == len(received) + 2, "a request with a body was sent once more"
    faults.unharmed(proxy, n_fds)


SWITCH = tunnel.SWITCHED + BODY


class Switcher:
    """Sends k bytes of its 101 and of what follows, then resets."""

    def __init__(self, k):
        self.k = k

    def __call__(self, connection):
        head = connection.head()
        if not head.has("Upgrade"):
            u.serve(connection, head)
            return
        connection.send(SWITCH[:self.k])
        connection.reset()


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_within_an_upgrade(sluice, upstream, tls):
    switcher = Switcher(0)
    proxy = sluice(upstream(switcher, keeps_bytes=False), tls=tls, deadlines={"upstream_idle": "200ms"})
    n_fds = faults.fresh_baseline(proxy)
    for switcher.k in range(len(SWITCH) + 1):
        with proxy.client() as one:
            tunnel.ask(one)
            if switcher.k < len(tunnel.SWITCHED):
                assert one.response().status == 502, switcher.k
                continue
            # A reset is not the end of a stream, and what comes before it may be lost with it: even the 101.
            assert one.end() in (("reset", "fin") if one.tls else ("reset",)), (switcher.k, one.ended)
            got = bytes(one.reader.buffer)
            assert not got or (got.startswith(b"HTTP/1.1 101 ") and BODY.startswith(got.split(b"\r\n\r\n")[-1])), got
    faults.unharmed(proxy, n_fds)
