"""Data sets: the embedded digits, and files."""

import numpy as np
import pytest
from scipy.io import mmwrite, savemat
from scipy.sparse import csc_array, issparse, save_npz

from dsrl_ref.multiview import DSRLClassifier, complementary_views, incomplete_views, load_dataset
from dsrl_ref.multiview.datasets import load_graph

X0, X1, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 4)), np.array([1, 2, 1])


def test_digits_are_whole():
    views, labels = load_dataset("digits")
    assert [view.shape for view in views] == [(1797, 64), (1797, 40), (1797, 16), (1797, 128)]
    assert (views[0].min(), views[0].max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_derived_views_are_computed_from_the_pixels():
    (pixels, fourier, sums, differences), _ = load_dataset("digits")
    image = pixels[7].reshape(8, 8)
    assert fourier[7] == pytest.approx(np.abs(np.fft.rfft2(image)).ravel())
    assert sums[7].tolist() == [*image.sum(axis=0), *image.sum(axis=1)]
    assert differences[7][8:16].tolist() == ((image[2] - image[0]) / 2).tolist()
    assert pixels[:, None].flags.c_contiguous


@pytest.mark.peer
def test_digits_are_scikit_learns_copy():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed: pip install '.[dev]'")
    theirs = datasets.load_digits()
    views, labels = load_dataset("digits")
    assert np.array_equal(views[0], theirs.data)
    assert np.array_equal(labels, theirs.target)


def cell(*views):
    box = np.empty((1, len(views)), dtype=object)
    for v, view in enumerate(views):
        box[0, v] = view
    return box


def table(path, text):
    path.write_text(text)
    return path.parent


def test_mat_and_npz_files(tmp_path):
    savemat(tmp_path / "d.mat", {"X": cell(X0, X1), "Y": Y.reshape(-1, 1)})
    np.savez(tmp_path / "d.npz", X0=X0, X1=X1, Y=Y)
    for name in ("d.mat", "d.npz"):
        views, labels = load_dataset(tmp_path / name)
        assert [view.tolist() for view in views] == [X0.tolist(), X1.tolist()]
        assert labels.tolist() == [1, 2, 1]


def test_one_view_without_labels(tmp_path):
    np.savez(tmp_path / "d.npz", X=X0)
    savemat(tmp_path / "d.mat", {"X": X0})
    for name in ("d.mat", "d.npz"):
        views, labels = load_dataset(str(tmp_path / name))
        assert ([view.tolist() for view in views], labels) == ([X0.tolist()], None)


def test_views_are_numbered_not_sorted_by_letter(tmp_path):
    np.savez(tmp_path / "d.npz", **{f"X{v}": np.full((2, 1), v) for v in range(12)})
    assert [view[0, 0] for view in load_dataset(tmp_path / "d.npz")[0]] == list(range(12))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Z": X0}, "has no views: key X is missing"),
        ({"X0": X0, "X1": X1[:2]}, r"X1 has 2 samples, X0 has 3; they must agree"),
        ({"X0": X0[:2], "X1": X1}, r"X1 has 3 samples, X0 has 2; they must agree"),
        ({"X0": X0, "X1": X1, "Y": [1, 2]}, "Y has 2 labels for 3 samples"),
        ({"X": X1, "Y": Y[:2]}, "Y has 2 labels for 3 samples"),
        ({"X": X0 * np.array([1, np.nan])}, r"d\.npz: X contains NaN: .*X\[0, 1\] = nan"),
    ],
)
def test_bad_content_is_named(tmp_path, content, message):
    np.savez(tmp_path / "d.npz", **content)
    with pytest.raises(ValueError, match=message):
        load_dataset(tmp_path / "d.npz")


def test_a_mat_without_views_is_named(tmp_path):
    savemat(tmp_path / "d.mat", {"Z": X0})
    with pytest.raises(ValueError, match="key X is missing"):
        load_dataset(tmp_path / "d.mat")


