"""Columns with few entries: what bounds leave out lies on the dead zone, to the last bit, wherever the knots are."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
from wide import JIT, answer_bits, plain_python_warns, prepared, prepared_layers

from dsrl_ref import LeastSquares, Theta
from dsrl_ref.engines import panels, support
from dsrl_ref.engines.kernels import support_sparse
from dsrl_ref.errors import DivergenceError

SIZES = [40, 64, 130, 200, 513, 600] if JIT else [40, 130]


def sparse_problem(seed, scale=1.0, sizes=SIZES):
    """Signals with no, one or few entries, beside some that are full; knots from 0 to above all of Z."""
    rng = np.random.default_rng(seed)
    n, m, k = int(rng.choice(sizes)), int(rng.integers(1, 14)), int(rng.integers(2, 40))
    entries = rng.choice([0, 1, 2, n // 20, n], m, p=[0.2, 0.3, 0.3, 0.1, 0.1])
    X = rng.normal(size=(n, m)) * (rng.random((n, m)).argsort(axis=0) < entries)
    D = rng.normal(size=(k, n)) / np.sqrt(k)
    f = LeastSquares(D * scale, (D @ X + rng.choice([0.0, 0.01]) * rng.normal(size=(k, m))) * scale)
    L = 1.05 * f.lipschitz() * rng.choice([0.6, 1.0, 4.0])
    Z = np.abs(f.D.T @ f.Y) / L
    b1 = rng.choice([0.0, *np.quantile(Z, [0.5, 0.9, 0.97, 0.99]), 2 * Z.max()])
    theta = Theta(rng.uniform(0.3, 1), rng.uniform(0.3, 1), b1, b1 + rng.choice([0.0, 0.3]) * Z.max())
    x0 = rng.choice([0.0, 0.0, 0.5, 1.0]) * X + rng.choice([0, 0, 0, 1e-3]) * rng.normal(size=(n, 1))
    return f, x0, X, int(rng.integers(1, 6)), theta, L


@contextlib.contextmanager
def whole_columns():
    """Let no column be taken to have few entries: all are formed by the kernels of full ones."""

    def forward(*arguments):
        arguments[12][:] = True
        return 0

    def backward(*arguments):
        arguments[8][:] = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support_sparse, "forward_layer", forward)
        patch.setattr(support_sparse, "backward_product", backward)
        yield


@contextlib.contextmanager
def watched():
    """Collect how many columns each layer takes to have few entries, and see that the line of one is left as zeros."""
    seen, forward, backward = [], support_sparse.forward_layer, support_sparse.backward_product

    def forward_and_look(*arguments):
        count = forward(*arguments)
        assert not arguments[10][0].any()
        seen.append(np.count_nonzero(~arguments[12]))
        return count

    def backward_and_look(*arguments):
        backward(*arguments)
        assert not arguments[7].any()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support_sparse, "forward_layer", forward_and_look)
        patch.setattr(support_sparse, "backward_product", backward_and_look)
        yield seen


def bits_of_both(ours, *at):
    """The bits of an evaluation and of the Gauss-Newton matrix, with few entries and as whole columns."""
    with watched() as seen:
        found = answer_bits(ours.loss_and_gradient(*at)) + answer_bits(ours.gauss_newton(*at))
    with whole_columns():
        return found, answer_bits(ours.loss_and_gradient(*at)) + answer_bits(ours.gauss_newton(*at)), sum(seen)


def test_columns_with_few_entries_have_the_bits_of_whole_ones(repeats):
    sparse = 0
    for seed in range(repeats(100 if JIT else 6, 3000)):
        *problem, theta, L = sparse_problem(seed)
        found, expected, few = bits_of_both(prepared(*problem), theta, L)
        assert found == expected
        sparse += few
    assert sparse >= 100 if JIT else sparse > 0


def test_so_they_have_where_every_layer_has_its_own_knots_and_steps(repeats):
    for seed in range(repeats(60 if JIT else 4, 1000)):
        *problem, layers, theta, L = sparse_problem(seed)
        rng = np.random.default_rng(seed)
        own = [Theta(theta.w1, theta.w2, theta.b1 * c, theta.b2 * c) for c in rng.choice([0.1, 1.0, 3.0], layers)]
        found, expected, _ = bits_of_both(
            prepared_layers(*problem, layers), tuple(own), L * rng.uniform(0.8, 3.0, layers)
        )
        assert found == expected


@plain_python_warns
@pytest.mark.parametrize("scale", [1e-140, 1e-70, 1e70, 1e140])
def test_so_they_have_at_any_scale(scale, repeats):
    for seed in range(repeats(30 if JIT else 2, 300)):
        *problem, theta, L = sparse_problem(seed, scale)
        found, expected, _ = bits_of_both(prepared(*problem), theta, L)
        assert found == expected


def test_so_they_have_with_more_groups_than_a_panel_of_them_holds(repeats):
    for seed in range(repeats(12 if JIT else 1, 100)):
        rng = np.random.default_rng(seed)
        n, m, k = (1100 if JIT else 530), 6, 60
        D, X = rng.normal(size=(k, n)) / np.sqrt(k), np.zeros((n, m))
        X[rng.choice(n, m), range(m)] = X[rng.choice(range(512, n), m), range(m)] = 3.0
        f = LeastSquares(D, D @ X)
        L = f.lipschitz()
        b1 = np.quantile(np.abs(f.D.T @ f.Y) / L, 0.98)
        found, expected, few = bits_of_both(prepared(f, 0 * X, X, 3), Theta(0.9, 0.8, b1, 2 * b1), L)
        assert found == expected
        assert few > 0


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_an_entry_on_the_knot_is_formed_and_one_beside_it_is_told_apart(layers, repeats):
    """The knot of the last layer is the size of an entry of its Z, as the engine rounds it, or a number next to it."""
    on_the_knot = 0
    for seed in range(repeats(12 if JIT else 1, 200)):
        f, x0, X, _, theta, L = sparse_problem(seed)
        for q in range(min(3, X.shape[1])):
            ours = prepared_layers(LeastSquares(f.D, f.Y[:, [q]]), x0[:, [q]], X[:, [q]], layers)
            sizes = np.unique(np.abs(last_layer(ours, theta, L, layers).z))
            for z in sizes[[len(sizes) // 2, -1]]:
                for b1 in (z, np.nextafter(z, 0), np.nextafter(z, np.inf)):
                    last = Theta(theta.w1, theta.w2, b1, b1 + theta.b2)
                    at = (theta,) * (layers - 1) + (last,), np.full(layers, L)
                    found, expected, _ = bits_of_both(ours, *at)
                    assert found == expected
                    on_the_knot += ours.ties(*at) > 0
    assert on_the_knot > 10 if JIT else on_the_knot > 0


def last_layer(ours, theta, L, layers):
    """What the engine lists of the last layer, whose dead zone is taken to be empty."""
    block = support.Block(ours, [(theta, L)] * (layers - 1) + [(Theta(1, 1, 0, 0), L)], 0, 1, np.zeros((1, 6)), [])
    return list(block._forward())[-1]


def test_what_rounding_adds_to_a_gradient_is_in_its_bound(repeats):
    """A small entry moves so little that no bound sees it, and tips the rounding of a sum with a large one."""
    tipped = 0
    for seed in range(repeats(150 if JIT else 4, 1000)):
        rng = np.random.default_rng(seed)
        f = LeastSquares(rng.normal(size=(70, 72)), rng.normal(size=(70, 1)))
        x0 = np.zeros((72, 1))
        x0[:2, 0] = 1.0, 2.0**27
        step, ours = 1e-19, prepared_layers(f, x0, x0 + 1.0, 2)
        first = last_layer(ours, Theta(1, 1, 0, 0), 1 / step, 1)
        theta = Theta(1.0, 1.0, 2 * step * np.abs(first.g[2:]).max(), 1.0)
        second = last_layer(ours, theta, 1 / step, 2)
        grown = np.abs(second.g) - np.abs(first.g)
        for row in 8 + np.flatnonzero((grown[8:] > 0) & (second.z[8:] > 0)):
            at = (theta, Theta(1.0, 1.0, second.z[row], 1.0)), np.full(2, 1 / step)
            if np.abs(second.z[8:]).max() == second.z[row] or tipped < 3:
                found, expected, _ = bits_of_both(ours, *at)
                assert found == expected
                tipped += 1
    assert tipped > 0


def exact_gradient(ours, lists, q):
    """GX - C of a column in rationals, for the G, X and C that float64 has."""
    own, C = lists.of(q, q + 1), ours.C[:, q].ravel()
    total = [-Fraction(c) for c in C.tolist()]
    for row, x in zip(own.rows, own.values.tolist(), strict=True):
        for r, g in enumerate(ours.G[:, row].ravel().tolist()):
            total[r] += Fraction(g) * Fraction(x)
    return total


def test_a_bound_is_never_below_the_exact_gradient(repeats):
    """Of every layer, and every group of 8 rows; entries come, go and change their sign on the way."""
    looked = 0
    for seed in range(repeats(40 if JIT else 6, 300)):
        f, x0, X, _, theta, L = sparse_problem(seed, sizes=[64, 72, 130])
        ours, m, layers = prepared(f, x0, X, 4), min(3, X.shape[1]), [(theta, L / c) for c in (1, 2, 3, 4)]
        block = support.Block(ours, layers, 0, m, np.zeros((m, 6)), [])
        before = block.X
        for _ in block._forward():
            for q in np.flatnonzero(~block.whole):
                sizes = [abs(g) for g in exact_gradient(ours, before, q)]
                least = Fraction(1 + 2.0**-50 * len(x0))
                groups = [max(sizes[row : row + 8]) for row in range(0, len(sizes), 8)]
                found = [Fraction(b) * least for b in block.bounds[0, q, : len(groups)].tolist()]
                assert all(bound >= size for bound, size in zip(found, groups, strict=True))
                looked += 1
            before = block.X
    assert looked > 10 if JIT else looked > 0


def test_a_column_that_was_whole_once_stays_whole():
    """Nothing is known of its gradient: X_(0) has entries everywhere, X_(1) one, and bounds begin at Y = 0."""
    rng = np.random.default_rng(0)
    f, x0 = LeastSquares(rng.normal(size=(20, 64)), np.zeros((20, 2))), 1e-6 * rng.normal(size=(64, 2))
    x0[5] = 100.0
    at = (Theta(1, 1, 1e-3, 1.0), Theta(1, 1, 0.01, 1.0)), f.lipschitz() * np.array([1e6, 50.0])
    ours = prepared_layers(f, x0, x0, 2)
    found, expected, _ = bits_of_both(ours, *at)
    assert found == expected
    with whole_columns():
        assert last_layer_of(ours, at) > 10


def last_layer_of(ours, at):
    """How many entries of the last layer are listed."""
    block = support.Block(ours, list(zip(*at, strict=True)), 0, 1, np.zeros((1, 11)), [])
    return len(list(block._forward())[-1].rows)


def test_few_columns_beside_full_ones_that_share_passes():
    """Of four columns with much in common any may have few entries: the first of them, too."""
    rng = np.random.default_rng(0)
    D = rng.normal(size=(60, 64)) / np.sqrt(60)
    for place in range(8):
        X = 100.0 * rng.normal(size=(64, 8))
        X[:, place], X[3, place] = 0.0, 8.0
        f, x0 = LeastSquares(D, D @ X), X * (np.arange(8) != place)
        at = Theta(1.0, 1.0, 1.0, 2.0), f.lipschitz()
        found, expected, few = bits_of_both(prepared(f, x0, 0.5 * X, 3), *at)
        assert found == expected
        assert few > 0


@plain_python_warns
@pytest.mark.parametrize(("Y", "entry"), [([1e200, 0.0], 0.0), ([1e200, -1e200], 0.0), ([0.0, 0.0], 1e10)])
def test_what_overflows_is_formed_and_refused(monkeypatch, Y, entry):
    """DᵀY or GX, which may be no number at all, in one group of a column with few entries."""
    monkeypatch.setattr(panels, "CHUNK", 1)
    D, x0 = np.zeros((2, 64)), np.zeros((64, 1))
    D[:, 10], x0[10] = 1e150, entry
    ours = prepared(LeastSquares(D, np.reshape(Y, (2, 1))), x0, x0, 2)
    with pytest.raises(DivergenceError, match=r"not finite in layer 1 \(1 entries\)"):
        ours.loss_and_gradient(Theta(1, 1, 1e300, 1e300), 1.0)


@pytest.mark.skipif(not JIT, reason="sums that are rounded twice overflow for other data")
@pytest.mark.parametrize("seed", [1701, 1855, 2154])
def test_a_sum_that_overflows_by_its_rounding_alone_is_formed_and_refused(seed):
    """GX and C are as large as float64 goes, and their difference is small, but GX overflows in row 256 of layer 2.

    The listed rows, whose entries of G are smaller by an ulp or two, stay finite. One draw of a thousand is such a
    problem: the kernel of whole columns judges that these are.
    """
    rng, largest = np.random.default_rng(seed), np.finfo(float).max
    entries, a, ulps = rng.integers(3, 16), 2.0**300 * rng.uniform(1, 2), 2.0**-52 * rng.integers(0, 3, 4)
    D, x0 = np.zeros((1, 512)), np.zeros((512, 1))
    D[0, :entries], D[0, 256] = a, a * (1 + ulps[0])
    x = rng.uniform(0.5, 1, entries)
    x0[:entries, 0] = x * (largest / (a * a) / x.sum() * (1 - ulps[1]))
    f, w = LeastSquares(D, [[largest / D[0, 256] * (1 - ulps[2])]]), 1 + ulps[3]
    ours, at = prepared_layers(f, x0, x0, 2), ((Theta(w, w, 1, 2), Theta(1, 1, 1, 2)), np.full(2, 2.0**1000))
    message = r"not finite in layer 2 \(1 entries\)"
    with whole_columns(), pytest.raises(DivergenceError, match=message):
        ours.loss_and_gradient(*at)
    with pytest.raises(DivergenceError, match=message):
        ours.loss_and_gradient(*at)


def test_the_smallest_knots_leave_nothing_out():
    """Where step·∇f underflows, it may be rounded up to the knot itself."""
    f, x0 = LeastSquares(np.full((1, 64), 2.0), [[-2e-16]]), np.zeros((64, 1))
    at = Theta(1.0, 1.0, 5e-324, 1.0), 1e308
    ours = prepared(f, x0, x0 + 1.0, 1)
    assert ours.ties(*at) == 64
    found, expected, _ = bits_of_both(ours, *at)
    assert found == expected
