# SPDX-License-Identifier: Apache-2.0
"""The proxy itself stands still (SIGSTOP) for 1.5 T. Whose bytes arrived meanwhile has done its part in
time, and is served; who was silent is cut soon after."""
from case import case, cut, drip, lives
from origin import OK
from .before_request import PROXY_LINE, is_served
from .early import refused_unread
from .upstream_connect import served_when_freed
from .upstream_write import the_rest, upload

LAG = {"on": "lag", "needs": ("origin", "local")}


@case("lag/proxy_header", lives(), on="lag", needs=("origin", "local", "proxy_header"))
async def _(c):
    """The PROXY header and the ClientHello arrive while the proxy stands still."""
    one = await c.connect("proxy_port")
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await is_served(c, one, PROXY_LINE + one.begin_tls())


@case("lag/first_byte", lives(), **LAG)
async def _(c):
    """The ClientHello arrives while the proxy stands still."""
    one = await c.connect()
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await is_served(c, one, one.begin_tls())


@case("lag/tls_handshake", lives(), **LAG)
async def _(c):
    """All but the first bytes of the client's last flight (its Finished) arrives while the proxy stands
    still. (Then T has passed, and the handshake is over at once.)"""
    one = await c.connect()
    hello = one.begin_tls()
    await one.raw_send(hello)
    flight = await one.server_flight()
    await one.raw_send(flight[:10])
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.raw_send(flight[10:])
    await c.lab.continued.wait()
    one.take(b"")
    one.listen()
    await one.send(c.head())
    await c.ok(one)


@case("lag/request_start", lives(), **LAG)
async def _(c):
    """The request arrives while the proxy stands still."""
    one = await c.client()
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(c.head())
    await c.ok(one)


@case("lag/request_header", lives(), **LAG)
async def _(c):
    """The rest of the header arrives while the proxy stands still."""
    one = await c.client()
    await one.send(c.head()[:20])
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(c.head()[20:])
    await c.ok(one)


@case("lag/request_body", lives(), **LAG)
async def _(c):
    """The rest of the body arrives while the proxy stands still."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 2000") + bytes(1000))
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(bytes(1000))
    await c.ok(one)


@case("lag/request_body_at_its_pace", lives(), **LAG)
async def _(c):
    """A client uploads at 2 times the minimum rate before, while and after the proxy stands still."""
    size = int(0.2 * c.window)
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {35 * size}"))
    await c.lab.stopped.wait()
    await drip(c, one, bytes(35 * size), every=0.1, size=size)
    await c.ok(one)


@case("lag/keepalive", lives(), **LAG)
async def _(c):
    """The next request arrives while the proxy stands still."""
    one = await c.client()
    await one.send(c.head())
    await c.ok(one)
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(c.head())
    await c.ok(one, 2)


@case("lag/response", lives(), hand=True, **LAG)
async def _(c):
    """The client reads its response all the time; while the proxy stands still nobody writes to it."""
    n = 4_000_000
    one = await c.slow_reader()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n".encode())

    async def answer():
        for _ in range(n // 16000):
            await up.send(bytes(16000))
    c.meanwhile(answer())
    await c.lab.stopped.wait()
    one.listen()
    await c.ok(one, n_body=n)


@case("lag/upstream_connect", lives(), **LAG)
async def _(c):
    """A request on a new connection to the upstream, at the moment at which the proxy stops."""
    one = await c.client()
    await c.lab.stopping.wait()
    await one.send(c.head())
    await c.ok(one)


@case("lag/upstream_queue", lives(), hand=True, on="lag", needs=("origin", "local", "queue"))
async def _(c):
    """The only connection becomes free while the proxy stands still."""
    await served_when_freed(c, "freed", 0.3, c.lab.stopped)


@case("lag/upstream_write", lives(), hand=True, heavy=True, **LAG)
async def _(c):
    """The upstream begins to read the moment the proxy stops, and reads all the time from then on; while
    the proxy stands still nobody writes to it."""
    n = 8_000_000
    one, up = await upload(c, n)
    await c.lab.stopped.wait()
    await the_rest(c, one, up, n)


@case("lag/upstream_header", lives(), hand=True, **LAG)
async def _(c):
    """The upstream answers while the proxy stands still."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await up.send(OK)
    await c.ok(one)


@case("lag/upstream_body", lives(), hand=True, **LAG)
async def _(c):
    """The rest of a response arrives while the proxy stands still."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(OK[:-2])
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await up.send(OK[-2:])
    await c.ok(one)


@case("lag/tunnel", lives(), hand=True, **LAG)
async def _(c):
    """A byte comes through a tunnel while the proxy stands still."""
    from .tunnel import switch
    one, up = await switch(c)
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(b"x")
    await up.until(lambda: up.plain, 6 * c.t)


@case("lag/linger", lives(), hand=True, **LAG)
async def _(c):
    """A client that was refused goes on with its body while the proxy stands still, and reads the whole
    413 afterwards."""
    one = await refused_unread(c)
    await c.lab.stopped.wait()
    await c.sleep(0.3)
    await one.send(bytes(1000))
    await c.lab.continued.wait()
    await c.sleep(0.2)
    await one.send(bytes(1000))
    await c.sleep(0.2)
    one.listen()
    await c.ok(one, status=413, n_body=4)


@case("lag/silent_all_the_time", cut(1, 2.8, by="RST", phase="first_byte"), **LAG)
async def _(c):
    """Says nothing before, while or after the proxy stands still: cut, with at most the time that it
    stood still on top."""
    (await c.connect()).listen()
    await c.lab.stopped.wait()


@case("lag/silent_upstream", cut(1, 2.8, by="504", blame="upstream", phase="upstream_header"), hand=True,
      **LAG)
async def _(c):
    """The upstream says nothing all the time: cut, with at most the time that the proxy stood still
    on top."""
    one = await c.client()
    await one.send(c.head())
    await c.upstream()
    c.zero()
    await c.lab.stopped.wait()
