"""explain.trace: the tables as golden text, Markdown, LaTeX and HTML; every formula gives the number beside it.

`PYTHONPATH=src python tests/test_trace_tables.py` writes the golden files anew:
read the difference as a mathematician would.
"""

from __future__ import annotations

import math
import re
from itertools import islice
from pathlib import Path

import helpers as h
import numpy as np
import pytest
from test_laws import differentiable, function_of

import chainrule as cr
from chainrule import explain
from chainrule.core.errors import ArgumentError, ArgumentTypeError, NotDifferentiableError

F = cr.nn.functional
GOLDEN = Path(__file__).parent / "golden" / "trace"
W = cr.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=cr.float64)
b = np.array([0.25, -1.0])


def article(x1, x2):
    return cr.log(x1) + x1 * x2 - cr.sin(x2)


def power_by_hand(x):
    y = x
    for _ in range(3):
        y = y * x
    return y


# name: (function, its arguments)
CASES = {
    "article_s4": (article, (2.0, 5.0)),
    "powers": (lambda x: 2 * x**3 - x**-2 + 3**x + cr.square(x), (2.0,)),
    "powers_of_two": (lambda x, y: x**y, (2.0, 3.0)),
    "quotient": (lambda x, y: (1 - x) / (x + 3 * y), (2.0, 5.0)),
    "roots": (lambda x: cr.sqrt(x) + cr.rsqrt(x) + x**0.5 + 1 / x, (4.0,)),
    "trigonometry": (lambda x: cr.sin(x) * cr.cos(x) + cr.tan(x), (0.5,)),
    "squashing": (lambda x: cr.tanh(x) * cr.sigmoid(x) - cr.relu(x), (0.5,)),
    "branches": (lambda x: cr.where(x > 1, x * x, -x) + abs(x) + x.clamp(0, 1), (-1.5,)),
    "loop": (power_by_hand, (2.0,)),
    "integers": (lambda n, k: n * n / k, (3, 2)),
    "twice_the_same": (lambda x: x + x - x * x, (3.0,)),
    "product_of_matrices": (lambda A, B: (A @ B).sum(), (np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 1], [1, 2]]))),
    "quadratic_form": (lambda A, x: x @ A @ x, (np.array([[2.0, 1], [0, 3]]), np.array([1.0, -1]))),
    "network": (lambda x, y: ((cr.tanh(W @ x + b) - y) ** 2).mean(), (np.array([1.0, 0.5]), np.array([0.0, 1]))),
    "broadcasting": (lambda a, C: (a * C).sum(), (np.array([2.0, 2, 3]), np.arange(1.0, 10).reshape(3, 3))),
    "softmax": (lambda z: -cr.log(cr.softmax(z, 0))[1], (np.array([1.0, 2, 0]),)),
    "cross_entropy": (lambda z, t: F.cross_entropy(z, t), (np.array([[1.0, 2, 0]]), np.array([2]))),
    "unbind": (lambda v: v.unbind()[0] / v.unbind()[1], (np.array([3.0, 4]),)),
    "split": (lambda v: (cr.split(v, 2)[1] * v[:2]).sum(), (np.array([3.0, 4, 5, 6]),)),
    "sort": (lambda v: (cr.sort(v).values * b).sum(), (np.array([3.0, -4]),)),
    "svd": (lambda A: cr.linalg.svd(A).S.sum(), (np.array([[2.0, 1], [0, 3]]),)),
    "indices": (lambda v, i: (v[i] ** 2).sum(), (np.array([3.0, 4]), np.array([1, 1, 0]))),
    "inverse": (lambda A: cr.linalg.inv(A)[0, 0], (np.array([[2.0, 1], [0, 4]]),)),
    "log_determinant": (lambda A: cr.logdet(A), (np.array([[2.0, 1], [0, 4]]),)),
}
SCALARS = [name for name, (_, args) in CASES.items() if all(np.ndim(a) == 0 for a in args)]


