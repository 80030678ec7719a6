"""Folders of files, a view each, and single tables."""

import numpy as np
import pytest
from data_forms import table
from scipy.sparse import csc_array, save_npz

from dsrl_ref.multiview.reading import options_of, read
from dsrl_ref.multiview.reading.content import Options
from dsrl_ref.multiview.reading.folder import read_folder, read_table
from dsrl_ref.multiview.reading.labels import Lines

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
Y = np.arange(12) % 3


@pytest.fixture
def folder(tmp_path):
    for name, view in (("a.csv", A), ("b.csv", B)):
        table(tmp_path / name, view.tolist())
    return tmp_path


def add(folder, name, rows, header=None):
    return table(folder / name, rows, header=header)


def found(path, how=read_folder, **options):
    content = how(path, Options(**options))
    names = lambda entries: [entry.name for entry in entries]  # noqa: E731
    return names(content.views), names(content.labels), content.left_out


def value(content, place=0):
    held = content.labels[place].value
    return held.cells if isinstance(held, Lines) else held.tolist()


@pytest.mark.parametrize("name", ["Y.csv", "labels.csv", "gt.csv", "truth.txt", "train_labels.csv"])
def test_a_file_named_like_labels_is_never_a_view(folder, name):
    add(folder, name, [[int(label)] for label in Y])
    assert found(folder) == (["a.csv", "b.csv"], [name], [])
    assert found(folder, labels="none") == (["a.csv", "b.csv"], [], [f"{name} (named like labels)"])


def test_an_exact_name_comes_before_a_word(folder):
    for name in ("Y.csv", "old_labels.csv"):
        add(folder, name, [[int(label)] for label in Y])
    assert found(folder) == (["a.csv", "b.csv"], ["Y.csv"], ["old_labels.csv (named like labels)"])
    left = ["Y.csv (named like labels)"]
    assert found(folder, labels="old_labels") == (["a.csv", "b.csv"], ["old_labels.csv"], left)
    assert found(folder, views=("old_labels", "a.csv"))[0] == ["old_labels.csv", "a.csv"]


def test_what_is_no_data_is_said_to_be_left_out(folder):
    for name in ("._a.csv", "README.txt", "notes.md", "NOTES.csv"):
        (folder / name).write_bytes(b"\x00\x01 junk, and more")
    (folder / "deep.csv").mkdir()
    assert found(folder) == (["a.csv", "b.csv"], [], ["._a.csv", "NOTES.csv", "README.txt", "deep.csv", "notes.md"])


def test_the_user_chooses_views_and_their_order(folder):
    assert found(folder, views=("b", "a.csv")) == (["b.csv", "a.csv"], [], [])
    assert found(folder, views=("b",)) == (["b.csv"], [], ["a.csv"])
    np.save(folder / "b.npy", B)
    with pytest.raises(ValueError, match=r"has several files called b for --views; it has a\.csv, b\.csv, b\.npy"):
        found(folder, views=("b",))
    with pytest.raises(ValueError, match=r"has no z for --views; it has a\.csv, b\.csv"):
        found(folder, views=("z",))


def test_arrays_in_files_of_their_own_are_views_and_labels(folder):
    np.save(folder / "c.npy", A)
    save_npz(folder / "d.npz", csc_array(B))
    np.save(folder / "y.npy", Y)
    assert found(folder) == (["a.csv", "b.csv", "c.npy", "d.npz"], ["y.npy"], [])
    np.savez(folder / "e.npz", p=A, q=B)
    with pytest.raises(ValueError, match=r"e\.npz has 2 arrays, p 12×3, q 12×2; in a folder a file is one view"):
        found(folder)


def test_a_folder_without_data_says_what_it_has(tmp_path):
    (tmp_path / "x.pdf").touch()
    with pytest.raises(ValueError, match=r"has no views: it has x\.pdf; \.csv, .* are read"):
        found(tmp_path)
    (tmp_path / "x.pdf").unlink()
    with pytest.raises(ValueError, match="has no views: it has no files"):
        found(tmp_path)


def test_columns_named_like_labels_are_labels_not_features(folder):
    add(
        folder,
        "c.csv",
        [[*row, int(label)] for row, label in zip(A.tolist(), Y, strict=True)],
        header=["p", "q", "r", "label"],
    )
    content = read_folder(folder, Options())
    assert content.views[2].shape == (12, 3)
    assert [entry.name for entry in content.labels] == ["c.csv:label"]
    assert value(content) == Y.tolist()
    assert read_folder(folder, Options(labels="none")).views[2].shape == (12, 4)


