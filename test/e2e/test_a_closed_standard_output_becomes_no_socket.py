# SPDX-License-Identifier: Apache-2.0
"""Started with standard descriptors closed: no socket gets their numbers, so that nothing that is printed reaches a client;
and a log that would go there is refused, at the start and in a reload."""
import os
import signal
import subprocess

import pytest

from testenv import client, ports, sluice as s, wait


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_it(upstream, tmp_path, closed):
    port = ports.free_port()
    file, log = tmp_path / "sluice.yaml", tmp_path / "sluice.log"
    text = f"""\
listeners: [{{address: "127.0.0.1:{port}", tls: off}}]
upstreams: [{{name: app, endpoints: ["{upstream().endpoint}"]}}]
status: off
log: {log}
"""

    def start(access_log):
        file.write_text(text + f"access_log: {access_log}\n")
        ends = " ".join(f"{fd}>&-" for fd in closed)
        return subprocess.Popen(["sh", "-c", f'exec "$0" run -c "$1" {ends}', s.binary(), file], cwd=tmp_path,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env=s.environment(tmp_path))

    if 1 in closed:
        refused = start("stdout")
        try:
            assert refused.wait(20) == 2
        finally:
            refused.kill()
    process = start("off")
    try:
        wait.until(lambda: s.listens(port), 20, "sluice to listen")
        with client.Client(("127.0.0.1", port)) as one:
            assert one.get("/bytes/10").status == 200
            for fd in closed:
                assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
            if 1 in closed:
                file.write_text(text + "access_log: stdout\n")
                process.send_signal(signal.SIGHUP)
                wait.until(lambda: "access_log.path: stdout" in log.read_text(), what="the reload to be refused")
                assert one.get("/bytes/10").status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
    assert status == 0
    s.check_sanitizers(tmp_path)
