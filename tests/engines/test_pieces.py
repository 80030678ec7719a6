"""Sums over the pieces of the scalar map: every entry in its piece, every digit kept."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import children
import entrywise
import methods
import naive
import numpy as np
import pytest
import scipy.sparse as sp
from cancelling import beside_knots, float_path, rounded_step
from hypothesis import given
from hypothesis import strategies as st
from strategies import exact, examples

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, forward
from dsrl_ref.engines import fused, pieces, recursion, scalar_map
from dsrl_ref.engines.problem import Problem

JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
MANY = 20_000 if JIT else 1_500  # many blocks
THETA, L, LAYERS = Theta(1.1, 0.5, 0.2, 0.6), 0.8, 11


def objective(W, method="pieces", layers=LAYERS, **options):
    return Objective(Fidelity(W), layers=layers, method=method, **options)


def normal(size, seed=0):
    return np.random.default_rng(seed).normal(size=(1, size))


def assert_agree(W, theta, L, layers, start=1.0, target=None, tolerance=1e-12):
    """Pieces against the entries one by one, through the recursion of an oracle."""
    x0 = W if start else np.zeros(W.shape)
    J, gradient, matrix = objective(W, x0=x0, layers=layers, target=target).gauss_newton(theta, L)
    right = entrywise.answer(W, theta, L, layers, x0, target)
    assert pytest.approx(right.loss, rel=1e-12, abs=1e-300) == J
    assert np.all(np.abs(np.subtract(gradient, right.gradient)) <= tolerance * right.scale)
    assert np.abs(matrix - right.matrix).max() <= tolerance * np.abs(right.matrix).max()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 1537, MANY])
@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("seed", [None, 9])
def test_every_entry_is_counted_once(size, start, seed):
    target = None if seed is None else normal(size, seed)
    for step_constant in (0.8, 1.0, 2.5):
        assert_agree(normal(size), THETA, step_constant, LAYERS, start, target)


def knots(theta, L, layers):
    """Entries at the breakpoints of the map, of every layer, and their neighbours in float64.

    Where the breakpoints are comes from the package: an error of theirs would aim worse, and hide nothing.
    """
    breakpoints = scalar_map.ScalarMap(theta, L, layers).breakpoints
    near = [breakpoints]
    for direction in (-np.inf, np.inf):
        moved = breakpoints
        for _ in range(4):
            moved = np.nextafter(moved, direction)
            near.append(moved)
    return np.concatenate([*near, [0.0, -0.0, *theta[2:], *(-np.array(theta[2:]))]])


slopes, steps = st.floats(0.1, 2.0), st.one_of(st.sampled_from([0.5, 0.75, 1.0, 2.0]), st.floats(0.45, 8))
rises = st.one_of(st.just(0.0), st.floats(0, 1))


@examples(150)
@given(slopes, slopes, rises, rises, steps, st.integers(0, 8), st.integers(1, 500))
def test_entries_on_breakpoints_and_next_to_them_follow_the_float_recursion(w1, w2, b1, rise, L, layers, copies):
    theta = (w1, w2, b1, b1 + rise)
    W = np.repeat(knots(theta, L, layers), copies if JIT else 2).reshape(1, -1)
    assert_agree(W, theta, L, layers)


@pytest.mark.parametrize("most", [MANY // 2, MANY])
def test_a_piece_that_lies_on_a_knot_is_evaluated_entry_by_entry(monkeypatch, most):
    """W1 = 1/(1-L) makes z constant on a piece, and b2 = b1/L puts it on the knot: rounding decides for each entry."""
    monkeypatch.setattr(pieces, "MOST_VALUES", most)
    L = 0.7
    theta = Theta(1 / (1 - L), 0.5, 0.3, 0.3 / L)
    W = np.random.default_rng(0).uniform(theta.b1, theta.b2, (1, MANY))
    x = forward(Fidelity(W), theta, L, 1)[-1]
    Z = x - (x - W) * (1 / L)
    assert np.ptp(Z) < 1e-15
    assert (theta.b2 > Z).any()
    assert (theta.b2 <= Z).any()
    for layers in (2, 3, 4):
        assert_agree(W, theta, L, layers)
    parts = pieces.prepare(Problem(Fidelity(W), W, W, 3))._parts(scalar_map.Sharing(theta, L, 3))
    assert bool(parts.ranges) == (most < MANY)


@pytest.mark.parametrize("copies", [1, 3000])
def test_repeated_values_are_one_case(copies):
    W = np.repeat([0.2, 0.6, -0.2, -0.6, 0.7, 0.0], copies).reshape(1, -1)
    assert_agree(W, THETA, 1.0, 4)


def test_signed_zeros_are_zeros():
    for zero in (0.0, -0.0):
        W = np.array([[zero, 1.0, -1.0, zero]])
        assert_agree(W, (1, 1, 0, 0), 2.0, 3)
        assert_agree(W, (1, 1, 0, 0), 2.0, 3, target=np.ones((1, 4)))


@pytest.mark.parametrize("theta", [(1.1, 0.5, 0.2, 0.6), (1.1, 0.5, 0.0, 0.6), (1.0, 1.0, 0.0, 0.0)])
@pytest.mark.parametrize("target", [None, "another"])
def test_structural_zeros_count_as_dense_zeros_do(theta, target):
    W = normal(600) * (np.random.default_rng(1).random((1, 600)) < 0.3)
    if target:
        target = W * np.random.default_rng(2).random(W.shape)
    wide = lambda X: None if X is None else sp.csr_array(X)  # noqa: E731
    dense, sparse = objective(W, target=target), objective(sp.csr_array(W), target=wide(target))
    for method, ours in (("fused", dense), ("tangent", dense), ("pieces", sparse)):
        other = objective(sp.csr_array(W) if ours is sparse else W, method, target=target)
        J, gradient, matrix = ours.gauss_newton(theta, L)
        K, expected, products = other.gauss_newton(theta, L)
        assert pytest.approx(K, rel=1e-12) == J
        assert gradient == pytest.approx(expected, rel=1e-11, abs=1e-11)
        assert matrix == pytest.approx(products, rel=1e-11)
        assert ours.ties(theta, L) == other.ties(theta, L)


@pytest.mark.parametrize("step_constant", [0.3, 0.45, 0.6, 0.9])
def test_overshooting_folds_the_map_and_is_summed_all_the_same(step_constant):
    for layers in (1, 2, 5):
        assert_agree(normal(MANY), (1.3, 0.4, 0.1, 0.5), step_constant, layers)
    folded = objective(normal(1), layers=3).scalar_map((1.3, 0.4, 0.1, 0.5), step_constant)
    assert (folded.slopes < 0).any() == (step_constant < 0.5)


def test_too_many_pieces_are_left_to_fused(monkeypatch):
    W = normal(MANY)
    monkeypatch.setattr(scalar_map, "MOST_PIECES", 8)
    assert_agree(W, THETA, L, LAYERS)
    with pytest.raises(ValueError, match=r"more than 8 pieces: L = 0\.8 overshoots"):
        objective(W).scalar_map(THETA, L)


@pytest.mark.parametrize("power", [-200, -145, 145])
def test_data_whose_squares_leave_float64_are_left_to_fused(power):
    """The oracle works on data of size 1: the loss and what is of the knots' size scale with them."""
    c = 10.0**power
    J, (dw1, dw2, db1, db2, dL) = objective(normal(50) * c)((1.1, 0.5, 0.2 * c, 0.6 * c), L)
    right = entrywise.answer(normal(50), THETA, L, LAYERS)
    assert pytest.approx(right.loss * c * c, rel=1e-12) == J
    sizes = np.array([c * c, c * c, c, c, c * c])
    assert [dw1, dw2, db1, db2, dL] == pytest.approx(right.gradient * sizes, rel=1e-12, abs=0)