@pytest.mark.parametrize("ending", ["mat", "npz"])
def test_damaged_files_are_bad_data_and_missing_ones_an_os_error(tmp_path, ending):
    (tmp_path / f"d.{ending}").write_bytes(b"nothing of the kind, but long enough to have a header" * 4)
    with pytest.raises(ValueError, match=f"is not a readable .{ending} file"):
        load_dataset(tmp_path / f"d.{ending}")
    with pytest.raises(OSError, match="No such file"):
        load_dataset(tmp_path / f"missing.{ending}")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_mat_file_is_bad_data(tmp_path, share):
    savemat(tmp_path / "whole.mat", {"X": cell(X0, X1), "Y": Y}, do_compression=True)
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"is not a readable \.mat file"):
        load_dataset(tmp_path / "cut.mat")


def test_a_damaged_compressed_mat_file_is_bad_data(tmp_path):
    savemat(tmp_path / "d.mat", {"X": cell(X0, X1), "Y": Y}, do_compression=True)
    content = bytearray((tmp_path / "d.mat").read_bytes())
    content[-20:] = bytes(20)
    (tmp_path / "d.mat").write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"is not a readable \.mat file"):
        load_dataset(tmp_path / "d.mat")


def test_the_fields_of_a_struct_are_views(tmp_path):
    savemat(tmp_path / "d.mat", {"X": {"first": X0, "second": X1}})
    assert [view.tolist() for view in load_dataset(tmp_path / "d.mat")[0]] == [X0.tolist(), X1.tolist()]


def test_names_of_classes_in_a_cell_array(tmp_path):
    names = np.array([["cat"], ["dog"], ["cat"]], dtype=object)
    savemat(tmp_path / "d.mat", {"X": X0, "Y": names})
    assert load_dataset(tmp_path / "d.mat")[1].tolist() == ["cat", "dog", "cat"]


def test_an_npz_called_npy_is_bad_data(tmp_path):
    np.savez(tmp_path / "d.npz", W=X0)
    (tmp_path / "d.npz").rename(tmp_path / "d.npy")
    with pytest.raises(ValueError, match=r"is not a readable \.npy file"):
        load_graph(tmp_path / "d.npy")


def test_a_damaged_sparse_npz_is_bad_data(tmp_path):
    np.savez(tmp_path / "d.npz", indptr=[0, 1], format="csr")
    with pytest.raises(ValueError, match=r"is not a readable sparse \.npz file"):
        load_graph(tmp_path / "d.npz")


@pytest.mark.parametrize("label", ["0.5", "inf"])
def test_labels_that_are_no_classes_are_named_by_line(tmp_path, label):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    (tmp_path / "Y.csv").write_text(f"1\n{label}\n")
    with pytest.raises(ValueError, match=rf"Y\.csv: line 2: '{label}' is no class"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Y.csv", b"1,2\n3,4\n", r"Y\.csv 2×2 can be read neither as one label a sample nor as one-hot"),
        ("a.csv", b"", r"a\.csv has no samples"),
        ("a.csv", b"1,\xe9\n", r"a\.csv is not UTF-8"),
    ],
)
def test_bad_tables_are_named(tmp_path, name, content, message):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_dataset(tmp_path)


def test_marks_of_other_programs_in_tables_are_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf1,2\r\n3,4\r\n\r\n")
    (tmp_path / "y.csv").write_bytes(b"\xef\xbb\xbf7\r\n8\r\n")
    views, labels = load_dataset(tmp_path)
    assert [view.tolist() for view in views] == [[[1, 2], [3, 4]]]
    assert labels.tolist() == [7, 8]


def test_labels_twice_are_refused(tmp_path):
    for name, text in (("a.csv", "1\n2\n3\n"), ("y.csv", "1\n2\n1\n"), ("Y.csv", "1\n2\n2\n")):
        (tmp_path / name).write_text(text)
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell y.csv from Y.csv")
    with pytest.raises(
        ValueError, match=r"has labels twice, and they differ: Y\.csv and y\.csv; give --labels Y\.csv or"
    ):
        load_dataset(tmp_path)


def test_one_view_and_several_are_refused(tmp_path):
    np.savez(tmp_path / "d.npz", X=X0, X0=X0)
    with pytest.raises(ValueError, match=r"has X and X0: which are the views\? Give --views X or --views X0"):
        load_dataset(tmp_path / "d.npz")


