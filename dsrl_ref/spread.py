"""Dask arrays, whose entries are spread over workers: told from others, and validated without a look at an entry."""

import math
from typing import Any

from dsrl_ref.arrays import require_matrix_shape
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.loaded import loaded

TIMEOUT = 60.0  # seconds without a sign of life from a cluster, after which waiting ends


def is_spread(value: object) -> bool:
    """Whether `value` is a dask array, asked without importing dask."""
    kind = loaded("dask.array", "Array")
    return kind is not None and isinstance(value, kind)


def as_spread(value: Any, name: str) -> Any:
    """Require a dask array of real numbers with two known, non-empty dimensions; nothing of it is computed.

    Raises
    ------
    ValueError, TypeError
        Also where the sizes of its chunks are unknown. What its entries are is seen where they are.
    MissingExtraError
        Where dask's scheduler for clusters is not installed.
    """
    from importlib.util import find_spec

    package = find_spec("distributed")
    if package is None or package.origin is None:  # a folder of that name is not the package
        raise MissingExtraError(
            f"{name} is a dask array, which needs dask's package distributed: pip install 'dsrl_ref[distributed]'; or "
            f"pass {name}.compute(), if it fits into memory"
        )
    if any(math.isnan(length) for length in value.shape):
        raise ValueError(
            f"{name} is a dask array with chunks of unknown sizes, shape {value.shape}: call "
            f"{name}.compute_chunk_sizes() first"
        )
    require_matrix_shape(value.shape, name)
    if value.dtype.kind == "c":
        raise ValueError(f"{name}: Complex data not supported, got a dask array of {value.dtype}")
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numeric, got a dask array of dtype {value.dtype}")
    return value
