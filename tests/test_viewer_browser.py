"""The page of explain.show in real headless Chromium: its steps, its numbers after edits, and what it says."""

from __future__ import annotations

import time

import numpy as np
import pytest
from browsing import S4, named, net, of_expression, output, s4, shown_rows

import chainrule as cr
from chainrule.viewer import command, page
from chainrule.viewer.expression import Expression

pytest_plugins = ("browser_fixtures",)
pytestmark = pytest.mark.browser

# ---- steps ----------------------------------------------------------------------------------------------------------


def test_arrow_keys_walk_through_article_s4_with_its_numbers(opened):
    tab = opened(s4())
    assert tab.locator("#count").inner_text() == "step 0 of 11"
    seen = []
    for _ in range(11):
        tab.keyboard.press("ArrowRight")
        seen.append(tab.locator("#rule .line").last.inner_text())
    assert [s.split()[-1] for s in seen[:5]] == ["0.693", "10.000", "\u22120.959", "10.693", "11.652"]
    assert seen[5].replace("\n", "").endswith("= 1")
    values = [row[3] for row in shown_rows(tab)]
    assert values == ["1", "1.000", "\u22121.000", "1.000", "1.000", "\u22120.284", "5.000", "1.716", "5.500"]
    tab.keyboard.press("ArrowLeft")
    assert tab.locator("#count").inner_text() == "step 10 of 11"
    assert [row[3] for row in shown_rows(tab)][-1] == "1.716"
    tab.keyboard.press("Home")
    assert shown_rows(tab) == [] and tab.locator("#phase").inner_text() == "START"
    tab.keyboard.press("End")
    assert len(shown_rows(tab)) == 9


def test_the_rule_of_the_step_is_spelled_with_symbols_and_with_numbers(opened):
    tab = opened(s4())
    tab.evaluate("chainrule.go(9)")
    assert tab.locator("#phase").inner_text() == "BACKWARD"
    lines = [t.replace("\n", "") for t in tab.locator("#rule .line").all_inner_texts()]
    assert lines[1] == "v0 \u2190 v3 \u00b7 cos(v0)"
    assert lines[2] == "= (\u22121.000) \u00b7 cos(5.000) = \u22120.284"
    tab.evaluate("chainrule.go(10)")
    lines = [t.replace("\n", "") for t in tab.locator("#rule .term").last.locator(".line").all_inner_texts()]
    assert lines[1] == "v0 \u2190 v0 + v2 \u00b7 v\u22121"
    assert lines[2] == "= \u22120.284 + 1.000 \u00b7 2.000 = 1.716"


def test_source_line_table_row_and_box_are_lit_in_step(opened):
    tab = opened(s4())
    parts = []
    for step in range(1, 6):
        tab.evaluate(f"chainrule.go({step})")
        parts.append(tab.locator("#source mark").inner_text())
        assert tab.locator("#trace tr.now").count() == 1 and tab.locator(".node.now").count() == 1
    assert parts == ["log(x1)", "x1*x2", "sin(x2)", "log(x1) + x1*x2", S4]
    tab.evaluate("chainrule.go(10)")
    assert tab.locator("#trace tr.now").count() == 2 and tab.locator(".node.receives").count() == 2


def test_play_runs_to_the_end_and_stops(opened):
    tab = opened(s4())
    tab.select_option("#speed", "60")
    tab.click("#play")
    assert tab.locator("#play").inner_text() == "Pause"
    limit = time.perf_counter() + 20  # wait_for_function needs eval, which the page forbids
    while tab.evaluate("chainrule.at < chainrule.steps.length - 1") and time.perf_counter() < limit:
        tab.wait_for_timeout(50)
    assert tab.locator("#play").inner_text() == "Play"
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("Space")
    assert tab.locator("#play").inner_text() == "Pause"
    tab.keyboard.press("Space")
    assert tab.locator("#play").inner_text() == "Play"


# ---- edits: the page's numbers are the engine's ---------------------------------------------------------------------


