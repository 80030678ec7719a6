"""layers = inf: the limit of many layers and its derivatives; refused, with the reason, where there are none."""

import math

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from methods import LEAST_SQUARES_ONLY
from strategies import FloatQuartic, examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, fit, forward, loss_and_gradient
from dsrl_ref.engines import implicit
from dsrl_ref.engines.table import ENGINES

CONVEX, FIRM = (0.9, 0.7, 0.05, 0.4), (1.3, 0.9, 0.08, 0.3)


def least_squares(k=12, n=18, m=6, seed=0):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    target = rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.2)
    return LeastSquares(D, D @ target + 0.01 * rng.normal(size=(k, m))), target


def quartic(n=4, seed=0):
    rng = np.random.default_rng(seed)
    root, x0 = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    return FloatQuartic(root @ root.T + 0.1 * np.eye(n)), x0, rng.normal(size=(n, 2))


def assert_agree(first, second, relative=1e-9):
    (J, gradient), (K, expected) = first, second
    assert pytest.approx(K, rel=relative) == J
    assert np.abs(np.subtract(gradient, expected)).max() <= relative * np.abs(expected).max()


def by_dense_inverse(f, theta, L, X, target):
    """Loss, gradient and Gauss-Newton matrix from (I - D(I - H/L))⁻¹ ∂ξ, all of it dense, ∂ξ in scalars."""
    gradient = f.gradient(X)
    Z = X - gradient / L
    columns = [naive.partials(z, theta) for z in Z.ravel().tolist()]
    basis = np.eye(X.size).reshape(-1, *X.shape)
    H = np.array([f.hessian_product(V, X).ravel() for V in basis]).T
    slope = np.array([column[4] for column in columns])
    partials = np.array(
        [[*column[:4], s * g / L**2] for column, s, g in zip(columns, slope, gradient.flat, strict=True)]
    )
    dX = np.linalg.solve(np.eye(X.size) - slope[:, None] * (np.eye(X.size) - H / L), partials)
    residual = (X - target).ravel()
    return 0.5 * residual @ residual, residual @ dX, dX.T @ dX


@pytest.mark.parametrize("theta", [CONVEX, FIRM, Theta.soft(0.1)])
@pytest.mark.parametrize("seed", range(2))
def test_is_the_limit_of_many_layers(theta, seed):
    f, target = least_squares(seed=seed)
    L = f.lipschitz()
    assert implicit.fixed_point(f, Theta(*theta), L, f.start()).radius <= 0.99
    limit, layers = (Objective(f, target, layers=layers) for layers in (math.inf, 4_000))
    assert limit.method == "implicit"
    assert_agree(limit(theta, L), layers(theta, L))


def test_a_piece_on_which_a_layer_only_shifts_has_no_fixed_point_and_warns_of_nothing():
    """w1·(1 - 1/L) is 1, so that x moves by W - 2·b1 in each layer until it has left the piece, over b2."""
    J = Objective(Fidelity([[1.001]]), layers=math.inf)
    (loss, gradient), x = J((2, 0.5, 0.5, 1.5), 2.0), forward(J.f, (2, 0.5, 0.5, 1.5), 2.0, 3_000)[-1]
    assert loss == pytest.approx(0.5 * (x[0, 0] - 1.001) ** 2, rel=1e-12)
    assert gradient.w1 != 0 != gradient.w2


@pytest.mark.parametrize("exponent", [-560, -700, 400])
def test_the_unit_of_the_data_shows_in_no_bit(exponent):
    """Not where squares of the residual underflow, either: db1 and db2 have the unit of X, and their products none."""
    (f, target), s, (w1, w2, b1, b2) = least_squares(), 2.0**exponent, CONVEX
    L = 1.1 * f.lipschitz()
    loss, usual, products = Objective(f, target, layers=math.inf).gauss_newton(CONVEX, L)
    J = Objective(LeastSquares(f.D, s * f.Y), s * target, layers=math.inf)
    found, gradient, matrix = J.gauss_newton((w1, w2, s * b1, s * b2), L)
    assert (gradient.b1, gradient.b2) == (s * usual.b1, s * usual.b2)
    assert np.array_equal(matrix[2:4, 2:4], products[2:4, 2:4])
    assert np.array_equal(matrix[2:4], products[2:4] * [s, s, 1, 1, s])
    assert found == loss * s * s


@pytest.mark.parametrize("theta", [CONVEX, FIRM])
def test_is_the_dense_inverse_applied(theta):
    f, target = least_squares()
    L = 1.1 * f.lipschitz()
    X = forward(f, theta, L, 3_000)[-1]
    J, gradient, matrix = Objective(f, target, layers=math.inf).gauss_newton(theta, L)
    K, expected, products = by_dense_inverse(f, theta, L, X, target)
    assert_agree((J, gradient), (K, expected))
    assert matrix == pytest.approx(products, rel=1e-9, abs=1e-9 * np.abs(products).max())


