# SPDX-License-Identifier: Apache-2.0
"""A miniature of test/soak/run: lawful and hostile clients, held connections and reloads for a quarter of a minute; afterwards
memory, descriptors and counters are as they were, and no lawful request was lost."""
import os
import shutil
import subprocess
import sys

import pytest

from testenv import sluice as s, wait


@pytest.mark.workers
@pytest.mark.limit(150)
def test_a_short_soak():
    if not shutil.which("cc") or not os.path.exists("/usr/include/openssl/ssl.h"):
        pytest.skip("hold.c needs cc and the headers of openssl")
    done = subprocess.run(
        # (Told to end it ends its own processes.)
        ["timeout", "-k", "20", str(130 * wait.PATIENCE), sys.executable, s.REPO / "test/soak/run",
         "--minutes", "0.25", "--connections", "100", "--rate", "40", "--opens", "50", "--lawful", "6",
         "--hostile", "8", "--pause", "0.2", "--reloads", "2", "--sample", "0.5"],
        capture_output=True, text=True, env={**os.environ, "SLUICE_BIN": s.binary()})
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    assert "| lawful requests lost or answered wrongly | 0 |" in done.stdout
