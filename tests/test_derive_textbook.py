"""explain.derive against textbooks: each exercise comes out as the book has it, or in an equal form.

MC: K. B. Petersen and M. S. Pedersen, The Matrix Cookbook (2012), by equation. Minka: T. Minka, Old and New Matrix
Algebra Useful for Statistics (2000). Bishop: C. M. Bishop, Pattern Recognition and Machine Learning (2006).
"""

# ruff: noqa: RUF001  (the formulas are written with mathematical letters)
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError, ArgumentTypeError, NotDifferentiableError
from chainrule.explain import derive

F = cr.nn.functional
GOLDEN = Path(__file__).parent / "golden" / "derive"
inv, logdet, det, tr = cr.linalg.inv, cr.logdet, cr.linalg.det, cr.trace
SQUARE = {"X": "n n"}
DATA = {"X": "m n", "w": "n", "y": "m"}
CLASSES = {"X": "m n", "W": "n k", "b": "k", "Y": "m k"}

# name: (source, function, arguments of derive, result)
EXERCISES = {
    "mc_49": ("MC 49", lambda X: det(X), {"shapes": SQUARE}, "det(X) X⁻ᵀ"),
    "mc_51": ("MC 51", lambda A, X, B: det(A @ X @ B), {"wrt": "X", "shapes": {"A": "n n", "X": "n n", "B": "n n"}},
              "det(A X B) X⁻ᵀ"),
    "mc_54": ("MC 53", lambda A, X: det(X.T @ A @ X),
              {"wrt": "X", "shapes": {"A": "m m", "X": "m n"}, "symmetric": ["A"]},
              "2 det(Xᵀ A X) A X (Xᵀ A X)⁻¹"),
    "mc_55": ("MC 55", lambda X: logdet(X.T @ X), {"shapes": {"X": "m n"}}, "2 X (Xᵀ X)⁻¹"),
    "mc_57": ("MC 57", lambda X: cr.log(abs(det(X))), {"shapes": SQUARE}, "X⁻ᵀ"),
    "mc_61": ("MC 61", lambda a, X, b: a @ inv(X) @ b, {"wrt": "X", "shapes": {"a": "n", "X": "n n", "b": "n"}},
              "-X⁻ᵀ a bᵀ X⁻ᵀ"),
    "mc_63": ("MC 63", lambda A, X, B: tr(A @ inv(X) @ B),
              {"wrt": "X", "shapes": {"A": "p n", "X": "n n", "B": "n p"}}, "-X⁻ᵀ Aᵀ Bᵀ X⁻ᵀ"),
    "mc_69": ("MC 69", lambda x, a: x @ a, {"wrt": "x", "shapes": {"x": "n", "a": "n"}}, "a"),
    "mc_70": ("MC 70", lambda a, X, b: a @ X @ b, {"wrt": "X", "shapes": {"a": "m", "X": "m n", "b": "n"}}, "a bᵀ"),
    "mc_71": ("MC 71", lambda a, X, b: a @ X.T @ b, {"wrt": "X", "shapes": {"a": "n", "X": "m n", "b": "m"}},
              "b aᵀ"),
    "mc_76": ("MC 76", lambda X: (X @ X.T).sum(), {"shapes": {"X": "m n"}}, "2 𝟏 𝟏ᵀ X"),
    "mc_77": ("MC 77", lambda b, X, c: b @ X.T @ X @ c, {"wrt": "X", "shapes": {"b": "n", "X": "m n", "c": "n"}},
              "X (c bᵀ + b cᵀ)"),
    "mc_78": ("MC 78", lambda B, x, b, C, D, d: (B @ x + b) @ C @ (D @ x + d),
              {"wrt": "x", "shapes": {"B": "m n", "x": "n", "b": "m", "C": "m p", "D": "p n", "d": "p"}},
              "Bᵀ C (D x + d) + Dᵀ Cᵀ (B x + b)"),
    "mc_81": ("MC 81", lambda x, B: x @ B @ x, {"wrt": "x", "shapes": {"x": "n", "B": "n n"}}, "(B + Bᵀ) x"),
    "mc_82": ("MC 82", lambda b, X, D, c: b @ X.T @ D @ X @ c,
              {"wrt": "X", "shapes": {"b": "n", "X": "m n", "D": "m m", "c": "n"}}, "D X c bᵀ + Dᵀ X b cᵀ"),
    "mc_84": ("MC 84", lambda x, A, s, W: (x - A @ s) @ W @ (x - A @ s),
              {"wrt": "s", "shapes": {"x": "m", "A": "m n", "s": "n", "W": "m m"}, "symmetric": ["W"]},
              "-2 Aᵀ W (x - A s)"),
    "mc_88": ("MC 88", lambda x, A, s, W: (x - A @ s) @ W @ (x - A @ s),
              {"wrt": "A", "shapes": {"x": "m", "A": "m n", "s": "n", "W": "m m"}, "symmetric": ["W"]},
              "-2 W (x - A s) sᵀ"),
    "mc_106": ("MC 106", lambda X: tr(X @ X), {"shapes": SQUARE}, "2 Xᵀ"),
    "mc_108": ("MC 108", lambda X, B: tr(X.T @ B @ X), {"wrt": "X", "shapes": {"X": "m n", "B": "m m"}},
               "(B + Bᵀ) X"),
    "mc_116": ("MC 116", lambda A, X, B, C: tr(A @ X @ B @ X.T @ C),
               {"wrt": "X", "shapes": {"A": "p m", "X": "m n", "B": "n n", "C": "m p"}}, "Aᵀ Cᵀ X Bᵀ + C A X B"),
    "mc_117": ("MC 117", lambda X, B, C: tr(X.T @ B @ X @ C),
               {"wrt": "X", "shapes": {"X": "m n", "B": "m m", "C": "n n"}}, "B X C + Bᵀ X Cᵀ"),
    "mc_119": ("MC 119", lambda A, X, B, C: cr.linalg.norm(A @ X @ B + C) ** 2,
               {"wrt": "X", "shapes": {"A": "p m", "X": "m n", "B": "n q", "C": "p q"}}, "2 Aᵀ (A X B + C) Bᵀ"),
    "mc_121": ("MC 121", lambda X: tr(cr.linalg.matrix_power(X, 3)), {"shapes": SQUARE}, "3 (Xᵀ)²"),
    "mc_124": ("MC 124", lambda A, X, B: tr(A @ inv(X) @ B),
               {"wrt": "X", "shapes": {"A": "p n", "X": "n n", "B": "n p"}}, "-X⁻ᵀ Aᵀ Bᵀ X⁻ᵀ"),
    "mc_129": ("MC 129", lambda x, a: cr.linalg.norm(x - a), {"wrt": "x", "shapes": {"x": "n", "a": "n"}},
               "(1/‖x - a‖) (x - a)"),
    "mc_131": ("MC 131", lambda x: cr.linalg.norm(x) ** 2, {"shapes": {"x": "n"}}, "2 x"),
    "mc_132": ("MC 132", lambda X: cr.linalg.norm(X) ** 2, {"shapes": {"X": "m n"}}, "2 X"),
    "gauss_mean": ("MC 347, Bishop 2.121",
                   lambda x, mu, S: 0.5 * (x - mu) @ inv(S) @ (x - mu) + 0.5 * logdet(S),
                   {"wrt": "mu", "shapes": {"x": "n", "mu": "n", "S": "n n"}, "symmetric": ["S"]}, "-S⁻¹ (x - μ)"),
    "gauss_covariance": ("MC 347, Bishop 2.122",
                         lambda x, mu, S: 0.5 * (x - mu) @ inv(S) @ (x - mu) + 0.5 * logdet(S),
                         {"wrt": "S", "shapes": {"x": "n", "mu": "n", "S": "n n"}, "symmetric": ["S"]},
                         "(1/2) (S⁻¹ - S⁻¹ (x - μ) (x - μ)ᵀ S⁻¹)"),
    "mahalanobis": ("Minka", lambda x, mu, S: (x - mu) @ cr.linalg.solve(S, x - mu),
                    {"wrt": "x", "shapes": {"x": "n", "mu": "n", "S": "n n"}}, "(S⁻¹ + S⁻ᵀ) (x - μ)"),
    "minka_covariance": ("Minka", lambda X: logdet(X.T @ X / X.shape[0]), {"shapes": {"X": "m n"}}, "2 X (Xᵀ X)⁻¹"),
    "weighted_squares": ("Bishop 3.104", lambda X, w, y, V: (X @ w - y) @ V @ (X @ w - y),
                         {"wrt": "w", "shapes": {**DATA, "V": "m m"}, "symmetric": ["V"]}, "2 Xᵀ V (X w - y)"),
    "general_ridge": ("Bishop 3.27", lambda X, w, y, G: ((X @ w - y) ** 2).sum() + w @ G @ w,
                      {"wrt": "w", "shapes": {**DATA, "G": "n n"}, "symmetric": ["G"]}, "2 Xᵀ (X w - y) + 2 G w"),
    "poisson": ("McCullagh and Nelder", lambda X, w, y: (cr.exp(X @ w) - y * (X @ w)).sum(),
                {"wrt": "w", "shapes": DATA}, "Xᵀ (exp(X w) - y)"),
    "logistic_by_name": ("Bishop 4.91", lambda X, w, y: F.binary_cross_entropy(cr.sigmoid(X @ w), y),
                         {"wrt": "w", "shapes": DATA}, "(1/m) Xᵀ (σ(X w) - y)"),
    "softplus": ("ln(1 + eᶻ)", lambda X, w: F.softplus(X @ w).sum(), {"wrt": "w", "shapes": {"X": "m n", "w": "n"}},
                 "Xᵀ σ(X w)"),
    "hinge": ("Bishop 7.2", lambda X, w, y: cr.relu(1 - y * (X @ w)).sum() + 0.5 * (w @ w),
              {"wrt": "w", "shapes": DATA}, "w - Xᵀ ([𝟏 - y ⊙ (X w) > 0] ⊙ y)"),
    "multinomial_weights": ("Bishop 4.109", lambda X, W, b, Y, lam: F.cross_entropy(X @ W + b, Y, reduction="sum")
                            + lam * (W**2).sum(),
                            {"wrt": "W", "shapes": CLASSES, "probability": ["Y"]},
                            "Xᵀ (softmax(X W + 𝟏 bᵀ) - Y) + 2 λ W"),
    "multinomial_bias": ("Bishop 4.109", lambda X, W, b, Y: F.cross_entropy(X @ W + b, Y),
                         {"wrt": "b", "shapes": CLASSES, "probability": ["Y"]},
                         "(1/m) (softmax(X W + 𝟏 bᵀ) - Y)ᵀ 𝟏"),
    "logsumexp_of_rows": ("Boyd, Convex Optimization", lambda X, W: cr.logsumexp(X @ W, 1).sum(),
                          {"wrt": "W", "shapes": {"X": "m n", "W": "n k"}}, "Xᵀ softmax(X W)"),
    "entropy": ("Cover and Thomas", lambda p: -(p * cr.log(p)).sum(), {"shapes": {"p": "n"}}, "-(ln(p) + 𝟏)"),
    "divergence_left": ("Cover and Thomas", lambda p, q: (p * cr.log(p / q)).sum(),
                        {"wrt": "p", "shapes": {"p": "n", "q": "n"}}, "ln(p ⊘ q) + 𝟏"),
    "divergence_right": ("Cover and Thomas", lambda p, q: (p * cr.log(p / q)).sum(),
                         {"wrt": "q", "shapes": {"p": "n", "q": "n"}}, "-p ⊘ q"),
    "divergence_by_name": ("Bishop 1.113", lambda z, p: F.kl_div(cr.log_softmax(z, 0), p, reduction="sum"),
                           {"wrt": "z", "shapes": {"z": "n", "p": "n"}, "probability": ["p"]}, "softmax(z) - p"),
    "cosine": ("", lambda x, y: x @ y / (cr.linalg.norm(x) * cr.linalg.norm(y)),
               {"wrt": "x", "shapes": {"x": "n", "y": "n"}}, "(1/(‖x‖ ‖y‖)) y - (xᵀ y/(‖x‖³ ‖y‖)) x"),
    "cosine_by_name": ("", lambda x, y: F.cosine_similarity(x, y, dim=0),
                       {"wrt": "x", "shapes": {"x": "n", "y": "n"}}, "(1/(‖x‖ ‖y‖)) y - (yᵀ x/(‖x‖³ ‖y‖)) x"),
    "rayleigh": ("Bishop 12.5", lambda X, w: w @ X.T @ X @ w / (w @ w),
                 {"wrt": "w", "shapes": {"X": "m n", "w": "n"}}, "(2/‖w‖²) Xᵀ X w - (2 wᵀ Xᵀ X w/‖w‖⁴) w"),
    "principal_components": ("Bishop 12.11", lambda X, W: ((X - X @ W @ W.T) ** 2).sum(),
                             {"wrt": "W", "shapes": {"X": "m n", "W": "n k"}},
                             "-2 (Xᵀ (X - X W Wᵀ) + (X - X W Wᵀ)ᵀ X) W"),
    "factorisation": ("Koren 2009", lambda U, V, R: ((U @ V.T - R) ** 2).sum(),
                      {"wrt": "U", "shapes": {"U": "m k", "V": "n k", "R": "m n"}}, "2 (U Vᵀ - R) V"),
    "centred": ("", lambda X: ((X - X.mean(0)) ** 2).sum(), {"shapes": {"X": "m n"}}, "2 (X - (1/m) 𝟏 𝟏ᵀ X)"),
    "batch_of_forms": ("", lambda X, A: ((X @ A) * X).sum(), {"wrt": "A", "shapes": {"X": "m n", "A": "n n"}}, "Xᵀ X"),
    "outer": ("", lambda x, A: (cr.outer(x, x) * A).sum(), {"wrt": "x", "shapes": {"x": "n", "A": "n n"}},
              "(A + Aᵀ) x"),
    "einsum": ("", lambda x, A, y: cr.einsum("i,ij,j->", x, A, y),
               {"wrt": "A", "shapes": {"x": "m", "A": "m n", "y": "n"}}, "x yᵀ"),
    "norm_one": ("Boyd", lambda x: cr.linalg.norm(x, 1), {"shapes": {"x": "n"}}, "sign(x)"),
    "norms_of_rows": ("", lambda X: cr.linalg.norm(X, dim=1).sum(), {"shapes": {"X": "m n"}},
                      "diag(𝟏 ⊘ √(X^⊙2 𝟏)) X"),
    "gelu": ("Hendrycks and Gimpel", lambda x: F.gelu(x).sum(), {"shapes": {"x": "n"}}, "Φ(x) + x ⊙ φ(x)"),
    "silu": ("", lambda x: F.silu(x).sum(), {"shapes": {"x": "n"}}, "σ(x) + silu(x) ⊙ (𝟏 - σ(x))"),
    "elements": ("", lambda x: x[0] ** 2 * x[1], {"shapes": {"x": "n"}}, "2 x₂ x₁ e₁ + (x₁)² e₂"),
    "part": ("", lambda x: (x[1:] ** 2).sum(), {"shapes": {"x": "n"}}, "2 I[1:]ᵀ x[1:]"),
    "differences": ("", lambda x: ((x[1:] - x[:-1]) ** 2).sum(), {"shapes": {"x": "n"}},
                    "2 (I[1:] - I[:n-1])ᵀ (I[1:] - I[:n-1]) x"),
    "block": ("", lambda X, a: X[1:, 0] @ a, {"wrt": "X", "shapes": {"X": "m n", "a": "m-1"}}, None),
    "network_batch": ("Bishop 5.55", lambda X, W, b, V, c, Y: F.mse_loss(cr.tanh(X @ W + b) @ V + c, Y),
                      {"wrt": "W", "shapes": {"X": "n p", "W": "p h", "b": "h", "V": "h q", "c": "q", "Y": "n q"}},
                      None),
    "soft_margin": ("", lambda X, w, y: F.soft_margin_loss(X @ w, y), {"wrt": "w", "shapes": DATA},
                    "-(1/m) Xᵀ ((𝟏 - σ(y ⊙ (X w))) ⊙ y)"),
    "gaussian_likelihood": ("Nix and Weigend 1994", lambda mu, y, v: F.gaussian_nll_loss(mu, y, v, reduction="sum"),
                            {"wrt": "v", "shapes": {"mu": "n", "y": "n", "v": "n"}, "positive": ["v"]},
                            "(1/2) (𝟏 ⊘ v - (μ - y)^⊙2 ⊘ v^⊙2)"),
    "distance": ("", lambda x, y: F.pairwise_distance(x[None], y[None], eps=0.0).sum(),
                 {"wrt": "x", "shapes": {"x": "n", "y": "n"}}, "(1/‖x - y‖) (x - y)"),
    "unit_vector": ("", lambda x, y: F.normalize(x, dim=0) @ y, {"wrt": "x", "shapes": {"x": "n", "y": "n"}},
                    "(1/‖x‖) y - (yᵀ x/‖x‖³) x"),
    "powers": ("", lambda x, p: (x**p).sum(), {"wrt": "x", "shapes": {"x": "n"}, "positive": ["x"]},
               "p x^⊙(p - 1)"),
    "exponent": ("", lambda x, p: (x**p).sum(), {"wrt": "p", "shapes": {"x": "n"}, "positive": ["x"]},
                 "(x^⊙p)ᵀ ln(x)"),
    "stack": ("", lambda x, y: (cr.stack([x, y]) ** 2).sum(), {"wrt": "x", "shapes": {"x": "n", "y": "n"}}, "2 x"),
    "ratio_of_sums": ("", lambda x, y: cr.log(x @ y) - cr.log(y.sum()), {"wrt": "y", "shapes": {"x": "n", "y": "n"}},
                      "(1/(xᵀ y)) x - (1/(𝟏ᵀ y)) 𝟏"),
    "clipped": ("", lambda x: F.relu6(x).sum(), {"shapes": {"x": "n"}}, "[x > 0] ⊙ [x < 6]"),
    "larger_of_two": ("", lambda x, y: cr.maximum(x, y).sum(), {"wrt": "x", "shapes": {"x": "n", "y": "n"}},
                      "[x > y]"),
    "attention": ("Vaswani 2017", lambda Q, K, V, G: (cr.softmax(Q @ K.T / 2, 1) @ V * G).sum(),
                  {"wrt": "V", "shapes": {"Q": "m 4", "K": "n 4", "V": "n v", "G": "m v"}},
                  "softmax((1/2) Q Kᵀ)ᵀ G"),
    "huber": ("", lambda X, w, y: F.huber_loss(X @ w, y, reduction="sum"), {"wrt": "w", "shapes": DATA}, None),
}  # fmt: skip