def rational(W, theta, L, layers, x0=None, target=None):
    """Loss and gradient without rounding, where float64 finds the same regions."""
    arguments = (naive.Fidelity(exact(W)), tuple(map(Fraction, theta)), Fraction(1 / Fraction(1.0 / L)), layers)
    x0, target = exact(W if x0 is None else x0), exact(W if target is None else target)
    last = naive.forward(*arguments, x0)[0][-1]
    return naive.loss(target, last), naive.reverse_gradient(*arguments, x0, target)


HARD = {
    "near the identity": (lambda: normal(700), (1 + 1e-9, 1 - 1e-9, 1e-9, 0.3)),
    "nearer": (lambda: normal(700), (1.0, 1 - 2.0**-50, 1e-14, 1e-13)),
    "badly scaled": (lambda: normal(700) * 10.0 ** np.linspace(-9, 9, 700), (1.1, 0.5, 0.2, 0.6)),
    "few large and negative": (lambda: np.append(normal(700), [[-1e12, -3e12]], axis=1), (1.1, 1.0, 0.2, 0.6)),
    "a tight cluster": (lambda: 0.7 + 1e-9 * normal(700), (1.1, 0.5, 0.2, 0.6)),
    "near a fixed point": (lambda: 1.2 + 1e-9 * normal(700), (2.0, 0.5, 0.6, 0.6 + 1e-3)),
    "a short step": (lambda: normal(700), (1.1, 0.5, 0.2e-7, 0.6e-7)),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_digits_are_kept_against_exact_sums(case, start):
    (data, theta), layers = HARD[case], 3
    W, step_constant = data(), 2.0**27 if case == "a short step" else 1.25
    x0 = W if start else np.zeros(W.shape)
    J, gradient = objective(W, x0=x0, layers=layers)(theta, step_constant)
    K, expected = rational(W, theta, step_constant, layers, x0)
    assert abs(Fraction(J) - K) <= Fraction(1e-13) * K
    S = entrywise.answer(W, theta, step_constant, layers, x0).scale
    for value, right, bound in zip(gradient, expected, S, strict=True):
        assert abs(Fraction(value) - right) <= Fraction(1e-12) * Fraction(bound)


def test_digits_are_kept_against_another_target():
    W = normal(700)
    for distance in (1.0, 1e-6):
        target = W + distance * normal(700, 5)
        J, gradient = objective(W, target=target, layers=3)(THETA, 1.25)
        K, expected = rational(W, THETA, 1.25, 3, target=target)
        assert abs(Fraction(J) - K) <= Fraction(1e-13) * K
        S = entrywise.answer(W, THETA, 1.25, 3, target=target).scale
        for value, right, bound in zip(gradient, expected, S, strict=True):
            assert abs(Fraction(value) - right) <= Fraction(1e-12) * Fraction(bound)


SMALL = {
    "dead entries": (0.0, 0.9, (1.1, 0.5, 1.0, 1.5), 1.25),
    "a flat outer piece": (1e3, 1e9, (2.0, 1e-9, 0.5, 0.6), 0.75),
    "a short step from zeros": (-1.0, 1.0, (1.0, 1.0, 0.0, 0.0), 2.0**27),
    "all on a knot": (0.3, 0.3, (1e-9, 1e-9, 0.3, 0.3), 1.0),
}


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("method", ["pieces", "fused"])
def test_digits_are_kept_where_target_and_network_are_far_below_W(method, case):
    low, high, theta, step_constant = SMALL[case]
    W = np.random.default_rng(0).uniform(low, high, (1, 700))
    x0 = np.zeros(W.shape) if step_constant > 1.5 else W
    target = 1e-9 * normal(700, 5)
    J, gradient = objective(W, method, layers=2, x0=x0, target=target)(theta, step_constant)
    K, expected = rational(W, theta, step_constant, 2, x0, target)
    assert abs(Fraction(J) - K) <= Fraction(1e-13) * K
    S = entrywise.answer(W, theta, step_constant, 2, x0, target).scale
    for value, right, bound in zip(gradient, expected, S, strict=True):
        assert abs(Fraction(value) - right) <= Fraction(1e-12) * Fraction(bound)


def exact_losses(problem):
    """Half the square of each r, in rationals through the regions of the float recursion, and how far that recursion is
    off where it is what "pieces" takes: of an entry next to a knot, and of an r that is 2^-22 of all terms or less.
    """
    X, rows = float_path(problem)
    true = rounded_step(problem)
    iterates, Z = naive.forward(*true.arguments[:5], rows)
    of_X, of_Z = naive.sizes(*true.arguments[:3], true.x0, rows)
    terms = sum((M + abs(t)) ** 2 / 2 for M, t in zip(of_X[-1][0], problem.target[0], strict=True))
    answers = []
    for j, (x, y, t) in enumerate(zip(iterates[-1][0], X[0], problem.target[0], strict=True)):
        half, recursed = (x - t) ** 2 / 2, Fraction((y - float(t)) ** 2) / 2
        heights = [(abs(z[0][j]), size[0][j]) for z, size in zip(Z, of_Z, strict=True)]
        near = any(abs(z - knot) <= size / 2**44 for z, size in heights for knot in true.theta[2:])
        answers.append((half, abs(half - recursed) if near or half < terms / 2**44 else 0))
    return answers


@pytest.mark.parametrize("attenuated", [False, True])
def test_the_loss_is_right_to_a_few_units_wherever_the_float_recursion_is(attenuated):
    @examples(150)
    @given(beside_knots(attenuated))
    def holds(problem):
        J, _ = methods.evaluate(problem, "pieces")
        right, recursed = map(sum, zip(*exact_losses(problem), strict=True))
        assert J >= 0
        assert abs(J - right) <= 32 * Fraction(2.0**-53) * right + 2 * recursed

    holds()


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-6, 1.001])
@pytest.mark.parametrize(
    "network",
    [
        (3.0, 0.0, (1e-6, 1e-6, 0.0, 0.0), 1e6, 1),
        (-1.755e30, 0.0, (9.3e-10, 9.3e-10, 0.0, 0.0), 1e8, 120),
        (1e15, 1.0, (1e-10, 1e-20, 0.0, 1.0), 2.0, 2),
    ],
)
def test_digits_are_kept_where_the_target_is_near_what_a_strong_attenuation_leaves(network, factor):
    w, start, theta, step_constant, layers = network
    W = np.array([[w]])
    x = entrywise.network([w], [start * w], theta, step_constant, layers)[0]
    target = factor * x.reshape(1, 1)
    J, _ = objective(W, layers=layers, x0=start * W, target=target)(theta, step_constant)
    K, _ = rational(W, theta, step_constant, layers, start * W, target)
    assert (J == 0) if factor == 1 else (abs(Fraction(J) - K) <= 8 * Fraction(2.0**-53) * K)


