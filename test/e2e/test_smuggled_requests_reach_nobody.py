# SPDX-License-Identifier: Apache-2.0
"""What passes of all that an attacker may send: each message once, written anew, byte for byte as in the table; and what
was a body stays a body. All of them share the connections to the application."""
import re

import pytest

import smuggling
from testenv import wait

OURS = (b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Forwarded", b"Via", b"X-Request-Id")
OUR_FIELD = re.compile(rb"(?m)^(%s): ([^\r\n]*)\r\n" % b"|".join(OURS))


def script(connection):
    """Tells nothing, so that a body is told from an answer; closes nothing, so that a next request may be smuggled."""
    while True:
        request = connection.request()
        connection.upstream.seen.append(connection.received[connection.upstream.at.get(connection, 0):])
        connection.upstream.at[connection] = len(connection.received)
        is_head = request.method == "HEAD"
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if is_head else b"ok"))


def send(proxy, vector):
    """The statuses of all answers, up to the end."""
    client = proxy.client()
    client.send(vector.sent)
    client.shutdown_write()
    methods = [re.match(rb"\w+", raw)[0].decode() for raw in vector.seen]
    statuses = []
    while response := client.reader.response(methods[len(statuses)] if len(statuses) < len(methods) else "GET"):
        statuses.append(response.status)
    client.close()
    return statuses


@pytest.mark.limit(120)
def test_the_table(sluice, upstream):
    app = upstream(script)
    app.seen, app.at = [], {}
    proxy = sluice(app, tls="off")
    wrong = {}
    for name, vector in smuggling.FORWARDED.items():
        app.seen.clear()
        statuses = send(proxy, vector)
        seen = [OUR_FIELD.sub(b"", raw) for raw in app.seen]
        if statuses != vector.statuses or seen != vector.seen:
            wrong[name] = (statuses, seen, "not", vector.statuses, vector.seen)
        for raw in app.seen:
            ours = OUR_FIELD.findall(raw)
            assert sorted(field for field, _ in ours) == sorted(OURS), f"{name}: {ours}"
            assert not re.search(rb"evil|6\.6\.6\.6", b"".join(value for _, value in ours)), f"{name}: {ours}"
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
    wait.until(lambda: all(connection.ended or not connection.reader.buffer for connection in app.connections))
