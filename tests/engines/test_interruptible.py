"""Work that the sums over pieces are prepared by leaves the main thread free to answer Ctrl-C."""

import sys
from threading import current_thread, main_thread

import children
import numpy as np
import pytest

from dsrl_ref import Fidelity
from dsrl_ref.engines import pieces
from dsrl_ref.engines.problem import Problem

# Work that waits for an event as a sort does for its end, without an eye for Ctrl-C. The signal comes when the main
# thread waits already, and reaches the thread of the work, so that the main thread has to look whether there was one.
# Only what it does when it is interrupted sets the event: where the work is done in the main thread, or that never
# looks, the child hangs.
WAITING = """
import concurrent.futures, signal, sys, threading
from dsrl_ref.engines import pieces

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
    pieces.interruptible(work)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""
ends = pytest.mark.parametrize("then", ["interrupted.set()", "pass"], ids=["that goes on", "that never ends"])


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@ends
def test_an_interrupt_is_answered_while_work_is_done_and_the_exit_does_not_wait_for_work(then):
    assert children.output("-c", WAITING + then) == "interrupted\n"


# SIGINT comes when a sort is about to begin. If the sort kept the other threads from running, "sorted" would come first
# every time. On a busy machine it may come first by chance, so there are a few attempts, of which one is enough.
SORTING = """
import os, signal, threading
import numpy as np
from dsrl_ref import Fidelity
from dsrl_ref.engines import pieces
from dsrl_ref.engines.problem import Problem

class Interrupting(np.ndarray):
    def _interrupting(self, sort):
        os.kill(os.getpid(), signal.SIGINT)
        answer = sort()
        order.append("sorted")
        return answer
    def sort(self):
        return self._interrupting(self.view(np.ndarray).sort)
    def argsort(self):
        return self._interrupting(self.view(np.ndarray).argsort)

pieces.Pieces = lambda *arguments: None  # what comes after the sort
pieces.sorted_together = lambda w, target: w.argsort()
w = np.random.default_rng(0).random((1, 10_000_000))
for attempt in range(20):
    order = []
    try:
        f = Fidelity(w)
        f.W = w.copy().view(Interrupting)
        pieces.prepare(Problem(f, f.W, TARGET, 3))
        order.append("not interrupted")
    except KeyboardInterrupt:
        order.append("interrupted")
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    if order == ["interrupted", "sorted"]:
        break
print(*order)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("target", ["f.W", "1 - w"])
def test_an_interrupt_is_answered_before_a_sort_ends(target):
    assert children.output("-c", SORTING.replace("TARGET", target)) == "interrupted sorted\n"


class Watched(np.ndarray):
    """Entries that remember which of their slow methods ran in which thread."""

    seen: dict = {}  # noqa: RUF012

    def _note(self, what):
        self.seen[what] = current_thread() is main_thread()
        return self.view(np.ndarray)

    def sort(self):
        self._note("sort").sort()

    def argsort(self):
        return self._note("argsort").argsort()

    def copy(self):
        return self._note("copy").copy().view(Watched)

    def __getitem__(self, key):
        if not isinstance(key, np.ndarray):
            return self.view(np.ndarray)[key]
        return self._note("some entries")[key].view(Watched)

    def __array_function__(self, function, kinds, arguments, options):
        return function(*(self._note(function.__name__) if a is self else np.asarray(a) for a in arguments), **options)


@pytest.mark.parametrize(
    ("W", "target", "slow"),
    [
        ([1.0, 3.0, 2.0], None, {"count_nonzero", "copy", "sort"}),
        ([1.0, 0.0, 2.0], None, {"count_nonzero", "some entries", "sort"}),
        ([1.0, 3.0, 2.0], [5.0, 7.0, 6.0], {"argsort", "some entries"}),
    ],
)
def test_what_takes_long_is_done_beside_the_main_thread(W, target, slow):
    """None of it holds the interpreter, so that the main thread is free to answer Ctrl-C."""
    W = np.array([W]).view(Watched)
    goal = W if target is None else np.array([target]).view(Watched)
    W.seen.clear()
    f = Fidelity(np.asarray(W))
    f.W = W  # as it is
    prepared = pieces.prepare(Problem(f, W, goal, 3))
    assert {what for what, in_main in W.seen.items() if not in_main} >= slow
    assert not any(W.seen[what] for what in slow)
    assert np.array_equal(prepared.w, np.sort(np.asarray(W)[np.asarray(W) != 0]))
    assert np.array_equal(prepared.target, [] if target is None else [5.0, 6.0, 7.0])


def test_an_error_in_that_thread_reaches_the_caller():
    with pytest.raises(MemoryError, match="no room"):
        pieces.interruptible(_without_room)


def _without_room():
    raise MemoryError("no room")
