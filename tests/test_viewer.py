"""The page of explain.show: its numbers, its escaping, its layout, and its command line."""

from __future__ import annotations

import argparse
import html
import json
import re
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain
from chainrule.core.errors import ArgumentError, ArgumentTypeError, GraphError, InplaceError, NotDifferentiableError
from chainrule.viewer import command, page
from chainrule.viewer.expression import Expression
from chainrule.viewer.layout import layered
from chainrule.viewer.page import data_of
from chainrule.viewer.record import LIMIT


def s4(x1, x2):
    product = x1 * x2
    return cr.log(x1) + product - cr.sin(x2)


def embedded(made):
    """The data inside a page, or inside its text."""
    text = made if isinstance(made, str) else made.html
    found = re.search(r'<script type="application/json" id="program">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def gradients(data):
    """Sums of the contributions that reach each node, by name of the node."""
    sums: dict[int, np.ndarray] = {}
    for step in data["backward"]:
        for term in step["terms"]:
            c = np.reshape(term["value"]["data"], term["value"]["shape"])
            sums[term["to"]] = sums.get(term["to"], 0.0) + c
    return {data["nodes"][i]["name"]: g for i, g in sums.items() if data["nodes"][i]["name"]}


# ---- the numbers of the page are the engine's -----------------------------------------------------------------------


def test_page_holds_the_values_and_adjoints_of_article_s4():
    data = embedded(page(s4, 2.0, x2=5.0))
    values = [n["value"]["data"][0] for n in data["nodes"]]
    np.testing.assert_allclose(sorted(values), sorted([2, 5, 0.693, 10, -0.959, 10.693, 11.652]), atol=6e-4)
    terms = [(data["nodes"][t["to"]]["name"], t["value"]["data"][0]) for s in data["backward"] for t in s["terms"]]
    to_x2 = [v for name, v in terms if name == "x2"]
    np.testing.assert_allclose(np.cumsum(to_x2), [-0.284, 1.716], atol=6e-4)
    assert gradients(data)["x1"] == 5.5


def test_rules_are_the_engines_own_as_trees():
    data = embedded(page(s4, 2.0, 5.0))
    sin = next(n for n in data["nodes"] if n.get("op") == "sin")
    assert data["rules"][sin["rules"][0]] == ["mul", {}, ["g", ["cos", {}, ["x0"]]]]


def test_rules_say_where_a_gradient_is_summed_over_what_was_broadcast():
    data = embedded(page(lambda x, b: (x + b).sum(), np.ones((2, 3)), np.ones((2, 1))))
    add = next(n for n in data["nodes"] if n.get("op") == "add")
    assert data["rules"][add["rules"][0]] == "g"
    summed = ["reshape", {"shape": [2, 1]}, [["sum", {"axes": [1], "keepdims": False}, ["g"]]]]
    assert data["rules"][add["rules"][1]] == summed


def test_long_rules_are_kept_as_steps_each_once():
    layer = cr.nn.LSTM(2, 3)
    data = embedded(page(lambda x: layer(x)[0].sum(), np.ones((6, 1, 2), np.float32)))
    rules = [r for r in data["rules"] if isinstance(r, dict)]
    assert rules and all(len(r["steps"]) < 200 and r["gives"].startswith("#") for r in rules)


def network(model):
    def loss(x, y):
        hidden = cr.tanh(model(x))
        return ((hidden - y) ** 2).mean()

    return loss


def test_parameters_of_a_module_are_named_and_have_the_engines_gradients():
    cr.manual_seed(0)
    model = cr.nn.Linear(3, 2)
    x, y = cr.randn(4, 3), cr.randn(4, 2)
    loss = network(model)
    data = embedded(page(loss, x, y))
    loss(x, y).backward()
    found = gradients(data)
    np.testing.assert_allclose(found["model.weight"], model.weight.grad.numpy(), rtol=1e-5)
    np.testing.assert_allclose(found["model.bias"], model.bias.grad.numpy(), rtol=1e-5)


def test_modules_and_dicts_of_parameters_may_be_arguments():
    model = cr.nn.Linear(2, 1)
    data = embedded(page(lambda net, x: net(x).sum(), model, [[1.0, 2.0]]))
    assert {"net.weight", "net.bias", "x"} <= {n["name"] for n in data["nodes"]}
    np.testing.assert_allclose(gradients(data)["net.weight"], [[1, 2]])
    data = embedded(page(lambda p, x: (p["w"] * x + p["b"][0]).sum(), {"w": np.ones(2), "b": (3.0, "no")}, [1.0, 2.0]))
    np.testing.assert_allclose(gradients(data)["p.w"], [1, 2])
    assert gradients(data)["p.b[0]"] == 2
    data = embedded(page(lambda: (model.weight**2).sum()))
    np.testing.assert_allclose(gradients(data)["model.weight"], 2 * model.weight.detach().numpy(), rtol=1e-6)


def test_what_is_computed_of_parameters_alone_is_part_of_the_graph():
    w = cr.tensor([1.0, -2.0], requires_grad=True)

    def ridge(x):
        penalty = (w**2).sum()
        return (w * x).sum() ** 2 + 0.1 * penalty

    data = embedded(page(ridge, [3.0, 4.0]))
    ridge(cr.tensor([3.0, 4.0], dtype=cr.float64)).backward()
    np.testing.assert_allclose(gradients(data)["w"], w.grad.numpy(), rtol=1e-6)
    assert sum(n["kind"] == "parameter" for n in data["nodes"]) == 1 and data["frozen"] == []


def test_recorded_tensor_with_labels_and_constants_that_the_tape_did_not_keep():
    a = cr.tensor(2.0, requires_grad=True).label("first")
    b = a * 3
    c = a + 2
    e = c * (b + 4)
    data = embedded(page(e))
    assert {n["name"] for n in data["nodes"]} >= {"first", "b", "c", "e"}
    assert gradients(data)["first"] == 22
    assert data["frozen"] == [] and data["notes"] and a.grad is None
    e.backward()
    assert a.grad.item() == 22


def test_freed_graph_is_an_error_that_says_what_to_write():
    a = cr.tensor(2.0, requires_grad=True)
    e = a * a
    e.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        page(e)


def test_operation_with_several_results():
    def f(x):
        values, _ = cr.sort(x)
        parts = cr.split(values, 2)
        return (parts[0] * parts[1]).sum()

    x = cr.tensor([3.0, 1.0, 4.0, 2.0], requires_grad=True)
    f(x).backward()
    np.testing.assert_allclose(gradients(embedded(page(f, x.detach())))["x"], x.grad.numpy())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: page(3), ArgumentTypeError, "not int"),
        (lambda: page(cr.tensor(1.0)), ArgumentTypeError, "not recorded"),
        (lambda: page(lambda x: 3, 1.0), ArgumentTypeError, "gave int"),
        (lambda: page(lambda x: x, "text"), ArgumentTypeError, "gave str"),
        (lambda: page(lambda x: x, np.array(1j)), ArgumentTypeError, "complex128"),
        (lambda: page(s4, 2.0), ArgumentTypeError, "x2"),
        (lambda: page(lambda x: x * 2, [1.0, 2.0]), ArgumentError, r"shape \(2,\)"),
        (lambda: page(lambda x: x // 2, 3.0), NotDifferentiableError, "floor_divide"),
    ],
)
def test_what_cannot_be_shown_is_a_clear_error(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_reading_a_number_in_python_switches_editing_off():
    def f(x):
        return x * 2 if x > 0 else -x

    data = embedded(page(f, 3.0))
    assert "with Python" in data["frozen"][0] and gradients(data)["x"] == 2


def test_large_arrays_are_shown_as_a_preview():
    data = embedded(page(lambda x: (x * x).sum(), np.ones((300, 200))))
    value = data["nodes"][0]["value"]
    assert value["preview"] == [32, 32] and len(value["data"]) == 1024 and value["high"] == 1
    assert "too large" in data["frozen"][0]


def test_a_hundred_thousand_operations_give_a_page_of_the_newest():
    x = cr.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    start = time.perf_counter()
    data = embedded(page(y))
    assert time.perf_counter() - start < 60
    assert len(data["nodes"]) <= LIMIT + 1 and "not shown" in data["notes"][0]


def test_layout_puts_what_is_made_after_what_it_is_made_from_and_boxes_apart():
    edges = [[], [], [0], [0, 1], [1], [2, 3], [5, 4], [6, 0]]
    layer, place, bends = layered(edges)
    assert all(layer[s] < layer[i] for i, sources in enumerate(edges) for s in sources)
    for i in range(len(edges)):
        for j in range(i):
            assert layer[i] != layer[j] or abs(place[i] - place[j]) >= 0.999
    assert all(len(points) == layer[b] - layer[a] - 1 for (a, b), points in bends.items())


def test_page_is_offered_to_jupyter_in_a_frame():
    made = page(s4, 2.0, 5.0)
    frame = made._repr_html_()
    source = re.search(r'srcdoc="(.*?)"', frame, re.DOTALL)
    assert source is not None and html.unescape(source.group(1)) == made.html


def test_show_opens_the_browser_on_a_file_and_says_where(monkeypatch, capsys):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    made = explain.show(s4, x1=2.0, x2=5.0)
    assert opened[0].startswith("file://") and opened[0].removeprefix("file://") in capsys.readouterr().out
    with open(opened[0].removeprefix("file://"), encoding="utf-8") as file:
        assert file.read() == made.html


# ---- hostile text ---------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028\u2029@@DATA@@"


def test_hostile_labels_and_titles_are_escaped():
    a = cr.tensor(2.0, requires_grad=True).label(HOSTILE)
    e = (a * 3).label(HOSTILE)
    text = page(e).html
    assert "<script>alert" not in text and "<img" not in text and "\u2028" not in text.split('id="program">')[1]
    assert text.count("</script>") == page(s4, 2.0, 5.0).html.count("</script>")
    data = embedded(page(e))
    assert data["title"] == HOSTILE and HOSTILE in [n["name"] for n in data["nodes"]]


# ---- the command line -----------------------------------------------------------------------------------------------


def run(*words):
    parser = argparse.ArgumentParser(prog="chainrule")
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["explain", *words])
    return args.run(args)