@pytest.mark.parametrize("w", [658.61, -391.93, 225.12, -172.07])
def test_digits_are_kept_where_eleven_layers_grow_from_zeros_past_the_target(w):
    """The slope of x - w goes from -1 to .008 in steps that round; the target is W."""
    W, theta = np.array([[w]]), (0.7156466686594307, 1.2636600318332725, 0.12115129265065516, 0.38809477665674674)
    J, _ = objective(W, layers=11, x0=0 * W)(theta, 50.0)
    K, _ = rational(W, theta, 50.0, 11, 0 * W)
    assert abs(Fraction(J) - K) <= 4 * Fraction(2.0**-53) * K


def test_digits_are_kept_where_the_terms_of_x_cancel():
    """Entries a millionth beside b1, the target beside 0."""
    W, theta = 0.3 * (1 + 1e-6 * np.random.default_rng(0).random((1, 700))), (1.1, 0.7, 0.3, 0.6)
    target = 1e-9 * normal(700, 5)
    J, _ = objective(W, layers=1, target=target)(theta, 1.25)
    K, _ = rational(W, theta, 1.25, 1, target=target)
    assert abs(Fraction(J) - K) <= 2 * Fraction(2.0**-53) * K


def test_a_sum_far_below_the_running_sums_it_comes_from_is_formed_anew():
    """A folded map: x climbs to 10^19, with the target, before a dead piece where the target is 1/1000."""
    theta, L = (0.1, 100.0, 1e12, 1e20), 0.5
    dead = objective(np.ones((1, 1)), layers=2, x0=np.zeros((1, 1))).scalar_map(theta, L)
    low, high = dead.intervals[(dead.slopes == 0) & (dead.intervals[:, 0] > 1e19)][0]
    W = np.append(np.linspace(1e18, 4e19, 600), np.repeat((low + high) / 2, 700)).reshape(1, -1)
    target = entrywise.network(W[0], 0 * W[0], theta, L, 2)[0].reshape(1, -1)
    assert not target[0, 600:].any()
    target[0, 600:] = 1e-3
    J, _ = objective(W, layers=2, x0=0 * W, target=target)(theta, L)
    assert pytest.approx(0.5 * 700 * 1e-6, rel=1e-12) == J


