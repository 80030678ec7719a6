"""Results are records: what was found cannot be changed by accident."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from dsrl_ref import Status, Theta
from dsrl_ref.results import FitResult, SolveResult

FITTED = FitResult(Theta(1, 1, 0.5, 0.5), 1.0, 0.25, True, "ended", {"loss": np.ones(1)}, (np.ones(4), 1.0))
ONE = np.ones(1)
SOLVED = SolveResult(ONE, 0.5, 0.0, 3, True, "ended", Status.CONVERGED, np.array([Status.CONVERGED]), ONE, ONE)


@pytest.mark.parametrize("result", [FITTED, SOLVED], ids=lambda result: type(result).__name__)
def test_no_field_of_a_result_can_be_set(result):
    for field in fields(result):
        with pytest.raises(FrozenInstanceError, match=field.name):
            setattr(result, field.name, None)


@pytest.mark.parametrize("kind", [FitResult, SolveResult])
def test_every_field_is_documented(kind):
    for field in fields(kind):
        assert f"\n    {field.name} : " in kind.__doc__
