# SPDX-License-Identifier: Apache-2.0
"""upstream_body: the upstream owes the rest of its response. What is missing must be seen to be missing:
no last chunk, no clean end."""
from case import LAST_CHUNK, case, chunk, cut, drip, lives, pour
from wire import Gone

FAST = 10_000_000
WANT = {"by": "cut", "blame": "upstream", "phase": "upstream_body"}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


async def begin(c, head=CHUNKED):
    one = await c.client()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(head)
    c.zero()
    return one, up


def sized(n):
    return f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n".encode()


async def quietly(coroutine):
    try:
        await coroutine
    except Gone:
        pass


@case("upstream_body/silent", cut(**WANT), hand=True)
async def _(c):
    """A header that announces a body, then silence."""
    await begin(c, sized(1000))


@case("upstream_body/stalled", cut(**WANT), hand=True)
async def _(c):
    """Half of its body, then silence."""
    one, up = await begin(c, sized(100000))
    await up.send(bytes(50000))
    c.zero()


@case("upstream_body/stalled_chunks", cut(**WANT), hand=True)
async def _(c):
    """A chunk, then silence."""
    one, up = await begin(c)
    await up.send(chunk(bytes(30000)))
    c.zero()


@case("upstream_body/stalled_to_the_end", cut(**WANT), hand=True)
async def _(c):
    """A body that would end with the connection, as of HTTP/1.0, stalls. The client must see that it
    is not whole."""
    one, up = await begin(c, b"HTTP/1.0 200 OK\r\n\r\n")
    await up.send(bytes(30000))
    c.zero()


@case("upstream_body/dripped", cut(1, 2, **WANT), hand=True)
async def _(c):
    """One byte each T/10."""
    _, up = await begin(c, sized(100000))
    await quietly(drip(c, up, bytes(100), every=0.1))


@case("upstream_body/dripped_chunks", cut(1, 2, **WANT), hand=True)
async def _(c):
    """One chunk of one byte each T/10."""
    _, up = await begin(c)
    await quietly(drip(c, up, b"1\r\nx\r\n" * 100, every=0.1, size=6))


@case("upstream_body/just_unlawful", cut(1, 2.5, **WANT), hand=True)
async def _(c):
    """A steady 0.6 of the minimum rate."""
    _, up = await begin(c, sized(1_000_000))
    await quietly(drip(c, up, bytes(1_000_000), every=0.1, size=int(0.06 * c.window)))


@case("upstream_body/credit_then_silence", cut(0.9, 1, **WANT), heavy=True, hand=True)
async def _(c):
    """10 MB as fast as they are taken, then silence."""
    _, up = await begin(c, sized(2 * FAST))
    await pour(up, FAST)
    c.zero()


@case("upstream_body/credit_then_drip", cut(1, 2.2, **WANT), heavy=True, hand=True)
async def _(c):
    """10 MB as fast as they are taken, then one byte each T/10."""
    _, up = await begin(c, sized(2 * FAST))
    await pour(up, FAST)
    c.zero()
    await quietly(drip(c, up, bytes(100), every=0.1))


@case("upstream_body/credit_then_slow", cut(1, 2.5, **WANT), heavy=True, hand=True)
async def _(c):
    """10 MB as fast as they are taken, then half of the minimum rate."""
    _, up = await begin(c, sized(2 * FAST))
    await pour(up, FAST)
    c.zero()
    await quietly(drip(c, up, bytes(1_000_000), every=0.1, size=int(0.05 * c.window)))


@case("upstream_body/lawful_slow", lives(), hand=True)
async def _(c):
    """1.5 of the minimum rate, steadily, for 4 T."""
    size = int(0.15 * c.window)
    one, up = await begin(c, sized(40 * size))
    await drip(c, up, bytes(40 * size), every=0.1, size=size)
    await c.ok(one, n_body=40 * size)


@case("upstream_body/lawful_slow_chunks", lives(), hand=True)
async def _(c):
    """The same in chunks."""
    size = int(0.15 * c.window)
    piece = chunk(bytes(size))
    one, up = await begin(c)
    await drip(c, up, piece * 40, every=0.1, size=len(piece))
    await up.send(LAST_CHUNK)
    await c.ok(one, n_body=40 * size)


@case("upstream_body/lawful_bursts", lives(), hand=True)
async def _(c):
    """1.5 windows of bytes at once, each 0.75 T, for 4 T."""
    size = int(1.5 * c.window)
    one, up = await begin(c, sized(6 * size))
    await drip(c, up, bytes(6 * size), every=0.75, size=size)
    await c.ok(one, n_body=6 * size)


@case("upstream_body/the_client_s_turn", lives(), heavy=True, hand=True)
async def _(c):
    """The client takes nothing for 0.7 T at a time, 4 T long, so that the upstream cannot send: not the
    upstream's fault."""
    n = 12_000_000
    one = await c.client(is_read=False, rcvbuf=8192, mss=1460)
    await one.send(c.head())
    up = await c.upstream()
    await up.send(sized(n))
    c.meanwhile(pour(up, n))
    async for _ in c.ticks(0.7, lasting=4.2):
        taken = 0
        while taken < 2 * c.window:
            taken += await one.sip(65536)
    one.listen()
    await c.ok(one, n_body=n)
