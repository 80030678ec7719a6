"""What comes from a caller: taken where it means the same float64 numbers, else refused by name, value and place."""

import datetime
import re
import sys
import types
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse as sp
from not_in_memory import KINDS, lazy

from dsrl_ref import Fidelity, LeastSquares, Objective, arrays

PLAIN = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([[1, np.nan]], ValueError, r"W contains NaN: W\[0, 1\] = nan; every entry must be finite"),
        ([[1], [np.inf]], ValueError, r"W contains infinity: W\[1, 0\] = inf"),
        ([[-np.inf]], ValueError, r"W contains infinity: W\[0, 0\] = -inf"),
        (np.zeros((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (np.zeros((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array instead.*Reshape your data"),
        (np.zeros((1, 1, 1)), ValueError, "Expected 2D array, got 3D array"),
        (3.0, ValueError, "Expected 2D array, got 0D array"),
        ([[1, 2], [3]], ValueError, "W is not a rectangular array"),
        ([[2**53 + 1]], ValueError, r"W\[0, 0\] = 9007199254740993: integers beyond 2\*\*53 do not fit"),
        (np.array([[-(2**53) - 1]]), ValueError, "integers beyond"),
        (np.array([[2**63 + 1]], dtype=np.uint64), ValueError, "integers beyond"),
        ([[2**70 + 1, 1]], ValueError, r"W\[0, 0\] = 1180591620717411303425: integers beyond"),
        ([[10**400]], ValueError, "integers beyond"),
        (np.array([[np.int64(2**53 + 1), 1]], dtype=object), ValueError, r"W\[0, 0\] = 9007199254740993: integers"),
        (np.array([[np.complex64(1j)]], dtype=object), ValueError, r"W: Complex data not supported, W\[0, 0\] = "),
        ([[1.0, 2.0], [np.nan, np.inf]], ValueError, r"W contains NaN: W\[1, 0\] = nan"),
        ([[1j]], ValueError, r"W: Complex data not supported, W\[0, 0\] = 1j; the gradients are those of real data"),
        (np.zeros((0, 1), complex), ValueError, r"W: Complex data not supported, shape \(0, 1\)"),
        (np.array([[1j, 2]], dtype=object), ValueError, r"W: Complex data not supported.*W\[0, 0\] = 1j"),
        (
            np.array([[{}]], dtype=object),
            TypeError,
            r"W\[0, 0\] = \{\} \(dict\): argument must be a string or a number",
        ),
        (np.array([["1.0"]], dtype=object), TypeError, r"W\[0, 0\] = '1.0' \(str\)"),
        ([["1.0"]], TypeError, r"W must be numeric, got dtype <U3: W\[0, 0\] = '1.0'"),
        ("abc", TypeError, "W must be numeric, got 'abc'"),
        (b"abc", TypeError, "W must be numeric, got b'abc'"),
        ([[np.datetime64("2026-01-01")]], TypeError, "W must be numeric, got dtype datetime64.*2026"),
        ([[datetime.timedelta(1)]], TypeError, r"W\[0, 0\] = datetime.timedelta"),
        (np.zeros((1, 1), dtype=[("a", float)]), TypeError, "W must be numeric, got dtype .*'a'"),
        (
            np.ma.masked_array([[1.0, 2.0]], mask=[[False, True]]),
            ValueError,
            r"W has masked entries, the first at W\[0, 1\]",
        ),
        (np.array([[None]]), ValueError, r"W contains NaN: W\[0, 0\] = None; every entry must be finite"),
        (None, ValueError, "W must be numeric, got None"),
    ],
)
def test_bad_matrices_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        Fidelity(value)


def test_np_matrix_is_refused():
    with pytest.warns(PendingDeprecationWarning, match="matrix subclass"):
        matrix = np.matrix([[1.0]])
    with pytest.raises(TypeError, match=r"W is a np.matrix, .*pass np.asarray\(W\)"):
        Fidelity(matrix)


class Frame:
    """As much of a table as NumPy looks at."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __str__(self):
        return "a table"  # without its address: a test has the same name in every process


class NAType:
    """Pandas' name for a missing value."""


def test_a_missing_value_is_nan():
    with pytest.raises(ValueError, match=r"W contains NaN: W\[0, 1\]"):
        Fidelity(Frame([[1.0, NAType()]]))


def test_categories_are_not_numbers():
    frame = Frame([[1.0, 2.0]])
    frame.dtypes = np.array(["float64", "category"], dtype=object)
    with pytest.raises(TypeError, match="W must be numeric, but column 1 holds categories"):
        Fidelity(frame)


def test_an_error_of_the_array_itself_comes_through():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no values today")

    with pytest.raises(RuntimeError, match="no values today"):
        Fidelity(Broken())


@pytest.mark.parametrize(
    "same",
    [
        PLAIN.tolist(),
        PLAIN.astype(int),
        PLAIN.astype(np.float32),
        PLAIN.astype(np.float16),
        PLAIN.astype(np.longdouble),
        PLAIN.astype(">f8"),
        PLAIN.astype(object),
        np.asfortranarray(PLAIN),
        np.repeat(PLAIN, 2, axis=0)[::2],
        PLAIN[::-1, ::-1][::-1, ::-1],
        np.ma.masked_array(PLAIN),
        Frame(PLAIN.tolist()),
        [[Decimal(1), 2, 3.0], [4, np.float32(5), np.int8(6)]],
    ],
    ids=str,
)
def test_other_forms_of_the_same_numbers_are_taken(same):
    W = Fidelity(same).W
    assert np.array_equal(W, PLAIN)
    assert (W.dtype, W.flags.c_contiguous) == (np.float64, True)


@pytest.mark.parametrize("kind", [np.int64, object])
@pytest.mark.parametrize("integer", [2**53, -(2**53)])
def test_the_largest_exact_integers_are_taken(kind, integer):
    assert Fidelity(np.array([[integer]], dtype=kind)).W.tolist() == [[integer]]


def test_booleans_broadcast_views_and_read_only_arrays_are_taken():
    assert np.array_equal(Fidelity([[True, False]]).W, [[1, 0]])
    assert np.array_equal(Fidelity(np.broadcast_to(2.0, (2, 3))).W, np.full((2, 3), 2.0))
    frozen = PLAIN.copy()
    frozen.flags.writeable = False
    loss, _ = Objective(Fidelity(frozen), layers=3)((1, 0.5, 0.5, 1), 2)
    assert loss == Objective(Fidelity(PLAIN), layers=3)((1, 0.5, 0.5, 1), 2)[0]


def test_a_contiguous_float64_array_is_referred_to():
    assert np.shares_memory(Fidelity(PLAIN).W, PLAIN)


def test_memmap_is_read_and_not_written(tmp_path):
    PLAIN.tofile(tmp_path / "w")
    mapped = np.memmap(tmp_path / "w", dtype=float, mode="r", shape=PLAIN.shape)
    assert Objective(Fidelity(mapped), layers=2)((1, 1, 0.5, 1), 1)[0] > 0


def test_lost_digits_of_a_longdouble_are_warned_of():
    value = np.array([[np.longdouble(1) + np.finfo(np.longdouble).eps]])
    with pytest.warns(UserWarning, match="W is float128; rounded to float64"):
        Fidelity(value)


def test_a_longdouble_beyond_float64_is_refused_as_infinity():
    with (
        pytest.warns(UserWarning, match="rounded to float64"),
        pytest.raises(ValueError, match=r"W contains infinity: W\[0, 0\] = inf"),
    ):
        Fidelity(np.array([[np.longdouble("1e400")]]))


def test_denormals_and_signed_zeros_are_kept():
    W = Fidelity([[5e-324, -0.0]]).W
    assert W[0, 0] == 5e-324
    assert np.signbit(W[0, 1])


def csr(data, indices, indptr, shape=(2, 3)):
    """A container as damaged as asked: scipy checks little."""
    matrix = sp.csr_array(shape)
    matrix.data, matrix.indices, matrix.indptr = (np.asarray(part) for part in (data, indices, indptr))
    return matrix


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (csr([1.0, np.nan], [0, 1], [0, 1, 2]), r"W contains NaN: W\[1, 1\] = nan"),
        (csr([1.0, np.inf], [0, 2], [0, 2, 2]), r"W contains infinity: W\[0, 2\] = inf"),
        (csr([1.0, 2.0], [0, 3], [0, 1, 2]), r"W.indices\[1\] = 3 is outside 0..2"),
        (csr([1.0, 2.0], [-1, 0], [0, 1, 2]), r"W.indices\[0\] = -1 is outside 0..2"),
        (csr([1.0, 2.0], [0, 1], [0, 2, 1]), "W.indptr decreases at row 1"),
        (csr([1.0, 2.0], [0, 1], [0, 1, 3]), "W.indptr does not fit: 2 rows, 2 indices, 2 values"),
        (csr([1.0, 2.0], [0, 1], [1, 1, 2]), "W.indptr does not fit"),
        (csr([1.0, 2.0], [0, 1], [0, 2]), "W.indptr does not fit"),
        (csr([1.0], [0, 1], [0, 1, 2]), "W.indptr does not fit: 2 rows, 2 indices, 1 values"),
        (sp.csr_array((0, 3)), r"0 sample\(s\)"),
        (sp.csr_array((3, 0)), r"0 feature\(s\)"),
        (sp.csr_array([[1j]]), "W.data: Complex data not supported"),
    ],
)
def test_bad_sparse_matrices_are_refused_before_anything_reads_through_them(matrix, message):
    with pytest.raises(ValueError, match=message):
        Fidelity(matrix)


SPARSE = sp.csr_array([[0.0, 0.5, 0.0], [2.0, 0.0, -1.0]])


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("wrap", [sp.csr_array, sp.csr_matrix])
def test_every_sparse_format_is_taken_and_left_alone(form, wrap):
    given = wrap(SPARSE).asformat(form)
    before = given.toarray().tobytes()
    kept = Fidelity(given).W
    assert isinstance(kept, sp.csr_array)
    assert np.array_equal(kept.toarray(), SPARSE.toarray())
    assert given.toarray().tobytes() == before


@pytest.mark.parametrize(
    "matrix",
    [
        csr([2.0, 0.5, -1.5, 0.5], [0, 1, 2, 2], [0, 0, 4], (2, 3)),
        csr([0.5, -1.0, 2.0], [1, 2, 0], [0, 1, 3]),
        csr([0.5, 0.0, 2.0, -1.0], [1, 2, 0, 2], [0, 2, 4]),
        csr(np.array([0.5, 2.0, -1.0], dtype=np.float32), np.array([1, 0, 2], dtype=np.int64), [0, 1, 3]),
        csr([0.5, 2.0, -1.0, 7.0], [1, 0, 2, 0], [0, 1, 3]),
    ],
    ids=["duplicates", "unsorted", "explicit zero", "float32, int64 indices", "spare room"],
)
def test_untidy_csr_counts_as_what_it_means(matrix):
    arrays_before = [part.tobytes() for part in (matrix.data, matrix.indices, matrix.indptr)]
    clean = sp.csr_array(matrix.toarray())
    ours, theirs = (Objective(Fidelity(W), layers=3)((1, 0.5, 0.25, 1), 2) for W in (matrix, clean))
    assert ours == theirs
    assert [part.tobytes() for part in (matrix.data, matrix.indices, matrix.indptr)] == arrays_before


def test_flags_that_went_stale_are_not_trusted():
    matrix = SPARSE.copy()
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    matrix.indices[1:], matrix.data[1:] = [2, 0], [-1.0, 2.0]
    assert Fidelity(matrix).W.indices.tolist() == [1, 0, 2]


def test_no_stored_entry_and_empty_rows_are_fine():
    loss, gradient = Objective(Fidelity(sp.csr_array((4, 5))), layers=2)((1, 1, 0.5, 1), 1)
    assert (loss, *gradient) == (0,) * 6


def test_sparse_is_refused_where_dense_is_needed():
    with pytest.raises(TypeError, match=r"z is sparse \(csr_array\) where a dense array is needed; use .toarray"):
        arrays.as_real(SPARSE, "z")


@pytest.mark.parametrize(
    ("D", "Y", "message"),
    [
        ([[1.0, 2.0]], [[1.0], [2.0]], r"D has 1 rows .*but Y has 2"),
        ([[1.0]], [1.0], "Y: Expected 2D array"),
        ([[np.nan]], [[1.0]], r"D contains NaN: D\[0, 0\]"),
    ],
)
def test_least_squares_names_what_does_not_fit(D, Y, message):
    with pytest.raises(ValueError, match=message):
        LeastSquares(D, Y)


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3)])
def test_integers_of_any_kind_count(value):
    assert arrays.as_count(value, "n") == 3


