"""Samples of linear algebra. Vectors of complex factorizations have a free phase: they are compared by value only."""

from __future__ import annotations

import numpy as np

from chainrule.linalg import LinAlgError

from .table import Bad, Sample, arrays, case

INF = float("inf")


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def general(rng, *shape, complex=False):
    """Well-conditioned matrices."""
    a = cplx(rng, *shape) if complex else arrays(rng, shape)[0]
    return a + 4.5 * np.eye(*shape[-2:])


def hermitian(rng, *shape, complex=False, shift=0.0):
    """Hermitian matrices with eigenvalues well apart."""
    a = cplx(rng, *shape) if complex else arrays(rng, shape)[0]
    n = shape[-1]
    return (a + np.swapaxes(a, -1, -2).conj()) / 2 + np.diag(3.0 * np.arange(n) + shift)


def positive(rng, *shape, complex=False):
    a = cplx(rng, *shape) if complex else arrays(rng, shape)[0]
    return a @ np.swapaxes(a, -1, -2).conj() + 2 * np.eye(shape[-1])


def squares(rng, **options):
    """Square matrices of all kinds."""
    found = [Sample((general(rng, *s),)) for s in ((3, 3), (1, 1), (2, 3, 3), (2, 1, 2, 2))]
    x = general(rng, 4, 4)
    found += [Sample((a,)) for a in (x.T, x[::-1, ::-1], general(rng, 2, 2).astype(np.float32))]
    return [*found, Sample((general(rng, 3, 3, complex=True),)), Sample((general(rng, 2, 2, 2, complex=True),))]


def empties():
    return [Sample((np.ones((0, 0)),)), Sample((np.ones((0, 2, 2)),)), Sample((np.ones((2, 0, 0)),))]


ONES, SINGULAR = np.ones((2, 3)), np.ones((2, 2))
NOT_SQUARE = Bad((ONES,), RuntimeError, "must be batches of square matrices, but they are 2 by 3 matrices")
NOT_MATRIX = Bad((np.ones(3),), RuntimeError, "must have at least 2 dimensions")
NOT_FLOAT = Bad((np.eye(2, dtype=int),), RuntimeError, "Expected a floating point or complex tensor as input. Got Long")
BAD_SQUARE = (NOT_SQUARE, NOT_MATRIX, NOT_FLOAT)

# ---- inverses, determinants -----------------------------------------------------------------------------------------

NOT_INVERTIBLE = Bad((SINGULAR,), LinAlgError, "The diagonal element 2 is zero")
for name in ("linalg.inv", "inverse"):
    case(name, lambda rng: [*squares(rng), *empties()], *BAD_SQUARE, NOT_INVERTIBLE)
case(
    "linalg.inv_ex",
    lambda rng: squares(rng)[:5],
    *BAD_SQUARE,
    Bad((SINGULAR,), LinAlgError, "zero", {"check_errors": True}),
)


def determinants(rng):
    singular = [
        Sample((a,), torch=False, vmap=False) for a in (SINGULAR, np.diag([2.0, 0.0, 3.0]), np.diag([2.0, 0.0, 0.0]))
    ]
    return [*squares(rng), *empties(), *singular]


for name in ("linalg.det", "det"):
    case(name, determinants, *BAD_SQUARE)


def signed(rng):
    x = general(rng, 3, 3)
    found = [s for s in squares(rng) if s.args[0].dtype.kind != "c"]
    found += [Sample((x[::-1].copy(),)), *empties(), Sample((SINGULAR,), grad=False)]
    return [*found, Sample((general(rng, 3, 3, complex=True),)), Sample((general(rng, 2, 2, 2, complex=True),))]


for name in ("linalg.slogdet", "slogdet"):
    case(name, signed, *BAD_SQUARE)


def logarithms(rng):
    found = [Sample((positive(rng, *s),)) for s in ((3, 3), (2, 2, 2), (0, 0))]
    found += [Sample((np.diag([1.0, -1.0]),), grad=False), Sample((SINGULAR,), grad=False)]
    return [*found, Sample((positive(rng, 3, 3, complex=True),))]