def test_sparse_labels_and_empty_cells_of_a_mat(tmp_path):
    savemat(tmp_path / "d.mat", {"X": X0, "Y": csc_array(Y.reshape(-1, 1).astype(float))})
    assert load_dataset(tmp_path / "d.mat")[1].tolist() == [1, 2, 1]
    savemat(tmp_path / "d.mat", {"X": X0, "Y": np.array([["cat"], [""], ["cat"]], dtype=object)})
    assert load_dataset(tmp_path / "d.mat")[1].tolist() == ["cat", None, "cat"]


def test_one_name_is_a_label_not_a_heading(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n")
    (tmp_path / "Y.csv").write_text("cat\n")
    assert load_dataset(tmp_path)[1].tolist() == ["cat"]


def test_an_unknown_kind_of_file_says_what_is_known():
    with pytest.raises(
        ValueError, match=r"views.pdf is neither 'digits' nor a folder nor a file ending in .mat or .npz"
    ):
        load_dataset("views.pdf")


def test_csv_files_are_views_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.csv").write_text("1,2\n3,4\n5,6\n")
    (tmp_path / "a.csv").write_text("height,width,depth\n0,0,1\n0,1,0\n1,0,0\n")
    (tmp_path / "Y.csv").write_text("class\n3\n1\n3\n")
    views, labels = load_dataset(tmp_path)
    assert [view.tolist() for view in views] == [[[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[1, 2], [3, 4], [5, 6]]]
    assert labels.tolist() == [3, 1, 3]
    (tmp_path / "Y.csv").unlink()
    assert load_dataset(tmp_path)[1] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,x\n", r"a.csv: line 2, column 2: 'x' is no number"),
        ("1,2\n3\n", r"a.csv: line 2 has 1 cells, the first has 2"),
        ("1,2\n3,4,5\n", r"a.csv: line 2 has 3 cells, the first has 2"),
        ("1,2\n3,nan\n", r"a\.csv: line 2, column 2 is missing"),
        ("1,x\n3,4\n", r"a.csv: line 1, column 2: 'x' is no number"),
        ("height,2\n3,4\n", r"a.csv: line 1, column 1: 'height' is no number"),
        ("1,2\nx,y\n3,4\n", r"a.csv: line 2, column 1: 'x' is no number"),
        ("h,w\n\n\n1,2\n3,x\n", r"a.csv: line 5, column w: 'x' is no number"),
        ("h,w\n", r"a.csv has no samples"),
    ],
)
def test_bad_csv_is_named_by_line_and_column(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\ncat\n", ["cat", "dog", "cat"]),
        ("class\n3\n1\n3\n", [3, 1, 3]),
        ("class\n3\nx\n", ["class", "3", "x"]),
        ("3.0\n1\n-1\n", [3, 1, -1]),
    ],
)
def test_labels_of_a_folder_are_names_or_whole_numbers(tmp_path, text, labels):
    (tmp_path / "Y.csv").write_text(text)
    views, found = load_dataset(table(tmp_path / "a.csv", "1,2\n3,4\n5,6\n"))
    assert [view.shape for view in views] == [(3, 2)]
    assert found.tolist() == labels


def test_a_file_of_labels_alone_has_no_views(tmp_path):
    np.savez(tmp_path / "d.npz", Y=Y)
    savemat(tmp_path / "d.mat", {"Y": Y})
    for name in ("d.npz", "d.mat"):
        views, labels = load_dataset(tmp_path / name)
        assert (views, labels.tolist()) == ([], [1, 2, 1])


def test_sparse_and_single_views_of_a_mat(tmp_path):
    savemat(tmp_path / "d.mat", {"X": cell(csc_array(X0), X1)})
    sparse, dense = load_dataset(tmp_path / "d.mat")[0]
    assert issparse(sparse)
    assert (sparse.toarray().tolist(), dense.tolist()) == (X0.tolist(), X1.tolist())


def test_keys_that_only_begin_like_views_are_none(tmp_path):
    np.savez(tmp_path / "d.npz", X0=X0, Xlabel=X1, X=np.ones(2))
    assert [view.tolist() for view in load_dataset(tmp_path / "d.npz")[0]] == [X0.tolist()]
    np.savez(tmp_path / "d.npz", X0=X0, Xlabel=X1, x1=X1)
    with pytest.raises(ValueError, match="has X0 and x1: which are the views"):
        load_dataset(tmp_path / "d.npz")


