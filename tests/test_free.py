"""Five real numbers of any size are a Θ and an L; optimisers that know no bounds never leave their domain."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta
from dsrl_ref.free import FARTHEST, from_free, pulled, to_free

RNG = np.random.default_rng(1)
D, X = RNG.normal(size=(10, 20)) / 3, RNG.normal(size=(20, 60)) * (RNG.random((20, 60)) < 0.15)
J = Objective(LeastSquares(D, D @ X), X, layers=4)
START = (1.0, 0.9, 0.05, 0.15), 4.0
ANY = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5, max_size=5)


@given(ANY)
def test_any_real_numbers_are_a_theta_and_an_L(u):
    theta, L = from_free(u)
    assert isinstance(theta, Theta)
    assert 0 < L < math.inf
    assert theta.b1 > 0


@given(st.lists(st.floats(-30, 30), min_size=5, max_size=5))
def test_both_ways_are_inverse(u):
    theta, L = from_free(u)
    assert np.exp(u) == pytest.approx(
        [theta.w1, theta.w2, theta.b1, theta.b2 - theta.b1, L], rel=1e-14, abs=1e-14 * theta.b2
    )
    if theta.b2 - theta.b1 > 1e-3 * theta.b1:
        assert to_free(theta, L) == pytest.approx(u, abs=1e-11)


SIZES = st.one_of(st.floats(-700, 700), st.sampled_from([-700.0, 700.0])).map(math.exp)


@given(SIZES, SIZES, SIZES, SIZES, SIZES)
def test_a_theta_and_an_L_come_back_to_rounding(w1, w2, b1, rise, L):
    theta = Theta(w1, w2, b1, max(b1 + rise, math.nextafter(b1, math.inf)))
    numbers = [*theta[:3], theta.b2 - theta.b1, L]
    if any(not math.exp(-FARTHEST) <= number <= math.exp(FARTHEST) for number in numbers):
        with pytest.raises(ValueError, match=r"lies (above|below) every .* of a real u: start from"):
            to_free(theta, L)
        return
    u = to_free(theta, L)
    assert np.abs(u).max() <= FARTHEST
    back, L_back = from_free(u)
    slack = 2.0**-52 * (2 + np.abs(u).max())
    assert [*back, L_back] == pytest.approx([*theta, L], rel=slack, abs=0)


@pytest.mark.parametrize(
    ("theta", "L", "message"),
    [
        (
            (1, 1, 0.5, 1),
            1e308,
            r"L = 1e\+308 lies above every L of a real u: start from 1\.01423e\+304 or nearer to 1",
        ),
        ((1, 1, 0.5, 1), 1e-305, r"L = 1e-305 lies below every L of a real u: start from 9\.85968e-305 or nearer to 1"),
        ((1e-310, 1, 0.5, 1), 1, "w1 = 1e-310 lies below every w1"),
        ((1, 1e305, 0.5, 1), 1, r"w2 = 1e\+305 lies above every w2"),
        ((1, 1, 1e-306, 1), 1, "b1 = 1e-306 lies below every b1"),
        ((1, 1, 0.5, 1e305), 1, r"b2 - b1 = 1e\+305 lies above every b2 - b1"),
    ],
)
def test_what_lies_beyond_every_real_u_is_refused_with_where_to_start(theta, L, message):
    with pytest.raises(ValueError, match=message):
        to_free(theta, L)


def test_the_derivatives_are_those_of_differences():
    u, step = J.to_free(*START), 1e-6
    loss, gradient = J.free(u)
    assert loss == pytest.approx(J(*START)[0], rel=1e-12)
    for i in range(5):
        side = step * (np.arange(5) == i)
        assert gradient[i] == pytest.approx(
            (J.free(u + side)[0] - J.free(u - side)[0]) / (2 * step), rel=1e-5, abs=1e-5
        )


def test_beyond_the_ends_a_parameter_stays_and_has_no_derivative():
    end, beyond = (J.free([0, 0, -3, -3, place])[1] for place in (FARTHEST, 2 * FARTHEST))
    assert from_free([0, 0, -3, -3, FARTHEST]) == from_free([0, 0, -3, -3, 1e300])
    assert np.array_equal(end[:4], beyond[:4])
    assert beyond[4] == 0
    assert pulled(np.ones(5), [-701, 701, -701, 701, 1e300]).tolist() == [0, 0, 0, 0, 0]


def test_where_the_network_diverges_the_loss_is_infinite_and_has_no_gradient():
    loss, gradient = J.free([5, 5, -5, -5, -600])
    assert loss == math.inf
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "Nelder-Mead", "Powell", "trust-constr", "SLSQP", "TNC"])
@pytest.mark.parametrize("start", [START, ((3, 0.5, 0.2, 2), 2.0)])
def test_no_optimiser_of_scipy_is_stopped_and_each_goes_down(method, start):
    u = J.to_free(*start)
    with_gradient = method not in ("Nelder-Mead", "Powell")
    loss = J.free if with_gradient else lambda u: J.free(u)[0]
    found = minimize(
        loss, u, jac=with_gradient or None, method=method, options={"maxfun" if method == "TNC" else "maxiter": 15}
    )
    assert found.fun < J.free(u)[0]
    assert J(*J.from_free(found.x))[0] == found.fun


def test_the_edges_of_the_domain_are_refused_with_what_to_take():
    with pytest.raises(ValueError, match=r"b1 = 0 in Theta.* start from a small positive b1"):
        J.to_free((1, 1, 0, 1), 1.0)
    with pytest.raises(ValueError, match=r"b2 = b1 in Theta.* a little larger, 0.505 say"):
        J.to_free(Theta.soft(0.5), 1.0)


class Wrong:
    """A user's f that is wrong: its gradient has another shape."""

    def gradient(self, X):
        return np.zeros(3)

    def start(self):
        return np.zeros((2, 2))


def test_a_fault_of_the_users_own_f_is_no_divergence():
    objective = Objective(Wrong(), np.ones((2, 2)), layers=2)
    with pytest.raises(ValueError, match=r"f.gradient in layer 1 returned shape \(3,\)"):
        objective.free(objective.to_free((1, 0.5, 0.25, 1), 2.0))


@pytest.mark.parametrize(
    ("u", "message"), [([1.0] * 4, r"five numbers.*shape \(4,\)"), ([math.nan] * 5, "u contains NaN")]
)
def test_what_is_not_five_finite_numbers_is_refused(u, message):
    with pytest.raises(ValueError, match=message):
        J.free(u)


@examples(50)
@given(st.integers(-8, 8))
def test_the_unit_of_the_data_does_not_matter(power):
    unit = 2.0**power
    theta = Theta(1.0, 0.9, 0.05 * unit, 0.15 * unit)
    scaled = Objective(LeastSquares(D, unit * (D @ X)), unit * X, layers=4)
    loss, gradient = scaled.free(scaled.to_free(theta, 4.0))
    one, other = J.free(J.to_free(*START))
    assert loss == pytest.approx(unit**2 * one, rel=1e-12)
    assert gradient == pytest.approx(unit**2 * other, rel=1e-9, abs=1e-12 * unit**2)


def test_fidelity_has_it_too():
    objective = Objective(Fidelity([[1.0, 0.25, -2.0]]), [[0.5, 0.0, -1.0]], layers=2)
    found = minimize(objective.free, objective.to_free((1, 0.5, 0.25, 1), 2.0), jac=True, method="BFGS")
    assert found.fun < 1e-6
