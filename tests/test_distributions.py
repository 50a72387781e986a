"""Distributions: densities, moments, entropies, divergences and gradients as torch's; draws by their moments."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

import chainrule as cr
import chainrule.distributions as D  # noqa: N812

RNG = np.random.default_rng(0)


def pos(*shape):
    return RNG.uniform(0.5, 3.0, shape)


def any_(*shape):
    return RNG.normal(size=shape)


def unit(*shape):
    return RNG.uniform(0.1, 0.9, shape)


def simplex(*shape):
    p = pos(*shape)
    return p / p.sum(-1, keepdims=True)


def spd(n, *lead):
    a = any_(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


# name: (parameters, a value)
CASES = {
    "Normal": ({"loc": any_(3), "scale": pos(2, 3)}, any_(4, 2, 3)),
    "Laplace": ({"loc": any_(3), "scale": pos(3)}, any_(3)),
    "Cauchy": ({"loc": any_(3), "scale": pos(3)}, any_(3)),
    "StudentT": ({"df": pos(3) + 2.5, "loc": any_(3), "scale": pos(3)}, any_(3)),
    "Uniform": ({"low": any_(3) - 3, "high": any_(3) + 3}, unit(3) - 0.5),
    "Exponential": ({"rate": pos(3)}, pos(3)),
    "HalfNormal": ({"scale": pos(3)}, pos(3)),
    "HalfCauchy": ({"scale": pos(3)}, pos(3)),
    "Gamma": ({"concentration": pos(3), "rate": pos(3)}, pos(3)),
    "Chi2": ({"df": pos(3)}, pos(3)),
    "InverseGamma": ({"concentration": pos(3) + 2.5, "rate": pos(3)}, pos(3)),
    "Beta": ({"concentration1": pos(3) + 1, "concentration0": pos(3) + 1}, unit(3)),
    "Dirichlet": ({"concentration": pos(2, 3)}, simplex(2, 3)),
    "Bernoulli": ({"probs": unit(3)}, np.array([0.0, 1, 1])),
    "Bernoulli of logits": ({"logits": any_(3)}, np.array([0.0, 1, 1])),
    "Geometric": ({"probs": unit(3)}, np.array([0.0, 1, 5])),
    "Binomial": ({"total_count": 6, "probs": unit(3)}, np.array([0.0, 3, 6])),
    "NegativeBinomial": ({"total_count": pos(3), "probs": unit(3)}, np.array([0.0, 3, 6])),
    "Poisson": ({"rate": pos(3)}, np.array([0.0, 3, 6])),
    "Categorical": ({"probs": simplex(2, 4)}, np.array([[0, 3], [1, 2], [2, 2]])),
    "Categorical of logits": ({"logits": any_(2, 4)}, np.array([0, 3])),
    "OneHotCategorical": ({"probs": simplex(2, 4)}, np.eye(4)[[2, 0]]),
    "Multinomial": ({"total_count": 5, "probs": simplex(4)}, np.array([2.0, 1, 0, 2])),
    "LogNormal": ({"loc": any_(3), "scale": pos(3) * 0.3}, pos(3)),
    "Gumbel": ({"loc": any_(3), "scale": pos(3)}, any_(3)),
    "Weibull": ({"scale": pos(3), "concentration": pos(3) + 1}, pos(3)),
    "Pareto": ({"scale": pos(3) * 0.1, "alpha": pos(3) + 2}, pos(3)),
    "MultivariateNormal": ({"loc": any_(2, 3), "covariance_matrix": spd(3)}, any_(2, 3)),
    "MultivariateNormal of precision": ({"loc": any_(3), "precision_matrix": spd(3, 2)}, any_(4, 2, 3)),
    "MultivariateNormal of factor": ({"loc": any_(3), "scale_tril": np.linalg.cholesky(spd(3))}, any_(2, 3)),
    "RelaxedBernoulli": ({"temperature": pos(), "probs": unit(3)}, unit(3)),
    "RelaxedOneHotCategorical": ({"temperature": pos(), "probs": simplex(3)}, simplex(3)),
}
MOMENTS = ("mean", "variance", "stddev", "mode")


def made(lib, name, params):
    """The distribution in `lib`, and its parameters as leaves."""
    leaves = {
        k: lib.tensor(v, requires_grad=True) if isinstance(v, (np.ndarray, np.floating)) else v
        for k, v in params.items()
    }
    return getattr(lib.distributions, name.split()[0])(**leaves), leaves


def known_or_none(compute):
    try:
        return compute()
    except NotImplementedError:
        return None


def facts(lib, name, params, value):
    """All numbers that a distribution can tell about itself, with the gradients of those that have them."""
    d, leaves = made(lib, name, params)
    leaves = [x for x in leaves.values() if hasattr(x, "grad_fn")]
    x = lib.tensor(value)
    if x.is_floating_point() and not d.support.is_discrete:
        x.requires_grad_()
        leaves.append(x)
    found = {"repr": repr(d), "shapes": (tuple(d.batch_shape), tuple(d.event_shape))}
    parts = {"log_prob": lambda: d.log_prob(x), "entropy": d.entropy, "cdf": lambda: d.cdf(x)}
    parts |= {m: (lambda m=m: getattr(d, m)) for m in MOMENTS}
    parts["support"] = lambda: d.enumerate_support() if d.has_enumerate_support else None
    if name.split()[0] not in ("StudentT", "HalfNormal", "HalfCauchy") and d.batch_shape:
        parts["icdf"] = lambda: d.icdf(lib.full(d.batch_shape, 0.3, dtype=lib.float64))
    for part, compute in parts.items():
        y = known_or_none(compute)
        if y is None:
            continue
        found[part] = y.detach().numpy()
        cdf_is_gamma = part == "cdf" and name.split()[0] in (
            "Gamma",
            "Chi2",
            "InverseGamma",
        )  # no derivative in the concentration
        if y.requires_grad and not cdf_is_gamma and np.isfinite(found[part]).all():
            grads = lib.autograd.grad(y.sum(), leaves, retain_graph=True, allow_unused=True)
            found[f"gradient of {part}"] = [0.0 if g is None else g.numpy() for g in grads]
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_distribution_tells_what_torchs_tells(name):
    torch = pytest.importorskip("torch")
    ours, theirs = facts(cr, name, *CASES[name]), facts(torch, name, *CASES[name])
    if not theirs["repr"].endswith("()"):  # torch forgets the parameters of some
        assert ours["repr"] == theirs["repr"]
    assert ours["shapes"] == theirs["shapes"]
    missing = set(theirs) - set(ours)
    assert not missing
    for part in set(theirs) - {"repr", "shapes"}:
        a, b = ours[part], theirs[part]
        for mine, other in zip(a, b, strict=True) if part.startswith("gradient") else [(a, b)]:
            np.testing.assert_allclose(mine, other, rtol=1e-7, atol=1e-10, err_msg=part)


DRAWN = [name for name in CASES if name.split()[0] not in ("Cauchy", "HalfCauchy")]


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_mean_and_variance(name):
    cr.manual_seed(0)
    d, _ = made(cr, name, CASES[name][0])
    n = 20000
    x = d.sample((n,))
    assert x.shape == (n, *d.batch_shape, *d.event_shape)
    assert not x.requires_grad
    assert bool(d.support.check(x).all())
    mean, variance = known_or_none(lambda: d.mean), known_or_none(lambda: d.variance)
    if mean is None or ("Categorical" in name.split()[0] and "OneHot" not in name) or name == "Pareto":
        return
    mean, variance = mean.detach().numpy(), variance.detach().numpy()
    np.testing.assert_allclose(x.mean(0).numpy(), mean, atol=6 * math.sqrt(variance.max() / n))
    np.testing.assert_allclose(x.var(0).numpy(), variance, rtol=0.35)


@pytest.mark.parametrize("name", [n for n in DRAWN if getattr(D, n.split()[0]).has_rsample is True])
def test_gradient_of_a_draw_moves_it_along_the_distribution(name):
    """E f(x) differentiated through the draws is the derivative of the mean."""
    cr.manual_seed(0)
    d, leaves = made(cr, name, CASES[name][0])
    mean = known_or_none(lambda: d.mean)
    if mean is None or not mean.requires_grad:
        return
    used = [x for x in leaves.values() if isinstance(x, cr.Tensor)]
    weights = cr.tensor(np.random.default_rng(1).normal(size=mean.shape))
    want = cr.autograd.grad((mean * weights).sum(), used, allow_unused=True, retain_graph=True)
    got = cr.autograd.grad((d.rsample((8000,)).mean(0) * weights).sum(), used, allow_unused=True)
    for g, w in zip(got, want, strict=True):
        if w is not None:
            np.testing.assert_allclose(g.numpy(), w.numpy(), atol=0.2)


def test_gamma_draws_differentiate_as_their_quantile():
    """dx/da = -(dF/da) / f, with dF/da by mpmath's quadrature of 30 digits."""
    from chainrule.ops.gamma_draws import gamma_quantile_p

    a = cr.tensor([0.3, 1.0, 2.5, 40.0], dtype=cr.float64, requires_grad=True)
    u = cr.tensor([0.2, 0.7, 0.99, 0.01], dtype=cr.float64)
    (got,) = cr.autograd.grad(gamma_quantile_p(a, u).sum(), a)
    # from mpmath: -diff(lambda c: gammainc(c, 0, x, regularized=True), a) / pdf(x)
    want = GAMMA_SLOPES
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-9)


