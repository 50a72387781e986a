"""explain.graph: what is drawn, how it is laid out, and that no label breaks it."""

from __future__ import annotations

import re
import shutil
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain, nn
from chainrule.explain.graph.arrange import arranged
from chainrule.explain.graph.svg import shape_of


def leaf(value):
    return cr.tensor(value, requires_grad=True)


def s0():
    a = leaf(2.0).label("a")
    b = (a * 3).label("b")
    c = (a + 2).label("c")
    d = (b + 4).label("d")
    e = (c * d).label("e")
    e.inputs = [a]  # a leaf that nobody holds has no value to show
    return e


def without_lines(text):
    return re.sub(r" *test_graph_pictures\.py.*", "", text)


def contents(picture):
    return {box.name or box.op: (box.value, box.grad) for box in picture.boxes}


# ---- values and gradients --------------------------------------------------------------------------------------------


def test_text_of_article_s0_before_backward():
    a = leaf(2.0)
    b = a * 3
    c = a + 2
    d = b + 4
    e = c * d
    assert (
        without_lines(explain.graph(e).text())
        == """\
a = leaf       2.000
b = mul(a, 3)  6.000
c = add(a, 2)  4.000
d = add(b, 4)  10.000
e = mul(c, d)  40.000"""
    )


def test_text_of_article_s0_after_backward_which_freed_the_graph():
    a = leaf(2.0)
    b = a * 3
    c = a + 2
    d = b + 4
    e = c * d
    e.backward()
    picture = explain.graph(e)
    assert without_lines(picture.text()) == (
        "a = leaf       2.000   grad 22.000\n"
        "b = mul(a, 3)  6.000   grad 4.000\n"
        "c = add(a, 2)  4.000   grad 10.000\n"
        "d = add(b, 4)  10.000  grad 4.000\n"
        "e = mul(c, d)  40.000  grad 1.000"
    )
    assert "test_graph_pictures.py" in picture.boxes[1].line and "`b = a * 3`" in picture.boxes[1].line
    assert a.grad.item() == 22 and not b.retains_grad  # the picture changes nothing


def test_article_s2_shows_label_value_and_gradient_in_each_box():
    a, b, c, f = leaf(2.0).label("a"), leaf(-3.0).label("b"), leaf(10.0).label("c"), leaf(-2.0).label("f")
    e = (a * b).label("e")
    d = (e + c).label("d")
    L = (d * f).label("L")
    values = {"a": "2.000", "b": "-3.000", "e": "-6.000", "c": "10.000", "d": "4.000", "f": "-2.000", "L": "-8.000"}
    assert contents(explain.graph(L)) == {k: (v, "") for k, v in values.items()}
    L.backward()
    grads = {"a": "6.000", "b": "-4.000", "e": "-2.000", "c": "-2.000", "d": "-2.000", "f": "4.000", "L": "1.000"}
    assert contents(explain.graph(L)) == {k: (values[k], grads[k]) for k in values}


def test_gradients_may_be_asked_for_before_backward_and_hidden_after():
    e = s0()
    assert contents(explain.graph(e, gradients=True))["a"] == ("2.000", "22.000")
    e.backward()
    assert contents(explain.graph(e, gradients=False))["a"] == ("2.000", "")


def test_values_that_the_tape_does_not_keep_are_computed_again():
    x = leaf([0.5, 1.0])
    picture = explain.graph((x.sin() + x).sum())
    assert [box.value for box in picture.boxes] == ["[0.500, 1.000]", "[0.479, 0.841]", "[0.979, 1.841]", "2.821"]


def test_shapes_stand_where_values_are_too_large_to_show():
    x = leaf(np.zeros((30, 40), np.float32))
    picture = explain.graph((x * 2).sum())
    assert picture.boxes[1].value == "(30, 40) all 0.00" and "(30, 40) float32" in picture.boxes[1].note


def test_a_gradient_that_is_not_of_this_result_is_said_to_be():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    assert explain.graph(y).notes == ()
    y.backward(retain_graph=True)
    assert "accumulated" in explain.graph(y).notes[0]


