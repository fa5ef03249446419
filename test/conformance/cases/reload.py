# SPDX-License-Identifier: Apache-2.0
"""The configuration is reloaded with another T while connections live: each keeps the T with which its
phase began; what begins later has the new one. On `longer` T becomes 2.5 T, on `shorter` 0.4 T."""
from case import case, cut, drip, lives
from origin import OK

LONGER = {"on": "longer", "needs": ("origin", "reload")}
SHORTER = {"on": "shorter", "needs": ("origin", "reload")}


@case("reload/first_byte_then_longer", cut(by="RST", phase="first_byte"), **LONGER)
async def _(c):
    """Silent since before the reload."""
    (await c.connect()).listen()
    await c.lab.reloaded.wait()


@case("reload/request_header_then_longer", cut(by="408", phase="request_header"), **LONGER)
async def _(c):
    """Half a header before the reload, then silence."""
    one = await c.client()
    await one.send(c.head()[:20])
    c.zero()
    await c.lab.reloaded.wait()


@case("reload/request_body_then_longer", cut(by="408", phase="request_body"), **LONGER)
async def _(c):
    """Half a body before the reload, then silence."""
    one = await c.client()
    await one.send(c.head("POST", "Content-Length: 1000") + bytes(500))
    c.zero()
    await c.lab.reloaded.wait()


@case("reload/upstream_header_then_longer",
      cut(by="504", blame="upstream", phase="upstream_header"), hand=True, **LONGER)
async def _(c):
    """The upstream is silent since before the reload."""
    one = await c.client()
    await one.send(c.head())
    await c.upstream()
    c.zero()
    await c.lab.reloaded.wait()


@case("reload/longer_is_in_force", cut(2.5, by="RST", phase="first_byte"), **LONGER)
async def _(c):
    """A silent client that came after the reload."""
    await c.lab.reloaded.wait()
    (await c.connect()).listen()


@case("reload/first_byte_then_shorter", cut(by="RST", phase="first_byte"), **SHORTER)
async def _(c):
    """Silent since before the reload."""
    (await c.connect()).listen()
    await c.lab.reloaded.wait()


@case("reload/request_header_then_shorter", lives(), **SHORTER)
async def _(c):
    """Half a header before the reload, the rest after 0.75 T."""
    one = await c.client()
    await one.send(c.head()[:20])
    c.zero()
    await c.lab.reloaded.wait()
    await c.at(0.75)
    await one.send(c.head()[20:])
    await c.ok(one)


@case("reload/request_body_then_shorter", lives(), **SHORTER)
async def _(c):
    """A lawful slow upload of 3 T goes on over the reload."""
    size = int(0.15 * c.window)
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {30 * size}"))
    await c.lab.reloaded.wait()
    await drip(c, one, bytes(30 * size), every=0.1, size=size)
    await c.ok(one)


@case("reload/upstream_header_then_shorter", lives(), hand=True, **SHORTER)
async def _(c):
    """A request before the reload, its answer after 0.75 T."""
    one = await c.client()
    await one.send(c.head())
    c.zero()
    up = await c.upstream()
    await c.lab.reloaded.wait()
    await c.at(0.75)
    await up.send(OK)
    await c.ok(one)


@case("reload/shorter_is_in_force", cut(0.4, by="RST", phase="first_byte"), **SHORTER)
async def _(c):
    """A silent client that came after the reload."""
    await c.lab.reloaded.wait()
    (await c.connect()).listen()
