"""The estimators: scikit-learn's own checks, the articles' rows and bugs, and what the checks do not look at."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from scipy import sparse  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits, make_classification  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from chainrule.articles import s3  # noqa: E402
from chainrule.estimators import MLPClassifier, MLPRegressor, RNNClassifier, RNNRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALL = [MLPRegressor, MLPClassifier, RNNRegressor, RNNClassifier]
REGRESSORS = [MLPRegressor, RNNRegressor]
CLASSIFIERS = [MLPClassifier, RNNClassifier]


def table(cls=MLPRegressor, n=60, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 4))
    score = X[:, 0] - X[:, 1] + 0.5 * X[:, 2]
    return X, (np.where(score > 0, "up", "down") if cls in CLASSIFIERS else score)


def article_table():
    """S3.11's data."""
    rng = np.random.RandomState(0)
    x = rng.uniform(-np.pi, np.pi, (100, 2))
    return x, (np.sin(x[:, 0]) + np.cos(x[:, 1]))[:, None]


def article_sequences():
    """S3.13's data."""
    x = np.random.RandomState(0).normal(size=(20, 6, 3))
    return x, (x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3]) / 2


# ---- scikit-learn's contract ----------------------------------------------------------------------------------------


@pytest.mark.slow
@parametrize_with_checks([cls() for cls in ALL])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cls", ALL)
def test_constructors_only_store(cls):
    given = [3, 4]
    made = cls(**({"hidden_size": given} if cls in (MLPRegressor, MLPClassifier) else {"emb_len": given}))
    assert given in made.get_params().values() and clone(made).get_params() == made.get_params()
    assert not [name for name in vars(made) if name.endswith("_")]


@pytest.mark.parametrize("cls", ALL)
def test_works_in_a_pipeline_and_a_grid_search(cls):
    X, y = table(cls)
    pipe = make_pipeline(StandardScaler(), cls(random_state=0, max_iter=60))
    name = cls.__name__.lower()
    search = GridSearchCV(pipe, {f"{name}__activate": ["relu", "tanh"], f"{name}__hidden_size": [2, 16]}, cv=3)
    search.fit(X, y)
    assert search.best_score_ > 0.8 and search.best_params_[f"{name}__hidden_size"] == 16


@pytest.mark.parametrize("cls", ALL)
def test_unfitted_and_wrong_settings_are_refused(cls):
    X, y = table(cls)
    with pytest.raises(NotFittedError):
        cls().predict(X)
    for name, bad in (("alpha", -1), ("max_iter", 0), ("solver", "newton"), ("learning_rate_init", 0), ("tol", "x"),
                      ("activation", "sinus"), ("hidden_size", 0), ("batch_size", "all"), ("beta_1", 1)):  # fmt: skip
        with pytest.raises(ValueError, match=f"The '{name}' parameter of {cls.__name__} must be .* Got"):
            cls(**{name: bad}).fit(X, y)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(cls, bad):
    X, y = table(cls)
    X[3, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        cls().fit(X, y)
    if cls in REGRESSORS:
        X, y = table(cls)
        y[3] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            cls().fit(X, y)


@pytest.mark.parametrize("cls", ALL)
def test_a_pickled_estimator_predicts_and_learns_on_as_the_original(cls):
    X, y = table(cls)
    model = cls(random_state=0, max_iter=20, batch_size=16).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))
    np.testing.assert_array_equal(model.partial_fit(X, y).predict(X), copy.partial_fit(X, y).predict(X))
    assert model.loss_curve_ == copy.loss_curve_


@pytest.mark.parametrize("cls", ALL)
def test_weights_are_repetitions(cls):
    X, y = table(cls, n=30)
    w = np.random.RandomState(1).randint(0, 4, 30)
    weighted = cls(random_state=0, max_iter=50).fit(X, y, sample_weight=w)
    repeated = cls(random_state=0, max_iter=50).fit(X.repeat(w, 0), y.repeat(w))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    assert weighted.score(X, y, w) == pytest.approx(repeated.score(X.repeat(w, 0), y.repeat(w)), rel=1e-9)