def shown(name: str) -> str:
    f, args = CASES[name]
    t = explain.trace(f, *args)
    return "\n\n".join([t.text(), t.markdown(), t.latex(), t.html()]) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_tables_read_as_their_golden_text(name):
    assert shown(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


# ---- the articles' numbers -------------------------------------------------------------------------------------------


def test_article_s43_forward_beside_tangent():
    t = explain.trace(article, 2.0, 5.0)
    forward, tangent = t.table("forward"), t.table("tangent x1")
    assert [r.symbol for r in forward] == ["v₋₁", "v₀", "v₁", "v₂", "v₃", "v₄", "v₅"]
    assert [r.formula for r in forward] == ["x1", "x2", "ln(v₋₁)", "v₋₁ v₀", "sin(v₀)", "v₁ + v₂", "v₄ - v₃"]
    seen = [round(float(r.value), 3) for r in forward[2:]]
    assert seen == [0.693, 10, -0.959, 10.693, 11.652]
    assert [round(float(r.value), 3) for r in tangent[2:]] == [0.5, 5, 0, 5.5, 5.5]
    (line,) = (line for line in t.text().splitlines() if line.strip().startswith("v₅"))
    assert "11.652" in line and "5.500" in line and "1.716" in line  # the tangents stand beside the values


def test_article_s44_adjoints_as_they_arrive():
    rows = explain.trace(article, 2.0, 5.0).table("adjoint")
    bar = "\u0304"
    seen = [(r.symbol.replace(bar, ""), r.formula.replace(bar, "\u203e"), round(float(r.value), 3)) for r in rows]
    o = "\u203e"
    assert seen == [
        ("v₅", "seed", 1),
        ("v₄", f"v{o}₅", 1),
        ("v₃", f"-v{o}₅", -1),
        ("v₁", f"v{o}₄", 1),
        ("v₂", f"v{o}₄", 1),
        ("v₀", f"v{o}₃ cos(v₀)", -0.284),
        ("v₋₁", f"v{o}₂ v₀", 5),
        ("v₀", f"v{o}₀ + v{o}₂ v₋₁", 1.716),
        ("v₋₁", f"v{o}₋₁ + v{o}₁ / v₋₁", 5.5),
    ]


# ---- every formula gives its number ----------------------------------------------------------------------------------

_SUPER = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_NAMES = {"ln": math.log, "exp": math.exp, "sin": math.sin, "cos": math.cos, "tan": math.tan, "tanh": math.tanh,
          "sigmoid": lambda x: 1 / (1 + math.exp(-x)), "relu": lambda x: max(x, 0.0), "sqrt": math.sqrt,
          "clamp": lambda x, a, b: min(max(x, a), b), "where": lambda c, a, b: a if c else b,
          "sign": lambda x: (x > 0) - (x < 0), "square": lambda x: x * x}  # fmt: skip


def evaluated(formula: str, values: dict[str, float]) -> float:
    """A scalar formula of a table read as arithmetic, with the values of its symbols."""
    found: dict[str, float] = {}

    def named(match: re.Match) -> str:
        word = f"s{len(found)}"
        found[word] = values[match[0]]
        return word

    text = re.sub("v\u0304?[₋₀₁₂₃₄₅₆₇₈₉]+'?", named, formula)
    text = re.sub(r"ln (\d+)", lambda m: repr(math.log(int(m[1]))), text)
    text = re.sub("√(\\w+|\\([^)]*\\))", r"sqrt(\1)", text)
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"**({m[0].translate(_SUPER)})", text).replace("^", "**")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text).replace("[", "(").replace("]", ")")
    text = re.sub(r"(?<=[\w)]) (?=[\w(])", "*", text)
    return float(eval(text, {**_NAMES, "abs": abs}, found))


@pytest.mark.parametrize("name", SCALARS)
def test_every_formula_of_numbers_gives_the_number_beside_it(name):
    f, args = CASES[name]
    t = explain.trace(f, *args)
    values: dict[str, float] = {}
    for table in t.tables:
        for i, row in enumerate(t.table(table)):
            if (table != "adjoint" and i >= len(args)) or (table == "adjoint" and i):
                rounded = 1e-3 if re.search(r"\d\.\d", row.formula) else 1e-12  # numbers are shown with four digits
                assert evaluated(row.formula, values) == pytest.approx(float(row.value), rel=rounded, abs=1e-12), row
            values[row.symbol] = float(row.value)


