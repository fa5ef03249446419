# SPDX-License-Identifier: Apache-2.0
"""PROXY protocol versions 1 and 2: the address in them is the client's, for the application and the logs."""
import socket
import struct

import pytest

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(family, addresses, command=0x21, more=b""):
    body = addresses + more
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 5555, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::1") + \
    struct.pack(">HH", 5555, 443)
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7") + V6[16:]
HEADERS = {
    "v1_tcp4": (b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n", "192.0.2.7"),
    "v1_tcp6": (b"PROXY TCP6 2001:db8::7 ::1 5555 443\r\n", "2001:db8::7"),
    "v1_tcp6_of_ipv4": (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 5555 443\r\n", "192.0.2.7"),
    "v2_tcp6_of_ipv4": (version_2(0x21, MAPPED), "192.0.2.7"),
    "v1_unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2_tcp4": (version_2(0x11, V4), "192.0.2.7"),
    "v2_tcp6": (version_2(0x21, V6), "2001:db8::7"),
    "v2_with_more": (version_2(0x11, V4, more=b"\x04\x00\x04abcd"), "192.0.2.7"),
    "v2_local": (version_2(0x00, b"", command=0x20), "127.0.0.1"),
}


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_good(sluice, upstream, what, tls):
    header, address = HEADERS[what]
    app = upstream()
    proxy = sluice(app, tls=tls, listener={"proxy_protocol": "required"})
    one = proxy.connect()
    if tls:
        one.send(header + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")  # in one segment
        assert one.response().status == 200
    else:
        one.raw_send(header)
        assert one.handshake().get("/").status == 200
    assert app.requests[0].get("X-Forwarded-For") == address
    member = f'for="[{address}]";' if ":" in address else f"for={address};"  # RFC 7239 section 6
    assert app.requests[0].get("Forwarded").startswith(member)
    assert address in proxy.wait_access(1)[0]["client"]


BAD = {
    "none": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "v1_garbage": b"PROXY TCP4 1.2.3 x y z\r\n",
    "v1_port": b"PROXY TCP4 192.0.2.7 198.51.100.1 99999 443\r\n",
    "v1_too_long": b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
    "v1_lf": b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\n",
    "v2_command": version_2(0x11, V4, command=0x2f),
    "v2_version": version_2(0x11, V4, command=0x11),
    "v2_short": version_2(0x11, V4[:6]),
    "v2_huge": SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 3000,
}


@pytest.mark.parametrize("what", BAD)
def test_bad(sluice, upstream, what):
    app = upstream()
    proxy = sluice(app, tls="off", listener={"proxy_protocol": "required"}, deadlines={"proxy_header": "2s"})
    one = proxy.connect()
    try:
        one.raw_send(BAD[what] + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    except ConnectionError:
        pass
    assert one.end() in ("reset", "fin")
    assert b"HTTP/1.1 200" not in one.reader.buffer
    assert not app.connections
