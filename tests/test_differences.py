"""Differences see every wrong derivative, in any unit of the data, and never one that is right."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, event, given
from hypothesis import strategies as st
from methods import methods_for
from strategies import FloatQuartic, examples

from dsrl_ref import Fidelity, Gradient, LeastSquares, Objective, Theta, check_gradient, check_smooth_term, forward
from dsrl_ref.differences import differences
from dsrl_ref.engines import implicit
from dsrl_ref.errors import DSRLError

RNG = np.random.default_rng(3)
THETA, L = Theta(1.1, 0.6, 0.21, 0.64), 3.3
W = RNG.normal(size=(4, 5))
D, Y, X = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 3)), RNG.normal(size=(6, 3))
S = RNG.normal(size=(3, 3))
SPARSE = sp.csr_array(np.where(RNG.random((9, 9)) < 0.2, RNG.normal(size=(9, 9)), 0.0))
OBJECTIVES = {
    **{method: Objective(Fidelity(W), W[::-1], layers=4, method=method) for method in ("tensor", "fused", "pieces")},
    **{method: Objective(LeastSquares(D, Y), X, layers=4, method=method) for method in ("tangent", "adjoint")},
    "sparse": Objective(Fidelity(SPARSE), layers=3),
    "sparse beside a dense target": Objective(Fidelity(SPARSE), np.ones((9, 9)), layers=3),
    "quartic": Objective(FloatQuartic(S + S.T), X[:3, :2], x0=X[3:, :2], layers=3),
    "implicit": Objective(LeastSquares(D[:, :3], Y), X[:3], layers=math.inf),
}
STEPS = {"adjoint": 20.0, "tangent": 20.0, "quartic": 25.0, "implicit": 20.0}
each = pytest.mark.parametrize("name", OBJECTIVES)
PARAMETERS = pytest.mark.parametrize("parameter", Gradient._fields)


def checked(name):
    theta = Theta(1.1, 0.6, 0.02, 0.13) if name in STEPS else THETA
    return check_gradient(OBJECTIVES[name], theta, STEPS.get(name, L))


def spoil(monkeypatch, change):
    right = Objective.__call__

    def wrong(self, theta, L):
        loss, gradient = right(self, theta, L)
        return loss, change(gradient)

    monkeypatch.setattr(Objective, "__call__", wrong)


@each
def test_a_right_gradient_is_within_rounding_and_truncation(name):
    found = checked(name)
    assert found.gap <= 1e-8
    assert found.gap == max(found.gaps.values())
    assert found.gaps.keys() == set(Gradient._fields)
    assert 0 < found.rounding < 1e-6
    assert found.ties == 0


@each
@PARAMETERS
@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
def test_a_wrong_derivative_is_seen_and_no_other_is_blamed(monkeypatch, name, parameter, factor):
    spoil(monkeypatch, lambda gradient: gradient._replace(**{parameter: factor * getattr(gradient, parameter)}))
    gaps = checked(name).gaps
    assert gaps.pop(parameter) > 1e-6
    assert max(gaps.values()) <= 1e-8


NEAR = 0.0, 1e-16, 1e-14, 1e-12, 1e-10, 1e-8  # of the largest entry of X_(t): how far the target is
SEEN = 1e-6  # the gap from which on a derivative is called wrong, as by `dsrl-ref gradient --check`


def near_its_target(seed, distance):
    """Any network, at a Θ and L, whose X_(t) is the target but for a perturbation of every entry."""
    rng = np.random.default_rng(seed)
    n, m, kind = int(rng.integers(1, 6)), int(rng.integers(1, 6)), int(rng.integers(4))
    unit = 10.0 ** rng.uniform(-3, 3) if kind < 3 else 1.0
    theta = np.array([rng.uniform(0.3, 1.2), rng.uniform(0.3, 1.0), rng.uniform(0, 0.3), rng.uniform(0.35, 0.8)])
    theta[2:] *= unit
    S, D = rng.normal(size=(n, n)), rng.normal(size=(n + 2, n))
    f = [Fidelity(unit * rng.normal(size=(n, m))), *2 * [LeastSquares(D, unit * rng.normal(size=(n + 2, m)))]]
    f = FloatQuartic(S + S.T) if kind == 3 else f[kind]
    L = (1.0 if kind == 0 else 25.0 if kind == 3 else f.lipschitz()) * rng.uniform(0.9, 2)
    x0 = f.W if kind == 0 else rng.normal(size=(n, m)) * unit * (rng.random() < 0.7)
    layers = math.inf if kind == 2 else int(rng.integers(1, 10))
    try:
        X = implicit.fixed_point(f, Theta(*theta), L, x0).X if kind == 2 else forward(f, theta, L, layers, x0)[-1]
    except ValueError:  # a limit on a knot
        assume(False)
    target = X + distance * np.abs(X).max() * rng.normal(size=X.shape)
    methods = ["auto"] if kind == 2 else methods_for(f)
    return [Objective(f, target, layers=layers, x0=x0, method=method) for method in methods], theta, L


def check_or_redraw(J, theta, L):
    try:
        return check_gradient(J, theta, L)
    except ValueError as error:
        assert "knot" in str(error)  # noqa: PT017  # anything else would be discarded with it
        assume(False)


@pytest.mark.parametrize("distance", NEAR)
@examples(6)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_right_gradient_is_not_blamed_however_near_the_target_is(distance, seed):
    """Where X_(t) - X̃ is rounding, so is the gradient, and one engine's is another than the next one's."""
    Js, theta, L = near_its_target(seed, distance)
    for J in Js:
        found = check_or_redraw(J, theta, L)
        assert found.gap <= SEEN
        assert found.rounding < SEEN
        assert all(math.isfinite(figure) for figure in found.roundings.values())


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
@pytest.mark.parametrize("distance", [1e-12, 1e-10, 1e-8, 1.0])
@examples(4)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_gradient_that_is_wrong_by_more_than_rounding_is_blamed_however_near_the_target_is(distance, factor, seed):
    """Every derivative by itself; a sign from 1e-10 on, and a thousandth far from the target, whatever rounding is."""
    (J, *_), theta, L = near_its_target(seed, distance)
    right, found = J(theta, L)[1], check_or_redraw(J, theta, L)
    hidden, sizes = 0, differences(J, theta, L)
    for name, value in right._asdict().items():
        error = abs((factor - 1) * value)
        with pytest.MonkeyPatch.context() as patch:
            spoil(patch, lambda gradient, name=name, value=value: gradient._replace(**{name: factor * value}))
            gaps = check_gradient(J, theta, L).gaps
        if error > 2 * found.roundings[name] + 2 * SEEN * sizes[name].size:
            assert gaps.pop(name) > SEEN
        elif error > 4 * SEEN * sizes[name].size:
            hidden += 1
        gaps.pop(name, None)
        assert max(gaps.values()) <= SEEN
    event(f"{hidden} hidden")
    assert hidden == 0 or distance < (1.0 if factor == 1.001 else 1e-10)


def test_what_rounding_hides_is_absolute_and_as_large_where_the_derivative_is_0():
    """w2 and b2 do nothing while no entry lies beyond b2; a target of X_(t) leaves nothing of any derivative."""
    theta, f = Theta(1.1, 0.6, 0.21, 9.0), Fidelity(W)
    X = forward(f, theta, L, 4)[-1]
    for target in (W[::-1], X, X + 1e-16, 1e3 * W):
        found = check_gradient(Objective(f, target, layers=4), theta, L)
        assert found.gap <= 1e-8
        assert 0 < found.rounding < 1e-8
        S = np.sum((np.abs(X) + np.abs(target)) * np.abs(X))  # about: w1·dX/dw1 is of the size of X
        parameters = dict(zip(found.roundings, [*theta, L], strict=True))
        assert max(parameters[name] * hidden for name, hidden in found.roundings.items()) < 1e-8 * S


def test_a_step_is_exact_so_that_a_small_one_says_no_less():
    """Next to a knot steps of w1 = 1.1 are 2^-34 and less: 2^-34·1.1 would be rounded by 2^-19 of itself."""
    theta, near = (1.1, 0.55, 0.25, 0.75), 2.0**-34
    J = Objective(Fidelity([[0.25 + near, 2.0, 0.5]]), [[0.5, 1.0, 3.0]], x0=[[0.25, 0.5, 0.5]], layers=2)
    gradient, found = J(theta, 1.1)[1]._asdict(), differences(J, theta, 1.1)
    for name, difference in found.items():
        assert abs(difference.value - gradient[name]) <= max(difference.rounding, 1e-10 * difference.size)


OWN = np.array([(1.1, 0.6, 0.02, 0.13), (0.9, 0.7, 0.0, 0.2), (1.2, 0.5, 0.05, 0.1)]), [20.0, 25.0, 30.0]


def test_the_derivatives_of_every_layer_are_judged_by_themselves(monkeypatch):
    """b1 = 0 in the second layer: a difference on one side."""
    J = Objective(LeastSquares(D, Y), X, layers=3, x0=X[::-1], per_layer=True)
    found = check_gradient(J, *OWN)
    assert found.gap <= 1e-8
    assert list(found.gaps) == [f"{name} of layer {i}" for i in (1, 2, 3) for name in Gradient._fields]
    for number in range(15):
        with monkeypatch.context() as patch:
            factors = np.ones((5, 3))
            factors[number % 5, number // 5] = 1.001
            spoil(patch, lambda gradient, factors=factors: Gradient(*np.array(gradient) * factors))
            wrong = check_gradient(J, *OWN).gaps
        assert [name for name, gap in wrong.items() if gap > 1e-6] == [list(wrong)[number]]


def test_knots_that_cannot_move_are_told_with_their_layer():
    J = Objective(LeastSquares(D, Y), X, layers=2, x0=X, per_layer=True)
    with pytest.raises(ValueError, match="b1 of layer 2 cannot move by itself where b1 = b2 = 0"):
        check_gradient(J, [(1.1, 0.6, 0.02, 0.13), (1.1, 0.6, 0.0, 0.0)], 20.0)


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**40])
def test_the_unit_of_the_data_does_not_matter(monkeypatch, unit):
    theta = Theta(THETA.w1, THETA.w2, unit * THETA.b1, unit * THETA.b2)
    one, other = Objective(Fidelity(W), W[::-1], layers=4), Objective(Fidelity(unit * W), unit * W[::-1], layers=4)
    assert check_gradient(other, theta, L).gaps == pytest.approx(check_gradient(one, THETA, L).gaps, rel=1e-6)
    spoil(monkeypatch, lambda gradient: gradient._replace(w1=1.001 * gradient.w1))
    assert check_gradient(other, theta, L).gap > 1e-5


def test_a_small_derivative_beside_large_ones_is_judged_by_what_it_adds_up():
    found = check_gradient(Objective(Fidelity([[1.0, -1.0]]), [[0.25, -0.75]], layers=1), (1, 1, 0.5, 0.5), 1.0)
    assert OBJECTIVES["fused"](THETA, L)[0] > 0
    assert found.gaps["b1"] <= 1e-8


@pytest.mark.parametrize("theta", [(1.0, 0.8, 0.3, 0.3), (1.2, 0.8, 0.0, 0.5), (1.0, 1.0, 0.3, 0.3)])
def test_on_the_edge_of_its_domain_the_difference_is_taken_inside(theta):
    found = check_gradient(Objective(Fidelity(W), W[::-1], layers=1), theta, 1.5)
    assert found.gap <= 1e-8


def test_the_step_is_halved_between_knots_on_both_sides():
    far, near = (
        check_gradient(Objective(Fidelity([[0.25 - off, 0.25 + off, 2.0]]), layers=1), (1.0, 0.5, 0.25, 0.75), 1.0)
        for off in (0.1, 2.0**-24)
    )
    assert far.step == 2.0**-20
    assert near.step < 2.0**-20
    assert max(far.gap, near.gap) < 1e-6


@pytest.mark.parametrize("entry", [0.25, -0.25, 0.75, -0.75])
def test_on_a_knot_the_difference_is_on_the_side_of_the_appendix(entry):
    found = check_gradient(Objective(Fidelity([[entry, 2.0]]), [[0.5, 1.0]], layers=1), (1.1, 0.5, 0.25, 0.75), 1.0)
    assert found.ties == 1
    assert found.gap < 1e-8


def test_knots_that_allow_no_step_are_refused():
    J = Objective(Fidelity([[0.25, -0.25, 1.0]]), layers=1)
    with pytest.raises(ValueError, match="entries sit on knots: no step in b1 leaves every region as it is"):
        check_gradient(J, (1.0, 0.5, 0.25, 0.75), 1.0)
    with pytest.raises(ValueError, match="b1 cannot move by itself where b1 = b2 = 0"):
        check_gradient(J, (1.0, 1.0, 0.0, 0.0), 1.0)


class Spoiled(LeastSquares):
    """A term whose method `spoiled` answers `factor` times what it should, plus `more` at one entry."""

    def __init__(self, spoiled, factor=1.0, more=0.0, unit=1.0):
        super().__init__(unit * D, unit * Y)
        self.spoiled, self.factor, self.more = spoiled, factor, more

    def _answer(self, method, right):
        if method != self.spoiled:
            return right
        wrong = self.factor * right
        wrong[0, 0] += self.more * np.linalg.norm(right)
        return wrong

    def gradient(self, X):
        return self._answer("gradient", super().gradient(X))

    def hessian_product(self, V, X):
        return self._answer("hessian_product", super().hessian_product(V, X))

    def lipschitz(self):
        return super().lipschitz() * (self.factor if self.spoiled == "lipschitz" else 1.0)


@pytest.mark.parametrize(
    "f", [LeastSquares(D, Y), LeastSquares(1e-6 * D, 1e-6 * Y), Fidelity(W), FloatQuartic(S + S.T)]
)
def test_a_right_term_passes(f):
    found = check_smooth_term(f)
    assert max(found.gradient, found.hessian, found.asymmetry) < 1e-6
    assert found.curvature <= 1 + 1e-12


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("wrong", [{"factor": 1.001}, {"factor": -1.0}, {"more": 0.01}])
def test_a_wrong_gradient_is_seen_in_any_unit(wrong, unit):
    assert check_smooth_term(Spoiled("gradient", unit=unit, **wrong)).gradient > 1e-5


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("wrong", [{"factor": 1.001}, {"factor": -1.0}])
def test_a_wrong_hessian_is_seen_in_any_unit(wrong, unit):
    found = check_smooth_term(Spoiled("hessian_product", unit=unit, **wrong))
    assert found.hessian > 1e-5
    assert found.gradient < 1e-6


def test_a_hessian_that_is_not_symmetric_is_seen():
    assert check_smooth_term(Spoiled("hessian_product", more=0.01)).asymmetry > 1e-5


def test_a_hessian_that_forgets_X_is_seen():
    class Forgets(FloatQuartic):
        def hessian_product(self, V, X):
            return super().hessian_product(V, self.start())

    assert check_smooth_term(Forgets(S + S.T)).hessian > 1e-3


def test_a_gradient_that_is_wrong_somewhere_is_seen():
    class Half(LeastSquares):
        def gradient(self, X):
            return super().gradient(X) * (1.5 if X[0, 0] > 0 else 1.0)

    assert check_smooth_term(Half(D, Y), points=8).gradient > 1e-3
    assert min(check_smooth_term(Half(D, Y), points=1, random_state=seed).gradient for seed in range(8)) < 1e-6


def test_a_constant_that_bounds_no_curvature_is_seen():
    assert check_smooth_term(Spoiled("lipschitz", factor=0.01)).curvature > 1


def test_a_gradient_of_zeros_is_infinitely_wrong():
    found = check_smooth_term(Spoiled("gradient", factor=0.0))
    assert found.gradient == math.inf


def test_a_method_that_fails_is_named():
    class Fails(LeastSquares):
        def hessian_product(self, V, X):
            raise KeyError("what")

    with pytest.raises(DSRLError, match=r"f\.hessian_product failed"):
        check_smooth_term(Fails(D, Y))


def test_the_same_seed_draws_the_same_points():
    f = Spoiled("gradient", factor=1.5)
    assert check_smooth_term(f, random_state=1) == check_smooth_term(f, random_state=1)
    assert check_smooth_term(f, random_state=1) != check_smooth_term(f, random_state=2)
    with pytest.raises(ValueError, match="points must be at least 1, got 0"):
        check_smooth_term(f, points=0)


@pytest.mark.parametrize("scale", [1e-139, 1e-100, 1.0, 1e100, 1e139])
@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_a_gradient_is_judged_alike_at_every_scale(monkeypatch, scale, factor):
    spoil(monkeypatch, lambda gradient: gradient._replace(b1=factor * gradient.b1))
    J = Objective(Fidelity(scale * W), scale * W[::-1], layers=3)
    gap = check_gradient(J, (1.1, 0.6, 0.21 * scale, 0.64 * scale), 1.5).gap
    assert gap <= 1e-8 if factor == 1 else gap > 1e-5


@pytest.mark.parametrize("scale", [1e-160, 1e-300, 1e145])
def test_losses_whose_squares_leave_float64_are_refused(scale):
    J = Objective(Fidelity(scale * W), scale * W[::-1], layers=3)
    with pytest.raises(ValueError, match=r"X_\(t\) and target are .* at their largest, .* leave float64: scale the"):
        check_gradient(J, (1.1, 0.6, 0.21 * scale, 0.64 * scale), 1.5)


def test_where_X_is_the_target_there_is_nothing_to_refuse():
    found = check_gradient(Objective(Fidelity(W), layers=0), THETA, L)
    assert found.gap == found.rounding == 0


@pytest.mark.parametrize(
    "f",
    [
        Fidelity([[1e-200]]),
        Fidelity([[1e-310]]),
        Fidelity(1e130 * W),
        *(LeastSquares(d * D, y * Y) for d in (1e-100, 1, 1e100) for y in (1e-100, 1, 1e100)),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_a_smooth_term_of_any_scale_is_judged_alike(f):
    found = check_smooth_term(f)
    assert max(found.gradient, found.hessian, found.asymmetry) < 1e-9
    assert 0.1 < found.curvature <= 1 + 1e-12

    class Wrong(type(f)):
        def gradient(self, X):
            return 1.001 * super().gradient(X)

        def hessian_product(self, V, X):
            return super().hessian_product(V, X)[::-1] * 2

    wrong = object.__new__(Wrong)
    vars(wrong).update(vars(f))
    assert check_smooth_term(wrong).gradient > 1e-6
    assert check_smooth_term(wrong).hessian > 1e-3


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (Fidelity(1e200 * W), ValueError, "f.value is inf for an X of entries up to .*: scale f or"),
        (
            LeastSquares(1e-160 * D, Y),
            ValueError,
            r"f\.hessian_product\(V, X\) is about .*: too little to check, scale f up",
        ),
        (
            LeastSquares(1e-70 * D, 1e-150 * Y),
            ValueError,
            "f.value changes by about .*: too little to check, scale f up",
        ),
        (W, TypeError, "f must be an object with value, .* such as Fidelity.*; got ndarray, which has no value, "),
        (Fidelity, TypeError, r"f must be an object with value, .*; got the class Fidelity$"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_smooth_term_in_float64_is_refused_by_name(f, error, message):
    with pytest.raises(error, match=message):
        check_smooth_term(f)


def test_what_is_no_objective_is_refused_by_name():
    with pytest.raises(TypeError, match=r"J must be an Objective, such as .*; got Fidelity"):
        check_gradient(Fidelity(W), THETA, L)
