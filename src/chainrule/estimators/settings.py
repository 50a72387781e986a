"""What each constructor argument may be, checked when fitting begins (constructors only store)."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from .. import nn
from ..core.errors import ArgumentError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}
SOLVERS = ("adam", "adamw", "sgd", "rmsprop", "lbfgs")


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, Integral) and not isinstance(v, bool) and v >= low


def _real(accept: Callable[[float], bool]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, Real) and not isinstance(v, bool) and bool(accept(float(v)))


def _one_of(*names: str) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and v in names


def _or_none(accept: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda v: v is None or accept(v)


def _flag(v: Any) -> bool:
    return isinstance(v, (bool, np.bool_))


def _sizes(v: Any) -> bool:
    if isinstance(v, (str, bytes)) or not hasattr(v, "__iter__"):
        return _whole(1)(v)
    return all(_whole(1)(size) for size in v)


def _activation(v: Any) -> bool:
    return v in ACTIVATIONS if isinstance(v, str) else callable(v)


def _random_state(v: Any) -> bool:
    return v is None or _whole(0)(v) or isinstance(v, np.random.RandomState)


_SIZES = "a whole number of at least 1 or a sequence of such, such as (100, 50)"
_ACTIVATION = f"one of {sorted(ACTIVATIONS)} or a function of a tensor"
_COUNT = "a whole number of at least 1"
_FRACTION = "a number in [0, 1)"
_POSITIVE = "a number above 0"
_NOT_NEGATIVE = "a number of at least 0"
_BOOL = "True or False"

# Argument: (test, what it must be). `cell`'s and an RNN's `activation` are named apart, since they are narrower.
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "hidden_layer_sizes": (_sizes, _SIZES),
    "activation": (_activation, _ACTIVATION),
    "activate": (_or_none(_activation), _ACTIVATION + ", or None"),
    "emb_len": (_or_none(_whole(1)), _COUNT + ", or None"),
    "seq_len": (_or_none(_whole(1)), _COUNT + ", or None"),
    "out_len": (_or_none(_whole(1)), _COUNT + ", or None"),
    "num_layers": (_whole(1), _COUNT),
    "cell": (_one_of("rnn", "lstm", "gru"), "one of ['gru', 'lstm', 'rnn']"),
    "bidirectional": (_flag, _BOOL),
    "solver": (_one_of(*SOLVERS), f"one of {sorted(SOLVERS)}"),
    "alpha": (_real(lambda v: 0 <= v < math.inf), _NOT_NEGATIVE),
    "batch_size": (lambda v: (isinstance(v, str) and v == "auto") or _whole(1)(v), _COUNT + ", or 'auto'"),
    "learning_rate": (
        _one_of("constant", "invscaling", "adaptive"),
        "one of ['adaptive', 'constant', 'invscaling'] (the step size itself is learning_rate_init)",
    ),
    "learning_rate_init": (_real(lambda v: 0 < v < math.inf), _POSITIVE),
    "power_t": (_real(lambda v: 0 <= v < math.inf), _NOT_NEGATIVE),
    "max_iter": (_whole(1), _COUNT),
    "shuffle": (_flag, _BOOL),
    "random_state": (_random_state, "a whole number, a numpy.random.RandomState or None"),
    "tol": (_real(lambda v: v >= 0), _NOT_NEGATIVE),
    "verbose": (lambda v: _flag(v) or _whole(0)(v), "True, False or a whole number"),
    "warm_start": (_flag, _BOOL),
    "momentum": (_real(lambda v: 0 <= v <= 1), "a number in [0, 1]"),
    "nesterovs_momentum": (_flag, _BOOL),
    "early_stopping": (_flag, _BOOL),
    "validation_fraction": (_real(lambda v: 0 <= v < 1), _FRACTION),
    "beta_1": (_real(lambda v: 0 <= v < 1), _FRACTION),
    "beta_2": (_real(lambda v: 0 <= v < 1), _FRACTION),
    "epsilon": (_real(lambda v: 0 < v < math.inf), _POSITIVE),
    "n_iter_no_change": (lambda v: _whole(1)(v) or (isinstance(v, float) and v == math.inf), _COUNT + ", or inf"),
    "max_fun": (_whole(1), _COUNT),
}


def check_settings(estimator: Any, narrower: dict[str, tuple[Callable[[Any], bool], str]]) -> None:
    """Raise ArgumentError, which is a ValueError, for the first argument that is not what it must be."""
    rules = RULES | narrower
    for name, value in estimator.get_params(deep=False).items():
        accept, wanted = rules[name]
        if not accept(value):
            raise ArgumentError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {wanted}. Got {value!r} instead."
            )


NARROWER_FOR_TABLES = {"hidden_size": (_or_none(_sizes), _SIZES + ", or None")}
NARROWER_FOR_SEQUENCES = {
    "hidden_size": (_whole(1), _COUNT),
    "activation": (_one_of("relu", "tanh"), "one of ['relu', 'tanh']"),
    "activate": (_or_none(_one_of("relu", "tanh")), "one of ['relu', 'tanh'], or None"),
}