def test_an_empty_folder_has_no_views(tmp_path):
    with pytest.raises(ValueError, match="has no views"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("kind", [".npz", "sparse.npz", ".npy", ".mtx", ".mat"])
def test_graphs_are_as_they_were_in_files_of_every_kind(tmp_path, kind):
    W = np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.1], [0.0, 0.1, 0.0]])
    path = tmp_path / f"graph{kind}"
    writers = {
        ".npz": lambda: np.savez(path, A=W, W=2 * W),
        "sparse.npz": lambda: save_npz(path, csc_array(W)),
        ".npy": lambda: np.save(path, W),
        ".mtx": lambda: mmwrite(path, csc_array(W)),
        ".mat": lambda: savemat(path, {"A": csc_array(W)}),
    }
    writers[kind]()
    found = load_graph(path, "A")
    assert issparse(found) == (kind in ("sparse.npz", ".mtx", ".mat"))
    assert np.array_equal(found.toarray() if issparse(found) else found, W)


def test_a_key_that_a_file_has_not_is_named_beside_those_it_has(tmp_path):
    np.savez(tmp_path / "d.npz", A=X0, B=X1)
    savemat(tmp_path / "d.mat", {"A": X0, "B": X1})
    for name in ("d.npz", "d.mat"):
        with pytest.raises(ValueError, match=rf"{name} has no key W; it has A, B$"):
            load_graph(tmp_path / name)
    with pytest.raises(ValueError, match=r"graph.txt is not a file ending in .mat or .npz or .npy or .mtx"):
        load_graph(tmp_path / "graph.txt")


@pytest.mark.parametrize(("classes", "views"), [(4, 3), (3, 4)])
def test_complementary_views_coincide_in_two_classes_each(classes, views):
    found, labels = complementary_views(1000 * classes, classes, views, random_state=0)
    for v, view in enumerate(found):
        means = np.array([view[labels == c].mean(axis=0) for c in range(classes)])
        gaps = {(a, b): np.linalg.norm(means[a] - means[b]) for a in range(classes) for b in range(a)}
        same = {v % classes, (v + 1) % classes}
        assert set(min(gaps, key=gaps.get)) == same
        assert sorted(gaps.values())[0] < 0.3 < 2 < sorted(gaps.values())[1]
        deviations = np.sqrt(np.mean([view[labels == c].var(axis=0) for c in range(classes)]))
        assert deviations == pytest.approx(1, abs=0.02)
    assert np.bincount(labels).tolist() == [1000] * classes
    assert (np.diff(labels) == 0).mean() == pytest.approx(1 / classes, abs=0.05)  # in random order
    again, _ = complementary_views(1000 * classes, classes, views, random_state=0)
    assert np.array_equal(again[2], found[2])
    assert not np.array_equal(complementary_views(1000 * classes, classes, views, random_state=1)[0][2], found[2])


def test_means_of_complementary_views_have_their_deviation():
    views, labels = complementary_views(4000, 400, 2, random_state=0)
    spread = np.std([views[0][labels == c].mean(axis=0) for c in range(400)])
    assert spread == pytest.approx(np.sqrt(1.5**2 + 1 / 10), rel=0.03)  # ten samples a class


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((3, 4, 3), "n_samples must be at least 4, got 3"),
        ((9, 2, 3), "n_classes must be at least 3, got 2"),
        ((9, 3, 1), "n_views must be at least 2, got 1"),
    ],
)
def test_sizes_of_complementary_views_that_leave_none_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        complementary_views(*sizes)


