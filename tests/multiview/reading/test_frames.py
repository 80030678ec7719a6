"""Data frames from files, by pyarrow."""

import json
import sys

import numpy as np
import pytest

from dsrl_ref.errors import MissingExtraError
from dsrl_ref.multiview.reading import frames
from dsrl_ref.multiview.reading.frames import read_frame


@pytest.fixture
def pa():
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[io]'")


@pytest.fixture
def write(pa, tmp_path):
    feather, parquet = pytest.importorskip("pyarrow.feather"), pytest.importorskip("pyarrow.parquet")

    def written(ending, columns, index=()):
        table = pa.table(columns)
        if index:
            table = table.replace_schema_metadata({"pandas": json.dumps({"index_columns": list(index)})})
        path = tmp_path / f"a{ending}"
        (parquet.write_table if ending.lower() in (".parquet", ".pq") else feather.write_feather)(table, path)
        return path

    return written


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"a\.parquet needs pyarrow: pip install 'dsrl_ref\[io\]'"):
        read_frame(tmp_path / "a.parquet")


def test_the_index_of_pandas_is_a_column_or_a_range_which_tells_something_where_it_does_not_count():
    def kept(start, stop, step):
        counted = {"kind": "range", "start": start, "stop": stop, "step": step}
        return {b"pandas": json.dumps({"index_columns": ["cell", counted]}).encode()}

    assert frames._index(kept(0, 3, 1), 3) == (("cell",), [])
    assert frames._index({}, 3) == ((), [])
    for place, values in (((2, -1, -1), [2, 1, 0]), ((4, 10, 2), [4, 6, 8])):
        (found,) = frames._index(kept(*place), 3)[1]
        assert (found.name, found.values.tolist()) == ("__index_level_0__", values)
    assert frames._index(kept(0, 5, 1), 3)[1] == []  # of no rows that are there


def test_a_range_that_turns_the_rows_round_is_an_index(write):
    turned = {"kind": "range", "start": 1, "stop": -1, "step": -1}
    table = read_frame(write(".parquet", {"p": [0.5, 1.5]}, index=[turned]))
    found = {column.name: column.values.tolist() for column in table.columns}
    assert found == {"p": [0.5, 1.5], "__index_level_0__": [1, 0]}
    assert table.index == ("__index_level_0__",)


@pytest.mark.parametrize("ending", [".parquet", ".PQ", ".feather", ".arrow"])
def test_columns_are_numbers_or_texts(write, pa, ending):
    columns = {
        "f": np.array([0.5, 1.5], dtype=np.float32),
        "i": pa.array([1, None], pa.int8()),
        "b": [True, False],
        "t": ["a", None],
        "d": pa.array(["x", "y"]).dictionary_encode(),
        "n": pa.array([3, 4]).dictionary_encode(),
    }
    table = read_frame(write(ending, columns, index=["t"]))
    found = {column.name: column.values for column in table.columns}
    assert np.array_equal(found["i"], [1, np.nan], equal_nan=True)
    assert {name: found[name].tolist() for name in "fbtdn"} == {
        **{"f": [0.5, 1.5], "b": [1, 0], "t": ["a", None]},
        **{"d": ["x", "y"], "n": [3, 4]},
    }
    assert (table.has_header, table.index) == (True, ("t",))


def test_integers_that_float64_would_round_stay_whole(write):
    found = read_frame(write(".parquet", {"i": [2**53 + 1, 1], "j": [2**53, 1]}))
    assert [column.values.tolist() for column in found.columns] == [[2**53 + 1, 1], [2.0**53, 1]]
    assert [column.is_numeric for column in found.columns] == [False, True]


def test_other_columns_empty_frames_and_damage_are_refused(write, pa, tmp_path):
    with pytest.raises(ValueError, match=r"a\.parquet: column t is timestamp.*, neither numbers nor texts"):
        read_frame(write(".parquet", {"t": pa.array([0], pa.timestamp("s"))}))
    with pytest.raises(ValueError, match=r"a\.parquet has no samples"):
        read_frame(write(".parquet", {"t": pa.array([], pa.int8())}))
    (tmp_path / "b.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"b\.parquet is not a readable \.parquet file"):
        read_frame(tmp_path / "b.parquet")
    with pytest.raises(OSError, match="No such file"):
        read_frame(tmp_path / "none.parquet")