def test_a_hessian_that_depends_on_X():
    f, x0, target = quartic()
    theta, L = (0.9, 0.8, 0.05, 0.5), 40.0
    X = forward(f, theta, L, 10_000, x0)[-1]
    J = Objective(f, target, layers=math.inf, x0=x0)
    assert_agree(J(theta, L), by_dense_inverse(f, theta, L, X, target)[:2])
    assert_agree(J(theta, L), Objective(f, target, layers=3_000, x0=x0)(theta, L))


def test_its_gradient_is_that_of_differences():
    f, target = least_squares(seed=4)
    J, at = Objective(f, target, layers=math.inf), np.array([*FIRM, f.lipschitz()])
    _, gradient = J.flat(at)
    for i, step in enumerate(1e-5 * np.eye(5)):
        assert gradient[i] == pytest.approx((J.flat(at + step)[0] - J.flat(at - step)[0]) / 2e-5, rel=1e-6, abs=1e-8)


@examples(20)
@given(st.floats(0.2, 1.5), st.floats(0.2, 1), st.floats(0.1, 1), st.floats(0.1, 1), st.floats(0.6, 4))
def test_of_fidelity_it_has_a_closed_form(w1, w2, b1, rise, L):
    theta = Theta(w1, w2, b1, b1 + rise)
    assume(w1 * abs(1 - 1 / L) < 0.9)  # so that 300 layers are as good as all
    rng = np.random.default_rng(1)
    f, target = Fidelity(rng.normal(size=(5, 7))), rng.normal(size=(5, 7))
    limit, layers = (Objective(f, target, layers=layers) for layers in (math.inf, 300))
    assert_agree(limit(theta, L), layers(theta, L))
    (*_, matrix), (*_, expected) = limit.gauss_newton(theta, L), layers.gauss_newton(theta, L)
    assert matrix == pytest.approx(expected, rel=1e-7, abs=1e-9 * np.abs(expected).max())


def test_of_fidelity_where_it_has_none():
    """Slope 2, L = 4: what lies between the knots is driven out, and ends beyond b2."""
    W, theta = np.array([[0.1, 3.0, -4.0]]), (2.0, 0.5, 0.25, 0.4)
    limit, layers = (Objective(Fidelity(W), 0.5 * W, layers=layers) for layers in (math.inf, 1000))
    with pytest.raises(ValueError, match="t = 4"):
        Theta(*theta).scaled(4)
    assert_agree(limit(theta, 4), layers(theta, 4))


def test_sparse_is_dense():
    W = sp.random(20, 30, 0.2, format="csr", random_state=0)
    dense, sparse = (Objective(Fidelity(kind), layers=math.inf) for kind in (W.toarray(), W))
    theta = (1.2, 0.7, 0.2, 0.8)
    assert_agree(sparse(theta, 2), dense(theta, 2), 1e-13)
    for first, second in zip(sparse.gauss_newton(theta, 2), dense.gauss_newton(theta, 2), strict=True):
        assert np.array(first) == pytest.approx(np.array(second), rel=1e-12)
    assert loss_and_gradient(Fidelity(W), theta, 2, math.inf) == sparse(theta, 2)
    with pytest.raises(ValueError, match="b1 = 0, and a Z that is not stored, 0, sits on it"):
        sparse((1.2, 0.7, 0, 0.8), 2)
    with pytest.raises(ValueError, match=r"Z\[\d+, \d+\] = 0.0 sits on the knot b1 = 0"):
        dense((1.2, 0.7, 0, 0.8), 2)


def test_the_same_regularizer_with_another_step_has_the_same_fixed_point():
    """(Θ, L) and (S(L/L2)Θ, L2) minimise the same f + L·g."""
    f, target = least_squares()
    L = f.lipschitz()
    J = Objective(f, target, layers=math.inf)
    assert J(CONVEX, L)[0] == pytest.approx(J(Theta(*CONVEX).scaled(0.5), 2 * L)[0], rel=1e-11)


def test_nothing_active_is_a_fixed_point_too():
    f, target = least_squares()
    loss, gradient = Objective(f, target, layers=math.inf)(Theta.soft(100), f.lipschitz())
    assert loss == pytest.approx(0.5 * np.sum(target**2))
    assert not any(gradient)


def test_can_be_trained():
    f, target = least_squares()
    J = Objective(f, target, layers=math.inf)
    learned = fit(J, epochs=15)
    assert learned.loss < J(CONVEX, f.lipschitz())[0]


def test_two_columns_alike_are_refused():
    """The minimum is not unique: where the layers end depends on where they began."""
    f = LeastSquares(np.ones((1, 2)), np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"spectral radius .* on its 2 active entries is 1, not below 1 - 1e-6"):
        Objective(f, np.ones((2, 1)), layers=math.inf)(Theta.soft(0.1), 2.0)


