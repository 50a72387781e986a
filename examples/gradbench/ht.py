"""Hand tracking: distances of measured points from the skin of a hand in a pose."""

import numpy as np

import chainrule as cr
from chainrule.func import jacfwd


def _t(x):
    return cr.tensor(np.asarray(x, float))


def rotation(xzy):
    """Rotation matrix of three angles about x, z and y."""
    x, z, y = xzy[0], xzy[1], xzy[2]
    one, zero = _t(1.0), _t(0.0)
    about = lambda rows: cr.stack([cr.stack(r) for r in rows])  # noqa: E731
    rx = about([[one, zero, zero], [zero, x.cos(), -x.sin()], [zero, x.sin(), x.cos()]])
    ry = about([[y.cos(), zero, y.sin()], [zero, one, zero], [-y.sin(), zero, y.cos()]])
    rz = about([[z.cos(), -z.sin(), zero], [z.sin(), z.cos(), zero], [zero, zero, one]])
    return rz @ (ry @ rx)


def angle_axis(r):
    """Rotation matrix about the axis r by the angle |r|."""
    angle = (r * r).sum().sqrt()
    a = r / angle
    zero = _t(0.0)
    k = cr.stack([cr.stack([zero, -a[2], a[1]]), cr.stack([a[2], zero, -a[0]]), cr.stack([-a[1], a[0], zero])])
    return _t(np.eye(3)) + k * angle.sin() + (k @ k) * (1.0 - angle.cos())


def bone_angles(theta, bones):
    """Angles of each bone: three joints a finger bend, the first of them also sideways."""
    zero = _t(0.0)
    angles, at = [[zero] * 3 for _ in range(bones)], 6
    for finger in range(5):
        for joint in range(3):
            bone = angles[2 + 4 * finger + joint]
            bone[0], at = theta[at], at + 1
            if joint == 0:
                bone[1], at = theta[at], at + 1
    return angles


def skin(theta, model):
    """Vertex positions (vertices, 3) in the pose `theta`: rotation, translation, and 20 angles of the fingers."""
    transforms: list = []
    absolutes: list = []
    for i, (angles, parent) in enumerate(zip(bone_angles(theta, model["bone_count"]), model["parents"])):
        base, turned = _t(model["base_relatives"][i]), rotation(angles)
        relative = cr.cat([base[:, :3] @ turned, base[:, 3:]], 1)
        absolutes.append(relative if parent < 0 else absolutes[parent] @ relative)
        transforms.append(absolutes[i] @ _t(model["inverse_base_absolutes"][i]))
    base, weights = _t(model["base_positions"]), _t(model["weights"])
    positions = sum((base @ m[:3].mT) * weights[:, i : i + 1] for i, m in enumerate(transforms))
    if model["is_mirrored"]:
        positions = positions * _t([-1.0, 1.0, 1.0])
    return positions @ angle_axis(theta[:3]).mT + theta[3:6]


def errors(theta, us, data):
    """Measured points minus the corresponding points of the skin: vertices, or places `us` in triangles."""
    vertices, matched = skin(theta, data["model"]), np.asarray(data["correspondences"])
    if us is None:
        return (_t(data["points"]) - vertices[matched]).reshape(-1)
    a, b, c = (vertices[np.asarray(data["model"]["triangles"])[matched, k]] for k in range(3))
    u, v = us[:, :1], us[:, 1:]
    return (_t(data["points"]) - (a * u + b * v + c * (1.0 - u - v))).reshape(-1)


def jacobian(d):
    theta, data, us = _t(d["theta"]), d["data"], _t(d["us"]) if d["us"] else None
    by_pose = jacfwd(lambda x: errors(x, us, data))(theta).numpy()
    if us is None:
        return by_pose.tolist()
    # A place in a triangle concerns its own point only: two directional derivatives give them all.
    one = lambda s: errors(theta, us + s, data)  # noqa: E731
    by_place = jacfwd(one)(_t([0.0, 0.0])).numpy()
    return np.concatenate([by_place, by_pose], axis=1).tolist()


FUNCTIONS = {
    "ht.objective": lambda d: errors(_t(d["theta"]), _t(d["us"]) if d["us"] else None, d["data"]).tolist(),
    "ht.jacobian": jacobian,
}