def test_the_entries_of_a_lost_sum_are_summed_once():
    """Beside others of another piece, whose sum keeps its digits but is as small."""
    W = np.append(np.linspace(0.7, 1.0, 300), np.linspace(-0.5, -0.3, 300)).reshape(1, -1)
    target = entrywise.network(W[0], W[0], THETA, 1.0, 2)[0].reshape(1, -1)
    target[0, :300] *= 1 + 1e-12
    target[0, 300:] += 1e-13
    assert_agree(W, THETA, 1.0, 2, target=target, tolerance=1e-3)


@pytest.mark.parametrize("copies", [1, 5, 600])
def test_no_square_of_a_sensitivity_has_a_negative_sum(copies):
    """The entries are where ∂x/∂w2 crosses 0, as near as floats come."""
    theta, layers = (1.3, 0.7, 0.2, 0.6), 3
    found = objective(np.ones((1, 1)), layers=layers).scalar_map(theta, L)
    a, c = found.slope_derivatives[:, 1], found.intercept_derivatives[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        zero = -c / a
    zero = zero[(found.intervals[:, 0] < zero) & (zero < found.intervals[:, 1])]
    assert zero.size
    for w in zero:
        W = np.full((1, copies), w)
        _, _, matrix = objective(W, layers=layers).gauss_newton(theta, L)
        right = entrywise.answer(W, theta, L, layers).matrix
        assert matrix[1, 1] >= 0
        assert matrix == pytest.approx(right, rel=1e-11, abs=1e-13 * np.abs(right).max())


def test_the_input_keeps_its_order():
    W, target = normal(1000), normal(1000, 1)
    before = W.tobytes(), target.tobytes()
    objective(W)(THETA, L)
    objective(W, target=target)(THETA, L)
    assert (W.tobytes(), target.tobytes()) == before


def test_another_start_is_refused():
    with pytest.raises(ValueError, match="method 'pieces' needs x0 to be W or zeros"):
        objective(normal(3), x0=np.ones((1, 3)))
    with pytest.raises(ValueError, match="method 'pieces' is for Fidelity alone, got LeastSquares"):
        Objective(LeastSquares([[1.0]], [[1.0]]), [[1.0]], layers=1, method="pieces")


def test_overflow_is_an_error_as_elsewhere():
    with pytest.raises(ValueError, match="not finite in layer"):
        objective(normal(3), layers=9, x0=np.zeros((1, 3)))((1, 1, 0, 0), 1e-100)


def evaluate(threads):
    return objective(normal(MANY), threads=threads)(THETA, L)


def test_same_bits_for_any_number_of_threads_and_callers(monkeypatch):
    monkeypatch.setattr(pieces, "BLOCKS_PER_CALL", 3)
    expected = evaluate(1)
    assert all(evaluate(threads) == expected for threads in (2, 3, 8, None))
    J = objective(normal(MANY), threads=2)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: J(THETA, L), range(32))) == {expected}


