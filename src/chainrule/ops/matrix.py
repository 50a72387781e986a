"""Top-level names of linear algebra (chainrule.det, chainrule.svd ...): PyTorch's older forms beside linalg's."""

from __future__ import annotations

from typing import Any

from .contraction import mT
from .determinant import det, logdet, slogdet
from .linalg_basic import common, finish_outs, inverse, matrices, matrix_exp, matrix_power
from .linalg_factor import cholesky_inverse, cholesky_solve, orgqr
from .linalg_factor import old_cholesky as cholesky
from .linalg_factor import old_qr as qr
from .linalg_lu import lu_unpack
from .linalg_lu import old_lu as lu
from .linalg_lu import old_lu_solve as lu_solve
from .linalg_norms import pinverse
from .linalg_spectral import old_svd as svd
from .linalg_systems import solve_triangular
from .reductions import return_type

TriangularSolve = return_type("triangular_solve", "solution", "cloned_coefficient")


def triangular_solve(
    b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """(solution, cloned_coefficient) of A X = b with a triangle of A: the older form of linalg.solve_triangular.

    X (..., n, k) and A (..., n, n), floating or complex.

    >>> import chainrule as cr
    >>> cr.triangular_solve(cr.ones(2, 1), 2 * cr.eye(2))[0]
    tensor([[0.5000],
            [0.5000]])
    """
    matrices("triangular_solve", A, square=True)
    b, A = common(b, A)
    coefficient = mT(A) if transpose else A
    X = solve_triangular(coefficient, b, upper=upper != transpose, unitriangular=unitriangular)
    return finish_outs(out, TriangularSolve(X, A * 1))


# fmt: off
__all__ = [
    "det", "logdet", "slogdet", "inverse", "pinverse", "matrix_power", "matrix_exp", "cholesky", "cholesky_solve",
    "cholesky_inverse", "qr", "orgqr", "lu", "lu_solve", "lu_unpack", "svd", "triangular_solve",
]
METHODS = (
    "det", "logdet", "slogdet", "inverse", "pinverse", "matrix_power", "matrix_exp", "cholesky", "cholesky_solve",
    "cholesky_inverse", "qr", "orgqr", "lu", "lu_solve", "svd", "triangular_solve",
)
# fmt: on
INPLACE = ()