GAMMA_SLOPES = [0.0607149538279151, 1.2875587667462, 1.76301259113716, 0.81598013342027]


def test_second_derivative_of_a_gamma_draw_is_refused():
    a = cr.tensor([2.0], requires_grad=True)
    x = D.Gamma(a, 1.0).rsample()
    (g,) = cr.autograd.grad(x.sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="_standard_gamma_grad"):
        g.sum().backward()


PAIRS = [
    *((n, n) for n in ("Normal", "Laplace", "Cauchy", "HalfNormal", "Exponential", "Gamma", "Beta", "Dirichlet")),
    *((n, n) for n in ("Bernoulli", "Geometric", "Binomial", "Poisson", "Categorical", "OneHotCategorical")),
    *((n, n) for n in ("LogNormal", "Gumbel", "MultivariateNormal", "Uniform", "Pareto")),
    ("Exponential", "Gamma"), ("Gamma", "Exponential"), ("Uniform", "Normal"), ("Normal", "Laplace"),
    ("Bernoulli", "Bernoulli of logits"), ("MultivariateNormal", "MultivariateNormal of factor"),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_divergence_is_torchs(pair):
    torch = pytest.importorskip("torch")
    first, second = CASES[pair[0]][0], CASES[pair[1]][0]
    if pair[0] == pair[1]:
        second = {k: v[..., ::-1].copy() if isinstance(v, np.ndarray) and v.ndim == 1 else v for k, v in first.items()}
    results = []
    for lib in (cr, torch):
        p, ps = made(lib, pair[0], first)
        q, qs = made(lib, pair[1], second)
        kl = lib.distributions.kl_divergence(p, q)
        leaves = [x for x in (*ps.values(), *qs.values()) if hasattr(x, "grad_fn")]
        finite = bool(lib.isfinite(kl).all())
        grads = lib.autograd.grad(kl.sum(), leaves, allow_unused=True) if kl.requires_grad and finite else []
        results.append((kl.detach().numpy(), [0.0 if g is None else g.numpy() for g in grads]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-9, atol=1e-11)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_divergence_without_a_rule_says_how_to_estimate_it():
    with pytest.raises(NotImplementedError, match="p type Cauchy and q type Normal; estimate it as"):
        D.kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))


