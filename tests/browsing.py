"""What the tests of explain.show in headless Chromium share: pages to open, and numbers read off them."""

from __future__ import annotations

import json

import numpy as np

import chainrule as cr
from chainrule.viewer import command, page
from chainrule.viewer.expression import Expression
from chainrule.viewer.page import build

S4 = "log(x1) + x1*x2 - sin(x2)"


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
