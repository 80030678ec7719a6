"""A caller catches all errors of the package, or one kind, or what Python calls that kind."""

import configparser
import re
import warnings
from pathlib import Path

import pytest

import dsrl_ref
from dsrl_ref import errors

KINDS = {
    errors.ClusterError: RuntimeError,
    errors.DivergenceError: ValueError,
    errors.InfeasibleThetaError: ValueError,
    errors.ModelFileError: ValueError,
    errors.DataFileError: OSError,
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
    assert {kind.__name__ for kind in told} == {"ClusterWarning", "DivergenceWarning", "GraphWarning", "StartWarning"}
    for kind in told:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            warnings.warn("once", kind, stacklevel=1)
        assert [warning.category for warning in caught] == [kind]


def test_the_extra_that_a_message_names_exists_and_is_asked_for_in_the_form_that_works():
    """``pip install 'dsrl_ref[plot]'`` asks what is installed, from a checkout too, which packages the extra is."""
    package = Path(dsrl_ref.__file__).parent
    settings = package.parent / "setup.cfg"
    if not settings.exists():
        pytest.skip("no checkout: setup.cfg is not installed")
    config = configparser.ConfigParser()
    config.read(settings, encoding="utf-8")
    told = {}
    for path in package.rglob("*.py"):
        for call in re.findall(r"MissingExtraError\((.*?)\) from", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            told[path.name] = re.search(r"pip install 'dsrl_ref\[(\w+)\]'", call)
    assert {"plotting.py", "frames.py", "hdf5.py"} <= set(told)
    assert all(told.values()), told
    assert {found[1] for found in told.values()} <= set(config["options.extras_require"])
