# SPDX-License-Identifier: Apache-2.0
"""The upstream resets or ends while the client uploads: 502 (or the answer it gave before), and the client gets to read
it."""
import pytest

from testenv import wait


@pytest.mark.parametrize("how", ["reset", "fin"])
def test_without_an_answer(sluice, upstream, how):
    def script(connection):
        connection.head()
        connection.recv()
        if how == "reset":
            connection.reset()

    proxy = sluice(upstream(script))
    one = proxy.client()
    one.request("POST", "/", "Content-Length: 1000000")
    for _ in wait.ticks(0.01, n=100):
        if one.has_ended() or b"HTTP/1.1" in one.reader.buffer:
            break
        one.send(bytes(1000))
    response = one.response()
    assert response.status == 502
    assert response.has("Proxy-Status")
    line = proxy.wait_access(1)[0]
    assert line["cause"]["side"] == "upstream"


def test_with_an_answer_just_before(sluice, upstream):
    """The answer and the reset come together: the answer counts."""
    def script(connection):
        connection.head()
        connection.recv()
        connection.respond(403, "Connection: close", body=b"go away")
        # unread bytes of the upload make the kernel send a reset after the answer

    one = sluice(upstream(script)).client()
    one.request("POST", "/", "Content-Length: 1000000")
    for _ in wait.ticks(0.01, n=100):
        if one.has_ended() or b"go away" in one.reader.buffer:
            break
        one.send(bytes(1000))
    response = one.response()
    assert response.status in (403, 502)
    assert response.is_complete