LAYERED = [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4), (1.3, 0.7, 0.05, 0.7)], [1.5, 0.8, 2.0]
ON_KNOTS = [0.1, -0.1, 0.5, -0.5, 0.0, *np.nextafter([0.1, 0.5, -0.1], 0.0), *np.nextafter([0.1, -0.5], 9.0)]
CASES_BY_LAYER = {
    "one entry": (normal(1), {}),
    "many blocks": (normal(MANY), {}),
    "on knots": (np.repeat(ON_KNOTS, 5).reshape(1, -1), {}),
    "too many values between pieces": (np.append([[0.1 * (1 + 2.0**-52)]], [ON_KNOTS], axis=1), {"MOST_VALUES": 0}),
    "too many pieces": (normal(600), {"MOST_PIECES": 4}),
    "no safe squares": (1e-150 * normal(50), {}),
    "zeros": (normal(300) * (np.arange(300) % 3 > 0), {}),
}


def assert_agree_by_layer(W, start, target):
    """Pieces against NumPy's tangents, which carry every entry through every layer."""
    (thetas, L), x0, goal = LAYERED, W if start else np.zeros(W.shape), W if target is None else target
    pieces_of, tangents = (
        Objective(Fidelity(W), target, layers=3, x0=x0, method=method, per_layer=True)
        for method in ("pieces", "tangent")
    )
    loss, gradient, matrix = pieces_of.gauss_newton(thetas, L)
    right, derivatives, products = tangents.gauss_newton(thetas, L)
    again, same = pieces_of(thetas, L)
    squares = np.sum((forward(Fidelity(W), thetas, L, 3, x0)[-1] - goal) ** 2)
    scale = np.sqrt(squares * np.diag(products)).reshape(3, 5).T  # Cauchy-Schwarz
    assert (again, np.array(same).tolist()) == (loss, np.array(gradient).tolist())
    assert loss == pytest.approx(right, rel=1e-12, abs=1e-300)
    assert np.all(np.abs(np.array(gradient) - np.array(derivatives)) <= 1e-12 * scale)
    assert np.abs(matrix - products).max() <= 1e-12 * np.abs(products).max()
    assert np.array_equal(matrix, matrix.T)
    assert pieces_of.ties(thetas, L) == tangents.ties(thetas, L)


