# SPDX-License-Identifier: Apache-2.0
"""The time of day leaps, forwards and back: no deadline knows of it, and nobody is cut. The monotonic clock leaps as after a
suspension: who had done his part in time is not cut, nobody stays for ever, and time goes on as before."""
import datetime
import time

import pytest

from testenv import client, faults, tunnel, upstream as u, wait

HOUR = 3600
DAYS = 24 * HOUR


@pytest.fixture
def made(tmp_path):
    return faults.Faults(tmp_path)


@pytest.mark.parametrize("leap", [HOUR, -HOUR, 400 * DAYS, -400 * DAYS], ids=["hour", "back", "year", "year back"])
def test_the_time_of_day(sluice, upstream, made, certs, leap):
    """(The tests' certificates are no concern: sluice does not judge its own.)"""
    proxy = sluice(upstream(tunnel.serve_or_switch, keeps_bytes=False), environ=made.environment,
                   deadlines={"upstream_idle": "200ms"})
    n_fds = faults.fresh_baseline(proxy)
    silent = proxy.connect(tls=None)
    tls = client.context(certs.ca)
    resting = proxy.client(tls=tls)
    assert resting.get("/bytes/10").status == 200
    session = resting.tls.session
    within_head = proxy.client()
    within_head.send(b"GET /bytes/7 HTTP/1.1\r\nHost: localhost\r\n")
    within_body = proxy.client()
    within_body.request("PUT", "/hash", "Content-Length: 2000")
    within_body.send(bytes(1000))
    through = tunnel.switch(proxy.client())
    half = proxy.connect()
    hello = client.client_hello()
    half.raw_send(hello[:50])
    proxy.wait_phase("first_byte")
    proxy.wait_phase("request_body")
    made.shift_clocks(realtime_s=leap)
    wait.until(lambda: proxy.metrics().get("sluice_workers_answered") == 1)
    within_head.send(b"\r\n")
    assert within_head.response().body == u.pattern(7)
    within_body.send(bytes(1000))
    assert b'"length": 2000' in within_body.response().body
    through.send(b"still there")
    assert tunnel.read(through, 11) == b"still there"
    assert resting.get("/bytes/10").status == 200
    assert silent.is_open() and half.is_open()
    proxy.nothing_expired(besides=())
    leaps = []
    for line in proxy.wait_access(5):
        when = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
        leaps.append(round((when - time.time()) / HOUR))
        assert 0 <= line["total_ms"] < 20_000 * wait.PATIENCE, line
    assert leaps[0] == 0 and leaps[-1] == leap // HOUR, "it did not leap"
    # Tickets have an age, which is the one use of the time of day: a declined one costs a full handshake.
    again = proxy.client(tls=tls, session=session)
    assert again.get("/bytes/10").status == 200
    proxy.reload()
    assert proxy.client().get("/bytes/10").status == 200
    made.shift_clocks(0)
    assert proxy.client().get("/bytes/10").status == 200
    proxy.nothing_expired(besides=())
    faults.unharmed(proxy, n_fds)


def test_deadlines_hold_while_the_time_of_day_stands_elsewhere(sluice, upstream, made):
    proxy = sluice(upstream(), environ=made.environment, deadlines={"first_byte": "1s"})
    silent = proxy.connect(tls=None)
    made.shift_clocks(realtime_s=-DAYS)
    assert silent.end() == "reset"
    wait.at(silent.clock.seconds, 1)


def test_a_suspension(sluice, upstream, made):
    """As if the machine had slept for an hour while bytes were on their way: who is due now is judged after one more look,
    and who is silent is gone. Nothing spins, nothing hangs."""
    proxy = sluice(upstream(keeps_bytes=False), environ=made.environment,
                   deadlines={"upstream_idle": "200ms", "request_header": "10s", "keepalive": "60s"})
    n_fds = faults.fresh_baseline(proxy)
    in_time, silent = proxy.client(), proxy.connect(tls=None)
    in_time.send(b"GET /bytes/7 HTTP/1.1\r\nHost: localhost\r\n")
    proxy.wait_phase("request_header")
    proxy.freeze()
    in_time.send(b"\r\n")
    made.shift_clocks(monotonic_s=HOUR)
    proxy.thaw()
    assert in_time.response().body == u.pattern(7)
    assert silent.end() == "reset", "its time was over"
    assert proxy.expired("first_byte") == 1
    one = proxy.connect(tls=None)  # time goes on as before
    one.raw_send(b"\x16")
    proxy.wait_phase("tls_handshake")
    assert one.is_open()
    faults.unharmed(proxy, n_fds)
