"""Every mutant is caught, and what catches them passes the package as it is."""

import importlib

import pytest
from mutants import MUTANTS, hunt
from mutants.hunt import NEAREST_LAYER, PACKAGE, caught_by, copied, failing_layer, failing_test, mirror
from mutants.mutant import Mutant

pytestmark = pytest.mark.children
FIRST_OF_EACH_FILE = [*{mutant.file: mutant for mutant in reversed(MUTANTS)}.values()]
SAMPLE = FIRST_OF_EACH_FILE[::4]  # what the default run hunts: a second or two each
MIRRORS = sorted({mirror(mutant.file) for mutant in MUTANTS} - {mirror(file) for file in NEAREST_LAYER})


def test_a_faithful_copy_passes_every_layer():
    with copied() as folder:
        assert failing_layer(folder) == ""


@pytest.mark.parametrize("file", ["free.py", "errors.py", "progress.py"])
def test_a_faithful_copy_passes_some_of_the_tests_that_judge_mutants(file):
    with copied() as folder:
        assert failing_test(folder, mirror(file)) == ""


@pytest.mark.nightly
@pytest.mark.parametrize("tests", MIRRORS, ids=lambda tests: tests.stem)
def test_a_faithful_copy_passes_the_tests_that_judge_mutants(tests):
    with copied() as folder:
        assert failing_test(folder, tests) == ""


def test_every_mutant_still_applies():
    for mutant in MUTANTS:
        text = (PACKAGE / mutant.file).read_text(encoding="utf-8")
        assert mutant.applied(text) != text, mutant.name


def require_judges(mutant):
    """Skip mutants of pictures, or of work on workers, where the tests that judge them would be skipped too."""
    if mutant.file.startswith("pictures/"):
        pytest.importorskip("matplotlib", reason="pictures need the extra plot")
    if mutant.file.startswith(("distributed/", "multiview/spread/")):
        pytest.importorskip("dask.distributed", reason="the extra distributed brings dask")


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_the_first_of_every_fourth_file_is_caught(mutant):
    require_judges(mutant)
    assert caught_by(mutant)


@pytest.mark.nightly
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_is_caught_or_argued_to_be_equivalent(mutant):
    require_judges(mutant)
    assert bool(caught_by(mutant)) != bool(mutant.equivalent)


def test_the_lists_are_long_and_without_repeats():
    assert len({(m.file, m.old, m.new, m.place) for m in MUTANTS}) == len(MUTANTS) >= 250
    assert 30 <= len(SAMPLE) <= 60
    assert not any(mutant.equivalent for mutant in FIRST_OF_EACH_FILE)


def test_a_text_that_does_not_occur_as_stated_is_an_error():
    with pytest.raises(AssertionError, match="occurs 2 times, not 1"):
        Mutant("f.py", "a", "b").applied("a a")


def test_the_real_package_is_back_afterwards():
    before = importlib.import_module("dsrl_ref")
    caught_by(MUTANTS[0])
    assert importlib.import_module("dsrl_ref") is before


def test_a_mutant_that_never_ends_is_caught(tmp_path, monkeypatch):
    tests = tmp_path / "test_for_ever.py"
    tests.write_text("def test_ends():\n    while True:\n        pass\n")
    monkeypatch.setattr(hunt, "LIMIT", 1)
    with copied() as folder:
        assert failing_test(folder, tests) == "a hang"
        monkeypatch.setattr(hunt.judges, "LAYERS", {"for ever": lambda package: failing_for_ever()})
        assert failing_layer(folder) == "for ever"


def failing_for_ever():
    while True:
        pass


def test_tests_that_cannot_judge_are_an_error(tmp_path):
    tests = tmp_path / "test_nothing.py"
    tests.write_text("raise RuntimeError('broken tests')\n")
    with copied() as folder, pytest.raises(AssertionError, match=r"(?s)did not judge:.*broken tests"):
        failing_test(folder, tests)
