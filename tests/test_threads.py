"""Work in threads: all of it is done, errors reach the caller, and no thread outlives its call."""

import signal
import sys
import threading
from concurrent.futures import Future

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


@pytest.mark.parametrize("number", [1, 3])
def test_work_in_steps_is_done_to_its_end(number):
    done = []

    def work(item):
        for step in range(item % 3):
            done.append((item, step))
            yield

    threads.in_threads(work, range(20), number)
    assert sorted(done) == [(item, step) for item in range(20) for step in range(item % 3)]


def test_work_in_steps_is_left_where_it_yields_once_other_work_has_failed():
    """The failure waits until the long work has begun, and that never ends by itself."""
    begun = threading.Event()

    def work(item):
        if item:
            begun.wait()
            raise RuntimeError("item 1")
        begun.set()
        while True:
            yield

    with pytest.raises(RuntimeError, match="item 1"):
        threads.in_threads(work, range(2), 2)
    assert threading.active_count() == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="sends a signal to a thread")
def test_an_interrupt_ends_work_where_it_yields():
    """SIGINT comes when the main thread waits for work that never ends by itself."""
    main = threading.main_thread().ident

    def waits(frame):
        return frame is not None and (frame.f_code is Future.result.__code__ or waits(frame.f_back))

    def work(item):
        if item == 0:
            while not waits(sys._current_frames()[main]):
                yield
            signal.pthread_kill(main, signal.SIGINT)
        while True:
            yield

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        threads.in_threads(work, range(2), 2)
    assert threading.active_count() == 1


def test_processors_are_counted():
    assert threads.processors() >= 1