def test_labels_of_a_column_are_integers_texts_or_missing(tmp_path):
    path = add(tmp_path, "w.csv", [[0.5, 1], [1.5, "NA"], [2.5, 2]], header=["p", "class"])
    assert value(read_table(path, Options())) == [1, None, 2]
    path = add(tmp_path, "v.csv", [[0.5, "x"], [1.5, "y"]], header=["p", "class"])
    assert value(read_table(path, Options())) == ["x", "y"]
    path = add(tmp_path, "u.csv", [[0.5, 2.5], [1.5, 1]], header=["p", "class"])
    assert value(read_table(path, Options())) == [2.5, 1]
    path = add(tmp_path, "t.csv", [[0.5, 2**53], [1.5, 1]], header=["p", "class"])
    assert value(read_table(path, Options())) == [2.0**53, 1]


def test_a_single_table_is_a_view_or_labels(tmp_path):
    path = add(tmp_path, "w.csv", A.tolist())
    assert found(path, read_table) == (["w.csv"], [], [])
    path = add(tmp_path, "y.csv", [[int(label)] for label in Y])
    assert found(path, read_table) == ([], ["y.csv"], [])
    assert found(path, read_table, views=("y",))[0] == ["y.csv"]


def test_a_last_column_of_classes_without_a_name_is_asked_about(folder):
    rows = [[*row, int(label)] for row, label in zip(A.tolist(), Y, strict=True)]
    add(folder, "c.csv", rows)
    with pytest.raises(
        ValueError, match=r"column 4 of c\.csv may be the labels; give --labels c\.csv:4, or --labels none"
    ):
        found(folder)
    assert found(folder, labels="none")[0] == ["a.csv", "b.csv", "c.csv"]
    assert found(folder, labels="c.csv:4")[1] == ["c.csv:4"]
    np.save(folder / "gt.npy", Y)
    assert found(folder, labels="c.csv:4")[1:] == (["c.csv:4"], ["gt.npy"])
    (folder / "gt.npy").unlink()
    add(folder, "Y.csv", [[int(label)] for label in Y])
    assert found(folder)[1] == ["Y.csv"]
    assert found(folder, labels="c.csv:4")[1:] == (["c.csv:4"], ["Y.csv"])
    add(folder, "Y.csv", [[int(label), 0.5] for label in Y])
    assert found(folder, labels="c.csv:4")[1:] == (["c.csv:4"], ["Y.csv"])
    (folder / "Y.csv").unlink()
    add(folder, "c.csv", rows, header=["p", "q", "r", "s"])
    with pytest.raises(ValueError, match=r"column s of c\.csv may be the labels; give --labels s, or --labels none"):
        found(folder)
    assert found(folder, labels="s")[1] == ["c.csv:s"]


@pytest.mark.parametrize(
    ("header", "rows", "options", "labels"),
    [
        (["id", "label"], [["u", 1], ["v", 2]], {}, [1, 2]),
        (["label", "note"], [["c", "x"], ["d", "x"]], {}, ["c", "d"]),
        (["id", "kind"], [["u", "k"], ["v", "k"]], {}, ["k", "k"]),
        (["id", "kind", "sort"], [["u", "k", 1], ["v", "k", 2]], {"labels": "sort"}, [1, 2]),
        (["c0", "c1"], [[1, 0], [0, 1]], {}, [[1, 0], [0, 1]]),
        (["id", "kind"], [["u", "k"], ["v", "k"]], {"labels": "Y.csv"}, ["k", "k"]),
    ],
)
def test_tables_of_labels_have_one_column_for_them_or_are_one_hot(tmp_path, header, rows, options, labels):
    add(tmp_path, "Y.csv", rows, header=header)
    assert value(read_folder(tmp_path, Options(**options))) == labels


def test_several_columns_of_labels_are_refused_with_the_option(tmp_path):
    add(tmp_path, "Y.csv", [["a", "k", 1], ["b", "k", 2]], header=["id", "kind", "sort"])
    with pytest.raises(
        ValueError, match=r"Y\.csv has several columns, kind, sort; one label a line is needed: give --labels"
    ):
        read_folder(tmp_path, Options())
    add(tmp_path, "Y.csv", [["a", 3, 1], ["b", 3, 2]], header=["id", "label", "class"])
    with pytest.raises(ValueError, match=r"several columns, label, class"):
        read_folder(tmp_path, Options())


def test_columns_that_are_not_taken_from_labels_are_said(tmp_path):
    add(tmp_path, "Y.csv", [["c", "x"], ["d", "x"]], header=["label", "note"])
    assert found(tmp_path)[2] == ["column note of Y.csv"]
    add(tmp_path, "Y.csv", [["u", 1], ["v", 2]], header=["id", "label"])
    assert found(tmp_path)[2] == ["column id of Y.csv (index)"]


