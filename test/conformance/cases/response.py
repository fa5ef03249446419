# SPDX-License-Identifier: Apache-2.0
"""response: the client owes nothing but to take its answer. Progress is what its kernel acknowledged.

Its kernel does so in steps: it opens its window when about 14 KB of it are free, most of a window of
the minimum rate. So who is just lawful here reads at more than twice that rate."""
import socket

from case import case, cut, lives, pour
from wire import Gone

FAST = 10_000_000


async def get(c, n=16_000_000, one=None):
    """A client that reads nothing unasked, and an answer of n bytes on its way."""
    one = one or await c.slow_reader()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n".encode())
    c.meanwhile(pour(up, n))
    await one.sip(1)
    c.zero()
    c.lab.ends.watch(one)  # its end is noticed though nobody reads
    return one


async def sip(c, one, share, every, lasting):
    """Reads this share of a window at each tick; what was not there then is read later."""
    left = 0
    async for _ in c.ticks(every, lasting):
        left += int(share * c.window)
        while left > 0 and (got := one.sip_now(left)):
            left -= got


async def gulp(one, n):
    while n > 0:
        n -= await one.sip(min(n, 65536))


async def the_rest(c, one, n):
    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 212992)
    one.listen()
    await c.ok(one, n_body=n)


@case("response/not_read", cut(by="RST", phase="response"), hand=True, heavy=True)
async def _(c):
    """16 MB are on their way; the client reads nothing."""
    await get(c)


@case("response/short_not_read", cut(by="RST", phase="response"), hand=True)
async def _(c):
    """The same with an answer of 60 KB, which the proxy's kernel takes at once and the client's does
    not: it is not delivered, so this is no resting connection."""
    one = await c.slow_reader()
    await one.send(c.head())
    up = await c.upstream()
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nConnection: close\r\n\r\n" + bytes(60000))
    await one.sip(1)
    c.zero()


@case("response/sipped", cut(1, 2.2, by="RST", phase="response"), hand=True, heavy=True)
async def _(c):
    """0.1 of the minimum rate."""
    one = await get(c)
    await sip(c, one, 0.02, every=0.2, lasting=6)


@case("response/just_unlawful", cut(1, 3, by="RST", phase="response"), hand=True, heavy=True)
async def _(c):
    """0.5 of the minimum rate, steadily."""
    one = await get(c)
    await sip(c, one, 0.05, every=0.1, lasting=6)


@case("response/credit_then_silence", cut(by="RST", phase="response"), hand=True, heavy=True)
async def _(c):
    """Takes 10 MB as fast as they come, then nothing."""
    one = await get(c, 4 * FAST, await c.client(is_read=False, rcvbuf=65536))
    await gulp(one, FAST)
    c.zero()


@case("response/credit_then_sips", cut(1, 2.5, by="RST", phase="response"), hand=True, heavy=True)
async def _(c):
    """Takes 10 MB as fast as they come, then 0.3 of the minimum rate."""
    one = await get(c, 4 * FAST, await c.slow_reader())
    await gulp(one, FAST)
    c.zero()
    await sip(c, one, 0.03, every=0.1, lasting=6)


@case("response/lawful_slow", lives(), hand=True, heavy=True)
async def _(c):
    """2.2 of the minimum rate, steadily, for 4 T; then all the rest. The upstream, which has to wait,
    is not blamed for it."""
    n = 8_000_000
    one = await get(c, n)
    await sip(c, one, 0.22, every=0.1, lasting=4)
    await the_rest(c, one, n)


@case("response/lawful_bursts", lives(), hand=True, heavy=True)
async def _(c):
    """Reads 2 windows at once, each 0.7 T, for 4 T; then all the rest."""
    n = 8_000_000
    one = await get(c, n)
    async for _ in c.ticks(0.7, lasting=4.2):
        await gulp(one, 2 * c.window)
    await the_rest(c, one, n)


@case("response/lawful_slow_after_fast", lives(), hand=True, heavy=True)
async def _(c):
    """10 MB fast, then 2.2 of the minimum rate for 3 T; then all the rest."""
    n = 20_000_000
    one = await get(c, n)
    await gulp(one, FAST)
    await sip(c, one, 0.22, every=0.1, lasting=3)
    await the_rest(c, one, n)


@case("response/pipelined_not_read", cut(1, 2, by="RST", phase="response"), needs=("origin",))
async def _(c):
    """Asks again and again on one connection, 256 KB each time, and reads none of the answers."""
    one = await c.slow_reader()
    c.zero()
    c.lab.ends.watch(one)

    async def ask():
        head = c.head(tail="big")
        while True:
            await one.send(head)
    c.meanwhile(ask())
    try:
        async for _ in c.ticks(0.1):
            pass
    except Gone:
        pass
