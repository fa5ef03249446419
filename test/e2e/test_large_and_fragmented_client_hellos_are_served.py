# SPDX-License-Identifier: Apache-2.0
"""ClientHellos as post-quantum clients send them: larger than a packet, in several records and segments; and key shares
of a group that nobody here knows, for which another is asked (HelloRetryRequest)."""
import shutil
import ssl
import struct
import subprocess

import pytest

from testenv import client, tools
from testenv.upstream import pattern

V = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
HANDSHAKE = 22
X25519MLKEM768 = 0x11EC
HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 4.1.3


def context(certs, version, n_protocols):
    """What is offered grows with the names of protocols."""
    names = ["http/1.1", *(f"{i:0200}" for i in range(n_protocols))]
    return client.context(certs.ca, low=V[version], high=V[version], alpn=names)


def split_records(flight, size):
    """The same messages in records of at most so many bytes."""
    found = b""
    while flight:
        kind, version, length = struct.unpack(">BHH", flight[:5])
        body, flight = flight[5:5 + length], flight[5 + length:]
        for at in range(0, length, size if kind == HANDSHAKE else length):
            piece = body[at:at + size] if kind == HANDSHAKE else body
            found += struct.pack(">BHH", kind, version, len(piece)) + piece
    return found


@pytest.mark.parametrize("version", V)
@pytest.mark.parametrize("n_protocols,size", [(0, 4), (0, 100), (0, 511), (8, 5), (8, 500), (8, 1400), (60, 1400),
                                              (60, 4096), (60, 16384)])
@pytest.mark.parametrize("segment", [None, 1000])
def test_records_and_segments(sluice, upstream, certs, version, n_protocols, size, segment):
    proxy = sluice(upstream())
    one = proxy.connect(tls=context(certs, version, n_protocols))
    is_first = True

    def send(flight):
        nonlocal is_first
        if is_first:
            assert len(flight) > n_protocols * 200
            flight = split_records(flight, size)
        is_first = False
        for at in range(0, len(flight), segment or len(flight)):
            one.raw_send(flight[at:at + (segment or len(flight))])

    one.handshake(send=send)
    assert one.get("/bytes/1000").body == pattern(1000)
    assert one.tls.selected_alpn_protocol() == "http/1.1"


def extensions_at(hello):
    """Where the extensions of a ClientHello record begin."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack(">H", hello[at:at + 2])[0]
    return at + 1 + hello[at]


def with_post_quantum_share(hello):
    """The same ClientHello, with a key share of X25519MLKEM768 only, and that group first."""
    at = extensions_at(hello)
    found, rest = b"", hello[at + 2:]
    while rest:
        kind, length = struct.unpack(">HH", rest[:4])
        body, rest = rest[4:4 + length], rest[4 + length:]
        if kind == 10:  # supported_groups
            body = struct.pack(">HH", len(body), X25519MLKEM768) + body[2:]
        if kind == 51:  # key_share
            body = struct.pack(">HHH", 1220, X25519MLKEM768, 1216) + bytes(range(256)) * 4 + bytes(192)
        found += struct.pack(">HH", kind, len(body)) + body
    message = hello[9:at] + struct.pack(">H", len(found)) + found
    return struct.pack(">BHH", HANDSHAKE, 0x301, len(message) + 4) + b"\x01" + \
        len(message).to_bytes(3, "big") + message


def test_a_share_of_a_post_quantum_group_is_answered_with_a_retry(sluice, upstream, certs):
    proxy = sluice(upstream())
    hello = with_post_quantum_share(client.client_hello(client.context(certs.ca, low=V["1.3"])))
    assert len(hello) > 1400
    with proxy.connect(tls=None) as one:
        one.raw_send(split_records(hello, 700))
        answer = b""
        while len(answer) < 5 or len(answer) < 5 + struct.unpack(">H", answer[3:5])[0]:
            more = one.raw_recv()
            assert more, one.ended
            answer += more
    assert answer[0] == HANDSHAKE and answer[5] == 2  # ServerHello
    assert answer[11:43] == HELLO_RETRY
    assert bytes.fromhex("00330002001d") in answer  # key_share: X25519


@pytest.mark.parametrize("groups", ["X25519MLKEM768:X25519", "X25519MLKEM768:P-256", "*X25519MLKEM768/*X25519"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_openssl_offers_post_quantum_first(sluice, upstream, certs, kind, groups):
    """OpenSSL 3.5 and later: X25519MLKEM768 alone needs a retry, with X25519 it does not."""
    known = shutil.which("openssl") and subprocess.run(["openssl", "list", "-kem-algorithms"], capture_output=True)
    if not known or b"X25519MLKEM768" not in known.stdout:
        pytest.skip("this openssl does not know X25519MLKEM768")
    tool = tools.Openssl(sluice(upstream(), tls={"certificates": [certs.of(kind).config()]}))
    data = pattern(100_000)
    for version in "1.3", None:
        assert tool.exchange("GET", "/bytes/100000", version=version, group=groups) == data
        assert b'"length": 100000' in tool.exchange("PUT", "/hash", data, version=version, group=groups)
