"""Work in threads: all of it is done, errors reach the caller, and no thread outlives its call."""

import threading

import pytest

from dsrl_ref import threads


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_item_is_worked_on_once(number):
    done = []
    threads.in_threads(done.append, range(3, 40, 4), number)
    assert sorted(done) == list(range(3, 40, 4))
    assert threading.active_count() == 1


@pytest.mark.parametrize("number", [1, 2])
def test_an_error_reaches_the_caller_and_drops_what_has_not_begun(number):
    begun = []

    def work(item):
        begun.append(item)
        if item == 3:
            raise RuntimeError("item 3")

    with pytest.raises(RuntimeError, match="item 3"):
        threads.in_threads(work, range(10_000), number)
    assert len(begun) < 10_000


def test_processors_are_counted():
    assert threads.processors() >= 1
