"""saddle and particle: optimisation whose objective itself takes derivatives, in all four nestings of the modes.

The names say which mode is nested in which: r is reverse, f is forward.
"""

import chainrule as cr
from chainrule.func import grad, jacfwd, value_and_grad


def value_and_jacfwd(f):
    """Like value_and_grad, in forward mode."""
    both = jacfwd(lambda x: (lambda y: (y, y))(f(x)), has_aux=True)
    return lambda x: both(x)[::-1]


DERIVATIVE = {"r": grad, "f": jacfwd}
WITH_VALUE = {"r": value_and_grad, "f": value_and_jacfwd}


def _t(x):
    return cr.tensor(x, dtype=cr.float64)


def argmin(f, x, mode):
    """Gradient descent whose step doubles after ten good steps and halves after a bad one."""
    both = WITH_VALUE[mode](f)
    (value, slope), step, good = both(x), 1e-5, 0
    while (slope * slope).sum().sqrt() > 1e-5:
        if good == 10:
            step, good = 2 * step, 0
        new = x - slope * step
        if ((x - new) * (x - new)).sum().sqrt() <= 1e-5:
            break
        after, steeper = both(new)
        if after < value:
            x, value, slope, good = new, after, steeper, good + 1
        else:
            step, good = step / 2, 0
    return x


def argmax(f, x, mode):
    return argmin(lambda v: -f(v), x, mode)


def saddle(outer, inner):
    """The saddle point of x1^2 + y1^2 - x2^2 - y2^2."""

    def run(d):
        start = _t(d["start"])

        def f(p, q):
            return (p * p).sum() - (q * q).sum()

        def best(p):
            return f(p, argmax(lambda q: f(p, q), start, inner))

        p = argmin(best, start, outer)
        q = argmax(lambda q: f(p, q), start, inner)
        return [*p.tolist(), *q.tolist()]

    return run


def particle(outer, inner):
    """The charge that makes a falling charged particle land at the origin."""

    def landing(w):
        charges = cr.stack([_t([10.0, 0.0]), cr.stack([_t(10.0), 10.0 - w[0]])])

        def potential(x):
            d = x - charges
            return d.square().sum(dim=1, keepdim=True).rsqrt().sum()

        x, v, dt = _t([0.0, 8.0]), _t([0.75, 0.0]), 0.1
        force = DERIVATIVE[inner](potential)
        while True:
            new = x + v * dt
            if new.tolist()[1] <= 0:
                hit = x - v * (x[1] / v[1])
                return hit[0] * hit[0]
            x, v = new, v - force(x) * dt

    return lambda d: argmin(landing, _t([d["w"]]), outer)[0].item()


FUNCTIONS = {
    f"{name}.{o}{i}": make(o, i)
    for name, make in (("saddle", saddle), ("particle", particle))
    for o in "rf"
    for i in "rf"
}
