# SPDX-License-Identifier: Apache-2.0
"""sluice does as wanted in every case of test/conformance, at T = 2 s.

The suite runs once for all the tests here, and all its cases side by side; each test is one of them.
"""
import fcntl
import json
import os
import pathlib
import subprocess
import sys

import pytest

from testenv import sluice as sluice_module
from testenv import wait

SUITE = pathlib.Path(__file__).resolve().parents[1] / "conformance"
TIMEOUT_S = 2
sys.path.insert(0, str(SUITE))
from lab import BOOKS  # noqa: E402
from cases import CASES  # noqa: E402

pytestmark = pytest.mark.limit(400)


def run(folder):
    """The report of one run against the binary under test."""
    report = folder / "conformance.json"
    build = pathlib.Path(sluice_module.binary()).parents[2]
    done = subprocess.run(
        [sys.executable, SUITE / "run", "--systems", "sluice", "--build", build,
         "--timeout", str(TIMEOUT_S), "--slack", str(1.5 * wait.PATIENCE), "--json", report],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    if not report.exists():
        report.write_text(json.dumps({"broken": done.stdout[-8000:]}))


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Whoever of several workers comes first runs it."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    with open(folder / "conformance.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "conformance.json").exists():
            run(folder)
    return json.loads((folder / "conformance.json").read_text())


@pytest.mark.parametrize("name", [*CASES, BOOKS])
def test_sluice_does_as_wanted(report, name):
    assert "broken" not in report, report["broken"]
    outcome = report["systems"]["sluice"][name]
    if outcome["verdict"] == "void":  # three times: nothing can be told of sluice
        pytest.skip(f"this machine is too busy: {outcome['why']}")
    assert outcome["verdict"] == "as wanted", json.dumps(outcome, indent=1)
