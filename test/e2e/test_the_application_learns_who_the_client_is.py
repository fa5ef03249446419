# SPDX-License-Identifier: Apache-2.0
"""Via, X-Forwarded-For/-Proto/-Host, Forwarded (RFC 7239) and X-Request-Id: what clients claim is replaced, what trusted
proxies say is kept and added to."""
import re

import pytest

CLAIMS = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil",
          "X-Forwarded-Port: 1", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6;proto=gopher"]


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("claims", [[], CLAIMS], ids=["silent", "lying"])
def test_from_anybody(sluice, upstream, tls, claims):
    app = upstream()
    one = sluice(app, tls=tls).client()
    assert one.get("/", *claims, host="example.org").status == 200
    request, proto = app.requests[0], "http" if tls else "https"
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == proto
    assert request.get("X-Forwarded-Host") == "example.org"
    assert not request.has("X-Forwarded-Port") and not request.has("X-Real-IP")
    forwarded = request.get("Forwarded").lower()
    assert "for=127.0.0.1" in forwarded and f"proto={proto}" in forwarded and "example.org" in forwarded
    assert request.get("Via") == "1.1 sluice"
    assert b"6.6.6.6" not in request.raw_head and b"gopher" not in request.raw_head


@pytest.mark.parametrize("trusted", [["127.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1"]])
def test_from_a_trusted_proxy(sluice, upstream, trusted):
    app = upstream()
    one = sluice(app, forwarding={"trusted_proxies": trusted}).client()
    assert one.get("/", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-Proto: http",
                   "X-Forwarded-Host: first.example", "Forwarded: for=192.0.2.1;proto=http",
                   "Via: 1.0 first").status == 200
    request = app.requests[0]
    assert request.get("X-Forwarded-For") == "192.0.2.1, 192.0.2.2, 127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "first.example"
    assert re.match(r"for=192\.0\.2\.1;proto=http, for=127\.0\.0\.1;", request.get("Forwarded"))
    assert ", ".join(request.all("Via")) == "1.0 first, 1.1 sluice"


@pytest.mark.parametrize("forwarded", ['for="unclosed', 'for="a\\', 'for=a, for="b', 'for="a\\";host=b'])
def test_a_quote_that_is_never_closed_swallows_nothing(sluice, upstream, forwarded):
    """A trusted proxy may have passed on what its client wrote."""
    app = upstream()
    one = sluice(app, tls="off", forwarding={"trusted_proxies": ["127.0.0.1"]}).client()
    assert one.get("/", f"Forwarded: {forwarded}", host="a").status == 200
    assert app.requests[0].get("Forwarded") == 'for=127.0.0.1;host="a";proto=http'
    whole = 'for="\\"a, b\\\\"'
    assert one.get("/", f"Forwarded: {whole}", host="a").status == 200
    assert app.requests[1].get("Forwarded") == whole + ', for=127.0.0.1;host="a";proto=http'


def test_from_one_that_is_not_on_the_list(sluice, upstream):
    app = upstream()
    one = sluice(app, forwarding={"trusted_proxies": ["10.0.0.0/8"]}).client()
    one.get("/", *CLAIMS)
    assert app.requests[0].get("X-Forwarded-For") == "127.0.0.1"


def test_via_of_http_1_0_and_with_another_name(sluice, upstream):
    app = upstream()
    one = sluice(app, forwarding={"via": "edge-1"}).client()
    response = one.get(version="1.0")
    assert app.requests[0].get("Via") == "1.0 edge-1"
    assert response.get("Via") == "1.1 edge-1"


def test_request_ids(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client()
    one.get("/", "X-Request-Id: mine-42")
    one.get("/")
    one.get("/")
    one.get("/", "X-Request-Id: bad id\t{}")
    given, first, second, replaced = (request.get("X-Request-Id") for request in app.requests)
    assert given == "mine-42"
    assert first != second and len(first) >= 16
    assert "{" not in replaced
    lines = proxy.wait_access(4)
    assert [line["request_id"] for line in lines] == [given, first, second, replaced]


def test_of_an_ipv6_client(sluice, upstream):
    app = upstream()
    proxy = sluice(app, is_ready=False)
    config = proxy.config["listeners"][0]
    proxy.wait_ready()
    config["address"] = f"[::1]:{proxy.port}"
    proxy.reload()
    one = proxy.client(address=("::1", proxy.port))
    assert one.get().status == 200
    request = app.requests[0]
    assert request.get("X-Forwarded-For") == "::1"
    assert 'for="[::1]"' in request.get("Forwarded")
