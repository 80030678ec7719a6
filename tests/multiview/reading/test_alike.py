"""New samples as a model takes them: views and columns by their names, samples along the axis that its widths leave."""

import csv

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.io import savemat
from strategies import examples

from dsrl_ref.multiview.naming import Expected, Naming
from dsrl_ref.multiview.reading import Options, read
from dsrl_ref.multiview.reading.alike import kept, match, only_count
from dsrl_ref.multiview.reading.entries import Entry

RNG = np.random.default_rng(0)
SIZES = {"image": 3, "sound": 5, "text": 4}
VIEWS = {name: RNG.normal(size=(7, size)) for name, size in SIZES.items()}
COLUMNS = {name: tuple(f"{name[0]}{j}" for j in range(size)) for name, size in SIZES.items()}
MODEL = Expected(Naming(tuple(SIZES), tuple(COLUMNS.values())), tuple(SIZES.values()))
ORDERED = Expected(Naming(("X1", "X2", "X3"), (None,) * 3), tuple(SIZES.values()))


def write(path, values, columns=None):
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([*([columns] if columns else []), *np.asarray(values).tolist()])


def folder_of(place, views=VIEWS, columns=COLUMNS):
    place.mkdir(exist_ok=True)
    for name, view in views.items():
        write(place / f"{name}.csv", view, columns.get(name))
    return place


def met(path, expected=MODEL, **options):
    reading = read(path, Options(expected=expected, **options))
    return reading.views, reading.summary


def assert_met(views, wanted=VIEWS):
    assert len(views) == len(wanted)
    assert all(np.array_equal(view, other) for view, other in zip(views, wanted.values(), strict=True))


@examples(30)
@given(order=st.permutations(list(SIZES)), data=st.data())
def test_views_and_columns_come_into_the_order_of_the_model_from_any_other(order, data, tmp_path_factory):
    """The files of a folder are read in the order of their names, and the model may have another."""
    model = Expected(Naming(tuple(order), tuple(COLUMNS[name] for name in order)), tuple(SIZES[name] for name in order))
    turned = {name: data.draw(st.permutations(range(size))) for name, size in SIZES.items()}
    views = {name: VIEWS[name][:, turned[name]] for name in SIZES}
    columns = {name: [COLUMNS[name][place] for place in turned[name]] for name in SIZES}
    found, said = met(folder_of(tmp_path_factory.mktemp("folder"), views, columns), model)
    assert_met(found, {name: VIEWS[name] for name in order})
    assert (f"views in the model's order, {', '.join(order)}" in said) == (order != sorted(SIZES))
    for name, places in turned.items():
        assert (f"columns of {name}.csv in the model's order" in said) == (places != sorted(places))


def test_what_is_as_the_model_has_it_needs_no_word(tmp_path):
    found, said = met(folder_of(tmp_path))
    assert_met(found)
    assert said == "image.csv 7×3, sound.csv 7×5, text.csv 7×4, no labels"


def test_views_that_are_missing_or_too_many_are_named(tmp_path):
    folder_of(tmp_path, {"image": VIEWS["image"], "sound": VIEWS["sound"]})
    with pytest.raises(ValueError, match=r"has not the views of the model: 'text' is missing\. Call them"):
        met(tmp_path)
    folder_of(tmp_path, {"text": VIEWS["text"], "more": VIEWS["text"]})
    with pytest.raises(ValueError, match=r"'more' is not known.*or give --views with 3 names, which are then"):
        met(tmp_path)
    assert_met(met(tmp_path, views=("text", "image", "sound"))[0])


def test_the_user_says_which_views_of_other_names_are_which(tmp_path):
    folder_of(tmp_path, {"b": VIEWS["image"], "a": VIEWS["sound"], "text": VIEWS["text"]}, {})
    with pytest.raises(ValueError, match="'image', 'sound' are missing; 'a', 'b' are not known"):
        met(tmp_path)
    found, said = met(tmp_path, views=("b", "a", "text"))
    assert_met(found)
    assert "views by their order: b, a, text for the model's image, sound, text" in said


def test_columns_that_are_missing_or_too_many_are_named(tmp_path):
    folder_of(tmp_path)
    write(tmp_path / "text.csv", VIEWS["text"][:, :3], COLUMNS["text"][:3])
    with pytest.raises(ValueError, match=r"text\.csv has not the columns that the model saw: 't3' is missing"):
        met(tmp_path)
    write(tmp_path / "text.csv", np.hstack([VIEWS["text"], RNG.normal(size=(7, 1))]), (*COLUMNS["text"], "who"))
    with pytest.raises(ValueError, match=r"'who' is not known; --labels who if that are the labels, --index who if it"):
        met(tmp_path)