case("logdet", logarithms, *BAD_SQUARE)

# ---- systems --------------------------------------------------------------------------------------------------------


def systems(rng):
    a, v, b = general(rng, 3, 3), *arrays(rng, (3,), (3, 2))
    many, some = general(rng, 2, 3, 3), arrays(rng, (2, 3), (2, 3, 2), (4, 1, 3, 2))
    found = [Sample((a, v)), Sample((a, b)), Sample((a.T, b[::-1])), Sample((many, some[0])), Sample((many, some[1]))]
    found += [
        Sample((many, b)),
        Sample((a, some[1])),
        Sample((many, some[2])),
        Sample((a, b.T.copy()), {"left": False}),
    ]
    found += [Sample((np.ones((0, 0)), np.ones((0, 2)))), Sample((a, b[:, :0]))]
    return [*found, Sample((general(rng, 2, 2, complex=True), cplx(rng, 2, 2)))]


UNFIT = Bad((np.eye(2), np.ones((3, 2))), RuntimeError, r"Incompatible shapes of A and B for the equation AX = B")
for name in ("linalg.solve", "linalg.solve_ex"):
    case(name, systems, Bad((ONES, ONES), RuntimeError, "square"), UNFIT,
         *([Bad((SINGULAR, np.ones(2)), LinAlgError, "singular")] if name == "linalg.solve" else []))  # fmt: skip


def triangular(rng):
    a, b = general(rng, 3, 3), arrays(rng, (3, 2))[0]
    found = [Sample((a, b), {"upper": u, "unitriangular": t}) for u in (True, False) for t in (True, False)]
    found += [Sample((a, b.T.copy()), {"upper": u, "left": False}) for u in (True, False)]
    found += [
        Sample((general(rng, 2, 3, 3), b), {"upper": True}),
        Sample((a.T, arrays(rng, (2, 3, 1))[0]), {"upper": False}),
    ]
    singular = Sample((np.diag([1.0, 0.0]), np.ones((2, 1))), {"upper": True}, grad=False)
    return [*found, singular, Sample((general(rng, 2, 2, complex=True), cplx(rng, 2, 2)), {"upper": True})]


case("linalg.solve_triangular", triangular, Bad((np.eye(2), np.ones(2)), RuntimeError, "2 dimensions", {"upper": True}))


def old_triangular(rng):
    a, b = general(rng, 3, 3), arrays(rng, (3, 2))[0]
    return [
        Sample((b, a), k, torch=False) for k in ({}, {"upper": False}, {"transpose": True}, {"unitriangular": True})
    ]


case("triangular_solve", old_triangular, torch=None)


def tensor_systems(rng):
    a, b = arrays(rng, (2, 3, 6), (2, 3))
    return [Sample((a, b)), Sample((np.moveaxis(a, 2, 0).copy(), b), {"dims": (0,)})]


case("linalg.tensorsolve", tensor_systems, Bad((np.ones((2, 3, 4)), np.ones((2, 3))), RuntimeError, "requirement"))
case(
    "linalg.tensorinv",
    lambda rng: [Sample((arrays(rng, (2, 3, 6))[0],)), Sample((arrays(rng, (4, 2, 2))[0], 1))],
    Bad((np.ones((2, 3, 4)),), RuntimeError, "requirement"),
    Bad((np.ones((2, 2)), 0), RuntimeError, "strictly positive"),
)

# ---- powers ---------------------------------------------------------------------------------------------------------


def powers(rng):
    x = general(rng, 2, 2)
    found = [Sample((x, n)) for n in (0, 1, 2, 3, 5, -1, -2)]
    return [*found, Sample((general(rng, 2, 3, 3), 2)), Sample((general(rng, 2, 2, complex=True), 3))]


for name in ("linalg.matrix_power", "matrix_power"):
    case(name, powers, Bad((ONES, 2), RuntimeError, "square"))


