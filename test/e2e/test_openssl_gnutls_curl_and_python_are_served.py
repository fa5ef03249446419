# SPDX-License-Identifier: Apache-2.0
"""A request, an upload and a download with each of four TLS clients, byte by byte right: TLS 1.2 and 1.3, every kind of
certificate, suite, key exchange and protocol list."""
import hashlib
import json

import pytest

from testenv import tools
from testenv.upstream import pattern, pattern_hash

SIZE = 1 << 20

pytestmark = pytest.mark.limit(120)  # many programs are started


@pytest.fixture(params=tools.ALL)
def tool_class(request):
    return tools.ALL[request.param]


@pytest.fixture
def start(sluice, upstream, certs, tool_class):
    def make(*kinds):
        return tool_class(sluice(upstream(), tls={"certificates": [certs.of(kind).config() for kind in kinds]}))
    return make


def check_bodies(tool, **options):
    assert hashlib.sha256(tool.exchange("GET", f"/bytes/{SIZE}", **options)).hexdigest() == pattern_hash(SIZE)
    data = pattern(SIZE, seed=7)
    answer = json.loads(tool.exchange("PUT", "/hash", data, **options))
    assert (answer["length"], answer["sha256"]) == (SIZE, hashlib.sha256(data).hexdigest())


def handshakes(tool, **options):
    """How many there were, of these."""
    kind, = options
    return tool.proxy.metrics().get(f"sluice_tls_handshakes_by_{kind}_total", **options)


@pytest.mark.parametrize("kind", ["ecdsa", "p384", "rsa", "rsa3072"])
def test_certificates(start, kind):
    tool = start(kind)
    for version in "1.2", "1.3":
        check_bodies(tool, version=version)
        assert handshakes(tool, version="TLSv" + version) == 2
    tool.proxy.nothing_expired()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_suites(start, tool_class, kind):
    tool = start(kind)
    for version in "1.2", "1.3":
        for suite in tools.SUITES:
            if tool_class is tools.Python and version == "1.3":
                continue  # it has no choice
            check_bodies(tool, version=version, suite=suite)
            name = tools.IN_TLS13[suite]
            if version == "1.2":
                name = name.replace("TLS_", f"TLS_ECDHE_{kind.upper()}_WITH_")
            assert handshakes(tool, suite=name) == 2


@pytest.mark.parametrize("group", tools.GROUPS)
def test_groups(start, tool_class, group):
    if tool_class is tools.Python:
        pytest.skip("ssl has no choice of groups")
    tool = start("rsa")  # a certificate on a curve needs its group in TLS 1.2
    for version in "1.2", "1.3":
        check_bodies(tool, version=version, group=group)


def test_another_group_is_asked_for(start, tool_class):
    """The key share that the client sends first is of a group that we do not take: HelloRetryRequest."""
    if tool_class is tools.Python:
        pytest.skip("ssl has no choice of groups")
    tool = start("ecdsa")
    for group in "P-521:P-256", "P-521:X25519:P-256":
        check_bodies(tool, version="1.3", group=group)


def test_protocols(start):
    tool = start("ecdsa", "rsa")
    for version in "1.2", "1.3":
        for alpn in (), ("http/1.1",), ("h2", "http/1.1"):
            assert tool.exchange("GET", "/bytes/100", version=version, alpn=alpn) == pattern(100)
