# SPDX-License-Identifier: Apache-2.0
"""One line each: peer, SNI if seen, bytes in, phase, how long; and handshakes are counted by their end, so that the
numbers add up."""
import re
import ssl

from testenv import client, wait


def ends(proxy):
    return {key: n for key, n in proxy.metrics().series("sluice_tls_handshakes_ended_total", "result").items() if n}


def line_of(proxy, one, *words):
    """The line about this client, found by its port."""
    port = one.socket.getsockname()[1]
    line = proxy.wait_log(rf"127\.0\.0\.1:{port}\b")
    for word in words:
        assert re.search(word, line), f"no {word} in: {line}"
    return line


def test_gone_before_a_byte(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    wait.until(lambda: proxy.now_in("first_byte") == 1)
    one.shutdown_write()
    line_of(proxy, one, r"\bfirst_byte\b", r"\beof\b", r"\b0\b")
    assert ends(proxy) == {"eof": 1}


def test_reset_before_a_byte(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    port = one.socket.getsockname()[1]
    wait.until(lambda: proxy.now_in("first_byte") == 1)
    one.reset()
    assert re.search(r"\breset\b", proxy.wait_log(rf"127\.0\.0\.1:{port}\b"))
    assert ends(proxy) == {"reset": 1}


def test_gone_within_the_handshake(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    one.raw_send(client.client_hello()[:100])
    wait.until(lambda: proxy.now_in("tls_handshake") == 1)
    one.shutdown_write()
    line_of(proxy, one, r"\btls_handshake\b", r"\b100\b")
    assert ends(proxy) == {"eof": 1}


def test_the_sni_is_told(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    one.raw_send(client.client_hello(name="shop.sluice.test"))
    one.raw_recv()
    one.shutdown_write()
    line_of(proxy, one, r" sni=shop\.sluice\.test ", r"\btls_handshake\b")


def test_a_name_cannot_pass_for_other_fields(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=None)
    one.raw_send(client.client_hello(name="fourteen.chars").replace(b"fourteen.chars", b'a phase=x "b\\ '))
    one.raw_recv()
    one.shutdown_write()
    line_of(proxy, one, r' sni="a phase=x \\"b\\\\ " bytes_in=', r" phase=tls_handshake ")


def test_no_cipher_in_common(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=client.context(high=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"))
    try:
        one.handshake()
        raise AssertionError("the handshake went well")
    except ssl.SSLError:
        pass
    line_of(proxy, one, "no_shared_cipher")
    assert ends(proxy) == {"no_shared_cipher": 1}


def test_no_version_in_common(sluice, upstream):
    proxy = sluice(upstream(), tls={"versions": ["1.3"]})
    one = proxy.connect(tls=client.context(high=ssl.TLSVersion.TLSv1_2))
    try:
        one.handshake()
        raise AssertionError("the handshake went well")
    except ssl.SSLError as error:
        assert "version" in str(error).lower()
    assert ends(proxy) == {"bad_version": 1}


def test_no_protocol_in_common(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.connect(tls=client.context(alpn=["h2"]))
    try:
        one.handshake()
        raise AssertionError("the handshake went well")
    except ssl.SSLError as error:
        assert "protocol" in str(error).lower()
    assert ends(proxy) == {"no_shared_protocol": 1}


def test_the_client_does_not_trust_us(sluice, upstream):
    proxy = sluice(upstream())
    suspicious = client.context()
    suspicious.check_hostname = True
    suspicious.verify_mode = ssl.CERT_REQUIRED  # and knows no CA
    one = proxy.connect(tls=suspicious)
    try:
        one.handshake()
        raise AssertionError("the handshake went well")
    except ssl.SSLError:
        one._flush()
    line_of(proxy, one, "peer_alert")
    assert ends(proxy) == {"peer_alert": 1}


def test_an_unknown_name(sluice, upstream):
    proxy = sluice(upstream(), tls={"strict_sni": True})
    one = proxy.connect(tls=client.context(), name="unknown.example")
    try:
        one.handshake()
        raise AssertionError("the handshake went well")
    except ssl.SSLError:
        pass
    line_of(proxy, one, "unknown_sni", r"unknown\.example")
    assert ends(proxy) == {"unknown_sni": 1}
    assert proxy.client(name="localhost").get("/bytes/1").status == 200


def test_gone_after_the_handshake(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    one.close_notify()
    one.shutdown_write()
    line_of(proxy, one, r"\brequest_start\b")
    assert ends(proxy) == {"ok": 1}
