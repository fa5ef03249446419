# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: certificates, listeners and routes are those of the file; a listener that is gone is closed; no connection is
refused meanwhile."""
import shutil
import signal
import ssl
import subprocess
import threading

import pytest

from testenv import ports, sluice as s, wait, yaml


def subject(one):
    return one.tls.getpeercert()["subject"]


def test_certificates(sluice, upstream, certs, tmp_path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    shutil.copy(certs.ecdsa.certificate, certificate)
    shutil.copy(certs.ecdsa.key, key)
    proxy = sluice(upstream(), tls={"certificates": [{"certificate": str(certificate), "key": str(key)}]})
    before = proxy.client().tls.getpeercert()["serialNumber"]
    new = certs.leaf("renewed")
    shutil.copy(new.certificate, certificate)
    shutil.copy(new.key, key)
    proxy.reload()
    after = proxy.client().tls.getpeercert()["serialNumber"]
    assert before != after
    assert isinstance(ssl.OPENSSL_VERSION, str)


def test_listeners(sluice, upstream):
    proxy = sluice(upstream())
    port = ports.free_port()
    proxy.reload(lambda config: config["listeners"].append({**config["listeners"][0],
                                                            "address": f"127.0.0.1:{port}"}))
    assert proxy.client(address=("127.0.0.1", port)).get("/bytes/1").status == 200
    old = proxy.client()
    assert old.get("/bytes/1").status == 200
    proxy.reload(lambda config: config["listeners"].pop(0))
    wait.until(lambda: not s.listens(proxy.port), what="the old listener to be closed")
    assert old.end() == "close_notify"
    assert proxy.client(address=("127.0.0.1", port)).get("/bytes/1").status == 200


@pytest.mark.workers
def test_nobody_is_refused_meanwhile(sluice, upstream):
    proxy = sluice(upstream(keeps_bytes=False), workers=2)
    is_over, failures, done = threading.Event(), [], []

    def run():
        try:
            while not is_over.is_set():
                with proxy.client() as one:
                    assert one.get("/bytes/10").status == 200
                    done.append(1)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        proxy.reload()
    wait.until(lambda: failures or len(done) > 10, 20, "requests beside the reloads")
    is_over.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_routes_and_deadlines(sluice, upstream):
    proxy = sluice(upstream())
    one = proxy.client()
    assert one.get("/bytes/1").status == 200

    def change(config):
        config["routes"] = [{"path": "/only", "upstream": "app"}]
        config["deadlines"] = {"keepalive": "300ms"}

    proxy.reload(change)
    two = proxy.client()
    assert two.get("/bytes/1").status == 404
    clock = wait.Stopwatch()
    assert two.end() == "close_notify"
    wait.at(clock.seconds + 0.05, 0.3)


def listen_limits(port):
    """Of each socket that listens at the port."""
    told = subprocess.run(["ss", "-Hltn", f"sport = {port}"], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[2]) for line in told.splitlines()]


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss")
def test_the_backlog(sluice, upstream):
    proxy = sluice(upstream(), listener={"backlog": 99}, workers=2)
    assert listen_limits(proxy.port) == [99, 99]
    proxy.reload(lambda config: config["listeners"][0].update(backlog=77))
    assert listen_limits(proxy.port) == [77, 77]
    assert proxy.client().get("/bytes/1").status == 200


def test_a_listener_and_the_status_endpoint_change_places(sluice, upstream):
    proxy = sluice(upstream())
    proxy.config["listeners"][0]["address"] = f"127.0.0.1:{proxy.status_port}"
    proxy.config["status"]["address"] = f"127.0.0.1:{proxy.port}"
    proxy.config_path.write_text(yaml.dump(proxy.config))
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("generation 2 is in force")
    proxy.port, proxy.status_port = proxy.status_port, proxy.port
    assert proxy.generation() == 2
    assert proxy.client(address=("127.0.0.1", proxy.port)).get("/bytes/1").status == 200
