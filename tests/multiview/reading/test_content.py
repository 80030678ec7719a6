"""Entries by the names that a user gives."""

import numpy as np
import pytest

from dsrl_ref.multiview.reading.content import select, stem, without
from dsrl_ref.multiview.reading.entries import Entry

ENTRIES = [
    Entry(name, (name,), np.ones((2, 2))) for name in ("X{1}", "X{2}", "X2", "s.fea", "s.gnd", "a.csv", "a.csv:label")
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("X", ["X{1}", "X{2}"]),
        ("X{2}", ["X{2}"]),
        ("X2", ["X2"]),
        ("s", ["s.fea", "s.gnd"]),
        ("a", ["a.csv"]),
        ("a.csv", ["a.csv"]),
        ("a.csv:label", ["a.csv:label"]),
    ],
)
def test_a_name_means_an_array_or_all_cells_and_fields_of_it(name, found):
    assert [entry.name for entry in select(ENTRIES, name, "--views", "d.mat")] == found


def test_a_name_that_is_none_is_refused_with_the_option():
    with pytest.raises(ValueError, match=r"d\.mat has no Z for --views"):
        select(ENTRIES, "Z", "--views", "d.mat")


def test_only_files_have_endings():
    assert [stem(name) for name in ("a.csv", "X{1}.b", "X", "s(1).x", "a.csv:y")] == [
        "a",
        "X{1}.b",
        "X",
        "s(1).x",
        "a.csv:y",
    ]


def test_entries_are_told_apart_by_what_they_are_not_by_what_they_hold():
    assert without(ENTRIES, ENTRIES[1:]) == ENTRIES[:1]
    assert without(ENTRIES, []) == ENTRIES
