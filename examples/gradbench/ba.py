"""Bundle adjustment: reprojection errors of points in cameras, and their sparse Jacobian."""

import numpy as np

import chainrule as cr
from chainrule.func import jacfwd, vmap


def _t(x):
    return cr.tensor(np.asarray(x, float))


def cross(a, b):
    return cr.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def rotate(r, x):
    """Rotation of x about the axis r by the angle |r| (Rodrigues)."""
    angle = (r * r).sum().sqrt()
    axis = r / angle
    return x * angle.cos() + cross(axis, x) * angle.sin() + axis * (axis * x).sum() * (1.0 - angle.cos())


def reprojection(camera, x, w, feature):
    """Weighted error of one observation. A camera is rotation, centre, focal length, principal point, distortion."""
    seen = rotate(camera[:3], x - camera[3:6])
    flat = seen[:2] / seen[2]
    r2 = (flat * flat).sum()
    bent = flat * (1.0 + camera[9] * r2 + camera[10] * r2 * r2)
    return (bent * camera[6] + camera[7:9] - feature) * w


def objective(d):
    error = reprojection(_t(d["cam"]), _t(d["x"]), _t(d["w"]), _t(d["feat"]))
    return {
        "reproj_error": {"elements": error.tolist(), "repeated": d["p"]},
        "w_err": {"element": 1.0 - d["w"] ** 2, "repeated": d["p"]},
    }


def jacobian(d):
    """Rows, columns and values of the Jacobian (compressed rows), the first 30 and the last of each."""
    n, m, p = d["n"], d["m"], d["p"]
    cameras, points = np.tile(d["cam"], (p, 1)), np.tile(d["x"], (p, 1))
    blocks = vmap(jacfwd(reprojection, (0, 1, 2)), (0, 0, 0, None))(
        _t(cameras), _t(points), _t(np.full(p, d["w"])), _t(d["feat"])
    )
    parts = [b.numpy().reshape(p, 2, -1) for b in blocks]
    values = np.concatenate([np.concatenate(parts, axis=2).reshape(-1), np.full(p, -2 * d["w"])])
    i = np.arange(p)
    first = 11 * n + 3 * m
    where = [11 * (i % n)[:, None] + np.arange(11), 11 * n + 3 * (i % m)[:, None] + np.arange(3), (first + i)[:, None]]
    columns = np.concatenate([np.repeat(np.concatenate(where, axis=1), 2, axis=0).reshape(-1), first + i])
    rows = np.cumsum([0, *[15] * (2 * p), *[1] * p])
    return {k: [*map(float, v[:30]), float(v[-1])] for k, v in (("rows", rows), ("cols", columns), ("vals", values))}


FUNCTIONS = {"ba.objective": objective, "ba.jacobian": jacobian}