def shown(name: str) -> str:
    _, f, arguments, _ = EXERCISES[name]
    d = derive(f, **arguments)
    return f"{d.text}\n\n{d.latex}\n"


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_comes_out_as_the_book_has_it(name):
    _, f, arguments, result = EXERCISES[name]
    d = derive(f, **arguments)
    if result is not None:
        assert repr(d.result) == result
    assert f"{d.text}\n\n{d.latex}\n" == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert d.check.points == 3 and d.check.difference < 1e-9


def test_labels_stand_as_rows_of_the_identity():
    y = np.array([0, 2, 1, 1])
    d = derive(lambda X, W, y: F.cross_entropy(X @ W, y), wrt="W", at={"y": y}, shapes={"X": "4 n", "W": "n 3"})
    assert repr(d.result) == "(1/4) Xᵀ (softmax(X W) - onehot(y))"
    assert "assuming y ≠ -100" in d.text


def test_losses_of_labels_agree_by_every_name():
    y = np.array([0, 2, 1])
    d = derive(lambda Z, y: F.nll_loss(F.log_softmax(Z, 1), y), wrt="Z", at={"y": y}, shapes={"Z": "3 4"})
    assert repr(d.result) == "(1/3) (softmax(Z) - onehot(y))"


def test_no_derivative_flows_through_what_is_detached():
    def under_no_grad(x):
        with cr.no_grad():
            y = x * x
        return (y * x).sum()

    assert repr(derive(lambda x: (x.detach() * x).sum(), shapes={"x": "n"}).result) == "x"
    assert repr(derive(under_no_grad, shapes={"x": "n"}).result) == "x^⊙2"
    assert repr(derive(lambda x: x.detach() * 2, shapes={"x": "n"}).result) == "0"
    assert repr(derive(lambda x: 3.0, shapes={"x": "n"}).result) == "0"


