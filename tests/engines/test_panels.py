"""DᵀD, DᵀY, panels and lists: what is formed of them, some rows or columns at a time."""

import sys
import tracemalloc
from fractions import Fraction
from operator import mul

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, matrices
from wide import JIT, data

from dsrl_ref.engines import panels


@pytest.mark.parametrize("rows", [7, 64])
def test_DtD_and_DtY_are_formed_some_rows_at_a_time(monkeypatch, rows):
    """Which shows in their last bits: it is always the same number of rows, whoever adds."""
    f, _, _ = data(k=100 if JIT else 20)
    monkeypatch.setattr(panels, "CHUNK", rows)
    monkeypatch.setattr(panels, "LISTED", 3000)
    found = [panels.products(D, f.Y, threads) for D in (f.D, sp.csr_array(f.D)) for threads in (1, 3)]
    G, C = found[0]
    assert all(a.tobytes() == G.tobytes() and b.tobytes() == C.tobytes() for a, b in found)
    assert G.transpose(0, 2, 1).reshape(-1, 150)[:150] == pytest.approx(f.D.T @ f.D, rel=1e-12, abs=1e-12)
    assert C.transpose(0, 2, 1).reshape(-1, 11)[:150] == pytest.approx(f.D.T @ f.Y, rel=1e-12, abs=1e-12)
    assert not G.transpose(0, 2, 1).reshape(-1, 150)[150:].any()


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@examples(60)
@given(rows=matrices(3, 4, st.floats(-1, 1)), exponent=st.integers(500, 514))
def test_a_square_of_D_that_overflows_is_foretold(kind, rows, exponent):
    """By fractions; where it is within rounding of what overflows, either may be said."""
    D = np.array(rows) * 2.0**exponent
    columns = [[Fraction(entry) for entry in column] for column in D.T.tolist()]
    largest = max(abs(sum(map(mul, one, other))) for one in columns for other in columns)
    foretold = panels.gram_overflows(kind(D))
    assert foretold or largest <= sys.float_info.max
    assert not foretold or largest >= Fraction(sys.float_info.max) / 4
    assert not panels.gram_overflows(kind(np.full((1, 1000), 2.0**508)))  # whose rows are longer than its columns


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
def test_panels_have_the_rows_of_a_matrix_and_zeros(n):
    A = np.random.default_rng(n).normal(size=(n, 3))
    cut = panels.panels_of(A)
    assert cut.shape == (panels.panels(n), 3, panels.WIDTH)
    whole = cut.transpose(0, 2, 1).reshape(-1, 3)
    assert np.array_equal(whole[:n], A)
    assert not whole[n:].any()


@pytest.mark.parametrize("listed", [1, 20, 2**20])
def test_lists_have_what_is_not_zero_by_columns(monkeypatch, listed):
    monkeypatch.setattr(panels, "LISTED", listed)
    rng = np.random.default_rng(1)
    A = rng.normal(size=(6, 9)) * (rng.random((6, 9)) < 0.4)
    dense, sparse = panels.lists_of(A), panels.lists_of(sp.csc_array(A))
    for ours in (dense, sparse):
        assert ours.rows.dtype == np.uint32
        for q in range(9):
            one = ours.of(q, q + 1)
            assert one.rows.tolist() == np.flatnonzero(A[:, q]).tolist()
            assert one.values.tolist() == A[one.rows, q].tolist()
            assert one.start.tolist() == [0, len(one.rows)]
        some = ours.of(2, 7)
        assert some.start.tolist() == np.append(0, np.cumsum(np.count_nonzero(A[:, 2:7], axis=0))).tolist()


@pytest.mark.parametrize("n", [1, 8, 9, 64, 65, 513])
def test_groups_have_the_largest_size_of_8_rows(n):
    A = np.random.default_rng(n).normal(size=(n, 3))
    largest = panels.largest_of_groups(panels.panels_of(A)).transpose(0, 2, 1).reshape(-1, 3)
    expected = [[max(abs(x) for x in A[row : row + 8, q]) for q in range(3)] for row in range(0, n, 8)]
    assert largest[: len(expected)].tolist() == expected
    assert not largest[len(expected) :].any()


def test_a_number_that_is_none_is_the_largest_of_its_group():
    A = np.ones((20, 2))
    A[9, 1] = np.nan
    largest = panels.largest_of_groups(panels.panels_of(A))[0]
    assert np.isnan(largest[1, 1])
    assert np.count_nonzero(np.isnan(largest)) == 1


@pytest.mark.parametrize("shape", [(1, 1, 64), (3, 7, 64), (1, 1023, 64)])
def test_what_takes_less_than_a_large_page_takes_no_more(shape):
    """Pages are filled with zeros whole, however little of them is used: five arrays of a small problem took 20 MiB."""
    tracemalloc.start()
    made = panels.in_large_pages(*shape)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.shape == shape
    assert not made.any()
    assert taken < made.nbytes + 2**12


@pytest.mark.parametrize("shape", [(1, 1024, 64), (3, 700, 64), (1, 5000, 64)])
def test_what_is_in_large_pages_begins_where_one_does_and_is_zeros(shape):
    made = panels.in_large_pages(*shape)
    assert made.shape == shape
    assert made.flags.c_contiguous
    assert made.ctypes.data % 2**21 == 0
    assert not made.any()


def test_little_takes_no_large_page():
    made = panels.in_large_pages(1, 1023, 64)
    assert made.base is None
    assert not made.any()
