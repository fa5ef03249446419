# SPDX-License-Identifier: Apache-2.0
"""A body may come fast and then pause: all that has come is passed on then, not when more comes, in both directions."""
import pytest

from testenv import message, upstream as u

BURST = 6_000_001  # not a whole number of anything
N_BURSTS = 5
FRAMINGS = ["length", "chunked"]


def coded(framing, data):
    return message.chunk(data) if framing == "chunked" else data


def field(framing, n_bytes):
    return f"Content-Length: {n_bytes}" if framing == "length" else "Transfer-Encoding: chunked"


def tell_totals(connection):
    """Answers with how much has come so far, again and again."""
    request = connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    total = 0
    for block in connection.reader.blocks(request):
        total += len(block)
        connection.send(message.chunk(b"%012d" % total))
    connection.send(message.LAST_CHUNK)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_up(sluice, upstream, framing, tls):
    one = sluice(upstream(tell_totals, keeps_bytes=False), tls=tls).client()
    one.request("POST", "/", field(framing, N_BURSTS * BURST))
    data, blocks, told = u.pattern(BURST), None, b""
    for n in range(1, N_BURSTS + 1):
        one.send(coded(framing, data))
        if blocks is None:
            blocks = one.reader.blocks(one.reader.response_head())
        while told[-12:] != b"%012d" % (n * BURST):  # before more is sent
            told = told[len(told) // 12 * 12:] + next(blocks)
    if framing == "chunked":
        one.send(message.LAST_CHUNK)
    assert list(blocks) == []


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_down(sluice, upstream, framing, tls):
    data = u.pattern(BURST)

    def burst_for_each_byte(connection):
        request = connection.head()
        connection.send(f"HTTP/1.1 200 OK\r\n{field(framing, N_BURSTS * BURST)}\r\n\r\n".encode())
        for block in connection.reader.blocks(request):
            connection.send(coded(framing, data) * len(block))
        if framing == "chunked":
            connection.send(message.LAST_CHUNK)

    one = sluice(upstream(burst_for_each_byte), tls=tls).client()
    one.request("POST", "/", f"Content-Length: {N_BURSTS}")
    blocks = None
    for _ in range(N_BURSTS):
        one.send(b"x")
        if blocks is None:
            blocks = one.reader.blocks(one.reader.response_head())
        got = b""
        while len(got) < BURST:  # before more is asked for
            got += next(blocks)
        assert got == data
    assert list(blocks) == []
