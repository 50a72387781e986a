"""One test per law, over every operation in tests/samples. `pytest tests/test_laws.py -k NAME` runs one operation's."""

from __future__ import annotations

import gc
import re

import helpers as h
import numpy as np
import pytest
from samples.table import OpCase, Sample

import chainrule as cr
from chainrule import graph
from chainrule.core.errors import ShapeError, TracedValueError
from chainrule.core.primitive import PRIMITIVES
from chainrule.core.state import state
from chainrule.core.tape import Node
from chainrule.core.value import Tensor, wrap


def law(*marks: pytest.MarkDecorator, only=lambda case: True):
    """Run a law once per operation."""

    def decorate(test):
        chosen = [case for case in h.ALL_CASES if only(case)]
        made = pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])(test)
        for mark in marks:
            made = mark(made)
        return made

    return decorate


slow, oracle = pytest.mark.slow, pytest.mark.oracle


def differentiable(case: OpCase):
    """Samples with derivatives: number, sample, arrays in double precision, numbers of those to differentiate by."""
    for number, sample in h.each(case):
        leaves = h.cast_all(h.leaves_of(sample), wide=True)
        by = h.wanted(sample, leaves)
        if by:
            yield number, sample, leaves, by


def function_of(case: OpCase, sample: Sample, leaves: list, by: list[int]):
    """The operation as a function of the arrays in `by` alone, returning its floating results."""

    def f(*given):
        full = [wrap(a) for a in leaves]
        for i, x in zip(by, given, strict=True):
            full[i] = x
        return tuple(y for y in h.outputs(case, sample, full) if h.is_float(h.raw_spec(y)))

    return f


# ---- completeness ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", h.FAMILIES)
def test_samples_load(family):
    if family in h.IMPORT_ERRORS:
        raise h.IMPORT_ERRORS[family]


def test_every_primitive_is_run_by_some_sample():
    run = set()
    with h.recording(lambda prim, args, params, ans: run.add(prim.name)):
        for case in h.ALL_CASES:
            for _, sample in h.each(case):
                leaves = h.leaves_of(sample)
                try:
                    inputs = h.tensors(leaves, h.wanted(sample, leaves))
                    by = [x for x in inputs if x.requires_grad]
                    outs = h.outputs(case, sample, inputs)
                    if by:
                        h.gradients(outs, by, h.cotangents(case.name, outs), create_graph=True)
                except Exception:  # the other laws say what is wrong
                    continue
    users = {name for name in PRIMITIVES if name.startswith("custom")}  # made by users and tests at run time
    draws = ("chainrule.ops.random", "chainrule.ops.gamma_draws")
    users |= {name for name, p in PRIMITIVES.items() if p.effect or p.impl.__module__ in draws}
    # (draws have no reference values: tests/test_random.py is about them)
    missing = sorted(set(PRIMITIVES) - run - users)
    assert not missing, f"no sample runs: {', '.join(missing)}"


def test_every_public_name_exists():
    missing = [name for name in h.PUBLIC_NAMES if h.find_or_none(cr, name) is None and not name.startswith("Tensor.")]
    missing += [f"Tensor.{n}" for n in tensor_names() if not hasattr(Tensor, n)]
    assert not missing, f"{len(missing)} names do not exist: {', '.join(missing)}"


def tensor_names():
    return [name.removeprefix("Tensor.") for name in h.PUBLIC_NAMES if name.startswith("Tensor.")]


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_primitive_has_all_rules(name):
    prim = PRIMITIVES[name]
    differentiates = prim.joint is not None or any(prim.vjp)
    assert prim.doc, "a record says in one line what it computes"
    assert prim.batch is not None, "no batching rule"
    assert not differentiates or prim.jvp is not None, "a reverse rule without a forward rule"


# ---- values ---------------------------------------------------------------------------------------------------------