def test_editing_an_input_recomputes_everything_as_the_engine_does(opened):
    tab = opened(s4())
    tab.keyboard.press("End")
    tab.get_by_label("Input x1").fill("3.5")
    tab.get_by_label("Input x1").press("Enter")
    expected = command.program_of(Expression(S4), {"x1": np.array(3.5), "x2": np.array(5.0)})
    np.testing.assert_allclose(output(tab), expected.output.value, rtol=1e-14)
    np.testing.assert_allclose(named(tab, "x1"), 1 / 3.5 + 5, rtol=1e-14)
    np.testing.assert_allclose(named(tab, "x2"), 3.5 - np.cos(5), rtol=1e-14)
    assert shown_rows(tab)[-1][3] == "5.286"
    tab.get_by_label("Input x1").fill("nonsense")
    tab.get_by_label("Input x1").press("Enter")
    assert tab.locator("#input-error").inner_text() == "nonsense is not a number"
    assert "not a number" in tab.locator("#live").inner_text() and named(tab, "x1") == pytest.approx(1 / 3.5 + 5)
    tab.get_by_role("button", name="Reset").click()
    assert named(tab, "x1") == 5.5


EXPRESSIONS = [
    ("sin(x)*cos(y) + tan(x*y)/4 - atan2(x, y)", 1),
    ("exp(-x**2) + sqrt(y)*log1p(x) - 1/(x + y)", 1),
    ("tanh(x)*sigmoid(y) + softplus(x) - relu(y - x) + abs(x - y)", 1),
    ("x**y + log2(x) + log10(y) + expm1(x) + exp2(y) + rsqrt(x) + square(y)", 1),
    ("asin(x/4) + acos(y/4) + atan(x) + sinh(x) + cosh(y) + asinh(x) + acosh(y + 2) + atanh(x/4)", 1),
    ("maximum(x, y)*minimum(x, y) + where(x > y, x, y*y) + hypot(x, y) + clamp(x, 0, 1)", 1),
    ("silu(x) + elu(y) + leaky_relu(x - y) + logaddexp(x, y)", 1),
    ("sum(softmax(x @ y, dim=1)**2) + mean(x*y) + sum(log_softmax(y, dim=0)*x)", 2),
    ("std(x) + norm(x) + sum(tril(x)*y) + sum(triu(y)) + sum(stack([x, y])[1]*x)", 2),
    ("sum(exp(x[0] - logsumexp(y, dim=1)[1])) + sum(x[:, 1:]*2)", 2),
    ("sum(matmul(x, y.T)/sum(y*y)) + sum(amax(x, 0)) + prod(y[0]) + sum(cumsum(x, 1)*y)", 2),
    ("einsum('ij,jk->', x, y) + trace(x @ y) + sum(outer(x[0], y[1])) + var(x*y) + sum(transpose(x, 0, 1)*y)", 2),
]


@pytest.mark.parametrize(("text", "rank"), EXPRESSIONS)
def test_recomputed_numbers_equal_the_engines(opened, text, rank):
    rng = np.random.default_rng(0)
    shape = () if rank == 1 else (3, 3)
    first, second = ({n: rng.uniform(0.3, 1.8, shape) for n in "xy"} for _ in range(2))
    tab = opened(of_expression(text, **first))
    assert tab.evaluate("chainrule.refusal()") == ""
    for name, value in second.items():
        for entry, number in enumerate(np.ravel(value)):
            i = tab.evaluate(f"chainrule.program.nodes.findIndex((n) => n.name === '{name}')")
            assert tab.evaluate(f"chainrule.edit({i}, {entry}, {float(number)!r})") == ""
    inputs = {n: cr.tensor(v, requires_grad=True) for n, v in second.items()}
    result = Expression(text)(**inputs)
    result.backward()
    np.testing.assert_allclose(output(tab), result.item(), rtol=1e-12)
    for name, t in inputs.items():
        np.testing.assert_allclose(named(tab, name), np.ravel(t.grad.numpy()).squeeze(), rtol=1e-10, atol=1e-12)


