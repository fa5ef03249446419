# SPDX-License-Identifier: Apache-2.0
"""Early responses, and linger: the upstream refuses before the body has ended. The client must be able
to read why, and must not keep the connection for ever."""
import asyncio

from case import LIMIT_T, case, cut, drip, lives

REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbig\n"


ENOUGH = 40_000  # of a body: Apache asks its upstream only when it has 16 KiB of one


async def upload(c, n):
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {n}"))
    c.zero()
    return one


@case("early_response/while_uploading", lives(), hand=True)
async def _(c):
    """413 after the first bytes, while the client goes on at a moderate pace, and reads as it
    writes."""
    one = await upload(c, 8_000_000)

    async def go_on():
        while True:
            await one.send(bytes(16384))
            await asyncio.sleep(0.01)
    c.meanwhile(go_on())
    up = await c.upstream()
    await up.send(REFUSED)
    await c.ok(one, status=413, n_body=4)


@case("early_response/upstream_closes", lives(), hand=True)
async def _(c):
    """413 and the upstream closes at once, with bytes unread: its kernel resets the connection."""
    one = await upload(c, 8_000_000)

    async def go_on():
        while True:
            await one.send(bytes(16384))
            await asyncio.sleep(0.01)
    c.meanwhile(go_on())
    up = await c.upstream()
    await up.sip(1000)
    await up.send(REFUSED)
    up.close()
    await c.ok(one, status=413, n_body=4)


@case("early_response/client_writes_first", lives(), hand=True)
async def _(c):
    """413 after the first bytes; the client reads only when it has written all of its 4 MB."""
    one = await c.client(is_read=False)
    await one.send(c.head("POST", "Content-Length: 4000000"))
    c.zero()

    async def refuse():
        up = await c.upstream()
        await up.send(REFUSED)
    c.meanwhile(refuse())
    for _ in range(40):
        await one.send(bytes(100_000))
        await asyncio.sleep(0.005)
    one.listen()
    await c.ok(one, status=413, n_body=4)


@case("early_response/client_waits", lives(), hand=True)
async def _(c):
    """401 while the client waits with its body (Expect: 100-continue)."""
    one = await c.client()
    await one.send(c.head("POST", "Expect: 100-continue", "Content-Length: 1000"))
    up = await c.upstream()
    await up.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await c.ok(one, status=401)


async def refused(c):
    """The client has its 413 and still owes most of its body."""
    one = await upload(c, 50_000_000)
    await one.send(bytes(ENOUGH))
    up = await c.upstream()
    await up.send(REFUSED)
    await c.ok(one, status=413)
    c.lab.ends.watch_holder(one)
    c.ignored |= {"status 413", "close_notify", "FIN"}
    c.zero()
    return one


@case("linger/silent", cut(0, 1, by="let go"), hand=True, needs=("local",))
async def _(c):
    """After a 413 the client neither closes nor sends. When does the proxy let go of the socket?
    (At once is as good.)"""
    one = await refused(c)
    await holder_is_gone(c, one)


@case("linger/dripped", cut(0, 2, by="let go"), hand=True, needs=("local",))
async def _(c):
    """After a 413 the client goes on with its body, one byte each T/5. (Letting go at once is as
    good.)"""
    one = await refused(c)

    async def go_on():
        while True:
            await one.raw_send(one.seal(b"x"))
            await asyncio.sleep(0.2 * c.t)
    c.meanwhile(go_on())
    await holder_is_gone(c, one)


async def holder_is_gone(c, one):
    while c.now() < LIMIT_T and not any(word in ("let go", "RST") for _, word in one.events):
        await asyncio.sleep(0.02)


async def refused_unread(c):
    """The client owes most of its body, has been refused, and has not looked yet."""
    one = await c.client(is_read=False)
    await one.send(c.head("POST", "Content-Length: 1000000") + bytes(ENOUGH))
    up = await c.upstream()
    await up.send(REFUSED)
    c.zero()
    return one


@case("linger/lawful", lives(), hand=True)
async def _(c):
    """A client that goes on with its body for 1.5 T, a piece each 0.3 T, and reads only then, still finds
    the whole 413."""
    one = await refused_unread(c)
    await drip(c, one, bytes(5000), every=0.3, size=1000)
    one.listen()
    await c.ok(one, status=413, n_body=4)


@case("linger/lawful_silent", lives(), hand=True)
async def _(c):
    """The same with a client that is silent for 0.75 T, sends once more, and then reads."""
    one = await refused_unread(c)
    await c.at(0.75)
    await one.send(bytes(1000))
    await c.sleep(0.1)
    one.listen()
    await c.ok(one, status=413, n_body=4)