def test_tables_are_aligned_and_that_is_said(tmp_path):
    add(tmp_path, "a.csv", [["u", 1.5], ["v", 2.5]], header=["id", "p"])
    add(tmp_path, "b.csv", [["v", 20.5], ["u", 10.5]], header=["id", "p"])
    content = read_folder(tmp_path, Options())
    assert content.views[1].value.tolist() == [[10.5], [20.5]]
    assert content.notes == ["aligned by index: a.csv, b.csv; the views have 2 of 2 samples in common"]
    assert content.left_out == ["column id of a.csv (index)", "column id of b.csv (index)"]
    with pytest.raises(ValueError, match=r"a\.csv: line 2, column id: 'u' is no number"):
        read_folder(tmp_path, Options(index="none"))


def test_what_the_samples_are_called_is_kept(tmp_path):
    table(tmp_path / "a.csv", [["q", 1, 2], ["p", 3, 4]], header=["id", "u", "v"])
    table(tmp_path / "b.csv", [["r", 1], ["q", 3]], header=["id", "w"])
    assert read_folder(tmp_path, Options()).names == ["q", "p", "r"]
    assert read_table(tmp_path / "a.csv", Options()).names == ["q", "p"]
    assert read_table(tmp_path / "a.csv", Options(index="none", labels="id")).names is None


def test_tables_without_features_and_options_without_columns_are_refused(tmp_path):
    path = add(tmp_path, "a.csv", [["u", 1], ["v", 2]], header=["id", "label"])
    with pytest.raises(ValueError, match=r"a\.csv has no features: its columns are id, label"):
        read_table(path, Options())
    path = add(tmp_path, "b.csv", [[1.5, 1], [2.5, 2]], header=["p", "q"])
    with pytest.raises(ValueError, match=r"b\.csv has no z for --labels; it has b\.csv"):
        read_table(path, Options(labels="z"))


def test_what_was_read_in_another_way_is_noted(tmp_path):
    (tmp_path / "a.csv").write_text("1,5;2\n2,5;3\n")
    assert read_folder(tmp_path, Options()).notes == ["commas in a.csv are decimal points"]


MEASURED = np.random.default_rng(4).normal(size=(30, 3))
CLASSES = np.arange(30) % 3 + 1
ASKED = "species", "Diagnosis", "outcome", "group", "type", "status", "subtype", "cluster", "response", "grade", "stage"


def headed(path, columns):
    rows = [list(map(float, row)) for row in np.column_stack(list(columns.values()))]
    return table(path, rows, header=list(columns))


