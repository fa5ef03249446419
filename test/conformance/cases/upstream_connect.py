# SPDX-License-Identifier: Apache-2.0
"""upstream_queue, upstream_connect: the client has asked, and there is no connection yet."""
import asyncio

from case import LAST_CHUNK, LIMIT_T, case, chunk, cut, lives, pour
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


@case("upstream_connect/just_unlawful", cut(by="504", blame="upstream", phase="upstream_connect"), hand=True)
async def _(c):
    """The upstream makes room after 1.3 T."""
    one = await c.client()
    await one.send(c.head(prefix="tardy"))
    c.zero()
    await c.at(1.3)
    c.lab.origin.make_room("tardy")


async def wait_behind(c, prefix, until=LIMIT_T):
    """The only connection is busy with a lawful response until then; a second request waits for it."""
    first = await c.client()
    await first.send(c.head(prefix=prefix))
    up = await c.upstream()

    async def keep_busy():
        await up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(until / 0.1)):
            await asyncio.sleep(0.1 * c.t)
            await up.send(chunk(bytes(8192)))
        await up.send(LAST_CHUNK)
        up.close()
    c.meanwhile(keep_busy())
    second = await c.client()
    await second.send(c.head(prefix=prefix))
    c.zero()


async def served_when_freed(c, prefix, when, gate=None):
    """The only connection becomes free then, and the second request is served."""
    first = await c.client()
    await first.send(c.head(prefix=prefix))
    up = await c.upstream()
    second = await c.client()
    await second.send(c.head(prefix=prefix))
    c.zero()
    if gate:
        await gate.wait()
    await c.at(when)
    await up.send(OK)
    await c.ok(first)
    up.close()
    again = await c.upstream()
    await again.send(OK)
    await c.ok(second)


@case("upstream_queue/silent", cut(by="503", blame="pool", phase="upstream_queue"), hand=True,
      needs=("queue",))
async def _(c):
    """The only connection is busy: the second request waits for it, and not for ever."""
    await wait_behind(c, "busy")


@case("upstream_queue/just_unlawful", cut(by="503", blame="pool", phase="upstream_queue"), hand=True,
      needs=("queue",))
async def _(c):
    """The only connection becomes free after 1.3 T."""
    await wait_behind(c, "slow", 1.3)


@case("upstream_queue/just_lawful", lives(), hand=True, needs=("queue",))
async def _(c):
    """The only connection becomes free after 0.7 T."""
    await served_when_freed(c, "freed", 0.7)