def exponents(rng):
    found = [Sample((arrays(rng, s)[0],)) for s in ((3, 3), (1, 1), (2, 2, 2), (0, 0))]
    return [*found, Sample((arrays(rng, (3, 3))[0].T * 3,)), Sample((cplx(rng, 2, 2),)), Sample((np.zeros((2, 2)),))]


for name in ("linalg.matrix_exp", "matrix_exp"):
    case(name, exponents, *BAD_SQUARE)


def vandermonde(rng):
    (x,) = arrays(rng, (2, 3))
    found = [
        Sample((x,)),
        Sample((x[0],), {"N": 5}),
        Sample((x[:, ::-1],), {"N": 2}),
        Sample((np.array([1, 2, 3]),)),
    ]
    return [*found, Sample((np.array([0.0, 1.5]),), {"N": 4})]


case(
    "linalg.vander",
    vandermonde,
    Bad((np.array(1.0),), RuntimeError, "at least one dimension"),
    Bad((np.ones(2), 0), RuntimeError, "N must"),
)


def diagonals(rng):
    (x,) = arrays(rng, (2, 3, 4))
    return [Sample((x,), k) for k in ({}, {"offset": 1}, {"offset": -1, "dim1": 0, "dim2": 1})]


case("linalg.diagonal", diagonals)

# ---- norms ----------------------------------------------------------------------------------------------------------


def vector_norms(rng):
    (x,) = arrays(rng, (2, 3, 4))
    found = [Sample((x, p)) for p in (2, 1, 3, 0.5, INF, -INF, -1)] + [Sample((x, 0), grad=False)]
    found += [Sample((x, 2, d)) for d in (0, (0, 2), -1)] + [Sample((x,), {"dim": 1, "keepdim": True})]
    return [*found, Sample((cplx(rng, 3),)), Sample((x[0].T[::-1],)), Sample((np.zeros(3),), second=False, grad=False)]


case(
    "linalg.vector_norm",
    vector_norms,
    Bad((np.array([1, 2]),), RuntimeError, "floating"),
    Bad((np.ones(0), INF), RuntimeError, "empty"),
)


def matrix_norms(rng):
    x = general(rng, 2, 3, 4)
    found = [Sample((x, p)) for p in ("fro", "nuc", INF, -INF, 1, -1, 2, -2)]
    found += [Sample((x, p), {"dim": (2, 0)}) for p in ("nuc", 1, INF)]
    found += [Sample((x, p), {"keepdim": True}) for p in ("fro", 2, 1)]
    return [*found, Sample((cplx(rng, 3, 2), "nuc")), Sample((cplx(rng, 3, 2), 1))]


case(
    "linalg.matrix_norm",
    matrix_norms,
    Bad((ONES, 3), RuntimeError, "not supported"),
    Bad((ONES, "fro", (0, 0)), RuntimeError, "must be different"),
    Bad((np.ones(3),), RuntimeError, "2 dimensions"),
)


def norms(rng):
    x = general(rng, 3, 3)
    found = [Sample((x, p)) for p in (None, "fro", "nuc", 1, 2, INF)] + [Sample((x[0], p)) for p in (None, 1, 3, -INF)]
    return [
        *found,
        Sample((x, 1, 0)),
        Sample((x, None, (0, 1))),
        Sample((general(rng, 2, 2, 3),)),
        Sample((x, 2, 1, True)),
    ]


case(
    "linalg.norm",
    norms,
    Bad((np.ones((2, 2, 2)), 2), RuntimeError, "1D or 2D"),
    Bad((np.ones(2), "nuc"), RuntimeError, "matrix norm"),
)


def conditions(rng):
    x = general(rng, 3, 3)
    found = [Sample((x, p)) for p in (None, 2, -2, "fro", "nuc", 1, -1, INF, -INF)]
    return [
        *found,
        Sample((general(rng, 2, 3, 2),)),
        Sample((SINGULAR, 1), grad=False),
        Sample((general(rng, 2, 2, 2), "fro")),
    ]


case(
    "linalg.cond",
    conditions,
    Bad((np.eye(2), 3), RuntimeError, "invalid norm type"),
    Bad((ONES, 1), RuntimeError, "square"),
)