@law(oracle, only=lambda case: case.torch_name is not None)
def test_value_is_torchs(case):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for number, sample in h.each(case):
        if not sample.torch:
            continue
        with h.naming(case, number, sample):
            given = h.leaves_of(sample)
            for wide in (True, False):
                leaves = given if wide else h.cast_all(given, wide=False)
                if not wide and all(a.dtype == b.dtype for a, b in zip(given, leaves, strict=True)):
                    continue
                theirs = h.torch_outputs(torch, case, sample, [h.torch_leaf(torch, a) for a in leaves])
                ours = h.flat_results(h.apply(case, sample, h.tensors(leaves)))
                assert len(ours) == len(theirs), f"{len(ours)} results, torch has {len(theirs)}"
                single = not wide or any(a.dtype in (np.float32, np.complex64) for a in leaves)
                half = any(a.dtype.name in ("float16", "bfloat16") for a in leaves)
                rtol = max(case.rtol, 2e-2) if half else max(2e-4, 100 * case.rtol) if single else case.rtol
                for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                    if isinstance(b, torch.Tensor):
                        assert isinstance(a, Tensor), f"result {i} is a {type(a).__name__}, torch's is a Tensor"
                        assert str(a.dtype) == str(b.dtype), f"result {i}: {a.dtype}, torch says {b.dtype}"
                        if h.raw(b).dtype in (np.float32, np.complex64):
                            rtol = max(rtol, 2e-4)
                        h.assert_close(a, b, rtol, f"result {i}", dtype=str(b.dtype) != "torch.bfloat16")
                    elif isinstance(b, (bool, int, float, complex)):
                        h.assert_close(a, b, rtol, f"result {i}", dtype=False)


@law(only=lambda case: case.reference is not None)
def test_value_is_the_references(case):
    for number, sample in h.each(case):
        with h.naming(case, number, sample):
            ours = h.flat_results(h.apply(case, sample, h.tensors(h.leaves_of(sample))))
            theirs = h.flat_results(case.reference(*sample.args, **sample.kwargs))
            assert len(ours) == len(theirs), f"{len(ours)} results, the reference has {len(theirs)}"
            for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                narrow = h.raw(a).dtype.itemsize < 8 or h.raw(a).dtype == np.complex64
                h.assert_close(a, b, max(case.rtol, 1e-5) if narrow else case.rtol, f"result {i}", dtype=False)


@law()
def test_aval_foresees_shape_and_dtype(case):
    for number, sample in h.each(case):
        with h.naming(case, number, sample), h.recording(h.check_aval):
            leaves = h.leaves_of(sample)
            inputs = h.tensors(leaves, h.wanted(sample, leaves))
            outs = h.outputs(case, sample, inputs)
            h.gradients(outs, [x for x in inputs if x.requires_grad], h.cotangents(case.name, outs), create_graph=True)


# ---- derivatives against torch --------------------------------------------------------------------------------------


def torch_gradients(torch, outs, inputs, cts, create_graph=False):
    use = [i for i, y in enumerate(outs) if isinstance(y, torch.Tensor) and y.requires_grad]
    if not use:
        return [None] * len(inputs)
    seeds = [torch.from_numpy(np.array(cts[i])) for i in use]
    return torch.autograd.grad([outs[i] for i in use], inputs, seeds, allow_unused=True, create_graph=create_graph)


def zeros_for_none(found, inputs):
    return [np.zeros_like(h.raw(x)) if g is None else h.raw(g) for g, x in zip(found, inputs, strict=True)]


@law(oracle, only=lambda case: case.torch_name is not None)
def test_gradient_is_torchs_to_second_order(case):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for number, sample, leaves, by in differentiable(case):
        if not sample.torch:
            continue
        with h.naming(case, number, sample):
            ours = h.tensors(leaves, by)
            outs = h.outputs(case, sample, ours)
            theirs = [h.torch_leaf(torch, a) for a in leaves]
            for i in by:
                theirs[i].requires_grad_()
            torch_outs = [y for y in h.torch_outputs(torch, case, sample, theirs) if isinstance(y, torch.Tensor)]
            cts = h.cotangents((case.name, number), outs)
            mine, its = [ours[i] for i in by], [theirs[i] for i in by]
            first = h.gradients(outs, mine, cts, create_graph=True)
            try:
                expected = torch_gradients(torch, torch_outs, its, cts, create_graph=True)
            except RuntimeError:  # torch has no derivative here: the numeric law decides
                continue
            rtol = max(10 * case.rtol, 1e-6)
            for i, a, b in zip(by, zeros_for_none(first, mine), zeros_for_none(expected, its), strict=True):
                h.assert_close(a, b, rtol, f"gradient by array {i}")
            if not sample.second:
                continue
            weights = h.cotangents((case.name, number, 2), mine)
            pairs = [(g, w) for g, w in zip(first, weights, strict=True) if g is not None and g.requires_grad]
            torch_pairs = [(g, w) for g, w in zip(expected, weights, strict=True) if g is not None and g.requires_grad]
            try:
                second_theirs = torch_gradients(torch, [g for g, _ in torch_pairs], its, [w for _, w in torch_pairs])
            except RuntimeError:  # torch has no second derivative here: the numeric law decides
                continue
            second = h.gradients([g for g, _ in pairs], mine, [w for _, w in pairs])
            for i, a, b in zip(by, zeros_for_none(second, mine), zeros_for_none(second_theirs, its), strict=True):
                h.assert_close(a, b, 10 * rtol, f"second derivative by array {i}")


