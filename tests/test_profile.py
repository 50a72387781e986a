"""explain.profile: times by operation and line, forward and backward; nothing is left on."""

import json

import pytest

import chainrule as cr
from chainrule import explain
from chainrule.core.state import special, state


def work(x, w):
    h = cr.tanh(x @ w)
    return (h * h).sum()


def test_rows_by_operation_and_line():
    x, w = cr.randn(64, 64, requires_grad=True), cr.randn(64, 64, requires_grad=True)
    before = special.on
    with explain.profile() as p:
        for _ in range(3):
            work(x, w).backward()
    assert special.on == before and state.profile is None
    found = {(r.phase, r.op): r for r in p.rows}
    for op in ("mm", "tanh", "mul", "sum"):
        for phase in ("forward", "backward"):
            assert found[phase, op].calls == 3 and found[phase, op].seconds > 0
    assert found["forward", "mm"].text == found["backward", "mm"].text == "h = cr.tanh(x @ w)"
    assert found["forward", "mul"].text == "return (h * h).sum()"
    assert 0 < sum(r.seconds for r in p.rows) <= p.seconds
    text = str(p)
    assert "tanh" in text and "test_profile.py:" in text and "of" in text.splitlines()[-1]


def test_values_and_gradients_are_as_without():
    x, w = cr.randn(5, 5, requires_grad=True), cr.randn(5, 5)
    work(x, w).backward()
    plain = x.grad.clone()
    x.grad = None
    p = explain.profile(work, x, w)
    p.result.backward()
    assert cr.equal(x.grad, plain)
    assert {r.phase for r in p.rows} == {"forward"}
    both = explain.profile(cr.func.grad(work), x.detach(), w)
    assert cr.equal(both.result, plain) and {r.phase for r in both.rows} == {"forward", "backward"}


def test_chrome_trace(tmp_path):
    x = cr.randn(4, requires_grad=True)
    p = explain.profile(lambda: (x.exp() * 2).sum().backward())
    p.save(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events if e["cat"] == "forward"] == ["exp", "mul", "sum"]
    assert [e["name"] for e in events if e["cat"] == "backward"] == ["sum", "mul", "exp"]
    assert all(e["ph"] == "X" and e["dur"] >= 0 and e["ts"] >= 0 for e in events)
    assert all("test_profile.py" in e["args"]["line"] for e in events)


def test_an_error_leaves_nothing_on():
    before = special.on
    with pytest.raises(RuntimeError), explain.profile():
        cr.ones(3) + cr.ones(4)
    assert special.on == before and state.profile is None
    with explain.profile(), pytest.raises(ValueError, match="one at a time"), explain.profile():
        pass
    assert special.on == before
    with pytest.raises(TypeError, match="takes a function"):
        explain.profile(3)


def test_a_rule_that_fails_takes_nothing_else_out_of_the_profile():
    class Broken(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("broken")

    x = cr.ones(3, requires_grad=True)
    with explain.profile() as p:
        with pytest.raises(ValueError, match="broken"):
            Broken.apply(x).sum().backward()
        (x.exp() * x).sum().backward()
    rows = {(r.phase, r.op) for r in p.rows}
    assert {("forward", "exp"), ("backward", "exp"), ("backward", "mul")} <= rows


def test_a_training_step_is_told_by_the_users_lines(tmp_path):
    cr.manual_seed(0)
    convolution, norm, head = cr.nn.Conv2d(1, 4, 3, padding=1), cr.nn.LayerNorm(8), cr.nn.Linear(4 * 64, 5)
    optimizer = cr.optim.Adam([*convolution.parameters(), *norm.parameters(), *head.parameters()])
    x, target = cr.randn(2, 1, 8, 8), cr.tensor([1, 2])

    def step():
        optimizer.zero_grad()
        h = cr.relu(convolution(x))
        h = norm(h)
        out = head(h.flatten(1))
        loss = cr.nn.functional.cross_entropy(out, target)
        loss.backward()
        optimizer.step()

    p = explain.profile(step)
    lines = {r.text for r in p.rows}
    assert {"h = cr.relu(convolution(x))", "h = norm(h)", "out = head(h.flatten(1))"} <= lines
    assert all(r.file == __file__ for r in p.rows)
    backward = {r.text for r in p.rows if r.phase == "backward"}
    assert "h = norm(h)" in backward and "loss.backward()" not in backward  # the line of the forward operation
    assert sum(r.seconds for r in p.rows) <= p.seconds
    p.save(tmp_path / "step.json")
    saved = json.loads((tmp_path / "step.json").read_text(), parse_constant=lambda word: pytest.fail(word))
    assert saved["displayTimeUnit"] == "ms"
    for event in saved["traceEvents"]:
        assert isinstance(event["name"], str) and {"cat", "ph", "ts", "dur", "pid", "tid", "args"} <= set(event)
        assert 0 <= event["ts"] <= event["ts"] + event["dur"] <= p.seconds * 1e6 * 1.01
