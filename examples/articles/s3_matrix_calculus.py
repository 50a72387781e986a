"""S3: differentials and gradient matrices, checked against the formulas of matrix calculus."""

import numpy as np

import chainrule as cr
from chainrule.articles.s3 import Matrix, concat, differential, gradient_matrix

rng = np.random.default_rng(0)
X, dX = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 3))
inverse = np.linalg.inv(X)

print("d X^-1 = -X^-1 dX X^-1:", np.allclose(differential(cr.linalg.inv, X, dX), -inverse @ dX @ inverse))
print(
    "d det X = det X tr(X^-1 dX):",
    np.allclose(differential(cr.linalg.det, X, dX), np.linalg.det(X) * np.trace(inverse @ dX)),
)

a, b = rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
found = gradient_matrix(lambda X: (cr.tensor(a).mT @ (X @ cr.tensor(b)).exp()).sum(), X)
print("f = a^T exp(X b): gradient (a . exp(X b)) b^T:", np.allclose(found, (a * np.exp(X @ b)) @ b.T))

x, y = Matrix([[1.0, 2.0]]), Matrix([[3.0, 4.0]])
rows = None
for part in (x, y):
    rows = concat(rows, part)
(rows @ rows.T).sum().backward()
print("concat:", rows, "gradients", x.grad.tolist(), y.grad.tolist())
