# SPDX-License-Identifier: Apache-2.0
"""max_age: by time and by the number of requests, and only between two requests."""
from testenv import sluice as s, wait


def test_by_requests(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"max_age": {"requests": 3}})
    one = proxy.client()
    answers = [one.get("/bytes/10").get("Connection") for _ in range(3)]
    assert answers[:2] != ["close", "close"] and answers[2] == "close"
    assert one.end() == "close_notify"
    assert proxy.client().get("/bytes/1").status == 200


def test_by_time(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"max_age": {"time": "1s"}})
    one, idle = proxy.client(), proxy.client()
    assert idle.get("/bytes/10").status == 200
    clock = wait.Stopwatch()
    while clock.seconds < 0.6:
        assert one.get("/bytes/10").get("Connection") != "close"
        s.sleep(0.1)
    s.sleep(0.6)
    assert one.get("/bytes/10").get("Connection") == "close" if one.is_open() else True
    assert one.end() == "close_notify"
    assert idle.end() == "close_notify"
    assert clock.seconds < 4


def test_not_within_a_request(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        connection.drip(b"x" * 20, every=0.1)

    proxy = sluice(upstream(script), deadlines={"max_age": {"time": "1s"}})
    one = proxy.client()
    assert one.get().body == b"x" * 20
    assert one.end() == "close_notify"