@pytest.mark.parametrize("case", CASES_BY_LAYER)
@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("seed", [None, 9])
def test_with_a_theta_a_layer_every_entry_is_counted_once(monkeypatch, case, start, seed):
    W, limits = CASES_BY_LAYER[case]
    for name, value in limits.items():
        monkeypatch.setattr(pieces if hasattr(pieces, name) else scalar_map, name, value)
    target = None if seed is None else W * np.random.default_rng(seed).uniform(0.5, 1.5, W.shape)
    assert_agree_by_layer(W, start, target)


def test_lost_sums_are_formed_layer_by_layer_with_a_theta_a_layer_too():
    """A target a few units beside x, on one piece of many."""
    W = np.append(np.linspace(0.7, 1.0, 300), np.linspace(-0.5, -0.3, 300)).reshape(1, -1)
    target = forward(Fidelity(W), *LAYERED, 3, W)[-1]
    target[0, :300] *= 1 + 1e-12
    target[0, 300:] += 1e-13
    J, _ = objective(W, layers=3, target=target, per_layer=True)(*LAYERED)
    assert pytest.approx(0.5 * np.sum((forward(Fidelity(W), *LAYERED, 3, W)[-1] - target) ** 2), rel=1e-12) == J


def test_no_square_of_a_sensitivity_of_a_layer_has_a_negative_sum():
    """The entries are where ∂x/∂L_3 crosses 0, as near as floats come: L < 1 overshoots."""
    thetas, L = LAYERED[0], [0.8, 0.7, 0.6]
    found = scalar_map.ScalarMap(thetas, L, 3, per_layer=True)
    a, c = (part.reshape(len(part), 15) for part in (found.slope_derivatives, found.intercept_derivatives))
    with np.errstate(invalid="ignore", divide="ignore"):
        zero = -c / a
    inside = (found.intervals[:, :1] < zero) & (zero < found.intervals[:, 1:])
    assert set(np.nonzero(inside)[1]) == {14}
    for w in zero[inside]:
        W = np.full((1, 5), w)
        matrices = [
            Objective(Fidelity(W), layers=3, method=method, per_layer=True).gauss_newton(thetas, L)[2]
            for method in ("pieces", "fused")
        ]
        assert matrices[0][14, 14] == pytest.approx(matrices[1][14, 14], rel=1e-12, abs=0)
        assert matrices[0] == pytest.approx(matrices[1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("distance", [1.0, 1e-6])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_with_a_theta_a_layer_digits_are_kept_against_exact_sums(distance, start):
    """Of the layers of `LAYERED`, with L whose 1/L float64 has."""
    W, L = normal(300), [2.0, 1.0, 4.0]
    x0, target = W if start else np.zeros(W.shape), W + distance * normal(300, 5)
    J, gradient = objective(W, layers=3, x0=x0, target=target, per_layer=True)(LAYERED[0], L)
    arguments = naive.Fidelity(exact(W)), [tuple(map(Fraction, own)) for own in LAYERED[0]], list(map(Fraction, L))
    iterates, _ = naive.layered_forward(*arguments, exact(x0))
    K = naive.loss(exact(target), iterates[-1])
    assert abs(Fraction(J) - K) <= Fraction(1e-13) * K
    expected = naive.layered_gradient(*arguments, exact(x0), exact(target))
    products = Objective(Fidelity(W), target, layers=3, x0=x0, method="tangent", per_layer=True).gauss_newton(
        LAYERED[0], L
    )[2]
    scale = np.sqrt(2 * float(K) * np.diag(products)).reshape(3, 5)
    errors = [
        [float(Fraction(x) - y) for x, y in zip(*rows, strict=True)]
        for rows in zip(np.array(gradient).T.tolist(), expected, strict=True)
    ]
    assert np.all(np.abs(errors) <= 1e-13 * scale)


def test_where_all_layers_are_equal_the_loss_has_the_bits_of_the_network_that_shares_them():
    W, target = normal(MANY), normal(MANY, 3)
    for goal in (None, target):
        shared, own = (objective(W, target=goal, per_layer=each) for each in (False, True))
        (loss, once, matrix), (same, terms, products) = (J.gauss_newton(THETA, L) for J in (shared, own))
        assert same == loss
        assert np.array(terms).sum(axis=1) == pytest.approx(np.array(once), rel=1e-12, abs=1e-9)
        blocks = products.reshape(LAYERS, 5, LAYERS, 5).sum(axis=(0, 2))
        assert blocks == pytest.approx(matrix, rel=1e-11, abs=1e-11 * matrix.max())
        assert own.ties(THETA, L) == shared.ties(THETA, L)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_same_bits_after_a_fork():
    expected = evaluate(2)
    assert children.forked(lambda: evaluate(2)) == expected


@pytest.mark.parametrize("method", ["pieces", "fused"])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_ties_are_counted_some_entries_at_a_time(monkeypatch, method, start):
    W = np.round(normal(200), 1)
    J = objective(W, method, layers=2, x0=start * W)
    expected = [J.ties(theta, 2.0) for theta in (THETA, (1, 1, 0, 0.5))]
    monkeypatch.setattr(recursion, "AT_ONCE", 7)
    monkeypatch.setattr(fused, "AT_ONCE", 9)
    assert [J.ties(theta, 2.0) for theta in (THETA, (1, 1, 0, 0.5))] == expected
    assert all(expected)


def test_equal_entries_are_added_in_the_order_in_which_they_stand():
    W, target = np.round(normal(300), 1), normal(300, 5)
    prepared = pieces.prepare(Problem(Fidelity(W), W, target, 2))
    order = sorted(range(300), key=lambda k: W[0, k])
    assert prepared.target.tolist() == target[0, order].tolist()
