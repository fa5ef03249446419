# SPDX-License-Identifier: Apache-2.0
"""`sluice check` and `sluice run`: every error as file:line:col: path: message, a suggestion for a misspelt key, exit 2,
and nothing started."""
import re
import socket

import pytest

from testenv import ports, sluice as s

GOOD = """\
listeners:
  - address: 127.0.0.1:{port}
    tls: off
upstreams:
  - name: app
    endpoints: [127.0.0.1:9]
status: off
"""


def check(folder, text, verb="check"):
    file = folder / "sluice.yaml"
    file.write_text(text)
    done = s.run(verb, "-c", file, folder=folder)
    found = []
    for line in done.stderr.splitlines():
        match = re.match(re.escape(str(file)) + r":(\d+):(\d+): ([^ ]+): (.+)", line)
        if match:
            found.append((int(match[1]), int(match[2]), match[3], match[4]))
    return done, found


def test_a_good_one(tmp_path):
    done, found = check(tmp_path, GOOD.format(port=ports.free_port()))
    assert done.returncode == 0 and not found
    assert "bytes" in done.stdout.lower() or "KiB" in done.stdout, "the memory of a connection is told"


@pytest.mark.parametrize("verb", ["check", "run"])
def test_all_at_once(tmp_path, verb):
    text = """\
workers: many
acess_log: off
nonsense:
  - deeper: 1
listeners:
  - address: 127.0.0.1:99999
    tls:
      certificates:
        - certificate: missing.pem
          key: missing.key
          extra: 1
upstreams:
  - name: app
    name: app2
    endpoints: []
routes:
  - path: nowhere
    upstream: ap
deadlines:
  first_bite: 5s
  keepalive: 0
  request_body: {idle: 5 parsecs, min_rate: fast}
  upstream_header: -1s
limits:
  header_bytes: 5
  max_connections: 1.5
"""
    done, found = check(tmp_path, text, verb)
    assert done.returncode == 2
    paths = {path: (line, message) for line, _, path, message in found}
    expected = {"workers": 1, "acess_log": 2, "nonsense": 3, "listeners[0].address": 6, "routes[0].path": 17,
                "deadlines.first_bite": 20, "deadlines.keepalive": 21, "deadlines.request_body.idle": 22,
                "deadlines.request_body.min_rate": 22, "deadlines.upstream_header": 23,
                "limits.header_bytes": 25, "limits.max_connections": 26}
    for path, line in expected.items():
        assert path in paths, f"nothing about {path} in:\n{done.stderr}"
        assert paths[path][0] == line, done.stderr
    assert "access_log" in paths["acess_log"][1] and "first_byte" in paths["deadlines.first_bite"][1]
    assert any(line == 14 and "name" in path for line, _, path, _ in found), "the key that came twice"
    assert any(line == 11 and "extra" in path for line, _, path, _ in found)
    assert [line for line, *_ in found] == sorted(line for line, *_ in found), "not in the order of the file"
    assert "unlimited" in paths["deadlines.keepalive"][1], "what is meant is not told"


BROKEN = {
    "no_yaml": "listeners: [\n",
    "a_list": "- a\n- b\n",
    "empty": "",
    "tab": "listeners:\n\t- address: x\n",
    "not_utf8": "listeners: \xff\n",
    "anchor": "a: *b\n",
    "two_documents": GOOD.format(port=1) + "---\n" + GOOD.format(port=2),
}


