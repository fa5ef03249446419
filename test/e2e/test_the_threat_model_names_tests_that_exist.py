# SPDX-License-Identifier: Apache-2.0
"""A page that says which test shows a defence is worth something only while the tests are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "src" / "THREATS.md"
KINDS = ("e2e", "sim", "unit", "fuzz", "suites")


def shown_by():
    """(kind, name) of each test in a last column headed so: `e2e a, b; sim c`."""
    is_shown = False
    for row in PAGE.read_text().splitlines():
        last = row.strip().strip("|").split("|")[-1].strip()
        if not row.startswith("|") or last == "shown by":
            is_shown = last == "shown by"
        elif is_shown and not set(last) <= {"-"}:
            kind = None
            for word in re.findall(r"[\w/]+", re.sub(r"\(.*?\)", "", last)):
                if word in KINDS:
                    kind = word
                else:
                    yield kind, word


def exists(kind, name):
    if kind == "e2e":
        return (ROOT / "test/e2e" / f"test_{name}.py").exists()
    return (ROOT / "test" / str(kind) / f"{name}.c").exists()


@pytest.mark.parametrize("kind, name", sorted(set(shown_by()), key=str))
def test_it_is_there(kind, name):
    assert exists(kind, name), f"{PAGE.name} names {kind} {name}"


def test_the_page_names_many():
    assert len(set(shown_by())) > 30
