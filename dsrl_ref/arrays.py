"""Validation and conversion of all that comes from a caller; messages name argument, value, place and rule."""

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.entries import first_not_finite
from dsrl_ref.loaded import loaded

Array: TypeAlias = NDArray[np.float64]

LARGEST_EXACT_INTEGER = 2**53
HELD = {int, float, bool, str, type(None), np.ndarray, np.float64}  # types of entries that need no second look


def is_sparse(value: object) -> bool:
    """Whether `value` is a scipy.sparse container, asked without importing scipy."""
    issparse = loaded("scipy.sparse", "issparse")
    return issparse is not None and bool(issparse(value))


def as_real(value: Any, name: str) -> Array:
    """Convert to a C-contiguous float64 array of any shape with finite entries.

    A C-contiguous float64 array comes back as it is, not copied; nothing is ever written to it.

    Raises
    ------
    TypeError
        For what is not numeric: strings, dates, structured arrays, ``np.matrix``, sparse containers; and for what is
        not in memory: dask, h5py, zarr, lazy frames and others, as `require_in_memory` says.
    ValueError
        For None, complex or masked data, integers that float64 cannot hold, NaN and infinity.
    """
    array = as_numbers(value, name)
    if (place := first_not_finite(array)) is not None:
        index, given = tuple(int(i) for i in np.unravel_index(place, array.shape)), np.asarray(value)
        raise_not_finite(given[index] if given.dtype == object else array[index], name, index)
    return array


def as_numbers(value: Any, name: str) -> Array:
    """Convert like `as_real`, but leave NaN and infinity to the caller; None and NA among objects become NaN."""
    if value is None:
        raise ValueError(f"{name} must be numeric, got None")
    require_in_memory(value, name)
    if is_sparse(value):
        raise TypeError(f"{name} is sparse ({type(value).__name__}) where a dense array is needed; use .toarray()")
    if isinstance(value, np.matrix):
        raise TypeError(f"{name} is a np.matrix, whose products differ from an array's; pass np.asarray({name})")
    if np.ma.is_masked(value):
        index = _first(np.ma.getmaskarray(value))
        raise ValueError(f"{name} has masked entries, the first at {_place(name, index)}; fill or drop them first")
    if isinstance(value, str | bytes):
        raise TypeError(f"{name} must be numeric, got {value!r}")
    dtypes = [str(dtype) for dtype in np.ravel(getattr(value, "dtypes", []))]
    if "category" in dtypes:
        raise TypeError(f"{name} must be numeric, but column {dtypes.index('category')} holds categories")
    array = _as_float64(_as_array(value, name), name)
    return np.ascontiguousarray(array) if array.ndim else array


COMPUTED, WORKERS, FILE = "is computed only when asked", "is spread over workers", "is in a file"
PIECES = "is in pieces, or in a file"
# What is with arrays and tables of packages that keep none in memory, and how to get what is in them; and the same of
# any other package, by an attribute of the class that nobody gives to an array in memory.
NOT_IN_MEMORY = {
    "dask": (COMPUTED, ".compute()"),
    "dask_expr": (COMPUTED, ".compute()"),
    "cubed": (COMPUTED, ".compute()"),
    "h5py": (FILE, "[...]"),
    "h5netcdf": (FILE, "[...]"),
    "netCDF4": (FILE, "[...]"),
    "zarr": (FILE, "[...]"),
    "tables": (FILE, ".read()"),
    "modin": (WORKERS, ".to_numpy()"),
    "pyspark": (WORKERS, ".toPandas()"),
}
TELLING = {
    "__dask_graph__": (COMPUTED, ".compute()"),
    "compute": (COMPUTED, ".compute()"),
    "collect": (COMPUTED, ".collect()"),
    "execute": (COMPUTED, ".execute()"),
    "to_spark": (WORKERS, ".to_pandas()"),
    "toPandas": (WORKERS, ".toPandas()"),
    "chunks": (PIECES, "[...]"),
    "chunkshape": (PIECES, "[...]"),
}
IN_MEMORY = {"builtins", "numpy", "scipy", "pandas", "pyarrow"}  # whatever their classes are able to do


def require_in_memory(value: Any, name: str) -> None:
    """Refuse what NumPy would compute, fetch or read whole without a word, however large it is.

    It is known by the package of its class, or of one that this inherits from: dask, cubed, h5py, h5netcdf, netCDF4,
    zarr, PyTables, modin and Spark; xarray where it holds what is not computed or read. Of any other package it is
    known by what its class has: ``compute``, ``collect``, ``execute``, ``to_spark``, ``toPandas``, ``chunks`` or
    ``chunkshape``. What has nothing of this is read as NumPy reads it. The object itself is not looked at, but for
    xarray's.

    Raises
    ------
    TypeError
        Also for one in a list; the message says what to pass.
    """
    if isinstance(value, list | tuple):
        if not set(map(type, value)) <= HELD:
            for place, entry in enumerate(value):
                require_in_memory(entry, f"{name}[{place}]")
        return
    found = None if isinstance(value, np.ndarray) else _not_in_memory(value)
    if found is not None:
        package, what, how = found
        kind = type(value).__name__
        raise TypeError(f"{name} ({package}'s {kind}) {what}: pass {name}{how}, if it fits into memory")


