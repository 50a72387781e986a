"""`chainrule explain`: the page, or the trace tables, of an expression or of a function in a file."""

from __future__ import annotations

import argparse
import inspect
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ChainruleError
from .expression import Expression
from .page import Page, build
from .record import Program, Recorder, of_function

EXAMPLE = 'chainrule explain "log(x1) + x1*x2 - sin(x2)" --at x1=2 x2=5'


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command `explain` to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="walk through a derivative in the browser",
        description="Walk through the derivative of an expression or of a function, one operation at a time.",
        epilog=f"example: {EXAMPLE}",
    )
    parser.add_argument("what", help="an expression, or file.py:function (the file is run)")
    parser.add_argument(
        "--at",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="where to evaluate: numbers, or lists such as 'x=[[1,2],[3,4]]'",
    )
    parser.add_argument("--text", action="store_true", help="print the trace tables instead of making a page")
    parser.add_argument("--out", metavar="PAGE.html", help="write the page to this file instead of opening the browser")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the command line says; 0, or 2 after one sentence on stderr."""
    try:
        values = dict(_setting(text) for text in args.at)
        path, _, name = args.what.rpartition(":")
        if path.endswith(".py"):
            f = _function_in(path, name)
            return _explain(args, f, values, name)
        expression = Expression(args.what)
        _check_names(expression, values)
        arrays = {n: values[n] for n in expression.names}
        return _explain(args, expression, arrays, expression.text)
    except ChainruleError as error:
        print(f"chainrule explain: {error}", file=sys.stderr)
    except BrokenPipeError:
        raise  # the reader of our output has gone, which the command line knows how to end
    except OSError as error:
        print(f"chainrule explain: cannot write {args.out}: {error.strerror or error}", file=sys.stderr)
    return 2


def _explain(args: argparse.Namespace, f: Callable, values: dict[str, Any], title: str) -> int:
    if args.text:
        print(_tables(f, values))
        return 0
    if isinstance(f, Expression):
        made = build(program_of(f, values))
    else:
        made = build(_guarded(title, lambda: of_function(f, (), values)))
    return _give(args, made)


def program_of(expression: Expression, values: dict[str, Any]) -> Program:
    """The Program of an expression at these values."""
    recorder = Recorder()
    expression.at = lambda place: setattr(recorder, "place", place)
    program = of_function(lambda **boxes: expression(**boxes), (), values, recorder, expression.text)
    program.text = expression.text
    return program


def _tables(f: Callable, values: dict[str, Any]) -> str:
    from ..explain.trace import trace

    def named(*given: Any) -> Any:
        return _one_number(f(**dict(zip(values, given, strict=True))))

    places = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in values]
    named.__signature__ = inspect.Signature(places)  # type: ignore[attr-defined]
    found = _guarded(getattr(f, "__name__", "the expression"), lambda: trace(named, *values.values()))
    return found.text()


def _one_number(result: Any) -> Any:
    shape = getattr(result, "shape", ())
    if math.prod(shape) != 1:
        raise ArgumentError(
            f"the result has shape {tuple(shape)}, and the gradient of one number is followed; reduce it first, for "
            f"example with sum(...)"
        )
    return result


def _guarded(name: str, work: Callable[[], Any]) -> Any:
    """Errors of the user's own function as one sentence."""
    try:
        return work()
    except ChainruleError:
        raise
    except Exception as error:
        raise ArgumentError(f"{name} failed with {type(error).__name__}: {error}") from error


def _give(args: argparse.Namespace, made: Page) -> int:
    if args.out is None:
        print(f"the page is {made.open()}")
    else:
        print(f"wrote {made.save(args.out)}")
    return 0


def _setting(text: str) -> tuple[str, np.ndarray]:
    """('x1', array) of "x1=2"."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise ArgumentError(f"--at takes NAME=VALUE, such as x1=2, and got {text!r}")
    try:
        return name, np.asarray(float(value))
    except ValueError:
        pass
    try:
        found = json.loads(value)
        if not isinstance(found, list):
            raise ValueError
        return name, np.asarray(found, dtype=np.float64)
    except (ValueError, TypeError, RecursionError):
        raise ArgumentError(
            f"the value of {name} must be a number or a list of numbers in rows of equal length, not {value!r}"
        ) from None


def _check_names(expression: Expression, values: dict[str, Any]) -> None:
    missing = [n for n in expression.names if n not in values]
    if missing:
        example = " ".join(f"{n}=1" for n in missing)
        raise ArgumentError(f"no value for {', '.join(missing)}; add --at {example}")
    extra = [n for n in values if n not in expression.names]
    if extra:
        raise ArgumentError(f"{', '.join(extra)} given with --at does not occur in the expression")
    if not expression.names:
        raise ArgumentError("the expression has no variables, so there is nothing to differentiate")


def _function_in(path: str, name: str) -> Callable:
    """The function `name` of the file `path`, which is run as a module of its own."""
    import importlib.util

    file = Path(path)
    if not file.is_file():
        raise ArgumentError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))
    try:
        _guarded(path, lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    except SystemExit:
        raise ArgumentError(f"{path} called sys.exit() while it was read") from None
    finally:
        sys.path.pop(0)
    f = getattr(module, name, None)
    if not callable(f):
        functions = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == file.stem]
        known = f"; it has {', '.join(functions)}" if functions else ""
        raise ArgumentError(f"{path} has no function {name!r}{known}")
    return f
