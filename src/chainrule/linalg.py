"""linalg: linear algebra under the names of torch.linalg. Leading dimensions are batches, all is differentiable.

>>> import chainrule as cr
>>> x = cr.tensor([[2., 0.], [0., 4.]], requires_grad=True)
>>> cr.linalg.det(x).backward()
>>> x.grad
tensor([[4., 0.],
        [0., 2.]])
"""

from .core.errors import LinAlgError
from .ops.contraction import matmul, vecdot
from .ops.determinant import det, slogdet
from .ops.linalg_basic import diagonal, inv, inv_ex, matrix_exp, matrix_power, multi_dot, tensorinv, vander
from .ops.linalg_factor import cholesky, cholesky_ex, householder_product, ldl_factor, ldl_factor_ex, qr
from .ops.linalg_lu import lu, lu_factor, lu_factor_ex, lu_solve
from .ops.linalg_norms import cond, lstsq, matrix_norm, matrix_rank, norm, pinv, vector_norm
from .ops.linalg_spectral import eig, eigh, eigvals, eigvalsh, svd, svdvals
from .ops.linalg_systems import solve, solve_ex, solve_triangular, tensorsolve
from .ops.products import linalg_cross as cross

# fmt: off
__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex",
    "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander",
    "vecdot", "vector_norm",
]
