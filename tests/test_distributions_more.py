"""Distributions, transforms and divergences beyond the common ones, against PyTorch's and SciPy's."""

import itertools
import warnings

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")
D, T = cr.distributions, torch.distributions


def both(make):
    """The same distribution in float64, of chainrule and of torch."""
    return [make(m, lambda *x, m=m: m.tensor(*x, dtype=m.float64)) for m in (cr, torch)]


FAMILIES = {
    "continuous bernoulli": lambda m, t: m.distributions.ContinuousBernoulli(t([0.2, 0.4999, 0.5, 0.97])),
    "its logits": lambda m, t: m.distributions.ContinuousBernoulli(logits=t([-3.0, 0.001, 2.0])),
    "f": lambda m, t: m.distributions.FisherSnedecor(t([1.5, 5.0]), t([3.0, 9.0])),
    "kumaraswamy": lambda m, t: m.distributions.Kumaraswamy(t([0.5, 2.0]), t([3.0, 1.5])),
    "von mises": lambda m, t: m.distributions.VonMises(t([0.0, 1.0]), t([0.5, 4.0])),
    "low rank": lambda m, t: m.distributions.LowRankMultivariateNormal(
        t([0.0, 1.0, -1.0]), t([[1.0], [0.5], [-2.0]]), t([0.5, 1.0, 2.0])
    ),
    "wishart": lambda m, t: m.distributions.Wishart(t(4.5), t([[2.0, 0.3], [0.3, 1.0]])),
    "wishart of a precision": lambda m, t: m.distributions.Wishart(
        t(3.5), precision_matrix=t([[2.0, 0.3], [0.3, 1.0]])
    ),
    "lkj": lambda m, t: m.distributions.LKJCholesky(3, t([0.5, 2.0])),
    "logistic normal": lambda m, t: m.distributions.LogisticNormal(t([0.0, 1.0]), t([1.0, 0.5])),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_agrees_with_torch(name):
    cr.manual_seed(3)
    ours, theirs = both(FAMILIES[name])
    assert ours.batch_shape == theirs.batch_shape and ours.event_shape == theirs.event_shape
    x = ours.sample((7,))
    assert x.shape == (7, *theirs.batch_shape, *theirs.event_shape)
    same = torch.tensor(x.numpy())
    values = [("log_prob", x, same), ("cdf", x, same), ("icdf", cr.tensor(0.3).double(), torch.tensor(0.3).double())]
    for method, a, b in values:
        try:
            expected = getattr(theirs, method)(b)
        except NotImplementedError:
            continue
        np.testing.assert_allclose(getattr(ours, method)(a).numpy(), expected.numpy(), rtol=2e-6, atol=1e-9)
    for attribute in ("mean", "variance", "stddev", *(() if name == "kumaraswamy" else ("mode",))):
        try:
            expected = getattr(theirs, attribute)
        except NotImplementedError:
            continue
        np.testing.assert_allclose(getattr(ours, attribute).numpy(), expected.numpy(), rtol=1e-6)
    try:
        expected = theirs.entropy()
    except NotImplementedError:
        return
    np.testing.assert_allclose(ours.entropy().numpy(), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in ("lkj", "wishart", "wishart of a precision")])
def test_expanded_it_stays_of_its_class_and_draws_its_shape(name):
    class Own(type(both(FAMILIES[name])[0])):
        pass

    d = both(FAMILIES[name])[0]
    d.__class__ = Own
    wide = d.expand((5, *d.batch_shape))
    assert type(wide) is Own and wide.batch_shape == (5, *d.batch_shape)
    x = wide.sample((2,))
    assert x.shape == (2, 5, *d.batch_shape, *d.event_shape)
    np.testing.assert_allclose(wide.log_prob(x).numpy(), d.log_prob(x).numpy())


