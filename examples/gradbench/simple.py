"""Small objectives: hello, log-sum-exp, least squares, an ordinary differential equation, a determinant by minors."""

import chainrule as cr
from chainrule.func import grad


def _t(x):
    return cr.tensor(x, dtype=cr.float64)


# ---- hello -----------------------------------------------------------------------------------------------------------


def hello_square(x):
    return x * x


def hello_double(x):
    return grad(lambda v: v * v)(_t(x)).item()


# ---- lse: log sum exp x ---------------------------------------------------------------------------------------------


def lse(x):
    top = x.detach().max()
    return top + (x - top).exp().sum().log()


# ---- llsq: a polynomial fitted to the sign function at n points in [-1, 1] -------------------------------------------


def llsq(x, n):
    t = cr.linspace(-1.0, 1.0, n, dtype=cr.float64)
    powers = cr.stack([t**j for j in range(x.shape[0])], dim=1)
    residual = t.sign() - powers @ x
    return (residual * residual).sum() / 2


# ---- ode: y0' = x0, yi' = xi y(i-1), by s steps of Runge and Kutta's method up to time 2 -----------------------------


def ode(x, s):
    def slope(y):
        return x * cr.cat([cr.ones(1, dtype=cr.float64), y[:-1]])

    y, h = cr.zeros(x.shape[0], dtype=cr.float64), 2.0 / s
    for _ in range(s):
        k1 = slope(y)
        k2 = slope(y + k1 * (h / 2))
        k3 = slope(y + k2 * (h / 2))
        k4 = slope(y + k3 * h)
        y = y + (k1 + k2 * 2 + k3 * 2 + k4) * (h / 6)
    return y


# ---- det: the determinant by expansion along the first row -----------------------------------------------------------


def det(a):
    n = a.shape[0]
    if n == 1:
        return a[0, 0]
    columns = range(n)
    minors = [det(a[1:, [c for c in columns if c != j]]) for j in columns]
    return sum((-1) ** j * a[0, j] * m for j, m in enumerate(minors))


FUNCTIONS = {
    "hello.square": lambda x: hello_square(x),
    "hello.double": lambda x: hello_double(x),
    "lse.primal": lambda d: lse(_t(d["x"])).item(),
    "lse.gradient": lambda d: grad(lse)(_t(d["x"])).tolist(),
    "llsq.primal": lambda d: llsq(_t(d["x"]), d["n"]).item(),
    "llsq.gradient": lambda d: grad(llsq)(_t(d["x"]), d["n"]).tolist(),
    "ode.primal": lambda d: ode(_t(d["x"]), d["s"]).tolist(),
    "ode.gradient": lambda d: grad(lambda x: ode(x, d["s"])[-1])(_t(d["x"])).tolist(),
    "det.primal": lambda d: det(_t(d["A"]).reshape(d["ell"], d["ell"])).item(),
    "det.gradient": lambda d: grad(lambda a: det(a.reshape(d["ell"], d["ell"])))(_t(d["A"])).tolist(),
}
