# SPDX-License-Identifier: Apache-2.0
"""The tests' own eyes: without them every other test could be green for nothing."""
import contextlib
import socket
import ssl
import threading

import pytest

from testenv import client, message, metrics, wait
from testenv.client import Client
from testenv.upstream import pattern, pattern_hash


@pytest.fixture
def tls_server(certs):
    """serve(script): one connection of a plain python TLS server; script gets the TLS socket."""
    threads, listener = [], socket.create_server(("127.0.0.1", 0))
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(certs.ecdsa.certificate, certs.ecdsa.key)

    def serve(script):
        def run():
            raw, _ = listener.accept()
            with contextlib.suppress(ssl.SSLError), \
                    offered.wrap_socket(raw, server_side=True) as secured:
                script(secured)
        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return listener.getsockname()

    yield serve
    for thread in threads:
        thread.join(5)
    listener.close()


def test_a_reset(upstream):
    server = upstream(lambda connection: connection.read(1) and connection.reset())
    with Client(("127.0.0.1", server.port)) as one:
        one.send(b"x")
        assert one.end() == "reset"


def test_a_fin(upstream):
    server = upstream(lambda connection: connection.send(b"hello"))
    with Client(("127.0.0.1", server.port)) as one:
        assert one.end() == "fin"
        assert bytes(one.reader.buffer) == b"hello"


def test_a_close_notify(tls_server, certs):
    def script(secured):
        secured.send(b"hello")
        secured.unwrap()

    with Client(tls_server(script), tls=client.context(certs.ca)) as one:
        one.handshake()
        assert one.recv() == b"hello"
        assert one.recv() == b""
        assert one.ended == "close_notify"
        one.close_notify()


def test_a_fin_without_close_notify(tls_server, certs):
    with Client(tls_server(lambda secured: secured.send(b"hello")), tls=client.context(certs.ca)) as one:
        one.handshake()
        assert one.end() == "fin"


def test_a_reset_after_a_handshake(tls_server, certs):
    def script(secured):
        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Client(tls_server(script), tls=client.context(certs.ca)) as one:
        one.handshake()
        assert one.end() == "reset"


def test_an_alert_in_the_handshake(tls_server, certs):
    with Client(tls_server(lambda secured: None), tls=client.context(certs.ca)) as one:
        one.raw_send(b"\x17\x03\x01\x00\x01\x00")  # application data before any hello
        while one.raw_recv():
            pass
        assert one.ended in ("fin", "reset")
        assert one.plain_alerts == ["unexpected_message"]


def test_nothing(upstream):
    server = upstream(lambda connection: connection.hold())
    with Client(("127.0.0.1", server.port)) as one, pytest.raises(client.StillOpen):
        one.end(within=0.2)


def test_a_cut_response(upstream):
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    with Client(("127.0.0.1", upstream(script).port)) as one, pytest.raises(message.Cut) as cut:
        one.get()
    assert cut.value.message.body == b"hello"
    assert not cut.value.message.is_complete


def test_the_well_behaved_application(upstream):
    server = upstream()
    with Client(("127.0.0.1", server.port)) as one:
        assert one.request("POST", "/echo", "X: y", body=b"abc").response().body.endswith(b"\r\n\r\nabc")
        assert len(one.get("/bytes/1000000").body) == 1000000
        response = one.get("/chunked/1000000")
        assert response.is_chunked and len(response.body) == 1000000
        assert one.request("HEAD", "/bytes/10").response("HEAD").get("Content-Length") == "10"
        assert one.get("/status/204").status == 204
        data = pattern(300000)
        assert pattern_hash(300000) in one.request("PUT", "/hash", body=data).response().body.decode()
    assert len(server.connections) == 1
    assert [request.target for request in server.requests][:2] == ["/echo", "/bytes/1000000"]


def test_a_failing_script_is_noticed(upstream):
    def script(connection):
        assert connection.read(1) == b"a"

    server = upstream(script)
    with Client(("127.0.0.1", server.port)) as one:
        one.send(b"b")
        one.end()
    wait.until(lambda: server.failures)
    server.failures.clear()


GOOD = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\n"


def test_metrics():
    read = metrics.Metrics(GOOD)
    assert read.get("a_total") == 5
    assert read.get("a_total", x="1") == 2
    for wrong in ("b_total", "a", "a_total_count", "a_total_more"):
        with pytest.raises(KeyError):
            read.get(wrong)


@pytest.mark.parametrize("text", [
    GOOD[:-1],                                             # no end of line
    GOOD + "a_total{x=\"2\"} 3\n",                         # twice
    GOOD + "b 3\n",                                        # no TYPE
    "# HELP a A.\n# TYPE a counter\na 1\n",                # a counter without _total
    GOOD.replace("2\n", "-2\n", 1),                        # falls
    GOOD + GOOD,                                           # in two pieces
    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
])
def test_bad_metrics(text):
    with pytest.raises(metrics.BadMetrics):
        metrics.Metrics(text)