def test_names_that_come_twice_are_not_sorted():
    view, seen = np.arange(6.0).reshape(2, 3), Expected(Naming(None, (("a", "a", "b"),)), (3,))
    assert match(view, Entry("x", ("x",), view, ("a", "a", "b")), 0, seen, []) is view
    with pytest.raises(ValueError, match="x has the model's columns in another order, and some names twice"):
        match(view, Entry("x", ("x",), view, ("a", "b", "a")), 0, seen, [])


def test_without_names_the_order_counts_and_that_is_said(tmp_path):
    np.savez(tmp_path / "new.npz", **{f"X{v}": view for v, view in enumerate(VIEWS.values(), 1)})
    found, said = met(tmp_path / "new.npz")
    assert_met(found)
    assert "views by their order: X1, X2, X3 for the model's image, sound, text" in said
    assert said.endswith("; columns by their order, without names")
    nameless = Expected(Naming(None, (None,) * 3), MODEL.sizes)
    assert "views by their order, as the model has no names for them" in met(tmp_path / "new.npz", nameless)[1]
    found, said = met(folder_of(tmp_path / "folder"), ORDERED)
    assert_met(found)
    assert "views by their order: image, sound, text for the model's X1, X2, X3; columns by their order" in said
    write(tmp_path / "folder" / "sound.csv", VIEWS["sound"])
    assert met(tmp_path / "folder")[1].endswith("; columns of sound.csv by their order, without names")


def test_numbers_are_names_where_both_sides_have_them(tmp_path):
    views = dict(zip(("X1", "X3", "X2"), (VIEWS["image"], VIEWS["text"], VIEWS["sound"]), strict=True))
    np.savez(tmp_path / "new.npz", **views)
    assert_met(met(tmp_path / "new.npz", ORDERED)[0])
    np.savez(tmp_path / "few.npz", X1=VIEWS["image"], X3=VIEWS["text"])
    with pytest.raises(ValueError, match="'X2' is missing"):
        met(tmp_path / "few.npz", ORDERED)


def test_widths_are_checked_where_there_are_no_names(tmp_path):
    np.savez(tmp_path / "new.npz", X1=VIEWS["image"], X2=VIEWS["text"], X3=VIEWS["sound"])
    with pytest.raises(ValueError, match=r"X2 has 4 columns, and the model saw 5"):
        met(tmp_path / "new.npz")


def test_the_number_of_views_is_that_of_the_model(tmp_path):
    np.savez(tmp_path / "new.npz", X1=VIEWS["image"], X2=VIEWS["text"])
    with pytest.raises(ValueError, match="has 2 views, and the model is of 3; --views NAME,NAME says which they are"):
        met(tmp_path / "new.npz")
    np.savez(tmp_path / "new.npz", X=VIEWS["image"])
    with pytest.raises(ValueError, match="has 1 view, and the model is of 3"):
        met(tmp_path / "new.npz")


def test_the_name_of_a_single_table_is_none_of_its_view(tmp_path):
    write(tmp_path / "monday.csv", VIEWS["text"], COLUMNS["text"])
    seen = read(tmp_path / "monday.csv", Options())
    assert seen.naming == Naming(None, (COLUMNS["text"],))
    write(tmp_path / "tuesday.csv", VIEWS["text"][:, ::-1], COLUMNS["text"][::-1])
    found, said = met(tmp_path / "tuesday.csv", Expected(seen.naming, (4,)))
    assert_met(found, {"text": VIEWS["text"]})
    assert "views by" not in said
    np.save(tmp_path / "array.npy", VIEWS["text"])
    assert read(tmp_path / "array.npy", Options()).naming == Naming(None, (None,))


@examples(40)
@given(n=st.integers(1, 9), transposed=st.booleans())
def test_the_widths_of_the_model_tell_along_which_axis_few_samples_lie(n, transposed, tmp_path_factory):
    assume(n not in SIZES.values())
    path = tmp_path_factory.mktemp("mat") / "new.mat"
    views = {f"X{v}": RNG.normal(size=(n, size)) for v, size in enumerate(SIZES.values(), 1)}
    savemat(path, {name: view.T if transposed else view for name, view in views.items()})
    assert_met(met(path, ORDERED)[0], views)


def test_what_fits_both_ways_is_asked_about_in_files_that_come_so(tmp_path):
    square = RNG.normal(size=(4, 4))
    savemat(tmp_path / "new.mat", {"X": square})
    np.savez(tmp_path / "new.npz", X=square)
    model = Expected(Naming(None, (None,)), (4,))
    with pytest.raises(ValueError, match="X 4×4 fit the features of the model both ways round; give --transpose yes"):
        met(tmp_path / "new.mat", model)
    for name in ("new.mat", "new.npz"):
        assert np.array_equal(met(tmp_path / name, model, transpose=False)[0][0], square)
        assert np.array_equal(met(tmp_path / name, model, transpose=True)[0][0], square.T)
    assert np.array_equal(met(tmp_path / "new.npz", model)[0][0], square)
    two = {"X1": RNG.normal(size=(4, 4)), "X2": RNG.normal(size=(4, 7))}
    savemat(tmp_path / "new.mat", two)  # one that is no square tells of all
    assert np.array_equal(met(tmp_path / "new.mat", Expected(Naming(None, (None, None)), (4, 7)))[0][0], two["X1"])


