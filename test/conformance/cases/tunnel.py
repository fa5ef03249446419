# SPDX-License-Identifier: Apache-2.0
"""tunnel: after a 101 both sides may speak, and nobody owes the other anything but a sign of life."""
from case import SWITCHED, case, cut, lives, pour

WANT = {"by": "any", "blame": "", "phase": "tunnel"}


async def switch_unread(c, **target):
    """A tunnel whose upstream reads nothing unasked."""
    one = await c.client()
    await one.send(c.upgrade(**target))
    up = await c.upstream()
    await up.send(SWITCHED)
    await one.until(lambda: 101 in one.http.interim, 6 * c.t)
    one.is_tunnel = up.is_tunnel = True
    c.zero()
    return one, up


async def switch(c):
    one, up = await switch_unread(c)
    up.listen()
    return one, up


async def sips(c, side, n):
    """Takes a megabyte each 0.7 T, for 3.5 T, then the rest of n bytes at once."""
    async for _ in c.ticks(0.7, lasting=3.5):
        taken = 0
        while taken < 1_000_000:
            taken += await side.sip(65536)
    side.listen()
    await side.until(lambda: len(side.plain) >= n, 6 * c.t)


@case("tunnel/silent", cut(**WANT), hand=True)
async def _(c):
    """Neither side says anything after the 101."""
    await switch(c)


@case("tunnel/silent_after_talk", cut(**WANT), hand=True)
async def _(c):
    """Both speak for 1.5 T, then neither."""
    one, up = await switch(c)
    async for _ in c.ticks(0.5, lasting=1.5):
        await one.send(b"ping")
        await up.send(b"pong")
    await one.send(b"last")
    c.zero()


@case("tunnel/just_unlawful", cut(**WANT), hand=True)
async def _(c):
    """A byte from the client 1.3 T after the 101."""
    one, _ = await switch(c)
    await c.at(1.3)
    await one.send(b"x")


@case("tunnel/the_client_speaks", lives(), hand=True)
async def _(c):
    """One byte from the client each 0.7 T, for 3.5 T; nothing from the upstream."""
    one, up = await switch(c)
    async for _ in c.ticks(0.7, lasting=3.5):
        await one.send(b"x")
    await up.until(lambda: len(up.plain) >= 5, c.t)


@case("tunnel/the_upstream_speaks", lives(), hand=True)
async def _(c):
    """One byte from the upstream each 0.7 T, for 3.5 T; nothing from the client."""
    one, up = await switch(c)
    async for _ in c.ticks(0.7, lasting=3.5):
        await up.send(b"x")
    await one.until(lambda: len(one.plain) >= 5, c.t)


@case("tunnel/not_read", cut(1, 1.3, **WANT), hand=True)
async def _(c):
    """The upstream pours, the client reads nothing and says nothing."""
    one = await c.slow_reader()
    await one.send(c.upgrade())
    up = await c.upstream()
    await up.send(SWITCHED)
    await one.sip(1)
    up.is_tunnel = True
    c.zero()

    async def pour():
        while True:
            await up.send(bytes(65536))
    c.meanwhile(pour())


@case("tunnel/not_read_by_the_upstream", cut(1, 1.3, **WANT), hand=True)
async def _(c):
    """The client pours, the upstream reads nothing and says nothing."""
    one, _ = await switch_unread(c, prefix="tight")
    c.meanwhile(pour(one, 64_000_000))


@case("tunnel/backpressure", lives(), heavy=True, hand=True)
async def _(c):
    """The client pours, the upstream takes a megabyte each 0.7 T, for 3.5 T, then all the rest."""
    n = 8_000_000
    one, up = await switch_unread(c, prefix="tight")
    c.meanwhile(pour(one, n))
    await sips(c, up, n)


@case("tunnel/backpressure_of_the_client", lives(), heavy=True, hand=True)
async def _(c):
    """The upstream pours, the client takes a megabyte each 0.7 T, for 3.5 T, then all the rest."""
    n = 8_000_000
    one = await c.slow_reader()
    await one.send(c.upgrade())
    up = await c.upstream()
    await up.send(SWITCHED)
    while 101 not in one.http.interim:
        await one.sip(4096)
    one.is_tunnel = up.is_tunnel = True
    c.meanwhile(pour(up, n))
    await sips(c, one, n)
