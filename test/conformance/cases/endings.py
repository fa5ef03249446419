# SPDX-License-Identifier: Apache-2.0
"""Half-close and going away: an end of one side is no deadline, and nothing may be held for it."""
from case import case, chunk, cut, lives
from origin import OK
from wire import Gone

AT_ONCE = 0.2  # of T


async def is_dropped(c, up):
    """The upstream's connection ends soon, and its request never became complete."""
    up.listen()
    try:
        await up.until(lambda: False, AT_ONCE * c.t + 0.5)
    except Gone:
        pass
    except TimeoutError:
        c.check(False, "the upstream's connection is kept")
    c.check(not up.http.messages, "the upstream saw a complete request")


@case("ending/client_half_closes", lives(), hand=True)
async def _(c):
    """Request, close_notify, FIN; the upstream answers at once. The client still reads."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await one.raw_send(one.farewell())
    one.half_close()
    await c.sleep(0.1)
    await up.send(OK)
    await c.ok(one)


@case("ending/client_fin_in_its_body", lives(), hand=True)
async def _(c):
    """The client ends within its body: the upstream is dropped, and sees no complete request."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 200000") + bytes(100000))
    up = await c.upstream()
    one.half_close()
    await is_dropped(c, up)


@case("ending/client_fin_in_its_chunks", lives(), hand=True)
async def _(c):
    """The same with a chunked body that ends between two chunks, after a proper close_notify."""
    one = await c.client()
    await one.send(c.head("POST", "Transfer-Encoding: chunked") + chunk(bytes(100000)))
    up = await c.upstream()
    await one.raw_send(one.farewell())
    one.half_close()
    await is_dropped(c, up)


@case("ending/client_reset_while_waiting", lives(), hand=True)
async def _(c):
    """The client resets its connection while the upstream works: the upstream is dropped at once."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    one.reset()
    up.http.messages.clear()
    await is_dropped(c, up)


@case("ending/client_reset_while_reading", lives(), hand=True)
async def _(c):
    """The client resets its connection in the middle of its response."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + bytes(100))
    await one.head(6 * c.t)
    one.reset()
    up.http.messages.clear()
    await is_dropped(c, up)


@case("ending/upstream_before_its_header", cut(0, AT_ONCE, by="502", blame=""), hand=True)
async def _(c):
    """The upstream closes without a word: 502 at once."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 3") + b"abc")
    up = await c.upstream()
    up.listen()
    await up.answer(1, 6 * c.t)
    c.zero()
    up.close()


@case("ending/upstream_in_its_body", cut(0, AT_ONCE, by="cut", blame=""), hand=True)
async def _(c):
    """The upstream ends within its Content-Length: the client sees at once that it is not whole."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + bytes(100))
    await one.head(6 * c.t)
    c.zero()
    up.close()


@case("ending/upstream_in_its_chunks", cut(0, AT_ONCE, by="cut", blame=""), hand=True)
async def _(c):
    """The same between two chunks: no last chunk may be made up."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(bytes(100)))
    await one.head(6 * c.t)
    c.zero()
    up.close()


@case("ending/upstream_half_closes", lives(), hand=True)
async def _(c):
    """A response that ends with the connection, and the upstream only half-closes: complete."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(1000))
    up.half_close()
    await c.ok(one, n_body=1000)


@case("ending/tunnel_client_leaves", lives(), hand=True)
async def _(c):
    """The client leaves a tunnel: the upstream learns of it at once."""
    from .tunnel import switch
    one, up = await switch(c)
    await one.raw_send(one.farewell())
    one.half_close()
    try:
        await up.until(lambda: False, AT_ONCE * c.t + 0.5)
    except Gone:
        return
    except TimeoutError:
        c.check(False, "the upstream does not learn of it")