# ---- derivatives against differences --------------------------------------------------------------------------------

STEP = 1e-5


def moved(leaves, way, t):
    return [np.asarray(a + t * way[i]) if i in way else a for i, a in enumerate(leaves)]


def close(got, want, scale, what, rtol=2e-5):
    assert abs(got - want) <= rtol * max(1.0, scale, abs(want)), f"{what}: {got!r}, by differences {want!r}"


@law()
def test_gradient_is_the_central_difference(case):
    for number, sample, leaves, by in differentiable(case):
        with h.naming(case, number, sample):
            inputs = h.tensors(leaves, by)
            outs = h.outputs(case, sample, inputs)
            use = h.recorded(outs)
            if not h.finite([h.raw(y) for y in outs]):
                continue
            cts = h.cotangents((case.name, number), outs)
            found = h.gradients(outs, [inputs[i] for i in by], cts)
            for i, g in zip(by, found, strict=True):
                if g is not None:
                    a = h.raw(g)
                    assert (a.shape, a.dtype) == (leaves[i].shape, leaves[i].dtype), (
                        f"array {i} has a gradient {a.dtype}"
                    )
            for i, g in zip(by, found, strict=True):  # one array at a time, so that errors cannot cancel
                way = h.directions((case.name, number, i), leaves, [i])

                def along(t, way=way):
                    ys = h.outputs(case, sample, h.tensors(moved(leaves, way, t)))
                    return [h.raw(ys[k]) for k in use]

                up, down = along(STEP), along(-STEP)
                want = sum(h.inner(cts[k], a - b) for k, a, b in zip(use, up, down, strict=True)) / (2 * STEP)
                got = 0.0 if g is None else h.inner(h.raw(g), way[i])
                scale = 1e-6 * sum(float(np.abs(a).sum()) for a in up)
                scale += 0.0 if g is None else float(np.abs(h.raw(g)).max(initial=0))
                close(got, want, scale, f"gradient by array {i}")


@law()
def test_second_derivative_is_the_difference_of_gradients(case):
    for number, sample, leaves, by in differentiable(case):
        if not sample.second:
            continue
        with h.naming(case, number, sample):
            inputs = h.tensors(leaves, by)
            mine = [inputs[i] for i in by]
            outs = h.outputs(case, sample, inputs)
            if not h.finite([h.raw(y) for y in outs]):
                continue
            cts = h.cotangents((case.name, number), outs)
            first = h.gradients(outs, mine, cts, create_graph=True)
            weights = h.cotangents((case.name, number, 2), mine)
            pairs = [(g, w) for g, w in zip(first, weights, strict=True) if g is not None and g.requires_grad]
            second = h.gradients([g for g, _ in pairs], mine, [w for _, w in pairs]) if pairs else [None] * len(by)
            way = h.directions((case.name, number, 3), leaves, by)

            def weighted(t):
                there = h.tensors(moved(leaves, way, t), by)
                ys = h.outputs(case, sample, there)
                found = h.gradients(ys, [there[i] for i in by], cts)
                return sum(h.inner(w, h.raw(g)) for g, w in zip(found, weights, strict=True) if g is not None)

            want = (weighted(STEP) - weighted(-STEP)) / (2 * STEP)
            got = sum(h.inner(h.raw(g), way[i]) for i, g in zip(by, second, strict=True) if g is not None)
            scale = sum(float(np.abs(h.raw(g)).sum()) for g in (*first, *second) if g is not None)
            close(got, want, scale, "second derivative", 5e-5)


