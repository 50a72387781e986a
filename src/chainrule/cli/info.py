"""chainrule info: versions, dtypes, libraries and optional packages."""

from __future__ import annotations

import argparse
import os
import platform
from importlib import metadata
from typing import Any

from .common import add_command, print_json

EXAMPLES = """  chainrule info
  chainrule info --json
"""
EXTRAS = {
    "jit": ["llvmlite"],
    "learn": ["scikit-learn", "rich", "matplotlib", "safetensors", "tensorboardX", "pandas"],
    "bfloat16": ["ml_dtypes"],
    "onnx": ["onnx"],
    "cuda": ["cupy-cuda12x"],
    "mpi": ["mpi4py"],
}
DTYPES = "float16 bfloat16 float32 float64 complex64 complex128 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool"


def add_parser(commands: Any) -> None:
    """Add `info` to the command line."""
    parser = add_command(commands, "info", "print versions, libraries and optional packages", EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print JSON")


def gather() -> dict[str, Any]:
    """All that `chainrule info` says."""
    import numpy as np

    from .. import __version__, get_default_dtype
    from ..core.primitive import Primitive
    from ..ops import kits  # noqa: F401 (the records of all families are made when chainrule is imported)

    blas = np.show_config(mode="dicts")["Build Dependencies"].get("blas", {})
    return {
        "chainrule": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "not limited (OMP_NUM_THREADS)"),
        "numpy": np.__version__,
        "scipy": _version("scipy"),
        "blas": " ".join(str(blas[k]) for k in ("name", "version") if blas.get(k)) or "unknown",
        "operations": _count(Primitive),
        "dtypes": DTYPES.split(),
        "default dtype": str(get_default_dtype()).split(".")[-1],
        "extras": {extra: {p: _version(p) for p in packages} for extra, packages in EXTRAS.items()},
    }


def _count(kind: type) -> int:
    """How many different records the modules of operations hold."""
    import sys

    modules = [m for name, m in list(sys.modules.items()) if name.startswith("chainrule.ops.")]
    return len({id(v) for m in modules for v in vars(m).values() if isinstance(v, kind)})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def run(args: argparse.Namespace) -> int:
    """Print it."""
    facts = gather()
    if args.json:
        print_json(facts)
        return 0
    for name, value in facts.items():
        if name == "extras":
            for extra, packages in value.items():
                found = ", ".join(f"{p} {v or 'not installed'}" for p, v in packages.items())
                fix = "" if all(packages.values()) else f"   (pip install 'chainrule[{extra}]')"
                print(f"{'extra ' + extra:<15} {found}{fix}")
        else:
            print(f"{name:<15} {' '.join(value) if isinstance(value, list) else value}")
    return 0
