"""How the target y is read, which loss it means, and what is predicted: numbers, or classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .. import from_numpy, sigmoid
from ..core.errors import ArgumentError
from ..nn import functional as F  # noqa: N812
from .network import _by_batches


class Regression(RegressorMixin):
    """Real targets (n,) or (n, outputs); the loss is half the mean squared error."""

    def _check_y(self, y: Any) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype=(np.float64, np.float32), input_name="y")
        if y.ndim > 2:
            raise ArgumentError(f"y must be (n,) or (n, outputs), got the shape {y.shape}")
        return y

    def _encode(self, y: np.ndarray, first: bool, classes: Any) -> np.ndarray:
        if not first and (y[:, None] if y.ndim == 1 else y).shape[1] != self.n_outputs_:
            raise ArgumentError(f"y has {y.shape[1:]} outputs per sample, but the estimator learns {self.n_outputs_}")
        self._flat = y.ndim == 1
        return y[:, None] if self._flat else y

    def _count_outputs(self, target: np.ndarray) -> int:
        return target.shape[1]

    def _strata(self, target: np.ndarray) -> None:
        return None

    def _target_tensor(self, target: np.ndarray, dtype: Any) -> Any:
        return from_numpy(target.astype(dtype))

    def _losses(self, outputs: Any, target: Any) -> Any:
        error = outputs - target
        return (error * error).mean(1) * 0.5

    def _score(self, outputs: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
        return r2_score(target, outputs, sample_weight=weight) if np.isfinite(outputs).all() else np.nan

    def predict(self, X: Any) -> np.ndarray:
        """Predicted numbers, of shape (n,) if y was of that shape in `fit`, else (n, outputs)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class Classification(ClassifierMixin):
    """Classes (n,), or any number of labels at once as a 0-1 matrix (n, labels); the loss is the log loss."""

    def _check_y(self, y: Any) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype=None, accept_sparse="csr", input_name="y")
        check_classification_targets(y)
        self._multilabel_y = type_of_target(y) == "multilabel-indicator"
        if hasattr(y, "toarray"):
            y = y.toarray()
        return y if self._multilabel_y else column_or_1d(y, warn=True)

    def _encode(self, y: np.ndarray, first: bool, classes: Any) -> np.ndarray:
        """Sets or checks classes_; the number of each sample's class, or the 0-1 matrix."""
        seen = np.arange(y.shape[1]) if self._multilabel_y else np.unique(y)
        if first:
            self._multilabel, self._y_dtype = self._multilabel_y, y.dtype
            self.classes_ = seen if classes is None or self._multilabel else np.unique(classes)
        elif self._multilabel_y != self._multilabel:
            raise ArgumentError("y is of another kind (labels as a 0-1 matrix, or classes) than in the first fit")
        if classes is not None and not self._multilabel and not np.array_equal(np.unique(classes), self.classes_):
            raise ArgumentError(f"`classes={classes!r}` is not the same as on the first call: {self.classes_!r}")
        if not np.isin(seen, self.classes_).all():
            raise ArgumentError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {seen}."
            )
        if self._multilabel:
            if y.shape[1] != len(self.classes_):
                raise ArgumentError(f"y has {y.shape[1]} labels, but the estimator learns {len(self.classes_)}")
            return y
        return np.searchsorted(self.classes_, y)

    def _count_outputs(self, target: np.ndarray) -> int:
        return len(self.classes_)

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        return None if self._multilabel else self.classes_[target]

    def _target_tensor(self, target: np.ndarray, dtype: Any) -> Any:
        return from_numpy(target.astype(dtype if self._multilabel else np.int64))

    def _losses(self, outputs: Any, target: Any) -> Any:
        if self._multilabel:
            return F.binary_cross_entropy_with_logits(outputs, target, reduction="none").sum(1)
        return F.cross_entropy(outputs, target, reduction="none")

    def _score(self, outputs: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return accuracy_score(target, self._decide(outputs), sample_weight=weight)

    def _decide(self, outputs: np.ndarray) -> np.ndarray:
        return (outputs > 0).astype(int) if self._multilabel else outputs.argmax(1)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample (n,); with labels as a 0-1 matrix, such a matrix."""
        found = self._decide(self._outputs(X))
        return found.astype(self._y_dtype) if self._multilabel else self.classes_[found]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (n, classes), in the order of `classes_`; or of each label, separately."""
        outputs = from_numpy(self._outputs(X))
        return (sigmoid(outputs) if self._multilabel else F.softmax(outputs, 1)).numpy()

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of predict_proba, without its underflow."""
        outputs = from_numpy(self._outputs(X))
        return (F.logsigmoid(outputs) if self._multilabel else F.log_softmax(outputs, 1)).numpy()

    @available_if(_by_batches)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train one more epoch, on these samples, and return the estimator.

        The first call takes `classes`, all that will ever come, unless `y` holds them all.
        """
        return self._more(X, y, sample_weight, classes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
