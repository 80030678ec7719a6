"""Work that the sums over pieces are prepared by leaves the main thread free to answer Ctrl-C."""

import sys
from threading import current_thread, main_thread

import children
import numpy as np
import pytest

from dsrl_ref import Fidelity
from dsrl_ref.engines import pieces
from dsrl_ref.engines.problem import Problem

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
