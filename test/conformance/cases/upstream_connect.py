# SPDX-License-Identifier: Apache-2.0
"""upstream_queue, upstream_connect: the client has asked, and there is no connection yet."""
import asyncio

from case import case, cut, lives, pour
from origin import OK


@case("upstream_connect/silent", cut(by="504", blame="upstream", phase="upstream_connect"),
      needs=("origin",))
async def _(c):
    """The upstream's backlog is full: nothing answers the SYN."""
    one = await c.client()
    await one.send(c.head(prefix="hole"))
    c.zero()


@case("upstream_connect/silent_while_uploading", cut(by="504", blame="upstream", phase="upstream_connect"),
      needs=("origin",))
async def _(c):
    """The same, while the client's body fills every buffer."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 16000000", prefix="hole"))
    c.zero()

    c.meanwhile(pour(one, 16_000_000))


@case("upstream_connect/just_lawful", lives(), hand=True)
async def _(c):
    """The upstream makes room after 0.3 T; the kernel's next SYN is answered."""
    one = await c.client()
    await one.send(c.head(prefix="late"))
    c.zero()
    await c.at(0.3)
    c.lab.origin.make_room("late")
    up = await c.upstream()
    await up.send(OK)
    await c.ok(one)


@case("upstream_queue/silent", cut(by="503", blame="pool", phase="upstream_queue"), hand=True,
      needs=("queue",))
async def _(c):
    """The only connection is busy: the second request waits for it, and not for ever."""
    first = await c.client()
    await first.send(c.head(prefix="busy"))
    up = await c.upstream()

    async def keep_busy():
        await up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await asyncio.sleep(0.1 * c.t)
            await up.send(b"2000\r\n" + bytes(8192) + b"\r\n")
    c.meanwhile(keep_busy())
    second = await c.client()
    await second.send(c.head(prefix="busy"))
    c.zero()


@case("upstream_queue/just_lawful", lives(), hand=True, needs=("queue",))
async def _(c):
    """The only connection becomes free after 0.7 T."""
    first = await c.client()
    await first.send(c.head(prefix="freed"))
    up = await c.upstream()
    second = await c.client()
    await second.send(c.head(prefix="freed"))
    c.zero()
    await c.at(0.7)
    await up.send(OK)
    await c.ok(first)
    up.close()
    again = await c.upstream()
    await again.send(OK)
    await c.ok(second)
