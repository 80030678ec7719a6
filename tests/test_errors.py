"""A caller catches all errors of the package, or one kind, or what Python calls that kind."""

import warnings

import pytest

from dsrl_ref import errors

KINDS = {
    errors.DivergenceError: ValueError,
    errors.InfeasibleThetaError: ValueError,
    errors.ModelFileError: ValueError,
    errors.SizeError: MemoryError,
    errors.MissingExtraError: ImportError,
}


@pytest.mark.parametrize(("error", "kind"), KINDS.items(), ids=lambda kind: kind.__name__)
def test_an_error_is_of_the_package_and_of_pythons_kind(error, kind):
    for caught in (errors.DSRLError, kind, error):
        with pytest.raises(caught, match="what happened"):
            raise error("what happened")


def test_all_that_is_defined_is_an_error_of_the_package_or_a_warning_that_users_see():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    told = {kind for kind in kinds if issubclass(kind, UserWarning)}
    assert kinds - told == {errors.DSRLError, *KINDS}
    assert {kind.__name__ for kind in told} == {"DivergenceWarning", "GraphWarning", "StartWarning"}
    for kind in told:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            warnings.warn("once", kind, stacklevel=1)
        assert [warning.category for warning in caught] == [kind]