def test_what_was_read_is_said_on_stderr_where_asked(tmp_path, capsys, monkeypatch):
    np.savez(tmp_path / "d.npz", X0=X0, X1=X1, W=np.eye(3), Y=Y)
    load_dataset(tmp_path / "d.npz")
    assert capsys.readouterr() == ("", "")
    load_dataset(tmp_path / "d.npz", verbose=True)
    line = f"{tmp_path / 'd.npz'}: X0 3×2, X1 3×4, labels 2 classes from Y; left out: W 3×3\n"
    assert capsys.readouterr() == ("", line)
    load_dataset("digits", verbose=True)
    assert capsys.readouterr().err == (
        "digits: pixels 1797×64, fourier 1797×40, sums 1797×16, differences 1797×128, labels 10 classes\n"
    )
    monkeypatch.setattr("sys.stderr", None)
    assert len(load_dataset(tmp_path / "d.npz", verbose=True)[0]) == 2
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_reader(tmp_path):
    np.savez(tmp_path / "d.npz", data=X1, X=X0.T, gt=[1, 2], Y=Y)
    with pytest.raises(ValueError, match="which are the views"):
        load_dataset(tmp_path / "d.npz")
    views, labels = load_dataset(tmp_path / "d.npz", views=["X"], labels="Y")
    assert (views[0].tolist(), labels.tolist()) == (X0.tolist(), Y.tolist())
    views, labels = load_dataset(tmp_path / "d.npz", views="data", labels="none", transpose=True)
    assert (views[0].shape, labels) == ((4, 3), None)
    table(tmp_path / "t.csv", "p,q\n1.5,3\n2.5,1\n")
    assert load_dataset(tmp_path / "t.csv", index=2)[0][0].tolist() == [[1.5], [2.5]]
    with pytest.raises(TypeError, match="transpose must be True, False or None"):
        load_dataset("digits", transpose="yes")


def seen_of(views):
    """Which samples (rows) each view (columns) has; a row is NaN as a whole or not at all."""
    gaps = [np.isnan(view.toarray() if issparse(view) else view) for view in views]
    assert all((gap.all(axis=1) == gap.any(axis=1)).all() for gap in gaps)
    return ~np.stack([gap.all(axis=1) for gap in gaps], axis=1)


@pytest.mark.parametrize(("count", "missing"), [(3, 0.0), (3, 0.21), (3, 0.5), (3, 2 / 3), (2, 0.5), (1, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_each_view_loses_as_many_samples_and_every_sample_stays_in_one(count, missing, seed):
    views = [view[:90] for view in complementary_views(random_state=5)[0][:count]]
    holed = incomplete_views(views, missing, random_state=seed)
    seen = seen_of(holed)
    assert (seen.sum(axis=0) == 90 - round(90 * missing)).all()
    assert seen.any(axis=1).all()
    for view, found, kept in zip(views, holed, seen.T, strict=True):
        assert np.array_equal(view[kept], found[kept])
        assert found is not view


def test_which_samples_are_lost_is_random_and_decided_by_the_seed():
    views = complementary_views(random_state=5)[0]
    first, again, other = (seen_of(incomplete_views(views, 0.5, random_state=seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert 250 < np.count_nonzero(first != other) < 650  # of 900: half of them by chance
    patterns = first @ [4, 2, 1]
    assert np.bincount(patterns, minlength=8)[1:].min() > 15  # every set of views but none


def test_each_view_loses_samples_of_its_own():
    seen = seen_of(incomplete_views([np.eye(300)] * 3, 0.3, random_state=0))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 15 < np.count_nonzero(~seen[:, one] & ~seen[:, other]) < 40  # 27, where views know nothing of each other
    assert seen[:90].sum() < 250


def test_a_sample_goes_back_into_any_view_in_the_place_of_any():
    """About seven of sixty do: no place is likelier than another to have few views."""
    seen = np.mean([seen_of(incomplete_views([np.eye(60)] * 3, 0.5, random_state=seed)) for seed in range(60)], axis=0)
    assert np.abs(seen.reshape(6, 10, 3).mean(axis=1) - 0.5).max() < 0.08


def test_samples_are_taken_out_of_sparse_views_and_the_callers_stay_whole():
    dense = np.where(np.arange(40).reshape(10, 4) % 3, 0.0, np.arange(40).reshape(10, 4))
    views = [csc_array(dense), dense + 1]
    holed = incomplete_views(views, 0.3, random_state=0)
    kept = seen_of(holed)[:, 0]
    found = holed[0].toarray() if issparse(holed[0]) else holed[0]
    assert np.array_equal(found[kept], dense[kept])
    assert np.count_nonzero(kept) == 7
    assert np.array_equal(views[0].toarray(), dense)
    assert np.isfinite(views[1]).all()


@pytest.mark.parametrize(
    ("views", "missing", "message"),
    [
        (
            [X1, X1],
            0.7,
            "missing must be a share of the samples, got 0.7: every sample stays in one of 2 views, which ",
        ),
        ([X1], 0.4, r"got 0\.4: every sample stays in one of 1 views, which leaves at most 0 to be missing"),
        ([X1, X1, X1], -0.5, r"got -0\.5: .* at most 0\.667 to be missing"),
        ([X1, X1, X1], 1.2, r"got 1\.2"),
        ([], 0.1, "views is empty"),
        ([X1, X1[:2]], 0.1, r"views\[1\] has 2 samples"),
    ],
)
def test_more_than_can_be_missing_is_refused(views, missing, message):
    with pytest.raises(ValueError, match=message):
        incomplete_views(views, missing)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.uint64])
def test_labels_that_are_integers_have_one_type_whatever_the_file_has(kind, tmp_path):
    given = np.array([0, 1, 2, 1, 0, 2], dtype=kind)
    savemat(tmp_path / "d.mat", {"X": np.arange(24.0).reshape(6, 4), "Y": given[:, np.newaxis]})
    np.savez(tmp_path / "d.npz", X=np.arange(24.0).reshape(6, 4), Y=given)
    for name in ("d.mat", "d.npz"):
        labels = load_dataset(tmp_path / name)[1]
        assert labels.dtype == np.int64
        assert labels.tolist() == given.tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.uint64])
def test_what_minus_one_becomes_without_a_sign_is_left_to_be_refused(kind, tmp_path):
    np.savez(
        tmp_path / "d.npz", X=np.arange(24.0).reshape(6, 4), Y=np.array([0, 1, 0, 1, 0, np.iinfo(kind).max], dtype=kind)
    )
    assert load_dataset(tmp_path / "d.npz")[1].dtype == kind


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("d.npz", {"index": "id"}, "--index is a column of tables, and .*d.npz has none: leave it out"),
        ("d.mat", {"index": 1}, "--index is a column of tables, and .*d.mat has none: leave it out"),
        ("digits", {"index": "id"}, "--index is a column of tables, and digits has none: leave it out"),
        ("digits", {"views": "pixels"}, "--views is for files, and digits are known as they are: leave it out"),
        ("digits", {"labels": "none"}, "--labels is for files, and digits"),
        ("digits", {"transpose": False}, "--transpose is for files, and digits"),
        ("t.csv", {"views": "a"}, "--views chooses among several, and .*t.csv is one table, a view: leave it out"),
        ("d.npz", {"views": "X,X"}, "--views names X twice, and a view counts once"),
    ],
)
def test_options_that_would_not_be_looked_at_are_refused(name, options, message, tmp_path):
    X, Y = np.arange(24.0).reshape(6, 4), np.array([0, 1, 2, 0, 1, 2])
    savemat(tmp_path / "d.mat", {"X": X, "Y": Y})
    np.savez(tmp_path / "d.npz", X=X, Y=Y)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    with pytest.raises(ValueError, match=message):
        load_dataset(name if name == "digits" else tmp_path / name, **options)


