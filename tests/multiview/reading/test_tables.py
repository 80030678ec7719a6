"""A table as a matrix of its features."""

import numpy as np
import pytest
from table_data import table

from dsrl_ref.multiview.reading.tables import matrix


def test_a_matrix_has_whole_rows_missing_or_none():
    nan = np.nan
    given = table(p=[1, nan, 3], q=[4, nan, 6], lines=(2, 3, 4))
    assert np.array_equal(matrix(given, given.columns), [[1, 4], [nan, nan], [3, 6]], equal_nan=True)
    given = table(p=[1, nan, 3], q=[4, nan, nan], lines=(2, 3, 5))
    with pytest.raises(
        ValueError, match=r"a\.csv: line 5, column q is missing \(1 such cells\): fill or drop them first"
    ):
        matrix(given, given.columns)
    given = table(p=[1, 2], q=[nan, 3])
    with pytest.raises(ValueError, match=r"a\.csv: row 1, column q is missing"):
        matrix(given, given.columns)


def test_texts_are_no_features():
    given = table(p=["1", None, "NA", "x"], lines=(1, 2, 3, 4))
    with pytest.raises(ValueError, match=r"a\.csv: line 4, column p: 'x' is no number; .*give --labels p, .*--index p"):
        matrix(given, given.columns)
