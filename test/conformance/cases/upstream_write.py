# SPDX-License-Identifier: Apache-2.0
"""upstream_write: bytes of the request wait for the upstream to accept them. It has a small receive
buffer, so that accepted is what it has read. The client would be fast, and is never to blame."""
import socket

from case import case, cut, lives, pour
from wire import Gone

FAST = 10_000_000
WANT = {"by": "504", "blame": "upstream", "phase": "upstream_write"}


async def upload(c, n=16_000_000):
    """A fast client, and the upstream that has read the head."""
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {n}", prefix="tight"))
    c.meanwhile(pour(one, n))
    up = await c.upstream()
    c.zero()
    return one, up


async def sip(c, up, share, every, lasting):
    """Reads this share of a window at each tick; what was not there then is read later."""
    left = 0
    async for _ in c.ticks(every, lasting):
        left += int(share * c.window)
        while left > 0 and (got := up.sip_now(left)):
            left -= got


async def gulp(up, n):
    while n > 0:
        n -= await up.sip(min(n, 65536))


async def the_rest(c, one, up, n):
    up.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 212992)
    up.listen()
    got = await up.answer(1, 6 * c.t)
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
    c.check(got.n_body == n, f"{got.n_body} bytes of {n} arrived")
    await c.ok(one)


async def quietly(coroutine):
    """The end of the upstream's connection is not the end of the case."""
    try:
        await coroutine
    except Gone:
        pass


@case("upstream_write/silent", cut(1, 1.1, **WANT), hand=True, heavy=True)
async def _(c):
    """The upstream reads the head and nothing more."""
    await upload(c)


@case("upstream_write/sips", cut(1, 2.2, **WANT), hand=True, heavy=True)
async def _(c):
    """It reads at 0.1 of the minimum rate."""
    _, up = await upload(c)
    await quietly(sip(c, up, 0.02, every=0.2, lasting=6))


@case("upstream_write/just_unlawful", cut(1, 3, **WANT), hand=True, heavy=True)
async def _(c):
    """It reads at 0.5 of the minimum rate."""
    _, up = await upload(c)
    await quietly(sip(c, up, 0.05, every=0.1, lasting=6))


@case("upstream_write/credit_then_silence", cut(0.9, 1.1, **WANT), hand=True, heavy=True)
async def _(c):
    """It takes 10 MB as fast as they come, then nothing."""
    _, up = await upload(c, 4 * FAST)
    await gulp(up, FAST)
    c.zero()


@case("upstream_write/credit_then_sips", cut(1, 2.5, **WANT), hand=True, heavy=True)
async def _(c):
    """It takes 10 MB as fast as they come, then 0.3 of the minimum rate."""
    _, up = await upload(c, 4 * FAST)
    await gulp(up, FAST)
    c.zero()
    await quietly(sip(c, up, 0.03, every=0.1, lasting=6))


@case("upstream_write/lawful_slow", lives(), hand=True, heavy=True)
async def _(c):
    """It reads at 2.2 of the minimum rate for 4 T, then all the rest."""
    n = 8_000_000
    one, up = await upload(c, n)
    await sip(c, up, 0.22, every=0.1, lasting=4)
    await the_rest(c, one, up, n)


@case("upstream_write/lawful_bursts", lives(), hand=True, heavy=True)
async def _(c):
    """It reads 2 windows at once, each 0.7 T, for 4 T, then all the rest."""
    n = 8_000_000
    one, up = await upload(c, n)
    async for _ in c.ticks(0.7, lasting=4.2):
        await gulp(up, 2 * c.window)
    await the_rest(c, one, up, n)