@pytest.mark.parametrize("cls", ALL)
def test_partial_fit_epoch_by_epoch_is_fit(cls):
    X, y = table(cls)
    whole = cls(random_state=0, max_iter=15, batch_size=20, tol=0).fit(X, y)
    steps = cls(random_state=0, batch_size=20, tol=0)
    for _ in range(15):
        steps.partial_fit(X, y)
    np.testing.assert_array_equal(whole.predict(X), steps.predict(X))
    assert whole.loss_curve_ == steps.loss_curve_ and steps.n_iter_ == 15
    assert not hasattr(cls(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("cls", ALL)
def test_early_stopping_keeps_the_best_on_held_out_data(cls):
    X, y = table(cls, n=200)
    options = {"max_iter": 300, "random_state": 0, "n_iter_no_change": 5, "validation_fraction": 0.3}
    model = cls(early_stopping=True, **options).fit(X, y)
    assert model.n_iter_ < 300 and len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.8
    with pytest.raises(ValueError, match="validation set is too small"):
        cls(early_stopping=True, validation_fraction=0.01).fit(X[:20], y[:20])


@pytest.mark.parametrize("cls", ALL)
def test_warm_start_goes_on_and_a_plain_fit_begins_again(cls):
    X, y = table(cls)
    cold = cls(random_state=0, max_iter=5).fit(X, y)
    first = list(cold.loss_curve_)
    assert cold.fit(X, y).loss_curve_ == first
    warm = cls(random_state=0, max_iter=5, warm_start=True).fit(X, y).fit(X, y)
    assert warm.loss_curve_[:5] == first and len(warm.loss_curve_) == 10 and warm.loss_curve_[-1] < first[-1]


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
@pytest.mark.parametrize("cls", ALL)
def test_every_solver_lowers_the_loss(cls, solver):
    X, y = table(cls)
    model = cls(solver=solver, random_state=0, max_iter=40).fit(X, y)
    assert model.loss_ < 0.5 * model.loss_curve_[0] and model.best_loss_ == min(model.loss_curve_)


def test_the_learning_rate_follows_its_schedule():
    X, y = table()
    falling = MLPRegressor(solver="sgd", learning_rate="invscaling", max_iter=3, random_state=0).fit(X, y)
    assert falling._optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / np.sqrt(3 * 60 + 1))
    adaptive = MLPRegressor(solver="sgd", learning_rate="adaptive", max_iter=500, tol=1e-2, random_state=0).fit(X, y)
    assert adaptive.n_iter_ < 500 and adaptive._optimizer.param_groups[0]["lr"] <= 1e-6


@pytest.mark.parametrize("cls", ALL)
def test_too_few_epochs_are_said(cls):
    X, y = table(cls)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        cls(max_iter=2).fit(X, y)


def test_diverging_training_is_an_error():
    X, y = table()
    with pytest.raises(ValueError, match="non-finite parameter weights.*Scale X"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6, random_state=0).fit(1e6 * X, y)


@pytest.mark.parametrize("cls", ALL)
def test_sparse_tables_are_learnt_like_dense_ones(cls):
    X, y = table(cls)
    dense = cls(random_state=0, max_iter=10).fit(X, y)
    thin = cls(random_state=0, max_iter=10).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(dense.predict(X), thin.predict(sparse.csc_array(X)))


@pytest.mark.parametrize("cls", REGRESSORS)
def test_predictions_have_the_shape_of_the_target(cls):
    X, y = table(cls)
    for target in (y, y[:, None], np.stack([y, -y, 2 * y], 1)):
        assert cls(max_iter=3).fit(X, target).predict(X).shape == target.shape


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_probabilities_are_in_the_order_of_the_classes(cls):
    X, y = make_classification(90, 6, n_informative=4, n_classes=3, random_state=0)
    names = np.array(["c", "a", "b"])[y]
    model = cls(random_state=0).fit(X, names)
    p = model.predict_proba(X)
    assert list(model.classes_) == ["a", "b", "c"]
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(1)], model.predict(X))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p)
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(X[:2], ["a", "z"])


