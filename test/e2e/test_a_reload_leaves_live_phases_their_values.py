# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a live wait keeps the value with which it began, longer or shorter; running exchanges end under the
configuration they began with; new connections are under the new one."""
from testenv import message, sluice as s, wait


def test_a_silent_client_keeps_its_deadline(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "2s"})
    old = proxy.connect(tls=None)
    proxy.reload(lambda config: config["deadlines"].update(first_byte="300ms"))
    new = proxy.connect(tls=None)
    assert new.end() == "reset"
    wait.at(new.clock.seconds, 0.3)
    assert old.is_open()
    assert old.end() == "reset"
    wait.at(old.clock.seconds, 2)


def test_and_when_the_new_one_is_longer(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"first_byte": "1s"})
    old = proxy.connect(tls=None)
    proxy.reload(lambda config: config["deadlines"].update(first_byte="8s"))
    assert old.end() == "reset"
    wait.at(old.clock.seconds, 1)


def test_an_upload_goes_on_under_its_old_pace(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_body": {"idle": "5s"}})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 4")
    one.send(b"a")
    proxy.reload(lambda config: config["deadlines"].update(request_body={"idle": "200ms"}))
    one.drip(b"bcd", every=0.6)
    response = one.response()
    assert response.status == 200
    assert response.get("Connection") == "close"
    assert one.end() == "close_notify"
    proxy.nothing_expired()


def test_a_response_that_streams_is_not_cut(sluice, upstream):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(15):
            s.sleep(0.1)
            connection.send(message.chunk(b"x"))
        connection.send(message.LAST_CHUNK)

    app = upstream(script)
    proxy = sluice(app)
    one, idle = proxy.client(), proxy.client()
    other = upstream(lambda connection: (connection.request(), connection.respond(body=b"new")))
    assert idle.get("/").status == 200
    one.request()
    head = one.reader.response_head()
    proxy.reload(lambda config: config["upstreams"][0].update(endpoints=[other.endpoint]))
    assert idle.end() == "close_notify"
    assert proxy.client().get().body == b"new"
    assert one.reader.body(head).body == b"x" * 15
    assert one.end() == "close_notify"
