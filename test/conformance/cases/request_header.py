# SPDX-License-Identifier: Apache-2.0
"""request_start, request_header, keepalive: the client owes a request."""
from case import case, cut, drip, lives


@case("request_start/silent", cut(by="close", phase="request_start"))
async def _(c):
    """Nothing after the handshake."""
    await c.client()


@case("request_start/empty_lines", cut(0, 1, by="any"))
async def _(c):
    """An empty line now and then after the handshake: they start no request. (Refusing is as good.)"""
    one = await c.client()
    await drip(c, one, b"\r\n" * 100, every=0.22, size=2)


@case("request_start/just_unlawful", cut(by="close", phase="request_start"))
async def _(c):
    """A whole request, 1.3 T after the handshake."""
    one = await c.client()
    await c.at(1.3)
    await one.send(c.head())


@case("request_start/just_lawful", lives(), needs=("origin",))
async def _(c):
    """A whole request, 0.75 T after the handshake."""
    one = await c.client()
    await c.at(0.75)
    await one.send(c.head())
    await c.ok(one)


@case("request_header/silent", cut(by="408", phase="request_header"))
async def _(c):
    """A request line, then silence."""
    one = await c.client()
    await one.send(c.head()[:20])
    c.zero()


@case("request_header/one_byte", cut(by="408", phase="request_header"))
async def _(c):
    """The first byte of a request, then silence."""
    one = await c.client()
    await one.send(b"G")
    c.zero()


@case("request_header/dripped_bytes", cut(by="408", phase="request_header"))
async def _(c):
    """A request, one byte now and then."""
    one = await c.client()
    await drip(c, one, c.head("GET", "X-Long: " + "x" * 200), every=0.12)


@case("request_header/dripped_fields", cut(by="408", phase="request_header"))
async def _(c):
    """Slowloris: a whole header field now and then, never the last."""
    one = await c.client()
    await one.send(c.head()[:-2])
    c.zero()
    await drip(c, one, b"X-a: b\r\n" * 100, every=0.22, size=8)


@case("request_header/just_unlawful", cut(by="408", phase="request_header"))
async def _(c):
    """All but the blank line, which comes after 1.3 T."""
    one = await c.client()
    await one.send(c.head()[:-2])
    c.zero()
    await c.at(1.3)
    await one.send(b"\r\n")


@case("request_header/pipelined_half", cut(1, 1.7, by="408", phase="request_header"), hand=True)
async def _(c):
    """Half a request comes with the one before, whose answer takes 0.6 T; then silence."""
    one = await c.client()
    await one.send(c.head() + c.head()[:20])
    c.zero()
    up = await c.upstream()
    await c.at(0.6)
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")


@case("request_header/just_lawful", lives(), needs=("origin",))
async def _(c):
    """Bytes of a request for 0.75 T, and then it is complete."""
    one = await c.client()
    head = c.head()
    await one.send(head[:1])
    await c.at(0.4)
    await one.send(head[1:-2])
    await c.at(0.75)
    await one.send(head[-2:])
    await c.ok(one)


@case("keepalive/silent", cut(by="close"), needs=("answer",))
async def _(c):
    """Nothing after an answer."""
    one = await c.client()
    await one.send(c.head())
    await c.ok(one)
    c.zero()


@case("keepalive/empty_lines", cut(0, 1, by="any"), needs=("answer",))
async def _(c):
    """An empty line now and then after an answer: they start no request. (Refusing is as good.)"""
    one = await c.client()
    await one.send(c.head())
    await c.ok(one)
    c.zero()
    await drip(c, one, b"\r\n" * 100, every=0.22, size=2)


@case("keepalive/just_unlawful", cut(by="close"), needs=("answer",))
async def _(c):
    """The next request comes 1.3 T after an answer."""
    one = await c.client()
    await one.send(c.head())
    await c.ok(one)
    c.zero()
    await c.at(1.3)
    await one.send(c.head())


@case("keepalive/just_lawful", lives(), needs=("answer",))
async def _(c):
    """Five requests, 0.75 T between them."""
    one = await c.client()
    for n in range(5):
        await one.send(c.head())
        await c.ok(one, n + 1)
        await c.sleep(0.75)


@case("whole/slow_in_every_phase", lives(), needs=("origin",))
async def _(c):
    """As slow as is lawful in each phase: first byte, handshake, request, header, body, next
    request."""
    one = await c.connect()
    await c.at(0.7)
    await one.handshake()
    one.listen()
    for n in range(2):
        head = c.head("POST", "Content-Length: 60000")
        await c.sleep(0.75)
        await one.send(head[:10])
        await c.sleep(0.75)
        await one.send(head[10:])
        for _ in range(2):
            await c.sleep(0.75)
            await one.send(bytes(30000))
        await c.ok(one, n + 1)
