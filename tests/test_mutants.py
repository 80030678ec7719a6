"""Every mutant is caught, and the layers that catch them pass the package as it is."""

import importlib

import pytest
from mutants import MUTANTS, Mutant, caught_by


def test_the_package_itself_passes_every_layer():
    assert caught_by() == ""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_is_caught(mutant):
    assert caught_by(mutant)


def test_the_list_is_long_and_without_repeats():
    assert len({(m.file, m.old, m.new, m.place) for m in MUTANTS}) == len(MUTANTS) >= 60


def test_a_text_that_does_not_occur_as_stated_is_an_error():
    with pytest.raises(AssertionError, match="occurs 2 times, not 1"):
        Mutant("f.py", "a", "b").applied("a a")


def test_the_real_package_is_back_afterwards():
    before = importlib.import_module("dsrl_ref")
    caught_by(MUTANTS[0])
    assert importlib.import_module("dsrl_ref") is before
