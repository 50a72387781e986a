"""chainrule check: a function's gradient against central differences."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ChainruleError
from ..core.value import Tensor, wrap
from ..tensor.gradcheck import GradcheckError, gradcheck, gradgradcheck
from ..tensor.modes import no_grad
from .common import UsageError, add_command, near, print_json

EXAMPLES = """  chainrule check loss.py:loss --at 0.5 --at "[1.0, 2.0]"       arguments in their order
  chainrule check loss.py:loss --at x=0.5 --at "W=randn(3, 4)"  by name; randn and rand draw numbers by chance
  chainrule check layers.py:MyFunction --at "randn(5)"          a subclass of autograd.Function
  chainrule check loss.py:loss --second --json                  second derivatives too; defaults as arguments
"""
DRAWN = re.compile(r"(randn|rand|ones|zeros)\(\s*((?:\d+\s*,?\s*)*)\)$")


def add_parser(commands: Any) -> None:
    """Add `check` to the command line."""
    parser = add_command(commands, "check", "compare a function's gradient with central differences", EXAMPLES)
    parser.add_argument("function", metavar="FILE.py:NAME", help="the file is run to find the function")
    parser.add_argument("--at", action="append", default=[], metavar="VALUE", help="an argument, or NAME=VALUE")
    parser.add_argument("--second", action="store_true", help="check second derivatives too")
    parser.add_argument("--atol", type=float, default=1e-5, help="allowed difference (default: 1e-5)")
    parser.add_argument("--rtol", type=float, default=1e-3, help="allowed relative difference (default: 1e-3)")
    parser.add_argument("--seed", type=int, default=0, help="for randn and rand (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """0 if every gradient is right, 1 if one is wrong."""
    f = find_function(args.function)
    values = arguments(f, args.at, args.seed)
    checked = [name for name, v in values.items() if isinstance(v, np.ndarray)]
    if not checked:
        raise UsageError(f"{args.function} has no argument of real numbers to differentiate by: give one with --at 0.5")
    results = [check_one(f, values, name, args) for name in checked]
    wrong = [r for r in results if not r["ok"]]
    if args.json:
        print_json({"function": args.function, "ok": not wrong, "arguments": results})
    else:
        for r in results:
            print(f"{'ok' if r['ok'] else 'WRONG':<6} {r['argument']}: {r['says']}")
    if wrong:
        names = ", ".join(repr(r["argument"]) for r in wrong)
        print(
            f"chainrule check: the gradient of {args.function} with respect to {names} is wrong. If the function has a "
            f"kink or jump at this point (relu or abs at 0, rounding), choose another with --at",
            file=sys.stderr,
        )
    return 1 if wrong else 0


def find_function(text: str) -> Callable:
    """The function NAME of FILE.py; a subclass of autograd.Function gives its apply."""
    path, colon, name = text.rpartition(":")
    if not colon or not name:
        raise UsageError(f"expected FILE.py:NAME, got {text!r}, such as loss.py:loss")
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    found = getattr(module, name, None)
    if found is None:
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UsageError(f"{path} has no {name!r}. {near(name, known) if known else 'It has no functions.'}")
    if isinstance(found, type) and hasattr(found, "apply"):
        apply, forward = found.apply, found.forward
        names = list(inspect.signature(forward).parameters.values())
        drop = 1 if names and names[0].name in ("ctx", "self") else 0

        def f(*args: Any) -> Any:
            return apply(*args)

        f.__signature__ = inspect.Signature(names[drop:])
        return f
    if not callable(found) or isinstance(found, type):
        raise UsageError(f"{name!r} in {path} is not a function but {type(found).__name__}")
    return found


def arguments(f: Callable, given: list[str], seed: int) -> dict[str, Any]:
    """Values by parameter name: from --at, else defaults, else a number by chance where the annotation is float.

    Real numbers become float64 arrays, to be checked; all else is passed as it is.
    """
    parameters = [
        p
        for p in inspect.signature(f).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    names = [p.name for p in parameters]
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.strip().isidentifier()):
            left = [n for n in names if n not in values]
            if not left:
                raise UsageError(f"--at {text!r} is one too many: the function takes {', '.join(names) or 'nothing'}")
            name, value = left[0], text
        name = name.strip()
        if name not in names:
            raise UsageError(f"--at {text!r}: the function has no argument {name!r}. {near(name, names)}")
        values[name] = _parse(value.strip(), rng)
    for p in parameters:
        if p.name in values:
            continue
        if p.default is not p.empty:
            default = p.default
            is_real = isinstance(default, float) or (isinstance(default, Tensor) and default.is_floating_point())
            number = default.detach().numpy() if isinstance(default, Tensor) else default
            values[p.name] = np.array(number, np.float64) if is_real else default
        elif p.annotation in (float, "float"):
            values[p.name] = np.array(rng.uniform(0.2, 1.0))
        else:
            raise UsageError(f"argument {p.name!r} needs a value: --at {p.name}=0.5, or --at '{p.name}=randn(3, 4)'")
    return {n: values[n] for n in names}


def _parse(text: str, rng: np.random.Generator) -> Any:
    drawn = DRAWN.match(text)
    if drawn:
        shape = tuple(int(n) for n in re.findall(r"\d+", drawn.group(2)))
        make = {"randn": rng.standard_normal, "rand": rng.random, "ones": np.ones, "zeros": np.zeros}[drawn.group(1)]
        return np.asarray(make(shape), np.float64)
    try:
        value = ast.literal_eval(text)
        array = np.array(value, None)
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"--at {text!r}: expected a number, a list such as [1.0, 2.0], or randn(3, 4)") from error
    if array.dtype.kind in "fi" and not isinstance(value, (bool, str)):
        return value if isinstance(value, int) else np.array(value, np.float64)
    return value


def check_one(f: Callable, values: dict[str, Any], name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Compare the gradient by one argument; the others are constants."""
    moved = wrap(np.array(values[name])).requires_grad_()
    signature = inspect.signature(f)
    fixed = {n: wrap(np.array(v)) if isinstance(v, np.ndarray) else v for n, v in values.items()}

    def only(x: Tensor) -> Any:
        by_name = {**fixed, name: x}
        keywords = {n: v for n, v in by_name.items() if signature.parameters[n].kind is inspect.Parameter.KEYWORD_ONLY}
        return f(*(v for n, v in by_name.items() if n not in keywords), **keywords)

    result = {"argument": name, "shape": list(moved.shape), "ok": True}
    try:
        outputs = only(moved)
        found = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        if not any(isinstance(o, Tensor) for o in found):
            return result | {"ok": False, "says": f"the function returns {type(found[0]).__name__}, not a Tensor"}
        if not any(isinstance(o, Tensor) and o.requires_grad for o in found):
            depends = _moves(only, moved)
            says = "the result depends on it, but its gradient is lost (by detach, numpy, item or tensor(...))"
            return result | {"ok": not depends, "says": says if depends else "the result does not depend on it"}
        gradcheck(only, (moved,), atol=args.atol, rtol=args.rtol)
        if args.second:
            gradgradcheck(only, (moved,), atol=args.atol, rtol=args.rtol)
    except GradcheckError as error:
        text = str(error).split("\nnumerical")[0]
        return result | {"ok": False, "says": text.replace("with respect to input 0", f"with respect to {name!r}")}
    except ChainruleError as error:
        return result | {"ok": False, "says": f"{type(error).__name__}: {error}"}
    except Exception as error:  # the user's function fails: say so, without a traceback of ours
        return result | {"ok": False, "says": f"the function raises {type(error).__name__}: {error}"}
    order = "first and second derivatives agree" if args.second else "agrees"
    return result | {"says": f"{order} with central differences, {moved.numel()} numbers"}


def _moves(f: Callable, x: Tensor) -> bool:
    """Whether the result changes when every number of x does."""
    with no_grad():
        before, after = f(x.detach()), f(x.detach() + 1e-3)
    pairs = zip(*((v if isinstance(v, (tuple, list)) else (v,)) for v in (before, after)))
    return any(not np.array_equal(np.asarray(a.numpy()), np.asarray(b.numpy())) for a, b in pairs)
