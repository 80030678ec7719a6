"""Whether the first line of a table is names of its columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.multiview.reading.headings import is_heading, numbers_of

RNG = np.random.default_rng(5)


def rows(first, body):
    return [[str(cell) for cell in row] for row in [first, *body]]


def measured(columns, n=6):
    return RNG.normal(size=(n, columns)).tolist()


def whole(columns, n=6):
    return RNG.integers(0, 9, size=(n, columns)).tolist()


@pytest.mark.parametrize(
    ("first", "body"),
    [
        (["a", "b"], measured(2)),
        ([0, 1], measured(2)),
        (["", 0, 1], [[i, *row] for i, row in enumerate(measured(2))]),
        ([0, 1, 2, 3], whole(4)),
        ([2001, 2002, 2003, 2004], measured(4)),
        ([400, 402, 404, 406, 408], measured(5)),
        ([100.1, 100.2, 100.3, 100.4], measured(4)),
        (list(range(2001, 2009)), whole(8)),
        ([100.1, 101.7, 101.9, 105, 110, 111, 115, 119.5], measured(8)),
        (["id", 7.5, 3.5], [[f"s{i}", *row] for i, row in enumerate(measured(2))]),
        (["", 7.5, 3.5], [[f"s{i}", *row] for i, row in enumerate(measured(2))]),
    ],
)
def test_words_and_numbers_that_go_up_as_no_sample_does_are_a_heading(first, body):
    assert is_heading(rows(first, body))


@pytest.mark.parametrize(
    ("first", "body"),
    [
        ([0.5, 1.5], measured(2)),
        ([1, 2, 3], measured(3)),
        ([1, 2, 3, 4], whole(4)),
        ([1, 2, 4, 8, 16, 32, 64], measured(7)),
        ([9, 8, 7, 6, 5, 4, 3, 2], measured(8)),
        ([1, 3, 2, 4, 5, 6, 7, 8], measured(8)),
        ([0.0, 0.5, 1.0, 1.5], [[0.25, 0.5, 0.75, 1.0], *measured(4)]),  # a straight line is a sample here
        ([1, 2, 4, 7, 8, 9, 10, 11.5], [[0.5, 1, 2, 3, 5, 6, 7, 9], *measured(8)]),  # so is a curve that goes up
        ([3, 3, 3, 3], measured(4)),
        (["s0", 7.5, 3.5], [[f"s{i}", *row] for i, row in enumerate(measured(2), 1)]),
        (["", 7.5, 3.5], [["", *row] for row in measured(2)]),
        ([1, "12x"], measured(2)),
        ([0, 1, 2, 3], []),
        ([0], measured(1)),
        ([3, 1, 4, 1, 5, 9, 2, 6], whole(8)),
        ([0, 1], [[3, 4], ["NA", "NA"], [5, 6]]),
        (["NA", ""], measured(2)),
    ],
)
def test_all_else_is_a_sample(first, body):
    assert not is_heading(rows(first, body))


@examples(60)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 1e3))
def test_no_sample_among_others_of_fractions_is_taken_for_a_heading_but_by_its_steps(columns, seed, unit):
    rng = np.random.default_rng(seed)
    table = (rng.normal(size=(5, columns)) * unit).tolist()
    rising = columns >= 8 and all(np.diff(table[0]) > 0)
    straight = columns >= 4 and np.ptp(np.diff(table[0])) < 1e-6 * unit
    assert is_heading(rows(table[0], table[1:])) <= (rising or straight)


def test_missing_cells_below_numbers_leave_them_a_heading():
    body = measured(4)
    body[1] = ["NA"] * 4
    assert is_heading(rows([10, 20, 30, 40], body))


def test_numbers_of_a_line_are_all_of_it_but_perhaps_its_first_cell():
    assert numbers_of(["1", "2"]) == ["1", "2"]
    assert numbers_of(["id", "2", "3"]) == ["2", "3"]
    assert numbers_of(["1", "b"]) == []
    assert numbers_of(["id", "b", "3"]) == []
