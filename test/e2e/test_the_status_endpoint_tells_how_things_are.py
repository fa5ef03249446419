# SPDX-License-Identifier: Apache-2.0
"""/status, /healthz, /readyz on their own listener, never on the public one; on a unix socket, too; and it survives bad
clients."""
import signal
import socket

from testenv import client, message, sluice as s, wait


def test_status(sluice, upstream, certs):
    app = upstream()
    proxy = sluice(app)
    proxy.client().get("/bytes/10")
    status = proxy.status()
    assert status["version"] and status["state"] == "serving"
    assert status["uptime_seconds"] >= 0 and status["pid"] == proxy.process.pid
    assert status["configuration"]["generation"] == 1
    (row,) = status["upstreams"]
    assert row["name"] == "app" and row["endpoints"][0]["address"] == app.endpoint
    assert row["endpoints"][0]["requests"] == 1 and row["endpoints"][0]["idle"] == 1
    (certificate,) = status["certificates"]
    assert certificate["key_type"] == "ECDSA"
    assert 29 * 86400 < certificate["expires_in_seconds"] <= 30 * 86400
    assert "localhost" in certificate["names"]


def test_health(sluice, upstream):
    proxy = sluice(upstream())
    assert proxy.fetch("/healthz")[0] == proxy.fetch("/readyz")[0] == 200
    assert proxy.fetch("/nothing")[0] == 404
    assert proxy.fetch("/metrics", method="POST")[0] == 405
    assert proxy.fetch("/metrics", method="HEAD")[2] == ""
    assert proxy.fetch("/metrics")[1]["Content-Type"].startswith("text/plain; version=0.0.4")
    assert proxy.fetch("/status")[1]["Content-Type"] == "application/json"


def test_not_ready_while_draining(sluice, upstream):
    def script(connection):
        connection.request()
        s.sleep(2)
        connection.respond()

    proxy = sluice(upstream(script))
    one = proxy.client().request()
    wait.until(lambda: proxy.metrics().get("sluice_requests_total") == 1)
    proxy.signal(signal.SIGTERM)
    wait.until(lambda: proxy.fetch("/readyz")[0] == 503)
    assert proxy.fetch("/healthz")[0] == 200
    assert proxy.status()["state"] == "draining"
    assert one.response().status == 200
    assert proxy.wait_exit() == 0


def test_not_on_the_public_listener(sluice, upstream):
    app = upstream()
    one = sluice(app).client()
    for path in ("/metrics", "/status", "/healthz", "/readyz"):
        assert one.get(path).status == 200
    assert len(app.requests) == 4, "somebody else answered"


def test_a_unix_socket(sluice, upstream, tmp_path):
    path = str(tmp_path / "s.sock")
    proxy = sluice(upstream(), is_ready=False, status={"address": f"unix:{path}"})

    def fetch(target):
        with client.Client(path) as one:
            return one.get(target)

    def answers():
        try:
            return fetch("/readyz").status == 200
        except OSError:
            return False

    wait.until(answers, 20)
    assert b"sluice_requests_total" in fetch("/metrics").body
    proxy.checks_counters = False


def test_bad_clients(sluice, upstream):
    proxy = sluice(upstream())
    address = ("127.0.0.1", proxy.status_port)
    for sent in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"x" * 100_000, b"GET /status HTTP/1.1\r\n\r\n"):
        with client.Client(address) as one:
            try:
                one.send(sent)
                one.end()
            except (ConnectionError, message.BadMessage):
                pass
    quitters = []
    for _ in range(200):
        quitter = socket.create_connection(address)
        quitter.send(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
        quitters.append(quitter)
    for quitter in quitters:
        quitter.close()

    def answers():
        try:
            return proxy.status()["state"] == "serving"
        except ConnectionError:  # too many at once are turned away
            return False

    wait.until(answers)
