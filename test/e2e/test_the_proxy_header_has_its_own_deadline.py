# SPDX-License-Identifier: Apache-2.0
"""Deadline proxy_header: on a listener that requires the PROXY protocol a client that says nothing, or trickles its
header, is reset; a slow but lawful one is served."""
import pytest

from testenv import sluice as s, wait

LISTENER = {"proxy_protocol": "required"}
HEADER = b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n"


@pytest.mark.parametrize("sent", [b"", HEADER[:20]], ids=["silent", "half"])
def test_silent(sluice, upstream, sent):
    proxy = sluice(upstream(), listener=LISTENER, deadlines={"proxy_header": "600ms"})
    one = proxy.connect(tls=None)
    if sent:
        one.raw_send(sent)
    assert one.end() == "reset"
    wait.at(one.clock.seconds, 0.6)
    proxy.wait_expired("proxy_header")


def test_trickling(sluice, upstream):
    proxy = sluice(upstream(), listener=LISTENER, deadlines={"proxy_header": "600ms"})
    one = proxy.connect(tls=None)
    one.drip(HEADER, every=0.05)
    assert one.end() == "reset"
    wait.at(one.clock.seconds, 0.6)
    proxy.wait_expired("proxy_header")


def test_lawful(sluice, upstream):
    deadlines = s.every_phase("1s", proxy_header="8s", first_byte="6s", tls_handshake="8s")
    proxy = sluice(upstream(), listener=LISTENER, deadlines=deadlines)
    one = proxy.connect()
    for i in range(0, len(HEADER), 2):
        one.raw_send(HEADER[i:i + 2])
        s.sleep(0.1)
    one.handshake()
    assert b"X-Forwarded-For: 192.0.2.7" in one.get("/echo").body
    proxy.nothing_expired()


def test_a_shorter_one_that_counts_from_accept_is_not_postponed(sluice, upstream):
    proxy = sluice(upstream(), listener=LISTENER, deadlines={"proxy_header": "8s", "first_byte": "600ms"})
    one = proxy.connect(tls=None)
    assert one.end() == "reset"
    wait.at(one.clock.seconds, 0.6)
    proxy.wait_expired("first_byte")
    assert proxy.expired("proxy_header") == 0


@pytest.mark.parametrize("header", [b"GET / HTTP/1.1\r\n", b"PROXY TCP4 nonsense\r\n", b"\x16\x03\x01\x02\x00\x01"])
def test_what_is_no_proxy_header_is_refused_at_once(sluice, upstream, header):
    proxy = sluice(upstream(), listener=LISTENER)
    one = proxy.connect(tls=None)
    one.raw_send(header)
    assert one.end() in ("reset", "fin")
    assert one.clock.seconds < 2
