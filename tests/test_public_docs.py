"""Everything public says what it is, in which shapes and dtypes, and shows an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re

import pytest

import chainrule as cr

NAMESPACES = (
    *("", "nn.functional", "nn", "nn.init", "nn.parameter", "nn.utils", "nn.utils.rnn", "nn.utils.parametrize"),
    *("linalg", "fft", "special", "func", "random", "autograd", "autograd.functional", "autograd.graph"),
    *("autograd.forward_ad", "optim", "optim.lr_scheduler", "optim.swa_utils", "utils", "utils.data", "distributions"),
    *("signal.windows", "explain", "train", "estimators", "graph", "methods", "amp", "array_api", "cuda", "backends"),
    *("articles", "testing"),
)
NEEDS = {"estimators": "sklearn"}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
# parameters that hold arrays: such a function says what they may be
ARRAYS = {"A", "B", "X", "anchor", "input", "input1", "other", "query", "target", "tensor", "tensors", "x", "x1", "y"}
SAYS = re.compile(
    r"shape|dtype|dimension|size|element|0-d|1-D|matri|vector|scalar|row|bool|float|int64|uint8|integer|complex|real"
    r"|tensor|numbers|\((N|n|L|B|\.\.+|\*)[,)]",
    re.IGNORECASE,
)
HELPERS = {"ArgumentError", "GraphError", "raw_shape", "wrap"}  # names that a module imports for its own use


def found() -> dict[str, object]:
    """Public functions and classes by their first name; a second name for the same thing is left out."""
    seen, things = set(), {}
    for name in NAMESPACES:
        top = name.partition(".")[0]
        if top in NEEDS and importlib.util.find_spec(NEEDS[top]) is None:
            continue
        module = importlib.import_module("chainrule" + "." * bool(name) + name)
        for attribute in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, attribute)
            known = attribute.startswith("_") or attribute in HELPERS or id(value) in seen
            ours = (getattr(value, "__module__", None) or "").startswith("chainrule")
            if (inspect.isclass(value) or inspect.isroutine(value)) and ours and not known:
                seen.add(id(value))
                things[f"{name}.{attribute}".lstrip(".")] = value
    return things


PUBLIC = found()


def text_of(thing: object) -> str:
    own = not inspect.isclass(thing) or "__doc__" in vars(thing)
    return (thing.__doc__ or "") if own else ""


def test_the_walk_finds_what_is_public():
    assert len(PUBLIC) > 1000
    assert {"tensor", "nn.functional.gelu", "nn.Linear", "linalg.svd", "fft.rfft", "optim.Adam"} <= PUBLIC.keys()


def test_everything_public_says_what_it_is_in_its_first_line():
    assert [name for name, thing in PUBLIC.items() if len(text_of(thing).strip().split("\n")[0]) < 4] == []


def test_everything_public_has_an_example():
    assert [name for name, thing in PUBLIC.items() if ">>>" not in text_of(thing)] == []


def test_functions_of_arrays_speak_of_shapes_or_dtypes():
    silent = []
    for name, thing in PUBLIC.items():
        try:
            parameters = set(inspect.signature(thing).parameters)
        except (TypeError, ValueError):
            continue
        prose = text_of(thing).partition(">>>")[0]
        if parameters & ARRAYS and not SAYS.search(prose):
            silent.append(name)
    assert silent == []


@pytest.mark.parametrize("namespace", sorted({name.rpartition(".")[0] for name in PUBLIC}), ids=lambda n: n or "top")
def test_the_examples_run_and_print_what_they_say(namespace):
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), []
    for name, thing in PUBLIC.items():
        if name.rpartition(".")[0] == namespace:
            names = {"cr": cr, "chainrule": cr, **vars(importlib.import_module(thing.__module__))}
            test = doctest.DocTestParser().get_doctest(text_of(thing), names, name, None, 0)
            runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def test_methods_of_tensors_say_what_they_do():
    methods = {name: getattr(cr.Tensor, name) for name in dir(cr.Tensor) if not name.startswith("_")}
    assert [name for name, method in methods.items() if callable(method) and not (method.__doc__ or "").strip()] == []
