"""Random numbers: reproducible, of the right distribution, with PyTorch's errors, staged and vectorised."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
from scipy import stats

import chainrule as cr
from chainrule.tensor.random import fork_rng

N = 20_000


def fits(sample, distribution) -> bool:
    """Kolmogorov-Smirnov does not reject."""
    return stats.kstest(np.asarray(sample.tolist()).ravel(), distribution).pvalue > 1e-4


def fresh(seed: int = 0) -> cr.Generator:
    return cr.Generator().manual_seed(seed)


# ---- generators -----------------------------------------------------------------------------------------------------


def test_manual_seed_repeats():
    assert cr.manual_seed(3) is cr.default_generator
    a = cr.rand(4)
    cr.manual_seed(3)
    assert (cr.rand(4) == a).all()
    assert cr.initial_seed() == 3
    assert not (cr.rand(4) == a).any()


def test_state_is_a_byte_tensor_that_continues():
    state = cr.get_rng_state()
    assert state.dtype == cr.uint8 and state.dim() == 1
    a = cr.randn(3), cr.randint(9, (2,), dtype=cr.int32), cr.randperm(5)
    cr.set_rng_state(state)
    b = cr.randn(3), cr.randint(9, (2,), dtype=cr.int32), cr.randperm(5)
    assert all((x == y).all() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)), lambda g: g.clone_state()])
def test_generators_copy_with_their_state(copied):
    g = fresh(5)
    cr.rand(3, generator=g)
    assert (cr.rand(3, generator=copied(g)) == cr.rand(3, generator=g)).all()


def test_generator_seeds():
    g = cr.Generator()
    assert g.initial_seed() == 67280421310721
    assert g.manual_seed(-1).initial_seed() == 2**64 - 1
    assert g.seed() == g.initial_seed()
    assert str(g.device) == "cpu"


def test_fork_rng_puts_the_state_back():
    cr.manual_seed(1)
    a = cr.rand(1)
    cr.manual_seed(1)
    with fork_rng():
        cr.rand(10)
        cr.manual_seed(99)
    assert (cr.rand(1) == a).all()


def test_draws_from_many_threads_never_repeat():
    cr.manual_seed(0)
    found = []

    def work():
        found.extend(cr.rand(500, dtype=cr.float64).tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(found)) == len(found) == 2000


GENERATOR_ERRORS = [
    (lambda: cr.manual_seed(2**64), ValueError, "64 bits"),
    (lambda: cr.manual_seed("x"), ValueError, "manual_seed"),
    (lambda: cr.Generator("cuda"), RuntimeError, "not available"),
    (lambda: cr.set_rng_state(cr.zeros(3)), TypeError, "ByteTensor"),
    (lambda: cr.set_rng_state(cr.zeros(3, dtype=cr.uint8)), RuntimeError, "size"),
    (lambda: cr.rand(2, generator=5), TypeError, "generator"),
]


@pytest.mark.parametrize(("call", "error", "match"), GENERATOR_ERRORS)
def test_generator_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


# ---- distributions --------------------------------------------------------------------------------------------------

CONTINUOUS = {
    "rand": (lambda g: cr.rand(N, generator=g), stats.uniform().cdf),
    "rand float64": (lambda g: cr.rand(N, generator=g, dtype=cr.float64), stats.uniform().cdf),
    "randn": (lambda g: cr.randn(N, generator=g), stats.norm().cdf),
    "normal": (lambda g: cr.normal(2.0, 3.0, (N,), generator=g), stats.norm(2, 3).cdf),
    "normal of tensors": (
        lambda g: cr.normal(cr.full((N,), 2.0), cr.full((N,), 3.0), generator=g),
        stats.norm(2, 3).cdf,
    ),
    "normal_": (lambda g: cr.empty(N).normal_(2, 3, generator=g), stats.norm(2, 3).cdf),
    "uniform_": (lambda g: cr.empty(N).uniform_(-1, 3, generator=g), stats.uniform(-1, 4).cdf),
    "exponential_": (lambda g: cr.empty(N).exponential_(2.0, generator=g), stats.expon(scale=0.5).cdf),
    "log_normal_": (
        lambda g: cr.empty(N).log_normal_(0.5, 0.7, generator=g),
        stats.lognorm(0.7, scale=np.exp(0.5)).cdf,
    ),
    "cauchy_": (lambda g: cr.empty(N).cauchy_(1.0, 2.0, generator=g), stats.cauchy(1, 2).cdf),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distribution(name):
    draw, distribution = CONTINUOUS[name]
    assert fits(draw(fresh(1)), distribution)


DISCRETE = {
    "randint": (lambda g: cr.randint(2, 6, (N,), generator=g), stats.randint(2, 6).pmf),
    "randint of floats": (lambda g: cr.randint(6, (N,), generator=g, dtype=cr.float32), stats.randint(0, 6).pmf),
    "random_": (lambda g: cr.empty(N).random_(2, 6, generator=g), stats.randint(2, 6).pmf),
    "bernoulli": (lambda g: cr.bernoulli(cr.full((N,), 0.3), generator=g), stats.bernoulli(0.3).pmf),
    "bernoulli_": (lambda g: cr.empty(N, dtype=cr.int64).bernoulli_(0.3, generator=g), stats.bernoulli(0.3).pmf),
    "geometric_": (lambda g: cr.empty(N).geometric_(0.3, generator=g), stats.geom(0.3).pmf),
    "poisson": (lambda g: cr.poisson(cr.full((N,), 3.5), generator=g), stats.poisson(3.5).pmf),
    "multinomial": (
        lambda g: cr.multinomial(cr.tensor([1.0, 0.0, 3.0]), N, True, generator=g),
        lambda k: np.array([0.25, 0, 0.75, 0])[k],
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distribution(name):
    draw, pmf = DISCRETE[name]
    values = np.asarray(draw(fresh(2)).tolist())
    assert (values == np.round(values)).all()
    counts = np.bincount(values.astype(int))
    chance = np.array([float(pmf(k)) for k in range(len(counts))])
    assert (np.abs(counts / N - chance) <= 5 * np.sqrt(chance * (1 - chance) / N) + 1e-9).all()


def test_multinomial_without_replacement_never_repeats_and_prefers_heavy():
    p = cr.tensor([[1.0, 0.0, 5.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    first = []
    g = fresh(3)
    for _ in range(300):
        drawn = cr.multinomial(p, 2, generator=g)
        assert drawn.shape == (2, 2) and drawn.dtype == cr.int64
        assert all(len(set(row)) == 2 for row in drawn.tolist())
        assert 1 not in drawn[0].tolist() and set(drawn[1].tolist()) == {1, 2}
        first.append(int(drawn[0, 0]))
    assert 0.6 < np.mean(np.array(first) == 2) < 0.83


def test_poisson_of_many_rates():
    rates = cr.tensor([0.0, 0.01, 1.0, 50.0, 1e4], dtype=cr.float64)
    sample = cr.poisson(rates.expand(4000, 5), generator=fresh(4))
    assert np.allclose(sample.mean(0).tolist(), rates.tolist(), rtol=0.1, atol=0.01)
    assert np.allclose(sample.var(0).tolist(), rates.tolist(), rtol=0.2, atol=0.01)


def test_complex_normal_has_variance_one():
    z = cr.randn(N, dtype=cr.complex128, generator=fresh(5))
    assert abs(np.mean(np.abs(np.asarray(z.tolist())) ** 2) - 1) < 0.05


@pytest.mark.parametrize("dtype", [cr.float16, cr.float32, cr.float64, cr.complex64])
def test_uniform_never_reaches_one(dtype):
    u = np.asarray(cr.rand(N, dtype=dtype).numpy())
    assert u.dtype == dtype and (u.real >= 0).all() and (u.real < 1).all()


def test_random_without_bounds_spans_the_dtype():
    assert int(cr.empty(1000, dtype=cr.uint8).random_().max()) > 200
    assert set(cr.empty(100, dtype=cr.bool).random_().tolist()) == {False, True}
    assert float(cr.empty(100).random_().max()) > 2**20
    assert int(cr.empty(10, dtype=cr.int64).random_().max()) > 2**40


def test_randperm_is_a_permutation():
    assert sorted(cr.randperm(50).tolist()) == list(range(50))
    assert cr.randperm(0).shape == (0,)


# ---- shapes, dtypes, errors -----------------------------------------------------------------------------------------


def test_shapes_and_dtypes():
    assert cr.rand(2, 3).shape == (2, 3) and cr.rand((2, 3)).dtype == cr.float32
    assert cr.randn(()).shape == () and cr.randn(2, requires_grad=True).requires_grad
    assert cr.randint(5, (2,)).dtype == cr.int64 and cr.randint(low=2, high=3, size=(2,)).tolist() == [2, 2]
    assert cr.rand_like(cr.zeros(2, dtype=cr.float64)).dtype == cr.float64
    assert cr.randn_like(cr.zeros(2, 3)).shape == (2, 3)
    assert cr.randint_like(cr.zeros(2), 5).dtype == cr.float32
    assert cr.randint_like(cr.zeros(2), 4, 5).tolist() == [4, 4]
    assert cr.bernoulli(cr.zeros(3), 1.0).tolist() == [1, 1, 1]
    assert cr.normal(cr.zeros(2), std=0.0).tolist() == [0, 0]


z = cr.zeros
ERRORS = [
    (lambda: cr.randint(5, 5, (2,)), RuntimeError, "random_ expects 'from' to be less than 'to'"),
    (lambda: cr.randint(0, 300, (2,), dtype=cr.uint8), RuntimeError, "out of bounds"),
    (lambda: cr.randint(2, 5, 3), TypeError, "randint"),
    (lambda: cr.rand(2, dtype=cr.int64), RuntimeError, "not implemented"),
    (lambda: cr.randn(2, dtype=cr.int64), RuntimeError, "not implemented"),
    (lambda: cr.rand_like(z(2, dtype=cr.int64)), RuntimeError, "not implemented"),
    (lambda: cr.rand(-1), RuntimeError, "negative dimension -1"),
    (lambda: cr.rand(2.5), TypeError, "size"),
    (lambda: cr.rand(2, device="cuda"), RuntimeError, "not available"),
    (lambda: cr.randperm(-1), RuntimeError, "negative"),
    (lambda: cr.normal(0.0, -1.0, (2,)), RuntimeError, "normal expects std >= 0.0"),
    (lambda: cr.normal(z(2), -cr.ones(2)), RuntimeError, "normal expects all elements of std >= 0.0"),
    (lambda: cr.normal(z(2), cr.ones(3)), RuntimeError, "must match the size"),
    (lambda: cr.bernoulli(cr.tensor([2.0])), RuntimeError, "p_in >= 0"),
    (lambda: cr.bernoulli(cr.tensor([1])), RuntimeError, "not implemented"),
    (lambda: cr.multinomial(cr.tensor([1.0, 2.0]), 3), RuntimeError, "without replacement"),
    (lambda: cr.multinomial(cr.tensor([1, 2]), 1), RuntimeError, "floating-point dtypes"),
    (lambda: cr.multinomial(cr.tensor([-1.0, 2.0]), 1), RuntimeError, "element < 0"),
    (lambda: cr.multinomial(cr.tensor([np.nan, 2.0]), 1), RuntimeError, "`nan`"),
    (lambda: cr.multinomial(z(2), 1), RuntimeError, "sum of probabilities"),
    (lambda: cr.multinomial(cr.ones(2), 0), RuntimeError, "n_sample <= 0"),
    (lambda: cr.multinomial(cr.ones(2, 2, 2), 1), RuntimeError, "1 or 2 dim"),
    (lambda: cr.poisson(cr.tensor([-1.0])), RuntimeError, "invalid Poisson rate"),
    (lambda: cr.poisson(cr.tensor([1])), RuntimeError, "not implemented"),
    (lambda: z(2).normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: z(2).uniform_(1, 0), RuntimeError, "from=1 > to=0"),
    (lambda: z(2).bernoulli_(2), RuntimeError, "p=2"),
    (lambda: z(2).exponential_(0), RuntimeError, "lambda > 0.0"),
    (lambda: z(2).log_normal_(0, -1), RuntimeError, "std > 0.0"),
    (lambda: z(2).cauchy_(0, -1), RuntimeError, "sigma > 0.0"),
    (lambda: z(2).geometric_(0), RuntimeError, "p to be in"),
    (lambda: z(2).random_(5, 5), RuntimeError, "from=5 >= to=5"),
    (lambda: z(2, dtype=cr.uint8).random_(300), RuntimeError, "out of bounds"),
    (lambda: z(2, dtype=cr.int64).normal_(), RuntimeError, "not implemented"),
    (lambda: z(2, dtype=cr.int64).exponential_(), RuntimeError, "continuous probability distribution"),
    (lambda: z(2, requires_grad=True).normal_(), RuntimeError, "a leaf Variable that requires grad"),
    (lambda: z(2, requires_grad=True).uniform_(), RuntimeError, "a leaf Variable that requires grad"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    before = cr.get_rng_state()
    with pytest.raises(error, match=match):
        call()
    assert (cr.get_rng_state() == before).all()


# ---- with transformations -------------------------------------------------------------------------------------------


def test_noise_is_constant_to_gradients():
    mean = cr.zeros(3, requires_grad=True)
    assert not cr.normal(mean, 1.0).requires_grad
    assert not cr.bernoulli(cr.sigmoid(mean)).requires_grad
    (mean + cr.randn_like(mean)).sum().backward()
    assert mean.grad.tolist() == [1, 1, 1]


def test_write_into_a_recorded_tensor_cuts_its_gradient():
    x = cr.ones(2, requires_grad=True)
    y = x * 2
    y[:1].normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 2]


def test_vmap_decides_about_draws():
    x = cr.zeros(5)

    def noisy(v):
        return v + cr.rand(2).sum() + cr.bernoulli(cr.full((), 0.5))

    with pytest.raises(Exception, match="randomness"):
        cr.func.vmap(noisy)(x)
    assert len(set(cr.func.vmap(noisy, randomness="different")(x).tolist())) == 5
    assert len(set(cr.func.vmap(noisy, randomness="same")(x).tolist())) == 1


def test_draws_with_batched_weights():
    p = cr.eye(3)
    chosen = cr.func.vmap(lambda w: cr.multinomial(w, 2, True), randomness="different")(p)
    assert chosen.tolist() == [[0, 0], [1, 1], [2, 2]]
    once = cr.func.vmap(lambda w: cr.multinomial(w, 1), randomness="same")(p)
    assert once.tolist() == [[0], [1], [2]]
    rates = cr.func.vmap(cr.poisson, randomness="different")(cr.zeros(4))
    assert rates.tolist() == [0, 0, 0, 0]


def test_a_staged_function_draws_at_each_run():
    from chainrule.graph.stage import stage

    g = fresh(7)
    staged = stage(lambda x: x + cr.randn(3, generator=g) + cr.bernoulli(x * 0, generator=g), cr.zeros(3))
    g.manual_seed(7)
    a, b = staged(cr.zeros(3)), staged(cr.zeros(3))
    g.manual_seed(7)
    again = staged(cr.zeros(3))
    assert (a == again).all() and not (a == b).any()


def test_staging_itself_draws_nothing():
    from chainrule.graph.stage import stage

    before = cr.get_rng_state()
    stage(lambda x: x * cr.rand(3), cr.zeros(3))
    assert (cr.get_rng_state() == before).all()