def test_a_leaf_written_to_since_is_marked_and_nothing_is_computed_from_it():
    w = leaf(2.0)
    y = (w.exp() * 3).sum()
    with cr.no_grad():
        w -= 1.0
    picture = explain.graph(y)
    assert picture.boxes[0].value == "1.000 (changed)" and "written to after" in picture.notes[0]
    assert picture.boxes[1].value == "7.389"


def test_after_an_optimizer_step_nothing_is_computed_from_the_new_weights():
    w, x = leaf([[2.0]]), cr.tensor([[3.0]])
    loss = (x @ w).tanh().sum()
    loss.backward(retain_graph=True)
    before = contents(explain.graph(loss))
    cr.optim.SGD([w], lr=100.0).step()
    after = contents(explain.graph(loss))
    assert {k for k in after if after[k] != before[k]} == {"w", "mm"}
    assert after["w"][0].endswith("(changed)") and after["mm"][0] == "(1, 1) float32"
    v = leaf([2.0])
    square = (v * v).sum()
    square.backward(retain_graph=True)
    with cr.no_grad():
        v += 1.0
    boxes = explain.graph(square).boxes
    assert [(b.value, b.grad) for b in boxes] == [
        ("[3.000] (changed)", "[4.000]"),
        ("(1,) float32", "[1.000]"),
        ("4.000", "1.000"),
    ]


def test_gradients_of_hooked_values_are_not_guessed():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: g * 100)
    z = y * 1
    z.backward(retain_graph=True)
    assert contents(explain.graph(z))["y"] == ("6.000", "") and contents(explain.graph(z))["x"] == ("2.000", "300.000")


def test_retained_gradients_are_shown():
    x = leaf(2.0)
    y = x.exp().sin()
    y.retain_grad()
    (y * 5).backward()
    assert explain.graph(y).boxes[-1].grad == "5.000"


def test_results_of_an_operation_with_several():
    x = leaf([[1.0, 2.0], [3.0, 5.0]])
    first, second = x.chunk(2)
    loss = (first * second).sum()
    loss.backward(retain_graph=True)
    assert explain.graph(loss).boxes[0].grad == "[[3.000, 5.000], [1.000, 2.000]]"
    assert explain.graph(loss).notes == ()


def test_random_operations_are_not_drawn_again():
    x = leaf(np.ones(50, np.float32))
    state = cr.get_rng_state()
    loss = nn.functional.dropout(x, 0.5).sum()
    before = cr.get_rng_state()
    explain.graph(loss)
    assert (cr.get_rng_state() == before).all() and not (before == state).all()


def test_tensors_without_a_graph():
    x = cr.tensor([1.0, 2.0])
    assert explain.graph(x).text() == "x = leaf  [1.000, 2.000]"
    w = leaf(4.0)
    assert explain.graph(w).text() == "w = leaf  4.000"


# ---- names -----------------------------------------------------------------------------------------------------------


def made_elsewhere(x):
    hidden = x * 2
    total = hidden + x
    return total


def test_names_come_from_assignments_in_functions_that_have_returned():
    x = leaf(1.0)
    assert [box.name for box in explain.graph(made_elsewhere(x)).boxes] == ["x", "hidden", "total"]


def test_names_come_from_lists_and_dicts_and_attributes_and_parameters():
    class Holder:
        pass

    p, q, holder = [leaf(1.0)], {"w": leaf(2.0)}, Holder()
    holder.h = leaf(3.0)
    line = nn.Linear(1, 1, bias=False)
    names = {box.name for box in explain.graph(line(p[0].reshape(1)) * q["w"] * holder.h).boxes}
    assert {"p[0]", "q['w']", "holder.h", "line.weight"} <= names


def test_a_parameter_has_its_path_for_a_name_and_a_tensor_its_plain_variable():
    class Slotted:
        __slots__ = ("t",)

    some = [leaf(1.0)]
    model = nn.Linear(1, 1)
    for p in model.parameters():  # p is still a variable afterwards
        assert p.requires_grad
    x = some[0]
    box = Slotted()
    box.t = leaf([2.0])
    names = {b.name for b in explain.graph(model(x.reshape(1)) * box.t).boxes}
    assert names == {"x", "model.weight", "model.bias", "box.t", ""}


def test_a_label_outlives_its_tensor_and_wins_over_the_variable():
    def f(x):
        return (x * 2).label("twice") + 1

    y = f(leaf(1.0)).label("other")
    assert [box.name for box in explain.graph(y).boxes][1:] == ["twice", "other"]
    y.backward()


