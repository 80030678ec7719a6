"""What tells no sample from another is said with its number, and with the first of its samples."""

import numpy as np
import pytest

from dsrl_ref.multiview.blank import what_is_blank
from dsrl_ref.multiview.views import prepare

VARIED = np.arange(32.0).reshape(2, 16) ** 2
ABSENT, EQUAL = np.full((1, 16), np.nan), np.full((2, 16), 3.0)


@pytest.mark.parametrize(
    ("rows", "how", "said"),
    [
        ([VARIED], "samples", ""),
        ([VARIED[:1] - VARIED[:1], VARIED[:1] - VARIED[:1]], "features", " is constant: standardised along features"),
        ([ABSENT, VARIED[:1]], "samples", " has one sample alone, 1: it joins none to another"),
        (
            [ABSENT, VARIED, EQUAL, VARIED],
            "samples",
            ": 2 of 6 samples have nothing but equal features, the first of them sample 3: what they",
        ),
        ([VARIED, EQUAL[:1] * 0], "tf-idf", ": 1 of 3 samples have no words, the first of them sample 2: what"),
        ([VARIED, EQUAL[:1] * 0], "features", ": 1 of 3 samples have nothing but equal features, the first of them"),
        ([VARIED[:, :8], EQUAL[:1, :8] * 0], "features", ""),
    ],
)
def test_a_view_and_samples_that_tell_nothing_are_named(rows, how, said):
    found = what_is_blank(prepare(np.vstack(rows), how))
    assert found.startswith(said)
    assert bool(found) == bool(said)
