# SPDX-License-Identifier: Apache-2.0
"""413, 401 or a redirect before the body is finished: heard at once, and the connection is closed after it or the rest
drained; never a reset that throws the answer away."""
import pytest

from testenv import wait


@pytest.mark.parametrize("status", [413, 401, 302])
def test_from_the_upstream(sluice, upstream, status):
    def script(connection):
        connection.head()
        connection.send(f"HTTP/1.1 {status} Early\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly")
        connection.half_close()
        connection.wait_end()

    proxy = sluice(upstream(script), deadlines={"linger": {"idle": "2s", "max_bytes": "500MiB"}})
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 50000000")
    sent, clock = 0, wait.Stopwatch()
    while not one.has_ended() and b"early" not in one.reader.buffer and clock.seconds < 10:
        sent += one.send_some(bytes(16384))
    response = one.response()
    assert response.status == status and response.body == b"early"
    assert clock.seconds < 5


def test_when_the_client_goes_on_to_the_end(sluice, upstream):
    def script(connection):
        connection.head()
        connection.respond(413, "Connection: close", body=b"too large")

    one = sluice(upstream(script)).client()
    one.request("POST", "/", "Content-Length: 500000")
    for _ in wait.ticks(0.02, n=50):
        one.send(bytes(10000))
    response = one.response()
    assert response.status == 413 and response.body == b"too large"


def test_of_sluice_itself(sluice, upstream):
    app = upstream()
    proxy = sluice(app, routes=[{"upstream": "app", "max_body": "10KiB"}])
    one = proxy.client()
    one.request("POST", "/hash", "Content-Length: 10241")
    assert one.response().status == 413
    one = proxy.client()
    one.request("POST", "/hash", "Transfer-Encoding: chunked")
    one.send(b"2801\r\n" + bytes(10241) + b"\r\n0\r\n\r\n")
    assert one.response().status == 413
    assert not any(request.is_complete for request in app.requests)
    assert proxy.client().request("POST", "/hash", body=bytes(10240)).response().status == 200
