# SPDX-License-Identifier: Apache-2.0
"""1xx responses pass on as they come; HTTP/1.0 clients get none (RFC 9110 15.2)."""
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


def script(connection):
    connection.request()
    connection.send(HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS)
    connection.upstream.go.wait(5)
    connection.respond(body=b"final")


def test_early_hints(sluice, upstream):
    import threading
    app = upstream(script)
    app.go = threading.Event()
    one = sluice(app).client().request()
    first = one.reader.head()  # before the final one exists
    assert first.status == 103
    assert first.get("Link") == "</a.css>; rel=preload"
    app.go.set()
    response = one.response()
    assert [interim.status for interim in response.interim] == [102, 103]
    assert response.status == 200 and response.body == b"final"


def test_not_to_http_1_0(sluice, upstream):
    import threading
    app = upstream(script)
    app.go = threading.Event()
    app.go.set()
    response = sluice(app).client().request(version="1.0").response()
    assert response.status == 200 and not response.interim
