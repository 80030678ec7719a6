"""Leading eigenvectors span what a dense solver finds, where eigenvalues are many, near to one another, or the same."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, linalg
from strategies import examples

from dsrl_ref import memory
from dsrl_ref.errors import SizeError
from dsrl_ref.multiview import eigen
from dsrl_ref.multiview.eigen import Scaled, Search, top_eigenvectors
from dsrl_ref.progress import Progress


def normalised(W):
    return Scaled(csr_array(W), np.asarray(W).sum(axis=1) ** -0.5)


def ring(groups, size, link):
    """Equal cliques in a ring: all eigenvalues but the first, and the last of an even ring, are twofold."""
    W = np.kron(np.eye(groups), np.ones((size, size)) - np.eye(size))
    for group in range(groups):
        i, j = group * size, (group + 1) % groups * size + 1
        W[i, j] = W[j, i] = link
    return W


def groups_at_random(sizes, between, seed):
    """Groups that are joined at random, and at random to one another; the more between them, the smaller the gap."""
    codes, rng = np.repeat(np.arange(len(sizes)), sizes), np.random.default_rng(seed)
    odds = np.where(codes[:, np.newaxis] == codes, 0.5, between)
    W = np.triu(rng.random(odds.shape) * (rng.random(odds.shape) < odds), 1)
    np.fill_diagonal(W[:, 1:], 0.3)
    return W + W.T


def angle(found, matrix, count):
    """The sine of the largest angle to the space of the dense solver, and the gap behind it."""
    values, vectors = np.linalg.eigh(matrix.toarray())
    space = vectors[:, -count:]
    return np.linalg.norm(found - space @ (space.T @ found), 2), values[-count] - values[-count - 1]


@examples(25)
@given(
    st.lists(st.integers(4, 16), min_size=3, max_size=6),
    st.sampled_from([0.0, 0.05, 0.3, 0.5]),
    st.integers(2, 7),
    st.integers(0, 10**6),
)
def test_the_space_is_the_right_one_however_small_the_gap(sizes, between, count, seed):
    matrix = normalised(groups_at_random(sizes, between, seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eigen, "DENSE", 0)
        found = top_eigenvectors(matrix, count)
    assert found.T @ found == pytest.approx(np.eye(count), abs=1e-9)
    sine, gap = angle(found, matrix, count)
    assert sine <= eigen.ANGLE + 1e-13 / gap


@pytest.mark.parametrize(("groups", "count"), [(5, 3), (5, 5), (8, 7), (8, 8), (12, 11)])
def test_copies_of_an_eigenvalue_are_all_found(monkeypatch, groups, count):
    monkeypatch.setattr(eigen, "DENSE", 0)
    matrix = normalised(ring(groups, 6, 0.1))
    sine, gap = angle(top_eigenvectors(matrix, count), matrix, count)
    assert gap > 1e-4
    assert sine <= eigen.ANGLE


def test_what_one_start_misses_the_second_look_finds(monkeypatch):
    """The start has nothing of the second eigenvector, which no product with the matrix brings in but by rounding."""
    monkeypatch.setattr(eigen, "DENSE", 0)
    matrix = normalised(
        np.kron(np.eye(2), groups_at_random([9, 8, 9], 0.3, 0)) + 0.01 * np.kron(1 - np.eye(2), np.eye(26))
    )
    values, vectors = np.linalg.eigh(matrix.toarray())
    assert values[-2] - values[-3] > 0.05
    original = Search._iterated

    def blind(self, count, tolerance, known):
        if count == 2:  # the first and the third
            return values[[-3, -1]], vectors[:, [-3, -1]]
        return original(self, count, tolerance, known)

    monkeypatch.setattr(Search, "_iterated", blind)
    assert angle(top_eigenvectors(matrix, 2), matrix, 2)[0] < 1e-8


def test_all_that_one_start_misses_are_found(monkeypatch):
    values = np.array([1.0, 0.95, 0.9, *np.linspace(0.1, 0.85, 60)])
    search, original = Search(diagonal(values), np.zeros((63, 0)), Progress("test")), Search._iterated

    def blind(self, count, tolerance, known):
        return (values[3:6], np.eye(63)[:, 3:6]) if count == 3 else original(self, count, tolerance, known)

    monkeypatch.setattr(Search, "_iterated", blind)
    found, vectors, _ = search.first(3, 1e-12)
    assert sorted(found) == pytest.approx([0.9, 0.95, 1.0])
    assert np.abs(vectors[3:]).max() < 1e-8


def test_the_gap_is_that_beside_known_vectors_and_without_end_where_nothing_else_is():
    values = np.array([1.0, 0.95, 0.9, *np.linspace(0.1, 0.85, 60)])
    known = np.eye(63)[:, :1]
    found, _, gap = Search(diagonal(values), known, Progress("test")).first(2, 1e-12)
    assert sorted(found) == pytest.approx([0.9, 0.95])
    assert gap == pytest.approx(0.05 / 4, rel=0.2)
    assert Search(diagonal(values[:6]), np.eye(6)[:, :3], Progress("test")).first(3, 1e-12)[2] == np.inf


def test_the_iteration_ends_early_where_the_gap_is_large_and_goes_on_where_it_is_small(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 0)
    asked, original = [], Search._iterated

    def listening(self, count, tolerance, known):
        asked.append((count, tolerance))
        return original(self, count, tolerance, known)

    monkeypatch.setattr(Search, "_iterated", listening)
    top_eigenvectors(normalised(ring(4, 12, 0.1)), 4)
    assert asked == [(4, eigen.TOLERANCE), (1, eigen.LOOK)]
    asked.clear()
    monkeypatch.setattr(eigen, "ANGLE", 1e-30)
    top_eigenvectors(normalised(ring(4, 12, 0.1)), 4)
    assert asked == [(4, eigen.TOLERANCE), (1, eigen.LOOK), (4, 0.0), (1, eigen.LOOK)]


def diagonal(values):
    """A matrix whose eigenvalues are known: no sample is joined to another."""
    return Scaled(csr_array(np.diag(values)), np.ones(len(values)))


@pytest.mark.parametrize(
    ("next_one", "ends"), [(0.8, True), (0.9 - 1e-2, True), (0.9 - 1e-4, False), (0.9 - 1e-8, False)]
)
def test_the_smaller_the_gap_the_smaller_the_residual_must_be(monkeypatch, next_one, ends):
    monkeypatch.setattr(eigen, "DENSE", 0)
    asked, original = [], Search._iterated

    def listening(self, count, tolerance, known):
        asked.append((count, tolerance))
        values, vectors = original(self, count, max(tolerance, 1e-12), known)
        return values, vectors + 1e-9 * (count == 2)  # a residual that is small

    monkeypatch.setattr(Search, "_iterated", listening)
    top_eigenvectors(diagonal([1.0, 0.9, next_one, *np.linspace(0.1, 0.5, 40)]), 2)
    assert ((2, 0.0) in asked) != ends


@pytest.mark.parametrize("tolerance", [1e-3, 1e-12])
def test_of_the_gap_behind_the_last_value_a_quarter_is_counted_on(tolerance):
    values = np.array([1.0, 0.95, 0.9, *np.linspace(0.1, 0.85, 60)])
    found, _, gap = Search(diagonal(values), np.zeros((63, 0)), Progress("test")).first(3, tolerance)
    assert sorted(found) == pytest.approx([0.9, 0.95, 1.0], abs=2 * tolerance)
    assert gap == pytest.approx(0.05 / 4, rel=0.2)


def test_the_same_graph_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 0)
    matrix = normalised(groups_at_random([20, 15], 0.3, 0))
    assert top_eigenvectors(matrix, 3).tobytes() == top_eigenvectors(matrix, 3).tobytes()


@pytest.mark.parametrize("dense", [0, 200])
def test_blas_has_one_thread_as_more_would_round_in_another_way(monkeypatch, dense):
    monkeypatch.setattr(eigen, "DENSE", dense)
    seen = []

    @contextmanager
    def limit(number):
        seen.append(number)
        yield
        seen.append("end")

    for module, name in ((eigen.np.linalg, "eigh"), (linalg, "eigsh")):
        solve = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _of=solve, **b: seen.append("solved") or _of(*a, **b))
    monkeypatch.setattr(eigen, "blas_threads", limit)
    top_eigenvectors(normalised(ring(3, 4, 0.1)), 2)
    assert (seen[0], seen[1], seen[-1]) == (1, "solved", "end")
    assert seen.count("end") == 1


def test_an_iteration_that_does_not_end_says_what_to_do(monkeypatch):
    def failing(*_, **__):
        raise linalg.ArpackNoConvergence("no convergence", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr(eigen, "DENSE", 0)
    monkeypatch.setattr(linalg, "eigsh", failing)
    with pytest.raises(ValueError, match=r"no spectral embedding: .* take fewer clusters or more neighbours"):
        top_eigenvectors(normalised(ring(3, 4, 0.1)), 2)


def test_a_tie_at_the_end_has_no_gap():
    search = Search(diagonal([1.0, 0.9, 0.9, *np.linspace(0.1, 0.8, 30)]), np.zeros((33, 0)), Progress("test"))
    found, _, gap = search.first(2, 1e-12)
    assert found.min() == pytest.approx(0.9, abs=1e-9)
    assert gap == pytest.approx(0, abs=1e-9)


def test_known_eigenvectors_are_left_out(monkeypatch):
    W = np.kron(np.eye(3), np.ones((9, 9)) - np.eye(9)) + np.diag(np.linspace(0, 1, 27))
    matrix = normalised(W)
    known = csr_array(np.kron(np.eye(3), np.ones((9, 1))) * np.sqrt(W.sum(axis=1))[:, np.newaxis])
    known = csr_array(known / np.sqrt(known.multiply(known).sum(axis=0)))
    for dense in (0, 200):
        monkeypatch.setattr(eigen, "DENSE", dense)
        found = top_eigenvectors(matrix, 2, known)
        assert np.abs(known.T @ found).max() < 1e-9
        expected = np.sort(np.linalg.eigvalsh(matrix.toarray()))[::-1][3:5]
        assert np.diag(found.T @ matrix.toarray() @ found) == pytest.approx(expected, abs=1e-9)


def test_all_eigenvectors_may_be_asked_for(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 0)
    matrix = normalised(ring(3, 2, 0.1))
    found = top_eigenvectors(matrix, 6)
    expected = np.sort(np.linalg.eigvalsh(matrix.toarray()))[::-1]
    assert np.diag(found.T @ matrix.toarray() @ found) == pytest.approx(expected, abs=1e-12)


def test_known_eigenvectors_are_left_out_where_all_eigenvalues_are_0():
    nothing = Scaled(csr_array(np.ones((4, 4))), np.zeros(4))
    assert np.abs(top_eigenvectors(nothing, 3, csr_array(np.eye(4)[:, 3:]))[3]).max() < 1e-12


def test_the_scaled_graph_is_what_it_says():
    rng = np.random.default_rng(0)
    W = groups_at_random([5, 4], 0.3, 1)
    factors = rng.random(9)
    matrix, dense = Scaled(csr_array(W), factors), factors[:, np.newaxis] * W * factors
    assert matrix.toarray() == pytest.approx(dense, rel=1e-15)
    for x in (rng.normal(size=9), rng.normal(size=(9, 3))):
        assert matrix @ x == pytest.approx(dense @ x, rel=1e-13)
    assert np.abs(np.linalg.eigvalsh(dense)).max() <= matrix.size
    large = Scaled(csr_array(W), 10 * factors)
    assert np.abs(np.linalg.eigvalsh(100 * dense)).max() <= large.size <= 100 * dense.sum(axis=1).max() * (1 + 1e-12)


def test_nothing_asked_and_no_edges_are_0():
    assert top_eigenvectors(normalised(ring(3, 3, 0.1)), 0).shape == (9, 0)
    assert not top_eigenvectors(Scaled(csr_array((4, 4)), np.ones(4)), 2).any()


def test_so_many_clusters_that_their_vectors_do_not_fit_are_refused(monkeypatch):
    matrix = normalised(ring(10, 6, 0.1))
    dense, iterated = eigen.DENSE_COPIES * 8 * 60 * 60, 8 * 60 * 6 * 28
    for count, size in ((29, dense), (28, iterated)):
        monkeypatch.setattr(memory, "free_memory", lambda size=size: size)
        assert top_eigenvectors(matrix, count).shape == (60, count)
        monkeypatch.setattr(memory, "free_memory", lambda size=size: size - 1)
        message = f"n_clusters: {count} eigenvectors of 60 samples.* GiB of memory.*; take fewer clusters"
        with pytest.raises(SizeError, match=message):
            top_eigenvectors(matrix, count)


def test_products_are_told_now_and_then(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 0)
    told = []
    monkeypatch.setattr(Progress, "tell", lambda self, text, share=None: told.append((self.what, text, share)))
    top_eigenvectors(normalised(groups_at_random([30, 30], 0.4, 0)), 4)
    expected = [f"{eigen.TOLD * (k + 1)} products with the graph" for k in range(len(told))]
    assert len(told) > 1
    assert told == [("eigenvectors", text, None) for text in expected]
