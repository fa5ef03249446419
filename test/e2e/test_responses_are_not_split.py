# SPDX-License-Identifier: Apache-2.0
"""What a client gets of all that an application may answer: one response, written anew, byte for byte as in the table,
and behind it the answer to its next request. What is wrong behind a head is cut."""
import re
import threading

import pytest

import smuggling
from testenv import wait
from testenv.client import StillOpen

OUR_FIELD = re.compile(rb"(?m)^(?:Date|Via): [^\r\n]*\r\n")
SENTINEL = b"HTTP/1.1 200 Whatever\r\nContent-Length: 8\r\nConnection: close\r\n\r\nsentinel"


def script(connection):
    while True:
        request = connection.request()
        if request.target == "/sentinel":
            connection.respond(body=b"sentinel")
            continue
        first, *others = connection.upstream.vector.answer
        connection.send(first)
        for part in others:
            connection.upstream.may_go_on.wait(10)
            connection.send(part)
        if others:
            connection.wait_end()
            connection.upstream.is_dropped.set()
            return
        if connection.upstream.vector.ends:
            connection.half_close()
            connection.wait_end()
            return


class Listener:
    """All that a client gets, without the fields in which sluice tells of itself."""

    def __init__(self, client):
        self.client, self.raw, self.has_ended = client, b"", False
        client.timeout = 5 * wait.PATIENCE

    @property
    def got(self):
        return OUR_FIELD.sub(b"", self.raw)

    def until(self, is_enough):
        while not self.has_ended and not is_enough(self.got):
            data = self.client.recv()
            self.raw += data
            self.has_ended = not data


def play(proxy, app, vector):
    """What came: the bytes, and how the connection ended, if it did."""
    app.vector, app.may_go_on, app.is_dropped = vector, threading.Event(), threading.Event()
    listener = Listener(proxy.client())
    listener.client.send(vector.asked)
    if len(vector.answer) > 1:
        listener.until(lambda got: got.endswith(vector.answer[0][-4:]))
    app.may_go_on.set()
    if len(vector.answer) > 1:  # a connection with bytes that nobody asked for serves nobody else
        assert app.is_dropped.wait(10), "it is kept"
    listener.until(lambda got: len(got) >= len(vector.got) and not vector.is_cut)
    if not listener.has_ended and b"\r\nConnection: close\r\n" not in vector.got:
        listener.client.send(b"GET /sentinel HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    listener.until(lambda got: False)
    listener.client.close()
    return listener.got, listener.client.ended


@pytest.mark.limit(120)
def test_the_table(sluice, upstream):
    app = upstream(script)
    proxy = sluice(app, tls="off")
    wrong = {}
    for name, vector in smuggling.PASSED_RESPONSES.items():
        expected = (vector.got, "reset") if vector.is_cut else \
            (vector.got if b"\r\nConnection: close\r\n" in vector.got else vector.got + SENTINEL, "fin")
        try:
            found = play(proxy, app, vector)
        except StillOpen as error:
            found = (error,)
        if found != expected:
            wrong[name] = (*found, "not", *expected)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
