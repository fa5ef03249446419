# SPDX-License-Identifier: Apache-2.0
"""upstream_header: the request is accepted, and the upstream owes a response header. Absolute."""
from case import case, cut, drip, lives
from origin import OK
from wire import Gone

WANT = {"by": "504", "blame": "upstream", "phase": "upstream_header"}


async def ask(c):
    one = await c.client()
    await one.send(c.head())
    c.zero()
    return one, await c.upstream()


async def quietly(coroutine):
    try:
        await coroutine
    except Gone:
        pass


@case("upstream_header/silent", cut(**WANT), hand=True)
async def _(c):
    """The upstream has the request, and says nothing."""
    await ask(c)


@case("upstream_header/silent_after_upload", cut(**WANT), hand=True)
async def _(c):
    """The same after a body. The client has done its part: 504, not 408."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 50000") + bytes(50000))
    up = await c.upstream()
    up.listen()
    await up.answer(1, 6 * c.t)
    c.zero()


@case("upstream_header/dripped_bytes", cut(**WANT), hand=True)
async def _(c):
    """A response header, one byte each T/10."""
    _, up = await ask(c)
    head = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200 + b"\r\n"
    await quietly(drip(c, up, head, every=0.1))


@case("upstream_header/dripped_fields", cut(**WANT), hand=True)
async def _(c):
    """A header field each T/5, never the last."""
    _, up = await ask(c)
    await quietly(up.send(b"HTTP/1.1 200 OK\r\n"))
    await quietly(drip(c, up, b"X-a: b\r\n" * 100, every=0.2, size=8))


@case("upstream_header/1xx_for_ever", cut(**WANT), hand=True)
async def _(c):
    """103 Early Hints each T/4, never a final response. They are passed on, and re-arm nothing."""
    _, up = await ask(c)
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    await quietly(drip(c, up, hint * 30, every=0.25, size=len(hint)))


@case("upstream_header/just_unlawful", cut(**WANT), hand=True)
async def _(c):
    """Its header comes after 1.3 T."""
    _, up = await ask(c)
    await c.at(1.3)
    await quietly(up.send(OK))


@case("upstream_header/just_lawful", lives(), hand=True)
async def _(c):
    """Its header begins after 0.4 T and is complete after 0.75 T."""
    one, up = await ask(c)
    await c.at(0.4)
    await up.send(OK[:20])
    await c.at(0.75)
    await up.send(OK[20:])
    await c.ok(one)


@case("upstream_header/not_during_the_upload", lives(), hand=True)
async def _(c):
    """The upload takes 2.5 T at a lawful pace, and the upstream answers 0.75 T after its end."""
    one = await c.client()
    size = int(0.15 * c.window)
    await one.send(c.head("POST", f"Content-Length: {25 * size}"))
    await drip(c, one, bytes(25 * size), every=0.1, size=size)
    up = (await c.upstream()).listen()
    await up.answer(1, 6 * c.t)
    await c.sleep(0.75)
    await up.send(OK)
    await c.ok(one)
