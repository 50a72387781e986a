"""The documentation runs: Python blocks of README.md and docs/, doctests of every module, and the examples."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).parent.parent
PAGES = [
    p for p in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))) if p.exists()
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SOURCE = ROOT / "src" / "chainrule"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
NEEDS = {"compiler": "llvmlite", "estimators": "sklearn", "demos": "matplotlib"}  # folders whose modules need an extra


def module_names() -> list[str]:
    names = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ["chainrule", *path.relative_to(SOURCE).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if parts[-1] != "__main__":
            names.append(".".join(parts))
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__docs__"}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        line = page.read_text(encoding="utf-8")[: block.start()].count("\n") + 2
        text = block.group(1)
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line - 1)
            runner = doctest.DocTestRunner(optionflags=FLAGS)
            report: list[str] = []
            runner.run(test, out=report.append, clear_globs=False)
            names.update(test.globs)
            assert not runner.failures, "".join(report)
        else:
            exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)


@pytest.mark.parametrize("name", module_names())
def test_doctests_of_a_module_pass(name):
    extra = NEEDS.get(name.split(".")[1] if "." in name else "")
    if extra:
        pytest.importorskip(extra, reason=f"{extra} is not installed")
    module = importlib.import_module(name)
    finder, runner, report = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=FLAGS), []
    for test in finder.find(module, name, globs={**vars(module), "chainrule": chainrule, "cr": chainrule}):
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


# gradbench takes a folder of reference files; test_gradbench.py runs its objectives
EXAMPLES = [p for p in sorted((ROOT / "examples").rglob("*.py")) if p.parent.name != "gradbench"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path, tmp_path):
    environment = {**os.environ, "CHAINRULE_SMALL": "1", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
