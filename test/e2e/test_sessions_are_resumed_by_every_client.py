# SPDX-License-Identifier: Apache-2.0
"""openssl s_client, gnutls-cli, curl and python resume their sessions, in TLS 1.2 and 1.3, at any worker and after a
reload. (Tickets outlive a rotation of their key, too: that takes hours, so unit tests show it.)"""

import ssl

import pytest

from testenv import client, tools
from testenv.upstream import pattern

pytestmark = [pytest.mark.workers, pytest.mark.limit(120)]

REQUEST = b"GET /bytes/100 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
VERSIONS = ("1.2", "1.3")
SUITES = {"1.2": ("AES-128-GCM", "CHACHA20-POLY1305"), "1.3": tools.SUITES}


def resumed(proxy):
    return proxy.metrics().get("sluice_tls_handshakes_resumed_total")


@pytest.fixture(params=["ecdsa", "rsa"])
def proxy(request, sluice, upstream, certs):
    return sluice(upstream(), workers=3, tls={"certificates": [certs.of(request.param).config()]})


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl(proxy, tmp_path, version):
    tool = tools.Openssl(proxy)
    for n, suite in enumerate(SUITES[version]):
        session = tmp_path / f"session{n}"
        options = {"version": version, "suite": suite}
        before = resumed(proxy)
        assert tool.body_of(tool.talk(REQUEST, "-sess_out", session, **options)) == pattern(100)
        assert resumed(proxy) == before
        for i in range(6):
            if i == 3:
                proxy.reload()
            assert tool.body_of(tool.talk(REQUEST, "-sess_in", session, **options)) == pattern(100)
        assert resumed(proxy) == before + 6


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls(proxy, version):
    """It makes a first connection only for its session."""
    tool = tools.Gnutls(proxy)
    for n, suite in enumerate(SUITES[version], 1):
        answer = tool.talk(REQUEST, "--resume", "--waitresumption", version=version, suite=suite)
        assert tool.body_of(answer) == pattern(100)
        assert resumed(proxy) == n


def test_curl(proxy):
    """Connections of one run share sessions. With TLS 1.2 curl takes no tickets, and there is nothing else."""
    url = f"https://localhost:{proxy.port}/bytes/100"
    tool = tools.Curl(proxy)
    body = tool.run("-sS", "--fail", "--cacert", proxy.certs.ca, *tool.arguments(version="1.3"),
                    "-H", "Connection: close", *[url] * 5)
    assert body == pattern(100) * 5
    assert resumed(proxy) == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_python(proxy, version):
    only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    offered = client.context(proxy.certs.ca, low=only, high=only)
    with proxy.client(tls=offered) as first:
        assert first.get("/bytes/100").body == pattern(100)
        session = first.tls.session
    for i in range(6):
        if i == 3:
            proxy.reload()
        with proxy.client(tls=offered, session=session) as one:
            assert one.get("/bytes/100").body == pattern(100)
            assert one.tls.session_reused
    assert resumed(proxy) == 6


def test_a_session_of_another_certificate_is_not_resumed(sluice, upstream, certs):
    """After a reload with another certificate, tickets of before lead to full handshakes."""
    proxy = sluice(upstream(), workers=2)
    offered = client.context(certs.ca)
    with proxy.client(tls=offered) as first:
        assert first.get("/bytes/1").status == 200
        session = first.tls.session
    other = certs.leaf("successor")
    proxy.reload(lambda config: config["listeners"][0]["tls"].update(certificates=[other.config()]))
    for _ in range(4):
        with proxy.client(tls=offered, session=session) as one:
            assert one.get("/bytes/1").status == 200
            assert not one.tls.session_reused
    assert resumed(proxy) == 0


def test_openssl_with_a_key_exchange_that_has_to_be_asked_for(proxy, tmp_path):
    """Resumption and HelloRetryRequest in one handshake."""
    tool = tools.Openssl(proxy)
    session = tmp_path / "session"
    for arguments in (["-sess_out", session], ["-sess_in", session]):
        assert tool.body_of(tool.talk(REQUEST, *arguments, version="1.3", group="P-521:P-256")) == pattern(100)
    assert resumed(proxy) == 1
