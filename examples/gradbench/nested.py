"""saddle and particle: optimisation whose objective itself takes derivatives, in all four nestings of the modes.

The names say which mode is nested in which: r is reverse, f is forward.
"""

import chainrule as cr
from chainrule.func import grad, jacfwd

MODES = {"r": grad, "f": jacfwd}


def _t(x):
    return cr.tensor(x, dtype=cr.float64)


def argmin(f, x, derivative):
    """Gradient descent whose step doubles after ten good steps and halves after a bad one."""
    gradient = derivative(f)
    value, slope, step, good = f(x), gradient(x), 1e-5, 0
    while (slope * slope).sum().sqrt() > 1e-5:
        if good == 10:
            step, good = 2 * step, 0
        new = x - slope * step
        if ((x - new) * (x - new)).sum().sqrt() <= 1e-5:
            break
        after = f(new)
        if after < value:
            x, value, slope, good = new, after, gradient(new), good + 1
        else:
            step, good = step / 2, 0
    return x


def argmax(f, x, derivative):
    return argmin(lambda v: -f(v), x, derivative)


def saddle(outer, inner):
    """The saddle point of x1^2 + y1^2 - x2^2 - y2^2."""

    def run(d):
        start = _t(d["start"])

        def f(p, q):
            return (p * p).sum() - (q * q).sum()

        def best(p):
            return f(p, argmax(lambda q: f(p, q), start, MODES[inner]))

        p = argmin(best, start, MODES[outer])
        q = argmax(lambda q: f(p, q), start, MODES[inner])
        return [*p.tolist(), *q.tolist()]

    return run


def particle(outer, inner):
    """The charge that makes a falling charged particle land at the origin."""

    def landing(w):
        charges = [cr.stack([_t(10.0), 10.0 - w[0]]), _t([10.0, 0.0])]

        def potential(x):
            return sum(1.0 / ((x - c) * (x - c)).sum().sqrt() for c in charges)

        x, v, dt = _t([0.0, 8.0]), _t([0.75, 0.0]), 0.1
        force = MODES[inner](potential)
        while True:
            new = x + v * dt
            if not new[1] > 0:
                hit = x - v * (x[1] / v[1])
                return hit[0] * hit[0]
            x, v = new, v - force(x) * dt

    return lambda d: argmin(landing, _t([d["w"]]), MODES[outer])[0].item()


FUNCTIONS = {
    f"{name}.{o}{i}": make(o, i)
    for name, make in (("saddle", saddle), ("particle", particle))
    for o in "rf"
    for i in "rf"
}
