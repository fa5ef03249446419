# SPDX-License-Identifier: Apache-2.0
"""The access log goes to a pipe that nobody reads: requests are served as before, what is dropped is counted, and the end
is not held up."""
import json
import os
import re
import signal
import subprocess

from testenv import client, ports, sluice as s, wait, yaml


def test_a_log_that_nobody_reads(upstream, tmp_path, certs):
    port, status_port = ports.free_port(), ports.free_port()
    file = tmp_path / "sluice.yaml"
    file.write_text(yaml.dump({
        "workers": 1, "listeners": [{"address": f"127.0.0.1:{port}", "tls": "off"}],
        "upstreams": [{"name": "app", "endpoints": [upstream(keeps_bytes=False).endpoint]}],
        "access_log": "stdout", "status": f"127.0.0.1:{status_port}"}))
    reader, writer = os.pipe()
    with open(tmp_path / "stderr.log", "w") as errors:
        process = subprocess.Popen([s.binary(), "run", "-c", file], stdout=writer, stderr=errors,
                                   stdin=subprocess.DEVNULL, env=s.environment(tmp_path))
    os.close(writer)

    def fetch(target):
        with client.Client(("127.0.0.1", status_port)) as one:
            return one.get(target).body.decode()

    def lost():
        return json.loads(fetch("/status"))["log_lines_lost"]["access"]

    try:
        wait.until(lambda: s.listens(port) and s.listens(status_port), 20)
        with client.Client(("127.0.0.1", port)) as one:
            slowest, n = 0, 0
            long = "/bytes/0?" + "x" * 1500
            while lost() == 0:
                for _ in range(200):
                    clock = wait.Stopwatch()
                    assert one.get(long).status == 200
                    slowest = max(slowest, clock.seconds)
                    n += 1
                assert n < 20_000, "nothing was dropped, so where does it go?"
            for _ in range(50):
                assert one.get(long).status == 200
        assert slowest < 1
        assert re.search(r'log="access",reason="dropped"\} [1-9]', fetch("/metrics"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)
    s.check_sanitizers(tmp_path)
