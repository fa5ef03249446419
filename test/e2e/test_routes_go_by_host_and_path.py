# SPDX-License-Identifier: Apache-2.0
"""Routes: host, wildcard host, path prefixes on segment borders, the most specific first; 404 where none fits; tricks
with dots, escapes and case do not lead elsewhere."""
import pytest

ROUTES = [
    {"path": "/", "host": "sluice.test", "upstream": "site"},
    {"path": "/api", "host": "sluice.test", "upstream": "api"},
    {"path": "/api/v2", "host": "sluice.test", "upstream": "v2"},
    {"host": "*.sluice.test", "upstream": "wild"},
    {"path": "/any", "upstream": "any"},
    {"path": "/caf%C3%A9", "host": "sluice.test", "upstream": "any"},
]
CASES = [
    ("sluice.test", "/", "site"), ("sluice.test", "/x", "site"), ("sluice.test", "/api", "api"),
    ("sluice.test", "/api/", "api"), ("sluice.test", "/api?x=/other", "api"),
    ("sluice.test", "/apiary", "site"), ("sluice.test", "/api/v2", "v2"),
    ("sluice.test", "/api/v2/x", "v2"), ("sluice.test", "/api/v20", "api"),
    ("sluice.test.", "/api", "api"), ("a.sluice.test.:1", "/", "wild"),
    ("SLUICE.Test", "/api", "api"), ("sluice.test:8443", "/api", "api"),
    ("a.sluice.test", "/api", "wild"), ("a.b.sluice.test", "/", "wild"),
    ("evilsluice.test", "/", None), ("other", "/any", "any"), ("other", "/anything", None), ("other", "/", None),
    # what the application will make of it, once it has removed dots and escapes
    ("sluice.test", "/x/../api", "api"), ("sluice.test", "/%61pi", "api"), ("sluice.test", "/api/../x", "site"),
    ("sluice.test", "/caf%C3%A9", "any"), ("sluice.test", "/caf%c3%a9/x", "any"), ("sluice.test", "/caf%C3%A8", "site"),
    ("sluice.test", "/api/%2e%2e/x", "site"), ("sluice.test", "/./api", "api"), ("sluice.test", "/api/v2/..", "api"),
]


@pytest.fixture
def proxy(sluice, upstream):
    def named(name):
        def script(connection):
            while True:
                connection.request()
                connection.respond(body=name.encode())
        return upstream(script).endpoint

    names = ["site", "api", "v2", "wild", "any"]
    return sluice(upstreams=[{"name": name, "endpoints": [named(name)]} for name in names], routes=ROUTES)


def test_routes(proxy):
    one = proxy.client()
    found = {}
    for host, target, expected in CASES:
        response = one.get(target, host=host)
        found[host, target] = response.body.decode() if response.status == 200 else response.status
    assert found == {(host, target): expected or 404 for host, target, expected in CASES}


def test_an_absolute_target_replaces_host(proxy):
    one = proxy.client()
    assert one.get("http://sluice.test/api", host="other").body == b"api"


def test_the_target_is_passed_on_as_it_came(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    targets = ["/a//b/", "/%41?q=%20&x=/../", "/a;b=c", "/*", "/?", "/%7e~"]
    for target in targets:
        assert one.get(target).status == 200
    assert [request.target for request in app.requests] == targets
    assert one.request("OPTIONS", "*").response().status == 200
    assert app.requests[-1].target == "*"


def test_an_absolute_target_without_a_path_means_the_server_to_options_alone(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    for method, target, passed_on in [("OPTIONS", "http://a.test", "*"), ("OPTIONS", "http://a.test/", "/"),
                                      ("OPTIONS", "http://a.test?b", "/?b"), ("GET", "http://a.test", "/")]:
        assert one.request(method, target).response().status == 200
        assert (app.requests[-1].target, app.requests[-1].get("Host")) == (passed_on, "a.test")
