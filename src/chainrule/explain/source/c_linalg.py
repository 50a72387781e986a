"""Linear algebra in C: elimination, triangular systems and Cholesky factors of each matrix of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...graph.ir import Equation, Variable
from .c_elements import PRODUCT, aligned
from .literals import LiftError

if TYPE_CHECKING:
    from .c_text import Writer

FUNCTIONS = {
    "eliminate": """\
/* Gauss: A becomes upper triangular by row operations with the largest pivots, done to B (n by m) too; returns the
 * sign of the rows' permutation */
static int eliminate(int n, int m, double *A, double *B)
{
    int sign = 1;
    for (int k = 0; k < n; k++) {
        int pivot = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(A[i * n + k]) > fabs(A[pivot * n + k])) pivot = i;
        if (pivot != k) {
            sign = -sign;
            for (int j = 0; j < n; j++) {
                const double kept = A[k * n + j];
                A[k * n + j] = A[pivot * n + j];
                A[pivot * n + j] = kept;
            }
            for (int j = 0; j < m; j++) {
                const double kept = B[k * m + j];
                B[k * m + j] = B[pivot * m + j];
                B[pivot * m + j] = kept;
            }
        }
        if (A[k * n + k] == 0) continue;
        for (int i = k + 1; i < n; i++) {
            const double f = A[i * n + k] / A[k * n + k];
            for (int j = k; j < n; j++) A[i * n + j] -= f * A[k * n + j];
            for (int j = 0; j < m; j++) B[i * m + j] -= f * B[k * m + j];
        }
    }
    return sign;
}""",
    "solve_by_elimination": """\
/* B becomes the solution X of A X = B; infinite or NaN if A is singular */
static void solve_by_elimination(int n, int m, double *A, double *B)
{
    eliminate(n, m, A, B);
    for (int i = n - 1; i >= 0; i--)
        for (int j = 0; j < m; j++) {
            for (int k = i + 1; k < n; k++) B[i * m + j] -= A[i * n + k] * B[k * m + j];
            B[i * m + j] /= A[i * n + i];
        }
}""",
    "determinant": """\
static double determinant(int n, double *A)
{
    double product = eliminate(n, 0, A, A);
    for (int k = 0; k < n; k++) product *= A[k * n + k];
    return product;
}""",
    "log_determinant": """\
/* log |det A|, and the sign of the determinant */
static double log_determinant(int n, double *A, double *sign)
{
    double total = 0;
    *sign = eliminate(n, 0, A, A);
    for (int k = 0; k < n; k++) {
        const double pivot = A[k * n + k];
        *sign *= (pivot > 0) - (pivot < 0);
        total += log(fabs(pivot));
    }
    return total;
}""",
    "cofactor": """\