@pytest.mark.parametrize("name", CASES)
def test_the_last_adjoints_are_the_gradient_and_the_tangents_its_sums(name):
    f, args = CASES[name]
    t = explain.trace(f, *args)
    inputs = [cr.tensor(np.asarray(a, float if np.ndim(a) == 0 else None)) for a in args]
    moving = [x.requires_grad_() for x in inputs if x.dtype.is_floating_point]
    out = f(*inputs)
    out.sum().backward()
    names = [r.formula for r in t.table("forward")[: len(args)]]
    last = {r.symbol.replace("\u0304", ""): r.value for r in t.table("adjoint")}
    for row, name_, x in zip(t.table("forward"), names, inputs, strict=False):
        if x.requires_grad:
            np.testing.assert_allclose(last[row.symbol], x.grad.numpy(), rtol=1e-12, atol=1e-12)
            made = t.table(f"tangent {name_}")[len(t.table("forward")) - 1 :]
            tail = next(r for r in reversed(t.table(f"tangent {name_}")) if np.shape(r.value) == out.shape)
            assert made and np.sum(tail.value) == pytest.approx(float(x.grad.sum()), rel=1e-10, abs=1e-10)
    assert len(moving) == sum(n.startswith("tangent") for n in t.tables)


# ---- the forms -------------------------------------------------------------------------------------------------------


def cells(latex: str) -> list[str]:
    return re.findall(r"\$([^$]+)\$", latex)


@pytest.mark.parametrize("name", CASES)
def test_latex_is_ascii_balanced_and_can_be_set(name):
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib sets the formulas")
    f, args = CASES[name]
    latex = explain.trace(f, *args).latex()
    assert latex.isascii() and latex.count("{") == latex.count("}") and latex.count("$") % 2 == 0
    parser = mathtext.MathTextParser("path")
    for cell in set(cells(latex)):
        parser.parse(f"${cell}$")


def test_names_are_escaped_in_every_form():
    def f(_x_, lengthy_name):
        return _x_ * lengthy_name

    t = explain.trace(f, 2.0, 3.0)
    assert "| \\_x\\_ |" in t.markdown()
    assert r"\mathrm{lengthy\_name}" in t.latex()
    hostile = explain.trace.__globals__["Row"]("forward", "<b>", "a<script>|b", 1.0, "b", "a")
    table = explain.trace.__globals__["TraceTable"]((hostile,))
    assert "<script>" not in table.html() + table.markdown() and "\\|" in table.markdown()
    assert table._repr_html_() == table.html()


def test_columns_of_each_table_stand_below_each_other():
    lines = [line.replace("\u0304", "") for line in explain.trace(article, 2.0, 5.0).text().splitlines()]
    for block in (lines[1:8], lines[10:]):
        assert len({tuple(i for i, c in enumerate(line) if c == "=") for line in block}) == 1


def test_long_tables_are_shortened_with_a_count_and_objects_have_all():
    def f(x):
        for _ in range(500):
            x = x * 1.001
        return x

    t = explain.trace(f, 1.0)
    assert len(t.table("forward")) == 501
    assert "... 301 rows" in t.text() and "301 rows" in t.markdown() and len(t.text().splitlines()) < 420


def test_python_may_look_at_values():
    def f(x):
        while x < 100:
            x = x * x
        return x

    t = explain.trace(f, 2.0)
    assert float(t.table("adjoint")[-1].value) == 8 * 2.0**7


