# SPDX-License-Identifier: Apache-2.0
"""help, version, explain, quickstart, full-config: what they print and what they end with."""
import re
import signal
import subprocess

import pytest

from testenv import client, ports, sluice as s, wait

VERBS = ["run", "check", "explain", "quickstart", "full-config", "reference", "version"]


def test_help(tmp_path):
    done = s.run("--help", folder=tmp_path)
    assert done.returncode == 0 and not done.stderr
    for verb in VERBS:
        assert verb in done.stdout
        one = s.run(verb, "--help", folder=tmp_path)
        assert one.returncode == 0 and one.stdout.startswith(f"usage: sluice {verb}")
        assert not one.stderr


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "--fast"], ["check"], ["run", "-c"],
                                       ["version", "now"], ["quickstart"], ["quickstart", "--upstream", "x:1"],
                                       ["check", "-c", ""], ["quickstart", "-s", "-u", "127.0.0.1:9", "-l", ":0"]])
def test_misuse(tmp_path, arguments):
    done = s.run(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(tmp_path, arguments):
    done = s.run(*arguments, folder=tmp_path)
    assert done.returncode == 0
    assert re.match(r"sluice \d+\.\d+\.\d+\n", done.stdout)
    for library in ("mbedTLS 3.6", "libuv", "llhttp"):
        assert library in done.stdout


CONFIG = """\
listeners:
  - name: public
    address: 127.0.0.1:{port}
    tls: off
    deadlines: {{request_header: 7s}}
upstreams:
  - name: app
    endpoints: [127.0.0.1:9]
routes:
  - {{name: uploads, path: /up, upstream: app, deadlines: {{request_body: {{idle: 2m}}}}}}
  - {{name: rest, path: /, upstream: app}}
deadlines:
  first_byte: 3s
  keepalive: {{limit: 20s, enforce: false}}
status: off
"""


def test_explain(tmp_path):
    file = tmp_path / "sluice.yaml"
    file.write_text(CONFIG.format(port=ports.free_port()))
    done = s.run("explain", "-c", file, "--listener", "public", "--route", "uploads", folder=tmp_path)
    assert done.returncode == 0, done.stderr

    def line(phase):
        return next(line for line in done.stdout.splitlines() if re.match(rf"\s+{phase}\s", line))

    phases = [phase for phase in s.ALL_PHASES]
    assert [phase for phase in re.findall(r"^\s+(\w+)\s", done.stdout, re.M) if phase in phases][:len(phases)] \
        == [phase for phase in phases], "not in the order of a connection's life"
    assert "3s" in line("first_byte") and "deadlines (line 13)" in line("first_byte")
    assert "7s" in line("request_header") and "listener public" in line("request_header")
    assert "2m" in line("request_body") and "route uploads" in line("request_body")
    assert "default" in line("upstream_header") and "1m" in line("upstream_header")
    assert " no " in line("keepalive")
    assert "silent" in done.stdout and "trickling" in done.stdout


@pytest.mark.parametrize("option", ["--listener", "--route"])
def test_explain_what_is_not_there(tmp_path, option):
    file = tmp_path / "sluice.yaml"
    file.write_text(CONFIG.format(port=ports.free_port()))
    done = s.run("explain", "-c", file, option, "nowhere", folder=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr and ("public" in done.stderr or "uploads" in done.stderr)


def test_full_config_is_valid_and_complete(tmp_path, certs):
    done = s.run("full-config", folder=tmp_path)
    assert done.returncode == 0
    for key in (*s.ALL_PHASES, "drain", "proxy_header", "max_handshaking", "trusted_proxies", "strict_sni"):
        assert re.search(rf"\b{key}:", done.stdout), key
    stored = s.REPO / "config" / "full.yaml"
    if stored.exists():
        assert stored.read_text() == done.stdout


def quickstart(folder, *arguments):
    with open(folder / "output", "w") as output:
        return subprocess.Popen([s.binary(), "quickstart", *arguments], stdout=output, stderr=output,
                                stdin=subprocess.DEVNULL, env=s.environment(folder))


def test_quickstart(tmp_path, upstream):
    app, port = upstream(), ports.free_port()
    process = quickstart(tmp_path, "--upstream", app.endpoint, "--listen", f"127.0.0.1:{port}", "--self-signed")
    try:
        wait.until(lambda: s.listens(port), 20, "quickstart to listen")
        with client.Client(("127.0.0.1", port), tls=client.context()) as one:
            one.handshake()
            assert len(one.get("/bytes/1000").body) == 1000
        # The certificate it has written is one that curl can be given.
        output = tmp_path / "output"
        wait.until(lambda: "--cacert" in output.read_text(), what="the curl line")
        certificate = re.search(r"--cacert (\S+)", output.read_text())[1]
        answer = subprocess.run(["curl", "-sS", "--cacert", certificate, f"https://localhost:{port}/bytes/5"],
                                capture_output=True)
        assert answer.returncode == 0 and len(answer.stdout) == 5, answer.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert process.returncode == 0
    assert '"GET /bytes/1000 HTTP/1.1" 200 1000' in output.read_text()
    s.check_sanitizers(tmp_path)


def test_quickstart_with_a_certificate(tmp_path, upstream, certs):
    app, port = upstream(), ports.free_port()
    process = quickstart(tmp_path, "--upstream", app.endpoint, "--listen", f"127.0.0.1:{port}",
                         "--certificate", certs.ecdsa.certificate, "--key", certs.ecdsa.key)
    try:
        wait.until(lambda: s.listens(port), 20, "quickstart to listen")
        with client.Client(("127.0.0.1", port), tls=client.context(certs.ca)) as one:
            assert one.handshake().get("/bytes/1").status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert process.returncode == 0
    s.check_sanitizers(tmp_path)