@pytest.mark.parametrize("value", [2.0, "3", True, np.bool_(True), None, [3]])
def test_what_is_no_integer_does_not_count(value):
    with pytest.raises(TypeError, match="n must be an integer, got"):
        arrays.as_count(value, "n")


def test_a_count_is_at_least_what_it_says():
    assert arrays.as_count(2, "n", least=2) == 2
    assert arrays.as_count(0, "n") == 0
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        arrays.as_count(1, "n", least=2)
    with pytest.raises(ValueError, match="n must be at least 0, got -1"):
        arrays.as_count(-1, "n")


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3), True + 2, Decimal(3)])
def test_a_number_is_a_float_whatever_it_was(value):
    number = arrays.as_number(value, "t")
    assert number == 3.0
    assert type(number) is float


@pytest.mark.parametrize(("value", "shape"), [([3.0], "(1,)"), (np.ones((2, 3)), "(2, 3)"), ([], "(0,)")])
def test_an_array_is_no_number(value, shape):
    with pytest.raises(TypeError, match=f"t must be one number, got an array of shape {re.escape(shape)}"):
        arrays.as_number(value, "t")


def test_step_constants_are_one_a_layer_or_one_for_all():
    assert np.array_equal(arrays.as_step_constants([1, 2.5, 4], 3), [1.0, 2.5, 4.0])
    for one in (2, 2.0, np.array(2.0), np.float32(2)):
        assert np.array_equal(arrays.as_step_constants(one, 3), [2.0, 2.0, 2.0])
    assert arrays.as_step_constants([], 0).shape == arrays.as_step_constants(1.0, 0).shape == (0,)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([1.0, 0.0, 1.0], ValueError, r"L of layer 2 must be positive, got 0\.0"),
        ([1.0, 1.0, -2.0], ValueError, r"L of layer 3 must be positive, got -2\.0"),
        ([5e-324, 1.0, 1.0], ValueError, "L of layer 1 = 5e-324 is too small: the step 1/L of layer 1 overflows"),
        ([1.0, np.nan, 1.0], ValueError, r"L contains NaN: L\[1\] = nan"),
        ([1.0, 1.0], ValueError, r"L has shape \(2,\), but there are 3 layers; pass one number a layer, or one number"),
        ([1.0], ValueError, r"L has shape \(1,\), but there are 3 layers"),
        ([[1.0], [1.0], [1.0]], ValueError, r"L has shape \(3, 1\), but there are 3 layers"),
        (0.0, ValueError, r"L must be positive, got 0\.0"),
        (["1", "2", "3"], TypeError, "L must be numeric"),
        (None, ValueError, "L must be numeric, got None"),
    ],
)
def test_step_constants_that_are_none_are_refused_with_their_layer(value, error, message):
    with pytest.raises(error, match=message):
        arrays.as_step_constants(value, 3)


