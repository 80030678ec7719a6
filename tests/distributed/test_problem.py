"""A problem that is spread out: the same numbers as in memory, however it is chunked and shared out."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, LeastSquares, Objective, check_gradient, check_smooth_term, disk, fit, forward, solve
from dsrl_ref.distributed import problem as module
from dsrl_ref.distributed.cluster import Here
from dsrl_ref.errors import DivergenceError, MissingExtraError, ModelFileError, SizeError

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")
delayed = pytest.importorskip("dask", reason="the extra distributed brings dask").delayed

THETA, L = (1.0, 0.875, 0.25, 0.75), 1.375
EMPTY = sp.csr_array((0, 0))
CHUNKS = (-1, -1), (5, 7), ((1, 12, 7), (3, 3, 5)), (20, 1)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 24)


def drawn(seed, n=20, m=11):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-3, 4, size=(n, m))
    return np.where(rng.random((n, m)) < 0.2, 0.0, W)


def signals(seed, m=600):
    """D (5, 6), Y (5, m), target (6, m), and an L that is large enough."""
    rng = np.random.default_rng(seed)
    D, X = rng.normal(size=(5, 6)), rng.normal(size=(6, m)) * (rng.random((6, m)) < 0.3)
    return D, D @ X + 0.01 * rng.normal(size=(5, m)), X, 1.25 * float(np.linalg.norm(D, 2) ** 2)


def answers(J, L=L):
    """All that J answers, in one list of arrays."""
    theta, constant = ([THETA] * 3, [L] * 3) if J.per_layer else (THETA, L)
    return [*map(np.asarray, J(theta, constant)), J.gauss_newton(theta, constant)[2], np.array(J.ties(theta, constant))]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("per_layer", [False, True])
def test_fidelity_has_the_bits_of_one_process_for_any_chunks_and_groups(monkeypatch, chunks, groups, per_layer):
    monkeypatch.setattr(Here, "groups", groups)
    W, options = drawn(0), {"layers": 3, "method": "pieces", "per_layer": per_layer}
    J = Objective(Fidelity(da.from_array(W, chunks=chunks)), **options)
    assert len(J.problem.prepared.states) == groups
    assert same(answers(J), answers(Objective(Fidelity(W), **options)))


@pytest.mark.parametrize("method", ["support", "columns"])
@pytest.mark.parametrize("chunks", [(-1, -1), (2, 130), (5, (1, 598, 1))])
@pytest.mark.parametrize("per_layer", [False, True])
def test_least_squares_has_the_bits_of_one_process_for_any_chunks(monkeypatch, chunks, method, per_layer):
    D, Y, X, L = signals(1)
    monkeypatch.setattr(Here, "groups", 2)
    options = {"layers": 3, "method": method, "per_layer": per_layer}
    J = Objective(LeastSquares(D, da.from_array(Y, chunks=chunks)), da.from_array(X, chunks=(4, 77)), **options)
    assert len(J.problem.prepared.states) == (2 if method == "support" else 1)
    assert same(answers(J, L), answers(Objective(LeastSquares(D, Y), X, **options), L))


@pytest.mark.parametrize("method", ["fused", "adjoint", "tangent"])
def test_engines_that_round_once_a_block_have_the_same_bits_for_any_chunks_and_groups(monkeypatch, method):
    W, found = drawn(2), []
    for groups, chunks in zip((1, 2, 3, 1), CHUNKS, strict=True):
        monkeypatch.setattr(Here, "groups", groups)
        found.append(answers(Objective(Fidelity(da.from_array(W, chunks=chunks)), layers=3, method=method)))
    assert all(same(found[0], other) for other in found[1:])
    whole = answers(Objective(Fidelity(W), layers=3, method=method))
    assert all(np.allclose(a, b, rtol=1e-13) for a, b in zip(found[0], whole, strict=True))


def test_the_engines_of_other_methods_take_blocks_of_signals(monkeypatch):
    D, Y, X, L = signals(3, m=40)
    monkeypatch.setattr(Here, "groups", 3)
    J = Objective(LeastSquares(D, da.from_array(Y, chunks=(5, 7))), X, layers=3, method="adjoint")
    assert [len(state.blocks) for state in J.problem.prepared.states] == [3, 3, 4]
    assert all(
        np.allclose(a, b, rtol=1e-12)
        for a, b in zip(answers(J, L), answers(Objective(LeastSquares(D, Y), X, layers=3), L), strict=True)
    )


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix, sp.coo_array])
def test_sparse_chunks_have_the_bits_of_one_process_and_zeros_are_not_stored(kind):
    W = drawn(4) * (drawn(5) > 0)
    found = []
    for chunks in CHUNKS:
        spread = da.from_array(W, chunks=chunks).map_blocks(kind, dtype=float, meta=kind(np.zeros((0, 0))))
        J = Objective(Fidelity(spread), layers=3, method="pieces")
        assert J.problem.entries == np.count_nonzero(W)
        found.append(answers(J))
    assert all(same(answers(Objective(Fidelity(sp.csr_array(W)), layers=3, method="pieces")), each) for each in found)


@pytest.mark.parametrize(("x0", "start", "method"), [(1.0, 1.0, "pieces"), (0.0, 0.0, "pieces"), (0.5, None, "fused")])
def test_x0_and_a_target_are_taken_along(x0, start, method):
    W, target = drawn(6), drawn(7)
    J = Objective(Fidelity(da.from_array(W, chunks=(3, 3))), da.from_array(target, chunks=(9, 2)), x0=x0 * W, layers=3)
    whole = Objective(Fidelity(W), target, x0=x0 * W, layers=3, method=method)
    assert J.problem.start == start
    assert np.array_equal(J.x0.compute(), x0 * W)
    assert np.array_equal(J.target.compute(), target)
    of_block = Objective(J.f, J.target, x0=J.x0, layers=3, method=method)
    assert all(np.allclose(a, b, rtol=1e-13) for a, b in zip(answers(of_block), answers(whole), strict=True))


def test_the_engine_is_chosen_as_in_memory(monkeypatch):
    monkeypatch.setattr("dsrl_ref.engines.table.WORTH_LOADING", 100)
    D, Y, X, _ = signals(8)
    sparse = np.where(np.random.default_rng(0).random((300, 10)) < 0.01, 1.0, 0.0)
    wide = np.random.default_rng(1).normal(size=(200, 300))
    for f, target in (
        (Fidelity(drawn(0)), None),
        (LeastSquares(D, Y), X),
        (LeastSquares(wide, wide @ sparse), sparse),
        (LeastSquares(1e160 * wide, wide @ sparse), sparse),  # whose DᵀD overflows
    ):
        data = f.W if target is None else f.Y
        array = da.from_array(data, chunks=(4, 4))
        of = Fidelity(array) if target is None else LeastSquares(f.D, array)
        for evaluations in (1, 100):
            options = {"layers": 2, "evaluations": evaluations}
            assert Objective(of, target, **options).method == Objective(f, target, **options).method


def test_blocks_are_rows_or_parts_of_rows_by_the_shape_alone(monkeypatch):
    monkeypatch.setattr(Here, "groups", 2)
    W = drawn(9, n=5, m=11)
    sizes = [
        Objective(Fidelity(da.from_array(W, chunks=chunks)), layers=1).problem._sizes_of_blocks()
        for chunks in ((1, 1), (5, 11))
    ]
    assert sizes == [((2, 2, 1), (11,))] * 2
    monkeypatch.setattr(module, "BLOCK", 4)
    J = Objective(Fidelity(da.from_array(W, chunks=(2, 3))), layers=3, method="pieces")
    assert J.problem._sizes_of_blocks() == ((1,) * 5, (4, 4, 3))
    assert [len(state.blocks) for state in J.problem.prepared.states] == [7, 8]
    assert same(answers(J), answers(Objective(Fidelity(W), layers=3, method="pieces")))


def test_a_group_is_no_larger_than_what_a_worker_gets_in_one_piece(monkeypatch):
    monkeypatch.setattr(module, "GROUP", 60)
    J = Objective(Fidelity(da.from_array(drawn(9), chunks=(2, 3))), layers=1)
    assert [len(state.blocks) for state in J.problem.prepared.states] == [2, 3, 2, 3]


@pytest.mark.parametrize("layers", [0, np.inf])
def test_no_layers_and_infinitely_many_are_served(layers):
    W = drawn(10)
    J = Objective(Fidelity(da.from_array(W, chunks=(3, 4))), layers=layers)
    loss, gradient = J(THETA, 2.0)
    expected, derivatives = Objective(Fidelity(W), layers=layers)(THETA, 2.0)
    assert loss == pytest.approx(expected, rel=1e-13)
    assert np.array(gradient) == pytest.approx(np.array(derivatives), rel=1e-12)


def test_fit_learns_what_it_learns_in_memory(monkeypatch):
    monkeypatch.setattr(Here, "groups", 2)
    W = drawn(11)
    target = np.where(np.abs(W) > 1, W, 0)
    J = Objective(Fidelity(da.from_array(W, chunks=(3, 4))), target, layers=2, method="pieces")
    learned, expected = (
        fit(each, epochs=12) for each in (J, Objective(Fidelity(W), target, layers=2, method="pieces"))
    )
    assert (learned.theta, learned.L, learned.loss) == (expected.theta, expected.L, expected.loss)


def test_fit_goes_on_from_a_checkpoint_of_other_chunks(monkeypatch, tmp_path):
    W, file = drawn(11), tmp_path / "run.npz"

    def J(chunks, layers=2):
        return Objective(Fidelity(da.from_array(W, chunks=chunks)), np.where(np.abs(W) > 1, W, 0), layers=layers)

    fit(J((3, 4)), epochs=8, checkpoint=file, callback=lambda epoch, *_: epoch == 3)
    resumed = fit(J((20, 2)), epochs=8, checkpoint=file, resume=True)
    assert resumed.raw[0].tolist() == fit(J((7, 7)), epochs=8).raw[0].tolist()
    with pytest.raises(ModelFileError, match="of another run"):
        fit(J((3, 4), layers=3), epochs=8, checkpoint=file, resume=True)


@pytest.mark.parametrize("fetched", [2**20, 60])
def test_fit_learns_one_theta_a_layer_as_in_memory(monkeypatch, fetched):
    monkeypatch.setattr(module.columns, "FETCHED", fetched)
    D, Y, X, _ = signals(12, m=100)
    J = Objective(LeastSquares(D, da.from_array(Y, chunks=(5, 30))), X, layers=2, per_layer=True)
    learned, expected = (
        fit(each, epochs=3) for each in (J, Objective(LeastSquares(D, Y), X, layers=2, per_layer=True))
    )
    assert learned.theta == pytest.approx(expected.theta, rel=1e-6)
    assert learned.validation == pytest.approx(expected.validation, rel=1e-6)


def test_other_data_held_out_say_where_they_start_where_what_is_learned_from_does():
    """No entry is looked at for it: dask calls by one name what is made in one way."""
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(4, 6)), rng.normal(size=(6, 30))
    f, held = LeastSquares(D, da.from_array(D @ X, chunks=10)), LeastSquares(D, D @ X[:, :5])
    by_itself, elsewhere = (Objective(f, X, layers=2, per_layer=True, x0=x0) for x0 in (None, da.from_array(X / 2)))
    of_pair = fit(by_itself, epochs=1, validation=(held, X[:, :5]))
    assert of_pair.validation == fit(by_itself, epochs=1, validation=(held, X[:, :5], 0 * X[:, :5])).validation
    with pytest.raises(ValueError, match=r"what is learned from at an x0 of its own: give \(f, target, x0\)"):
        fit(elsewhere, epochs=1, validation=(held, X[:, :5]))


@pytest.mark.parametrize(
    ("W", "error", "message"),
    [
        ([[1.0, 2.0], [3.0, np.nan]], ValueError, r"W\[1:2, 0:2\] contains NaN: W\[1:2, 0:2\]\[0, 1\] = nan"),
        ([[1.0, 2.0], [2.0**54, 4.0]], None, ""),
        (np.array([[1, 2], [2**54, 4]]), ValueError, r"W\[1:2, 0:2\]\[0, 0\] = 18014398509481984: integers beyond"),
    ],
)
def test_what_is_no_number_is_named_with_its_place(monkeypatch, W, error, message):
    monkeypatch.setattr(module, "BLOCK", 2)
    f = Fidelity(da.from_array(np.array(W), chunks=(1, 1)))
    if error is None:
        assert Objective(f, layers=1)(THETA, L)[0] >= 0
        return
    with pytest.raises(error, match=message):
        Objective(f, layers=1)


def in_sparse_chunks(matrix, heights):
    ends = np.cumsum(heights)
    chunks = [
        da.from_delayed(delayed(sp.csr_array(matrix[end - height : end])), (height, matrix.shape[1]), meta=EMPTY)
        for height, end in zip(heights, ends, strict=True)
    ]
    return da.concatenate(chunks)


@pytest.mark.parametrize("entry", [np.nan, 2**54 + 1])
def test_what_is_no_number_in_a_sparse_chunk_is_named_with_the_place_of_the_chunk_or_the_block(entry):
    W = np.zeros((9, 4), dtype=type(entry))
    W[:, 1], W[7, 2] = 1, entry
    with pytest.raises(
        ValueError, match=r"W\[(0:9, 0:4\] contains NaN: W\[0:9, 0:4\]\[7, 2\]|6:9, 0:4\]\.data\[2\] = 1)"
    ):
        Objective(Fidelity(in_sparse_chunks(W, (3, 3, 3))), layers=1)


def test_blocks_of_sparse_rows_store_as_much_as_dense_ones():
    W = np.zeros((20, 11))
    W[:, [3, 5]] = 1.0
    J = Objective(Fidelity(in_sparse_chunks(W, [7, 7, 6])), layers=1, method="fused")
    blocks = [block for group in J.problem.prepared.states for block in group.blocks]
    assert [block.rows for block in blocks] == [(0, 12), (12, 20)]
    assert {block.columns for block in blocks} == {(0, 11)}


def test_chunks_without_rows_change_nothing():
    W = np.where(np.random.default_rng(0).random((9, 4)) < 0.5, 2.0, 0.0)
    rows = np.arange(9) % 9 < 8
    for wrap in (da.from_array, lambda W, chunks: in_sparse_chunks(W, [3] * 3)):
        whole = wrap(W, chunks=(3, 4))
        W_of = whole[da.from_array((rows & (np.arange(9) // 3 != 1)), chunks=3)].compute_chunk_sizes()
        assert 0 in W_of.chunks[0]
        found = Objective(Fidelity(W_of), layers=1, method="pieces")(THETA, 2.0)
        kept = W[rows & (np.arange(9) // 3 != 1)]
        assert found == Objective(Fidelity(kept), layers=1, method="pieces")(THETA, 2.0)


@pytest.mark.parametrize("zeros", [slice(4, 8), slice(None)], ids=["some blocks", "all"])
@pytest.mark.filterwarnings("ignore::dsrl_ref.errors.StartWarning")
def test_blocks_of_zeros_alone_are_learned_from_as_in_memory(zeros):
    W = np.random.default_rng(3).normal(size=(12, 6))
    W[zeros] = 0.0
    for per_layer in (False, True):
        options = {"layers": 2, "per_layer": per_layer, "method": "pieces"}
        for given in (W, sp.csr_array(W)):
            if per_layer and given is not W:
                continue
            of = da.from_array(W, chunks=(2, 6)) if given is W else in_sparse_chunks(W, [2] * 6)
            learned, expected = (fit(Objective(Fidelity(each), **options), epochs=3) for each in (of, given))
            assert learned.theta == pytest.approx(expected.theta, rel=1e-12)
            assert learned.loss == pytest.approx(expected.loss, rel=1e-12)


@pytest.mark.parametrize("cut", [np.s_[:-1], np.s_[:, :-1]])
def test_chunks_that_are_smaller_than_their_array_says_are_refused(cut):
    false = ARRAY.map_blocks(lambda chunk: chunk[cut], chunks=ARRAY.chunks, meta=np.eye(1))
    message = r"W\[0:4, 0:4\] has shape \(.*\), but that part of the dask array has shape \(4, 4\)"
    with pytest.raises(ValueError, match=message):
        Objective(Fidelity(false), layers=1)
    signals = da.from_array(np.ones((3, 5)), chunks=(3, 5)).map_blocks(lambda chunk: chunk[:, :-1], chunks=((3,), (5,)))
    with pytest.raises(ValueError, match=r"Y\[:, 0:5\] has shape \(3, 4\), but that part of the dask array has shape"):
        Objective(LeastSquares(np.eye(3), signals), np.ones((3, 5)), layers=1)


STARTS = {
    "bool": np.array([[True, False], [True, True]]),
    "int8": np.array([[-128, 0], [5, 127]], dtype=np.int8),
    "uint8": np.array([[128, 0], [5, 255]], dtype=np.uint8),
    "float32": np.array([[0.1, 0.0], [5, 1e-40]], dtype=np.float32),
}


@pytest.mark.parametrize("W", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_where_x0_starts_is_seen_of_every_dtype(monkeypatch, W, wrap):
    """-128 of eight bits is its own negative, and the difference of two truths is not defined."""
    monkeypatch.setattr(module, "BLOCK", 2)  # a row, so that one block alone has another x0
    place = np.argmax(np.abs(W.astype(float)) == np.abs(W.astype(float)).max())
    other = W.copy()
    other.flat[place] = 0
    near = np.nextafter(W.astype(float), 999)
    for x0, start in ((W, 1.0), (0 * W, 0.0), (other, None), (W.astype(float), 1.0), (near, None)):
        of = [
            da.from_delayed(delayed(wrap(each)), W.shape, meta=wrap(np.zeros((1, 1), each.dtype))) for each in (W, x0)
        ]
        J = Objective(Fidelity(of[0]), x0=of[1], layers=1)
        assert J.problem.start == start
        assert Objective(Fidelity(wrap(W)), x0=wrap(x0), layers=1).problem.start == start


@pytest.mark.parametrize(("factor", "start"), [(1.0, 1.0), (0.0, 0.0), (0.5, None)])
def test_where_x0_starts_is_seen_of_dense_chunks_beside_sparse_ones(factor, start):
    W = np.where(np.random.default_rng(0).random((9, 4)) < 0.5, 2.0, 0.0)
    one, other = in_sparse_chunks(W, (4, 5)), da.from_array(factor * W, chunks=(3, 2))
    assert Objective(Fidelity(one), x0=other, layers=1).problem.start == start
    if factor == 1.0:
        assert Objective(Fidelity(other), x0=one, layers=1).problem.start == start


def test_an_objective_of_dask_arrays_is_neither_pickled_nor_copied():
    J = Objective(Fidelity(ARRAY), layers=1)
    for carry in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="an Objective of dask arrays lies on the workers, and is neither pickled"):
            carry(J)
    learned = fit(J, epochs=2)
    assert pickle.loads(pickle.dumps(learned)).theta == learned.theta


ARRAY = da.from_array(np.eye(4), chunks=(2, 2))
REFUSED = {
    "complex": (lambda: Fidelity(ARRAY * 1j), ValueError, "W: Complex data not supported"),
    "text": (lambda: Fidelity(ARRAY.astype(str)), TypeError, "W must be numeric, got a dask array of dtype <U32"),
    "a vector": (lambda: Fidelity(ARRAY[0]), ValueError, r"W: Expected 2D array, got 1D array"),
    "nothing": (lambda: Fidelity(ARRAY[:0]), ValueError, r"W: Found array with 0 sample"),
    "unknown sizes": (
        lambda: Fidelity(ARRAY[ARRAY[:, 0] > 0]),
        ValueError,
        r"W .* call W.compute_chunk_sizes\(\) first",
    ),
    "D": (lambda: LeastSquares(ARRAY, ARRAY), TypeError, r"D \(dask's Array\) is computed only when asked"),
    "rows": (lambda: LeastSquares(np.eye(3), ARRAY), ValueError, "D has 3 rows"),
    "target": (
        lambda: Objective(LeastSquares(np.eye(4), ARRAY), layers=1),
        ValueError,
        "target is required for LeastSquares",
    ),
    "its shape": (lambda: Objective(Fidelity(ARRAY), np.eye(3), layers=1), ValueError, r"target has shape \(3, 3\)"),
    "x0": (lambda: Objective(Fidelity(ARRAY), x0=np.eye(3), layers=1), ValueError, r"x0 has shape \(3, 3\)"),
    "sparse": (
        lambda: Objective(Fidelity(ARRAY), sp.eye_array(4), layers=1),
        TypeError,
        "target is sparse and in memory",
    ),
    "a subclass": (
        lambda: Objective(type("Own", (Fidelity,), {})(ARRAY), layers=1),
        TypeError,
        "f is a Own that holds a",
    ),
    "timeout": (
        lambda: Objective(Fidelity(ARRAY), layers=1, timeout=0),
        ValueError,
        "timeout must be a positive number",
    ),
    "client": (
        lambda: Objective(Fidelity(ARRAY), layers=1, client="here"),
        TypeError,
        "client must be a distributed.Client, got str",
    ),
    "no use": (
        lambda: Objective(Fidelity(np.eye(2)), layers=1, client="here"),
        TypeError,
        "client is for an f that holds a dask",
    ),
    "a target alone": (
        lambda: Objective(Fidelity(np.eye(4)), ARRAY, layers=1),
        TypeError,
        r"target \(dask's Array\) is computed",
    ),
    "pieces": (
        lambda: Objective(Fidelity(ARRAY), x0=ARRAY / 2, layers=1, method="pieces"),
        ValueError,
        "needs x0 to be W or zeros",
    ),
    "forward": (
        lambda: forward(Fidelity(ARRAY), THETA, L, 1),
        TypeError,
        r"f holds a dask array, W, .*make f of W.compute\(\)",
    ),
    "solve": (lambda: solve(LeastSquares(np.eye(4), ARRAY), THETA), TypeError, r"f holds a dask array, Y"),
    "differences": (
        lambda: check_gradient(Objective(Fidelity(ARRAY), layers=1), THETA, L),
        TypeError,
        "f holds a dask array",
    ),
    "a check": (lambda: check_smooth_term(Fidelity(ARRAY)), TypeError, "f holds a dask array, W"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_served_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_dask_array_without_its_cluster_is_refused_by_the_name_of_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"W is a dask array, .* pip install 'dsrl_ref\[distributed\]'"):
        Fidelity(ARRAY)


def test_a_network_that_diverges_names_its_layer():
    W = np.ones((6, 4))
    W[-1] = 1e200
    for per_layer in (False, True):
        J, whole = (Objective(Fidelity(each), layers=40, per_layer=per_layer) for each in (da.from_array(W), W))
        with pytest.raises(DivergenceError, match=r"not finite in layer \d+ ") as expected:
            whole((1e12, 1e12, 0, 0), 0.75)
        with pytest.raises(DivergenceError, match=r"not finite in layer \d+ ") as found:
            J((1e12, 1e12, 0, 0), 0.75)
        assert str(found.value).split("(")[0] == str(expected.value).split("(")[0]


def test_scalar_map_and_the_methods_of_f_are_there():
    f = Fidelity(ARRAY)
    assert repr(f) == "Fidelity(W 4×4, dask)"
    assert repr(LeastSquares(np.eye(4), ARRAY)) == "LeastSquares(D 4×4, Y 4×4, dask)"
    assert f.value(np.zeros((4, 4))) == 2.0
    assert np.array_equal(f.gradient(np.zeros((4, 4))).compute(), -np.eye(4))
    J = Objective(f, layers=2)
    assert J.scalar_map(THETA, L)(1.0) == Objective(Fidelity(np.eye(4)), layers=2).scalar_map(THETA, L)(1.0)


def test_whitening_is_that_of_memory():
    D, Y, _, _ = signals(13)
    white, expected = LeastSquares(D, da.from_array(Y, chunks=(2, 90))).whitened(), LeastSquares(D, Y).whitened()
    assert white.Y.compute() == pytest.approx(expected.Y, rel=1e-12)
    assert white.start().compute().shape == (6, 600)


def test_a_target_on_disk_is_to_be_a_dask_array_too(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 64)
    np.save(tmp_path / "t.npy", np.ones((4, 4)))
    with pytest.raises(SizeError, match=r"target would take .* on disk: pass target as a dask array"):
        Objective(Fidelity(ARRAY), tmp_path / "t.npy", layers=1)


@pytest.mark.parametrize(
    ("groups", "chunks", "on_disk"),
    [
        (1, -1, [True]),  # the block is the chunk, and stays where it is
        (1, (5, 300), [False]),  # two chunks are put together
        (3, -1, [False] * 3),  # some columns of a map do not lie together
        (3, (2, 250), [False] * 3),
    ],
)
def test_chunks_that_are_maps_of_a_file_are_read_with_the_same_bits(tmp_path, monkeypatch, groups, chunks, on_disk):
    monkeypatch.setattr(disk, "LARGE", 64)
    monkeypatch.setattr(Here, "groups", groups)
    monkeypatch.setattr("dsrl_ref.engines.columns.BLOCK_ENTRIES", 1800)
    D, Y, X, step = signals(1)
    np.save(tmp_path / "y.npy", Y)
    of_file = da.from_array(np.load(tmp_path / "y.npy", mmap_mode="r"), chunks=chunks)
    spread = Objective(LeastSquares(D, of_file), da.from_array(X, chunks=-1), layers=3, method="columns")
    found = [block.problem.on_disk for group in spread.problem.prepared.states for block in group.blocks]
    assert found == on_disk
    assert same(answers(spread, step), answers(Objective(LeastSquares(D, Y), X, layers=3, method="columns"), step))