@law()
def test_gradient_is_linear_in_the_cotangent(case):
    """Its derivative by the cotangent has the cotangent's dtype and, applied to the cotangent, gives the gradient."""
    for number, sample, leaves, by in differentiable(case):
        if not sample.second:
            continue
        with h.naming(case, number, sample):
            inputs = h.tensors(leaves, by)
            outs = h.outputs(case, sample, inputs)
            use = h.recorded(outs)
            if not h.finite([h.raw(y) for y in outs]):
                continue
            cts = h.cotangents((case.name, number), outs)
            seeds = [cr.tensor(cts[k], requires_grad=True) for k in use]
            mine = [inputs[i] for i in by]
            first = cr.autograd.grad([outs[k] for k in use], mine, seeds, create_graph=True, allow_unused=True)
            weights = h.cotangents((case.name, number, 2), mine)
            known = [(g, cr.tensor(w)) for g, w in zip(first, weights, strict=True) if g is not None]
            pairs = [(g, w) for g, w in known if g.requires_grad]
            if not pairs:
                continue
            found = cr.autograd.grad([g for g, _ in pairs], seeds, [w for _, w in pairs], allow_unused=True)
            got = 0.0
            for seed, back in zip(seeds, found, strict=True):
                if back is not None:
                    assert back.dtype == seed.dtype, f"derivative by the cotangent is {back.dtype}, not {seed.dtype}"
                    got += h.inner(h.raw(back), h.raw(seed))
            want = sum(h.inner(h.raw(w), h.raw(g)) for g, w in pairs)
            close(got, want, sum(float(np.abs(h.raw(g)).sum()) for g, _ in pairs), "derivative by the cotangent", 1e-6)


# ---- transformations ------------------------------------------------------------------------------------------------


def func():
    """chainrule.func, which holds jvp and vmap."""
    return pytest.importorskip("chainrule.func", reason="chainrule.func is not there", exc_type=ImportError)


@law()
def test_forward_mode_agrees_with_reverse_and_differences(case):
    jvp = func().jvp
    for number, sample, leaves, by in differentiable(case):
        if not sample.forward:
            continue
        with h.naming(case, number, sample):
            way = h.directions((case.name, number, 4), leaves, by)
            f = function_of(case, sample, leaves, by)
            inputs = h.tensors(leaves, by)
            outs = [y for y in h.outputs(case, sample, inputs) if h.is_float(h.raw(y))]
            if not h.finite([h.raw(y) for y in outs]):
                continue
            primals, tangents = jvp(f, tuple(wrap(leaves[i]) for i in by), tuple(wrap(way[i]) for i in by))
            assert len(primals) == len(tangents) == len(outs)
            for k, (y, p, dy) in enumerate(zip(outs, primals, tangents, strict=True)):
                h.assert_close(p, y, 1e-12, f"value {k} under jvp")
                assert h.raw(dy).shape == h.raw(y).shape, f"tangent {k} has shape {h.raw(dy).shape}"
                assert h.raw(dy).dtype == h.raw(y).dtype, f"tangent {k} has dtype {h.raw(dy).dtype}"
            cts = h.cotangents((case.name, number), outs)
            found = h.gradients(outs, [inputs[i] for i in by], cts)
            use = h.recorded(outs)
            reverse = sum(h.inner(h.raw(g), way[i]) for i, g in zip(by, found, strict=True) if g is not None)
            forward = sum(h.inner(cts[k], h.raw(tangents[k])) for k in use)
            scale = sum(float(np.abs(cts[k] * h.raw(tangents[k])).sum()) for k in use)
            assert abs(reverse - forward) <= 1e-8 * max(1.0, scale), f"reverse {reverse!r}, forward {forward!r}"
            up = f(*(wrap(np.asarray(leaves[i] + STEP * way[i])) for i in by))
            down = f(*(wrap(np.asarray(leaves[i] - STEP * way[i])) for i in by))
            for k in use:
                want = (h.raw(up[k]) - h.raw(down[k])) / (2 * STEP)
                h.assert_close(tangents[k], want, 1e-4, f"tangent {k}")


@law(slow)
def test_forward_over_reverse_is_reverse_over_reverse(case):
    jvp, vjp = func().jvp, func().vjp
    for number, sample, leaves, by in differentiable(case):
        if not (sample.forward and sample.second):
            continue
        with h.naming(case, number, sample):
            outs = [y for y in h.outputs(case, sample, h.tensors(leaves, by)) if h.is_float(h.raw(y))]
            if not h.recorded(outs) or not h.finite([h.raw(y) for y in outs]):
                continue
            cts = h.cotangents((case.name, number), outs)
            way = h.directions((case.name, number, 5), leaves, by)
            f = function_of(case, sample, leaves, by)

            def gradient(*given):
                _, pullback = vjp(f, *given)
                return pullback(tuple(wrap(ct) for ct in cts))

            _, pushed = jvp(gradient, tuple(wrap(leaves[i]) for i in by), tuple(wrap(way[i]) for i in by))
            inputs = h.tensors(leaves, by)
            mine = [inputs[i] for i in by]
            first = h.gradients(f(*mine), mine, cts, create_graph=True)
            weights = h.cotangents((case.name, number, 6), mine)
            pairs = [(g, w) for g, w in zip(first, weights, strict=True) if g is not None and g.requires_grad]
            second = h.gradients([g for g, _ in pairs], mine, [w for _, w in pairs]) if pairs else [None] * len(by)
            forward = sum(h.inner(w, h.raw(p)) for w, p in zip(weights, pushed, strict=True))
            reverse = sum(h.inner(h.raw(g), way[i]) for i, g in zip(by, second, strict=True) if g is not None)
            scale = sum(float(np.abs(h.raw(g)).sum()) for g in second if g is not None)
            assert abs(forward - reverse) <= 1e-7 * max(1.0, scale), f"forward {forward!r}, reverse {reverse!r}"


