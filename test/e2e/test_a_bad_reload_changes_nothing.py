# SPDX-License-Identifier: Apache-2.0
"""SIGHUP with a broken file: every error is logged with its place, counted, and the old configuration stays in force;
the next good one is taken."""
import signal

from testenv import wait


def failed(proxy):
    return proxy.metrics().get("sluice_configuration_reloads_total", result="failed")


def test_a_bad_reload(sluice, upstream):
    proxy = sluice(upstream())
    good = proxy.config_path.read_text()
    bad = good.replace("deadlines:\n", "deadlines:\n  first_bite: 5s\n  keepalive: 0\n")
    proxy.config_path.write_text(bad + "nonsense: 1\n")
    proxy.signal(signal.SIGHUP)
    wait.until(lambda: failed(proxy) == 1)
    for path in ("nonsense", "first_bite", "keepalive"):
        assert proxy.wait_log(rf"sluice\.yaml:\d+:\d+: .*{path}")
    assert "first_byte" in proxy.wait_log("first_bite"), "no suggestion"
    assert proxy.generation() == 1
    assert proxy.client().get("/bytes/1").status == 200
    proxy.config_path.write_text(good)
    proxy.reload()
    assert proxy.metrics().get("sluice_configuration_reloads_total", result="ok") == 1
    assert proxy.client().get("/bytes/1").status == 200


def test_a_certificate_that_is_gone(sluice, upstream, certs):
    proxy = sluice(upstream())
    good = proxy.config_path.read_text()
    proxy.config_path.write_text(good.replace(certs.ecdsa.key, certs.ecdsa.key + ".gone"))
    proxy.signal(signal.SIGHUP)
    wait.until(lambda: failed(proxy) == 1)
    assert proxy.wait_log(r"listeners\[0\]\.tls\.certificates\[0\]\.key")
    assert proxy.client().get("/bytes/1").status == 200


def test_an_address_that_is_taken(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    good = proxy.config_path.read_text()
    proxy.config_path.write_text(good.replace(
        "listeners:\n", f"listeners:\n  - address: {app.endpoint}\n    tls: off\n"))
    proxy.signal(signal.SIGHUP)
    wait.until(lambda: failed(proxy) == 1)
    assert proxy.wait_log(r"listeners\[0\]\.address.*in use|listeners\[0\]\.address.*somebody else")
    assert proxy.client().get("/bytes/1").status == 200
