# SPDX-License-Identifier: Apache-2.0
"""Endpoints are looked up when the configuration is read; a name that nobody knows is an error with its place."""
import re

from testenv import ports, sluice as s


def test_localhost(sluice, upstream):
    app = upstream()
    proxy = sluice(f"localhost:{app.port}")
    assert proxy.client().get("/bytes/10").status == 200  # ::1 refuses, 127.0.0.1 does not


def test_an_unknown_name(tmp_path):
    file = tmp_path / "sluice.yaml"
    file.write_text(f"listeners: [{{address: '127.0.0.1:{ports.free_port()}', tls: off}}]\n"
                    "upstreams:\n  - name: app\n    endpoints: ['no-such-host.invalid:80']\nstatus: off\n")
    for verb in ("check", "run"):
        done = s.run(verb, "-c", file, folder=tmp_path, within=40)
        assert done.returncode == 2
        assert re.search(r"sluice\.yaml:4:\d+: upstreams\[0\]\.endpoints\[0\]\.address: .*no-such-host", done.stderr), done.stderr
