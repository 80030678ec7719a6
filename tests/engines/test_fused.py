"""The compiled engine for Fidelity: every entry once, the same bits for any threads, from any place, cache or not."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import children
import entrywise
import naive
import numpy as np
import pytest
import scipy.sparse as sp
from cancelling import beside_knots, float_path, rounded_step
from hypothesis import given
from strategies import exact, examples, floats, layered_problems, problems

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, loss_and_gradient
from dsrl_ref.engines import fused, recursion, scalar_map

THETA, L, LAYERS = Theta(1.1, 0.5, 0.2, 0.6), 0.8, 11
JIT = os.environ.get("NUMBA_DISABLE_JIT") != "1"
SIZE = 40_000 if JIT else 3_000  # several blocks


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(recursion, "BLOCK", 512)
    for engine in (fused, recursion):
        monkeypatch.setattr(engine, "BLOCKS_PER_CALL", 3)


def data(size=SIZE, seed=0):
    return np.random.default_rng(seed).normal(size=(1, size))


def evaluate(W=None, threads=None, **options):
    W = data() if W is None else W
    return Objective(Fidelity(W), layers=LAYERS, method="fused", threads=threads, **options)(THETA, L)


@examples(100)
@given(problems(kinds=("fidelity",)))
def test_equals_the_rationals(problem):
    x0, target = floats(problem.x0), floats(problem.target)
    J, gradient = loss_and_gradient(
        problem.term, problem.float_theta, float(problem.L), problem.layers, target, x0, "fused"
    )
    last = naive.forward(*problem.arguments[:5])[0][-1]
    assert naive.loss(problem.target, last) == J
    assert naive.tensor_gradient(*problem.arguments) == list(gradient)


def exact_loss(W, theta, step_constant, layers, target):
    """From x0 = W, in rationals with the rounded 1/L."""
    w, L_ = exact(W), 1 / Fraction(1 / step_constant)
    return naive.loss(
        exact(target), naive.forward(naive.Fidelity(w), tuple(map(Fraction, theta)), L_, layers, w)[0][-1]
    )


BESIDE = 1 + 1e-6 * np.random.default_rng(0).random((1, 700))
HARD = {
    "the terms of x cancel": (0.3 * BESIDE, (1.1, 0.7, 0.3, 0.6), 1, 1e-9 * data(700), 4),
    "they cancel with a slope of 1": (0.3 * BESIDE, (1.0, 1.0, 0.3, 0.3), 1, 1e-9 * data(700), 4),
    "they cancel on a steep piece, beside W": (0.3 * BESIDE, (1e6, 0.7, 0.3, 0.6), 1, None, 16),
    "the target beside W near the identity": (
        data(700),
        (1 + 1e-9, 1 - 1e-9, 1e-9, 0.3),
        2,
        data(700) * (1 + 1e-11),
        1e4,
    ),
}


def test_a_line_whose_zero_is_not_on_the_grid_does_not_round_there():
    W = np.array([[-1.5, -1.0, 2.625, -2.25, 0.125, 2.0]])
    target = np.array([[-0.25, 1.125, 0.125, -0.75, 1.5, -0.125]])
    theta = (0.25, 1.375, 0.5, 0.625)
    J, _ = loss_and_gradient(Fidelity(W), theta, 2.0, 1, target, W, "fused")
    assert exact_loss(W, theta, 2.0, 1, target) == J


@pytest.mark.parametrize("case", HARD)
def test_the_loss_keeps_its_digits(case):
    W, theta, layers, target, units = HARD[case]
    J, _ = loss_and_gradient(Fidelity(W), theta, 1.25, layers, target, W, "fused")
    right = exact_loss(W, theta, 1.25, layers, W if target is None else target)
    assert abs(Fraction(J) - right) <= units * Fraction(2.0**-53) * right


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 1537])
def test_every_entry_is_counted_once(size):
    W = data(size)
    loss, gradient = evaluate(W)
    right = entrywise.answer(W, THETA, L, LAYERS)
    assert loss == pytest.approx(right.loss, rel=1e-13)
    assert gradient == pytest.approx(right.gradient, rel=1e-11, abs=1e-11)


def test_same_bits_for_any_number_of_threads():
    expected = evaluate(threads=1)
    assert all(evaluate(threads=threads) == expected for threads in (2, 3, 5, 8, None))


def test_same_bits_from_several_callers_at_once():
    expected = evaluate()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: evaluate(threads=2), range(8))) == {expected}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_same_bits_after_a_fork():
    expected = evaluate(threads=2)
    assert children.forked(lambda: evaluate(threads=2)) == expected


def test_sparse_is_the_stored_entries():
    W = data(2000) * (np.random.default_rng(1).random((1, 2000)) < 0.1)
    assert evaluate(sp.csr_array(W)) == evaluate(W[W != 0].reshape(1, -1))


def test_another_start_and_target_are_streamed_beside_W():
    W, x0, target = (data(700, seed) for seed in range(3))
    J = Objective(Fidelity(W), target, layers=LAYERS, x0=x0, method="adjoint")(THETA, L)
    ours = evaluate(W, target=target, x0=x0)
    assert ours[0] == pytest.approx(J[0], rel=1e-13)
    assert ours[1] == pytest.approx(J[1], rel=1e-11)


KNOT_DATA = np.repeat([0.6, 0.2, 0.0, -0.0, -0.2, -0.6, 0.4], 2000).reshape(1, -1)  # b1, b2 and their kind, L = 1


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("own_target", [False, True])
def test_every_start_and_target_with_all_entries_on_knots(start, own_target):
    W = KNOT_DATA[:, : KNOT_DATA.size if JIT else 700]
    target = np.roll(W, 1, axis=1) if own_target else W
    J = [
        Objective(Fidelity(W), target, layers=3, x0=start * W, method=method, threads=2)((1.5, 0.5, 0.2, 0.6), 1)
        for method in ("fused", "adjoint")
    ]
    assert J[0][0] == pytest.approx(J[1][0], rel=1e-13)
    assert J[0][1] == pytest.approx(J[1][1], rel=1e-12)


def entries_through_the_layers(monkeypatch, W, theta=THETA):
    """How many entries `fused` leaves to the recursion."""
    from dsrl_ref.engines.kernels import recursion as kernels

    counts, kernel = [], kernels.loss_and_gradient

    def counting(w, *rest):
        counts.append(w.size)
        kernel(w, *rest)

    monkeypatch.setattr(kernels, "loss_and_gradient", counting)
    Objective(Fidelity(W), layers=LAYERS, method="fused")(theta, 1.1)
    return sum(counts)


def test_entries_next_to_a_knot_alone_go_through_the_layers(monkeypatch):
    W = data()
    at = Objective(Fidelity(W), layers=LAYERS).scalar_map(THETA, 1.1).breakpoints
    W[0, : 3 * at.size] = np.concatenate([at, np.nextafter(at, np.inf), at + 1e-9])
    assert 2 * at.size <= entries_through_the_layers(monkeypatch, W) < 3 * at.size


def test_too_many_pieces_go_through_the_layers(monkeypatch):
    monkeypatch.setattr(scalar_map, "MOST_PIECES", 4)
    loss, gradient = evaluate()
    right = entrywise.answer(data(), THETA, L, LAYERS)
    assert loss == pytest.approx(right.loss, rel=1e-13)
    assert gradient == pytest.approx(right.gradient, rel=1e-11)
    assert entries_through_the_layers(monkeypatch, data()) == SIZE


@pytest.mark.parametrize("power", [-150, 100, 150])
def test_any_scale_of_data(power):
    scale = 10.0**power
    W, theta = scale * data(2000), (1.1, 0.5, 0.2 * scale, 0.6 * scale)
    (J, gradient), (K, expected) = (
        Objective(Fidelity(W), layers=LAYERS, method=method)(theta, L) for method in ("fused", "adjoint")
    )
    assert pytest.approx(K, rel=1e-13, abs=0) == J
    assert gradient == pytest.approx(expected, rel=1e-11, abs=0)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # not compiled, NumPy tells
def test_a_sum_that_overflows_is_no_number():
    with pytest.raises(ValueError, match="overflows float64"):
        evaluate(1e154 * np.ones((1, 2000)), target=-1e154 * np.ones((1, 2000)))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # not compiled, NumPy tells
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_W_that_is_spoilt_after_the_check_is_refused_all_the_same(value):
    W = data()
    J = Objective(Fidelity(W), layers=LAYERS, method="fused")
    W[0, 77] = value
    with pytest.raises(ValueError, match=r"x0 contains (NaN|infinity): x0\[0, 77\]"):
        J(THETA, L)


def test_no_stored_entry_is_no_loss():
    loss, gradient = evaluate(sp.csr_array((3, 3)))
    assert (loss, *gradient) == (0, 0, 0, 0, 0, 0)


def test_is_for_fidelity_alone():
    class Other(Fidelity):
        pass

    for f in (LeastSquares([[1.0]], [[1.0]]), Other([[1.0]])):
        with pytest.raises(ValueError, match=f"method 'fused' is for Fidelity alone, got {type(f).__name__}"):
            Objective(f, [[1.0]], layers=1, method="fused")


def test_one_evaluation_of_large_data_takes_it(monkeypatch):
    used = []
    monkeypatch.setattr(fused.Fused, "loss_and_gradient", lambda *_: used.append(True) or (0.0, np.zeros(5)))
    for W, large in ((np.ones((1, 200_000)), True), (np.ones((1, 199_999)), False), (sp.csr_array(np.eye(999)), False)):
        used.clear()
        loss_and_gradient(Fidelity(W), THETA, L, 1)
        assert bool(used) == large


@pytest.mark.parametrize("size", [1, 255, 513, 5000])
@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("own_target", [False, True])
def test_gauss_newton_is_the_sum_of_outer_products(size, start, own_target):
    W = data(size)
    x0, target = start * W, data(size, seed=1) if own_target else W
    J = Objective(Fidelity(W), target, layers=LAYERS, x0=x0, method="fused", threads=2)
    loss, gradient, matrix = J.gauss_newton(THETA, L)
    assert (loss, gradient) == J(THETA, L)
    assert matrix == pytest.approx(entrywise.answer(W, THETA, L, LAYERS, x0).matrix, rel=1e-12)
    assert np.array_equal(matrix, matrix.T)


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("per_layer", [False, True])
def test_gauss_newton_has_the_same_bits_for_any_number_of_threads(start, per_layer):
    """Many entries on knots, which go through the layers, among others."""
    W = np.concatenate([data(SIZE // 2), np.resize(KNOT_DATA, (1, SIZE // 2))], axis=1)
    layers = 3
    found = set()
    for threads in (1, 2, 3, 5, 8):
        J = Objective(Fidelity(W), layers=layers, x0=start * W, method="fused", threads=threads, per_layer=per_layer)
        loss, gradient, matrix = J.gauss_newton((1.5, 0.5, 0.2, 0.6), 1.0)
        again, same = J((1.5, 0.5, 0.2, 0.6), 1.0)
        assert (again, np.array(same).tolist()) == (loss, np.array(gradient).tolist())
        found.add((loss, np.array(gradient).tobytes(), matrix.tobytes()))
    assert len(found) == 1


def sensitivities_through(problem, rows):
    """The derivatives of each entry of X_(t) in rationals, through the regions `rows`, and how large they are.

    With X_(t) less a unit as the target the gradient is that of one entry.
    """
    last = naive.forward(*problem.arguments[:5], rows)[0][-1]
    units = [[[x - (i == j) for i, x in enumerate(last[0])]] for j in range(len(last[0]))]
    found = [naive.reverse_gradient(*problem.but(target=unit).arguments, rows) for unit in units]
    sizes, _ = naive.sizes_of_sensitivities(*problem.arguments[:3], problem.x0, rows)
    return found, [[V[0][j] for V in sizes] for j in range(len(last[0]))]


@pytest.mark.parametrize("method", ["fused", "pieces"])
@pytest.mark.parametrize("attenuated", [False, True])
def test_rounding_of_the_matrix_is_bounded_by_what_the_sensitivities_add_up(method, attenuated):
    """A hundredth of what is promised, on entries beside knots, through the regions of the float recursion."""

    @examples(40)
    @given(beside_knots(attenuated))
    def holds(problem):
        _, rows = float_path(problem)
        found, sizes = sensitivities_through(rounded_step(problem), rows)
        x0, target = floats(problem.x0), floats(problem.target)
        J = Objective(problem.term, target, layers=problem.layers, x0=x0, method=method)
        *_, matrix = J.gauss_newton(problem.float_theta, float(problem.L))
        S = [float(sum(entry[p] ** 2 for entry in sizes)) for p in range(5)]
        for p, q in np.ndindex(5, 5):
            right = sum(entry[p] * entry[q] for entry in found)
            error = float(abs(Fraction(matrix[p, q]) - right))
            assert error <= 10 * (problem.layers + 1) * 2.0**-53 * np.sqrt(S[p] * S[q]) + 1e-300

    holds()


@pytest.mark.parametrize("copies", [1, 5, 600, 3000])
def test_no_square_of_a_sensitivity_has_a_negative_sum(copies):
    """The entries are where ∂x/∂w2 crosses 0, as near as floats come, or within a few units of it."""
    theta, layers = (1.3, 0.7, 0.2, 0.6), 3
    found = Objective(Fidelity(np.ones((1, 1))), layers=layers).scalar_map(theta, L)
    a, c = found.slope_derivatives[:, 1], found.intercept_derivatives[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        zero = -c / a
    zero = zero[(found.intervals[:, 0] < zero) & (zero < found.intervals[:, 1])]
    assert zero.size
    for w in zero:
        for spread in (0.0, 2.0**-50, 2.0**-30):
            W = w * (1 + spread * np.random.default_rng(0).normal(size=(1, copies)))
            _, _, matrix = Objective(Fidelity(W), layers=layers, method="fused").gauss_newton(theta, L)
            right = entrywise.answer(W, theta, L, layers).matrix
            assert matrix[1, 1] >= 0
            assert matrix == pytest.approx(right, rel=1e-12, abs=1e-15 * np.abs(right).max())


@pytest.mark.parametrize("power", [-160, -150, 100, 150])
def test_the_matrix_of_any_scale_of_data(power):
    scale = 10.0**power
    W, theta = scale * data(700), (1.1, 0.5, 0.2 * scale, 0.6 * scale)
    ours, others = (
        Objective(Fidelity(W), layers=3, method=method).gauss_newton(theta, L)[2] for method in ("fused", "tangent")
    )
    assert ours == pytest.approx(others, rel=1e-11, abs=0)


def test_a_matrix_whose_sums_underflow_is_formed_by_layers():
    """∂x/∂L is of the size of 10^-135, and W of 10^-165, whose squares are nothing."""
    W, theta = 1e-165 * data(700), (1e30, 1e30, 0.0, 0.0)
    ours, others = (
        Objective(Fidelity(W), layers=1, x0=0 * W, method=method).gauss_newton(theta, 2.0)[2]
        for method in ("fused", "tangent")
    )
    assert ours[4, 4] > 1e-270
    assert ours == pytest.approx(others, rel=1e-12, abs=0)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # not compiled, NumPy tells
def test_a_matrix_whose_sums_overflow_is_formed_by_layers():
    """All entries are dead, and their squares beyond float64."""
    W = 1e160 * data(700)
    J = Objective(Fidelity(W), 0 * W, layers=2, method="fused")
    loss, gradient, matrix = J.gauss_newton((1.0, 1.0, 1e170, 1e170), 1.0)
    assert (loss, *gradient) == (0, 0, 0, 0, 0, 0)
    assert not matrix.any()


@pytest.mark.parametrize("per_layer", [False, True])
def test_the_matrix_takes_no_second_pass(monkeypatch, per_layer):
    from dsrl_ref.engines.kernels import fused as kernels

    passed, kernel = [], kernels.sums_of_pieces
    monkeypatch.setattr(kernels, "sums_of_pieces", lambda w, *rest: passed.append(w.size) or kernel(w, *rest))
    J = Objective(Fidelity(data()), layers=3, method="fused", per_layer=per_layer)
    J.gauss_newton(THETA, 1.1)
    assert sum(passed) == SIZE


LAYERED = [(1.1, 0.6, 0.1, 0.5), (0.8, 0.9, 0.2, 0.4), (1.3, 0.7, 0.05, 0.7)], [1.5, 0.8, 2.0]


def layered(W, method, **options):
    return Objective(Fidelity(W), layers=3, method=method, per_layer=True, **options)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("own_target", [False, True])
@pytest.mark.parametrize("most", [4, 1024])
def test_with_a_theta_a_layer_all_agree_with_the_tangents(monkeypatch, start, own_target, most):
    monkeypatch.setattr(scalar_map, "MOST_PIECES", most)
    W = np.concatenate([data(1500), [[0.1, -0.1, 0.5, -0.5, 0.0, *np.nextafter([0.1, 0.5, -0.1], 0.0)]]], axis=1)
    options = {"x0": start * W, "target": data(W.size, seed=3) if own_target else W}
    loss, gradient, matrix = layered(W, "fused", **options).gauss_newton(*LAYERED)
    right, derivatives, products = layered(W, "tangent", **options).gauss_newton(*LAYERED)
    assert loss == pytest.approx(right, rel=1e-13)
    assert np.array(gradient) == pytest.approx(np.array(derivatives), rel=1e-11, abs=1e-11)
    assert matrix == pytest.approx(products, rel=1e-11, abs=1e-11)


@examples(60)
@given(layered_problems(kinds=("fidelity",)))
def test_with_a_theta_a_layer_the_pieces_equal_the_rationals(drawn):
    """Of however few entries."""
    problem, thetas, constants = drawn
    x0, at = floats(problem.x0), (floats(thetas).reshape(-1, 4), [float(L) for L in constants])
    last = naive.layered_forward(problem.f, thetas, constants, problem.x0)[0][-1]
    expected = naive.layered_gradient(problem.f, thetas, constants, problem.x0, problem.target)
    products = naive.layered_gauss_newton(problem.f, thetas, constants, problem.x0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "WORTH_A_TABLE", 0)
        J = Objective(
            problem.term, floats(problem.target), layers=problem.layers, x0=x0, method="fused", per_layer=True
        )
        loss, gradient, matrix = J.gauss_newton(*at)
    assert naive.loss(problem.target, last) == loss
    assert np.array(gradient).T.tolist() == expected
    assert matrix.tolist() == products


def test_few_entries_go_through_layers_of_their_own_and_more_do_not(monkeypatch):
    from dsrl_ref.engines.kernels import fused as kernels

    used, kernel = [], kernels.sums_of_pieces
    monkeypatch.setattr(kernels, "sums_of_pieces", lambda w, *rest: used.append(w.size) or kernel(w, *rest))
    for size in (29, 30):  # three layers, ten derivatives more than of one Θ
        layered(data(size), "fused")(*LAYERED)
    Objective(Fidelity(data(1)), layers=50, method="fused")(THETA, 1.1)
    assert used == [30, 1]


@pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_bad_numbers_of_threads_are_refused(threads, error):
    with pytest.raises(error, match="threads must be"):
        evaluate(threads=threads)


def test_divergence_names_the_layer():
    with pytest.raises(ValueError, match=r"not finite in layer \d"):
        loss_and_gradient(Fidelity([[1e300]]), (1e200, 1, 0, 1e300), 1, 5, method="fused")