def test_users_register_divergences():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def rule(p, q):
        return "mine"

    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)) == "mine"
    assert float(D.kl_divergence(D.Normal(0.0, 1.0), Mine(0.0, 1.0))) == 0


COMBINED = {
    "independent": lambda t, d: d.Independent(d.Normal(t.zeros(3, 2, dtype=t.float64), 1.5), 1),
    "tanh normal": lambda t, d: d.TransformedDistribution(
        d.Normal(t.full((2,), 0.3, dtype=t.float64), 0.5), [d.TanhTransform(cache_size=1)]
    ),
    "squashed": lambda t, d: d.TransformedDistribution(
        d.Normal(t.full((2,), 0.3, dtype=t.float64), 0.5), [d.SigmoidTransform(), d.AffineTransform(-0.25, 1.5)]
    ),
    "stick": lambda t, d: d.TransformedDistribution(
        d.Normal(t.zeros(4, 1, dtype=t.float64), 1.0), [d.ReshapeTransform((1,), (1,)), d.StickBreakingTransform()]
    ),
    "mixture": lambda t, d: d.MixtureSameFamily(
        d.Categorical(t.tensor([0.2, 0.8], dtype=t.float64)), d.Normal(t.tensor([-1.0, 1.0], dtype=t.float64), 0.5)
    ),
    "mixture of vectors": lambda t, d: d.MixtureSameFamily(
        d.Categorical(t.ones(3, dtype=t.float64)),
        d.Independent(d.Normal(t.arange(6, dtype=t.float64).view(3, 2), 0.5), 1),
    ),
    "expanded": lambda t, d: d.Gamma(t.tensor(2.0, dtype=t.float64), 1.0).expand((3, 2)),
    "softplus": lambda t, d: d.TransformedDistribution(
        d.Normal(t.full((2,), 0.3, dtype=t.float64), 0.5), d.SoftplusTransform()
    ),
    "power": lambda t, d: d.TransformedDistribution(
        d.Exponential(t.full((2,), 0.3, dtype=t.float64)), [d.PowerTransform(2.0), d.ExpTransform().inv]
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("make", COMBINED.values(), ids=COMBINED)
def test_combined_distribution_is_torchs(make):
    torch = pytest.importorskip("torch")
    ours, theirs = make(cr, D), make(torch, torch.distributions)
    assert (*ours.batch_shape, "|", *ours.event_shape) == (*theirs.batch_shape, "|", *theirs.event_shape)
    x = theirs.sample((5,))
    assert ours.sample((5,)).shape == tuple(x.shape)
    np.testing.assert_allclose(
        ours.log_prob(cr.tensor(x.numpy())).numpy(), theirs.log_prob(x).numpy(), rtol=1e-8, atol=1e-10
    )
    assert repr(ours.support) == repr(theirs.support)
    for part in ("mean", "variance"):
        want = known_or_none(lambda part=part: getattr(theirs, part))
        if want is not None:
            np.testing.assert_allclose(getattr(ours, part).numpy(), want.numpy(), rtol=1e-10)


TRANSFORMS = {
    "Exp": (lambda d: d.ExpTransform(), any_(3)),
    "Sigmoid": (lambda d: d.SigmoidTransform(), any_(3)),
    "Tanh": (lambda d: d.TanhTransform(), any_(3)),
    "Softplus": (lambda d: d.SoftplusTransform(), any_(3)),
    "Affine": (lambda d: d.AffineTransform(2.0, -3.0), any_(3)),
    "Affine of events": (lambda d: d.AffineTransform(2.0, -3.0, event_dim=1), any_(2, 3)),
    "Power": (lambda d: d.PowerTransform(3.0), pos(3)),
    "Abs": (lambda d: d.AbsTransform(), pos(3)),
    "StickBreaking": (lambda d: d.StickBreakingTransform(), any_(2, 3)),
    "Softmax": (lambda d: d.SoftmaxTransform(), any_(2, 3)),
    "LowerCholesky": (lambda d: d.LowerCholeskyTransform(), any_(3, 3)),
    "Compose": (lambda d: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform()]), any_(3)),
    "inverse of Compose": (lambda d: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform()]).inv, pos(3)),
    "Independent": (lambda d: d.IndependentTransform(d.ExpTransform(), 1), any_(2, 3)),
    "Reshape": (lambda d: d.ReshapeTransform((2, 3), (6,)), any_(4, 2, 3)),
    "Cat": (lambda d: d.CatTransform([d.ExpTransform(), d.TanhTransform()], dim=0, lengths=[1, 2]), any_(3)),
    "Stack": (lambda d: d.StackTransform([d.ExpTransform(), d.TanhTransform()], dim=0), any_(2, 3)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transform_is_torchs(case):
    torch = pytest.importorskip("torch")
    make, x = case
    found = []
    for lib in (cr, torch):
        t, a = make(lib.distributions), lib.tensor(x, requires_grad=True)
        y = t(a)
        found.append([y, t.inv(y)])
        if t.bijective:
            slope = t.log_abs_det_jacobian(a, y)
            found[-1] += [slope, lib.autograd.grad(slope.sum() + (a * 0).sum(), a)[0]]
        found.append([repr(t.domain), repr(t.codomain), repr(t)])
    assert found[1] == found[3]
    for a, b in zip(found[0], found[2], strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_jacobian_of_stick_breaking_is_its_determinant():
    t, x = D.StickBreakingTransform(), cr.tensor(any_(3))
    jacobian = cr.func.jacrev(lambda a: t(a)[:-1])(x)
    np.testing.assert_allclose(
        t.log_abs_det_jacobian(x, t(x)).numpy(), np.log(np.abs(np.linalg.det(jacobian.numpy()))), rtol=1e-9
    )


CONSTRAINTS = [
    "real", "positive", "nonnegative", "unit_interval", "simplex", "corr_cholesky", "real_vector",
]  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registered_transforms_reach_their_constraint(name):
    constraint = getattr(D.constraints, name)
    x = cr.tensor(any_(3, 3))
    for registry in (D.biject_to, D.transform_to):
        assert bool(constraint.check(registry(constraint)(x)).all())


BAD = {
    "a negative scale": (lambda t, d: d.Normal(0.0, t.tensor([1.0, -1.0])), "scale .*to satisfy the constraint"),
    "no probability": (lambda t, d: d.Bernoulli(t.tensor([1.5])), "probs .*Interval"),
    "both": (lambda t, d: d.Bernoulli(t.tensor([0.5]), t.tensor([0.5])), "Either `probs` or `logits`"),
    "neither": (lambda t, d: d.Categorical(), "Either `probs` or `logits`"),
    "a value outside": (lambda t, d: d.Exponential(1.0).log_prob(t.tensor(-1.0)), "to be within the support"),
    "a class outside": (lambda t, d: d.Categorical(t.ones(3)).log_prob(t.tensor(3)), "to be within the support"),
    "a wrong shape": (lambda t, d: d.Normal(t.zeros(3), 1.0).log_prob(t.zeros(2)), "not broadcastable"),
    "a wrong event": (lambda t, d: d.Dirichlet(t.ones(3)).log_prob(t.ones(2)), "match event_shape"),
    "a number": (lambda t, d: d.Normal(0.0, 1.0).log_prob(1.0), "must be a Tensor"),
    "an empty interval": (lambda t, d: d.Uniform(1.0, 1.0), "low >= high"),
    "no matrix": (lambda t, d: d.MultivariateNormal(t.zeros(2)), "Exactly one of"),
    "not definite": (lambda t, d: d.MultivariateNormal(t.zeros(2), -t.eye(2)), "PositiveDefinite"),
    "too many dimensions": (lambda t, d: d.Independent(d.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(case):
    make, message = case
    with pytest.raises((ValueError, TypeError), match=message):
        make(cr, D)


def test_checks_can_be_left_out():
    assert cr.isnan(D.Normal(0.0, -1.0, validate_args=False).log_prob(cr.tensor(0.0)))
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


def test_densities_go_through_the_transformations():
    def log_prob(loc, x):
        return D.Normal(loc, 2.0).log_prob(x)

    loc, x = cr.tensor([0.0, 1.0]), cr.tensor([0.5, 2.0])
    each = cr.vmap(cr.func.grad(log_prob))(loc, x)
    np.testing.assert_allclose(each.numpy(), (x - loc).numpy() / 4, rtol=1e-6)
    _, tangent = cr.func.jvp(lambda a: D.Gamma(a, 1.0).log_prob(x), (loc + 1,), (cr.ones(2),))
    back = cr.func.vjp(lambda a: D.Gamma(a, 1.0).log_prob(x), loc + 1)[1](cr.ones(2))[0]
    np.testing.assert_allclose(tangent.numpy(), back.numpy(), rtol=1e-6)


def test_random_draws_need_a_randomness_under_vmap():
    with pytest.raises(RuntimeError, match="random"):
        cr.vmap(lambda m: D.Normal(m, 1.0).rsample())(cr.zeros(3))
    drawn = cr.vmap(lambda m: D.Normal(m, 1.0).rsample(), randomness="different")(cr.zeros(3))
    assert len(set(drawn.tolist())) == 3


@pytest.mark.oracle
def test_distributions_are_found_under_torchs_paths():
    torch = pytest.importorskip("torch")
    for name in D.__all__:
        kind = getattr(D, name)
        other = getattr(torch.distributions, name, None)
        if isinstance(kind, type) and isinstance(other, type) and issubclass(kind, D.Distribution):
            path = other.__module__.replace("torch.", "chainrule.")
            assert getattr(importlib.import_module(path), name) is kind
