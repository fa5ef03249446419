# SPDX-License-Identifier: Apache-2.0
"""JSON lines, one for each request, and the common format; to a file, to stdout, off; opened anew on SIGUSR1."""
import re
import signal

import pytest

from testenv import ports, wait


def test_json(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client(name="localhost")
    one.request("PUT", "/hash?x=1", host="Example.org:1", body=b"x" * 1000).response()
    one.get("/bytes/5000")
    first, second = proxy.wait_access(2)
    assert first["method"] == "PUT" and first["path"] == "/hash?x=1"
    assert first["host"].lower() == "example.org:1"
    assert first["status"] == 200 and first["http"] == "1.1"
    assert first["request_bytes"] == 1000 and second["response_bytes"] == 5000
    assert re.match(r"127\.0\.0\.1:\d+$", first["client"])
    assert first["sni"] == "localhost" and first["tls_version"] == "1.3"
    assert 0 <= first["tls_handshake_ms"] < 5000
    assert first["endpoint"] == app.endpoint and first["upstream"] == "app"
    assert not first["reused"] and second["reused"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", first["time"])
    assert 0 <= first["request_sent_ms"] <= first["response_header_ms"] <= first["total_ms"] < 5000
    assert "cause" not in first
    assert first["request_id"] != second["request_id"]


def test_a_local_reply_has_its_bytes(sluice):
    proxy = sluice(f"127.0.0.1:{ports.free_port()}", routes=[{"upstream": "app", "path": "/app"}])
    one = proxy.client()
    answers = [one.get("/app"), one.get("/other"), one.request("HEAD", "/app").response(method="HEAD")]
    lines = proxy.wait_access(3)
    assert [line["status"] for line in lines] == [502, 404, 502]
    assert [line["response_bytes"] for line in lines] == [len(answer.body) for answer in answers]
    assert all(len(answer.body) > 0 for answer in answers[:2])


def test_hostile_bytes_do_not_break_the_lines(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    one.send(b'GET /"\\%0a?\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    one.response()
    one.close()
    proxy.client().get("/" + "a" * 8000)
    assert len(proxy.wait_access(1)) >= 1


def test_refused_requests_are_logged(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    one.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert one.response().status == 400
    line = proxy.wait_log("duplicate_host")
    assert "127.0.0.1:" in line and "400" in line
    line = proxy.wait_access(1)[0]
    assert line["status"] == 400 and line["rule"] == "duplicate_host"
    assert line["cause"] == {"phase": "request_header", "side": "client", "error": "invalid"}


def test_a_client_that_goes_away(sluice, upstream):
    def script(connection):
        connection.request()
        connection.wait_end()

    app = upstream(script)
    proxy = sluice(app)
    one = proxy.client().request("GET", "/patience")
    app.wait_requests(1)
    one.reset()
    line = proxy.wait_access(1)[0]
    assert line["path"] == "/patience" and "status" not in line
    assert line["cause"]["side"] == "client"
    wait.until(lambda: app.connections[0].ended, what="the upstream's connection to be dropped")
    assert proxy.metrics().get("sluice_responses_total", **{"class": "none"}) == 1


def test_common(sluice, upstream):
    proxy = sluice(upstream(), access_log={"format": "common"})
    proxy.client().get("/bytes/5?a=\"b")
    wait.until(lambda: proxy.access_path.exists() and proxy.access_path.read_text().endswith("\n"))
    assert re.match(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
                    r'"GET /bytes/5\?a=[^ "]*b HTTP/1\.1" \d{3} \d+$', proxy.access_path.read_text().strip())


def test_stdout(sluice, upstream):
    proxy = sluice(upstream(), access_log={"path": "stdout"})
    proxy.client().get("/bytes/5")
    assert proxy.wait_log(r'^\{"time":.*"path":"/bytes/5"')


def test_off(sluice, upstream):
    proxy = sluice(upstream(), access_log="off")
    proxy.client().get("/bytes/5")
    assert not proxy.access_path.exists()


@pytest.mark.parametrize("log", ["access", "error"])
def test_sigusr1(sluice, upstream, log, tmp_path):
    error_log = tmp_path / "error.log"
    proxy = sluice(upstream(), log={"path": str(error_log), "level": "debug"})
    path = proxy.access_path if log == "access" else error_log
    proxy.client().get("/bytes/5")
    wait.until(lambda: path.exists() and path.stat().st_size)
    old = path.rename(path.with_suffix(".1"))
    size = old.stat().st_size
    proxy.signal(signal.SIGUSR1)
    wait.until(path.exists, what="the log to be opened anew")
    size = old.stat().st_size
    proxy.client().get("/bytes/6")
    if log == "access":
        wait.until(lambda: "/bytes/6" in path.read_text())
    else:
        wait.until(lambda: path.stat().st_size)
    assert old.stat().st_size == size
