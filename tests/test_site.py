"""The pages of docs/: their programs run and print what the articles say; both languages run the same programs."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [p for p in sorted((ROOT / "docs").rglob("*.md")) if "exec=" in p.read_text() and ".zh." not in p.name]
BLOCK = re.compile(r"^( *)```python exec[^\n]*\n(.*?)^ *```", re.M | re.S)

# What each article states, as its page must print it.
FACTS = {
    "s0": [
        "b, c, d, e = 6.0 4.0 10.0 40.0",
        "made by mul",
        "de/da = 22.0",
        "e → d → b → a: 4.000 · 1.000 · 3.000 = 12.000",
        "[6. 9. 12.]",
    ],
    "s1": [
        "[[4.5000, 4.5000],", "Epoch 100: loss 0.1273", "Epoch 500: loss 0.0404", "Epoch 1000: loss 0.0179",
        "w 2.6868", "b 2.1777", "AddBackward0", "MulBackward0",
    ],
    "s2": ["a: data   2.0, grad   6.0", "b: data  -3.0, grad  -4.0", "-6.0 -3.0 -8.0"],
    "s3": [
        "∂f/∂X = (a ⊙ exp(X b)) bᵀ", "df/dw₁ = -w₃ a", "df/da = -(w₃ w₁ + w₄ w₂)", "dz/dx 4.0 dz/dy 1.0",
        "w1 (2, 5) agrees: True", "Epoch: 1, Loss: 0.1",
    ],
    "s4": [
        "11.652", "-0.284", "1.716", "176 times", "[8.0] [8.0]", "before it runs: None",
        "order: ['x1', 'Ln', 'x2', 'Mul', 'Add', 'Sin', 'Sub']",
    ],
}  # fmt: skip


def programs(page: Path) -> list[str]:
    """The code blocks of a page that run when it is built."""
    return [re.sub(rf"^{indent}", "", code, flags=re.M) for indent, code in BLOCK.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_programs_of_a_page_run(page):
    for name in ("matplotlib", "sklearn", "sympy"):
        if name in page.read_text("utf-8") or (page.stem, name) in {("s3", "sklearn"), ("s4", "sympy")}:
            pytest.importorskip(name)
    printed, names = io.StringIO(), {"__name__": "__main__"}
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that is stopped early
        for code in programs(page):
            exec(compile(code, f"<{page.name}>", "exec"), names)
    text = re.sub(r"\[ +", "[", re.sub(r"  +(?=\d+\.)", " ", printed.getvalue())) + printed.getvalue()
    for fact in FACTS.get(page.stem, []):
        assert fact in text, fact
    assert not re.search(r" False$", text, re.M), "a comparison on the page does not hold"


FENCED = re.compile(r"^( *)```[^\n]*\n.*?^\1```$", re.M | re.S)
BOTH = [ROOT / "README.md", *PAGES]


@pytest.mark.parametrize("page", BOTH, ids=lambda p: p.stem)
def test_the_chinese_page_has_the_same_programs_headings_formulas_and_numbers(page):
    assert page.with_suffix(".zh.md").exists(), f"{page.stem}.zh.md is missing: translate {page.name}"
    english, chinese = (p.read_text("utf-8") for p in (page, page.with_suffix(".zh.md")))
    assert [m[0] for m in FENCED.finditer(english)] == [m[0] for m in FENCED.finditer(chinese)]
    english, chinese = (FENCED.sub("", text) for text in (english, chinese))
    for what, pattern in {
        "levels of headings": r"^#+(?= )",
        "pictures": r"!\[[^]]*\]\((.*?)\)",
        "figures in tables": r"(?<=\| )[-\d. |]+(?= \|$)",
        "rows of tables": r"^\|",
        "boxes": r"^!!! \w+",
        "formulas on lines of their own": r"^\\\[[^]]*\\\]$",
    }.items():
        found = [re.findall(pattern, text, flags=re.M) for text in (english, chinese)]
        assert found[0] == found[1], what
    assert re.search("[\u4e00-\u9fff]", chinese)


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path):
    for name in ("mkdocs", "material", "mkdocs_static_i18n", "markdown_exec", "latex2mathml"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "articles" / "s4.html").read_text("utf-8")
    assert "<math" in page and "<svg" in page
    chinese = (tmp_path / "zh" / "articles" / "s4.html").read_text("utf-8")
    assert 'lang="zh"' in chinese and "自动微分" in chinese and 'href="../../articles/s4.html"' in chinese
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=.https?:", page), "the page asks the network"