def test_partial_fit_takes_classes_that_come_later():
    X, y = table(MLPClassifier)
    model = MLPClassifier(random_state=0).partial_fit(X[:5], np.full(5, "up"), classes=["up", "down"])
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9


def test_weights_of_the_network_are_scikit_learns():
    X, y = table()
    model = MLPRegressor((7, 5), activation=cr.tanh, random_state=0, max_iter=5).fit(X, y)
    (w1, w2, w3), (b1, b2, b3) = model.coefs_, model.intercepts_
    assert [w.shape for w in model.coefs_] == [(4, 7), (7, 5), (5, 1)] and model.n_layers_ == 4
    by_hand = np.tanh(np.tanh(X @ w1 + b1) @ w2 + b2) @ w3 + b3
    np.testing.assert_allclose(model.predict(X), by_hand[:, 0], rtol=1e-12)
    assert isinstance(model.module_, cr.nn.Sequential)


def test_digits_are_read():
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X[:1200] / 16, y[:1200])
    assert model.score(X[1200:] / 16, y[1200:]) > 0.9


def test_fitting_leaves_the_default_generator_alone():
    cr.manual_seed(5)
    expected = cr.rand(3).tolist()
    cr.manual_seed(5)
    MLPRegressor(max_iter=2).fit(*table())
    assert cr.rand(3).tolist() == expected


def test_without_scikit_learn_the_error_names_the_extra():
    program = "import sys; sys.modules['sklearn'] = None\ntry: from chainrule.articles.s3 import MLPRegressor"
    program += "\nexcept ImportError as e: print(e)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert "pip install 'chainrule[learn]'" in done.stdout, done.stderr


# ---- the articles' rows and bugs ------------------------------------------------------------------------------------


def test_s3_12_the_loss_falls_and_converges():
    assert s3.MLPRegressor is MLPRegressor and s3.RNNRegressor is RNNRegressor
    x, y = article_table()
    model = s3.MLPRegressor([20], "relu", max_iter=1000, random_state=0).fit(x, y)
    assert model.loss_curve_[-1] < 0.02 * model.loss_curve_[0]
    assert ((model.predict(x) - y) ** 2).sum() < 11.25  # where the article's engine ends


def test_s3_12_five_units_as_in_the_article():
    x, y = article_table()
    model = MLPRegressor(hidden_size=5, activate="relu", solver="lbfgs", max_iter=1000, random_state=0).fit(x, y)
    assert ((model.predict(x) - y) ** 2).sum() < 11.25


def test_s3_13_prints_its_loss_which_falls_and_predict_works(capsys):
    x, y = article_sequences()
    model = s3.RNNRegressor(emb_len=3, seq_len=6, out_len=3, verbose=True, random_state=0).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Epoch: 1, Loss: {model.loss_curve_[0]:.8f}" and lines[1].startswith("Epoch: 2, Loss: ")
    assert model.loss_ < 20.3 / 68.2 * model.loss_curve_[0]
    assert model.predict(x).shape == y.shape and model.score(x, y) > 0.9


def test_the_callers_list_is_not_changed_and_refitting_does_not_stack_layers():
    x, y = article_table()
    sizes = [5, 4]
    model = MLPRegressor(sizes, "relu", max_iter=2, random_state=0)
    shapes = [[w.shape for w in model.fit(x, y).coefs_] for _ in range(3)]
    assert sizes == [5, 4] and shapes == [[(2, 5), (5, 4), (4, 1)]] * 3


