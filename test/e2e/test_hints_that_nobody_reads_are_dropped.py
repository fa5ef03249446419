# SPDX-License-Identifier: Apache-2.0
"""An upstream may send any number of 1xx responses while a client reads none: they cost no memory, and the
final response follows what the client had been sent before."""
import pytest

from testenv import sluice as s, wait

MIB = 1 << 20
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; title=" + b"y" * 900 + b"\r\n\r\n"


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
def test_memory(sluice, upstream, tls):
    size = 64 * MIB

    def script(connection):
        connection.request()
        for _ in range(size // len(HINT) // 64):
            connection.send(HINT * 64)
        connection.respond(body=b"final")

    proxy = sluice(upstream(script, keeps_bytes=False), tls=tls)
    proxy.client()
    before = proxy.rss_bytes()
    one = proxy.client(rcvbuf=4096).request()
    wait.until(lambda: any(line.get("status") == 200 for line in proxy.access()), 20)
    assert proxy.rss_bytes() - before < 32 * MIB
    response = one.response()
    assert response.status == 200 and response.body == b"final"
    assert 0 < len(response.interim) * len(HINT) < 32 * MIB


def test_the_100_that_is_waited_for_is_none_of_them(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(HINT * 20000 + b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.respond(body=connection.read(5))

    one = sluice(upstream(script, keeps_bytes=False), tls="off").client(rcvbuf=4096)
    one.request("PUT", "/", "Expect: 100-continue", "Content-Length: 5")
    s.sleep(1)
    while one.reader.head().status != 100:
        pass
    one.send(b"hello")
    assert one.response().body == b"hello"