def test_a_step_constant_is_positive_and_has_a_finite_step():
    assert arrays.as_step_constant(1e-307) == 1e-307
    for value in (0, -0.0, -1.5):
        with pytest.raises(ValueError, match=f"L must be positive, got {float(value)}"):
            arrays.as_step_constant(value)
    with pytest.raises(ValueError, match=r"step = 5e-324 is too small: the step 1/step overflows"):
        arrays.as_step_constant(5e-324, "step")


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2,), (1, 2, 3)])
def test_shapes_that_must_agree_do(shape):
    arrays.require_shape(np.empty((2, 3)), (2, 3), "target", "x0")
    message = re.escape(f"target has shape (2, 3), but x0 has shape {shape}; they must agree")
    with pytest.raises(ValueError, match=message):
        arrays.require_shape(np.empty((2, 3)), shape, "target", "x0")


@pytest.mark.parametrize("value", [SPARSE, SPARSE.tocoo(), PLAIN, [[1.0]], None, 3])
def test_sparse_is_what_scipy_calls_so(value):
    assert arrays.is_sparse(value) == sp.issparse(value)


def test_nothing_is_sparse_while_scipy_is_being_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", types.ModuleType("scipy.sparse"))
    assert not arrays.is_sparse(PLAIN)


def test_a_scalar_stays_one():
    assert arrays.as_real(3, "z").shape == ()
    assert arrays.as_real(np.zeros((2, 0)), "z").shape == (2, 0)


