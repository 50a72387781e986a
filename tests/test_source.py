"""explain.source: the text runs on NumPy alone and gives the engine's numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain import source


def network(w, b, x):
    h = cr.tanh(x @ w + b)
    return cr.nn.functional.softmax(h, dim=1).log().sum()


def polynomial(x):
    return (x * x * x + cr.sin(x)).sum()


def pooled(x):
    return cr.nn.functional.max_pool2d(x, 2).sum() + x.logsumexp(3).sum() + cr.special.erf(x).mean()


CASES = {
    "polynomial": (polynomial, [(5,)]),
    "gradient": (cr.func.grad(polynomial), [(5,)]),
    "second": (cr.func.grad(lambda x: cr.func.grad(polynomial)(x).sum()), [(5,)]),
    "network": (cr.func.grad(network, argnums=(0, 1)), [(3, 4), (4,), (2, 3)]),
    "pooled": (cr.func.grad(pooled), [(1, 1, 4, 4)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_text_gives_the_same_numbers(name, dtype):
    f, shapes = CASES[name]
    rng = np.random.default_rng(0)
    first, second = ([rng.uniform(0.2, 2, s).astype(dtype) for s in shapes] for _ in range(2))
    run = source(f, *map(cr.tensor, first)).function()
    for arrays in (first, second):
        want, got = f(*map(cr.tensor, arrays)), run(*arrays)
        want, got = (v if isinstance(v, tuple) else (v,) for v in (want, got))
        for w, g in zip(want, got, strict=True):
            assert g.dtype == w.numpy().dtype and g.shape == tuple(w.shape)
            np.testing.assert_array_equal(g, w.numpy())


def test_text_stands_alone(tmp_path):
    text = source(cr.func.grad(network), cr.ones(3, 4), cr.ones(4), cr.ones(2, 3), name="gradient")
    assert "chainrule." not in text.replace("chainrule.explain.source", "")
    text.save(tmp_path / "alone.py")
    code = "import sys; sys.modules['chainrule'] = None; import numpy as np, alone; "
    code += "print(alone.gradient(np.ones((3, 4), 'f'), np.ones(4, 'f'), np.ones((2, 3), 'f')).shape)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 4)"


def test_users_names_and_lines_are_in_the_text():
    text = source(cr.func.grad(network), cr.ones(3, 4), cr.ones(4), cr.ones(2, 3))
    assert "def network(w, b, x):" in text and "    h = np.tanh(" in text
    assert "derivative of tanh, test_source.py" in text


def test_another_language_is_an_error():
    with pytest.raises(ValueError, match="language"):
        source(polynomial, cr.ones(3), language="fortran")