@pytest.mark.parametrize("what", BROKEN)
def test_no_configuration_at_all(tmp_path, what):
    file = tmp_path / "sluice.yaml"
    file.write_bytes(BROKEN[what].encode("latin-1"))
    done = s.run("check", "-c", file, folder=tmp_path)
    assert done.returncode == 2
    assert str(file) in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = s.run("run", "-c", tmp_path / "none.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "none.yaml" in done.stderr


TLS = """\
listeners:
  - address: 127.0.0.1:{port}
    tls:
      certificates:
        - certificate: {certificate}
          key: {key}
upstreams:
  - name: app
    endpoints: [127.0.0.1:9]
status: off
"""


@pytest.mark.parametrize("verb", ["check", "run"])
def test_certificates_and_keys(tmp_path, certs, verb):
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    other = certs.leaf("other")
    cases = [(certs.ecdsa.certificate, other.key, "listeners[0].tls.certificates[0].key"),
             (certs.ecdsa.certificate, tmp_path / "none.key", "listeners[0].tls.certificates[0].key"),
             (tmp_path / "none.pem", certs.ecdsa.key, "listeners[0].tls.certificates[0].certificate"),
             (garbage, certs.ecdsa.key, "listeners[0].tls.certificates[0].certificate"),
             (certs.ecdsa.key, certs.ecdsa.key, "listeners[0].tls.certificates[0].certificate"),
             (certs.ecdsa.certificate, certs.ecdsa.certificate, "listeners[0].tls.certificates[0].key")]
    for certificate, key, path in cases:
        text = TLS.format(port=ports.free_port(), certificate=certificate, key=key)
        done, found = check(tmp_path, text, verb)
        assert done.returncode == 2, (certificate, key)
        assert [(line, where) for line, _, where, _ in found] == [(5 if path.endswith("certificate") else 6, path)], \
            done.stderr


def test_an_address_in_use(tmp_path, sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    for port in (app.port, proxy.port, proxy.status_port):
        done, found = check(tmp_path, GOOD.format(port=port), "run")
        assert done.returncode == 2, "two processes share one port"
        assert [(line, path) for line, _, path, _ in found] == [(2, "listeners[0].address")], done.stderr
    assert proxy.client().get("/bytes/1").status == 200


@pytest.mark.limit(60)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_other_errors_hide_none_of_names_shares_logs_and_sockets(tmp_path, verb):
    text = """\
workers: 3
listeners:
  - address: 127.0.0.1:{port}
    tls: off
  - address: unix:none/of.sock
    tls: off
  - address: unix:sluice.yaml
    tls: off
upstreams:
  - name: app
    endpoints:
      - no-such-host.invalid:80
      - address: 127.0.0.1:9
        max_connections: 2
log: none/sluice.log
access_log: .
status: off
"""
    expected = {"upstreams[0].endpoints[0].address": 12, "upstreams[0].endpoints[1].max_connections": 13,
                "log.path": 15, "access_log.path": 16}
    if verb == "run":  # check binds nothing
        expected |= {"listeners[1].address": 5, "listeners[2].address": 7}
    text = text.format(port=ports.free_port())
    done, found = check(tmp_path, text, verb)
    assert done.returncode == 2 and {path: line for line, _, path, _ in found} == expected, done.stderr
    messages = {path: message for _, _, path, message in found}
    assert "No such file or directory" in messages["log.path"] and "Is a directory" in messages["access_log.path"]
    if verb == "run":
        assert "No such file or directory" in messages["listeners[1].address"]
        assert "no socket" in messages["listeners[2].address"]
    done, found = check(tmp_path, text + "rubbish: 1\n", verb)
    assert done.returncode == 2 and {path: line for line, _, path, _ in found} == expected | {"rubbish": 18}, done.stderr


def test_a_default_address_in_use(tmp_path):
    """What is not in the file has the file as its place."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 9901))
            other.listen()
        except OSError:
            pass  # somebody has it, which will do
        done, found = check(tmp_path, GOOD.format(port=ports.free_port()).replace("status: off\n", ""), "run")
    assert done.returncode == 2
    assert [(line, path) for line, _, path, _ in found] == [(1, "status.address")], done.stderr


def test_what_was_bound_before_a_failure_leaves_no_file(tmp_path):
    first, both = tmp_path / "first.sock", ports.free_port()
    text = GOOD.format(port=both).replace("upstreams:", f"""\
  - {{address: 'unix:{first}', tls: off}}
  - {{address: 'unix:{tmp_path}/x/../first.sock', tls: off}}
upstreams:""")
    (tmp_path / "x").mkdir()
    done, found = check(tmp_path, text, "run")
    assert done.returncode == 2 and [path for _, _, path, _ in found] == ["listeners[2].address"], done.stderr
    assert not first.exists()


def test_contradictions(tmp_path):
    port = ports.free_port()
    cases = {
        "deadlines: {first_byte: 20s, tls_handshake: 5s}": "deadlines",
        "limits: {max_handshaking: 100, max_connections: 10}": "limits.max_handshaking",
        "routes: [{path: /a, upstream: app}, {path: /a, upstream: app}]": "routes[1]",
        "routes: [{upstream: apq}]": "routes[0].upstream",
    }
    for text, path in cases.items():
        done, found = check(tmp_path, GOOD.format(port=port) + text + "\n")
        assert done.returncode == 2 and len(found) == 1, (text, done.stderr)
        assert found[0][2].startswith(path) and found[0][0] == 8
    done, found = check(tmp_path, GOOD.format(port=port).replace("status: off", "status: 0.0.0.0:9901"))
    assert done.returncode == 2 and found[0][2] == "status.address"


def test_a_misspelt_key_hides_no_errors_of_the_right_one(tmp_path):
    text = "listners: []\n" + GOOD.format(port=1).replace("tls: off", "tsl: off").replace(":1\n", ":99999\n")
    done, found = check(tmp_path, text)
    assert done.returncode == 2
    assert {"listners", "listeners[0].address", "listeners[0].tsl"} <= {path for _, _, path, _ in found}, done.stderr


def test_a_misspelt_section_hides_no_errors_of_its_own(tmp_path, certs):
    text = TLS.format(port=99999, certificate=certs.ecdsa.certificate, key="none.key")
    done, found = check(tmp_path, text.replace("listeners:", "listners:"))
    assert done.returncode == 2
    assert [(line, path) for line, _, path, _ in found] == [
        (1, "listners"), (2, "listeners[0].address"), (6, "listeners[0].tls.certificates[0].key")], done.stderr
