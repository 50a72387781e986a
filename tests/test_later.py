"""Families that are imported when one of their names is first used: the table of their names, and what loads when."""

import subprocess
import sys
from importlib import import_module

import pytest

import chainrule as cr
from chainrule.ops.later import LATER
from chainrule.tensor import methods


@pytest.mark.parametrize("family", LATER)
def test_the_table_is_what_the_module_says(family):
    module = import_module(f"chainrule.{family}")
    names, given = LATER[family]
    said = [*getattr(module, "METHODS", ()), *(f"{n}_" for n in getattr(module, "INPLACE", ()))]
    assert sorted(given.split()) == sorted([*said, *getattr(module, "ATTRIBUTES", ())])
    older = set(LATER["tensor.older"][0].split()) if family != "tensor.older" else set()
    in_place = {f"{n}_" for n in getattr(module, "INPLACE", ()) if n in methods.FUNCTIONS_IN_PLACE.split()}
    assert set(names.split()) == (set(module.__all__) - older) | in_place


def test_every_operation_module_is_imported_at_once_or_in_the_table():
    program = (
        "import chainrule, sys, pkgutil, chainrule.ops as ops\n"
        "for m in pkgutil.iter_modules(ops.__path__):\n"
        "    print(m.name) if f'chainrule.ops.{m.name}' not in sys.modules else None\n"
    )
    for name in fresh(program).split():
        module = import_module(f"chainrule.ops.{name}")
        public = [*module.__all__, *getattr(module, "METHODS", ())] if hasattr(module, "__all__") else []
        reachable = {n for names, given in LATER.values() for n in (names + " " + given).split()}
        reachable |= set(dir(cr.nn.functional)) | set(dir(cr.linalg)) | set(dir(cr.fft)) | set(dir(cr.special))
        assert set(public) <= reachable, name


def fresh(program: str) -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_each_name_and_method_resolves_in_a_fresh_process():
    program = (
        "import chainrule as cr\n"
        "from chainrule.ops.later import LATER\n"
        "from chainrule.tensor.methods import Later\n"
        "for names, methods in LATER.values():\n"
        "    for n in names.split():\n"
        "        assert n in dir(cr), n\n"
        "        assert getattr(cr, n) is vars(cr)[n], n\n"
        "    for n in methods.split():\n"
        "        getattr(cr.Tensor, n)\n"
        "        assert not isinstance(vars(cr.Tensor)[n], Later), n\n"
        "x = cr.tensor([[2.0, 1.0], [1.0, 3.0]])\n"
        "print(x.det().item(), 'done')"
    )
    assert fresh(program) == "5.0 done\n"


@pytest.mark.parametrize(
    "use",
    [
        "cr.tensor([[2.0, 0.0], [0.0, 3.0]]).det().item() == 6.0",
        "cr.Tensor.cumsum(cr.ones(3), 0).tolist() == [1, 2, 3]",
        "cr.nn.Parameter(cr.ones(2)).softmax(0).tolist() == [0.5, 0.5]",
        "cr.kthvalue(cr.tensor([3.0, 1.0]), 1, out=(cr.empty(()), cr.empty((), dtype=cr.int64))).values.item() == 1.0",
        "cr.func.grad(lambda x: x.logsumexp(0))(cr.zeros(2)).tolist() == [0.5, 0.5]",
        "cr.func.vmap(cr.trace)(cr.ones(2, 3, 3)).tolist() == [3, 3]",
        "__import__('numpy').sum(cr.ones(3)).item() == 3.0",
        "__import__('numpy').exp(cr.zeros(())).item() == 1.0",
        "(lambda x: x.erf_())(cr.zeros(1)).tolist() == [0.0]",
        "cr.newaxis is None and 'newaxis' in vars(cr)",
        "__import__('pickle').loads(__import__('pickle').dumps(cr.softmax)) is cr.softmax",
    ],
)
def test_a_name_loads_its_family_on_first_use(use):
    assert fresh(f"import chainrule as cr\nprint({use})") == "True\n"


def test_a_graph_is_read_although_its_operations_are_not_imported():
    text = str(cr.graph.stage(lambda x: cr.linalg.inv(x) @ x.cumsum(0), cr.eye(2)))
    assert fresh(f"import chainrule as cr\nprint(cr.graph.parse({text!r}))") == f"{text}\n"


def test_a_star_import_brings_the_names_of_families_too():
    program = "from chainrule import *\nprint(softmax(zeros(2), 0).tolist(), vmap(det)(ones(1, 1, 1)).tolist())"
    assert fresh(program) == "[0.5, 0.5] [1.0]\n"


def test_threads_that_ask_at_once_all_get_the_method():
    program = (
        "import threading, chainrule as cr\n"
        "x, found = cr.ones(3), []\n"
        "threads = [threading.Thread(target=lambda: found.append(x.cumsum(0).tolist())) for _ in range(8)]\n"
        "[t.start() for t in threads], [t.join() for t in threads]\n"
        "print(found == [[1, 2, 3]] * 8)"
    )
    assert fresh(program) == "True\n"


def test_importing_chainrule_imports_numpy_and_nothing_heavy():
    loaded = fresh("import sys, chainrule; print(*sys.modules)").split()
    heavy = {"scipy", "numpy.fft", "numpy.linalg.lapack_lite", "chainrule.nn", "chainrule.explain", "dataclasses"}
    assert not heavy & set(loaded)
    assert sum(name.startswith("chainrule") for name in loaded) < 90
