# SPDX-License-Identifier: Apache-2.0
"""The third law: while the upstream does not accept a body, the client's clock stands still; and while it has
not said 100-continue, too."""
from testenv import sluice as s

STRICT = {"idle": "500ms", "min_rate": "100KiB/s", "window": "500ms"}


def test_while_the_upstream_does_not_read(sluice, upstream):
    def script(connection):
        request = connection.head()
        s.sleep(2.5)
        connection.reader.body(request)
        connection.respond(body=str(len(request.body)).encode())

    proxy = sluice(upstream(script, rcvbuf=4096, keeps_bytes=False),
                   deadlines={"request_body": STRICT})
    one = proxy.client()
    size = 24 << 20
    one.request("POST", "/", body=bytes(size))
    assert one.response().body == str(size).encode()
    assert one.clock.seconds > 2.5
    proxy.nothing_expired()


def test_before_100_continue(sluice, upstream):
    def script(connection):
        request = connection.head()
        s.sleep(2)
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.reader.body(request)
        connection.respond(body=request.body)

    proxy = sluice(upstream(script), deadlines={"request_body": STRICT})
    one = proxy.client()
    one.request("POST", "/", "Expect: 100-continue", "Content-Length: 5")
    assert one.reader.head().status == 100
    assert one.clock.seconds > 2
    one.send(b"hello")
    assert one.response().body == b"hello"
    proxy.nothing_expired()
