"""Headless Chromium for tests: a browser for each module, and pages that must neither fail nor ask the network."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


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
