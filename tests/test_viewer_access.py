"""The page of explain.show in headless Chromium: large, narrow, light and dark, by keyboard, and what it may not do."""

from __future__ import annotations

import time

import numpy as np
import pytest
from browsing import named, net, s4

import chainrule as cr
from chainrule.viewer import page

pytest_plugins = ("browser_fixtures",)
pytestmark = pytest.mark.browser

HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'>\"'&\u2028"


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