def of_package(package, kind, **attributes):
    """An object that says it is of that package, and fails the test if NumPy reads it."""

    def reads(self, *_, **__):
        pytest.fail("it was read whole")

    return type(kind, (), {"__module__": f"{package}.core", "__array__": reads, **attributes})()


@pytest.mark.parametrize(
    ("lazy", "message"),
    [
        (
            of_package("dask", "Array"),
            r"W \(dask's Array\) is computed only when asked: pass W.compute\(\), if it fits",
        ),
        (of_package("xarray", "DataArray", chunks=((2,), (3,))), r"xarray's DataArray.*pass W.compute\(\)"),
        (of_package("dask_expr", "DataFrame"), r"dask_expr's DataFrame.*pass W.compute\(\)"),
        (of_package("xarray", "DataArray", chunks=()), r"xarray's DataArray.*pass W.compute\(\)"),
        (of_package("xarray", "Dataset", chunks={"row": (2,)}), r"xarray's Dataset.*pass W.compute\(\)"),
        (
            type("Mine", (type(of_package("dask", "Array")),), {"__module__": "__main__"})(),
            r"\(dask's Mine\) is computed",
        ),
        ([[1.0, of_package("dask", "Array")]], r"W\[0\]\[1\] \(dask's Array\).*pass W\[0\]\[1\].compute\(\)"),
        (of_package("h5py", "Dataset"), r"W \(h5py's Dataset\) is in a file: pass W\[\.\.\.\]"),
        (of_package("zarr", "Array"), r"W \(zarr's Array\) is in a file: pass W\[\.\.\.\]"),
        (of_package("polars", "LazyFrame", collect=None), r"W \(polars's LazyFrame\).*pass W.collect\(\)"),
    ],
)
def test_what_is_not_in_memory_is_refused_with_what_to_pass(lazy, message):
    with pytest.raises(TypeError, match=message):
        arrays.as_real(lazy, "W")