def test_generalized_pareto_is_that_of_scipy():
    x = np.linspace(0.05, 3.5, 9)
    for c in (0.3, -0.5, 0.0):
        d, reference = D.GeneralizedPareto(0.0, 2.0, cr.tensor(c, dtype=cr.float64)), stats.genpareto(c, 0.0, 2.0)
        np.testing.assert_allclose(d.log_prob(cr.tensor(x)).numpy(), reference.logpdf(x), rtol=1e-9)
        np.testing.assert_allclose(d.cdf(cr.tensor(x)).numpy(), reference.cdf(x), rtol=1e-9)
        np.testing.assert_allclose(d.icdf(cr.tensor(x / 4)).numpy(), reference.ppf(x / 4), rtol=1e-9)
        found = [float(v) for v in (d.mean, d.variance, d.entropy())]
        np.testing.assert_allclose(found, [reference.mean(), reference.var(), reference.entropy()], rtol=1e-7)
        wide = d.expand((3,))
        assert wide.sample((2,)).shape == (2, 3) and wide.batch_shape == (3,)
    with pytest.raises(ValueError, match="support"):
        D.GeneralizedPareto(0.0, 2.0, -0.5).log_prob(cr.tensor(4.5))


def test_the_mode_of_kumaraswamy_is_the_peak_of_its_density():
    d = D.Kumaraswamy(cr.tensor(2.0, dtype=cr.float64), 1.5)
    x = cr.linspace(0.01, 0.99, 981, dtype=cr.float64)
    assert abs(float(x[d.log_prob(x).argmax()] - d.mode)) < 2e-3


def test_draws_follow_the_distribution():
    cr.manual_seed(0)
    n, float64 = 4000, cr.float64
    cases = [
        (D.VonMises(cr.tensor(1.0, dtype=float64), 3.0), stats.vonmises(3.0, loc=1.0)),
        (D.VonMises(cr.tensor(0.0, dtype=float64), 1e-6), stats.uniform(-np.pi, 2 * np.pi)),
        (D.FisherSnedecor(cr.tensor(3.0, dtype=float64), 8.0), stats.f(3, 8)),
        (D.GeneralizedPareto(1.0, cr.tensor(2.0, dtype=float64), 0.3), stats.genpareto(0.3, 1.0, 2.0)),
        (D.Beta(cr.tensor(0.05, dtype=float64), 0.2), stats.beta(0.05, 0.2)),
    ]
    for d, reference in cases:
        assert stats.kstest(d.sample((n,)).numpy(), reference.cdf).pvalue > 1e-3, d
    w = D.Wishart(cr.tensor(4.0, dtype=float64), cr.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=float64))
    np.testing.assert_allclose(w.sample((20000,)).mean(0).numpy(), w.mean.numpy(), rtol=0.05)
    corr = D.LKJCholesky(3, cr.tensor(2.0, dtype=float64)).sample((n,))
    r = (corr @ corr.mT)[:, 2, 0].numpy()  # (r + 1) / 2 is Beta(c + (n - 2) / 2) on both sides
    assert stats.kstest((r + 1) / 2, stats.beta(2.5, 2.5).cdf).pvalue > 1e-3


def test_draws_of_tiny_concentrations_are_finite_and_inside():
    """All gamma draws underflow there: 0 / 0 before."""
    cr.manual_seed(0)
    for dtype in (cr.float32, cr.float64):
        c = cr.tensor([1e-3, 1e-3], dtype=dtype, requires_grad=True)
        x = D.Dirichlet(c).rsample((2000,))
        assert bool(((x > 0) & (x < 1)).all())
        assert abs(float((x[:, 0] < 0.5).to(dtype).mean()) - 0.5) < 0.05
        x.sum().backward()
        assert bool(c.grad.isfinite().all())