def ranks(rng):
    found = [
        Sample((x,)) for x in (np.eye(3), SINGULAR, arrays(rng, (2, 3, 4))[0], np.zeros((2, 3)), np.ones((0, 2, 2)))
    ]
    found += [Sample((np.diag([1.0, 0.1]),), {"atol": 0.5}), Sample((np.diag([1.0, 0.1]),), {"rtol": 0.5})]
    return [*found, Sample((hermitian(rng, 3, 3),), {"hermitian": True})]


case("linalg.matrix_rank", lambda rng: [Sample(s.args, s.kwargs, grad=False) for s in ranks(rng)], NOT_MATRIX)


def inverses(rng):
    found = [Sample((general(rng, *s),)) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 2))]
    a, b = arrays(rng, (4, 2), (2, 3))
    deficient = Sample((a @ b,), grad=False, second=False)
    return [*found, deficient, Sample((cplx(rng, 3, 2),)), Sample((np.ones((0, 3)),)), Sample((np.ones((2, 3, 0)),))]


case(
    "linalg.pinv",
    lambda rng: [*inverses(rng), Sample((hermitian(rng, 3, 3, shift=1.0),), {"hermitian": True})],
    NOT_MATRIX,
)
case("pinverse", lambda rng: [s for i, s in enumerate(inverses(rng)) if i != 4], NOT_MATRIX)


def least_squares(rng):
    shapes = (((4, 2), (4, 3)), ((2, 4), (2, 1)), ((3, 3), (3, 2)), ((2, 4, 2), (2, 4, 1)))
    found = [Sample((general(rng, *a), arrays(rng, b)[0])) for a, b in shapes]
    tall = general(rng, 4, 2)
    b = arrays(rng, (4, 1))[0]
    found += [Sample((tall, b), {"driver": d}, grad=d == "gels") for d in ("gels", "gelsd", "gelss")]
    found.append(Sample((tall, b), {"driver": "gelsd"}, torch=False))  # torch has no derivative of singular values
    return [*found, Sample((cplx(rng, 4, 2), cplx(rng, 4, 1)))]


case(
    "linalg.lstsq",
    least_squares,
    Bad((ONES, np.ones((3, 1))), RuntimeError, "should match"),
    Bad((ONES, np.ones((2, 1))), RuntimeError, "driver", {"driver": "qr"}),
)

# ---- factorizations -------------------------------------------------------------------------------------------------


def by_value_and_own(*args):
    """Values are torch's, gradients are checked by differences only."""
    return [Sample(args, grad=False), Sample(args, torch=False)]


def positives(rng):
    found = [Sample((positive(rng, *s),)) for s in ((3, 3), (1, 1), (2, 3, 3), (0, 0), (0, 2, 2))]
    found += [Sample((positive(rng, 3, 3)[::-1, ::-1],)), Sample((positive(rng, 3, 3),), {"upper": True})]
    found += by_value_and_own(positive(rng, 3, 3, complex=True))  # torch's gradient is not Hermitian
    return [*found, Sample((positive(rng, 2, 2).astype(np.float32),))]


NOT_POSITIVE = Bad((np.diag([1.0, -1.0]),), LinAlgError, r"the leading minor of order 2 is not positive-definite")
for name in ("linalg.cholesky", "cholesky"):
    case(name, positives, *BAD_SQUARE, NOT_POSITIVE)
case(
    "linalg.cholesky_ex",
    positives,
    NOT_SQUARE,
    Bad((np.diag([1.0, -1.0]),), LinAlgError, "order 2", {"check_errors": True}),
)


def factors(rng, *shape, complex=False):
    return np.linalg.cholesky(positive(rng, *shape, complex=complex))


def cholesky_systems(rng):
    low, b = factors(rng, 3, 3), arrays(rng, (3, 2))[0]
    found = [(b, low), (b, low.T.copy(), True), (arrays(rng, (2, 3, 1))[0], factors(rng, 2, 3, 3))]
    found.append((cplx(rng, 2, 1), factors(rng, 2, 2, complex=True)))
    return [s for args in found for s in by_value_and_own(*args)]  # torch fills the triangle that is not read


