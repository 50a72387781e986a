"""Pytrees: flatten and unflatten are inverse, structures are compared by content, errors name the path."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.pytree import (
    TreeError,
    broadcast_prefix,
    register_dataclass,
    register_pytree_node,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_map,
    tree_map_with_path,
    tree_structure,
    tree_unflatten,
)

Point = namedtuple("Point", "x y")

trees = st.recursive(
    st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
        | st.tuples(inner, inner).map(lambda p: Point(*p))
    ),
    max_leaves=12,
)


@given(trees)
def test_unflatten_inverts_flatten(tree):
    leaves, spec = tree_flatten(tree)
    again = tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree)
    assert tree_structure(again) == spec and hash(tree_structure(again)) == hash(spec)
    assert spec.num_leaves == len(leaves) == len(spec.paths())


@given(trees)
def test_map_keeps_the_structure(tree):
    doubled = tree_map(lambda v: 2 * v, tree)
    assert tree_structure(doubled) == tree_structure(tree)
    assert tree_leaves(doubled) == [2 * v for v in tree_leaves(tree)]


@pytest.mark.parametrize(
    "tree",
    [
        OrderedDict(b=1, a=2),
        defaultdict(list, {"k": 1}),
        deque([1, 2], maxlen=4),
        Point(1, (2, None)),
        {"w": [1, {"z": 2}], "b": ()},
    ],
)
def test_every_container_comes_back_as_itself(tree):
    leaves, spec = tree_flatten(tree)
    again = tree_unflatten(spec, leaves)
    assert again == tree and type(again) is type(tree)
    if isinstance(tree, defaultdict):
        assert again.default_factory is list
    if isinstance(tree, deque):
        assert again.maxlen == 4


def test_dicts_match_by_key_and_keep_the_first_order():
    out = tree_map(lambda a, b: (a, b), {"x": 1, "y": 2}, {"y": 20, "x": 10})
    assert list(out) == ["x", "y"] and out == {"x": (1, 10), "y": (2, 20)}


def test_is_leaf_stops_the_descent():
    assert tree_leaves([(1, 2), 3], is_leaf=lambda n: isinstance(n, tuple)) == [(1, 2), 3]


def test_paths_name_the_leaves():
    pairs, _ = tree_flatten_with_path({"w": [1, Point(2, 3)]})
    assert pairs == [("['w'][0]", 1), ("['w'][1].x", 2), ("['w'][1].y", 3)]
    assert tree_map_with_path(lambda p, v: p, (5, [6])) == ("[0]", ["[1][0]"])


def test_registered_classes_and_dataclasses():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    register_pytree_node(Pair, lambda p: ((p.a, p.b), "tag"), lambda children, tag: Pair(*children))
    assert tree_leaves(tree_map(lambda v: v + 1, Pair(1, [2]))) == [2, 3]
    with pytest.raises(ValueError, match="registered already"):
        register_pytree_node(Pair, None, None)

    @dataclasses.dataclass(frozen=True)
    class Layer:
        w: float
        name: str

    register_dataclass(Layer, static=["name"])
    assert tree_leaves(Layer(1.0, "first")) == [1.0]
    assert tree_map(lambda v: -v, Layer(1.0, "first")) == Layer(-1.0, "first")
    with pytest.raises(TreeError, match="does not match"):
        tree_map(lambda a, b: a, Layer(1.0, "first"), Layer(1.0, "second"))
    with pytest.raises(TypeError, match="takes a dataclass"):
        register_dataclass(int)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"w": [1, 2]}, {"w": [1]}, r"tree 2\['w'\] should be a list of 2 elements, but has 1"),
        ({"w": 1}, {"v": 1}, r"missing: \['w'\], too many: \['v'\]"),
        ([1, (2, 3)], [1, 2], r"tree 2\[1\] should be a tuple, but is a leaf of type int"),
        ([1], (1,), r"tree 2 should be a list, but is a tuple"),
    ],
)
def test_mismatch_names_the_path(first, second, message):
    with pytest.raises(TreeError, match=message):
        tree_map(lambda a, b: a, first, second)


def test_wrong_number_of_leaves():
    with pytest.raises(TreeError, match="2 leaves, but 1 were given"):
        tree_structure([1, 2]).unflatten([1])


def test_prefixes_spread_over_subtrees():
    assert broadcast_prefix((0, None), ([1, 2], {"a": 3})) == [0, 0, None]
    assert broadcast_prefix({"b": 1, "a": (0, 2)}, {"a": (5, 6), "b": [7, 8]}) == [0, 2, 1, 1]
    with pytest.raises(TreeError, match="has 2 elements"):
        broadcast_prefix((0, 1), (1, 2, 3))


def test_text_of_a_structure():
    assert repr(tree_structure({"a": (1,), "b": [None, 2]})) == "TreeSpec({'a': (*,), 'b': [None, *]})"
