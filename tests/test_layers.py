"""Imports go down only: a module may import from its own layer and from those below."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "chainrule"

# From the bottom up; folders in one row are one layer.
LAYERS = [
    {"core"},
    {"ops"},
    {"transforms"},
    {"tensor", "doors", "autograd"},
    {"graph"},
    {"compiler"},
    {"nn", "optim", "data", "train", "utils", "distributions", "signal"},
    {"estimators", "interop", "distributed", "articles", "cuda", "mps", "xpu", "accelerator", "backends", "version"}
    | {"multiprocessing", "serialization"},
    {"explain", "viewer"},
    {"demos"},
    {"cli"},
]
HEIGHT = {name: i for i, names in enumerate(LAYERS) for name in names}

# Imports inside functions that reach upward on purpose: (importing module, imported layer): reason.
UPWARD: dict[tuple[str, str], str] = {
    ("tensor.answer", "explain"): "an answer of why_none or why_nan draws its picture only when it is asked for it",
}


def modules() -> dict[str, Path]:
    return {str(p.relative_to(SOURCE).with_suffix("")).replace("/", "."): p for p in sorted(SOURCE.rglob("*.py"))}


def imports(name: str, path: Path):
    """Absolute names, below chainrule, of all that a module imports anywhere, with line numbers."""
    package = ["chainrule", *name.split(".")]
    if package[-1] == "__init__":
        package.pop()
    else:
        package = package[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test).endswith("TYPE_CHECKING")]
    skipped = {id(inner) for n in for_types for inner in ast.walk(n)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found = [stem] if node.module else [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        for full in found:
            if full.startswith("chainrule."):
                yield full.removeprefix("chainrule."), node.lineno


LAYERED = {n: p for n, p in modules().items() if n.split(".")[0] in HEIGHT and "." in n}


def test_every_folder_has_a_layer():
    folders = {p.name for p in SOURCE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    assert folders <= set(HEIGHT), f"no layer for: {sorted(folders - set(HEIGHT))}"


@pytest.mark.parametrize("name", LAYERED)
def test_imports_go_down(name):
    height = HEIGHT[name.split(".")[0]]
    bad = []
    for imported, line in imports(name, LAYERED[name]):
        top = imported.split(".")[0]
        if HEIGHT.get(top, -1) > height and (name, top) not in UPWARD:
            bad.append(f"{name}, line {line}: imports {imported}, which is above it")
    assert not bad, "\n".join(bad)


def test_listed_exceptions_are_still_needed():
    used = {(name, i.split(".")[0]) for name, path in LAYERED.items() for i, _ in imports(name, path)}
    stale = sorted(set(UPWARD) - used)
    assert not stale, f"listed, but no longer there: {stale}"