def _not_in_memory(value: Any) -> tuple[str, str, str] | None:
    """The package that says so, what is with it, and what brings it; None of what is in memory, as far as is known."""
    kind = type(value)
    packages = [base.__module__.partition(".")[0] for base in kind.__mro__]  # a class of one's own inherits from theirs
    for package in packages:
        if package in NOT_IN_MEMORY:
            what, how = NOT_IN_MEMORY[package]
            if package == "pyspark" and hasattr(kind, "to_pandas"):  # its tables in the manner of pandas
                how = ".to_pandas()"
            return package, what, how
    if "xarray" in packages:
        return ("xarray", COMPUTED, ".compute()") if _is_lazy(value) else None
    if IN_MEMORY.isdisjoint(packages[:-1] or packages):
        for attribute, (what, how) in TELLING.items():
            if hasattr(kind, attribute):
                return packages[0], what, how
    return None


def _is_lazy(value: Any) -> bool:
    """Of xarray: whether it is in pieces, which are computed, or still in its file."""
    chunks = getattr(value, "chunks", None)  # () where numbers are not computed, None where they are
    variable = getattr(value, "variable", value)
    return isinstance(chunks, tuple) or bool(chunks) or getattr(variable, "_in_memory", True) is False


def as_matrix(value: Any, name: str) -> Array:
    """Convert like `as_real` and require two non-empty dimensions."""
    array = as_real(value, name)
    require_matrix_shape(array.shape, name)
    return array


def as_csr(value: Any, name: str) -> Any:
    """Convert any scipy.sparse container to a canonical float64 ``csr_array``; the input is left as it is.

    Stale flags are not trusted and indices are checked before anything reads through them.
    """
    matrix = as_csr_numbers(value, name)
    if (place := first_not_finite(matrix.data)) is not None:
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        raise_not_finite(matrix.data[place], name, (row, int(matrix.indices[place])))
    return matrix


def as_csr_numbers(value: Any, name: str) -> Any:
    """Convert like `as_csr`, but leave NaN and infinity to the caller."""
    from scipy.sparse import csr_array

    require_matrix_shape(value.shape, name)
    if value.format != "csr":
        value = value.tocsr(copy=True)
    data = _as_float64(value.data, f"{name}.data")
    _require_valid_indices(value, name)
    fresh = csr_array((data, value.indices, value.indptr), shape=value.shape)
    if not fresh.has_canonical_format:
        fresh = fresh.copy()
        fresh.sum_duplicates()
    return fresh


def as_matrix_or_csr(value: Any, name: str) -> Any:
    """Convert to a dense matrix, or to canonical CSR where `value` is sparse."""
    return as_csr(value, name) if is_sparse(value) else as_matrix(value, name)


def as_number(value: Any, name: str) -> float:
    """Convert one finite real number, 0-d arrays included."""
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    array = as_real(value, name)
    if array.ndim:
        raise TypeError(f"{name} must be one number, got an array of shape {array.shape}")
    return float(array)


def as_step_constant(value: Any, name: str = "L") -> float:
    """Convert the step constant L: positive, and large enough that the step 1/L is finite."""
    number = as_number(value, name)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {number}")
    if math.isinf(1 / number):
        raise ValueError(f"{name} = {number} is too small: the step 1/{name} overflows")
    return number


def as_step_constants(value: Any, layers: int, name: str = "L") -> Array:
    """Convert one step constant for all layers, or one a layer, to an array of shape (layers,).

    Raises
    ------
    ValueError, TypeError
        As `as_step_constant`, with the layer, counted from 1; and where the shape is neither () nor (layers,).
    """
    array = as_real(value, name)
    if array.ndim == 0:
        return np.full(layers, as_step_constant(value, name))
    if array.shape != (layers,):
        raise ValueError(
            f"{name} has shape {array.shape}, but there are {layers} layers; pass one number a layer, or one number"
        )
    return np.array([as_step_constant(number, f"{name} of layer {i}") for i, number in enumerate(array, start=1)])


def as_count(value: Any, name: str, least: int = 0) -> int:
    """Convert an integer that counts something; True, 2.0 and "3" are refused."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    require_in_memory(value, name)
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count


def require_known(value: Any, known: Sequence[str], name: str) -> None:
    """Require one of the words that an argument knows, or the word, where it knows one alone."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be {'one of ' * (len(known) > 1)}{', '.join(map(repr, known))}, got {value!r}")