/* the derivative of det A by A[row][column]: the determinant without them, with its sign */
static double cofactor(int n, const double *A, int row, int column)
{
    double minor[n * n];
    int count = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (i != row && j != column) minor[count++] = A[i * n + j];
    return ((row + column) % 2 ? -1 : 1) * determinant(n - 1, minor);
}""",
}
NEEDS = {
    "solve_by_elimination": ("eliminate",),
    "determinant": ("eliminate",),
    "log_determinant": ("eliminate",),
    "cofactor": ("determinant", "eliminate"),
}


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


def _copied(w: Writer, x: Variable, batch: Sequence[str], wanted: str) -> str:
    """A matrix of the batch as a local array of doubles."""
    name, (n, m) = w.local(wanted), x.shape[-2:]
    w.line(f"double {name}[{max(n, 1)}][{max(m, 1)}];")
    index = w.loops([n, m], prefix=batch)
    w.line(f"{_sub(name, index)} = {w.at(x, [*aligned(x.shape[:-2], batch), *index])};")
    w.close(index)
    return name


def _square(e: Equation) -> int:
    n = e.operands[0].shape[-1]
    if n == 0:
        raise LiftError("empty matrices")
    return n


def _solve(w: Writer, e: Equation) -> None:
    a, b = e.operands
    n, m, out = _square(e), b.shape[-1], e.outs[0]
    name = w.declare(out, out.name)
    batch = w.block(out.shape[:-2])
    A, B = _copied(w, a, batch, "A"), _copied(w, b, batch, "B")
    w.line(f"{w.function('solve_by_elimination')}({n}, {m}, &{A}[0][0], &{B}[0][0]);")
    index = w.loops([n, m], prefix=batch)
    w.line(f"{_sub(name, [*batch, *index])} = {_sub(B, index)};")
    w.close(index)
    w.end_block(batch)


def _inv(w: Writer, e: Equation) -> None:
    n, out = _square(e), e.outs[0]
    name = w.declare(out, out.name)
    batch = w.block(out.shape[:-2])
    A, B = _copied(w, e.operands[0], batch, "A"), w.local("B")
    w.line(f"double {B}[{n}][{n}];")
    i, j = index = w.loops([n, n], prefix=batch)
    w.line(f"{_sub(B, index)} = {i} == {j};")
    w.close(index)
    w.line(f"{w.function('solve_by_elimination')}({n}, {n}, &{A}[0][0], &{B}[0][0]);")
    index = w.loops([n, n], prefix=batch)
    w.line(f"{_sub(name, [*batch, *index])} = {_sub(B, index)};")
    w.close(index)
    w.end_block(batch)


def _determinants(w: Writer, e: Equation) -> None:
    """det, slogdet (sign and logarithm), logdet."""
    n = _square(e)
    names = [w.declare(o, e.outs[0].name) for o in e.outs]
    batch = w.block(e.outs[0].shape)
    A = _copied(w, e.operands[0], batch, "A")
    if e.prim.name == "det":
        w.line(f"{_sub(names[0], batch)} = {w.function('determinant')}({n}, &{A}[0][0]);")
    else:
        sign = w.local("sign")
        w.line(f"double {sign};")
        value = f"{w.function('log_determinant')}({n}, &{A}[0][0], &{sign})"
        if e.prim.name == "slogdet":
            w.line(f"{_sub(names[1], batch)} = {value};")
            w.line(f"{_sub(names[0], batch)} = {sign};")
        else:
            size = w.local("size")
            w.line(f"const double {size} = {value};")
            w.line(f"{_sub(names[0], batch)} = log({sign}) + {size};")
    w.end_block(batch)


def _cofactor(w: Writer, e: Equation) -> None:
    if len(e.operands) > 1:
        raise LiftError("a second derivative of det")
    n, out = _square(e), e.outs[0]
    name = w.declare(out, out.name)
    batch = w.block(out.shape[:-2])
    A = _copied(w, e.operands[0], batch, "A")
    i, j = index = w.loops([n, n], prefix=batch)
    w.line(f"{_sub(name, [*batch, *index])} = {w.function('cofactor')}({n}, &{A}[0][0], {i}, {j});")
    w.close(index)
    w.end_block(batch)


def _solve_triangular(w: Writer, e: Equation) -> None:
    a, b = e.operands
    out, n, m = e.outs[0], a.shape[-1], b.shape[-1]
    name = w.declare(out, out.name)
    batch = w.block(out.shape[:-2])
    (j,) = w.loops([m], prefix=batch)
    (i,) = w.loops([n], prefix=[*batch, j])
    row = f"{n - 1} - {i}" if e.params["upper"] and n > 1 else i
    of_a, of_b = aligned(a.shape[:-2], batch), aligned(b.shape[:-2], batch)
    rest = w.block((), prefix=[*batch, j, i])
    total = w.local("total")
    w.line(f"double {total} = {w.at(b, [*of_b, row, j])};")
    if n > 1:
        k = w.local("k_")
        first, last = (f"{row} + 1", str(n)) if e.params["upper"] else ("0", row)
        term = f"{w.at(a, [*of_a, row, k]).at(PRODUCT)} * {_sub(name, [*batch, k, j])}"
        w.line(f"for (int {k} = {first}; {k} < {last}; {k}++) {total} -= {term};")
    divisor = "" if e.params["unit"] else f" / {w.at(a, [*of_a, row, row]).at(PRODUCT + 1)}"
    w.line(f"{_sub(name, [*batch, row, j])} = {total}{divisor};")
    w.end_block(rest)
    w.close([i])
    w.close([j])
    w.end_block(batch)


def _cholesky(w: Writer, e: Equation) -> None:
    x, out, n = e.operands[0], e.outs[0], _square(e)
    name = w.declare(out, out.name)
    batch = w.block(out.shape[:-2])
    i, j = index = w.loops([n, n], prefix=batch)
    rest = w.block(())
    total, k = w.local("total"), w.local("k_")
    w.line(f"double {total} = {w.at(x, [*aligned(x.shape[:-2], batch), *index])};")
    if n > 1:
        term = f"{_sub(name, [*batch, i, k])} * {_sub(name, [*batch, j, k])}"
        w.line(f"for (int {k} = 0; {k} < {j}; {k}++) {total} -= {term};")
    diagonal = _sub(name, [*batch, j, j])
    value = f"{i} < {j} ? 0 : {i} == {j} ? sqrt({total}) : {total} / {diagonal}"
    w.line(f"{_sub(name, [*batch, *index])} = {value};")
    w.end_block(rest)
    w.close(index)
    w.end_block(batch)


def _cross(w: Writer, e: Equation) -> None:
    x, y = e.operands
    out, axis = e.outs[0], e.params["axis"] % len(e.outs[0].shape)
    if out.shape[axis] != 3:
        raise LiftError("vectors that do not have 3 components")
    name = w.declare(out, out.name)
    outer = w.loops([1 if d == axis else n for d, n in enumerate(out.shape)])
    for k in range(3):
        a, b = ([str((k + s) % 3) if d == axis else i for d, i in enumerate(outer)] for s in (1, 2))
        left = f"{w.at(x, aligned(x.shape, a)).at(PRODUCT)} * {w.at(y, aligned(y.shape, b)).at(PRODUCT + 1)}"
        right = f"{w.at(x, aligned(x.shape, b)).at(PRODUCT)} * {w.at(y, aligned(y.shape, a)).at(PRODUCT + 1)}"
        w.line(f"{_sub(name, [str(k) if d == axis else i for d, i in enumerate(outer)])} = {left} - {right};")
    w.close(outer)


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "solve": _solve,
    "inv": _inv,
    "det": _determinants,
    "slogdet": _determinants,
    "logdet": _determinants,
    "cofactor": _cofactor,
    "solve_triangular": _solve_triangular,
    "cholesky": _cholesky,
    "cross": _cross,
}