def test_only_the_last_operation_of_a_call_has_the_name_that_its_result_was_given():
    x, y = leaf([1.0, 2.0]), cr.tensor([0.0, 0.0])
    loss = nn.functional.mse_loss(x, y)
    assert [box.name for box in explain.graph(loss).boxes if box.kind == "op"][-1] == "loss"
    assert sum(box.name == "loss" for box in explain.graph(loss).boxes) == 1


# ---- modules ---------------------------------------------------------------------------------------------------------


def two_layers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

        def forward(self, x):
            return self.body(x).squeeze() * 2

    return Net()


def test_open_modules_are_frames_and_closed_ones_boxes():
    model = two_layers()
    X = cr.ones(2, 3)
    loss = model(X).sum()
    whole = explain.graph(loss)
    assert [(f.title, f.parent) for f in whole.frames] == [("model: Net", -1), ("body: Sequential", 0)]
    assert [b.module for b in whole.boxes if b.module] == ["0: Linear", "1: Tanh", "2: Linear"]
    assert next(b for b in whole.boxes if b.name == "X").frame == -1  # the data stand outside of the model
    one = explain.graph(loss, depth=1)
    assert [(b.kind, b.op) for b in one.boxes] == [
        ("constant", "constant"),
        ("module", "body: Sequential"),
        ("op", "reshape"),
        ("op", "mul(\u00b7, 2)"),
        ("op", "sum"),
    ]
    closed = explain.graph(loss, depth=0)
    assert [b.op for b in closed.boxes] == ["constant", "model: Net", "sum"]
    assert closed.boxes[1].note == "5 operations, 4 parameters (21 numbers)" and closed.hidden == 5
    loss.backward()
    norm = np.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
    module = next(b for b in explain.graph(loss, depth=0).boxes if b.kind == "module")
    assert module.note.endswith(f", gradient norm {norm:.3g}")


def test_a_closed_module_can_be_opened_by_name():
    model = two_layers()
    out = model(cr.ones(2, 3))
    for name in ("model.body", "body"):
        boxes = explain.graph(out, depth=0, expand=name).boxes
        assert [b.op for b in boxes if b.kind == "module"] == ["0: Linear", "1: Tanh", "2: Linear"]


def test_each_call_of_a_shared_module_is_a_box_and_its_parameters_stand_outside():
    cell = nn.Linear(2, 2)
    h = cr.ones(2)
    for _ in range(3):
        h = cell(h)
    picture = explain.graph(h, depth=0)
    assert [b.op for b in picture.boxes if b.kind == "module"] == ["cell: Linear"] * 3
    weight = next(i for i, b in enumerate(picture.boxes) if b.name == "cell.weight")
    assert sum(a == weight for a, _ in picture.arrows) == 3


# ---- large graphs ----------------------------------------------------------------------------------------------------


def test_rounds_of_a_loop_are_folded_and_counted():
    w = leaf(0.5)
    h = cr.tensor(1.0)
    for _ in range(100):
        h = cr.tanh(h * w)
    picture = explain.graph(h)
    assert [b.op for b in picture.boxes] == [
        "leaf",
        "mul(1, \u00b7)",
        "tanh",
        "... 196 more operations in 98 rounds",
        "mul",
        "tanh",
    ]
    assert picture.hidden == 196 and "196" in picture.svg() and "196" in picture.text()


def test_what_does_not_fit_is_one_box_that_counts_it():
    rng, x = np.random.default_rng(0), leaf(1.0)
    for i in rng.integers(0, 3, 500):
        x = [cr.sin, cr.cos, cr.tanh][i](x)
    picture = explain.graph(x, limit=20)
    assert len(picture.boxes) <= 20 and picture.boxes[0].op == f"... {picture.hidden} more operations"
    assert picture.hidden + len(picture.boxes) - 1 == 500


def test_gradients_are_whole_although_most_of_the_graph_is_hidden():
    rng, x = np.random.default_rng(0), leaf(0.7)
    y = x
    for i in rng.integers(0, 3, 40):
        y = [cr.sin, cr.cos, cr.tanh][i](y) + x
    (expected,) = cr.autograd.grad(y, x, retain_graph=True)
    picture = explain.graph(y, limit=6, gradients=True)
    assert [b.grad for b in picture.boxes if b.name == "x"] == [f"{expected.item():.3f}"] and picture.hidden > 60