def require_shape(array: Any, shape: tuple[int, ...], name: str, like: str) -> None:
    """Require that `array` has the shape of the argument called `like`."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but {like} has shape {shape}; they must agree")


def require_matrix_shape(shape: tuple[int, ...], name: str) -> None:
    """Require two non-empty dimensions."""
    if len(shape) != 2:
        raise ValueError(
            f"{name}: Expected 2D array, got {len(shape)}D array instead (shape={shape}). Reshape your data, "
            f"for example with {name}.reshape(-1, 1) or {name}.reshape(1, -1)"
        )
    for count, what in zip(shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(f"{name}: Found array with 0 {what} (shape={shape}) while a minimum of 1 is required.")


def _as_array(value: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from error


def _as_float64(array: NDArray[Any], name: str) -> Array:
    kind = array.dtype.kind
    if kind == "c":
        _raise_complex(_sample(array, name), name)
    if kind == "O":
        return _from_objects(array, name)
    if kind not in "fiub":
        raise TypeError(f"{name} must be numeric, got dtype {array.dtype}: {_sample(array, name)}")
    if kind in "iu" and array.dtype.itemsize == 8:
        _require_exact_integers(array, name)
    with np.errstate(over="ignore"):
        converted = array.astype(np.float64, copy=False)
    if kind == "f" and array.dtype.itemsize > 8 and bool((converted != array).any()):
        warnings.warn(f"{name} is {array.dtype}; rounded to float64", UserWarning, stacklevel=5)
    return converted


def _from_objects(array: NDArray[Any], name: str) -> Array:
    converted = np.empty(array.shape)
    for index, entry in np.ndenumerate(array):
        if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
            converted[index] = math.nan
            continue
        if type(entry) not in HELD:
            require_in_memory(entry, _place(name, index))
        if isinstance(entry, complex | np.complexfloating):
            _raise_complex(f"{_place(name, index)} = {entry!r}", name)
        try:
            if isinstance(entry, str | bytes):
                raise TypeError
            converted[index] = float(entry)
        except OverflowError:
            _raise_inexact(name, index, entry)
        except (TypeError, ValueError):
            raise TypeError(
                f"{_place(name, index)} = {entry!r} ({type(entry).__name__}): "
                "argument must be a string or a number, and strings are not read as numbers here"
            ) from None
        if isinstance(entry, int | np.integer) and int(converted[index]) != int(entry):
            _raise_inexact(name, index, entry)
    return converted


def _require_exact_integers(array: NDArray[Any], name: str) -> None:
    beyond = array > LARGEST_EXACT_INTEGER
    if array.dtype.kind == "i":
        beyond = beyond | (array < -LARGEST_EXACT_INTEGER)
    if beyond.any():
        index = _first(beyond)
        _raise_inexact(name, index, array[index])


def _raise_inexact(name: str, index: tuple[int, ...], entry: Any) -> None:
    raise ValueError(
        f"{_place(name, index)} = {entry}: integers beyond 2**53 do not fit float64; convert them knowingly first"
    )


def _raise_complex(sample: str, name: str) -> None:
    raise ValueError(f"{name}: Complex data not supported, {sample}; the gradients are those of real data")


def raise_not_finite(value: Any, name: str, index: tuple[int, ...]) -> None:
    """Refuse an entry that is NaN or infinite, by its place."""
    what = "infinity" if isinstance(value, float) and math.isinf(value) else "NaN"
    raise ValueError(f"{name} contains {what}: {_place(name, index)} = {value}; every entry must be finite")


def _first(marked: NDArray[np.bool_]) -> tuple[int, ...]:
    """Index of the first entry that is marked."""
    return tuple(int(i) for i in np.argwhere(marked)[0])


def _sample(array: NDArray[Any], name: str) -> str:
    """The first entry and its place, for a message about all of them."""
    return f"{_place(name, (0,) * array.ndim)} = {array.flat[0].item()!r}" if array.size else f"shape {array.shape}"


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _require_valid_indices(value: Any, name: str) -> None:
    indptr, indices = value.indptr, value.indices
    rows, columns = value.shape
    if len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] > min(len(indices), len(value.data)):
        raise ValueError(f"{name}.indptr does not fit: {rows} rows, {len(indices)} indices, {len(value.data)} values")
    if (np.diff(indptr) < 0).any():
        row = int(np.flatnonzero(np.diff(indptr) < 0)[0])
        raise ValueError(f"{name}.indptr decreases at row {row}; it must not")
    stored = indices[: indptr[-1]]
    outside = (stored < 0) | (stored >= columns)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"{name}.indices[{place}] = {stored[place]} is outside 0..{columns - 1}, the columns of {name}"
        )
