# SPDX-License-Identifier: Apache-2.0
"""The configuration is reloaded with another T while connections live: each keeps the T with which its
phase began; what begins later has the new one. On `longer` T becomes 2.5 T, on `shorter` 0.4 T."""
from case import case, cut, drip, lives
from origin import OK
from . import response, tunnel, upstream_body, upstream_connect, upstream_write
from .before_request import is_served

LONGER = {"on": "longer", "needs": ("origin", "reload")}
SHORTER = {"on": "shorter", "needs": ("origin", "reload")}


@case("reload/first_byte_then_longer", cut(by="RST", phase="first_byte"), **LONGER)
async def _(c):
    """Silent since before the reload."""
    (await c.connect()).listen()
    await c.lab.reloaded.wait()


@case("reload/tls_handshake_then_longer", cut(by="alert", phase="tls_handshake"), **LONGER)
async def _(c):
    """Half a ClientHello before the reload, then silence."""
    one = (await c.connect()).listen()
    hello = one.begin_tls()
    await one.raw_send(hello[:len(hello) // 2])
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


@case("reload/response_then_longer", cut(by="RST", phase="response"), hand=True, heavy=True, **LONGER)
async def _(c):
    """A response that the client stops to read before the reload."""
    await response.get(c)
    await c.lab.reloaded.wait()


@case("reload/upstream_queue_then_longer", cut(by="503", blame="pool", phase="upstream_queue"), hand=True,
      **{**LONGER, "needs": (*LONGER["needs"], "queue")})
async def _(c):
    """A request waits for the only connection since before the reload."""
    await upstream_connect.wait_behind(c, "busy")
    await c.lab.reloaded.wait()


@case("reload/upstream_write_then_longer",
      cut(1, 1.1, by="504", blame="upstream", phase="upstream_write"), hand=True, heavy=True, **LONGER)
async def _(c):
    """The upstream stops to read a request before the reload."""
    await upstream_write.upload(c)
    await c.lab.reloaded.wait()


@case("reload/upstream_body_then_longer", cut(**upstream_body.WANT), hand=True, **LONGER)
async def _(c):
    """The upstream is silent in its body since before the reload."""
    await upstream_body.begin(c)
    await c.lab.reloaded.wait()


@case("reload/tunnel_then_longer", cut(**tunnel.WANT), hand=True, **LONGER)
async def _(c):
    """A tunnel in which nobody speaks since before the reload."""
    await tunnel.switch(c)
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


@case("reload/tls_handshake_then_shorter", lives(), **SHORTER)
async def _(c):
    """Half a ClientHello before the reload, the rest and a request after 0.75 T."""
    one = await c.connect()
    hello = one.begin_tls()
    await one.raw_send(hello[:len(hello) // 2])
    await c.lab.reloaded.wait()
    await c.at(0.75)
    await is_served(c, one, hello[len(hello) // 2:])


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
    """A lawful upload of 4 T in bursts, with pauses of 0.7 T, goes on over the reload."""
    size = int(1.5 * c.window)
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {6 * size}"))
    c.meanwhile(drip(c, one, bytes(6 * size), every=0.7, size=size))
    await c.lab.reloaded.wait()
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


@case("reload/response_then_shorter", lives(), hand=True, heavy=True, **SHORTER)
async def _(c):
    """A client reads 2 windows at once, each 0.7 T, for 4 T over the reload, then all the rest."""
    n = 8_000_000
    one = await response.get(c, n)
    c.meanwhile(c.lab.reloaded.wait())
    async for _ in c.ticks(0.7, lasting=4.2):
        await response.gulp(one, 2 * c.window)
    await response.the_rest(c, one, n)


@case("reload/upstream_queue_then_shorter", lives(), hand=True,
      **{**SHORTER, "needs": (*SHORTER["needs"], "queue")})
async def _(c):
    """A request waits for the only connection since before the reload, and gets it after 0.7 T."""
    await upstream_connect.served_when_freed(c, "freed", 0.7, c.lab.reloaded)


@case("reload/upstream_write_then_shorter", lives(), hand=True, heavy=True, **SHORTER)
async def _(c):
    """The upstream reads 2 windows at once, each 0.7 T, for 4 T over the reload, then all the rest."""
    n = 8_000_000
    one, up = await upstream_write.upload(c, n)
    c.meanwhile(c.lab.reloaded.wait())
    async for _ in c.ticks(0.7, lasting=4.2):
        await upstream_write.gulp(up, 2 * c.window)
    await upstream_write.the_rest(c, one, up, n)


@case("reload/upstream_body_then_shorter", lives(), hand=True, **SHORTER)
async def _(c):
    """The upstream sends 1.5 windows at once, each 0.7 T, for 4 T over the reload."""
    size = int(1.5 * c.window)
    one, up = await upstream_body.begin(c, upstream_body.sized(6 * size))
    c.meanwhile(c.lab.reloaded.wait())
    await drip(c, up, bytes(6 * size), every=0.7, size=size)
    await c.ok(one, n_body=6 * size)


@case("reload/tunnel_then_shorter", lives(), hand=True, **SHORTER)
async def _(c):
    """One byte goes through a tunnel each 0.7 T, for 3.5 T over the reload."""
    one, up = await tunnel.switch(c)
    c.meanwhile(c.lab.reloaded.wait())
    async for _ in c.ticks(0.7, lasting=3.5):
        await one.send(b"x")
    await up.until(lambda: len(up.plain) >= 5, c.t)


@case("reload/shorter_is_in_force", cut(0.4, by="RST", phase="first_byte"), **SHORTER)
async def _(c):
    """A silent client that came after the reload."""
    await c.lab.reloaded.wait()
    (await c.connect()).listen()