def test_a_count_that_is_not_in_memory_is_refused_with_what_to_pass():
    with pytest.raises(TypeError, match=r"layers \(dask's Array\).*pass layers.compute\(\)"):
        arrays.as_count(of_package("dask", "Array"), "layers")


def test_an_xarray_that_is_in_memory_is_read():
    held = type(
        "DataArray", (), {"__module__": "xarray.core", "chunks": None, "__array__": lambda *_, **__: np.eye(2)}
    )()
    assert np.array_equal(arrays.as_real(held, "W"), np.eye(2))


@pytest.mark.parametrize("package", KINDS)
def test_a_class_of_ones_own_over_theirs_is_one_of_theirs(package):
    kind, has, what, how = KINDS[package]
    theirs = type(lazy(package, kind, (2, 2), has))
    mine = type("Mine", (theirs,), {"__module__": "mine"})()
    with pytest.raises(TypeError, match=rf"'s Mine\) {what}: pass W{how}, if it fits"):
        Fidelity(mine)


@pytest.mark.parametrize("package", KINDS)
def test_an_entry_of_an_array_of_objects_is_not_computed_either(package):
    kind, has, what, _ = KINDS[package]
    held = np.empty((1, 2), dtype=object)
    held[:] = 1.0
    held[0, 1] = lazy(package, kind, (), has)
    with pytest.raises(TypeError, match=rf"^W\[0, 1\] \(.*'s {kind}\) {what}: pass W\[0, 1\]"):
        Fidelity(held)