def test_graphs_of_100_000_nodes_take_seconds():
    x = first = leaf(1.0)
    for _ in range(100_000):
        x = x + 1e-6
    start = time.perf_counter()
    picture = explain.graph(x)
    picture.svg()
    assert time.perf_counter() - start < 30
    assert picture.hidden == 99_998 and len(picture.boxes) == 4
    wide = cr.stack([first * 2 for _ in range(100_000)]).sum()
    assert len(explain.graph(wide).boxes) == 6
    many = [leaf(float(i)) for i in range(100_000)]
    picture = explain.graph(cr.stack(many).sum())
    assert [b.op for b in picture.boxes[4:]] == ["... 99,996 more leaves", "stack", "sum"] and picture.hidden == 99_996


# ---- layout ----------------------------------------------------------------------------------------------------------


def tangled(n, seed=0):
    rng = np.random.default_rng(seed)
    made = [leaf(float(i)) for i in range(5)]
    for i in range(n):
        a, b = rng.integers(max(0, len(made) - 8), len(made), 2)
        made.append(made[a] + made[b] if i % 3 else cr.sin(made[a]))
    return cr.stack(made[-4:]).sum()


def network():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2)
    return model(cr.randn(1, 3, 8)).sum()


def recurrent():
    cell = nn.GRUCell(2, 3)
    h = cr.zeros(1, 3)
    for x in cr.randn(5, 1, 2):
        h = cell(x, h)
    return h.sum()


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("make", [s0, lambda: tangled(60), lambda: tangled(300, 1), network, recurrent])
def test_no_box_overlaps_another_and_no_arrow_runs_through_one(make, down):
    picture = explain.graph(make(), limit=400)
    shapes = [shape_of(b, down) for b in picture.boxes]
    placed = arranged(picture, [(s.width, s.height) for s in shapes], down)
    boxes = np.array(placed.boxes)
    x0, y0, x1, y1 = boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    apart = (x1[:, None] <= x0) | (x0[:, None] >= x1) | (y1[:, None] <= y0) | (y0[:, None] >= y1)
    assert (apart | np.eye(len(boxes), dtype=bool)).all()
    for points, _, (a, b) in placed.lines:
        for (x, y), (u, v) in zip(points, points[1:], strict=False):
            s = np.linspace(0, 1, 21)
            if down:  # the very curve that is drawn
                px, py = x + (u - x) * s**2 * (3 - 2 * s), y + (v - y) * (1.5 * s - 1.5 * s**2 + s**3)
            else:
                px, py = x + (u - x) * (1.5 * s - 1.5 * s**2 + s**3), y + (v - y) * s**2 * (3 - 2 * s)
            inside = (px[:, None] > x0 + 1) & (px[:, None] < x1 - 1) & (py[:, None] > y0 + 1) & (py[:, None] < y1 - 1)
            inside[:, [a, b]] = False
            assert not inside.any(), (picture.boxes[a], picture.boxes[b])
    for (x, y, w, h), frame in zip(placed.frames, range(len(picture.frames)), strict=True):
        for i, box in enumerate(picture.boxes):
            within = x <= x0[i] and x1[i] <= x + w and y <= y0[i] and y1[i] <= y + h
            f = box.frame
            while f >= 0 and f != frame:
                f = picture.frames[f].parent
            assert within == (f == frame)


def test_arrows_arrive_where_they_lead():
    picture = explain.graph(tangled(60))
    shapes = [shape_of(b, False) for b in picture.boxes]
    placed = arranged(picture, [(s.width, s.height) for s in shapes], False)
    for points, head, (a, b) in placed.lines:
        (xa, ya, wa, ha), (xb, yb, _, hb) = placed.boxes[a], placed.boxes[b]
        assert head and points[0] == pytest.approx((xa + wa, ya + ha / 2))
        assert points[-1] == pytest.approx((xb, yb + hb / 2))
    assert {(a, b) for _, _, (a, b) in placed.lines} == set(picture.arrows)


