# SPDX-License-Identifier: Apache-2.0
"""request_body: the client owes a body, and has a pace to keep: some byte within each T, and `window`
bytes in every T."""
from case import BLOCK, LAST_CHUNK, case, chunk, cut, drip, lives, pour

FAST = 10_000_000


async def post(c, n, prefix="app"):
    one = await c.client()
    await one.send(c.head("POST", f"Content-Length: {n}", prefix=prefix))
    c.zero()
    return one


async def post_chunked(c):
    one = await c.client()
    await one.send(c.head("POST", "Transfer-Encoding: chunked"))
    c.zero()
    return one


@case("request_body/silent", cut(by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """A header that announces a body, then silence."""
    await post(c, 1000)


@case("request_body/stalled", cut(by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """Half of the body, then silence."""
    one = await post(c, 100000)
    await one.send(bytes(50000))
    c.zero()


@case("request_body/stalled_in_a_chunk_line", cut(by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """A chunk, half the size line of the next, then silence."""
    one = await post_chunked(c)
    await one.send(chunk(bytes(30000)) + b"1f")
    c.zero()


@case("request_body/last_chunk_missing", cut(by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """All of a chunked body but its last chunk."""
    one = await post_chunked(c)
    await one.send(chunk(bytes(30000)))
    c.zero()


@case("request_body/dripped", cut(1, 2, by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """One byte each T/10: never idle, far too slow."""
    one = await post(c, 100000)
    await drip(c, one, bytes(100), every=0.1)


@case("request_body/dripped_chunks", cut(1, 2, by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """One chunk of one byte each T/10."""
    one = await post_chunked(c)
    await drip(c, one, b"1\r\nx\r\n" * 100, every=0.1, size=6)


@case("request_body/dripped_trailers", cut(1, 2, by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """The last chunk, then a trailer field each T/10, without end."""
    one = await post_chunked(c)
    await one.send(chunk(bytes(30000)) + b"0\r\n")
    c.zero()
    await drip(c, one, b"X-a: b\r\n" * 100, every=0.1, size=8)


@case("request_body/just_unlawful", cut(1, 2.5, by="408", phase="request_body"), needs=("upload",))
async def _(c):
    """A steady 0.6 of the minimum rate."""
    one = await post(c, 1_000_000)
    await drip(c, one, bytes(1_000_000), every=0.1, size=int(0.06 * c.window))


@case("request_body/credit_then_silence", cut(by="408", phase="request_body"), heavy=True, needs=("upload",))
async def _(c):
    """10 MB as fast as they are taken, then silence."""
    one = await post(c, 2 * FAST)
    await pour(one, FAST)
    c.zero()


@case("request_body/credit_then_drip", cut(1, 2.2, by="408", phase="request_body"), heavy=True,
      needs=("upload",))
async def _(c):
    """10 MB as fast as they are taken, then one byte each T/10: a fast start buys one window."""
    one = await post(c, 2 * FAST)
    await pour(one, FAST)
    c.zero()
    await drip(c, one, bytes(100), every=0.1)


@case("request_body/credit_then_slow", cut(1, 2.5, by="408", phase="request_body"), heavy=True,
      needs=("upload",))
async def _(c):
    """10 MB as fast as they are taken, then half of the minimum rate."""
    one = await post(c, 2 * FAST)
    await pour(one, FAST)
    c.zero()
    await drip(c, one, bytes(1_000_000), every=0.1, size=int(0.05 * c.window))


@case("request_body/lawful_slow", lives(), needs=("origin",))
async def _(c):
    """1.5 of the minimum rate, steadily, for 4 T."""
    size = int(0.15 * c.window)
    one = await post(c, 40 * size)
    await drip(c, one, bytes(40 * size), every=0.1, size=size)
    await c.ok(one)


@case("request_body/lawful_slow_chunks", lives(), needs=("origin",))
async def _(c):
    """The same in chunks."""
    piece = chunk(bytes(int(0.15 * c.window)))
    one = await post_chunked(c)
    await drip(c, one, piece * 40, every=0.1, size=len(piece))
    await one.send(LAST_CHUNK)
    await c.ok(one)


@case("request_body/lawful_bursts", lives(), needs=("origin",))
async def _(c):
    """1.5 windows of bytes at once, each 0.75 T, for 4 T."""
    size = int(1.5 * c.window)
    one = await post(c, 6 * size)
    await drip(c, one, bytes(6 * size), every=0.75, size=size)
    await c.ok(one)


@case("request_body/lawful_pauses", lives(), heavy=True, needs=("origin",))
async def _(c):
    """Fast, then silent for 0.75 T, in turn, for 4 T, a megabyte each time."""
    one = await post(c, 5_000_000)
    for _ in range(5):
        await pour(one, 1_000_000)
        await c.sleep(0.75)
    await c.ok(one)


@case("request_body/backpressure", lives(), heavy=True, hand=True)
async def _(c):
    """The upstream takes a megabyte each 0.7 T; the client would be fast. It is not the client's
    fault."""
    n = 12_000_000
    one = await post(c, n, prefix="tight")
    c.meanwhile(pour(one, n))
    up = await c.upstream()
    async for _ in c.ticks(0.7, lasting=3.5):
        taken = 0
        while taken < 1_000_000:
            taken += await up.sip(65536)
    up.listen()
    got = await up.answer(1, 6 * c.t)
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    c.check(got.n_body == n, f"{got.n_body} bytes of {n} arrived")
    await c.ok(one)


@case("request_body/waits_for_100", lives(), hand=True)
async def _(c):
    """Expect: 100-continue, and the upstream says 100 after 0.75 T; the client sends its body 0.75 T
    after it was asked to."""
    one = await c.client()
    await one.send(c.head("POST", "Expect: 100-continue", "Content-Length: 5"))
    c.zero()

    async def go_on():
        await one.until(lambda: 100 in one.http.interim)
        await c.sleep(0.75)
        await one.send(b"hello")
    c.meanwhile(go_on())
    up = (await c.upstream()).listen()
    await c.at(0.75)
    await up.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    got = await up.answer(1, 6 * c.t)
    await up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    c.check(got.n_body == 5, "the body did not arrive")
    await c.ok(one)


@case("request_body/never_sent_after_100", cut(by="408", phase="request_body"), hand=True)
async def _(c):
    """Expect: 100-continue; the upstream says 100 at once, and the client sends nothing."""
    one = await c.client()
    await one.send(c.head("POST", "Expect: 100-continue", "Content-Length: 5"))
    up = (await c.upstream()).listen()
    await up.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await one.until(lambda: 100 in one.http.interim, 6 * c.t)
    c.zero()


@case("request_body/100_never_comes", cut(by="504", blame="upstream"), hand=True)
async def _(c):
    """Expect: 100-continue, and the upstream never answers. The client, which sends its body as soon
    as it is asked to, waits by right: 504."""
    one = await c.client()
    await one.send(c.head("POST", "Expect: 100-continue", "Content-Length: 5"))
    c.zero()
    await c.upstream()
    await one.until(lambda: 100 in one.http.interim or one.http.messages, 6 * c.t)
    if not one.http.messages:
        await one.send(b"hello")


@case("request_body/stalled_after_the_answer_began", cut(by="cut", phase="request_body"), hand=True)
async def _(c):
    """The upstream answers while the body comes; then the client stalls. Its answer is cut; no 408
    behind a 200."""
    one = await post(c, 200000)
    await one.send(bytes(50000))
    c.zero()
    up = (await c.upstream()).listen()
    await up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"so far\n"))

    async def answer():
        async for _ in c.ticks(0.1):
            await up.send(chunk(BLOCK[:int(0.15 * c.window)]))
    c.meanwhile(answer())
