# SPDX-License-Identifier: Apache-2.0
"""Nothing is collected: each piece of a body passes as it comes, in both directions at once."""
import pytest

from testenv import message


def echo(connection):
    """Answers before the request is complete, piece by piece."""
    request = connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for block in connection.reader.blocks(request):
        connection.send(message.chunk(block))
    connection.send(message.LAST_CHUNK)


@pytest.mark.parametrize("framing", ["Content-Length: 50", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_piece_by_piece(sluice, upstream, framing, tls):
    app = upstream(echo)
    one = sluice(app, tls=tls).client()
    one.request("POST", "/", framing)
    response = None
    is_chunked = framing.endswith("chunked")
    for i in range(10):
        piece = b"%05d" % i
        one.send(message.chunk(piece) if is_chunked else piece)
        if response is None:
            response = one.reader.response_head()
            blocks = one.reader.blocks(response)
        assert next(blocks) == piece  # before the next is sent
    if is_chunked:
        one.send(message.LAST_CHUNK)
    assert list(blocks) == []
    assert response.is_complete