def test_a_planar_tree_is_drawn_without_crossings():
    leaves = [leaf(float(i)) for i in range(16)]
    order = [0, 9, 4, 13, 2, 11, 6, 15, 8, 1, 12, 5, 10, 3, 14, 7]
    while len(leaves) > 1:
        leaves = [leaves[order[2 * i]] * leaves[order[2 * i + 1]] for i in range(len(leaves) // 2)]
        order = [i for i in order if i < len(leaves)]
    picture = explain.graph(leaves[0])
    placed = arranged(picture, [(60.0, 30.0)] * len(picture.boxes), False)
    starts = [(p[0][0], p[0][1], p[-1][1]) for p, _, _ in placed.lines]
    for i, (x, y, v) in enumerate(starts):
        for u, w, z in starts[:i]:
            assert x != u or (y - w) * (v - z) >= 0


# ---- forms -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"]; n0 -> n0; ["',
    "a & b\n<b>c</b>",
    "</text></svg><svg onload=alert(1)>",
    "`md` ${x} #quot; %% end",
    "\u202ereversed\x00\x1b[31m",
    "\u65e5\u672c\u8a9e\u306e\u540d\u524d",
    "}}\\N\\l{a|b}",
    "\ud800",
    "]]>",
    "x" * 1000,
]


def hostile():
    leaves = [leaf(1.0).label(name) for name in HOSTILE]
    total = leaves[0]
    for x, name in zip(leaves[1:], HOSTILE[1:], strict=True):
        total = (total * x).label(name[::-1])
    total.inputs = leaves
    return total


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_hostile_labels_leave_the_svg_well_formed(theme):
    picture = explain.graph(hostile())
    root = ET.fromstring(picture.svg(theme=theme))
    tags = {re.sub(r"\{.*\}", "", e.tag) for e in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "g", "path", "text"}
    assert {k for e in root.iter() for k in e.attrib if k.lower().startswith("on")} == set()
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>alert(1)</script>" in words and "a & b <b>c</b>" in words
    assert "\u65e5\u672c\u8a9e\u306e\u540d\u524d" in words and all(len(w) <= 60 for w in words)
    assert "\u202e" not in picture.svg() and "\\u202ereversed\\x00\\x1b[31m" in picture.svg()
    picture.svg().encode("utf-8")


def test_hostile_labels_stay_inside_their_quotes_in_dot():
    code = explain.graph(hostile()).dot()
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
    assert set(rest) <= set('digraph nodelabshpcwixyftkRLomvunzj0123456789{}[]=;,-> \n"_FA#3')
    assert '\\"]; n0 -> n0; [\\"' in code and code.count("\n") == rest.count("\n")


def test_hostile_labels_are_character_codes_in_mermaid():
    code = explain.graph(hostile()).mermaid()
    assert "#60;script#62;alert(1)#60;/script#62;" in code and "<script" not in code and "`" not in code
    for line in code.split("\n")[1:]:
        assert re.fullmatch(
            r'  (n\d+(\(\["[^"<]*(<br/>[^"<]*)*"\]\)|\["[^"<]*(<br/>[^"<]*)*"\])|n\d+ --> n\d+)', line
        ), line


def test_hostile_labels_stay_on_their_line_of_the_text():
    picture = explain.graph(hostile())
    assert picture.text().count("\n") == len(picture.boxes) - 1
    assert not any(ord(c) < 32 and c != "\n" for c in picture.text())


def test_golden_dot():
    code = explain.graph(s0(), gradients=True).dot()
    assert code.split("\n")[3:] == [
        '  n0 [shape=box, style="rounded,filled", fillcolor="#e3f4e1", label="a\\n2.000\\ngrad 22.000"];',
        '  n1 [shape=box, style="filled", fillcolor="#eef3ff", label="b = mul(\u00b7, 3)\\n6.000\\ngrad 4.000"];',
        '  n2 [shape=box, style="filled", fillcolor="#eef3ff", label="c = add(\u00b7, 2)\\n4.000\\ngrad 10.000"];',
        '  n3 [shape=box, style="filled", fillcolor="#eef3ff", label="d = add(\u00b7, 4)\\n10.000\\ngrad 4.000"];',
        '  n4 [shape=box, style="filled", fillcolor="#eef3ff", label="e = mul\\n40.000\\ngrad 1.000"];',
        "  n0 -> n1;",
        "  n0 -> n2;",
        "  n1 -> n3;",
        "  n2 -> n4;",
        "  n3 -> n4;",
        "}",
    ]


def test_golden_mermaid_with_a_subgraph():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())
    with cr.no_grad():
        model[0].weight.fill_(2.0)
    x = cr.tensor([[1.0]])
    assert explain.graph(model(x)).mermaid() == (
        "flowchart LR\n"
        '  n0[/"x<br/>#91;#91;1.000#93;#93;"/]\n'
        '  subgraph f0["model: Sequential"]\n'
        '    n1(["model.0.weight<br/>#91;#91;2.000#93;#93;"])\n'
        '    n2["linear<br/>#91;#91;2.000#93;#93;"]\n'
        '    n3["tanh<br/>#91;#91;0.964#93;#93;"]\n'
        "  end\n"
        "  n0 --> n2\n"
        "  n1 --> n2\n"
        "  n2 --> n3"
    )


