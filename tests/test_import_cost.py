"""`import chainrule` brings NumPy and nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = [
    "scipy",
    "matplotlib",
    "torch",
    "jax",
    "sklearn",
    "llvmlite",
    "pandas",
    "rich",
    "tqdm",
    "onnx",
    "cupy",
    "mpi4py",
    "safetensors",
    "ml_dtypes",
    "PIL",
    "sympy",
]


def run(program: str) -> subprocess.CompletedProcess:
    source = str(Path(__file__).parent.parent / "src")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*sorted(m.split('.')[0] for m in sys.modules))"
    return set(run(program).stdout.split())


def test_import_brings_nothing_heavy():
    found = modules_after("import chainrule")
    assert "numpy" in found
    assert not found & set(HEAVY), f"import chainrule also imports {sorted(found & set(HEAVY))}"


def test_a_backward_pass_brings_nothing_heavy():
    found = modules_after(
        "import chainrule as cr\nx = cr.tensor([1.0, 2.0], requires_grad=True)\n((x * x).sum() / 2).backward()"
    )
    assert not found & set(HEAVY), f"a first backward() imports {sorted(found & set(HEAVY))}"


def test_import_prints_nothing():
    done = run("import chainrule")
    assert done.stdout == "" and done.stderr == ""
