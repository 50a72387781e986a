"""Matrix calculus and matrices with gradients, after MatrixFlow.

The gradient matrix of a real f(X) has the shape of X and is defined by df = tr((df/dX)^T dX); the Jacobian layout is
its transpose. `differential` is forward mode: the exact dF of any function of a matrix.

>>> import numpy as np
>>> x, y = Matrix([[1.0]]), Matrix([[2.0]])
>>> z = (y + x) * x
>>> z.backward()
>>> z.data.item(), x.grad.item(), y.grad.item()
(3.0, 4.0, 1.0)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from .remember import Remembering


def differential(f: Callable, X: Any, dX: Any) -> np.ndarray:
    """dF = the derivative of F at X in the direction dX, exactly (forward mode).

    >>> differential(lambda X: X @ X, np.eye(2), np.ones((2, 2)))
    array([[2., 2.],
           [2., 2.]])
    """
    from chainrule.func import jvp

    _, tangent = jvp(f, (cr.tensor(np.asarray(X, np.float64)),), (cr.tensor(np.asarray(dX, np.float64)),))
    return tangent.numpy()


def gradient_matrix(f: Callable, X: Any) -> np.ndarray:
    """G with df = tr(G^T dX), for real f: the layout of X itself.

    >>> gradient_matrix(lambda X: (X * X).sum(), [[1.0, 2.0]])
    array([[2., 4.]])
    """
    x = cr.tensor(np.asarray(X, np.float64), requires_grad=True)
    (found,) = cr.autograd.grad(f(x), x, materialize_grads=True)
    return found.numpy()


def jacobian_layout(f: Callable, X: Any) -> np.ndarray:
    """G^T with df = tr(G^T dX): the Jacobian (numerator) layout."""
    return gradient_matrix(f, X).T


class Matrix(Remembering):
    """A matrix (float64) with data and grad; + - * (elementwise) @ neg relu T and broadcasting."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(cr.tensor(np.array(data, np.float64), requires_grad=requires_grad))

    @property
    def data(self) -> np.ndarray:
        """The values."""
        return self.tensor.detach().numpy()

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient matrix that backward() brought, or None."""
        grad = self.tensor.grad
        return None if grad is None else grad.detach().numpy()

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.tensor.grad = None

    def __repr__(self) -> str:
        return f"Matrix({self.data.tolist()})"

    __array_ufunc__ = None  # an ndarray on the left leaves the operation to us

    def __add__(self, other: Any) -> Matrix:
        return self._apply("add", cr.add, self, other)

    def __radd__(self, other: Any) -> Matrix:
        return self._apply("add", cr.add, other, self)

    def __sub__(self, other: Any) -> Matrix:
        return self._apply("sub", cr.sub, self, other)

    def __rsub__(self, other: Any) -> Matrix:
        return self._apply("sub", cr.sub, other, self)

    def __mul__(self, other: Any) -> Matrix:
        return self._apply("multiply", cr.mul, self, other)

    def __rmul__(self, other: Any) -> Matrix:
        return self._apply("multiply", cr.mul, other, self)

    multiply = __mul__

    def __matmul__(self, other: Any) -> Matrix:
        return self._apply("matmul", cr.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Matrix:
        return self._apply("matmul", cr.matmul, other, self)

    def __neg__(self) -> Matrix:
        return self._apply("neg", cr.neg, self)

    def relu(self) -> Matrix:
        """max(0, x), element by element."""
        return self._apply("relu", cr.relu, self)

    def sum(self) -> Matrix:
        """Sum of all elements."""
        return self._apply("sum", cr.sum, self)

    @property
    def T(self) -> Matrix:  # noqa: N802
        """Transpose."""
        return self._apply("T", lambda x: cr.transpose(x, 0, 1), self)


def concat(a: Any, b: Any, axis: int = 0) -> Any:
    """Two matrices joined along an axis; None passes the other one through, so that a loop can start from None.

    >>> concat(Matrix([[1.0, 2.0]]), Matrix([[3.0, 4.0]]))
    Matrix([[1.0, 2.0], [3.0, 4.0]])
    """
    if a is None or b is None:
        return b if a is None else a
    return Matrix._apply("concat", lambda x, y: cr.cat([x, y], axis), a, b)


def __getattr__(name: str) -> Any:
    """MLPRegressor(hidden_size, activate) and RNNRegressor(emb_len, seq_len, out_len): chainrule.estimators' own."""
    if name in ("MLPRegressor", "RNNRegressor"):
        from .. import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
