"""Tables with a sample a column, whose heading names the samples."""

import numpy as np
import pytest
from data_forms import table
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.multiview.naming import Expected, Naming
from dsrl_ref.multiview.reading import options_of, read
from dsrl_ref.multiview.reading.align import Indexed
from dsrl_ref.multiview.reading.content import Options
from dsrl_ref.multiview.reading.sideways import turn

RNG = np.random.default_rng(0)
A, B, Y = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 7)), np.arange(12) % 3
S, G, H = ([f"{letter}{i}" for i in range(n)] for letter, n in (("s", 12), ("g", 5), ("h", 7)))
MOVED = RNG.permutation(12)


def write(folder, file, view, features, order=range(12), corner="gene"):
    """Features along rows: the heading names the samples, in some order."""
    rows = [[name, *column[list(order)].tolist()] for name, column in zip(features, view.T, strict=True)]
    header = [corner, *(S[i] for i in order)]
    return table(
        folder / file, rows if corner is not None else [row[1:] for row in rows], header=header[corner is None :]
    )


def labels(folder, order):
    return table(folder / "labels.csv", [[S[i], int(Y[i])] for i in order], header=["sample", "label"])


def require_same(reading):
    order = [S.index(name) for name in reading.names]
    for found, true in zip(reading.views, (A, B), strict=True):
        assert np.array_equal(found, true[order])
    assert reading.labels is None or reading.labels.tolist() == Y[order].tolist()


@examples(20)
@given(st.permutations(range(12)), st.permutations(range(12)), st.permutations(range(12)))
def test_samples_are_aligned_by_the_headings_and_by_the_labels(tmp_path_factory, first, second, third):
    folder = tmp_path_factory.mktemp("set")
    write(folder, "a.csv", A, G, first)
    write(folder, "b.csv", B, H, second)
    require_same(read(folder, options_of()))
    require_same(read(folder, options_of(transpose=True)))
    labels(folder, third)
    reading = read(folder, options_of())
    require_same(reading)
    assert reading.summary.startswith("a.csv 12×5 (transposed), b.csv 12×7 (transposed), labels 3 classes from")
    assert reading.naming.columns == (tuple(G), tuple(H))


def test_tables_without_names_of_rows_are_aligned_too(tmp_path):
    write(tmp_path, "a.csv", A, G, corner=None)
    write(tmp_path, "b.csv", B, H, MOVED, corner=None)
    reading = read(tmp_path, options_of())
    require_same(reading)
    assert reading.naming.columns == (None, None)


def test_the_number_of_labels_turns_a_table_and_its_names_stay_with_it(tmp_path):
    write(tmp_path, "a.csv", A, G)
    write(tmp_path, "b.csv", B, H)
    table(tmp_path / "labels.csv", [[int(label)] for label in Y])
    require_same(read(tmp_path, options_of()))
    write(tmp_path, "b.csv", B, H, MOVED)
    with pytest.raises(ValueError, match=r"the index of a\.csv has an order of its own, and labels\.csv has none"):
        read(tmp_path, options_of())
    by_place = read(tmp_path, options_of(index="1", transpose=True, labels="none"))
    require_same(by_place)


def test_the_user_decides(tmp_path):
    write(tmp_path, "a.csv", A, G, corner=None)
    assert read(tmp_path, options_of(transpose=False)).views[0].shape == (5, 12)
    assert read(tmp_path, options_of(transpose=True, index="none")).names is None
    assert read(tmp_path, options_of(transpose=True)).names == S
    table(tmp_path / "b.csv", B.T.tolist())
    with pytest.raises(ValueError, match=r"a\.csv names its samples in its heading, and b\.csv has none: give it one"):
        read(tmp_path, options_of(transpose=True))


def test_one_set_of_names_along_rows_and_one_along_columns_leaves_the_question_open(tmp_path):
    write(tmp_path, "a.csv", A, G)
    write(tmp_path, "b.csv", A + 1, G)
    with pytest.raises(ValueError, match=r"same names in their headings, 's0', .* in their rows, 'g0'.*--transpose"):
        read(tmp_path, options_of())
    assert read(tmp_path, options_of(transpose=True)).views[1].shape == (12, 5)
    assert read(tmp_path, options_of(transpose=False)).views[1].shape == (5, 12)
    for name in ("a.csv", "b.csv"):  # a column called so is of samples
        write(tmp_path, name, A[:4], G, range(4), corner="patient")
    assert read(tmp_path, options_of()).views[1].shape == (5, 4)


def view(name, n, d, index=None, columns=None):
    return Indexed(name, np.zeros((n, d)), index, True, None if columns is None else tuple(columns))


def turned(views, given=(), **options):
    return sorted(turn(views, list(given), Options(**options), "set")[1])


def test_samples_along_rows_stay_there():
    assert turned([view("a", 12, 5, S, G), view("b", 12, 7, S, H)]) == []
    assert turned([view("a", 12, 5, None, G), view("b", 12, 5, None, G)]) == []
    assert turned([view("a", 12, 5, S, G)]) == []
    assert (
        turned([view("a", 12, 5, S, ["1", "2", "3", "4", "5"]), view("b", 11, 5, S[:11], ["1", "2", "3", "4", "5"])])
        == []
    )
    named = Indexed("y", np.zeros(12), S, True)
    assert turned([view("a", 12, 5, S, G)], [named]) == []
    assert turned([view("a", 12, 12, S, S)], [named]) == []
    assert turned([view("a", 12, 5, None, G)], [Indexed("y", np.zeros(12), None, False)]) == []
    assert turned([view("a", 12, 12, None, S)], [Indexed("y", np.zeros(12), None, False)]) == []
    assert turned([view("a", 5, 12, G, S), view("b", 7, 11, H, None)]) == []


def test_only_the_tables_that_lie_so_are_turned():
    named = Indexed("y", np.zeros(12), S, True)
    assert turned([view("a", 12, 5, S, G), view("b", 7, 12, H, S)], [named]) == ["b"]
    assert turned([view("a", 12, 5, S, G), view("b", 7, 12, H, S)], [Indexed("y", np.zeros(12), None, False)]) == ["b"]
    assert turned([view("a", 5, 12, None, S), view("b", 7, 12, None, S)]) == ["a", "b"]
    assert turned([view("a", 5, 12, G, S), view("b", 7, 12, H, S)]) == ["a", "b"]


def test_a_model_knows_its_features_and_finds_them_along_rows():
    expected = Expected(Naming(("a",), (tuple(G),)), (5,))
    assert turned([view("a", 5, 2, G, S[:2])], expected=expected) == ["a"]
    assert turned([view("a", 2, 5, S[:2], G)], expected=expected) == []
    assert turned([view("a", 5, 5, G, G)], expected=expected) == []
    assert turned([view("a", 2, 5, None, H[:5])], expected=expected) == []


@pytest.mark.parametrize("word", ["sample", "patient", "id", "ID_"])
def test_samples_that_are_numbered_in_a_heading_without_names_of_rows_are_all_read(tmp_path, word):
    header = [f"{word}{i + 1}" for i in range(12)]
    for name, view in (("a.csv", A), ("b.csv", B)):
        table(tmp_path / name, view.T.tolist(), header=header)
    table(tmp_path / "labels.csv", [[int(label)] for label in Y])
    reading = read(tmp_path, options_of())
    assert reading.names == header
    assert all(np.array_equal(found, true) for found, true in zip(reading.views, (A, B), strict=True))