@pytest.mark.parametrize(
    ("knot", "w", "theta", "L"), [("b1", 0.5, (0.5, 0.25, 0.25, 1.75), 2.0), ("b2", 1.5, (1.0, 1.0, 0.5, 1.5), 1.0)]
)
def test_a_knot_is_refused(knot, w, theta, L):
    with pytest.raises(ValueError, match=rf"Z\[0, 1\] = .* sits on the knot {knot} = .*move {knot} a little"):
        Objective(Fidelity([[5.0, w]]), layers=math.inf)(theta, L)


@pytest.mark.parametrize("L", [0.4, 0.6])
def test_no_fixed_point_is_refused(L):
    """The step overshoots: the layers alternate or diverge."""
    f = Fidelity(np.random.default_rng(0).normal(size=(4, 5)))
    with pytest.raises(ValueError, match=r"no fixed point was reached in \d+ layers|not finite in layer"):
        Objective(f, layers=math.inf)((1.6, 0.99, 0.2, 0.8), L)


def test_layers_that_go_on_for_ever_are_refused(monkeypatch):
    monkeypatch.setattr(implicit, "MOST_LAYERS", 15)
    f, target = least_squares()
    with pytest.raises(ValueError, match="no fixed point was reached in 15 layers"):
        Objective(f, target, layers=math.inf)(CONVEX, f.lipschitz())


def test_newton_steps_that_are_too_few_find_nothing(monkeypatch):
    monkeypatch.setattr(implicit, "NEWTON_STEPS", 1)
    monkeypatch.setattr(implicit, "MOST_LAYERS", 50)
    f, target = least_squares()
    with pytest.raises(ValueError, match="no fixed point was reached in 50 layers"):
        Objective(f, target, layers=math.inf)(CONVEX, f.lipschitz())


def test_a_point_that_the_layers_leave_is_no_limit():
    """1.3·(1 - 1/L) > 1 between the knots: from just there the layers need long to leave."""
    theta, L = Theta(1.3, 0.5, 0.25, 2.0), 100.0
    z = (1.3 * 0.25 - 1.3 * 1.0 / L) / (1.3 * (1 - 1 / L) - 1) + 1e-9
    f, x0 = Fidelity([[1.0]]), np.array([[z]])
    limit = Objective(f, np.zeros((1, 1)), layers=math.inf, x0=x0)
    assert_agree(limit(theta, L), Objective(f, np.zeros((1, 1)), layers=3_000, x0=x0)(theta, L))


def test_lanczos_that_fails_is_no_radius(monkeypatch):
    from scipy.sparse.linalg import ArpackNoConvergence

    def fail(*_, **__):
        raise ArpackNoConvergence("none", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr("scipy.sparse.linalg.eigsh", fail)
    f, target = least_squares(20, 30, 30)
    with pytest.raises(ValueError, match="Lanczos failed"):
        Objective(f, target, layers=math.inf)(CONVEX, f.lipschitz())


def test_the_radius_is_that_of_the_dense_matrix():
    f, _ = least_squares(40, 60, 3)
    L = f.lipschitz()
    found = implicit.fixed_point(f, Theta(*CONVEX), L, f.start())
    Z = found.Z
    slope = np.array([naive.partials(z, CONVEX)[4] for z in Z.T.ravel().tolist()])
    H = np.kron(np.eye(3), f.D.T @ f.D)
    assert found.X.astype(bool).sum() > implicit.FEW
    expected = np.abs(np.linalg.eigvals(slope[:, None] * (np.eye(len(H)) - H / L))).max()
    assert found.radius == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("method", [name for name in ENGINES if name != "implicit"])
def test_it_is_the_method_for_infinitely_many_and_no_other(method):
    f = LeastSquares([[1.0]], [[1.0]]) if method in LEAST_SQUARES_ONLY else Fidelity([[1.0]])
    with pytest.raises(ValueError, match=f"'{method}' needs finitely many layers, got inf; take 'implicit'"):
        Objective(f, [[1.0]], layers=math.inf, method=method)
    with pytest.raises(ValueError, match="'implicit' is for layers = inf, got 3; take 'auto'"):
        Objective(f, [[1.0]], layers=3, method="implicit")


def test_what_needs_a_number_of_layers_is_refused():
    J = Objective(Fidelity([[1.0, 2.0]]), layers=math.inf)
    with pytest.raises(ValueError, match=r"their limit is shrink\(w, theta.scaled\(L\)\)"):
        J.scalar_map(CONVEX, 1.0)
    with pytest.raises(ValueError, match="overflows float64 after inf layers"):
        Objective(Fidelity([[1e200]]), [[-1e200]], layers=math.inf)((0.9, 0.7, 1, 2), 2.0)
    for wrong in (-math.inf, math.nan):
        with pytest.raises(TypeError, match="layers must be an integer"):
            Objective(Fidelity([[1.0]]), layers=wrong)