def test_text_prints_the_trace_tables(capsys):
    assert run("log(x1) + x1*x2 - sin(x2)", "--at", "x1=2", "x2=5", "--text") == 0
    shown = capsys.readouterr().out
    assert all(number in shown for number in ("0.693", "11.652", "-0.284", "1.716", "5.500"))


def test_out_writes_the_page(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert run("log(x1) + x1*x2 - sin(x2)", "--at", "x1=2", "x2=5", "--out", str(out)) == 0
    assert gradients(embedded(out.read_text()))["x2"] == gradients(embedded(page(s4, 2.0, 5.0)))["x2"]
    assert str(out) in capsys.readouterr().out


def test_expression_lights_its_own_part():
    text = "log(x1) + x1*x2 - sin(x2)"
    data = data_of(command.program_of(Expression(text), {"x1": np.array(2.0), "x2": np.array(5.0)}))
    parts = {n["op"]: text[n["place"][2] : n["place"][4]] for n in data["nodes"] if "op" in n}
    assert parts["sin"] == "sin(x2)" and parts["mul"] == "x1*x2" and data["sources"][0]["lines"] == [text]


def test_function_of_a_file_is_explained_with_its_lines(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("import chainrule as cr\n\n\ndef g(x, w):\n    s = (x * w).sum()\n    return cr.exp(s)\n")
    out = tmp_path / "page.html"
    assert run(f"{file}:g", "--at", "x=[1, 2]", "w=[0.5, 0.25]", "--out", str(out)) == 0
    data = embedded(out.read_text())
    assert data["sources"][0]["lines"][1] == "    s = (x * w).sum()"
    np.testing.assert_allclose(gradients(data)["x"], np.e * np.array([0.5, 0.25]))
    assert run(f"{file}:g", "--at", "x=[1, 2]", "w=1", "--text") == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["foo(x)", "--at", "x=1"], "unknown function foo"),
        (["__import__('os').system('true')", "--at", "x=1"], "unknown function"),
        (["x.__class__", "--at", "x=1"], "only numbers"),
        (["(lambda: x)()", "--at", "x=1"], "unknown function"),
        (["[y for y in x]", "--at", "x=1"], "only numbers"),
        (["'text' * x", "--at", "x=1"], "only numbers"),
        (["x +", "--at", "x=1"], "cannot be read"),
        (["(" * 2000 + "x" + ")" * 2000, "--at", "x=1"], "nested"),
        (["x" + "+x" * 4000, "--at", "x=1"], "nested too deeply"),
        (["x" + "+x" * 350, "--at", "x=1"], "nested too deeply"),
        (["", "--at", "x=1"], "empty"),
        (["x*x"], "no value for x"),
        (["x*x", "--at", "x=1", "y=2"], "y given with --at does not occur"),
        (["2*3"], "no variables"),
        (["x*x", "--at", "x=one"], "must be a number"),
        (["sum(x)", "--at", "x=[[1,2],[3]]"], "rows of equal length"),
        (["x*x", "--at", "x"], "NAME=VALUE"),
        (["x*x", "--at", "x=[1,2]"], "shape (2,)"),
        (["x*x", "--at", "x=[1,2]", "--text"], "shape (2,)"),
        (["9**9**9**9*x", "--at", "x=1"], "too large"),
        (["x/0", "--at", "x=1", "--out", "/nowhere/page.html"], "cannot write"),
        (["nothing.py:f", "--at", "x=1"], "there is no file nothing.py"),
        (["mm(x, x)", "--at", "x=1"], "mm"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(words, said, capsys):
    assert run(*words) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == "" and "Traceback" not in shown.err
    assert shown.err.startswith("chainrule explain: ") and shown.err.count("\n") == 1


def test_missing_functions_and_files_that_fail_are_one_sentence(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("def g(x):\n    return x.nothing()\n")
    assert run(f"{file}:h", "--at", "x=1") == 2
    assert "has no function 'h'; it has g" in capsys.readouterr().err
    assert run(f"{file}:g", "--at", "x=1") == 2
    assert "g failed with AttributeError" in capsys.readouterr().err
    assert run(f"{file}:g", "--at", "z=1") == 2
    assert "chainrule explain: " in capsys.readouterr().err
    file.write_text("1 / 0\n")
    assert run(f"{file}:g", "--at", "x=1") == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(Expression("x").functions))
def test_every_function_of_expressions_exists_in_chainrule(name):
    assert callable(Expression("x").functions[name])


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("-x**2 + 3", {"x": 2.0}, -1.0),
        ("sum(x[0] * x[1:, 0])", {"x": [[1.0, 2.0], [3.0, 4.0]]}, 9.0),
        ("(x @ x.T).sum()", {"x": [[1.0, 2.0]]}, 5.0),
        ("ln(e**x) + pi*0", {"x": 2.0}, 2.0),
        ("sum(softmax(x, dim=0))", {"x": [1.0, 2.0]}, 1.0),
        ("where(x > 1, x, -x)", {"x": 2.0}, 2.0),
        ("einsum('i,i->', x, x)", {"x": [1.0, 2.0]}, 5.0),
        ("sum(clamp(x, 0, 1))", {"x": [-1.0, 0.5, 3.0]}, 1.5),
    ],
)
def test_expressions_compute_what_they_say(text, values, expected):
    expression = Expression(text)
    program = command.program_of(expression, {k: np.asarray(v) for k, v in values.items()})
    np.testing.assert_allclose(program.output.value, expected)


def test_values_written_to_since_are_never_shown_as_if_they_were_the_recorded_ones():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    y = (w + 1).sum()
    with cr.no_grad():
        w += 5
    data = embedded(page(y))
    assert next(n for n in data["nodes"] if n["name"] == "w")["value"] is None
    assert "did not keep" in data["frozen"][0]
    z = (w * w).sum()
    with cr.no_grad():
        w += 5
    with pytest.raises(InplaceError, match="modified by an inplace operation"):
        page(z)
