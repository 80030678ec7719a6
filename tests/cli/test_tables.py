"""Files of what was found: by their suffix a line a sample, or arrays."""

import csv
from pathlib import Path

import numpy as np
import pytest

from dsrl_ref.cli import tables

CLASSES = np.array(["a,b", "ü", 'c"'], dtype=object)
SPREAD = np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
REACHED = np.array([True, True, False])
COLUMNS = tables.of_classes(CLASSES, SPREAD, REACHED)


def test_a_sample_has_its_likeliest_class_and_one_that_no_label_reaches_has_none():
    assert COLUMNS == {
        "sample": [0, 1, 2],
        "class": ["ü", "a,b", None],
        "probability": [0.5, 1.0, 1 / 3],
        "reached": [True, True, False],
    }
    assert tables.of_clusters(np.array([2, 0])) == {"sample": [0, 1], "cluster": [2, 0]}


def test_samples_have_their_names_where_they_have_any():
    names = [f"s{i}" for i in range(3)]
    assert tables.of_classes(CLASSES, SPREAD, REACHED, names) == {**COLUMNS, "sample": names}
    assert tables.of_clusters(np.array([2, 0]), [7, 3.5]) == {"sample": [7, "3.5"], "cluster": [2, 0]}
    assert tables.named(None) == {}
    assert tables.named([5, 3])["sample"].tolist() == [5, 3]
    assert tables.named(names)["sample"].tolist() == names


def test_a_table_has_a_line_for_each_sample():
    text = f'sample,class,probability,reached\n0,ü,0.5,true\n1,"a,b",1.0,true\n2,,{1 / 3!r},false\n'
    assert tables.as_text(COLUMNS) == text
    assert tables.as_text(tables.of_clusters(np.array([2, 0]))) == "sample,cluster\n0,2\n1,0\n"


@pytest.mark.parametrize("name", ["x.csv", "x.CSV"])
def test_csv_is_what_every_reader_of_tables_reads(tmp_path, name):
    tables.write(tmp_path / name, COLUMNS, {})
    with (tmp_path / name).open(encoding="utf-8", newline="") as stream:
        read = list(csv.reader(stream))
    assert read[0] == list(COLUMNS)
    assert [row[1] for row in read[1:]] == ["ü", "a,b", ""]
    assert [float(row[2]) for row in read[1:]] == COLUMNS["probability"]
    assert b"\r" not in (tmp_path / name).read_bytes()


def test_npz_is_arrays_without_pickles(tmp_path):
    tables.write(tmp_path / "x.npz", COLUMNS, {"labels": CLASSES, "probability": SPREAD})
    with np.load(tmp_path / "x.npz") as found:
        assert list(found) == ["labels", "probability"]
        assert found["labels"].tolist() == CLASSES.tolist()
        assert np.array_equal(found["probability"], SPREAD)


def test_the_suffix_says_how_and_another_is_refused():
    for name in ("x.csv", "x.npz", "x.NPZ"):
        tables.require_suffix(Path(name))
    tables.require_suffix(None)
    for name in ("x", "x.txt", "csv"):
        with pytest.raises(ValueError, match=rf"{name} ends in neither \.csv nor \.npz"):
            tables.require_suffix(Path(name))