def batch_of(a: np.ndarray) -> np.ndarray:
    """Three arrays like `a` that differ but stay in its domain."""
    if h.is_float(a):
        return np.stack([a, a * 0.98, a * 0.96]).astype(a.dtype)
    return np.stack([a, np.roll(a, 1, -1), a]) if a.ndim else np.stack([a, a, a])


@law()
def test_vmap_is_a_loop(case):
    vmap = func().vmap
    for number, sample in h.each(case):
        leaves = h.leaves_of(sample)
        if not sample.vmap or not leaves:
            continue
        with h.naming(case, number, sample):
            for chosen in {(0,), tuple(range(len(leaves)))}:
                stacks = {i: batch_of(leaves[i]) for i in chosen}

                def loop(stacks=stacks):
                    rows = [[stacks[i][k] if i in stacks else a for i, a in enumerate(leaves)] for k in range(3)]
                    return [h.outputs(case, sample, h.tensors(row)) for row in rows]

                try:
                    rows = loop()
                except Exception:  # the changed values left the domain: equal rows then
                    stacks = {i: np.stack([leaves[i]] * 3) for i in chosen}
                    rows = loop(stacks)

                def f(*given, chosen=chosen):
                    full = [wrap(a) for a in leaves]
                    for i, x in zip(chosen, given, strict=True):
                        full[i] = x
                    return tuple(h.outputs(case, sample, full))

                got = vmap(f)(*(wrap(stacks[i]) for i in chosen))
                narrow = any(a.dtype.itemsize < 8 and h.is_float(a) for a in leaves)
                for k, y in enumerate(got):
                    want = np.stack([h.raw(row[k]) for row in rows])
                    h.assert_close(y, want, 1e-4 if narrow else max(1e-9, case.rtol), f"result {k}, batched {chosen}")


@law()
def test_staged_is_eager(case):
    for number, sample in h.each(case):
        with h.naming(case, number, sample):
            leaves = h.leaves_of(sample)

            def f(*given):
                return tuple(h.outputs(case, sample, list(given)))

            gc.freeze()  # stage() looks through all objects for outside tensors: here there are none
            try:
                staged = graph.stage(f, *h.tensors(leaves))
            except TracedValueError:
                continue  # the shape of its result depends on values, and the error says so
            finally:
                gc.unfreeze()
            want = f(*h.tensors(leaves))
            cr.manual_seed(0)  # as every call of f does
            got = h.flat_results(staged.run(*h.tensors(leaves)))
            assert len(got) == len(want)
            for k, (a, b) in enumerate(zip(got, want, strict=True)):
                h.assert_close(a, b, 1e-12 if h.raw(b).dtype.itemsize >= 8 else 1e-5, f"result {k}")


# ---- memory ---------------------------------------------------------------------------------------------------------


