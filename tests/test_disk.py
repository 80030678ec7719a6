"""Matrices on disk: used where they lie, or copied to files that leave nothing behind; what goes wrong is said."""

import errno
import os
import sys
import tempfile
import time
from pathlib import Path

import children
import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, LeastSquares, Objective, Theta, disk, fit, forward, solve
from dsrl_ref.differences import check_gradient
from dsrl_ref.errors import DataFileError, SizeError
from dsrl_ref.progress import reported
from dsrl_ref.threads import in_threads

W = np.random.default_rng(0).normal(size=(7, 30))
THETA = (1.1, 0.5, 0.2, 0.6)


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    """What is large is 512 bytes, and 16 entries are looked at together."""
    monkeypatch.setattr(disk, "LARGE", 512)
    monkeypatch.setattr(disk, "AT_ONCE", 16)


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "w.npy"
    np.save(place, W)
    return place


def mapped(path, **options):
    return np.load(path, mmap_mode="r", **options)


@pytest.mark.parametrize("given", [mapped, Path, str, lambda path: np.asarray(mapped(path))])
def test_a_map_of_float64_in_C_order_is_used_where_it_lies(path, given):
    f = Fidelity(given(path))
    assert type(f.W) is np.ndarray
    assert np.array_equal(f.W, W)
    assert disk.home(f.W).stamp.path == path
    assert disk.home(f.W.ravel()[:100]).folder == path.parent
    assert repr(f) == "Fidelity(W 7×30, on disk)"