def test_text_indents_what_is_in_a_frame():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())
    lines = [line.split(" =")[0] for line in explain.graph(model(cr.ones(1, 1)).sum()).text().split("\n")]
    assert lines == ["model: Sequential:", "  v1", "  model.0.weight", "  v2", "  v3", "v4"]


def test_svg_can_be_read_without_seeing_it():
    svg = explain.graph(s0()).svg()
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img" and root.get("aria-label") == "Graph of e"
    assert [c.tag for c in root][:2] == [space + "title", space + "desc"]
    assert "e = mul(c, d)" in root[1].text and "prefers-color-scheme:dark" in svg
    assert "`e = (c * d).label(&quot;e&quot;)`" in svg  # tooltips name the user's line


def test_themes_and_directions():
    picture = explain.graph(s0(), theme="dark", direction="down")
    assert "prefers-color-scheme" not in picture.svg() and "#15181e" in picture.svg()
    assert "#15181e" not in picture.svg(theme="light")
    width, height = map(int, re.findall(r'(?:width|height)="(\d+)"', picture.svg())[:2])
    assert height > width
    for bad in ({"theme": "blue"}, {"direction": "up"}):
        with pytest.raises(ValueError, match="must be"):
            picture.svg(**bad)


def test_saving(tmp_path):
    picture = explain.graph(s0())
    for name, begin in {
        "a.svg": "<svg",
        "a.dot": "digraph",
        "a.mmd": "flowchart",
        "a.txt": "a = leaf",
        "a.html": "<!DOCTYPE html>",
    }.items():
        assert picture.save(tmp_path / name).read_text(encoding="utf-8").startswith(begin)
    with pytest.raises(ValueError, match=r"\.svg"):
        picture.save(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_wrong_arguments():
    with pytest.raises(TypeError, match="takes a tensor, not function"):
        explain.graph(s0)
    with pytest.raises(ValueError, match="at least 3"):
        explain.graph(s0(), limit=1)
    with pytest.raises(ValueError, match="0 or more"):
        explain.graph(s0(), depth=-1)
    with pytest.raises(TypeError, match="inside of a transformation"):
        cr.func.grad(lambda x: (explain.graph(x * 2), x * 2)[1])(cr.tensor(1.0))


@pytest.mark.browser
def test_no_text_leaves_its_box_in_a_real_browser(tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    flags = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
    measure = """() => {
        let outside = 0, all = 0;
        for (const g of document.querySelectorAll('g > g')) {
            const boxes = [...g.querySelectorAll('rect')].map(r => r.getBBox());
            for (const t of g.querySelectorAll('text')) {
                const b = t.getBBox();
                all += 1;
                outside += !boxes.some(r => b.x >= r.x - 0.5 && b.x + b.width <= r.x + r.width + 0.5
                                            && b.y >= r.y - 1 && b.y + b.height <= r.y + r.height + 1);
            }
        }
        return [all, outside];
    }"""
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*flags, "--disable-component-update"])
        for make in (s0, hostile, network, recurrent):
            page = browser.new_page(color_scheme="dark")
            page.goto(explain.graph(make()).save(tmp_path / "graph.svg").as_uri())
            count, outside = page.evaluate(measure)
            assert count > 5 and outside == 0
            background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            assert background == "rgb(21, 24, 30)"  # dark, as this reader's system is
        browser.close()
