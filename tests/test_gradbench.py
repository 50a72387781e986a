"""The objectives of GradBench agree with the reference outputs of the benchmark's own C++ tool."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("GRADBENCH", ROOT.parent / "shared" / "gradbench"))
CASES = sorted(FOLDER.glob("*.json")) if FOLDER.is_dir() else []
SLOW = ("saddle", "particle")  # optimisation inside optimisation: seconds each


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(ROOT / "examples" / "gradbench"))
    try:
        import run

        return run
    finally:
        sys.path.pop(0)


@pytest.mark.skipif(not CASES, reason="the reference files of GradBench are not here (set GRADBENCH to their folder)")
@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=pytest.mark.slow if p.stem.startswith(SLOW) else ()) for p in CASES]
)
def test_objective_agrees_with_the_reference(path, run):
    case = json.loads(path.read_text())
    found = run.FUNCTIONS[f"{case['module']}.{case['function']}"](case["input"])
    assert run.agrees(found, case["output"])
