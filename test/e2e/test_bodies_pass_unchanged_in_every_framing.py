# SPDX-License-Identifier: Apache-2.0
"""Bodies of every size that sits on a border, up and down, with Content-Length and chunked, over TLS and plain."""
import json
import hashlib

import pytest

from testenv import message
from testenv.upstream import pattern, pattern_hash

SIZES = [0, 1, 2, 4095, 4096, 16383, 16384, 16385, 65535, 65536, 262143, 1_000_003]


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_up(sluice, upstream, tls, framing):
    app = upstream()
    one = sluice(app, tls=tls).client()
    for size in SIZES:
        data = pattern(size, seed=size)
        if framing == "length":
            one.request("PUT", "/hash", body=data)
        else:
            one.request("PUT", "/hash", "Transfer-Encoding: chunked")
            pieces = [data[at:at + 30_000] for at in range(0, size, 30_000)]
            one.send(b"".join(map(message.chunk, pieces)) + message.LAST_CHUNK)
        answer = json.loads(one.response().body)
        assert answer["length"] == size
        assert answer["sha256"] == hashlib.sha256(data).hexdigest()
        request = app.requests[-1]
        assert request.is_chunked == (framing == "chunked")
        assert (request.get("Content-Length") == str(size)) == (framing == "length")
    assert len(app.connections) == 1


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("framing", ["bytes", "chunked"])
def test_down(sluice, upstream, tls, framing):
    one = sluice(upstream(), tls=tls).client()
    for size in SIZES:
        response = one.get(f"/{framing}/{size}")
        assert len(response.body) == size
        assert hashlib.sha256(response.body).hexdigest() == pattern_hash(size)
        assert response.is_chunked == (framing == "chunked")


def test_one_byte_chunks(sluice, upstream):
    one = sluice(upstream()).client()
    data = pattern(3000)
    one.request("PUT", "/hash", "Transfer-Encoding: chunked")
    one.send(b"".join(message.chunk(data[i:i + 1]) for i in range(len(data))) + message.LAST_CHUNK)
    assert json.loads(one.response().body)["sha256"] == hashlib.sha256(data).hexdigest()
