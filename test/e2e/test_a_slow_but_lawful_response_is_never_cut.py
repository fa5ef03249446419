# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_body, a lawful upstream: a response that takes far longer than every other deadline."""
from testenv import message, sluice as s


def test_a_slow_but_lawful_response(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(10):
            s.sleep(0.5)
            connection.send(message.chunk(b"%d" % i))
        connection.send(message.LAST_CHUNK)

    proxy = sluice(upstream(script), deadlines=s.every_phase("700ms", upstream_body={"idle": "3s"},
                                                             tls_handshake="3s", first_byte="3s"))
    one = proxy.client()
    assert one.get().body == b"0123456789"
    proxy.nothing_expired()
