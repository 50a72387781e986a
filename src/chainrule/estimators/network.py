"""What the four estimators share: the order of a fit, training in epochs, stopping, and the contract's attributes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .. import enable_grad, from_numpy, no_grad, optim
from ..core.errors import ArgumentError
from ..tensor.random import fork_rng
from .rows import Rows, check_weights
from .settings import check_settings

ROWS_AT_ONCE = 4096  # samples predicted in one call of the model: bounds the memory
LEAST_RATE = 1e-6  # an adaptive learning rate below this ends the training


def _by_batches(self: Any) -> bool:
    if self.solver == "lbfgs":
        raise AttributeError("partial_fit takes one pass over a batch, not solver='lbfgs'; use 'adam' or 'sgd'")
    return True


class Network(BaseEstimator):
    """Base of the estimators. Subclasses say how X becomes rows and which model; a target mixin says how y is read."""

    _narrower: ClassVar[dict] = {}  # rules for arguments that mean something else than in RULES

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Store a constructor's arguments as they are, which is all that a constructor may do."""
        for name, value in arguments.items():
            if name != "self" and not name.startswith("__"):
                setattr(self, name, value)

    # ---- what subclasses provide -------------------------------------------------------------------------------------

    def _check_X(self, X: Any, first: bool) -> Rows:
        raise NotImplementedError  # abstract: X, checked, as rows; `first` sets what later calls are compared with

    def _build(self, rows: Rows, n_outputs: int, dtype: Any) -> Any:
        raise NotImplementedError  # abstract: a fresh model for such rows

    # ---- fitting -----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train from the start (with warm_start: from where the last fit ended) and return the estimator.

        X is (n, features), dense or sparse; y is (n,) or (n, outputs). `sample_weight` (n,) counts a sample that many
        times: with batches that hold all samples, a weight of 3 is the same as the sample three times, and 0 the same
        as leaving it out. Raises ValueError for NaN, infinities, lengths that differ, or an argument out of its range;
        warns with ConvergenceWarning if `max_iter` epochs were not enough.
        """
        first = not (self.warm_start and hasattr(self, "module_"))
        rows, target, weight = self._prepare(X, y, sample_weight, first, None)
        self._random = check_random_state(self.random_state)
        if first:
            self._begin(rows, target)
        self._optimizer = self._make_optimizer()
        self._train(rows, target, weight, self.max_iter)
        return self

    def _more(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Any:
        """One epoch over (X, y) on top of what was learnt before."""
        if self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True: it has no data to hold out")
        first = not hasattr(self, "module_")
        rows, target, weight = self._prepare(X, y, sample_weight, first, classes)
        if first:
            self._random = check_random_state(self.random_state)
            self._begin(rows, target)
            self._optimizer = self._make_optimizer()
        self._train(rows, target, weight, 1, partial=True)
        return self

    @available_if(_by_batches)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train one more epoch, on these samples, and return the estimator; the first call starts it."""
        return self._more(X, y, sample_weight, None)

    def _prepare(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any) -> tuple[Rows, Any, Any]:
        check_settings(self, self._narrower)
        if y is None:
            raise ArgumentError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        rows = self._check_X(X, first)
        check_consistent_length(rows.values, y)
        weight = check_weights(sample_weight, len(rows))
        target = self._check_y(y)
        if not weight.all():  # a weight of zero is a sample left out, in all respects
            rows, target, weight = rows.take(weight > 0), target[weight > 0], weight[weight > 0]
        return rows, self._encode(target, first, classes), weight

    def _begin(self, rows: Rows, target: np.ndarray) -> None:
        dtype = np.dtype(np.float32 if rows.values.dtype == np.float32 else np.float64)
        self.n_outputs_ = self._count_outputs(target)
        with fork_rng():  # the layers draw values of their own as they are made; the default generator stays as it was
            self.module_ = self._build(rows, self.n_outputs_, from_numpy(np.empty(0, dtype)).dtype)
        _draw(self.module_, self._random)
        self.n_iter_, self.t_ = 0, 0
        self.loss_curve_: list[float] = []
        self.best_loss_: float | None = None if self.early_stopping else math.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -math.inf if self.early_stopping else None
        self._best_state: dict | None = None

    def _make_optimizer(self) -> Any:
        parameters, lr = list(self.module_.parameters()), self.learning_rate_init
        betas = (self.beta_1, self.beta_2)
        match self.solver:
            case "adam":
                return optim.Adam(parameters, lr=lr, betas=betas, eps=self.epsilon)
            case "adamw":  # alpha is the penalty's, as with every solver; the decay of AdamW stays its usual 0.01
                return optim.AdamW(parameters, lr=lr, betas=betas, eps=self.epsilon)
            case "rmsprop":
                return optim.RMSprop(parameters, lr=lr, eps=self.epsilon)
            case "sgd":
                nesterov = bool(self.nesterovs_momentum) and self.momentum > 0
                return optim.SGD(parameters, lr=lr, momentum=self.momentum, nesterov=nesterov)
            case _:
                return optim.LBFGS(parameters, lr=1.0, max_iter=1, max_eval=25, line_search_fn="strong_wolfe",
                                   tolerance_grad=0.0, tolerance_change=0.0)  # fmt: skip

    def _train(self, rows: Rows, target: Any, weight: Any, epochs: int, partial: bool = False) -> None:
        """Up to `epochs` epochs, fewer where the loss or the validation score stops improving."""
        held_out = None
        if self.early_stopping:
            rows, target, weight, held_out = self._hold_out(rows, target, weight)
        dtype = _dtype_of(self.module_)
        self._stale, self._calls = 0, 0
        self.module_.train()
        if not partial:
            self.n_iter_ = 0
        try:
            for _ in range(epochs):
                self._epoch(rows, target, weight, dtype)
                if self._settled(held_out):
                    break
                if self.solver == "lbfgs" and self._calls >= self.max_fun:
                    message = f"L-BFGS has computed the loss max_fun={self.max_fun} times and hasn't converged yet"
                    warnings.warn(message, ConvergenceWarning, stacklevel=3)
                    break
            else:
                if not partial:
                    warnings.warn(
                        f"Maximum iterations ({self.max_iter}) reached and the optimization hasn't converged yet: give "
                        f"a larger max_iter, a larger learning_rate_init or a larger tol",
                        ConvergenceWarning,
                        stacklevel=3,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user; the estimator holds what it learnt so far", stacklevel=3)
        if self._best_state is not None:
            self.module_.load_state_dict(self._best_state)
        self.module_.eval()
        if not all(np.isfinite(p.detach().numpy()).all() for p in self.module_.parameters()):
            raise ArgumentError(
                "Solver produced non-finite parameter weights: the steps were too large for these data. Scale X (and "
                "y) first, for example with sklearn.preprocessing.StandardScaler, or give a smaller learning_rate_init"
            )

    def _epoch(self, rows: Rows, target: np.ndarray, weight: np.ndarray, dtype: Any) -> None:
        losses = 0.0
        for batch in self._batches(len(rows)):
            w = weight[batch]
            inputs = rows.take(batch).inputs(dtype)
            closure = self._closure(inputs, self._target_tensor(target[batch], dtype), w, dtype)
            losses += float(self._optimizer.step(closure)) * float(w.sum())
        self.n_iter_ += 1
        self.t_ += len(rows)
        self.loss_ = losses / float(weight.sum())
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"Epoch: {self.n_iter_}, Loss: {self.loss_:.8f}")

    def _batches(self, n: int) -> Iterator[Any]:
        """Slices, or numbers in random order; one batch of all samples needs no order."""
        size = n if self.solver == "lbfgs" else min(200 if self.batch_size == "auto" else self.batch_size, n)
        if size >= n:
            yield slice(None)
            return
        order = self._random.permutation(n) if self.shuffle else np.arange(n)
        for start in range(0, n, size):
            yield order[start : start + size]

    def _closure(self, inputs: tuple, target: Any, weight: np.ndarray, dtype: Any) -> Callable[[], Any]:
        """Computes the batch's loss, the weighted mean over samples plus alpha |W|^2 / 2 by weight, and gradients."""
        share = from_numpy((weight / weight.sum()).astype(dtype))
        decay = 0.5 * self.alpha / float(weight.sum())
        matrices = [p for p in self.module_.parameters() if p.dim() > 1] if decay else []

        def closure() -> Any:
            self._calls += 1
            with enable_grad():
                self._optimizer.zero_grad()
                loss = (self._losses(self.module_(*inputs), target) * share).sum()
                for w in matrices:
                    loss = loss + (w * w).sum() * decay
                loss.backward()
            return loss.detach()

        return closure

    # ---- stopping ----------------------------------------------------------------------------------------------------

    def _hold_out(self, rows: Rows, target: np.ndarray, weight: np.ndarray) -> tuple:
        """(rows, target, weight) to train with, and (rows, target, weight) to stop by."""
        strata = self._strata(target)
        size = math.ceil(self.validation_fraction * len(rows))
        needed = 2 if strata is None else max(2, len(np.unique(strata)))
        if size < needed:
            raise ArgumentError(
                f"The validation set is too small: {size} of {len(rows)} samples, and {needed} are needed. Increase "
                f"'validation_fraction' or the size of your dataset."
            )
        kept, held = train_test_split(np.arange(len(rows)), test_size=size, random_state=self._random, stratify=strata)
        return rows.take(kept), target[kept], weight[kept], (rows.take(held), target[held], weight[held])

    def _settled(self, held_out: tuple | None) -> bool:
        """Whether it is time to stop, after `n_iter_no_change` epochs without an improvement by `tol`."""
        if held_out is not None:
            rows, target, weight = held_out
            self.module_.eval()
            score = self._score(self._run(rows), target, weight)
            self.module_.train()
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            improved = score >= self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_ = score
                self._best_state = {k: v.detach().clone() for k, v in self.module_.state_dict().items()}
        else:
            improved = self.loss_ <= self.best_loss_ - self.tol
            self.best_loss_ = min(self.best_loss_, self.loss_)
        self._stale = 0 if improved else self._stale + 1
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            self._set_rate(self.learning_rate_init / (self.t_ + 1) ** self.power_t)
        if self._stale <= self.n_iter_no_change:
            return False
        rate = self._optimizer.param_groups[0]["lr"]
        if self.solver == "sgd" and self.learning_rate == "adaptive" and rate > LEAST_RATE:
            self._set_rate(rate / 5)
            self._stale = 0
            return False
        if self.verbose:
            what = "Validation score" if held_out is not None else "Training loss"
            print(f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs.")
        return True

    def _set_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    # ---- predicting --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The model's outputs (n, outputs) for X."""
        check_is_fitted(self, "module_")
        return self._run(self._check_X(X, first=False))

    def _run(self, rows: Rows) -> np.ndarray:
        dtype = _dtype_of(self.module_)
        with no_grad():
            parts = [
                self.module_(*rows.take(slice(i, i + ROWS_AT_ONCE)).inputs(dtype)).numpy()
                for i in range(0, len(rows), ROWS_AT_ONCE)
            ]
        return np.concatenate(parts)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _dtype_of(module: Any) -> np.dtype:
    return next(module.parameters()).detach().numpy().dtype


def _draw(module: Any, random: np.random.RandomState) -> None:
    """Weights uniform within sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010), biases within their weight's."""
    bound = 1.0
    with no_grad():
        for p in module.parameters():
            shape = tuple(p.shape)
            if len(shape) > 1:
                bound = math.sqrt(6 / (shape[0] + shape[1]))
            p.copy_(from_numpy(random.uniform(-bound, bound, shape)))
