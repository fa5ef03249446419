# SPDX-License-Identifier: Apache-2.0
"""The third law for responses: a client that has read all there is does not pay for an upstream that trickles."""
from testenv import sluice as s


def test_a_client_is_not_charged_for_a_slow_response(sluice, upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        connection.drip(b"trickled", every=0.5)

    pace = {"stall": "400ms", "min_rate": "100KiB/s", "window": "500ms"}
    proxy = sluice(upstream(script), deadlines={"response": pace})
    one = proxy.client()
    assert one.get().body == b"trickled"
    assert one.clock.seconds > 3
    proxy.nothing_expired()


def test_nor_for_one_that_thinks(sluice, upstream):
    def script(connection):
        connection.head()
        s.sleep(2)
        connection.respond(body=b"thought")

    deadlines = s.every_phase("700ms", upstream_header="10s", tls_handshake="5s", first_byte="5s",
                              request_body={"idle": "300ms"}, response={"stall": "300ms"})
    proxy = sluice(upstream(script), deadlines=deadlines)
    assert proxy.client().request("POST", "/", body=b"x").response().body == b"thought"
    proxy.nothing_expired()
