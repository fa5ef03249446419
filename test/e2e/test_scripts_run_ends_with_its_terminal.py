# SPDX-License-Identifier: Apache-2.0
"""A closed terminal (SIGHUP), which to sluice alone would mean a reload, and SIGTERM end what `scripts/run` has started,
with an application of its own and without."""
import contextlib
import os
import pty
import shutil
import signal

import pytest

from testenv import sluice as s, wait

FAKE = """#!/bin/bash
trap : HUP
trap 'echo drained >"$0.end"; exit 0' TERM
echo "$*" >"$0.arguments"
while :; do sleep 0.2; done
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("how", ["closed terminal", "SIGTERM"])
@pytest.mark.parametrize("arguments", [[], ["--upstream", "127.0.0.1:9"]], ids=["alone", "upstream"])
def test_it_ends(tmp_path, arguments, how):
    for name in ("run", "release-options", "legacy-app"):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        shutil.copy(s.REPO / "scripts" / name, tmp_path / "scripts")
    nothing = "#!/bin/sh\nexit 0\n"
    program(tmp_path / "scripts" / "setup", nothing)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "build.ninja").touch()
    for name in ("meson", "ninja"):
        program(tmp_path / "bin" / name, nothing)
    fake = program(tmp_path / "build" / "src" / "server" / "sluice", FAKE)
    told, end = fake.with_suffix(".arguments"), fake.with_suffix(".end")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
        os.execv(tmp_path / "scripts" / "run", ["run", *arguments])
    try:
        wait.until(lambda: told.exists() and told.read_text().endswith("\n"), 20, "sluice to be started")
        assert told.read_text().startswith("quickstart --upstream 127.0.0.1:") and "--self-signed" in told.read_text()
        if how == "SIGTERM":
            os.kill(pid, signal.SIGTERM)
        else:
            os.close(terminal)
        wait.until(end.exists, 10, "sluice to be told to end")
        wait.until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 10, "the script to end")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if how == "SIGTERM":
            os.close(terminal)
