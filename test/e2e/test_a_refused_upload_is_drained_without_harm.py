# SPDX-License-Identifier: Apache-2.0
"""An early answer whose upload is short enough is followed by draining the rest on a kept connection."""
import signal

import pytest

from testenv import sluice as s
from testenv.upstream import pattern


def early(body):
    def script(connection):
        connection.head()
        connection.respond(401, body=body)
        connection.wait_end()
    return script


def test_the_connection_is_kept(sluice, upstream):
    proxy = sluice(upstream(early(b"no")))
    one = proxy.client().request("POST", "/", "Content-Length: 1000")
    assert one.response().status == 401
    one.send(bytes(1000))
    proxy.wait_phase("keepalive")
    assert one.get().status == 401


def test_but_not_while_draining(sluice, upstream):
    proxy = sluice(upstream(early(b"no")), deadlines={"drain": "20s", "linger": {"idle": "8s"}})
    proxy.checks_counters = False
    one = proxy.client().request("POST", "/", "Content-Length: 1000")
    assert one.response().status == 401
    proxy.signal(signal.SIGTERM)
    proxy.wait_log("draining")
    one.send(bytes(1000))
    assert one.end(5) == "close_notify"
    one.close()
    assert proxy.wait_exit(5) == 0


@pytest.mark.parametrize("tls", ["off", None])
def test_the_time_for_it_begins_when_the_answer_was_read(sluice, upstream, tls):
    """A client that reads the answer slowly, but lawfully, is not cut by linger."""
    n = 4_000_000
    proxy = sluice(upstream(early(pattern(n))), tls=tls,
                   deadlines={"linger": {"idle": "500ms", "total": "500ms"}})
    one = proxy.client(rcvbuf=4096).request("POST", "/", "Content-Length: 1000")
    while not proxy.access():
        one.reader.buffer += one.recv(65536)
    s.sleep(1.5)
    assert proxy.now_in("response") == 1 and proxy.expired("linger") == 0
    response = one.response()
    assert response.status == 401 and response.body == pattern(n)
    assert one.end() in ("fin", "close_notify")
    proxy.wait_expired("linger")


def test_a_record_that_takes_long(sluice, upstream):
    """While bytes of a TLS record come the client is not idle, though none can be read yet."""
    proxy = sluice(upstream(early(b"no")), deadlines={"linger": {"idle": "1500ms", "total": "20s"}})
    one = proxy.client().request("POST", "/", "Content-Length: 1000")
    assert one.response().status == 401
    record = one.encrypt(bytes(1000))
    one.drip_raw(record, every=0.15, size=50)
    proxy.wait_phase("keepalive")
    assert one.get().status == 401
