# SPDX-License-Identifier: Apache-2.0
"""The kernel has no memory, no buffers, no descriptors, or an error of its own: each call on a socket fails, each in turn, on
either side. Whoever is hurt gets an answer of sluice's or a visible cut; the next one is served, nothing is left open, and what was
counted adds up."""
import errno
import ssl

import pytest

from testenv import faults, sluice as s, upstream as u


@pytest.fixture
def faulty(sluice, upstream, tmp_path):
    """start(...): sluice with its faults, its upstream, and how many descriptors it has at rest."""
    def start(**options):
        made = faults.Faults(tmp_path)
        app = upstream(keeps_bytes=False)
        proxy = sluice(app, environ=made.environment, deadlines={"upstream_idle": "200ms", "keepalive": "5s"},
                       **options)
        return proxy, made, app, faults.fresh_baseline(proxy)
    return start


def life(proxy):
    """A handshake, a request, an upload and a download on one connection: yields what came of each."""
    try:
        with proxy.client() as one:
            for method, target, body in (("GET", "/bytes/3000", None), ("PUT", "/hash", u.pattern(100_000)),
                                         ("GET", "/chunked/100000", None)):
                one.request(method, target, body=body)
                response = faults.visible_end(one)
                if response is None:
                    yield None
                    return
                if response.status == 200 and body is not None:
                    assert u.pattern_hash(len(body)) in response.body.decode()
                elif response.status == 200:
                    assert response.body == u.pattern(int(target.split("/")[2]))
                yield response.status
    except (OSError, ssl.SSLError):
        yield None


SIDES = ["client", "upstream"]
BY_SIDE = [("read", "ENOMEM"), ("read", "ECONNRESET"), ("read", "ETIMEDOUT"), ("read", "ENOBUFS"),
           ("write", "ENOMEM"), ("write", "ENOBUFS"), ("write", "EPIPE"), ("write", "ECONNRESET"), ("write", "EIO")]


@pytest.mark.limit(90)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("call,error", BY_SIDE, ids=["-".join(x) for x in BY_SIDE])
def test_each_call_in_turn(faulty, call, error, side):
    proxy, made, app, n_fds = faulty()
    port = proxy.port if side == "client" else app.port
    n_hurt = 0
    for skip in range(60):
        made.arm(call, getattr(errno, error), skip=skip, port=port)
        seen = list(life(proxy))
        if not made.n_failed(call):
            break
        assert all(status in (200, 502, 503, 504, None) for status in seen), (skip, seen)
        n_hurt += seen != [200, 200, 200]
        made.disarm()
        assert list(life(proxy)) == [200, 200, 200], f"after {call} {skip}: the next one is hurt, too"
    else:
        raise AssertionError("so many calls?")
    made.disarm()
    assert skip > 0, "it never failed"
    if call == "read" or (call == "write" and error != "ENOBUFS"):  # which libuv tries again
        assert n_hurt, "nobody noticed anything"
    faults.unharmed(proxy, n_fds)


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ECONNABORTED", "EPERM"])
def test_accept(faulty, error):
    proxy, made, _, n_fds = faulty()
    made.arm("accept", getattr(errno, error), n=20, port=proxy.port)
    # The kernel has accepted whom sluice cannot; who waits is served when it goes again.
    crowd = [proxy.connect() for _ in range(10)]
    for one in crowd:
        assert one.handshake().get("/bytes/10").status == 200
    assert made.n_failed("accept") == 20
    made.disarm()
    assert list(life(proxy)) == [200, 200, 200]
    faults.unharmed(proxy, n_fds)


@pytest.mark.parametrize("call,error", [("socket", "EMFILE"), ("socket", "ENFILE"), ("socket", "ENOMEM"),
                                        ("socket", "ENOBUFS"), ("connect", "ENOMEM"), ("connect", "EADDRNOTAVAIL"),
                                        ("connect", "ENETUNREACH"), ("connect", "ECONNREFUSED"),
                                        ("connect", "ETIMEDOUT"), ("connect", "EPERM")])
def test_no_way_to_the_upstream(faulty, call, error):
    proxy, made, app, n_fds = faulty()
    with proxy.client() as one:
        made.arm(call, getattr(errno, error), n=faults.FOR_EVER, port=app.port if call == "connect" else 0)
        for _ in range(5):
            response = one.get("/bytes/10")
            assert response.status in (502, 503, 504)
            assert response.has("Proxy-Status")
        made.disarm()
        assert one.get("/bytes/10").status == 200, "the same client is served as soon as there is a way"
    faults.unharmed(proxy, n_fds)


@pytest.mark.parametrize("n_bytes", [1, 7, 1000])
@pytest.mark.parametrize("call", ["read", "write"])
def test_every_one_is_short(faulty, call, n_bytes):
    proxy, made, app, n_fds = faulty()
    for port in (proxy.port, app.port):
        made.arm(call, -n_bytes, n=faults.FOR_EVER, port=port)
        with proxy.client() as one:
            for n in (10, 3000):
                assert one.get(f"/bytes/{n}").body == u.pattern(n)
                assert one.get(f"/chunked/{n}").body == u.pattern(n)
            data = u.pattern(5000)
            assert u.pattern_hash(5000) in one.request("PUT", "/hash", body=data).response().body.decode()
        assert made.n_failed(call)
        made.disarm()
    faults.unharmed(proxy, n_fds)


@pytest.mark.limit(120)
def test_each_allocation_in_turn(faulty):
    proxy, made, app, n_fds = faulty()
    if s.sanitizer():
        pytest.skip("a sanitizer has its own allocator")
    n_hurt = 0
    for skip in range(2000):
        made.arm("allocate", errno.ENOMEM, skip=skip)
        seen = list(life(proxy))
        n_failed = made.n_failed("allocate")
        made.disarm()
        assert all(status in (200, 502, 503, 504, None) for status in seen), (skip, seen)
        if not n_failed:
            break
        n_hurt += seen != [200, 200, 200]
        assert list(life(proxy)) == [200, 200, 200], f"after allocation {skip}: the next one is hurt, too"
    else:
        raise AssertionError("so many allocations?")
    assert skip > 3, "no allocation failed"
    assert n_hurt, "nobody noticed anything"
    faults.unharmed(proxy, n_fds)


@pytest.mark.parametrize("every", [2, 7, 50])
def test_many_allocations(faulty, every):
    proxy, made, app, n_fds = faulty()
    if s.sanitizer():
        pytest.skip("a sanitizer has its own allocator")
    made.arm("allocate", errno.ENOMEM, n=faults.FOR_EVER, every=every)
    for _ in range(30):
        seen = list(life(proxy))
        assert all(status in (200, 500, 502, 503, 504, None) for status in seen), seen
    made.disarm()
    assert list(life(proxy)) == [200, 200, 200]
    faults.unharmed(proxy, n_fds)
