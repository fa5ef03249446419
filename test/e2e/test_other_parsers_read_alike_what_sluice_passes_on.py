# SPDX-License-Identifier: Apache-2.0
"""Generated requests and responses, most of them broken: whatever sluice passes on has one lawful reading, and parsers of
other makes share it. test/differential/run does the same with any number of them."""
import asyncio
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "differential"))

import answered  # noqa: E402
import forwarded  # noqa: E402
import origins  # noqa: E402

# A case that waits for more is over soon.
DEADLINES = {"upstream_body": "1s"}
SEED = "1"


@pytest.fixture
def others(tmp_path):
    started = origins.Origins(tmp_path)
    yield started
    started.stop()


def starter(sluice):
    return lambda endpoint: sluice(endpoint, tls="off", deadlines=DEADLINES, log={"level": "error"}).address


@pytest.mark.limit(300)
def test_requests(sluice, others):
    outcome = asyncio.run(forwarded.check(starter(sluice), others.ports, SEED, range(3000)))
    assert not outcome.failures, "\n".join(outcome.failures[:5])
    assert outcome.n_forwarded > outcome.n_cases / 3
    assert set(outcome.compared.values()) == {outcome.n_forwarded}, "somebody was not asked about everything"


@pytest.mark.limit(300)
def test_responses(sluice, tmp_path):
    outcome = asyncio.run(answered.check(starter(sluice), SEED, range(1500), tmp_path))
    assert not outcome.failures, "\n".join(outcome.failures[:5])
    assert outcome.n_answered > outcome.n_cases / 3 and outcome.n_refused and outcome.n_cut
    assert min(outcome.compared.values()) > outcome.n_answered
