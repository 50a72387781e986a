"""k-means: the cost of centroids, and Newton's direction, the gradient over the diagonal of the Hessian."""

import chainrule as cr
from chainrule.func import grad, hvp


def _t(x):
    return cr.tensor(x, dtype=cr.float64)


def cost(points, centroids):
    d = points[:, None, :] - centroids[None, :, :]
    return (d * d).sum(dim=2).amin(dim=1).sum()


def direction(d):
    points, centroids = _t(d["points"]), _t(d["centroids"])
    f = lambda c: cost(points, c)  # noqa: E731
    diagonal = hvp(f, centroids, cr.ones_like(centroids))  # the Hessian is diagonal
    return (grad(f)(centroids) / diagonal).tolist()


FUNCTIONS = {
    "kmeans.cost": lambda d: cost(_t(d["points"]), _t(d["centroids"])).item(),
    "kmeans.dir": direction,
}
