# SPDX-License-Identifier: Apache-2.0
"""A response that a slow client still reads is never cut to make room: its exchange is over, but the client does not rest."""
from testenv import wait


def test_no_place_for_a_newcomer(sluice, upstream):
    n = 6_000_000
    proxy = sluice(upstream(), tls="off", limits={"max_connections": 1})
    reader = proxy.client(rcvbuf=4096).request("GET", f"/bytes/{n}")
    while not proxy.access():  # written once the last byte has left the upstream
        reader.reader.buffer += reader.recv(65536)
    assert proxy.now_in("response") == 1
    assert proxy.connect().end() == "fin"
    proxy.wait_log(r"connections refused: 1 ")
    response = reader.response()
    assert response.status == 200 and len(response.body) == n
    proxy.wait_phase("keepalive")
    assert proxy.client().get("/bytes/1").status == 200, "now it rests, and makes room"
    assert reader.end() == "fin"


def test_who_has_not_asked_for_anything_makes_room(sluice, upstream):
    proxy = sluice(upstream(), limits={"max_connections": 2})
    idle = [proxy.client() for _ in range(2)]  # their handshakes are done
    wait.until(lambda: proxy.now_in("request_start") == 2)
    assert proxy.client().get("/bytes/1").status == 200
    assert idle[0].end() == "close_notify", "the one that has waited longest went"
    assert idle[1].get("/bytes/1").status == 200
