"""Bits: of every draw the same for any number of workers and any chunks, and those of one process."""

import clusters
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta
from dsrl_ref.distributed import problem
from dsrl_ref.distributed.cluster import Here

da = pytest.importorskip("dask.array", reason="the extra distributed brings dask")

CHUNKS = (-1, -1), (3, 50), (1, 700), (8, (1, 349, 350))
LAYERS = 3


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(problem, "BLOCK", 900)


def drawn(seed):
    """Data over many decades, a Θ and an L a layer; objectives of them by a function that wraps arrays."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(8, 700)) * 10.0 ** rng.integers(-8, 8, size=(8, 700))
    D, X = rng.normal(size=(8, 12)) / 3, rng.normal(size=(12, 700)) * (rng.random((12, 700)) < 0.2)
    Y = D @ X + 1e-3 * rng.normal(size=(8, 700))
    theta = [Theta(*rng.uniform(0.5, 1, 2), *np.sort(10.0 ** rng.uniform(-6, 2, 2))) for _ in range(LAYERS)]
    constants = (rng.uniform(0.8, 2, LAYERS) * max(1.0, np.linalg.norm(D, 2) ** 2)).tolist()

    def objectives(wrap, per_layer):
        options = {"layers": LAYERS, "per_layer": per_layer}
        yield Objective(Fidelity(wrap(W)), method="pieces", **options)
        yield Objective(LeastSquares(D, wrap(Y)), X, method="support", **options)

    def answers(wrap, per_layer):
        """Loss, derivatives and ties in one array, and the matrices."""
        at = (theta, constants) if per_layer else (theta[0], constants[0])
        numbers, matrices = [], []
        for J in objectives(wrap, per_layer):
            loss, gradient, matrix = J.gauss_newton(*at)
            numbers += [loss, *np.ravel(gradient), *J.flat(_in_a_row(*at))[1], J.ties(*at)]
            matrices.append(matrix)
        return np.array(numbers), matrices

    return answers


def _in_a_row(theta, L):
    return np.column_stack([np.reshape(theta, (-1, 4)), np.ravel(L)]).ravel()


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip((one[0], *one[1]), (other[0], *other[1]), strict=True))


def within_rounding(one, other):
    """Whether loss, derivatives and ties are equal, and matrices but for what engines are allowed to round.

    An entry off the diagonal may cancel; it is a sum of products, which the diagonal bounds.
    """
    sizes = [np.sqrt(np.outer(np.diag(matrix), np.diag(matrix))) for matrix in other[1]]
    near = (
        abs(a - b) <= 10 * (LAYERS + 1) * 2.0**-53 * size for a, b, size in zip(one[1], other[1], sizes, strict=True)
    )
    return np.array_equal(one[0], other[0]) and all(each.all() for each in near)


def spread(chunks):
    return lambda array: da.from_array(array, chunks=chunks)


def test_all_chunks_and_groups_have_the_bits_of_one_process(monkeypatch, repeats):
    for seed in range(repeats(3, 100)):
        answers = drawn(seed)
        for per_layer in (False, True):
            found = []
            for groups, chunks in enumerate(CHUNKS, start=1):
                monkeypatch.setattr(Here, "groups", groups)
                found.append(answers(spread(chunks), per_layer))
            assert all(same(found[0], other) for other in found[1:]), (seed, per_layer)
            assert within_rounding(found[0], answers(np.array, per_layer)), (seed, per_layer)


@pytest.mark.nightly
@pytest.mark.children
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_has_the_bits_of_one_group(tmp_path, workers):
    from distributed import Client

    with clusters.cluster(workers, tmp_path) as (_, address), Client(address) as client:
        client.wait_for_workers(workers)
        assert len(clusters.processes(client)) == workers
        for seed in range(100):
            answers, per_layer = drawn(seed), bool(seed % 2)
            found = answers(spread(CHUNKS[(seed + workers) % len(CHUNKS)]), per_layer)
            assert within_rounding(found, answers(np.array, per_layer)), seed
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(problem, "place_of", lambda *_: Here(1))
                assert same(found, answers(spread(CHUNKS[0]), per_layer)), seed
