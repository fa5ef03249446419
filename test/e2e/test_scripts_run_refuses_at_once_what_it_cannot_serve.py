# SPDX-License-Identifier: Apache-2.0
"""`scripts/run` looks at its arguments before it installs and builds anything, which takes minutes."""
import shutil
import subprocess

import pytest

from testenv import sluice as s


def run(folder, *arguments):
    """In a tree of its own, whose set-up only says that it was reached."""
    scripts = folder / "scripts"
    scripts.mkdir()
    shutil.copy(s.REPO / "scripts" / "run", scripts)
    (scripts / "setup").write_text("#!/bin/sh\necho reached >&2\nexit 9\n")
    (scripts / "setup").chmod(0o755)
    return subprocess.run([scripts / "run", *arguments], capture_output=True, text=True, timeout=20)


BAD = [["--upstream"], ["--upstream="], ["--upstream", ""], ["--upstream", "app"], ["--upstream", ":80"],
       ["--upstream", "::1:80"], ["--upstream", "[::1"], ["--upstream", "http://a:80"], ["--upstream", "a:0"],
       ["--upstream", "a:65536"], ["--upstream", "a b:80"], ["--listen"], ["--listen="], ["--listen", "8443"],
       ["--listen", ":0"], ["--listen", "localhost:8443"], ["--listen", "::1:8443"], ["--listen", ":99999999999"],
       ["--fast"], ["word"], ["--upstream", "a:80", "--listen", "x"]]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_refused(tmp_path, arguments):
    done = run(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("run: ") and "reached" not in done.stderr and not done.stdout


GOOD = [[], ["--upstream", "a-b.c:080"], ["--upstream=[::1]:8080", "--listen=[::]:8443"], ["--listen", ":65535"],
        ["--listen", "127.0.0.1:1", "--upstream", "10.0.0.1:80"]]


@pytest.mark.parametrize("arguments", GOOD, ids=" ".join)
def test_taken(tmp_path, arguments):
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (9, "reached\n")


def test_help(tmp_path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: scripts/run") and not done.stderr