def test_options_that_say_what_is_so_are_taken(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    assert load_dataset(tmp_path / "t.csv", views="t.csv")[0][0].shape == (3, 2)
    assert load_dataset("digits", views="none", index="none")[1].shape == (1797,)


def test_views_know_what_their_file_calls_them_and_a_model_keeps_it(tmp_path):
    views, labels = complementary_views(40, 3, 2, random_state=0)
    for name, view in zip(("text", "image"), views, strict=True):
        rows = [",".join(["id", *(f"{name}{j}" for j in range(10))])]
        rows += [",".join([f"s{i}", *map(str, row)]) for i, row in enumerate(view)]
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    (tmp_path / "labels.csv").write_text("\n".join(map(str, labels)))
    found, classes = load_dataset(tmp_path)
    assert found.names == ("image", "text")
    assert found.samples == [f"s{i}" for i in range(40)]
    model = DSRLClassifier(n_neighbors=4).fit(found, np.where(np.arange(40) < 12, classes, -1))
    assert model.view_names_.tolist() == ["image", "text"]
    assert model.feature_names_in_.tolist() == [f"{name}{j}" for name in ("image", "text") for j in range(10)]
    other = {"text": found[1][:5], "image": found[0][:5]}
    assert np.array_equal(model.predict_proba(other), model.predict_proba([view[:5] for view in found]))
    digits, _ = load_dataset("digits")
    assert (digits.names, digits.samples) == (("pixels", "fourier", "sums", "differences"), None)