PAIRS = {
    "Beta": (1.5, 2.5), "ContinuousBernoulli": (0.3,), "Exponential": (1.5,), "Gamma": (2.0, 1.5), "Gumbel": (0.5, 2.0),
    "Laplace": (0.5, 2.0), "Normal": (0.5, 2.0), "Pareto": (1.5, 3.5), "Uniform": (0.25, 0.75),
    "Bernoulli": (0.3,), "Poisson": (2.0,), "Binomial": (5, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("p,q", list(itertools.product(PAIRS, PAIRS)))
def test_divergence_of_two_families(p, q):
    (ours_p, theirs_p), (ours_q, theirs_q) = (
        both(lambda m, t, n=n: getattr(m.distributions, n)(*[t(float(v)) for v in PAIRS[n]])) for n in (p, q)
    )
    try:
        expected = T.kl_divergence(theirs_p, theirs_q)
    except NotImplementedError:
        return
    found = D.kl_divergence(ours_p, ours_q)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "p,q", [("Uniform", "Beta"), ("Uniform", "Exponential"), ("Uniform", "Gamma"), ("Uniform", "ContinuousBernoulli")]
)
def test_divergence_from_values_that_q_cannot_have(p, q):
    wide = D.Uniform(-1.0, 2.0)
    assert float(D.kl_divergence(wide, getattr(D, q)(*PAIRS[q]))) == np.inf


def test_divergence_from_an_impossible_outcome_is_infinite():
    p = D.Bernoulli(cr.tensor([0.5, 0.0, 1.0, 0.5]))
    q = D.Bernoulli(cr.tensor([0.0, 0.0, 0.0, 1.0]))
    assert D.kl_divergence(p, q).tolist() == [np.inf, 0.0, np.inf, np.inf]


def test_divergence_of_low_rank_normals_is_that_of_full_ones():
    rng = np.random.default_rng(0)
    made = [[cr.tensor(rng.standard_normal(s)) for s in ((4,), (4, 2))] for _ in range(2)]
    low = [D.LowRankMultivariateNormal(loc, w, cr.ones(4, dtype=cr.float64)) for loc, w in made]
    full = [D.MultivariateNormal(d.loc, d.covariance_matrix) for d in low]
    expected = D.kl_divergence(*full).numpy()
    for pair in ((low[0], low[1]), (low[0], full[1]), (full[0], low[1])):
        np.testing.assert_allclose(D.kl_divergence(*pair).numpy(), expected, rtol=1e-9)
    np.testing.assert_allclose(low[0].precision_matrix.numpy(), full[0].precision_matrix.numpy(), atol=1e-9)


def test_gradient_of_a_binomial_at_even_odds():
    logits = cr.zeros(1, requires_grad=True)
    D.Binomial(1, logits=logits).log_prob(cr.zeros(1)).sum().backward()
    assert logits.grad.item() == -0.5


def test_correlation_factors():
    x = cr.tensor(np.random.default_rng(0).standard_normal((5, 6)))
    t, other = D.CorrCholeskyTransform(), T.CorrCholeskyTransform()
    y = t(x)
    assert bool(D.constraints.corr_cholesky.check(y).all())
    assert t.forward_shape((5, 6)) == (5, 4, 4) and t.inverse_shape((5, 4, 4)) == (5, 6)
    np.testing.assert_allclose(t.inv(y).numpy(), x.numpy(), rtol=1e-7)
    expected = other(torch.tensor(x.numpy()))
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)
    jacobian = cr.func.jacrev(lambda v: D.utils.tril_matrix_to_vec(t(v), -1))(x[0])
    log_det = np.linalg.slogdet(jacobian.numpy())[1]
    np.testing.assert_allclose(t.log_abs_det_jacobian(x, y)[0].item(), log_det, rtol=1e-7)
    with pytest.raises(ValueError, match="not a flattened lower-diagonal number"):
        t.forward_shape((4,))


def test_vectors_and_lower_triangles():
    for diag in (-2, -1, 0, 1):
        mat = np.tril(np.random.default_rng(0).standard_normal((3, 4, 4)), diag)
        vec = D.utils.tril_matrix_to_vec(cr.tensor(mat), diag)
        expected = T.utils.tril_matrix_to_vec(torch.tensor(mat), diag)
        np.testing.assert_array_equal(vec.numpy(), expected.numpy())
        if diag < 1:
            np.testing.assert_array_equal(D.utils.vec_to_tril_matrix(vec, diag).numpy(), mat)
    with pytest.raises(ValueError, match="outside"):
        D.utils.tril_matrix_to_vec(cr.zeros(2, 2), 2)