def test_what_is_written_to_in_place_is_a_new_value():
    def f(x):
        y = x * 2
        y += x
        y[0] = y[1] * x[0]
        return (y * y).sum()

    x = cr.tensor([2.0, 3.0], dtype=cr.float64, requires_grad=True)
    f(x).backward()
    t = explain.trace(f, np.array([2.0, 3.0]))
    last = {r.symbol: r.value for r in t.table("adjoint")}
    np.testing.assert_allclose(last["v\u0304₀"], x.grad.numpy())
    assert [4, 6] in [r.value.tolist() for r in t.table("forward")]

    def filled(x):
        y = cr.zeros(2, dtype=cr.float64)
        y[0] = x
        y[1] = x * x
        return y.sum()

    t = explain.trace(filled, 3.0)
    assert float(t.table("adjoint")[-1].value) == 7
    assert [r.value.tolist() for r in t.table("constants")] == [[0, 0]]

    counter = cr.ones(2, dtype=cr.float64)

    def reads_twice(x):
        y = x * counter
        with cr.no_grad():
            counter.add_(1.0)
        return (y * counter).sum()

    t = explain.trace(reads_twice, np.array([3.0, 4.0]))
    assert [r.value.tolist() for r in t.table("constants")] == [[1, 1], [2, 2]]
    assert t.table("adjoint")[-1].value.tolist() == [2, 2]


def test_tensors_read_besides_are_constants_under_their_names():
    t = explain.trace(lambda x: (W @ x).sum(), np.ones(2))
    assert [r.symbol for r in t.table("constants")] == ["W"]
    assert t.table("forward")[1].formula == "W v₀"
    nameless = explain.trace(lambda x: (cr.tensor([[1.0, 2.0]]) * x).sum(), np.ones(2))
    assert [r.symbol for r in nameless.table("constants")] == ["c₁"]


def test_what_cannot_be_traced_is_explained():
    with pytest.raises(ArgumentTypeError, match="one tensor"):
        explain.trace(lambda x: (x, x), 1.0)
    with pytest.raises(ArgumentTypeError, match="floating-point"):
        explain.trace(lambda x: (x * x).sum(), np.array([1, 2]))
    with pytest.raises(ArgumentTypeError, match="floating-point"):
        explain.trace(lambda x: x.detach() * 2, 1.0)
    with pytest.raises(ArgumentTypeError, match="not str"):
        explain.trace(lambda x: x, "2")
    with pytest.raises(ArgumentError, match="it has: forward, tangent x, adjoint"):
        explain.trace(lambda x: x * x, 1.0).table("backward")
    with pytest.raises(NotDifferentiableError, match="zeta"):
        explain.trace(lambda x, y: cr.special.zeta(x, y), 2.0, 3.0)


# ---- every operation -------------------------------------------------------------------------------------------------


def halves(f):
    """Half the sum of all real results."""

    def g(*args):
        return sum((out * 0.5).sum() for out in f(*args) if not out.is_complex())

    return g


@pytest.mark.slow
@pytest.mark.parametrize("case", h.ALL_CASES, ids=[case.name for case in h.ALL_CASES])
def test_every_operation_has_tables_and_paths_with_the_gradients_numbers(case):
    for _, sample, leaves, by in islice(differentiable(case), 2):
        given = [leaves[i] for i in by]
        if any(a.dtype.kind == "c" for a in given):
            continue
        f = halves(function_of(case, sample, leaves, by))
        inputs = [cr.tensor(a, requires_grad=True) for a in given]
        cr.manual_seed(0)
        out = f(*inputs)
        if not isinstance(out, cr.Tensor) or not out.requires_grad:
            continue
        want = cr.autograd.grad(out, inputs, allow_unused=True, retain_graph=True)
        cr.manual_seed(0)
        t = explain.trace(f, *given)
        latex = t.latex()
        assert latex.count("{") == latex.count("}") and latex.isascii()
        assert t.text() and t.markdown() and t.html()
        last = {r.symbol.replace("\u0304", ""): r.value for r in t.table("adjoint")}
        for row, x, g in zip(t.table("forward"), inputs, want, strict=False):
            g = np.zeros(x.shape) if g is None else g.numpy()
            np.testing.assert_allclose(last.get(row.symbol, np.zeros(x.shape)), g, rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(explain.paths(out, x, limit=3).gradient, g, rtol=1e-6, atol=1e-8)


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        (GOLDEN / f"{case}.txt").write_text(shown(case), encoding="utf-8")
