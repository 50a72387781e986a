"""Feed-forward networks over tables."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import nn
from .network import Network
from .rows import Rows
from .settings import ACTIVATIONS, NARROWER_FOR_TABLES
from .targets import Classification, Regression


class _Apply(nn.Module):
    """A function of a tensor as a layer."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def _layer(activation: Any) -> nn.Module:
    if isinstance(activation, str):
        return ACTIVATIONS[activation]()
    return _Apply(activation)


class _MLP(Network):
    """x W1 + b1, activation, ..., W + b: `module_` is an nn.Sequential of nn.Linear and the activations."""

    _narrower = NARROWER_FOR_TABLES

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        hidden_size: Any = None,
        activate: Any = None,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
    ) -> None:
        self._keep(locals())

    def _sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes if self.hidden_size is None else self.hidden_size
        return [int(size) for size in (sizes if hasattr(sizes, "__iter__") else [sizes])]

    def _check_X(self, X: Any, first: bool) -> Rows:
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=first)
        return Rows(X)

    def _build(self, rows: Rows, n_outputs: int, dtype: Any) -> nn.Module:
        activation = self.activation if self.activate is None else self.activate
        *hidden, last = pairwise([rows.values.shape[1], *self._sizes(), n_outputs])
        layers: list[nn.Module] = []
        for before, after in hidden:
            layers += [nn.Linear(before, after, dtype=dtype), _layer(activation)]
        return nn.Sequential(*layers, nn.Linear(*last, dtype=dtype))

    def _linear_layers(self) -> list[Any]:
        check_is_fitted(self, "module_")
        return [layer for layer in self.module_ if isinstance(layer, nn.Linear)]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The layers' weights, each (inputs, outputs), as scikit-learn has them."""
        return [layer.weight.detach().numpy().T for layer in self._linear_layers()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The layers' biases."""
        return [layer.bias.detach().numpy() for layer in self._linear_layers()]

    @property
    def n_layers_(self) -> int:
        """Layers with those of inputs and outputs counted."""
        return len(self._linear_layers()) + 1


class MLPRegressor(Regression, _MLP):
    """A feed-forward network that predicts numbers: half the mean squared error, minimised by gradients.

    Arguments are scikit-learn's; two more are other names for two of them, and come first where given: `hidden_size`
    (a whole number or a sequence) for `hidden_layer_sizes`, `activate` for `activation`. `activation` is identity,
    logistic, tanh, relu, leaky_relu, elu, gelu, silu, softplus or any function of a tensor. `solver` is adam, adamw,
    sgd, rmsprop or lbfgs. `verbose` prints "Epoch: i, Loss: x". Float32 X is learnt in float32, all else in float64.

    After `fit`: `module_` (the nn.Sequential), `coefs_`, `intercepts_`, `loss_curve_`, `loss_`, `best_loss_`,
    `n_iter_`, `n_features_in_`, `n_outputs_`; with early_stopping `validation_scores_` and `best_validation_score_`.

    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> x = rng.uniform(-np.pi, np.pi, (100, 2))
    >>> y = np.sin(x[:, 0]) + np.cos(x[:, 1])
    >>> model = MLPRegressor(hidden_size=[20], activate="tanh", solver="lbfgs", max_iter=500, random_state=0)
    >>> model.fit(x, y).score(x, y) > 0.99
    True
    """


class MLPClassifier(Classification, _MLP):
    """A feed-forward network that predicts classes: log loss of a softmax, minimised by gradients.

    Arguments and attributes are MLPRegressor's; `classes_` besides. A 0-1 matrix y (n, labels) means any number of
    labels at once.

    >>> import numpy as np
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = MLPClassifier(hidden_size=8, activate="tanh", solver="lbfgs", random_state=0)
    >>> model.fit(x, ["same", "other", "other", "same"]).predict(x)
    array(['same', 'other', 'other', 'same'], dtype='<U5')
    """