class Given:
    """An array of one's own, as NumPy's protocol has it, in memory as far as anybody knows."""

    shape, ndim = (1, 2), 2

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, 2.0]], dtype=dtype)


def test_what_says_nothing_of_the_kind_is_read():
    assert Fidelity(Given()).W.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("package", ["pandas", "pyarrow", "numpy", "scipy"])
def test_packages_that_hold_all_in_memory_may_have_any_names(package):
    """pyarrow's arrays have `chunks`."""
    names = dict.fromkeys(["chunks", "compute", "collect", "execute", "to_spark", "toPandas", "chunkshape"])
    kind = type("Column", (Given,), {"__module__": f"{package}.lib", **names})
    assert arrays.as_real(kind(), "x").tolist() == [[1.0, 2.0]]
    theirs = type("Mine", (kind,), {"__module__": "mine"})
    assert arrays.as_real(theirs(), "x").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("attributes", "refused"),
    [
        ({"chunks": None}, False),
        ({"chunks": {}}, False),
        ({"chunks": ()}, True),  # a number that dask would compute
        ({"chunks": {"x": (1, 1)}}, True),
        ({}, False),
        ({"chunks": None, "variable": type("Variable", (), {"_in_memory": True})}, False),
        ({"chunks": None, "variable": type("Variable", (), {"_in_memory": False})}, True),  # still in its file
    ],
)
def test_of_xarray_what_it_holds_decides(attributes, refused):
    given = type("DataArray", (Given,), {"__module__": "xarray.core", "compute": None, **attributes})()
    if refused:
        with pytest.raises(
            TypeError, match=r"W \(xarray's DataArray\) is computed only when asked: pass W.compute\(\)"
        ):
            Fidelity(given)
    else:
        assert Fidelity(given).W.tolist() == [[1.0, 2.0]]


@pytest.mark.peer
def test_real_arrays_of_h5py_and_pyarrow(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is missing: pip install '.[io]'")
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is missing: pip install '.[io]'")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["W"] = [[1.0, 2.0]]
        with pytest.raises(TypeError, match=r"W \(h5py's Dataset\) is in a file: pass W\[\.\.\.\], if"):
            Fidelity(file["W"])
        assert Fidelity(file["W"][...]).W.tolist() == [[1.0, 2.0]]
    assert arrays.as_real(pyarrow.chunked_array([[1.0], [2.0]]), "x").tolist() == [1.0, 2.0]


def test_a_word_is_one_of_those_that_are_known_or_the_only_one():
    assert arrays.require_known("a", ("a", "b"), "word") is None
    with pytest.raises(ValueError, match=r"^word must be one of 'a', 'b', got 'c'$"):
        arrays.require_known("c", ("a", "b"), "word")
    for other in ("b", None, 1):
        with pytest.raises(ValueError, match=rf"^word must be 'a', got {other!r}$"):
            arrays.require_known(other, ("a",), "word")