def test_what_is_written_to_in_place_is_a_new_value():
    def f(x):
        y = x * 2
        y += x
        return (y * y).sum()

    assert repr(derive(f, shapes={"x": "n"}).result) == "18 x"


def test_a_size_made_of_several_names_is_refused():
    with pytest.raises(NotDifferentiableError, match="several named ones"):
        derive(lambda X: X.flatten() @ X.flatten(), shapes={"X": "m n"})


def test_shapes_may_stand_as_annotations():
    def loss(X: "m n", w: "n", y: "m", scale: float = 1.0):  # noqa: F722, F821, UP037
        return ((X @ w - y) ** 2).sum() * scale

    assert repr(derive(loss, wrt="w").result) == "2 Xᵀ (X w - y)"
    assert repr(derive(loss, wrt="w", shapes={"X": "3 2", "w": "2", "y": "3"}).result) == "2 Xᵀ (X w - y)"


def test_examples_may_be_given_by_name():
    f = lambda X, w, y: ((X @ w - y) ** 2).mean()  # noqa: E731
    d = derive(f, wrt="w", at={"X": np.ones((6, 2)), "y": np.ones(6), "w": np.zeros(2)})
    assert repr(d.result) == "(1/3) Xᵀ (X w - y)"
    with pytest.raises(ArgumentError, match="no argument 'z'"):
        derive(f, wrt="w", at={"z": np.ones(2)})
    with pytest.raises(ArgumentTypeError, match="two examples of X"):
        derive(f, np.ones((6, 2)), wrt="w", at={"X": np.ones((6, 2))})


