"""explain.memory: every byte that a graph keeps for backward, under the user's line, once."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain, nn
from chainrule.core.errors import ArgumentTypeError

F = nn.functional


def line_of(text: str) -> int:
    """The number of the one line of this file that ends with a mark."""
    lines = inspect.getsourcelines(inspect.getmodule(line_of))[0]
    (found,) = (i for i, line in enumerate(lines, 1) if line.rstrip().endswith(f"# {text}"))
    return found


def test_an_array_saved_twice_counts_once():
    x = cr.ones(1000, requires_grad=True)
    y = x.exp()
    ledger = explain.memory((y * y * y).sum())  # y, and y * y
    assert ledger.held == 8000 and ledger.leaves.bytes == 0
    assert sum(r.arrays for r in ledger.rows) == 2


def test_leaves_are_counted_apart():
    x = cr.ones(1000, requires_grad=True)
    ledger = explain.memory((x * x).sum())
    assert (ledger.held, ledger.leaves.bytes, ledger.leaves.arrays, ledger.total) == (0, 4000, 1, 4000)
    assert "parameters and other leaves" in str(ledger)


def test_a_view_counts_as_the_array_it_keeps_alive():
    x = cr.ones(100, 100, requires_grad=True)
    y = x.exp()
    ledger = explain.memory((y[0] * y[0]).sum())
    assert ledger.held == 40_000


def test_lines_of_a_convolutional_network_are_the_users():
    cr.manual_seed(0)
    first, second, last = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4 * 16, 10)
    x, target = cr.randn(2, 1, 8, 8), cr.tensor([1, 2])
    h = first(x)  # convolution
    h = cr.relu(second(h))  # normalisation
    h = F.max_pool2d(h, 2)  # pooling
    out = last(h.flatten(1))
    loss = F.cross_entropy(out, target)  # loss
    ledger = explain.memory(loss)
    lines = {r.line: r for r in ledger.rows}
    assert all(r.file == __file__ for r in ledger.rows)
    assert set(lines) == {
        line_of(w) for w in ("convolution", "normalisation", "pooling", "loss")
    }  # the linear layer reads what pooling holds
    assert lines[line_of("convolution")].bytes >= x.nbytes
    assert "standardize" in lines[line_of("normalisation")].ops
    assert [r.bytes for r in ledger.rows] == sorted((r.bytes for r in ledger.rows), reverse=True)
    weights = sum(p.nbytes for m in (first, second, last) for p in m.parameters())
    assert 0 < ledger.leaves.bytes <= weights


def test_nothing_is_held_after_backward():
    x = cr.ones(1000, requires_grad=True)
    loss = (x.exp() * x.sin()).sum()
    assert explain.memory(loss).held == 8000  # exp(x) and sin(x); the cosine is computed from x
    loss.backward()
    assert explain.memory(loss).total == 0


def test_saved_tensors_of_a_custom_function_count():
    class Cube(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            square = x * x
            ctx.save_for_backward(square)
            return square * x

        @staticmethod
        def backward(ctx, g):
            (square,) = ctx.saved_tensors
            return 3 * square * g

    x = cr.ones(500, requires_grad=True)
    assert explain.memory(Cube.apply(x).sum()).held == 2000


def test_the_table_reads_as_golden_text():
    x = cr.ones(100, 10, dtype=cr.float64, requires_grad=True)
    loss = (x.exp() * x.tanh()).sum()  # golden
    number = line_of("golden")
    code = "loss = (x.exp() * x.tanh()).sum()  # golden"
    assert explain.memory(loss).text() == "\n".join(
        [
            "         bytes  share  arrays  line",
            f"        16,000 100.0%       2  test_memory_ledger.py:{number}  {code}  [exp, tanh]",
            "        16,000              2  bytes held for backward",
        ]
    )


def test_a_long_ledger_is_cut_with_a_count_and_html_is_escaped():
    ledger = explain.memory(cr.ones(2, requires_grad=True).exp().sum())
    row = ledger.rows[0]
    many = type(ledger)(tuple(type(row)(8, 1, ("exp",), "<b>.py", i, "a < b") for i in range(40)), ledger.leaves)
    assert "in 10 more lines" in many.text() and many.text().count("\n") < 35
    assert "<b>" not in many._repr_html_() and "a &lt; b" in many._repr_html_()


def test_what_is_not_recorded_is_an_error():
    for wrong in (cr.ones(3), 3.0, np.ones(3)):
        with pytest.raises(ArgumentTypeError, match="requires_grad=True"):
            explain.memory(wrong)