def relaid(a: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another layout of memory."""
    if layout == "reversed":
        back = (..., *(slice(None, None, -1),) * a.ndim)  # the ellipsis keeps 0-d arrays arrays
        return np.array(a[back], order="C")[back]
    if layout == "strided":
        wide = np.zeros((*a.shape, 2), a.dtype)
        wide[..., 0] = a
        return wide[..., 0]
    made = np.array(a, order="C")
    if layout == "read-only":
        made.flags.writeable = False
    return made


@law()
def test_inputs_are_not_changed_and_their_layout_does_not_matter(case):
    for number, sample in h.each(case):
        with h.naming(case, number, sample):
            given = h.leaves_of(sample)
            by = h.wanted(sample, given)
            expected = None
            for layout in ("contiguous", "reversed", "strided", "read-only"):
                leaves = [relaid(a, layout) for a in given]
                before = [a.tobytes() for a in leaves]
                inputs = h.tensors(leaves, by)
                outs = h.outputs(case, sample, inputs)
                cts = h.cotangents((case.name, number), outs)
                found = h.gradients(outs, [inputs[i] for i in by], cts)
                for i, (a, b) in enumerate(zip(leaves, before, strict=True)):
                    assert a.tobytes() == b, f"array {i} ({layout}) was changed"
                results = [h.raw(x).copy() for x in (*outs, *(g for g in found if g is not None))]
                if expected is None:
                    expected = results
                for k, (a, b) in enumerate(zip(results, expected, strict=True)):
                    narrow = any(x.dtype.itemsize < 8 and h.is_float(x) for x in given)
                    h.assert_close(a, b, 1e-3 if narrow else 1e-9, f"result {k} of {layout} arrays")


@law()
def test_tape_is_freed_without_the_collector(case):
    def run():
        for number, sample in h.each(case):
            with h.naming(case, number, sample):
                leaves = h.leaves_of(sample)
                inputs = h.tensors(leaves, h.wanted(sample, leaves))
                outs = h.outputs(case, sample, inputs)
                cts = h.cotangents((case.name, number), outs)
                mine = [x for x in inputs if x.requires_grad]
                h.gradients(outs, mine, cts, create_graph=True)
                h.gradients(h.outputs(case, sample, inputs), mine, cts)

    run()  # caches fill
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        run()
        alive = [x for x in gc.get_objects() if isinstance(x, (Node, Tensor))]
    finally:
        gc.enable()
        gc.unfreeze()
    assert not alive, f"{len(alive)} values wait for the collector, such as {alive[0]!r:.80}"


# ---- behaviour ------------------------------------------------------------------------------------------------------


@law(only=lambda case: bool(case.bad))
def test_errors_say_what_was_wrong_and_change_nothing(case):
    for bad in case.bad:
        sample = Sample(bad.args, bad.kwargs)
        leaves = h.leaves_of(sample)
        before, mode = [a.tobytes() for a in leaves], state.mode
        with h.naming(case, 0, sample):
            with pytest.raises(bad.error) as caught:
                h.apply(case, sample, h.tensors(leaves))
            text = str(caught.value)
            assert bad.match in text or re.search(bad.match, text), f"expected {bad.match!r} in: {text}"
            assert state.mode == mode, "a mode was left on"
            for a, b in zip(leaves, before, strict=True):
                assert a.tobytes() == b, "an argument was changed"
            if isinstance(caught.value, ShapeError):
                assert re.search(r"\d", text), f"no shapes in: {text}"


@law()
def test_nothing_is_recorded_without_need(case):
    for number, sample in h.each(case):
        with h.naming(case, number, sample):
            leaves = h.leaves_of(sample)
            for y in h.outputs(case, sample, h.tensors(leaves)):
                assert y.grad_fn is None and (not y.requires_grad or y.is_leaf), "recorded, but nothing requires grad"
            inputs = h.tensors(leaves, h.wanted(sample, leaves))
            with cr.no_grad():
                made = h.outputs(case, sample, inputs)
            for y in made:
                assert y.grad_fn is None, "recorded under no_grad"


@law(only=lambda case: getattr(getattr(h.find_or_none(cr, case.name), "prim", None), "kind", "") == "elementwise")
def test_elementwise_takes_numbers_single_values_and_nothing(case):
    op = h.find(cr, case.name)
    n = len(op.prim.vjp)
    for number, sample in h.each(case):
        leaves = h.leaves_of(sample)
        if len(leaves) != n or len(sample.args) != n or sample.kwargs or not all(a.size for a in leaves):
            continue
        with h.naming(case, number, sample):
            firsts = [a.reshape(-1)[:1].reshape(()) for a in leaves]
            single = op(*h.tensors(firsts))
            assert single.shape == ()
            many = op(*h.tensors([np.broadcast_to(a, (2, 3)) for a in firsts]))
            h.assert_close(many, np.broadcast_to(h.raw(single), (2, 3)), 1e-6, "0-d against (2, 3)")
            empty = op(*h.tensors([np.broadcast_to(a, (0, 3)) for a in firsts]))
            assert empty.shape == (0, 3) and empty.dtype == single.dtype
            if n == 2 and leaves[0].dtype.kind == "f" and leaves[0].dtype == leaves[1].dtype:
                full = wrap(np.broadcast_to(firsts[0], (2, 3)))
                other = op(full, firsts[1].item())
                assert other.dtype == many.dtype
                h.assert_close(other, many, 1e-6, "a Python number as the second operand")
