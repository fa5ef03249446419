# SPDX-License-Identifier: Apache-2.0
"""/metrics: the format, read strictly (and by promtool where there is one); counters that agree with what was done."""
import shutil
import subprocess

import pytest

from testenv import client, wait


def test_what_was_done(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client()
    assert len(one.get("/bytes/1000").body) == 1000
    assert one.request("PUT", "/hash", body=b"x" * 2000).response().status == 200
    assert one.get("/status/302").status == 302
    assert one.get("/status/404").status == 404
    assert one.get("/status/500").status == 500
    proxy.wait_phase("keepalive")
    metrics = proxy.metrics()
    for name, n in (("2xx", 2), ("3xx", 1), ("4xx", 1), ("5xx", 1), ("none", 0)):
        assert metrics.get("sluice_responses_total", **{"class": name}) == n, name
    assert metrics.get("sluice_requests_total") == 5
    assert metrics.get("sluice_connections_accepted_total") == 1
    assert metrics.get("sluice_connections", phase="keepalive") == metrics.get("sluice_connections") == 1
    assert metrics.get("sluice_tls_handshakes_total") == 1
    assert metrics.get("sluice_tls_handshakes_by_version_total", version="TLSv1.3") == 1
    assert metrics.get("sluice_tls_handshakes_by_suite_total") == 1
    assert metrics.get("sluice_tls_handshakes_resumed_total") == 0
    assert metrics.get("sluice_request_duration_seconds_count") == 5
    assert metrics.get("sluice_upstream_duration_seconds_count") == 5
    assert metrics.get("sluice_tls_handshake_duration_seconds_count") == 1
    assert metrics.get("sluice_endpoint_requests_total", endpoint=app.endpoint) == 5
    assert metrics.get("sluice_client_received_bytes_total") > 2000
    assert metrics.get("sluice_client_sent_bytes_total") > 1000
    assert metrics.get("sluice_upstream_sent_bytes_total") == len(app.received)
    assert 5 < metrics.get("process_open_fds") < 200
    assert metrics.get("process_resident_memory_bytes") > 1 << 20


def test_every_phase_has_its_gauge(sluice, upstream):
    """Law 1, seen from outside: every open socket is in exactly one phase."""
    import threading
    go = threading.Event()

    def script(connection):
        request = connection.head()
        if request.target == "/header":
            go.wait(20)
        if request.target == "/body":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome")
            go.wait(20)
        if request.target == "/flood":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while not go.is_set():
                connection.send(bytes(65536))
        connection.reader.body(request)
        connection.respond()

    app = upstream(script)
    proxy = sluice(app)
    made = {"first_byte": proxy.connect(tls=None), "tls_handshake": proxy.connect(tls=None),
            "request_start": proxy.client(), "request_header": proxy.client(), "request_body": proxy.client(),
            "keepalive": proxy.client(), "response": proxy.client(rcvbuf=4096),
            "upstream_header": proxy.client(), "upstream_body": proxy.client()}
    made["tls_handshake"].raw_send(client.client_hello()[:30])
    made["request_header"].send(b"GET / HT")
    made["request_body"].request("PUT", "/hash", "Content-Length: 10")
    made["keepalive"].get("/")
    made["upstream_header"].request("GET", "/header")
    made["upstream_body"].request("GET", "/body")
    made["response"].request("GET", "/flood")
    expected = {phase: 1 for phase in made}
    wait.until(lambda: {phase: n for phase, n in proxy.metrics().series("sluice_connections", "phase").items()
                        if n} == expected, what=f"one connection in each phase: {expected}")

    def told():
        status = proxy.status()["connections"]
        assert status["total"] == len(made)
        seen = {phase: row["connections"] for phase, row in status["phases"].items() if row["connections"]}
        return status if seen == expected else None

    status = wait.until(told, what="the status page to tell the same")
    assert status["phases"]["first_byte"]["oldest_peer"].startswith("127.0.0.1:")
    assert status["phases"]["first_byte"]["oldest_seconds"] > 0
    go.set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool")
def test_promtool(sluice, upstream):
    proxy = sluice(upstream())
    proxy.client().get("/bytes/1")
    text = proxy.fetch("/metrics")[2]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
