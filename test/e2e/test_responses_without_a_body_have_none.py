# SPDX-License-Identifier: Apache-2.0
"""HEAD, 204 and 304: no body, whatever lengths are declared, and the connection goes on."""


def script(connection):
    while True:
        request = connection.request()
        if request.method == "HEAD" and request.target == "/chunked":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        elif request.method == "HEAD":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        elif request.target == "/204":
            connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif request.target == "/304":
            connection.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n")
        else:
            connection.respond(body=b"a body")


def test_responses_without_a_body(sluice, upstream):
    app = upstream(script)
    one = sluice(app).client()
    response = one.request("HEAD", "/").response("HEAD")
    assert response.status == 200 and response.get("Content-Length") == "1234"
    assert one.get("/after").body == b"a body"
    response = one.request("HEAD", "/chunked").response("HEAD")
    assert response.status == 200
    assert one.get("/after").body == b"a body"
    response = one.request("GET", "/204").response()
    assert response.status == 204
    assert not response.has("Content-Length") and not response.has("Transfer-Encoding")
    assert one.get("/after").body == b"a body"
    response = one.request("GET", "/304", 'If-None-Match: "x"').response()
    assert response.status == 304 and response.get("ETag") == '"x"'
    assert one.get("/after").body == b"a body"
    assert len(app.connections) == 1
