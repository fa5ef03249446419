# SPDX-License-Identifier: Apache-2.0
"""The proxy is told to end (SIGTERM, or its own word for a graceful end), and has T to let what is under way
finish. Who waits for nothing is let go sooner; what is left at T is cut, whatever its pace: this alone of
all deadlines cuts progress, because the process has to go."""
import asyncio

from case import LAST_CHUNK, Broken, case, chunk, cut, drip, lives
from wire import Gone

DRAIN = {"on": "drain", "needs": ("origin", "drain")}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def begun(c):
    """A response whose first chunk has arrived when the order comes."""
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(CHUNKED + chunk(b"x"))
    await one.head(6 * c.t)
    await c.lab.draining.wait()
    c.zero()
    return one, up


@case("drain/silent", cut(0, 1, by="any", blame=""), **DRAIN)
async def _(c):
    """Has connected and said nothing."""
    (await c.connect()).listen()
    await c.lab.draining.wait()
    c.zero()


@case("drain/between_two_requests", cut(0, 1, by="close", blame=""), **DRAIN)
async def _(c):
    """Rests after an answer."""
    one = await c.client()
    await one.send(c.head())
    await c.ok(one)
    await c.lab.draining.wait()
    c.zero()


@case("drain/response_may_finish", lives(), hand=True, **DRAIN)
async def _(c):
    """A response comes in pieces until 0.75 T after the order."""
    one, up = await begun(c)
    async for _ in c.ticks(0.15, lasting=0.75):
        await up.send(chunk(b"x"))
    await up.send(LAST_CHUNK)
    await c.ok(one, n_body=6)


@case("drain/request_may_finish", lives(), **DRAIN)
async def _(c):
    """An upload is under way, and goes on until 0.6 T after the order; then it is answered."""
    n = 6 * c.window
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {n + 1000}") + bytes(1000))
    await c.lab.draining.wait()
    await drip(c, one, bytes(n), every=0.1, size=c.window)
    await c.ok(one)


@case("drain/header_may_finish", lives(), **DRAIN)
async def _(c):
    """Half a request's header before the order, the rest 0.4 T after it."""
    one = await c.client()
    await one.send(c.head()[:20])
    await c.lab.draining.wait()
    await c.sleep(0.4)
    await one.send(c.head()[20:])
    await c.ok(one)


@case("drain/response_without_end", cut(by="cut", blame="", phase="drain"), hand=True, **DRAIN)
async def _(c):
    """A response goes on at 2 times the minimum rate: cut at T, and seen to be cut."""
    one, up = await begun(c)
    try:
        async for _ in c.ticks(0.1):
            await up.send(chunk(bytes(int(0.2 * c.window))))
    except Gone:
        pass


@case("drain/tunnel", cut(by="any", blame="", phase="drain"), hand=True, **DRAIN)
async def _(c):
    """A tunnel in which both sides speak: cut at T."""
    from .tunnel import switch
    one, up = await switch(c)
    await c.lab.draining.wait()
    c.zero()
    try:
        async for _ in c.ticks(0.3):
            await one.send(b"ping")
            await up.send(b"pong")
    except Gone:
        pass


@case("drain/nobody_more", lives(), **DRAIN)
async def _(c):
    """A new client 0.3 T after the order: nobody listens any longer, so that it asks elsewhere."""
    await c.lab.draining.wait()
    await c.sleep(0.3)
    try:
        await c.connect()
    except ConnectionRefusedError:
        return
    raise Broken("its connection is accepted")


@case("drain/the_process_ends", lives(), **DRAIN)
async def _(c):
    """Some connections above do not end by themselves. The process is gone at T all the same."""
    await c.lab.draining.wait()
    c.zero()
    while not c.lab.peer.has_ended():
        c.check(c.now() * c.t < c.t + c.lab.slack_s, "it runs still")
        await asyncio.sleep(0.02)
    c.check(c.now() > 0.9, f"it has ended after {c.now():.2f} T, and responses were under way")
