# SPDX-License-Identifier: Apache-2.0
"""Records as openssl makes them: of one byte, of any length, padded, small by agreement, cut into single bytes by the
network; and a key update, which ends the connection."""
import hashlib
import random
import socket
import ssl
import subprocess

import pytest

from testenv import client

V = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
BODY = random.Random(1).randbytes(300_000)


def s_client(proxy, *arguments, request):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", "localhost",
                           "-quiet", *arguments], input=request, capture_output=True, timeout=60)


def put(body):
    return b"PUT /hash HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("arguments", [["-tls1_2"], ["-tls1_3"],
                                       ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
                                       ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
                                       ["-tls1_2", "-max_send_frag", "512"], ["-tls1_3", "-max_send_frag", "512"],
                                       ["-tls1_3", "-max_send_frag", "16384"],
                                       ["-tls1_3", "-record_padding", "1000"],
                                       ["-tls1_3", "-record_padding", "16000"]])
def test_uploads(sluice, upstream, arguments):
    done = s_client(sluice(upstream()), *arguments, request=put(BODY))
    assert hashlib.sha256(BODY).hexdigest().encode() in done.stdout, done.stderr[-500:]


@pytest.mark.parametrize("length", ["1024", "2048", "4096"])
def test_a_client_that_wants_short_records(sluice, upstream, length):
    """openssl refuses any that is longer."""
    request = b"GET /bytes/100000 HTTP/1.0\r\nHost: localhost\r\n\r\n"
    done = s_client(sluice(upstream()), "-tls1_2", "-maxfraglen", length, request=request)
    assert done.stdout.startswith(b"HTTP/1.1 200"), done.stderr[-500:]
    assert len(done.stdout) > 100000


@pytest.mark.parametrize("version", V)
def test_single_bytes(sluice, upstream, certs, version):
    proxy = sluice(upstream())
    one = proxy.client(tls=client.context(certs.ca, low=V[version], high=V[version]))
    one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    cipher = one.encrypt(b"PUT /hash HTTP/1.1\r\nHost: localhost\r\n") + one.encrypt(b"Content-Length: 30\r\n\r\n")
    for byte in cipher + one.encrypt(BODY[:30]):
        one.raw_send(bytes([byte]))
    assert hashlib.sha256(BODY[:30]).hexdigest().encode() in one.response().body
    assert one.get("/bytes/70000").status == 200


def test_a_key_update_ends_the_connection(sluice, upstream):
    """RFC 8446 4.6.3. mbedTLS 3.6 has none."""
    proxy = sluice(upstream())
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_3"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.stdin.write(b"k\n")
    process.stdin.flush()  # it stays open: at its end openssl would go away by itself
    out = process.stdout.read()
    process.stdin.close()
    process.wait(20)
    assert b"KEYUPDATE" in out
    proxy.wait_log("error=tls_protocol")
    assert proxy.client().get("/bytes/1").status == 200
