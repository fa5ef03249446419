# SPDX-License-Identifier: Apache-2.0
"""TLS 1.2 and 1.3 with AEAD suites only, ECDSA and RSA side by side, ALPN, SNI, tickets: with python and openssl
s_client."""
import socket
import ssl
import subprocess

import pytest

from testenv import client

V = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture
def both(certs):
    return {"certificates": [certs.ecdsa.config(), certs.rsa.config()]}


@pytest.mark.parametrize("version", V)
def test_versions(sluice, upstream, certs, version):
    proxy = sluice(upstream())
    one = proxy.client(tls=client.context(certs.ca, low=V[version], high=V[version]))
    assert one.tls.version() == f"TLSv{version}"
    assert one.tls.selected_alpn_protocol() == "http/1.1"
    assert one.get("/bytes/100000").status == 200
    metrics = proxy.metrics()
    assert metrics.get("sluice_tls_handshakes_by_version_total", version=f"TLSv{version}") == 1
    assert proxy.wait_access(1)[0]["tls_version"] == version


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256",
                                    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"])
def test_suites_of_1_2(sluice, upstream, certs, both, cipher):
    proxy = sluice(upstream(), tls=both)
    one = proxy.client(tls=client.context(certs.ca, high=V["1.2"], ciphers=cipher))
    assert one.tls.cipher()[0] == cipher
    assert one.get("/bytes/50000").status == 200


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256",
                                    "AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_weak_suites_are_refused(sluice, upstream, certs, both, cipher):
    proxy = sluice(upstream(), tls=both)
    one = proxy.connect(tls=client.context(certs.ca, high=V["1.2"], ciphers=cipher + ":@SECLEVEL=0"))
    with pytest.raises(ssl.SSLError, match="(?i)handshake.failure"):
        one.handshake()


def test_old_versions_are_refused(sluice, upstream):
    proxy = sluice(upstream())
    for version in ("-tls1", "-tls1_1"):
        done = s_client(proxy, version, "-cipher", "ALL:@SECLEVEL=0")
        assert done.returncode != 0


def test_without_alpn_and_sni(sluice, upstream, certs):
    proxy = sluice(upstream())
    one = proxy.client(tls=client.context(certs.ca, alpn=None))
    assert one.tls.selected_alpn_protocol() is None
    assert one.get("/bytes/1").status == 200
    nameless = client.context()
    one = proxy.client(tls=nameless, name=None)
    assert one.get("/bytes/1").status == 200


def test_certificates_are_chosen_by_name(sluice, upstream, certs):
    other = certs.leaf("shop", names="DNS:shop.example,DNS:*.shop.example")
    proxy = sluice(upstream(), tls={"certificates": [certs.ecdsa.config(), other.config()]})
    for name, expected in (("localhost", "localhost"), ("shop.example", "shop.example"),
                           ("a.shop.example", "shop.example"), ("SHOP.example", "shop.example")):
        one = proxy.client(name=name)
        (((_, common_name),),) = one.tls.getpeercert()["subject"]
        assert common_name == expected
    anybody = client.context()
    assert proxy.client(tls=anybody, name="unknown.example").get("/bytes/1").status == 200


@pytest.mark.parametrize("version", V)
def test_resumption(sluice, upstream, certs, version):
    proxy = sluice(upstream())
    offered = client.context(certs.ca, low=V[version], high=V[version])
    first = proxy.client(tls=offered)
    assert first.get("/bytes/1").status == 200  # the tickets of 1.3 come after the handshake
    assert not first.tls.session_reused
    session = first.tls.session
    assert session.has_ticket
    first.close_notify()
    second = proxy.client(tls=offered, session=session)
    assert second.get("/bytes/1").status == 200
    assert second.tls.session_reused
    assert proxy.metrics().get("sluice_tls_handshakes_resumed_total") == 1
    assert [line["tls_resumed"] for line in proxy.wait_access(2)] == [False, True]


@pytest.mark.workers
@pytest.mark.parametrize("version", V)
def test_resumption_by_another_worker_and_after_a_reload(sluice, upstream, certs, version):
    proxy = sluice(upstream(), workers=4)
    offered = client.context(certs.ca, low=V[version], high=V[version])
    first = proxy.client(tls=offered)
    assert first.get("/bytes/1").status == 200
    session = first.tls.session
    first.close_notify()
    for _ in range(8):
        with proxy.client(tls=offered, session=session) as one:
            assert one.get("/bytes/1").status == 200
            assert one.tls.session_reused
    proxy.reload()
    with proxy.client(tls=offered, session=session) as one:
        assert one.get("/bytes/1").status == 200
        assert one.tls.session_reused


def test_without_tickets(sluice, upstream, certs):
    proxy = sluice(upstream(), tls={"tickets": False})
    for version in V.values():
        offered = client.context(certs.ca, low=version, high=version)
        first = proxy.client(tls=offered)
        assert first.get("/bytes/1").status == 200
        session = first.tls.session
        first.close_notify()
        if session and session.has_ticket:
            pytest.fail("there is a ticket")


def s_client(proxy, *arguments, request=b"GET /bytes/5 HTTP/1.0\r\n\r\n"):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", "localhost",
                           "-CAfile", str(proxy.certs.ca), "-verify_return_error", "-quiet", *arguments],
                          input=request, capture_output=True, timeout=20)


@pytest.mark.parametrize("arguments", [["-tls1_3"], ["-tls1_2"], ["-tls1_2", "-sigalgs", "RSA+SHA256"],
                                       ["-tls1_3", "-sigalgs", "RSA-PSS+SHA256"], ["-groups", "P-256"],
                                       ["-groups", "X25519"], ["-groups", "P-384"],
                                       ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
                                       ["-ciphersuites", "TLS_AES_256_GCM_SHA384"]])
def test_s_client(sluice, upstream, both, arguments):
    proxy = sluice(upstream(), tls=both)
    done = s_client(proxy, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"HTTP/1.1 200")


def test_s_client_hello_retry(sluice, upstream):
    """A key share for a group we do not take first: HelloRetryRequest."""
    proxy = sluice(upstream())
    assert s_client(proxy, "-tls1_3", "-groups", "P-521:P-256").returncode == 0


def test_no_renegotiation(sluice, upstream):
    proxy = sluice(upstream())
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_2", "-msg"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # It asks for one, and goes away when it is told (RFC 5246 7.2.2: a warning) that there is none.
    out, _ = process.communicate(b"R\n", timeout=20)
    assert b"RENEGOTIATING" in out
    assert b"warning no_renegotiation" in out
    assert out.count(b", ServerHello\n") == 1
    assert b":no renegotiation:" in out and process.returncode != 0
    assert proxy.metrics().get("sluice_tls_handshakes_total") == 1
    assert proxy.client().get("/bytes/1").status == 200


def test_many_records_of_every_size(sluice, upstream):
    one = sluice(upstream()).client()
    for size in (1, 16383, 16384, 16385, 32768, 70000):
        body = bytes(size)
        one.send(b"PUT /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
        at = 0
        for piece in (1, 2, 3, 1000, 16384):  # records of these sizes, in turn
            one.raw_send(one.encrypt(body[at:at + piece])) if body[at:at + piece] else None
            at += piece
        one.send(body[at:])
        assert b'"length": %d' % size in one.response().body


def test_a_damaged_record_ends_the_connection(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client()
    record = bytearray(one.encrypt(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    record[-1] ^= 1
    one.raw_send(bytes(record))
    assert one.end() in ("fin", "reset") or one.ended.startswith("alert:")
    assert not app.requests
    assert isinstance(one.socket, socket.socket)
