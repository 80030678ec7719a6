"""What Θ and L are of an objective: five numbers, or five a layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, check_gradient, forward
from dsrl_ref.parameters import Gradient, PerLayer, Shared

ROWS = np.array([(1.0, 0.9, 0.05, 0.15), (0.8, 0.7, 0.1, 0.3), (1.2, 0.6, 0.02, 0.4)])
L = np.array([4.0, 5.0, 6.0])
RNG = np.random.default_rng(1)
D, X = RNG.normal(size=(10, 20)) / 3, RNG.normal(size=(20, 30)) * (RNG.random((20, 30)) < 0.15)
J = Objective(LeastSquares(D, D @ X), X, layers=3, per_layer=True)


def test_rows_of_an_array_thetas_and_tuples_are_the_same():
    expected = J(ROWS, L)
    for theta in (list(map(tuple, ROWS)), [Theta(*row) for row in ROWS], ROWS.tolist()):
        loss, gradient = J(theta, L.tolist())
        assert loss == expected[0]
        assert np.array_equal(gradient, expected[1])


def test_one_theta_and_one_L_are_those_of_all_layers():
    loss, gradient = J(ROWS[0], 4.0)
    other, same = J([ROWS[0]] * 3, [4.0] * 3)
    assert loss == other
    assert np.array_equal(gradient, same)


def test_the_gradient_is_arrays_in_the_order_of_the_layers():
    loss, gradient = J(ROWS, L)
    assert type(loss) is float
    assert isinstance(gradient, Gradient)
    assert [values.shape for values in gradient] == [(3,)] * 5
    assert loss == pytest.approx(0.5 * np.sum((forward(J.f, ROWS, L, 3)[-1] - X) ** 2), rel=1e-13)
    found = check_gradient(J, ROWS, L)
    assert found.gap < 1e-7
    assert list(found.gaps)[:6] == [*(f"{name} of layer 1" for name in Gradient._fields), "w1 of layer 2"]


def test_what_fit_stores_is_told_as_it_is_and_projected():
    rows = np.column_stack([ROWS, L])
    rows[1, 1] = 1.5
    layers, shared = PerLayer(3), Shared()
    theta, constants = layers.projected(rows.ravel())
    assert theta.tolist() == [list(Theta.projected(row[:4])) for row in rows]
    assert constants.tolist() == L.tolist()
    assert [array.tolist() for array in layers.raw(rows.ravel())] == [rows[:, :4].tolist(), L.tolist()]
    stored = rows.ravel()
    for array in (constants, *layers.projected(stored), *layers.raw(stored)):
        array[:] = 7.0  # what a callback does to what it is given
    assert stored.tolist() == np.column_stack([rows[:, :4], L]).ravel().tolist()
    thetas, several = layers.told(np.stack([rows.ravel(), 2 * rows.ravel()]))
    assert thetas.tolist() == [rows[:, :4].tolist(), (2 * rows[:, :4]).tolist()]
    assert several.tolist() == [L.tolist(), (2 * L).tolist()]
    assert shared.projected(rows[1]) == (Theta.projected(rows[1, :4]), 5.0)
    assert (shared.raw(rows[1])[0].tolist(), shared.raw(rows[1])[1]) == (rows[1, :4].tolist(), 5.0)
    assert [array.tolist() for array in shared.told(rows)] == [rows[:, :4].tolist(), L.tolist()]
    assert type(shared.projected(rows[1])[1]) is float


def test_flat_is_a_layer_after_the_other():
    x = np.column_stack([ROWS, L]).ravel()
    loss, gradient = J.flat(x)
    expected = J(ROWS, L)
    assert loss == expected[0]
    assert gradient.reshape(3, 5).T.tolist() == np.array(expected[1]).tolist()
    assert Objective(J.f, X, layers=3).flat(x[:5])[1].shape == (5,)
    bounds = [(0.1, 2), (0.1, 1), (0, 0.06), (0.1, 1), (3, 9)] * 3
    assert minimize(J.flat, x, jac=True, bounds=bounds, options={"maxiter": 5}).fun < loss


def test_free_goes_both_ways_and_has_the_derivatives_of_differences():
    u = J.to_free(ROWS, L)
    thetas, constants = J.from_free(u)
    assert np.array(thetas) == pytest.approx(ROWS, rel=1e-13)
    assert constants == pytest.approx(L, rel=1e-14)
    assert all(isinstance(theta, Theta) for theta in thetas)
    loss, gradient = J.free(u)
    assert loss == pytest.approx(J(ROWS, L)[0], rel=1e-12)
    for i, side in enumerate(1e-6 * np.eye(15)):
        quotient = (J.free(u + side)[0] - J.free(u - side)[0]) / 2e-6
        assert gradient[i] == pytest.approx(quotient, rel=1e-5, abs=1e-5)
    assert minimize(J.free, u, jac=True, method="BFGS", options={"maxiter": 5}).fun < loss


def test_where_the_network_diverges_free_is_infinite():
    loss, gradient = J.free([5, 5, -5, -5, -600] * 3)
    assert loss == np.inf
    assert gradient.shape == (15,)
    assert np.isnan(gradient).all()


@examples(30)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=10, max_size=10))
def test_any_real_numbers_are_a_theta_and_an_L_a_layer(u):
    thetas, constants = PerLayer(2).from_free(u)
    assert [theta.b1 > 0 for theta in thetas] == [True, True]
    for i, (theta, constant) in enumerate(zip(thetas, constants, strict=True)):
        assert Shared().from_free(u[5 * i : 5 * i + 5]) == (theta, constant)


@pytest.mark.parametrize(
    ("theta", "constant", "message"),
    [
        (ROWS[:2], L, "theta holds 2 rows, but there are 3 layers"),
        (ROWS, L[:2], r"L has shape \(2,\), but there are 3 layers"),
        ([*ROWS[:2], (1, 1, 2, 1)], L, "layer 3: b2 must be at least b1"),
        (ROWS, [4.0, -1.0, 4.0], "L of layer 2 must be positive, got -1"),
        (ROWS, [4.0, 4.0, 5e-324], "L of layer 3 = 5e-324 is too small"),
    ],
)
def test_what_is_no_theta_or_L_is_refused_with_its_layer(theta, constant, message):
    for evaluate in (J, J.gauss_newton, J.ties, J.to_free):
        with pytest.raises(ValueError, match=message):
            evaluate(theta, constant)


def test_the_edges_of_the_domain_of_free_are_refused_with_their_layer():
    with pytest.raises(ValueError, match=r"layer 2: b1 = 0 in Theta.* start from a small positive b1"):
        J.to_free([ROWS[0], (1, 1, 0, 1), ROWS[0]], L)
    with pytest.raises(ValueError, match=r"layer 3: b2 = b1 in Theta"):
        J.to_free([ROWS[0], ROWS[0], Theta.soft(0.5)], L)


def test_numbers_of_another_count_are_refused_with_what_they_are():
    with pytest.raises(ValueError, match=r"x must be 15 numbers, for w1, w2, b1, b2, L of each of 3 .*shape \(5,\)"):
        J.flat(np.ones(5))
    for evaluate in (J.free, J.from_free):
        with pytest.raises(ValueError, match=r"u must be 15 numbers, for w1, w2, b1, b2 - b1 and L .*shape \(3, 5\)"):
            evaluate(np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"x must be \(w1, w2, b1, b2, L\), got shape \(15,\)"):
        Shared().of_flat(np.ones(15))


def test_a_gradient_that_overflows_is_refused_with_the_layer_where_it_begins():
    own = Objective(Fidelity([[1e250]]), [[0.0]], layers=2, per_layer=True)
    with pytest.raises(ValueError, match=r"after 2 layers with Theta\(w1=1.0, w2=1e-150, .*L = 2.0 in layer 2: scale"):
        own([(1, 1, 0.5, 0.5), (1, 1e-150, 0.5, 0.5)], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"the loss \(inf\) .*after 2 layers"):
        own([(1, 1, 0.5, 0.5)] * 2, [1.0, 2.0])
    thetas = Theta.soft(1.0), Theta.soft(2.0)
    assert PerLayer(2).where(np.full((2, 5), np.inf), thetas, L[:2]) == f"with {thetas[1]}, L = 5.0 in layer 2"
    assert PerLayer(1).where(np.zeros((1, 5)), (Theta.soft(1.0),), np.ones(1)) == "with these Θ and L"


def test_no_layer_has_no_parameters():
    none = Objective(Fidelity([[1.0, 2.0]]), [[0.0, 0.0]], layers=0, per_layer=True)
    loss, gradient, matrix = none.gauss_newton(np.zeros((0, 4)), [])
    assert (loss, [values.shape for values in gradient], matrix.shape) == (2.5, [(0,)] * 5, (0, 0))
    assert none.flat([])[1].shape == none.free([])[1].shape == (0,)
    assert none.ties([], []) == 0


def test_what_all_layers_share_is_five_numbers_in_the_order_of_x():
    theta, constant = Shared().of_flat([1, 2, 3, 4, 5])
    assert (theta.tolist(), constant) == ([1, 2, 3, 4], 5)
    assert Shared().gradient(np.arange(5.0)) == Gradient(w1=0.0, w2=1.0, b1=2.0, b2=3.0, L=4.0)
    assert Shared().where(np.zeros(5), Theta.soft(1.0), 2.0) == f"with {Theta.soft(1.0)}, L = 2.0"
    shared = Objective(J.f, X, layers=3)
    loss, gradient = shared.flat([*ROWS[0], 4.0])
    assert (loss, Gradient(*gradient.tolist())) == shared(ROWS[0], 4.0)


@pytest.mark.parametrize(
    ("theta", "L"),
    [
        ([(1, 0.5, 0.5, 1)] * 3, 1.0),
        (np.tile([1, 0.5, 0.5, 1], (3, 1)), 1.0),
        ((1, 0.5, 0.5, 1), [1.0, 1.0, 1.0]),
        ((1, 0.5, 0.5, 1), np.ones(3)),
    ],
)
def test_one_theta_a_layer_given_to_an_objective_that_shares_it_is_told_of_per_layer(theta, L):
    shared = Objective(LeastSquares(D, D @ X), X, layers=3)
    with pytest.raises(
        (ValueError, TypeError), match=r"share one Θ and one L here; Objective\(\.\.\., per_layer=True\)"
    ):
        shared(theta, L)


@pytest.mark.parametrize(("theta", "L"), [((1, 1, 3, 2), 1.0), ((1, 1, 1), 1.0), (5, 1.0), ((1, 1, 1, 1), "x")])
def test_other_bad_parameters_are_not_told_of_it(theta, L):
    shared = Objective(LeastSquares(D, D @ X), X, layers=3)
    with pytest.raises((ValueError, TypeError), match=r"^((?!per_layer).)*$"):
        shared(theta, L)
