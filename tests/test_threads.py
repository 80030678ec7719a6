"""Work in threads is all done, errors reach the caller, no thread outlives its call; small products have one thread."""

import concurrent.futures
import signal
import sys
import threading
from concurrent.futures import wait

import children
import pytest
from blas import Library, kinds

from dsrl_ref import threads


def ours():
    """Threads of the pool that are left; others, such as a library keeps, have other names."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("dsrl_ref")]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_item_is_worked_on_once(number):
    done = []
    threads.in_threads(done.append, range(3, 40, 4), number)
    assert sorted(done) == list(range(3, 40, 4))
    assert not ours()


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
    assert not ours()


def test_what_has_not_begun_never_does_once_other_work_has_failed():
    """Though the caller still waits for work that comes first, and takes its time to end."""
    begun, third = threading.Event(), threading.Event()

    def work(item):
        if item == 1:
            begun.wait()
            raise RuntimeError("item 1")
        if item == 2:
            third.set()
            return
        begun.set()
        try:
            while True:
                yield
        finally:
            third.wait(0.2)

    with pytest.raises(RuntimeError, match="item 1"):
        threads.in_threads(work, range(3), 2)
    assert not third.is_set()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="sends a signal to a thread")
def test_an_interrupt_ends_work_where_it_yields():
    """SIGINT comes when the main thread waits, or is about to, for work that never ends by itself."""
    main = threading.main_thread().ident

    def waits(frame):
        return frame is not None and (frame.f_code is wait.__code__ or waits(frame.f_back))

    def work(item):
        if item == 0:
            while not waits(sys._current_frames()[main]):
                yield
            signal.pthread_kill(main, signal.SIGINT)
        while True:
            yield

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        threads.in_threads(work, range(2), 2)
    assert not ours()


def test_processors_are_counted(monkeypatch):
    assert threads.processors() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 4711)
    assert threads.processors() == 4711
    monkeypatch.setattr("os.cpu_count", lambda: None)  # where the system does not tell
    assert threads.processors() == 1


@pytest.mark.parametrize(
    "work", [lambda: threads.interruptible(int), lambda: threads.in_threads(lambda item: None, range(4), 2)]
)
def test_it_is_looked_for_ctrl_c_more_often_than_once_a_second(monkeypatch, work):
    looks, wait = [], concurrent.futures.wait
    monkeypatch.setattr(
        concurrent.futures, "wait", lambda *a, timeout: looks.append(timeout) or wait(*a, timeout=timeout)
    )
    monkeypatch.setattr(
        concurrent.futures.Future, "done", lambda self, done=concurrent.futures.Future.done: bool(looks) and done(self)
    )
    work()
    assert 0 < max(looks) < 1


def test_a_limit_is_the_number_of_processors_until_it_ends(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(7)), raising=False)
    with threads.limited(3):
        assert threads.processors() == 3
        with threads.limited(None):
            assert threads.processors() == 3
        with threads.limited(9):
            assert threads.processors() == 9
        assert threads.processors() == 3
        with pytest.raises(RuntimeError, match="inside"), threads.limited(1):
            raise RuntimeError("inside")
        assert threads.processors() == 3
    assert threads.processors() == 7


def test_a_limit_is_of_its_thread_and_of_those_that_work_for_it(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(7)), raising=False)
    seen = []
    with threads.limited(2):
        threads.in_threads(lambda item: seen.append(threads.processors()), range(9), 2)
        other = threading.Thread(target=lambda: seen.append(threads.processors()))
        other.start()
        other.join()
    assert seen == [2] * 9 + [7]


def test_blas_has_no_more_threads_than_the_limit(fake_blas):
    library = Library(8)
    fake_blas(library)
    with threads.limited(3):
        assert library.number == 3
        with threads.limited(None):
            assert library.number == 3
    assert library.number == 8


@pytest.mark.parametrize(
    ("multiplications", "number"), [(0, 1), (threads.LARGE_PRODUCT - 1, 1), (threads.LARGE_PRODUCT, 6)]
)
def test_small_products_have_one_thread(fake_blas, multiplications, number):
    library = Library(8)
    fake_blas(library)
    with threads.blas_threads(6, multiplications):
        assert library.number == number


def numbers_of_blas(do, library, items=20, number=2):
    """How many threads BLAS has while each item is worked on."""
    seen = []
    do(lambda item: seen.append(library.number), range(items), number)
    return seen


@kinds
def test_blas_has_one_thread_in_each_of_several_and_what_was_set_where_there_is_one(fake_blas, kind):
    library = Library(8, **kind)
    fake_blas(library)
    assert numbers_of_blas(threads.blas_in_threads, library) == [1] * 20
    assert library.number == 8
    for number in (2, 1):
        assert numbers_of_blas(threads.blas_in_threads, library, 1, number) == [8]


def test_every_thread_has_one_also_while_another_has_none_to_do(fake_blas):
    """The number of the process is limited until all are done: it does not rise between two items."""
    library = Library(8)
    fake_blas(library)
    numbers_of_blas(threads.blas_in_threads, library)
    assert library.set_to == [1, 8]


@kinds
def test_work_without_products_leaves_the_threads_of_blas_alone(fake_blas, kind):
    """To set a number and set it back would take longer than a small evaluation does."""
    library = Library(8, **kind)
    fake_blas(library)
    assert numbers_of_blas(threads.in_threads, library) == [8] * 20
    assert library.set_to == []


# Work that waits for an event as a sort does for its end, without an eye for Ctrl-C. The signal comes when the main
# thread waits already, and reaches the thread of the work, so that the main thread has to look whether there was one.
# Only what it does when it is interrupted sets the event: where the work is done in the main thread, or that never
# looks, the child hangs.
WAITING = """
import concurrent.futures, signal, sys, threading
from dsrl_ref.threads import interruptible

interrupted, main = threading.Event(), threading.main_thread().ident
def waits(frame):
    while frame and frame.f_code is not concurrent.futures.wait.__code__:
        frame = frame.f_back
    return frame
def work():
    while not waits(sys._current_frames()[main]):
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    interrupted.wait()
try:
    interruptible(work)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""
ends = pytest.mark.parametrize("then", ["interrupted.set()", "pass"], ids=["that goes on", "that never ends"])


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@ends
def test_an_interrupt_is_answered_while_work_is_done_and_the_exit_does_not_wait_for_work(then):
    assert children.output("-c", WAITING + then) == "interrupted\n"


def test_an_error_of_interruptible_work_reaches_the_caller():
    with pytest.raises(MemoryError, match="no room"):
        threads.interruptible(_without_room)


def _without_room():
    raise MemoryError("no room")
