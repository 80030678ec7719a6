"""What a file holds, an entry an array, whatever it was wrapped in."""

import numpy as np
import pytest
from data_forms import cell
from scipy.sparse import csc_array

from dsrl_ref.multiview.reading.entries import Entry, flatten, listed

A, B = np.ones((4, 2)), np.zeros((4, 3))


def shown(content):
    return [str(entry) for entry in flatten(content)]


def test_cells_are_counted_from_1_down_their_columns():
    square = np.empty((2, 2), dtype=object)
    square[0, 0], square[1, 0], square[0, 1], square[1, 1] = A, B, B.T, A.T
    assert shown({"X": square}) == ["X{1} 4×2", "X{2} 4×3", "X{3} 3×4", "X{4} 2×4"]
    assert shown({"X": cell([cell([A]), cell([B])])}) == ["X{1}{1} 4×2", "X{2}{1} 4×3"]
    assert shown({"X": [A, [B]]}) == ["X{1} 4×2", "X{2}{1} 4×3"]


def test_fields_of_structs_have_their_names():
    record = np.zeros(1, dtype=[("fea", object), ("gnd", object)])
    record[0] = (cell([A, B]), np.arange(4))
    assert shown({"s": record}) == ["s.fea{1} 4×2", "s.fea{2} 4×3", "s.gnd 4"]
    assert [entry.path for entry in flatten({"s": record})] == [("s", "fea"), ("s", "fea"), ("s", "gnd")]
    several = np.zeros(2, dtype=[("data", object)])
    several[0], several[1] = (A,), (B,)
    assert shown({"s": several}) == ["s(1).data 4×2", "s(2).data 4×3"]
    assert shown({"s": {"x": A, "t": {"y": B}}}) == ["s.x 4×2", "s.t.y 4×3"]


def test_numbered_keys_come_by_their_numbers():
    assert shown({"X10": A, "X9": B, "X1": A}) == ["X1 4×2", "X9 4×3", "X10 4×2"]
    assert shown({"b2": A, "Y": B, "b1": A, "a1": A}) == ["b1 4×2", "b2 4×2", "Y 4×3", "a1 4×2"]


def test_cells_of_one_text_or_number_each_are_a_vector():
    texts = flatten({"names": cell([np.array(["cat "]), np.array([], dtype="<U1"), np.array(["dog"])])})
    assert [entry.value.tolist() for entry in texts] == [["cat", "", "dog"]]
    (numbers,) = flatten({"y": cell([np.array([[3]]), np.array([[1]])])})
    assert numbers.value.tolist() == [3, 1]
    assert shown({"y": cell([np.array([[3]])])}) == ["y{1} 1×1"]
    assert shown({"y": cell([np.array([[3]]), np.array(["a"])])}) == ["y{1} 1×1", "y{2} 1"]
    assert shown({"y": cell([np.array([[3]]), np.array([[1, 2]])])}) == ["y{1} 1×1", "y{2} 1×2"]
    assert shown({"y": cell([csc_array([[1.0]]), csc_array([[1.0]])])}) == ["y{1} 1×1", "y{2} 1×1"]


def test_nothing_is_lost_that_is_empty_or_cannot_be_opened():
    assert shown({"X": cell([]), "t": object()}) == ["X 0×0", "t (an object of MATLAB or Python)"]
    assert [entry.size for entry in flatten({"X": cell([])})] == [0]


def test_kinds_of_content_are_told_apart():
    kinds = {"f": 1.5, "i": 1, "b": True, "u": np.uint8(3), "c": 1j, "U": "a"}
    entries = {name: Entry(name, (name,), np.array([value])) for name, value in kinds.items()}
    assert [name for name, entry in entries.items() if entry.is_numeric] == ["f", "i", "b", "u"]
    assert [name for name, entry in entries.items() if entry.is_text] == ["U"]
    sparse = Entry("s", ("s",), csc_array((5, 7)))
    assert (sparse.is_numeric, sparse.size, str(sparse)) == (True, 35, "s 5×7")
    assert listed([]) == "nothing"
    assert listed([sparse, sparse]) == "s 5×7, s 5×7"


def test_endless_cells_are_refused():
    box = A
    for _ in range(25):
        box = [box]
    with pytest.raises(ValueError, match=r"lies in more than 20 cells within cells"):
        flatten({"X": box})


def test_records_of_numbers_are_the_rows_of_a_table():
    records = np.array([(1, 0.5), (2, 1.5)], dtype=[("a", int), ("b", float)])
    (entry,) = flatten({"X": records})
    assert (entry.value.tolist(), entry.columns) == ([[1, 0.5], [2, 1.5]], ("a", "b"))
    names = lambda value: [entry.name for entry in flatten({"X": value})]  # noqa: E731
    assert names(records[:1]) == ["X.a", "X.b"]
    assert names(np.array([(1, "u"), (2, "v")], dtype=[("a", int), ("b", "U1")]))[:2] == ["X(1).a", "X(1).b"]
    assert names(np.zeros(2, dtype=[("a", float, (3,))])) == ["X(1).a", "X(2).a"]
    assert names(np.array([[(1, 0.5), (2, 1.5)]], dtype=records.dtype))[0] == "X(1).a"


def test_a_list_of_many_entries_ends():
    entries = [Entry(f"x{place}", (f"x{place}",), np.zeros((2, 3))) for place in range(50)]
    assert listed(entries[:2]) == "x0 2×3, x1 2×3"
    assert listed(entries).endswith("x39 2×3 and 10 more")
    assert listed([]) == "nothing"