def test_entries_of_heat_maps_are_read_and_edited_by_keyboard(opened):
    made, model, loss, x, target = net()
    tab = opened(made)
    assert tab.evaluate("chainrule.refusal()") == ""
    tab.evaluate("document.querySelector('.node[tabindex=\"0\"]').focus()")
    box = tab.locator(".node.leaf", has_text="model.0.weight")
    box.focus()
    box.press("Enter")
    grid = tab.locator("#detail .grid").first
    assert grid.locator("td").count() == 10
    grid.locator("td").first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith("[1, 1]")
    field = tab.locator("#entry input")
    field.fill("0.75")
    field.press("Enter")
    with cr.no_grad():
        model[0].weight[1, 1] = 0.75
    loss(cr.tensor(x).float(), cr.tensor(target).float()).backward()
    np.testing.assert_allclose(named(tab, "model.0.weight"), model[0].weight.grad.numpy().ravel(), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(named(tab, "model.2.bias"), model[2].bias.grad.numpy().squeeze(), rtol=2e-5)


def test_class_numbers_and_embeddings_are_recomputed(opened):
    cr.manual_seed(0)
    table = cr.nn.Embedding(4, 3)
    target = cr.tensor([2, 0, 1])

    def loss(numbers, target):
        return cr.nn.functional.cross_entropy(table(numbers), target)

    tab = opened(page(loss, cr.tensor([1, 3, 1]), target))
    assert tab.evaluate("chainrule.refusal()") == ""
    i = tab.evaluate("chainrule.program.nodes.findIndex((n) => n.name === 'numbers')")
    assert tab.evaluate(f"chainrule.edit({i}, 0, 2)") == "" and "out of range" in tab.evaluate(
        f"chainrule.edit({i}, 1, 7)"
    )
    loss(cr.tensor([2, 3, 1]), target).backward()
    np.testing.assert_allclose(named(tab, "table.weight"), table.weight.grad.numpy().ravel(), rtol=1e-4, atol=1e-6)


def test_operations_that_the_page_cannot_recompute_switch_editing_off_and_it_says_so(opened):
    tab = opened(page(lambda x: cr.special.airy_ai(x) * x, 2.0))
    assert "cannot recompute airy" in tab.locator("#notes").inner_text()
    assert tab.get_by_label("Input x").is_disabled()
    tab.keyboard.press("End")
    x = cr.tensor(2.0, dtype=cr.float64, requires_grad=True)
    (cr.special.airy_ai(x) * x).backward()
    np.testing.assert_allclose(named(tab, "x"), x.grad.item())


def test_operations_with_several_results_and_rules_of_many_steps_are_walked_and_recomputed(opened):
    def f(x):
        values, _ = cr.sort(x[0])
        return (values * cr.tensor([1.0, 2.0, 4.0], dtype=cr.float64)).sum() + cr.linalg.qr(x)[1].sum()

    x = np.array([[3.0, 1.0, 2.0], [0.5, -1.0, 4.0], [1.0, 1.0, 1.0]])
    tab = opened(page(f, x))
    assert tab.evaluate("chainrule.refusal()") == ""
    x[0, 1] = 2.5
    assert tab.evaluate("chainrule.edit(0, 1, 2.5)") == ""
    t = cr.tensor(x, requires_grad=True)
    f(t).backward()
    np.testing.assert_allclose(named(tab, "x"), t.grad.numpy().ravel(), rtol=1e-9)
    for step in range(tab.evaluate("chainrule.steps.length")):
        tab.evaluate(f"chainrule.go({step})")
        for i in range(tab.evaluate("chainrule.program.nodes.length")):
            tab.evaluate(f"document.querySelector('.node[data-i=\"{i}\"]').dispatchEvent(new Event('click'))")
    cr.manual_seed(0)
    layer = cr.nn.LSTM(2, 3)
    tab = opened(page(lambda x: layer(x)[0].sum(), cr.randn(5, 1, 2)))
    assert tab.evaluate("chainrule.refusal()") == ""
    assert "rule of lstm, in " in tab.locator("#backward-rows").inner_text()


def test_nan_truths_and_whole_numbers_are_written_as_such(opened):
    def f(x, k):
        root = cr.sqrt(x)
        return (cr.where(x > 0, root, 0.0 * x) * k).sum()

    tab = opened(page(f, [-1.0, 0.0, 4.0], np.array(2)))
    tab.keyboard.press("End")
    rows = {
        r.locator("td").nth(2).inner_text(): r.locator("td").nth(3).inner_text()
        for r in tab.locator("#forward-rows tr[data-step]").all()
    }
    assert rows["k"] == "2" and rows["sqrt(v\u22121)"] == "[0, 2], 1 NaN" and rows["v\u22121 > 0"] == "[False, True]", (
        rows
    )
    assert "1 NaN" in tab.locator(".node", has_text="sqrt").locator(".v").text_content()


def test_wrong_numbers_of_the_page_itself_would_switch_editing_off(opened):
    made = s4()
    broken = type(made)(made.html.replace("sin: Math.sin,", "sin: Math.cos,"), made.title)
    assert broken.html != made.html
    tab = opened(broken)
    assert "differs from the engine's" in tab.locator("#notes").inner_text()
    assert tab.get_by_label("Input x1").is_disabled()