def test_transforms_of_constraints():
    x = cr.tensor(np.random.default_rng(0).standard_normal((3, 3)))
    c = D.constraints
    for constraint in (c.positive_definite, c.positive_semidefinite, c.lower_cholesky):
        assert bool(constraint.check(D.transform_to(constraint)(x)).all())
        with pytest.raises(NotImplementedError, match="Cannot transform"):
            D.biject_to(constraint)  # many matrices go to one
    bounds = c.interval(cr.tensor([0.0, 1.0, 2.0]), cr.tensor([1.0, 3.0, 5.0]))
    assert bool(bounds.check(D.biject_to(bounds)(x)).all())
    parts = c.cat([c.positive, c.real], 0, [1, 2])
    assert bool(parts.check(D.biject_to(parts)(x)).all())
    assert D.biject_to(c.stack([c.positive, c.real, c.real], 0))(x).shape == (3, 3)


def test_a_cumulative_distribution_as_a_transform():
    d = D.Normal(cr.tensor(1.0, dtype=cr.float64), 2.0)
    t, x = D.CumulativeDistributionTransform(d), cr.tensor([0.0, 1.0, 3.0], dtype=cr.float64)
    y = t(x)
    np.testing.assert_allclose(t.inv(y).numpy(), x.numpy(), atol=1e-9)
    np.testing.assert_allclose(t.log_abs_det_jacobian(x, y).numpy(), d.log_prob(x).numpy())


def test_inverses_keep_the_cache_size_asked_for():
    t = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, 2.0)])
    for kind in (D.ExpTransform().inv, t, t.inv):
        cached = kind.with_cache(1)
        assert cached._cache_size == 1 and kind.with_cache(0) is kind
        x = cr.tensor([0.5, 1.5])
        assert cached.inv(cached(x)) is x


def test_parts_with_events_have_one_determinant_for_each_event():
    part = D.AffineTransform(0, 2 * cr.ones(2), event_dim=1)
    t = D.CatTransform([part, part], 1, [2, 2])
    x = cr.zeros(3, 4)
    np.testing.assert_allclose(t.log_abs_det_jacobian(x, t(x)).numpy(), np.full(3, 4 * np.log(2)), rtol=1e-6)


def test_mixtures_expand():
    d = D.MixtureSameFamily(D.Categorical(cr.ones(3)), D.Normal(cr.zeros(3), 1.0))
    wide = d.expand((4,))
    assert wide.batch_shape == (4,) and wide.sample((2,)).shape == (2, 4)
    assert wide.log_prob(cr.zeros(2, 4)).shape == (2, 4)


def test_a_distribution_without_constraints_says_so():
    class Point(D.Distribution):
        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            return value * 0

    with pytest.warns(UserWarning, match="arg_constraints"):
        point = Point()
    with pytest.warns(UserWarning, match="support"):
        point.log_prob(cr.tensor(0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Point(validate_args=False).log_prob(cr.tensor(0.0))


def test_a_plain_number_is_no_value():
    with pytest.raises(ValueError, match="must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(1)
    assert D.Gamma(1.0, 1.0).log_prob(2).item() == D.Chi2(2.0).log_prob(4).item() + np.log(2).astype(np.float32) == -2.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: D.LKJCholesky(1),
        lambda: D.Wishart(cr.tensor(1.0), cr.eye(3)),
        lambda: D.Wishart(cr.tensor(5.0), cr.eye(2), scale_tril=cr.eye(2)),
        lambda: D.LowRankMultivariateNormal(cr.zeros(3), cr.zeros(2, 1), cr.ones(3)),
        lambda: D.LowRankMultivariateNormal(cr.zeros(3), cr.zeros(3, 1), cr.ones(2)),
        lambda: D.LowRankMultivariateNormal(cr.zeros(4, 3), cr.zeros(5, 3, 1), cr.ones(3)),
        lambda: D.VonMises(0.0, -1.0),
        lambda: D.FisherSnedecor(-1.0, 1.0),
    ],
)
def test_bad_parameters(make):
    with pytest.raises(ValueError):
        make()