@pytest.mark.parametrize("name", ASKED)
def test_a_column_that_may_be_the_labels_by_its_name_is_asked_about(tmp_path, name):
    path = headed(tmp_path / "d.csv", {"a": MEASURED[:, 0], name: CLASSES, "b": np.arange(30), "c": np.arange(30) % 2})
    message = rf"column {name} of d\.csv may be the labels; give --labels {name}, or --labels none"
    with pytest.raises(ValueError, match=message):
        read(path, options_of())
    with pytest.raises(ValueError, match=message):
        read(tmp_path, options_of())
    assert read(path, options_of(labels=name)).labels.tolist() == CLASSES.tolist()
    assert read(path, options_of(labels="none")).views[0].shape == (30, 4)
    (tmp_path / "labels.csv").write_text("\n".join(map(str, np.arange(30) // 10)))
    assert read(tmp_path, options_of()).views[0].shape == (30, 4)


@pytest.mark.parametrize("place", [0, 3])
def test_a_column_that_may_be_the_labels_by_its_place_is_asked_about(tmp_path, place):
    path = headed(tmp_path / "d.csv", dict(zip("abcd", np.insert(MEASURED, place, CLASSES, axis=1).T, strict=True)))
    name = "abcd"[place]
    with pytest.raises(ValueError, match=rf"column {name} of d\.csv may be the labels; give --labels {name}, or"):
        read(path, options_of())
    assert read(path, options_of(labels="none")).views[0].shape == (30, 4)


def test_features_of_whole_numbers_are_read(tmp_path):
    whole = np.arange(90).reshape(30, 3)
    for features in (np.insert(MEASURED, 1, CLASSES, axis=1), np.column_stack([whole, CLASSES])):
        path = headed(tmp_path / "d.csv", dict(zip("abcd", features.T, strict=True)))
        assert read(path, options_of()).summary == "d.csv 30×4, no labels"
    path = headed(tmp_path / "d.csv", {"x": MEASURED[:, 0], "kind": CLASSES, "y": CLASSES})
    assert read(path, options_of()).views[0].shape == (30, 3)
    path = headed(tmp_path / "d.csv", {"response": MEASURED[:, 0], "group": np.arange(30)})
    assert read(path, options_of()).views[0].shape == (30, 2)


def test_labels_that_are_not_there_are_refused_with_the_columns_that_are(folder):
    add(folder, "b.csv", B.tolist(), header=["p", "q"])
    with pytest.raises(ValueError, match=r"has no nope for --labels; it has a\.csv, b\.csv with columns 'p', 'q'$"):
        found(folder, labels="nope")


def test_a_column_of_a_table_of_labels_that_counts_is_no_label(folder):
    add(folder, "Y.csv", [[i, int(label)] for i, label in enumerate(Y)], header=["visit", "kind"])
    content = read_folder(folder, Options())
    assert value(content) == Y.tolist()
    assert "column visit of Y.csv (counts)" in content.left_out
    moved = [[(i + 3) % 12, int(label)] for i, label in enumerate(Y)]
    add(folder, "Y.csv", moved, header=["visit", "kind"])
    with pytest.raises(ValueError, match=r"column visit of Y\.csv has each number from 0 to 11 once: give --index"):
        read_folder(folder, Options())
    add(folder, "Y.csv", [[i, *row] for i, row in enumerate(np.eye(3, dtype=int)[Y].tolist())], header=list("iabc"))
    assert read_folder(folder, Options()).labels[0].value.shape == (12, 3)


def test_columns_have_names_where_a_table_has_a_heading(folder):
    add(folder, "b.csv", [[f"s{i}", *row] for i, row in enumerate(B.tolist())], header=["id", "p", "q"])
    assert [view.columns for view in read_folder(folder, Options()).views] == [None, ("p", "q")]


def test_the_same_numbers_of_samples_in_two_tables_are_asked_about(tmp_path):
    numbers = 7 * np.random.default_rng(1).permutation(12) + 1000
    for header in (None, ["visit", "p", "q"]):
        add(tmp_path, "a.csv", np.column_stack([numbers, A[:, :2]]).tolist(), header=header)
        add(tmp_path, "b.csv", np.column_stack([np.sort(numbers), B]).tolist(), header=header)
        option = "visit" if header else "1"
        message = (
            rf"column {option} of a\.csv and column {option} of b\.csv have the same whole numbers, another one for "
            rf"every sample: give --index {option} if they name the samples, and --index none if they are features"
        )
        with pytest.raises(ValueError, match=message):
            read_folder(tmp_path, Options())
        content = read_folder(tmp_path, Options(index=option))
        assert np.array_equal(content.views[1].value, B[np.argsort(np.argsort(numbers))])
        assert read_folder(tmp_path, Options(index="none")).views[1].shape == (12, 3)
    add(tmp_path, "b.csv", np.column_stack([numbers + 1, B]).tolist(), header=["visit", "p", "q"])
    noted = "has another whole number for every sample; --index visit if it names them"
    assert read_folder(tmp_path, Options()).notes == [f"column visit of {name} {noted}" for name in ("a.csv", "b.csv")]


def test_what_happened_to_the_samples_is_no_view(folder):
    add(folder, "survival.csv", [[int(i), int(i % 2)] for i in range(12)], header=["days", "death"])
    assert found(folder) == (["a.csv", "b.csv"], [], ["survival.csv"])


@pytest.mark.parametrize("name", ["ids", "index", "sample_id"])
def test_a_file_that_names_the_samples_is_no_view(folder, name):
    add(folder, f"{name}.csv", [[f"s{i}"] for i in range(12)])
    assert found(folder) == (["a.csv", "b.csv"], [], [f"{name}.csv (names samples)"])
    (folder / f"{name}.csv").unlink()
    for numbers in (np.arange(12), np.arange(12).reshape(-1, 1)):
        np.save(folder / f"{name}.npy", numbers)
        assert found(folder) == (["a.csv", "b.csv"], [], [f"{name}.npy (names samples)"])
    assert found(folder, views=("a", name))[0] == ["a.csv", f"{name}.npy"]
    for values in (A, np.arange(12).reshape(-1, 1) // 2):  # these are features, whatever they are called
        np.save(folder / f"{name}.npy", values)
        assert f"{name}.npy" in found(folder)[0]
    (folder / f"{name}.npy").unlink()
    save_npz(folder / f"{name}.npz", csc_array(A))
    assert f"{name}.npz" in found(folder)[0]