@pytest.mark.parametrize("dtype", [np.float32, ">f8", np.int64, np.int8, np.bool_])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7, 30), (70, 3), (1, 210), (210, 1)])
def test_of_all_else_a_copy_in_float64_is(tmp_path, dtype, order, shape):
    data = np.asarray((9 * W).reshape(shape), dtype=dtype, order=order)
    np.save(tmp_path / "w.npy", data)
    f = Fidelity(tmp_path / "w.npy")
    assert f.W.dtype == np.float64
    assert f.W.flags.c_contiguous
    assert np.array_equal(f.W, data)
    assert (disk.home(f.W).stamp is None, disk.home(f.W).folder) == (True, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["w.npy"]


@pytest.mark.parametrize("shape", [(7, 30), (70, 3), (1, 210), (210, 1)])
def test_no_more_is_copied_at_a_time_than_is_looked_at_together(shape):
    matrix = W.reshape(shape)
    portions = list(disk._portions(matrix))
    assert all(part.size <= 16 for _, part in portions)
    assert [start for start, _ in portions] == np.cumsum([0, *(part.size for _, part in portions[:-1])]).tolist()
    assert [x for _, part in portions for x in part.ravel()] == matrix.ravel().tolist()


def test_of_float64_in_another_order_a_copy_is(tmp_path):
    np.save(tmp_path / "w.npy", np.asfortranarray(W))
    f = Fidelity(tmp_path / "w.npy")
    assert f.W.flags.c_contiguous
    assert np.array_equal(f.W, W)
    assert disk.home(f.W).stamp is None


class Blocks:
    def __iter__(self):
        return iter([W[:2], W[2:3].tolist(), W[3:].astype(np.float64)])


class Lazy(Blocks):
    def compute(self):
        return W


@pytest.mark.parametrize("blocks", [Blocks, lambda: (row.reshape(1, -1) for row in W)], ids=["again", "once"])
def test_blocks_are_written_one_after_the_other(blocks, tmp_path):
    f = Fidelity(blocks(), scratch=tmp_path)
    assert np.array_equal(f.W, W)
    assert disk.home(f.W).folder == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert disk.home(Fidelity(blocks()).W).folder == Path(tempfile.gettempdir())


def test_what_is_small_is_read_into_memory(path, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 8 * W.size + 1)
    for given in (path, mapped(path), Blocks()):
        f = Fidelity(given)
        assert disk.home(f.W) is None
        assert np.array_equal(f.W, W)
    for given in (path, mapped(path), Blocks()):  # nobody looks at a file any more
        assert disk._base(Fidelity(given).W, np.memmap) is None
    assert Objective(Fidelity(Blocks()), layers=1).method == "adjoint"


def test_what_is_as_large_as_it_says_is_on_disk(path, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", W.nbytes)
    assert disk.home(Fidelity(path).W) is not None
    monkeypatch.setattr(disk, "LARGE", W.nbytes + 1)
    assert disk.home(Fidelity(path).W) is None


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_map_of_a_file_without_a_name_is_used_too(tmp_path, kind):
    with tempfile.TemporaryFile(dir=tmp_path) as stream:
        stream.write(W.astype(kind).tobytes())
        f = Fidelity(np.memmap(stream, kind, "r+", shape=W.shape))
    assert np.array_equal(f.W, W.astype(kind))
    assert (disk.home(f.W).stamp, disk.home(f.W).folder) == (None, Path(tempfile.gettempdir()))


class Slow:
    """A file that finds its place slowly, and writes only so many bytes at once."""

    def __init__(self, file):
        self.file = file

    def seek(self, place):
        self.file.seek(place)
        time.sleep(1e-3)

    def write(self, left):
        return self.file.write(left[:700])

    def close(self):
        self.file.close()


def test_all_is_written_though_by_several_threads_and_bit_by_bit(tmp_path):
    parts = np.random.default_rng(0).normal(size=(20, 100))
    with disk.Scratch(tmp_path, parts.size, "parts") as file:
        whole, file.file = file.file, Slow(file.file)
        in_threads(lambda part: file.write(parts[part], 100 * part), range(20), 4)
        file.file = whole
        written = file.mapped(parts.shape)
        assert np.array_equal(written, parts)
    assert np.array_equal(written, parts)
    assert not written.flags.writeable


def test_of_no_entries_there_is_an_array_too(tmp_path):
    with disk.Scratch(tmp_path, 0, "W") as file:
        assert file.mapped((0, 3)).shape == (0, 3)


def test_how_far_checking_and_copying_are_is_told(path):
    told = []
    with reported(None, lambda text, share, _: told.append((text, share))):
        Fidelity(path)
        np.save(path, W.astype(np.float32))
        Fidelity(path)
        Fidelity(iter([W[:2], W[2:]]))
    assert told == [
        *((f"checking W: {30 * i + j} of 210 entries", (30 * i + j) / 210) for i in range(7) for j in (0, 16)),
        *((f"copying W: {30 * i + j} entries", (30 * i + j) / 210) for i in range(7) for j in (16, 30)),
        *((f"copying W: {entries} entries", None) for entries in (60, 210)),
    ]


def test_what_is_in_memory_is_referred_to_and_a_mask_stays_one(path):
    sparse = sp.csr_array(W)
    assert disk.in_memory(W, "W") is W
    assert disk.in_memory(sparse, "W") is sparse
    with pytest.raises(ValueError, match=r"W has masked entries, the first at W\[0, 3\]"):
        Fidelity(np.ma.masked_equal(mapped(path), W[0, 3]))


@pytest.mark.parametrize(("place", "value"), [((0, 0), np.nan), ((3, 17), np.inf), ((6, 29), -np.inf)])
@pytest.mark.parametrize("form", [np.float64, np.float32, "blocks"])
def test_the_first_entry_that_is_not_finite_is_named_by_its_place(tmp_path, place, value, form):
    bad = W.copy()
    bad[place] = value
    bad[6, 29] = value
    if form == "blocks":
        given = iter([bad[:2], bad[2:]])
    else:
        np.save(tmp_path / "w.npy", bad.astype(form))
        given = tmp_path / "w.npy"
    what = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=rf"W contains {what}: W\[{place[0]}, {place[1]}\] = {value}; every entry"):
        Fidelity(given)
    assert sorted(each.name for each in tmp_path.iterdir()) == ([] if form == "blocks" else ["w.npy"])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (lambda: iter([]), ValueError, "W has no blocks: an iterable is read once"),
        (lambda: iter([W, W[:, 1:]]), ValueError, "block 1 of W has 29 columns, but those before have 30"),
        (lambda: iter([W, W[0]]), ValueError, "block 1 of W: Expected 2D array"),
        (lambda: iter([W, W * 1j]), ValueError, "block 1 of W: Complex data not supported"),
        (Lazy, TypeError, r"W \(.*'s Lazy\) is computed only when asked: pass W\.compute\(\), if it fits into"),
        (lambda: iter([W, "abc"]), TypeError, "block 1 of W must be numeric, got 'abc'"),
        (lambda: {1.0, 2.0}, TypeError, "W = {1.0, 2.0}"),
        (lambda: "w.txt", TypeError, "W must be numeric, got 'w.txt'"),
        (lambda: Path("w.npz"), DataFileError, "W = w.npz: a matrix on disk is one .npy, as np.save writes it"),
        (lambda: "none.npy", DataFileError, "W = none.npy cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_matrix_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        Fidelity(given())


def test_what_is_no_npy_or_cut_short_is_refused(path):
    whole = path.read_bytes()
    for content in (b"", b"abc", whole[:90], whole[:-8]):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=r"W = .*w\.npy is no \.npy that can be mapped, or is cut short"):
            Fidelity(path)
    np.save(path, np.zeros((2, 2, 20)))
    with pytest.raises(ValueError, match="W: Expected 2D array, got 3D array"):
        Fidelity(path)
    with pytest.raises(DataFileError, match=r"scratch = .*w\.npy is no folder"):
        Fidelity(W, scratch=path)


def test_a_sparse_matrix_whose_entries_are_on_disk_is_refused_with_what_to_pass(path):
    sparse = sp.csr_array(W)
    np.save(path, sparse.data)
    sparse.data = mapped(path)
    with pytest.raises(SizeError, match=r"W is sparse, and its 210 entries .* as W\.data\.reshape\(1, -1\)"):
        Fidelity(sparse)
    assert disk.home(Fidelity(sparse.data.reshape(1, -1)).W) is not None


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="asks for rights")
def test_without_rights_it_says_so(path, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may do everything")
    path.chmod(0)
    with pytest.raises(DataFileError, match=r"W = .* cannot be read: Permission denied"):
        Fidelity(path)
    path.chmod(0o600)
    np.save(path, W.astype(np.float32))
    tmp_path.chmod(0o500)
    with pytest.raises(DataFileError, match=r"no room in .* Permission denied; give scratch=, another folder"):
        Fidelity(path)
    tmp_path.chmod(0o700)


def changes(path, how):
    if how == "cut short":
        with path.open("r+b") as stream:
            stream.truncate(1000)
    else:
        with path.open("r+b") as stream:
            stream.seek(-8, os.SEEK_END)
            stream.write(b"\0" * 8)
        os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("method", ["fused", "disk"])
@pytest.mark.parametrize("how", ["cut short", "written to"])
def test_a_file_that_changes_is_told_by_the_next_evaluation(path, how, method):
    J = Objective(Fidelity(path), layers=2, method=method)
    calls = J, J.gauss_newton, J.ties
    for call in calls:
        call(THETA, 1.5)
    changes(path, how)
    what = "had 1808 bytes and has 1000" if how == "cut short" else "was written to"
    for call in calls:
        with pytest.raises(DataFileError, match=rf"w\.npy has changed since it was read: it {what}; make f and the"):
            call(THETA, 1.5)


@pytest.mark.parametrize("method", ["fused", "disk"])
def test_a_file_that_changes_before_or_while_it_is_sorted_or_read_is_told(path, monkeypatch, method):
    f = Fidelity(path)
    J = Objective(f, layers=2, method="fused")
    begun = disk.Watch.check
    monkeypatch.setattr(disk.Watch, "check", lambda self: (begun(self), os.utime(path, ns=(1, 1))))
    with pytest.raises(DataFileError, match="has changed since it was read"):
        J(THETA, 1.5) if method == "fused" else Objective(f, layers=2, method="disk")


# Who reads behind the end of a file is ended by the system: so a child does it, and prints what it was told. A case is
# an array that a file has, what is made of a map of it, and what is kept of that, as a function that reads it.
CUT_SHORT = """
import os, sys
import numpy as np
from scipy.sparse import coo_array, csr_array
from dsrl_ref import Fidelity, LeastSquares, Objective, disk
from dsrl_ref.errors import DataFileError
from dsrl_ref.multiview.views import as_view

def sparse(data, places):
    found = csr_array(np.ones((1, 30000)))
    found.data, found.indices = data, places
    return found

def evaluated(f, *target, **x0):
    J = Objective(f, *target, layers=1, method="tangent", **x0)
    return lambda: J((1.1, 0.5, 0.2, 0.6), 1.5)

ones, row, places = np.ones((1000, 30)), np.ones(30000), np.arange(30000, dtype=np.int32)
cases = {
    "W": (ones, np.asarray, lambda W: evaluated(Fidelity(W))),
    "rows": (ones, lambda W: W[1:900], lambda W: evaluated(Fidelity(W))),
    "float32": (ones.astype("f4"), np.asarray, lambda W: evaluated(Fidelity(W))),
    "target": (ones, np.asarray, lambda X: evaluated(Fidelity(ones), X)),
    "x0": (ones, np.asarray, lambda X: evaluated(Fidelity(ones), x0=X)),
    "Y": (ones, np.asarray, lambda Y: evaluated(LeastSquares(np.ones((1000, 1)), Y), np.ones((1, 30)))),
}
if len(sys.argv) == 2:  # what is never used where it lies
    cases |= {
        "D": (ones, np.asarray, lambda D: evaluated(LeastSquares(D, ones[:, :1]), np.ones((30, 1)))),
        "view": (ones, np.asarray, lambda view: as_view(view, "view").sum),
        "mask": (ones, np.ma.array, lambda W: evaluated(Fidelity(W))),
        "data": (row, lambda data: sparse(data, places), lambda W: evaluated(Fidelity(W))),
        "indices": (places, lambda places: sparse(row, places), lambda W: evaluated(Fidelity(W))),
        "COO": (row, lambda data: coo_array((data, (0 * places, places))), lambda W: evaluated(Fidelity(W))),
    }
else:
    disk.LARGE = 0
for name, (data, made, kept) in cases.items():
    np.save(sys.argv[1], data)
    given = made(np.load(sys.argv[1], mmap_mode="r"))
    if disk.LARGE:
        read = kept(given)
        expected = read()
        os.truncate(sys.argv[1], 1000)
        assert read() == expected, name
    os.truncate(sys.argv[1], 1000)
    try:
        print(name, kept(given))
    except DataFileError as error:
        print(name, "which had" + str(error).partition("which had")[2])
"""


@pytest.mark.children
@pytest.mark.skipif(sys.platform == "win32", reason="there no file is cut short that is mapped")
@pytest.mark.parametrize("size", [(), ("large",)], ids=["small", "large"])
def test_a_map_whose_file_is_cut_short_is_refused_and_one_that_was_taken_into_memory_goes_on(path, size):
    sizes = {"float32": 120128, "indices": 120128}
    names = ["W", "rows", "float32", "target", "x0", "Y"]
    names += [] if size else ["D", "view", "mask", "data", "indices", "COO"]
    assert children.output("-c", CUT_SHORT, path, *size).splitlines() == [
        f"{name} which had {sizes.get(name, 240128)} bytes when it was mapped and has 1000: it was cut short; write it "
        "anew, and map it again"
        for name in names
    ]


CUT_MEANWHILE = """
import os, sys
import numpy as np
from dsrl_ref import Fidelity, disk
from dsrl_ref.errors import DataFileError

def cut_after(*given):
    check(*given)
    os.truncate(sys.argv[1], 1000)

check, disk._require_finite, disk.LARGE, disk.AT_ONCE = disk._require_finite, cut_after, 512, 16
for kind in np.float64, np.float32:
    np.save(sys.argv[1], np.ones((7000, 30), kind))
    try:
        print(Fidelity(sys.argv[1]))
    except DataFileError as error:
        print(error)
"""


@pytest.mark.children
@pytest.mark.skipif(sys.platform == "win32", reason="there no file is cut short that is mapped")
def test_a_file_that_is_cut_short_while_it_is_checked_or_copied_is_told(path):
    assert children.output("-c", CUT_MEANWHILE, path).splitlines() == [
        f"{path} has changed since it was read: it had {size} bytes and has 1000; make f and the objective anew, once "
        "nobody writes to it"
        for size in (1680128, 840128)
    ]


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_map_of_a_file_that_is_gone_is_used_as_it_is(path, how):
    given = mapped(path)
    path.unlink()
    if how == "replaced":
        np.save(path, np.ones((1, 1)))
    assert np.array_equal(Fidelity(given).W, W)


def test_a_file_that_is_replaced_or_removed_has_not_changed(path):
    J = Objective(Fidelity(path), layers=2, method="fused")
    expected = J(THETA, 1.5)
    np.save(path.with_name("new.npy"), W[::-1] + 1)
    path.with_name("new.npy").replace(path)
    assert J(THETA, 1.5) == expected
    path.unlink()
    assert J(THETA, 1.5) == expected


def test_a_full_disk_is_an_error_of_the_package_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    message = r"no room in .* for 1\.68e-06 GB, for a copy of W, sorted by parts: No space left on device; give scratch"
    with pytest.raises(DataFileError, match=message) as caught:
        Objective(Fidelity(np.ones((7, 30))), layers=1, method="disk")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


# A limit on the size of files stands for a full disk; the folder is looked at when the error is there.
FULL = """
import os, resource, signal, sys
import numpy as np
from dsrl_ref import Fidelity, disk
from dsrl_ref.errors import DataFileError
folder, how = sys.argv[1:]
if how == "by writing":
    del os.posix_fallocate
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
disk.LARGE = 0
np.save(folder + "/w.npy", np.ones((1, 2**13 - 64), np.float32))
try:
    Fidelity(iter([np.ones((1, 2**12))] * 3), scratch=folder) if how == "unknown" else None
    np.load(folder + "/w.npy")
    Fidelity(iter([np.ones((2, 2**12))] * 2), scratch=folder)
except DataFileError as error:
    print(error, os.listdir(folder))
"""


@pytest.mark.children
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize("how", ["unknown", "by writing"])
def test_where_no_more_can_be_written_nothing_is_left(tmp_path, how):
    said = children.output("-c", FULL, tmp_path, how)
    assert said == f"no room in {tmp_path}, for a copy of W: File too large; give scratch=, another folder ['w.npy']\n"


def test_what_holds_data_in_memory_refuses_those_on_disk_with_their_size(path, monkeypatch):
    f, size = Fidelity(path), r"1\.68e-06 GB"
    for refused in ("pieces", "adjoint", "tangent", "tensor"):
        with pytest.raises(
            ValueError, match=rf"method '{refused}' holds matrices of {size} in memory, for data on disk"
        ):
            Objective(f, layers=2, method=refused)
    with pytest.raises(SizeError, match=r"every engine that takes the problem holds .*finitely many layers"):
        Objective(f, layers=np.inf)
    with pytest.raises(
        SizeError, match=r"X_\(0\), \.\.\., X_\(2\) would take 5\.04e-06 GB in memory, for data on disk"
    ):
        forward(f, THETA, 1.5, 2)
    with pytest.raises(SizeError, match=r"X_.* FitResult\.apply writes"):
        forward(Fidelity(W), THETA, 1.5, 2, x0=path)
    with pytest.raises(SizeError, match=rf"a solution would take {size} in memory.*solve for some columns"):
        solve(f, Theta.soft(1))
    J = Objective(f, layers=2)
    with pytest.raises(SizeError, match="check it on some of the entries"):
        check_gradient(J, THETA, 1.5)
    with pytest.raises(SizeError, match=r"what is left of 30 columns .* pass validation=0"):
        fit(Objective(f, layers=2, per_layer=True))
    least = LeastSquares(np.eye(7), path)
    assert repr(least) == "LeastSquares(D 7×7, Y 7×30, on disk)"
    with pytest.raises(SizeError, match=r"PY would take .* whiten a part of the columns"):
        least.whitened()
    with pytest.raises(ValueError, match="method 'support' holds matrices of"):
        Objective(least, np.array(W), layers=2, method="support")


def test_a_target_or_signals_on_disk_are_read_there(path):
    assert Objective(Fidelity(np.array(W)), path, layers=2).method == "disk"
    least = LeastSquares(np.eye(7), path)
    assert [Objective(least, path, layers=2, evaluations=k).method for k in (1, 1000)] == ["columns"] * 2


@pytest.mark.parametrize("x0", [None, "on disk"])
def test_least_squares_is_evaluated_by_columns_with_the_same_bits(path, tmp_path, x0):
    D, (target, start) = np.random.default_rng(1).normal(size=(7, 9)), np.random.default_rng(2).normal(size=(2, 9, 30))
    for name, matrix in (("t.npy", target), ("x.npy", start)):
        np.save(tmp_path / name, matrix)
    there = None if x0 is None else tmp_path / "x.npy"
    J = Objective(LeastSquares(D, path), tmp_path / "t.npy", layers=3, x0=there)
    K = Objective(LeastSquares(D, W), target, layers=3, x0=None if x0 is None else start, method="columns")
    assert (J.method, J.problem.on_disk, K.problem.on_disk) == ("columns", True, False)
    for one, other in zip(J.gauss_newton(THETA, 40), K.gauss_newton(THETA, 40), strict=True):
        assert np.array_equal(one, other)
    assert J(THETA, 40) == K(THETA, 40)
    assert J.ties(THETA, 40) == K.ties(THETA, 40)
    changes(tmp_path / "t.npy", "written to")
    with pytest.raises(DataFileError, match=r"t\.npy has changed"):
        J(THETA, 40)


def test_fit_learns_from_signals_on_disk(path, tmp_path):
    """Products of parts round otherwise than those of all columns, so that last digits may differ."""
    rng = np.random.default_rng(1)
    D, target = rng.normal(size=(7, 9)) / 3, rng.normal(size=(9, 30)) * (rng.random((9, 30)) < 0.3)
    np.save(path, D @ target)
    np.save(tmp_path / "t.npy", target)
    there = Objective(LeastSquares(D, path), tmp_path / "t.npy", layers=2)
    here = Objective(LeastSquares(D, D @ target), target, layers=2, method="columns")
    ours, right = (fit(J, epochs=3, checkpoint=tmp_path / "fit.ckpt") for J in (there, here))
    assert ours.loss == pytest.approx(right.loss, rel=1e-6)
    assert disk.home(there.x0) is None
    assert there.x0.strides == (0, 0)
    again = fit(there, epochs=3, checkpoint=tmp_path / "fit.ckpt")
    assert (again.theta, again.L) == (ours.theta, ours.L)