def cholesky_inverses(rng):
    found = [(factors(rng, 3, 3),), (factors(rng, 3, 3).T.copy(), True), (factors(rng, 2, 2, complex=True),)]
    return [s for args in found for s in by_value_and_own(*args)]


case("cholesky_solve", cholesky_systems, Bad((np.ones((3, 1)), np.eye(2)), RuntimeError, "Incompatible matrix sizes"))
case("cholesky_inverse", cholesky_inverses, Bad((ONES,), RuntimeError, "square"))


def orthogonal(rng):
    found = [Sample((general(rng, *s),)) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3))]
    found += [
        Sample((general(rng, 3, 3).T,)),
        Sample((general(rng, 3, 2),), {"mode": "complete"}, grad=False, forward=False),
    ]
    found += [
        Sample((general(rng, 3, 3),), {"mode": "complete"}),
        Sample((np.ones((0, 3)),), grad=False),
        Sample((np.ones((2, 0)),), grad=False),
    ]
    phases = [Sample((cplx(rng, *s),)) for s in ((3, 3), (4, 2))]
    return [*found, Sample((general(rng, 3, 2),), {"mode": "r"}, grad=False, vmap=False), *phases]


case("linalg.qr", orthogonal, NOT_MATRIX, Bad((ONES, "full"), RuntimeError, "unrecognized mode"))
case("qr", lambda rng: [Sample((general(rng, 4, 2),)), Sample((general(rng, 3, 3), False))], NOT_MATRIX)


def pivoted(rng):
    found = [Sample((arrays(rng, s)[0],)) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 3))]
    return [*found, Sample((cplx(rng, 3, 3),))]


for name in ("linalg.lu", "linalg.lu_factor", "linalg.lu_factor_ex"):
    singular = [Bad((SINGULAR * 0,), RuntimeError, "is zero")] if name == "linalg.lu_factor" else []
    case(name, pivoted, NOT_MATRIX, Bad((ONES,), RuntimeError, "pivoting", {"pivot": False}), *singular)
case("lu", pivoted, NOT_MATRIX, torch=None)


def factored(rng, *shape, complex=False):
    import scipy.linalg

    a = cplx(rng, *shape) if complex else arrays(rng, shape)[0]
    lu, piv = scipy.linalg.lu_factor(a)
    return lu, (piv + 1).astype(np.int32)


def lu_systems(rng):
    (lu, piv), b = factored(rng, 3, 3), arrays(rng, (3, 2))[0]
    found = [Sample((lu, piv, b), k, grad=(0, 2), vmap=False) for k in ({}, {"adjoint": True})]
    found += [
        Sample((lu, piv, b.T.copy()), {"left": False, "adjoint": a}, grad=(0, 2), vmap=False) for a in (True, False)
    ]
    return [*found, Sample((*factored(rng, 2, 2, complex=True), cplx(rng, 2, 1)), grad=(0, 2), vmap=False)]


case(
    "linalg.lu_solve",
    lu_systems,
    Bad((np.eye(2), np.array([1, 2], np.int32), np.ones((3, 1))), RuntimeError, "Incompatible shapes"),
)
case("lu_solve", lambda rng: [Sample((s.args[2], *s.args[:2]), grad=(0, 1), vmap=False) for s in lu_systems(rng)[:1]])
case("lu_unpack", lambda rng: [Sample(factored(rng, 3, 3), grad=(0,), vmap=False)])


def reflected(rng):
    found = []
    for m, n, k in ((4, 3, 3), (3, 3, 2), (4, 2, 1)):
        a, tau = arrays(rng, (m, n), (k,))
        found.append(Sample((a, tau)))
    a, tau = arrays(rng, (2, 4, 2), (2, 2))
    return [*found, Sample((a, tau)), Sample((cplx(rng, 3, 2), cplx(rng, 2)))]