def test_long_expressions_get_names_that_are_free():
    def f(X, W, H, R):
        Z = cr.tanh(X @ W + H)
        return ((Z @ R - H @ R) ** 2).sum() * cr.exp(-(Z * Z).sum())

    d = derive(f, wrt="W", shapes={"X": "m n", "W": "n k", "H": "m k", "R": "k k"})
    names = {name for name, _ in d.shared}
    assert names and not names & {"X", "W", "H", "R"}
    for name, x in d.shared:
        assert f"{name} = " in d.text and name in d.latex
        assert not x.moving


def test_guards_against_extreme_numbers_are_named_as_assumptions():
    assert (
        "assuming X w ≤ 20" in derive(lambda X, w: F.softplus(X @ w).sum(), wrt="w", shapes={"X": "m n", "w": "n"}).text
    )
    assert "assuming ‖x‖ > 1e-08, ‖y‖ > 1e-08" in derive(
        lambda x, y: F.cosine_similarity(x, y, dim=0), wrt="x", shapes={"x": "n", "y": "n"}
    ).text  # fmt: skip
    # what the user compares is no guard
    d = derive(lambda x: cr.where(x > 2, x * x, x).sum(), shapes={"x": "n"})
    assert "[x > 2]" in d.text and "assuming" not in d.text


@pytest.mark.parametrize(
    ("op", "f", "shapes"),
    [
        ("svdvals", lambda X: cr.linalg.norm(X, "nuc"), {"X": "m n"}),
        ("matrix_exp", lambda X: cr.trace(cr.linalg.matrix_exp(X)), {"X": "n n"}),
        ("cholesky", lambda X: cr.linalg.cholesky(X).sum(), {"X": "n n"}),
        ("max", lambda x: cr.max(x), {"x": "n"}),
        ("vector_norm", lambda x: cr.linalg.norm(x, float("inf")), {"x": "n"}),
        ("getitem", lambda x: x[::2].sum(), {"x": "6"}),
        ("sort", lambda x: cr.sort(x).values[0], {"x": "n"}),
    ],
)
def test_what_cannot_be_derived_is_named(op, f, shapes):
    with pytest.raises(NotDifferentiableError, match=rf"{op} at test_derive_textbook.py:\d+.*cannot be derived"):
        derive(f, shapes=shapes)


if __name__ == "__main__":
    for case in EXERCISES:
        (GOLDEN / f"{case}.txt").write_text(shown(case), encoding="utf-8")
