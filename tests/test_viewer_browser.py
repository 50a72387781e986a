"""The page of explain.show in real headless Chromium: steps, keys, edits, size, themes, and what it may not do."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.viewer import command, page
from chainrule.viewer.expression import Expression
from chainrule.viewer.page import build

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
S4 = "log(x1) + x1*x2 - sin(x2)"
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'>\"'&\u2028"


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, tmp_path):
    """A function that opens a page in a window of its own; at the end: no errors, no requests but for the file."""
    contexts, trouble = [], []

    def open_page(made, width=1280, height=800, **settings):
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        tab = context.new_page()
        path = made.save(tmp_path / f"page{len(contexts)}.html")
        tab.on("console", lambda m: trouble.append(m.text))
        tab.on("pageerror", lambda e: trouble.append(str(e)))
        tab.on("request", lambda r: trouble.append(r.url) if r.url != path.as_uri() and r.url[:5] != "data:" else None)
        tab.goto(path.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def of_expression(text, **values):
    return build(command.program_of(Expression(text), {k: np.asarray(v, dtype=float) for k, v in values.items()}))


def s4():
    return of_expression(S4, x1=2.0, x2=5.0)


def named(tab, name, what="gradient"):
    """The value or the full gradient of the named node, as the page has it."""
    return np.squeeze(
        tab.evaluate(f"""() => {{
        const i = chainrule.program.nodes.findIndex((n) => n.name === {json.dumps(name)});
        const x = chainrule.{what}(i);
        return x.data;
    }}""")
    )


def output(tab):
    return np.squeeze(tab.evaluate("chainrule.value(chainrule.program.output).data"))


def shown_rows(tab):
    """(symbol, value) of the rows of the backward table whose value is shown."""
    rows = tab.locator("#backward-rows tr:not(.todo)[data-step]")
    return [[c.strip() for c in r.locator("td").all_inner_texts()] for r in rows.all()]


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


def net():
    cr.manual_seed(0)
    model = cr.nn.Sequential(cr.nn.Linear(2, 5), cr.nn.ReLU(), cr.nn.Linear(5, 1))
    rng = np.random.default_rng(0)
    x = rng.uniform(-np.pi, np.pi, (6, 2))
    target = np.sin(x[:, :1]) + np.cos(x[:, 1:])

    def loss(x, target):
        output = model(x)
        return ((output - target) ** 2).mean()

    return page(loss, cr.tensor(x).float(), cr.tensor(target).float()), model, loss, x, target


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
    tab = opened(of_expression("digamma(x) * x", x=2.0))
    assert "cannot recompute digamma" in tab.locator("#notes").inner_text()
    assert tab.get_by_label("Input x").is_disabled()
    tab.keyboard.press("End")
    x = cr.tensor(2.0, dtype=cr.float64, requires_grad=True)
    Expression("digamma(x) * x")(x=x).backward()
    np.testing.assert_allclose(named(tab, "x"), x.grad.item())


def test_wrong_numbers_of_the_page_itself_would_switch_editing_off(opened):
    made = s4()
    broken = type(made)(made.html.replace("sin: Math.sin,", "sin: Math.cos,"), made.title)
    assert broken.html != made.html
    tab = opened(broken)
    assert "differs from the engine's" in tab.locator("#notes").inner_text()
    assert tab.get_by_label("Input x1").is_disabled()


# ---- large, narrow, dark, by keyboard --------------------------------------------------------------------------------


def test_two_thousand_nodes_stay_responsive(opened, record_property):
    def f(x, w):
        state = x
        for _ in range(500):
            state = cr.tanh(state * w + x) - 0.1
        return state

    made = page(f, 0.3, 0.9)
    start = time.perf_counter()
    tab = opened(made)
    loaded = time.perf_counter() - start
    assert tab.evaluate("chainrule.program.nodes.length") >= 2000
    one_step = tab.evaluate("""() => {
        const times = [];
        for (let k = 0; k < 60; k++) {
            const start = performance.now();
            chainrule.go(2001 + k * 7);
            document.body.getBoundingClientRect();
            times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[30];
    }""")
    start = time.perf_counter()
    assert tab.evaluate("chainrule.edit(0, 0, 0.4)") == ""
    edited = time.perf_counter() - start
    record_property("load_s", loaded)
    record_property("step_ms", one_step)
    record_property("edit_s", edited)
    print(f"2,000 nodes: load {loaded:.2f} s, step {one_step:.1f} ms, edit {edited:.2f} s")
    assert loaded < 60 and one_step < 2000 and edited < 30
    tab.keyboard.press("End")
    x, w = (cr.tensor(v, dtype=cr.float64, requires_grad=True) for v in (0.4, 0.9))
    f(x, w).backward()
    np.testing.assert_allclose(named(tab, "w"), w.grad.item(), rtol=1e-9)


@pytest.mark.parametrize("make", [s4, lambda: net()[0]], ids=["s4", "network"])
def test_no_horizontal_scroll_at_400_pixels(opened, make):
    tab = opened(make(), width=400, height=800)
    last = tab.evaluate("chainrule.steps.length")
    for step in range(last):
        tab.evaluate(f"chainrule.go({step})")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    assert tab.locator("#play").is_visible() and tab.locator("#step-title").is_visible()


CONTRAST = """(selector) => {
    const parse = (c) => c.match(/[\\d.]+/g).map(Number);
    const channel = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const light = (c) => 0.2126 * channel(c[0] / 255) + 0.7152 * channel(c[1] / 255) + 0.0722 * channel(c[2] / 255);
    const element = document.querySelector(selector);
    let behind = element;
    const fill = () => parse(getComputedStyle(behind).backgroundColor);
    while (behind.parentElement && (fill()[3] ?? 1) === 0) behind = behind.parentElement;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(fill())];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""  # of an element's text with what lies behind it, as WCAG 2 defines it


def contrast(tab, selector):
    return tab.evaluate(CONTRAST, selector)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_and_the_button(opened, scheme):
    tab = opened(s4(), color_scheme=scheme)
    tab.evaluate("chainrule.go(9)")
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    for selector in ("#phase", "h2", ".num-g", ".num-v", ".muted", "#source mark", "#play", "#trace tr.now .num", "dt"):
        assert contrast(tab, selector) >= 4.5, selector
    tab.click("#theme")
    assert tab.evaluate("document.documentElement.dataset.theme") == {"light": "dark", "dark": "light"}[scheme]


def test_everything_is_reached_by_keyboard_with_visible_focus(opened):
    tab = opened(s4())
    reached = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        name = tab.evaluate("""() => {
            const e = document.activeElement;
            if (e === document.body) return null;
            const style = getComputedStyle(e);
            const outlined = style.outlineStyle !== "none" || e.matches(".node") || e.matches(".skip");
            return [e.id || e.getAttribute("aria-label") || e.className.baseVal || e.className, outlined];
        }""")
        if name is None:
            break
        assert name[1], f"no visible focus on {name[0]}"
        reached.append(name[0])
    wanted = {"search", "theme", "zoom-in", "zoom-fit", "tablebox", "play", "next", "slider", "speed"}
    assert wanted <= set(reached), reached
    assert len(reached) == len(set(reached))
    assert reached.index("search") < reached.index("zoom-in") < reached.index("tablebox") < reached.index("play")


def test_graph_is_walked_and_selected_by_keyboard_and_steps_are_announced(opened):
    tab = opened(s4())
    tab.evaluate("document.querySelector('.node[tabindex=\"0\"]').focus()")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Enter")
    assert "Selected v4" in tab.locator("#live").inner_text()
    assert tab.locator(".node.selected").get_attribute("data-i") == "5"
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#live").inner_text() == "Step 1 of 11. Forward, log. v1 is 0.693."
    assert tab.locator("#live").get_attribute("aria-live") == "polite"
    label = tab.locator(".node").nth(2).get_attribute("aria-label")
    assert label == "v1, log, value 0.693"


def test_search_finds_by_operation_name_and_line(opened):
    tab = opened(s4())
    tab.keyboard.press("/")
    tab.keyboard.type("sin")
    assert tab.evaluate("document.activeElement.id") == "search"
    assert tab.locator(".node.hit").count() >= 1
    tab.keyboard.press("Enter")
    assert "v" in tab.locator("#detail h2").inner_text()
    tab.locator("#search").fill("mul")
    assert tab.locator("#found").inner_text() == "1 found"
    tab.keyboard.press("Escape")
    assert tab.locator(".node.hit").count() == 0


def test_zoom_and_pan(opened):
    tab = opened(s4())
    view = "document.getElementById('view').style.transform"
    before = tab.evaluate(view)
    tab.click("#zoom-in")
    zoomed = tab.evaluate(view)
    assert zoomed != before
    box = tab.locator("#graph").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 90, box["y"] + 60)
    tab.mouse.up()
    assert tab.evaluate(view) != zoomed
    tab.mouse.wheel(0, 200)
    tab.click("#zoom-fit")
    assert tab.evaluate(view) == before


def test_reduced_motion_is_respected(opened):
    tab = opened(s4(), reduced_motion="reduce")
    tab.evaluate("document.getElementById('view').classList.add('glide')")
    assert tab.evaluate("getComputedStyle(document.getElementById('view')).transitionDuration") == "0s"


def test_hostile_names_stay_text(opened):
    a = cr.tensor(2.0, requires_grad=True).label(HOSTILE)
    e = (a * a).label(HOSTILE)
    tab = opened(page(e))
    tab.keyboard.press("End")
    tab.locator("#search").fill("<img")
    assert "broken" not in tab.title().split("</script>")[0] and tab.locator("img").count() == 0
    assert tab.locator("#title").inner_text().startswith("</script><script>")


def test_the_frame_of_jupyter_works(opened, tmp_path):
    from chainrule.viewer import Page

    inner = s4()
    frame = Page(f"<!DOCTYPE html><html><body>{inner._repr_html_()}</body></html>", "frame")
    tab = opened(frame)
    content = tab.frame_locator("iframe")
    content.locator("#next").click()
    content.locator("#next").click()
    assert content.locator("#count").inner_text() == "step 2 of 11"
