# SPDX-License-Identifier: Apache-2.0
"""A configuration may be a pipe (`-c <(...)`, /dev/stdin), also a slow one; one that nobody writes to is an error after a
while: neither `check` nor a reload waits for it without end."""
import os
import signal
import subprocess
import threading

from testenv import ports, sluice as s, wait

PATIENCE_S = 5  # as PATIENCE_MS in src/conf/read.c


def good():
    return f"""\
listeners: [{{address: '127.0.0.1:{ports.free_port()}', tls: off}}]
upstreams: [{{name: app, endpoints: ['127.0.0.1:9']}}]
status: off
"""


def test_standard_input_that_comes_in_pieces(tmp_path):
    for more, status in (("", 0), ("workers: 0\n", 2)):
        process = subprocess.Popen([s.binary(), "check", "-c", "/dev/stdin"], stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=s.environment(tmp_path))
        process.stdin.write(good())
        process.stdin.flush()
        s.sleep(0.5)
        out, errors = process.communicate(more, timeout=20)
        assert process.returncode == status, errors
        assert ("workers" in errors) == (status == 2)
    s.check_sanitizers(tmp_path)


def test_a_fifo_whose_writer_comes_late(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Timer(0.5, lambda: fifo.write_text(good()))
    writer.start()
    assert s.run("check", "-c", fifo, folder=tmp_path).returncode == 0
    writer.join()


def test_a_fifo_without_a_writer(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    clock = wait.Stopwatch()
    done = s.run("check", "-c", fifo, folder=tmp_path)
    assert done.returncode == 2 and done.stderr == f"{fifo}: cannot be read: nobody writes to it\n"
    wait.at(clock.seconds, PATIENCE_S)


def test_a_reload_does_not_wait_for_ever(sluice, upstream):
    proxy = sluice(upstream())
    good_text = proxy.config_path.read_text()
    proxy.config_path.unlink()
    os.mkfifo(proxy.config_path)
    proxy.signal(signal.SIGHUP)
    assert proxy.wait_log("nobody writes to it", within=PATIENCE_S + 10)
    assert proxy.generation() == 1
    assert proxy.client().get("/bytes/1").status == 200
    proxy.config_path.unlink()
    proxy.config_path.write_text(good_text)
    proxy.reload()