@pytest.mark.parametrize("cls", ALL)
def test_activate_is_heeded(cls):
    X, y = table(cls)
    relu, tanh = (cls(activate=name, random_state=0, max_iter=3).fit(X, y) for name in ("relu", "tanh"))
    assert relu.loss_curve_[0] != tanh.loss_curve_[0]
    assert relu.loss_curve_ == cls(activation="relu", random_state=0, max_iter=3).fit(X, y).loss_curve_


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_no_state_leaks_from_sample_to_sample(cell):
    x, y = article_sequences()
    model = RNNRegressor(cell=cell, max_iter=5, random_state=0).fit(x, y)
    alone = np.concatenate([model.predict(x[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(model.predict(x), alone, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.predict(x[::-1])[::-1], alone, rtol=1e-10, atol=1e-12)


def test_a_recurrent_network_has_biases_that_are_trained():
    x, y = article_sequences()
    one = RNNRegressor(max_iter=1, random_state=0).fit(x, y)
    many = RNNRegressor(max_iter=30, random_state=0).fit(x, y)
    biases = [name for name, _ in one.module_.named_parameters() if "bias" in name]
    assert len(biases) == 3
    state, later = one.module_.state_dict(), many.module_.state_dict()
    assert all((state[name] != later[name]).any() for name in biases)


# ---- sequences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"cell": "lstm"}, {"cell": "gru"}, {"bidirectional": True, "num_layers": 2}])
def test_sequences_of_different_lengths_are_learnt_and_padding_does_not_count(settings):
    rng = np.random.RandomState(0)
    X = [rng.normal(size=(n, 2)) for n in rng.randint(1, 7, 24)]
    y = np.array([x[-1, 0] for x in X])
    model = RNNRegressor(random_state=0, max_iter=150, **settings).fit(X, y)
    assert model.score(X, y) > 0.9 and model.n_features_in_ == 2
    alone = np.concatenate([model.predict(x[None]) for x in X])
    np.testing.assert_allclose(model.predict(X), alone, rtol=1e-9, atol=1e-12)


def test_a_table_is_sequences_written_out():
    x, y = article_sequences()
    deep = RNNRegressor(3, 6, 3, random_state=0, max_iter=10).fit(x, y)
    flat = RNNRegressor(3, 6, 3, random_state=0, max_iter=10).fit(x.reshape(20, 18), y)
    np.testing.assert_array_equal(deep.predict(x), flat.predict(x.reshape(20, 18)))
    assert (deep.n_features_in_, flat.n_features_in_) == (3, 18)


def test_cross_validation_takes_lists_of_sequences():
    rng = np.random.RandomState(0)
    X = [rng.normal(size=(n, 1)) + n % 2 * 4 for n in rng.randint(2, 6, 40)]
    y = [len(x) % 2 for x in X]
    assert cross_val_score(RNNClassifier(random_state=0), X, y, cv=3).min() > 0.9


@pytest.mark.parametrize(
    "settings, X, words",
    [
        ({"emb_len": 2}, np.ones((4, 6, 3)), "3 features per step, but emb_len=2"),
        ({"seq_len": 5}, np.ones((4, 6, 3)), r"sequences of \[6\] steps, but seq_len=5"),
        ({"out_len": 2}, np.ones((4, 6, 3)), "y means 1 outputs, but out_len=2"),
        ({"emb_len": 4}, np.ones((4, 6)), "6 columns, which are not seq_len=None steps of emb_len=4"),
        ({}, [np.ones((2, 3)), np.ones((2, 4)), np.ones((1, 3)), np.ones((1, 3))], "sequences of 3, 4 features"),
        ({}, [np.ones((2, 3)), np.full((2, 3), np.nan), np.ones((1, 3)), np.ones((1, 3))], r"X\[1\] contains NaN"),
        ({}, np.ones((4, 0, 3)), "0 steps"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(settings, X, words):
    with pytest.raises(ValueError, match=words):
        RNNRegressor(**settings).fit(X, np.arange(4.0))


def test_what_predict_gets_must_be_what_fit_got():
    x, y = article_sequences()
    model = RNNRegressor(max_iter=2).fit(x, y)
    with pytest.raises(ValueError, match="fitted with sequences"):
        model.predict(x[:, 0])
    with pytest.raises(ValueError, match="2 features per step, but RNNRegressor is expecting 3"):
        model.predict(x[:, :, :2])
