# SPDX-License-Identifier: Apache-2.0
"""Limits are limits: one byte, field or request less is lawful."""


def head(target="/", fields=()):
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: localhost", *fields, "", ""])


def status(proxy, text):
    with proxy.client() as one:
        one.send(text)
        return one.response().status


def test_the_target(sluice, upstream):
    proxy = sluice(upstream())
    assert status(proxy, head("/" + "a" * 8191)) == 200
    assert status(proxy, head("/" + "a" * 8192)) == 414


def test_the_number_of_fields(sluice, upstream):
    proxy = sluice(upstream())
    assert status(proxy, head(fields=["X: y"] * 99)) == 200
    assert status(proxy, head(fields=["X: y"] * 100)) == 431


def test_the_size_of_the_head(sluice, upstream):
    proxy = sluice(upstream())
    room = 32768 - len(head(fields=["X: "]))
    assert status(proxy, head(fields=["X: " + "y" * room])) == 200
    assert status(proxy, head(fields=["X: " + "y" * (room + 1)])) == 431


def test_they_can_be_changed(sluice, upstream):
    proxy = sluice(upstream(), limits={"target_bytes": "256B", "header_fields": 8, "header_bytes": "1KiB"})
    assert status(proxy, head("/" + "a" * 255)) == 200
    assert status(proxy, head("/" + "a" * 256)) == 414
    assert status(proxy, head(fields=["X: y"] * 8)) == 431
    assert status(proxy, head(fields=["X: " + "y" * 2000])) == 431


def test_they_can_be_large(sluice, upstream):
    """A path is compared with those of routes whatever its length."""
    routes = [{"path": "/here", "upstream": "app"}]
    proxy = sluice(upstream(), routes=routes, limits={"target_bytes": "1000KiB", "header_bytes": "1MiB"})
    for n in (4096, 4097, 16385, 100000, 1000 * 1024):
        assert status(proxy, head("/here/" + "a" * (n - 6))) == 200, n
        assert status(proxy, head("/else/../" + "a" * (n - 9))) == 404, n
    assert status(proxy, head("/here/" + "a" * 1000 * 1024)) == 414