def test_names_that_only_count_tell_no_order_of_views_of_one_width(tmp_path):
    views = [RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))]
    np.savez(tmp_path / "new.npz", X1=views[0], X2=views[1])
    model = Expected(Naming(("rna", "atac"), (None, None)), (3, 3))
    with pytest.raises(ValueError, match=r"'rna', 'atac' are missing.*or give --views with 2 names, which are then"):
        met(tmp_path / "new.npz", model)
    found = met(tmp_path / "new.npz", model, views=("X2", "X1"))[0]
    assert np.array_equal(found[0], views[1])
    counted = Expected(Naming(("V1", "V2"), (None, None)), (3, 3))
    assert np.array_equal(met(tmp_path / "new.npz", counted)[0][0], views[0])
    np.savez(tmp_path / "new.npz", X1=views[0], X2=views[1][:, :2])
    assert met(tmp_path / "new.npz", Expected(Naming(("rna", "atac"), (None, None)), (3, 2)))[0][1].shape == (5, 2)


@pytest.mark.parametrize("form", ["csv", "npz"])
def test_what_fit_was_not_given_is_left_out_of_new_samples_too(tmp_path, form):
    """A view and a column that are the labels again, in what was fitted; new samples are too few to tell it."""
    n, labels = 30, np.arange(30) % 3
    views = {"image": RNG.normal(size=(n, 3)), "text": RNG.normal(size=(n, 4))}
    leaks = {"again": np.eye(3)[labels] + 0, "text": np.insert(views["text"], 2, labels + 5.0, axis=1)}
    columns = {"text": ("t0", "t1", "code", "t2", "t3"), "image": COLUMNS["image"], "again": ("a", "b", "c")}
    everything = {"again": leaks["again"], "image": views["image"], "text": leaks["text"]}

    def written(place, part, with_labels):
        place.mkdir()
        given_ = {name: view[part] for name, view in everything.items()}
        if form == "csv":
            folder_of(place, given_, columns)
            if with_labels:
                write(place / "labels.csv", labels[part].reshape(-1, 1))
            return place
        names = dict(zip(given_, ("X1", "X2", "X3"), strict=True))
        arrays = {names[name]: view for name, view in given_.items()}
        np.savez(place / "f.npz", **arrays, **({"Y": labels[part]} if with_labels else {}))
        return place / "f.npz"

    seen = read(written(tmp_path / "seen", slice(25), True), Options())
    assert [view.shape[1] for view in seen.views] == [3, 4]
    model = Expected(seen.naming, (3, 4))
    for with_labels in (False, True):
        found, said = met(written(tmp_path / f"new {with_labels}", slice(25, 30), with_labels), model)
        assert_met(found, {name: view[25:] for name, view in views.items()})
        assert "(not given to the model)" in said
        assert f"columns '{'code' if form == 'csv' else 3}' of" in said


def test_a_feature_that_happens_to_be_the_labels_of_new_samples_stays(tmp_path):
    labels = np.arange(12) % 2
    view = np.column_stack([labels, RNG.normal(size=12), RNG.normal(size=12)])
    np.savez(tmp_path / "new.npz", X=view, Y=labels)
    assert np.array_equal(met(tmp_path / "new.npz", Expected(Naming(("X",), (None,)), (3,)))[0][0], view)
    assert read(tmp_path / "new.npz", Options()).views[0].shape == (12, 2)


def test_a_column_that_the_model_knows_is_not_asked_about(tmp_path):
    columns = ("visit", "group", "z")
    view = np.column_stack([np.arange(1, 13), np.arange(12) % 2, RNG.normal(size=12)])
    write(tmp_path / "new.csv", view, columns)
    model = Expected(Naming(None, (columns,)), (3,))
    assert np.array_equal(met(tmp_path / "new.csv", model)[0][0], view)
    with pytest.raises(ValueError, match="--index visit"):
        read(tmp_path / "new.csv", Options())
    with pytest.raises(ValueError, match="--labels group"):
        read(tmp_path / "new.csv", Options(index="none"))


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["X1", "X2"], True),
        (["X{1}", "X{2}"], True),
        (["view_1", "view_2"], True),
        (["X"], True),
        (["data"], True),
        (["image"], False),
        (["image", "text"], False),
        (["X1", "Z2"], False),
        (["s1", "s2"], True),
    ],
)
def test_names_that_only_count_say_no_more_than_an_order(names, count):
    assert only_count(names) is count


def test_what_is_kept_of_columns_and_what_is_not():
    assert kept(("a", "b", "c"), [1]) == (("a", "c"), ("b",))
    assert kept(None, [1]) == (None, (1,))
