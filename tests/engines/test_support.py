"""LeastSquares on the nonzeros: the rationals over several panels, one answer for any blocks, and ties of its own."""

import tracemalloc
from fractions import Fraction

import children
import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from strategies import examples, floats
from wide import (
    JIT,
    LAYERS,
    THETA,
    answer_bits,
    data,
    plain_python_warns,
    prepared,
    prepared_layers,
    random_problem,
    varied,
    wide_problems,
)

from dsrl_ref import LeastSquares, Objective, Theta
from dsrl_ref.engines import panels, support
from dsrl_ref.errors import DivergenceError, SizeError


@pytest.mark.parametrize(("tape", "threads", "rows"), [(1, 2, 1), (2**21, 1, 1024)])
@examples(12)
@given(problem=wide_problems())
def test_equals_the_rationals_over_panels_and_blocks(tape, threads, rows, problem):
    """A column at a time and DᵀD from D row by row, or all columns, of which four may share a pass, and all rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "TAPE", tape)
        patch.setattr(panels, "CHUNK", rows)
        ours = prepared(problem.term, floats(problem.x0), floats(problem.target), problem.layers, threads)
        loss, gradient = ours.loss_and_gradient(Theta(*problem.float_theta), float(problem.L))
        ties = ours.ties(Theta(*problem.float_theta), float(problem.L))
        errors = ours.errors(Theta(*problem.float_theta), float(problem.L))
    iterates, Z = naive.forward(*problem.arguments[:5])
    assert loss == naive.loss(problem.target, iterates[-1])
    assert errors.tolist() == [
        sum((x - goal) ** 2 for x, goal in zip(*column, strict=True))
        for column in zip(zip(*iterates[-1], strict=True), zip(*problem.target, strict=True), strict=True)
    ]
    assert list(gradient) == naive.reverse_gradient(*problem.arguments)
    assert ties == sum(abs(z) in problem.theta[2:] for matrix in Z for line in matrix for z in line)


@examples(8)
@given(problem=wide_problems())
def test_a_sparse_D_has_the_same_bits(problem):
    of_sparse = LeastSquares(sp.csr_array(floats(problem.f.D)), floats(problem.f.Y))
    answers = [
        prepared(f, floats(problem.x0), floats(problem.target), problem.layers).loss_and_gradient(
            Theta(*problem.float_theta), float(problem.L)
        )
        for f in (problem.term, of_sparse)
    ]
    assert answer_bits(answers[0]) == answer_bits(answers[1])


def test_the_bits_are_those_of_any_number_of_threads_and_any_width_of_the_blocks(monkeypatch, repeats):
    for seed in range(repeats(12 if JIT else 2, 500)):
        *arguments, theta, L = random_problem(seed)
        answers = set()
        for tape, threads in [(2**21, 1), (2**21, 2), (2**21, 3), (3000, 1), (3000, 5), (3000, 8), (1, 2)]:
            monkeypatch.setattr(support, "TAPE", tape)
            ours = prepared(*arguments, threads)
            bits = answer_bits(ours.loss_and_gradient(theta, L)) + answer_bits(ours.gauss_newton(theta, L))
            answers.add(bits + ours.errors(theta, L).tobytes())
        assert len(answers) == 1


def test_the_bits_of_a_column_are_those_that_it_has_alone(monkeypatch):
    """Whether it shares passes with others or not: x0 is dense, and X in part."""
    kept = []
    monkeypatch.setattr(support, "by_eights", lambda rows: kept.append(rows) or rows)
    f, L, target = data(density=1.0)
    x0 = target.copy()
    x0[:, 5:] *= np.random.default_rng(1).random(x0[:, 5:].shape) < 0.2
    ours = prepared(f, x0, target)
    ours.loss_and_gradient(THETA, L)
    together = kept.pop()
    assert ours.errors(THETA, L).tobytes() == together[:, 0].tobytes()
    for q in range(target.shape[1]):
        part = LeastSquares(f.D, f.Y[:, [q]])
        prepared(part, x0[:, [q]], target[:, [q]]).loss_and_gradient(THETA, L)
        assert kept.pop().tobytes() == together[[q]].tobytes()


@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize("layers", [0, 1, 7])
def test_agrees_with_the_tangents_of_whole_matrices(start, layers):
    f, L, target = data()
    J = Objective(f, target, layers=layers, x0=start * target, method="tangent")
    ours = prepared(f, start * target, target, layers)
    loss, gradient, matrix = J.gauss_newton(THETA, L)
    for answer in (ours.loss_and_gradient(THETA, L), ours.gauss_newton(THETA, L)):
        assert answer[0] == pytest.approx(loss, rel=1e-13)
        assert answer[1] == pytest.approx(np.array(gradient), rel=1e-11, abs=1e-11)
    assert ours.gauss_newton(THETA, L)[2] == pytest.approx(matrix, rel=1e-11, abs=1e-9)


@pytest.mark.parametrize("few", range(4))
def test_a_column_with_few_entries_among_full_ones_agrees_with_the_tangents_of_whole_matrices(few):
    """Of four columns with much in common, over three panels, each in turn has an entry or two."""
    rng = np.random.default_rng(few)
    D, X = rng.normal(size=(60, 150)) / 8, 100.0 * rng.normal(size=(150, 6))
    X[:, few], X[[70, 140], few] = 0.0, 8.0
    f, x0 = LeastSquares(D, D @ X), X * (np.arange(6) != few)
    theta, L = Theta(0.9, 0.8, 1.0, 2.0), f.lipschitz()
    loss, gradient = Objective(f, 0.5 * X, layers=4, x0=x0, method="tangent")(theta, L)
    answer = prepared(f, x0, 0.5 * X, 4).loss_and_gradient(theta, L)
    assert answer[0] == pytest.approx(loss, rel=1e-12)
    assert answer[1] == pytest.approx(np.array(gradient), rel=1e-10)


def test_the_terms_of_the_matrix_add_up_to_what_it_comes_with():
    f, L, target = data()
    ours = prepared(f, f.start(), target)
    loss, gradient, matrix = ours.gauss_newton(THETA, L)
    found, *rest = ours.gauss_newton_terms(THETA, L).sum(axis=0)
    assert found == pytest.approx(loss, rel=1e-13)
    assert rest == pytest.approx([*gradient, *matrix[np.triu_indices(5)]], rel=1e-12)


def fused(a, b, c):
    return float(Fraction(a) * Fraction(b) + Fraction(c)) if JIT else a * b + c


def own_preactivations(f, x0, theta, L, layers):
    """Z of every layer in the arithmetic that the engine promises, entry by entry."""
    n, m, step = *x0.shape, 1.0 / L
    X, found = x0.tolist(), []
    D, Y = f.D.tolist(), f.Y.tolist()

    def product(rows, q, x):
        total = 0.0
        for a, row in enumerate(rows):
            total = fused(row[q], x[a], total)
        return total

    gram = [[product(D, j, [line[i] for line in D]) for j in range(n)] for i in range(n)]
    offset = [[product(D, j, [line[q] for line in Y]) for q in range(m)] for j in range(n)]
    for _ in range(layers):
        Z = [[0.0] * m for _ in range(n)]
        for q in range(m):
            x = [line[q] for line in X]
            for j in range(n):
                g = product(gram, j, x) - offset[j][q]
                Z[j][q] = x[j] - step * g
        found.append(Z)
        X = [[naive.xi(z, theta) for z in line] for line in Z]
    return found


@pytest.mark.parametrize("layer", [0, 1])
def test_ties_are_those_of_its_own_arithmetic(layer, repeats):
    """A knot is put where an entry of Z is: exactly there, or a unit in its last place beside it."""
    counted = 0
    for seed in range(repeats(40, 400)):
        rng = np.random.default_rng(seed)
        f = LeastSquares(rng.normal(size=(2, 3)), rng.normal(size=(2, 2)))
        x0, L = rng.choice([0, 1]) * rng.normal(size=(3, 2)), f.lipschitz()
        z = abs(own_preactivations(f, x0, THETA, L, 1)[0][1][1])
        for knot in (z, np.nextafter(z, np.inf)):
            theta = Theta(0.9, 0.7, *((knot, knot + 0.3) if layer == 0 else (0.5 * knot, knot)))
            found = own_preactivations(f, x0, theta, L, 2)
            expected = sum(abs(z) in theta[2:] for Z in found for line in Z for z in line)
            assert prepared(f, x0, x0, 2).ties(theta, L) == expected
            counted += expected
    assert counted >= 20


def test_a_knot_that_other_arithmetic_finds_at_another_place_is_told_apart():
    """Every column has a Z_(2) next to b1, on either side or on it, as the order of operations has it."""
    columns, b1, L = 101, 0.055882103107045916, 1.6995224506893225
    f = LeastSquares([[0.166195485167498, -1.293020305872751]], np.full((1, columns), 0.8164072979811922))
    theta, x0 = Theta(0.5, 0.5, b1, b1), np.zeros((2, columns))
    one = LeastSquares(f.D, f.Y[:, :1])
    found = own_preactivations(one, x0[:, :1], theta, L, 2)
    ours = prepared(f, x0, x0 - 1, 2)
    assert ours.ties(theta, L) == columns * sum(abs(z) == b1 for Z in found for line in Z for z in line)
    rational = naive.LeastSquares(*([[Fraction(v) for v in line] for line in A.tolist()] for A in (one.D, one.Y)))
    rows = naive.regions(found, theta)
    target = [[Fraction(-1)], [Fraction(-1)]]
    numbers = tuple(map(Fraction, theta)), Fraction(L), 2, [[Fraction(0)], [Fraction(0)]], target
    expected = naive.reverse_gradient(rational, *numbers, rows)
    assert ours.loss_and_gradient(theta, L)[1] == pytest.approx([columns * float(d) for d in expected], rel=1e-12)


@plain_python_warns
@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_names_the_first_layer_of_any_column(monkeypatch, threads):
    """The second and the fourth column overflow in layer 2, the third in a later one, and the first never."""
    monkeypatch.setattr(support, "TAPE", 1)
    Y = [[0.0, 1.0, 1e-250, 1.0]]
    ours = prepared(LeastSquares([[1e100]], Y), np.zeros((1, 4)), np.zeros((1, 4)), 9, threads)
    for evaluate in (ours.loss_and_gradient, ours.gauss_newton, ours.ties, ours.errors):
        with pytest.raises(DivergenceError, match=r"X_\(2\) is not finite in layer 2 \(2 entries\): L = 1e-100 may be"):
            evaluate(Theta(1, 1, 0, 0), 1e-100)


@plain_python_warns
@pytest.mark.parametrize("Y", [[1e200, 0.0], [1e200, -1e200]])
def test_no_number_is_lost_in_a_dead_zone(monkeypatch, Y):
    """Z is not finite where DᵀY overflows, and has to be refused however wide the dead zone is."""
    monkeypatch.setattr(panels, "CHUNK", 1)
    ours = prepared(LeastSquares([[1e150], [1e150]], np.reshape(Y, (2, 1))), np.zeros((1, 1)), np.zeros((1, 1)), 2)
    assert not np.isfinite(ours.C[0, 0, 0])
    with pytest.raises(DivergenceError, match=r"not finite in layer 1 \(1 entries\)"):
        ours.loss_and_gradient(Theta(1, 1, 1e300, 1e300), 1.0)


def test_a_loss_that_overflows_is_refused():
    f = LeastSquares([[1.0]], [[0.0, 0.0]])
    with pytest.raises(DivergenceError, match="overflows float64 after 1 layers"):
        Objective(f, [[1e200, 1.0]], layers=1, method="support")((1, 1, 0.1, 0.2), 1)


@plain_python_warns
def test_a_square_of_D_that_overflows_is_refused():
    with pytest.raises(ValueError, match="needs DᵀD, which overflows float64: scale D and Y down"):
        prepared(LeastSquares([[1e160, 1.0]], [[1.0]]), np.zeros((2, 1)), np.zeros((2, 1)))


def test_a_square_of_D_that_would_not_fit_is_refused_before_it_is_formed(monkeypatch):
    monkeypatch.setattr(support, "products", None)
    wide = LeastSquares(sp.csr_array((1, 20_000)), np.zeros((1, 1)))
    with pytest.raises(
        SizeError, match=r"'support' holds DᵀD, 20,000×20,000 numbers, which are 3\.0 GiB, and takes up to 2"
    ):
        prepared(wide, wide.start(), wide.start())
    assert support.too_large(16_384) is None


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_more_columns_need_no_more_memory_in_an_evaluation(monkeypatch, start):
    peaks = []
    for m in (40, 400 if JIT else 120):
        f, L, target = data(n=20, m=m)
        ours = prepared(f, f.start() + start, target, 3)
        monkeypatch.setattr(support, "TAPE", 20 * 40 * (3 + support.BESIDES))
        for evaluate in (ours.loss_and_gradient, ours.gauss_newton):
            evaluate(THETA, L)
            tracemalloc.start()
            evaluate(THETA, L)
            peaks.append(tracemalloc.get_traced_memory()[1] - 21 * 8 * m)
            tracemalloc.stop()
    few, few_of_gauss_newton, many, many_of_gauss_newton = peaks
    assert many <= 1.2 * few
    assert many_of_gauss_newton <= 1.2 * few_of_gauss_newton


def test_no_kernel_has_more_work_at_once_than_an_interrupt_may_wait_for(monkeypatch):
    """Blocks of few columns, and of sensitivities few panels, or one, where a column has many entries; bits stay."""
    from dsrl_ref.engines.kernels import support_tangents

    f, L, target = data()
    ours, n = prepared(f, target, target), 150
    expected = answer_bits(ours.gauss_newton(THETA, L))
    blocks, block, calls, forward = [], support.Block.__init__, [], support_tangents.forward_tangents
    monkeypatch.setattr(
        support.Block, "__init__", lambda self, *given: blocks.append(given[3] - given[2]) or block(self, *given)
    )
    monkeypatch.setattr(support_tangents, "forward_tangents", lambda *given: calls.append(given) or forward(*given))
    monkeypatch.setattr(support, "MOST_MULTIPLICATIONS", 4 * n * n)
    ours.loss_and_gradient(THETA, L)
    assert blocks == [4, 4, 3]
    blocks.clear()
    assert answer_bits(ours.gauss_newton(THETA, L)) == expected
    assert blocks == [4, 4, 3]
    for _, p_rows, *_, first, last, _, _, dX in calls:
        assert last - first == 1 or 64 * (last - first) * dX.shape[1] * len(p_rows) <= 4 * n * n
    assert {(first, last) for *_, first, last, _, _, _ in calls} >= {(0, 1), (1, 2), (2, 3)}


@pytest.mark.parametrize("evaluate", ["loss_and_gradient", "gauss_newton", "ties", "errors"])
def test_an_interrupt_is_answered_between_two_layers_of_a_block(monkeypatch, evaluate):
    """Each pass yields after every layer, where a pool drops it and the main thread sees signals."""
    f, L, target = data()
    passes = {"loss_and_gradient": "backward", "gauss_newton": "tangents"}
    name = passes.get(evaluate, evaluate)
    steps, work = [], getattr(support.Block, name)
    monkeypatch.setattr(support.Block, name, lambda self, *_, **given: (steps.append(1) for _ in work(self, **given)))
    getattr(prepared(f, f.start(), target), evaluate)(THETA, L)
    assert len(steps) == (2 * LAYERS if evaluate == "loss_and_gradient" else LAYERS)


def test_inputs_are_left_alone_and_may_be_read_only_or_of_any_order():
    f, L, target = data()
    x0 = np.asfortranarray(0.5 * target)
    for array in (f.D, f.Y, target, x0):
        array.flags.writeable = False
    kept = [array.tobytes() for array in (f.D, f.Y, target, x0)]
    ours, again = prepared(f, x0, target), prepared(f, x0.copy(order="C"), target[:, ::-1][:, ::-1])
    answer = answer_bits(ours.loss_and_gradient(THETA, L))
    assert [array.tobytes() for array in (f.D, f.Y, target, x0)] == kept
    assert answer == answer_bits(ours.loss_and_gradient(THETA, L)) == answer_bits(again.loss_and_gradient(THETA, L))


@pytest.mark.parametrize(("tape", "threads"), [(1, 2), (2**21, 1)])
@examples(12)
@given(problem=wide_problems())
def test_layers_of_their_own_equal_the_rationals_over_panels_and_blocks(tape, threads, problem):
    """Every other layer has the slopes and the step of the other."""
    w1, w2, b1, b2 = problem.theta
    thetas = [(w1, w2, b1, b2), (w2, w1, b1, b2)][: problem.layers] + [(w1, w2, b1, b2)][: max(0, problem.layers - 2)]
    L = [problem.L, Fraction(16) / problem.L, problem.L][: problem.layers]
    at = tuple(Theta(*map(float, own)) for own in thetas), np.array(L, np.float64)
    arguments = problem.f, thetas, L, problem.x0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "TAPE", tape)
        patch.setattr(support, "COLUMNS_A_MATRIX", 2)
        x0, target = floats(problem.x0), floats(problem.target)
        ours = prepared_layers(problem.term, x0, target, problem.layers, threads)
        loss, gradient, matrix = ours.gauss_newton(*at)
        back = ours.loss_and_gradient(*at)
        ties = ours.ties(*at)
    iterates, Z = naive.layered_forward(*arguments)
    assert loss == back[0] == naive.loss(problem.target, iterates[-1])
    expected = naive.layered_gradient(*arguments, problem.target)
    assert gradient.tolist() == back[1].tolist() == [list(row) for row in expected]
    assert matrix.tolist() == [list(row) for row in naive.layered_gauss_newton(*arguments)]
    assert ties == sum(abs(z) in own[2:] for own, X in zip(thetas, Z, strict=True) for line in X for z in line)


def test_the_bits_of_layers_of_their_own_are_those_of_any_number_of_threads_and_any_width_of_the_blocks(
    monkeypatch, repeats
):
    monkeypatch.setattr(support, "COLUMNS_A_MATRIX", 8)
    for seed in range(repeats(8 if JIT else 2, 300)):
        *arguments, layers, _, L = random_problem(seed)
        answers = set()
        for tape, threads in [(2**21, 1), (2**21, 2), (2**21, 3), (3000, 1), (3000, 5), (3000, 8), (1, 2)]:
            monkeypatch.setattr(support, "TAPE", tape)
            ours = prepared_layers(*arguments, layers, threads)
            answers.add(
                b"".join(
                    map(answer_bits, (way(*varied(layers, L)) for way in (ours.loss_and_gradient, ours.gauss_newton)))
                )
            )
        assert len(answers) == 1


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_more_columns_need_no_more_memory_for_layers_of_their_own(monkeypatch, start):
    """Beside the sums of each column, and a matrix for every few."""
    peaks, few, many = [], 64, 640 if JIT else 192
    for m in (few, many):
        f, L, target = data(n=20, m=m)
        ours = prepared_layers(f, f.start() + start, target, 3)
        monkeypatch.setattr(support, "TAPE", 20 * 16 * (3 + support.BESIDES))
        for evaluate in (ours.loss_and_gradient, ours.gauss_newton):
            evaluate(*varied(3, L))
            tracemalloc.start()
            evaluate(*varied(3, L))
            peaks.append(tracemalloc.get_traced_memory()[1] - 8 * m * (2 * 16 + 2 * 120 / support.COLUMNS_A_MATRIX))
            tracemalloc.stop()
    assert peaks[2] <= 1.2 * peaks[0]
    assert peaks[3] <= 1.2 * peaks[1]


@plain_python_warns
@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_names_the_step_constant_of_its_layer(monkeypatch, threads):
    monkeypatch.setattr(support, "TAPE", 1)
    ours = prepared_layers(LeastSquares([[1e100]], [[0.0, 1.0, 1e-250, 1.0]]), *np.zeros((2, 1, 4)), 4, threads)
    at = (Theta(1, 1, 0, 0),) * 4, np.array([1e-100, 2e-100, 3e-100, 4e-100])
    for evaluate in (ours.loss_and_gradient, ours.gauss_newton, ours.ties):
        with pytest.raises(DivergenceError, match=r"X_\(2\) is not finite in layer 2 \(2 entries\): L = 2e-100 may be"):
            evaluate(*at)


def test_auto_takes_it_for_layers_of_their_own_where_X_is_sparse():
    f, _, target = data(k=100, n=256, m=30, density=0.02)
    assert Objective(f, target, layers=5, per_layer=True, evaluations=1000).method == "support"


KEPT = """
import numpy as np
from dsrl_ref import LeastSquares, Objective
D = np.linspace(-1, 1, 60).reshape(3, 20) ** 3
J = Objective(LeastSquares(D, D[:, :9]), np.eye(20)[:, :9], layers=3, method="support")
print(J.gauss_newton((1.1, 0.6, 0.02, 0.1), 9.0), J((1.1, 0.6, 0.02, 0.1), 9.0), J.ties((1.1, 0.6, 0.02, 0.1), 9.0))
"""


@pytest.mark.children
@pytest.mark.nightly
@pytest.mark.skipif(not JIT, reason="nothing is compiled under NUMBA_DISABLE_JIT=1")
def test_kernels_with_instructions_of_their_own_are_kept(tmp_path):
    """A second process compiles nothing: it leaves the files of the first as they are, and gives its answer."""
    environment = children.environment(NUMBA_CACHE_DIR=str(tmp_path))
    first = children.output("-c", KEPT, env=environment)
    kept = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*.nb?")}
    names = {path.name.split("-")[0] for path in kept}
    assert {"support.forward_layer", "support_sparse.backward_product", "support_tangents.forward_tangents"} <= names
    assert children.output("-c", KEPT, env=environment) == first
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*.nb?")} == kept