for name in ("linalg.householder_product", "orgqr"):
    case(name, reflected, Bad((ONES, np.ones(2)), RuntimeError, "greater than or equal"))


def symmetric(rng):
    found = [Sample((hermitian(rng, *s),), grad=False) for s in ((3, 3), (2, 4, 4))]
    return [*found, Sample((hermitian(rng, 3, 3, complex=True),), {"hermitian": True}, grad=False)]


for name in ("linalg.ldl_factor", "linalg.ldl_factor_ex"):
    case(name, symmetric, NOT_SQUARE)

# ---- spectra --------------------------------------------------------------------------------------------------------


def singular(rng):
    """Signs are those of LAPACK: another build may choose others, so vectors are not compared with torch's."""
    found = [Sample((general(rng, *s), False), torch=False) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 2))]
    found += [Sample((general(rng, 3, 3),), torch=False), Sample((general(rng, 3, 3).T[::-1], False), torch=False)]
    found += [Sample((general(rng, *s),), **PHASED) for s in ((3, 2), (2, 3))]
    empty = [Sample((np.ones(s), False), grad=False) for s in ((0, 3), (2, 0), (0, 2, 2))]
    return [*found, *empty, Sample((cplx(rng, 3, 2), False), **PHASED)]


def old_singular(rng):
    found = [Sample((general(rng, 4, 2),), torch=False), Sample((general(rng, 3, 3), False), torch=False)]
    return [*found, Sample((general(rng, 3, 2), True, False))]


PHASED = {"grad": False, "vmap": False, "torch": False}
case("linalg.svd", singular, NOT_MATRIX, NOT_FLOAT)
case("svd", old_singular, NOT_MATRIX)
case(
    "linalg.svdvals",
    lambda rng: [
        *(Sample((general(rng, *s),)) for s in ((3, 3), (4, 2), (2, 3, 4), (0, 2))),
        Sample((cplx(rng, 3, 2),)),
    ],
    NOT_MATRIX,
)


def symmetric_spectra(rng):
    found = [Sample((hermitian(rng, *s),)) for s in ((3, 3), (1, 1), (2, 3, 3), (0, 0))]
    return [*found, Sample((hermitian(rng, 3, 3), "U")), Sample((hermitian(rng, 3, 3)[::-1, ::-1],))]


def symmetric_vectors(rng):
    found = [Sample(s.args, torch=False) for s in symmetric_spectra(rng)]
    return [*found, Sample((hermitian(rng, 3, 3, complex=True),), **PHASED)]


WRONG_TRIANGLE = Bad((np.eye(2), "X"), RuntimeError, "UPLO argument")
case(
    "linalg.eigh",
    symmetric_vectors,
    *BAD_SQUARE,
    WRONG_TRIANGLE,
)
case(
    "linalg.eigvalsh",
    lambda rng: [
        *symmetric_spectra(rng),
        Sample((hermitian(rng, 3, 3, complex=True),)),
        Sample((np.eye(3),), second=False, grad=False),
    ],
    *BAD_SQUARE,
    WRONG_TRIANGLE,
)


def spectra(rng):
    apart = np.diag([1.0, 4.0, 9.0])
    (x,) = arrays(rng, (3, 3), low=-0.5, high=0.5)
    turning = np.array([[1.0, 2.0, 0.1], [-2.0, 1.0, 0.3], [0.2, 0.1, 5.0]])
    found = [Sample((a,)) for a in (x + apart, turning, np.stack([x + apart, turning]), (x + apart).T)]
    return [*found, Sample((cplx(rng, 3, 3) * 0.3 + apart,)), Sample((np.ones((0, 0)),), grad=False)]


NOT_FINITE = Bad((np.array([[1.0, np.nan], [0.0, 1.0]]),), RuntimeError, "should not contain infs or NaNs")
case("linalg.eigvals", spectra, *BAD_SQUARE, NOT_FINITE)
case("linalg.eig", lambda rng: [Sample(s.args, **PHASED) for s in spectra(rng)], *BAD_SQUARE, NOT_FINITE)
