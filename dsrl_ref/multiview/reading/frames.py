"""Tables with types, as pandas and polars write them: Parquet, Feather and Arrow files, by pyarrow."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.arrays import LARGEST_EXACT_INTEGER
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.multiview.reading.tables import Column, Table

COUNTED = "__index_level_0__"  # as pandas calls an index without a name


def read_frame(path: Path) -> Table:
    """A data frame from a file, with what pandas calls its index.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where it is damaged, has no samples, or a column that is neither numbers nor texts.
    MissingExtraError
        Where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(f"{path} needs pyarrow: pip install 'dsrl_ref[io]'") from error
    with path.open("rb") as stream:
        try:
            reader = pa.parquet if path.suffix.lower() in (".parquet", ".pq") else pa.feather
            table = reader.read_table(stream)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ValueError(f"{path} is not a readable {path.suffix} file: {error}") from error
    if not table.num_rows or not table.num_columns:
        raise ValueError(f"{path} has no samples")
    columns = [_column(path, name, table.column(place)) for place, name in enumerate(table.column_names)]
    named, counted = _index(table.schema.metadata or {}, table.num_rows)
    return Table(path.name, [*columns, *counted], True, (*named, *(column.name for column in counted)))


def _index(metadata: dict[bytes, bytes], rows: int) -> tuple[tuple[str, ...], list[Column]]:
    """The columns that pandas wrote for its index; and of a range, which is none of them, a column if it tells more.

    That is a range that does not count the rows from 0: of rows that were chosen, or turned round.
    """
    kept = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
    ranges = [np.arange(one["start"], one["stop"], one["step"]) for one in kept if isinstance(one, dict)]
    told = [Column(COUNTED, values.astype(np.float64)) for values in ranges if not _counts(values, rows)]
    return tuple(name for name in kept if isinstance(name, str)), told


def _counts(values: Any, rows: int) -> bool:
    return len(values) != rows or np.array_equal(values, np.arange(rows))


def _column(path: Path, name: str, values: Any) -> Column:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
        return Column(name, np.array(values.to_pylist(), dtype=object))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        cells = values.to_pylist()
        wrong = next((cell for cell in cells if isinstance(cell, int) and abs(cell) > LARGEST_EXACT_INTEGER), None)
        if wrong is not None:
            return Column(name, np.array(cells, dtype=object))
        return Column(name, np.array([np.nan if cell is None else float(cell) for cell in cells]))
    raise ValueError(f"{path}: column {name} is {kind}, neither numbers nor texts; leave it out of the file")
