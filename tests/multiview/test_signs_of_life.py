"""Whoever waits hears of each step of the work how far it is, and may end it at any moment by Ctrl-C."""

import itertools
import sys

import children
import numpy as np
import pytest

from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, complementary_views, eigen, propagation, similarity_graph

VIEWS, LABELS = complementary_views(120, random_state=0)
POISSON = DSRLClassifier(view_weights=None, propagation="poisson")
KNOWN = np.where(np.arange(120) < 30, LABELS, -1)


@pytest.fixture
def _iterative(monkeypatch):
    """Small data take the ways of large ones."""
    monkeypatch.setattr(eigen, "DENSE", 0)
    monkeypatch.setattr(propagation, "DENSE", 0)


def steps_of(told):
    """What was done, in its order: the first words of each text."""
    return [name for name, _ in itertools.groupby(text.split(":")[0] for text, *_ in told)]


@pytest.mark.usefixtures("_iterative")
@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (
            lambda callback: DSRLClustering(4, random_state=0).fit(VIEWS, callback=callback),
            ["joining neighbours", "eigenvectors", "k-means", "learning a graph", "eigenvectors", "k-means"],
        ),
        (
            lambda callback: DSRLClassifier(view_weights=None).fit(VIEWS, KNOWN, callback=callback),
            ["joining neighbours", "learning a graph", "spreading labels"],
        ),
        (
            lambda callback: DSRLClassifier(view_weights=None, propagation="poisson").fit(
                VIEWS, KNOWN, callback=callback
            ),
            ["joining neighbours", "learning a graph", "spreading labels"],
        ),
        (lambda callback: similarity_graph(VIEWS, callback=callback), ["joining neighbours"]),
    ],
    ids=["clustering", "classifier", "poisson", "graph"],
)
def test_a_callback_hears_of_every_step_and_how_far_it_is(work, expected, capfd):
    told = []
    work(lambda *said: told.append(said))
    steps = [name for name in steps_of(told) if name in expected]  # neighbours are told of within the first
    assert [name for name, _ in itertools.groupby(steps)] == expected
    for text, share, left in told:
        assert isinstance(text, str)
        assert share is None or 0 <= share <= 1
        assert (left is None) == (not share)
        assert left is None or left >= 0
    assert max(share for _, share, _ in told if share is not None) > 0.3
    assert capfd.readouterr().err == ""


class EndError(Exception):
    """What a callback may raise."""


@pytest.mark.parametrize("estimator", [DSRLClustering(4), DSRLClassifier()], ids=["clustering", "classifier"])
def test_what_a_callback_raises_ends_the_work_and_leaves_the_last_fit(estimator):
    estimator.fit(VIEWS, KNOWN)
    before = estimator.graph_

    def ending(text, share, left):
        if text.startswith("learning"):
            raise EndError(text)

    with pytest.raises(EndError, match="learning a graph: epoch 1 of at most 200"):
        estimator.fit([-view[::-1] for view in VIEWS], KNOWN, callback=ending)
    assert (estimator.graph_ != before).nnz == 0


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match=r"callback must be a function of text, share and seconds left, or None, got 3"):
        DSRLClustering(4).fit(VIEWS, callback=3)


# Each child sends itself SIGINT from another thread once the step that is asked for has begun, which that sees in the
# main thread's stack. What the main thread does there never ends by itself: the step's own ends are taken away. Where
# it did not come back to Python between two products, blocks or starts, the child would hang.
ENDLESS = """
import itertools, signal, sys, threading, time
import numpy as np
from scipy.sparse import csr_array, random_array
from dsrl_ref.multiview import assembly, conjugate, edges, eigen, learning, propagation, spectral

rng = np.random.default_rng(0)
half = csr_array(random_array((400, 400), density=0.05, rng=rng))
W = csr_array(half + half.T)
W.setdiag(0)
W.eliminate_zeros()
main = threading.main_thread().ident

def within(name):
    frame = sys._current_frames()[main]
    while frame and frame.f_code.co_name != name:
        frame = frame.f_back
    return frame is not None

def interrupt():
    while not within(NAME):
        time.sleep(0.001)
    signal.pthread_kill(main, signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    WORK
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""
WORKS = {
    "fuse": (
        "assembled",
        "assembly.blocks = lambda indptr: itertools.chain([slice(0, 400)], itertools.repeat(slice(400, 400)))\\n"
        "    assembly.weighted_sum([W, W], [0.5, 0.5])",
    ),
    "symmetrise": (
        "assembled",
        "assembly.blocks = lambda indptr: itertools.chain([slice(0, 400)], itertools.repeat(slice(400, 400)))\\n"
        "    assembly.symmetrised(half)",
    ),
    "learn_graph": (
        "descended",
        "learning.count_kept = lambda network, ascending: 0\\n"
        "    learning.learn_graph(W, keep=0.5, layers=3, epochs=10**9, learning_rate=1e-9)",
    ),
    "embedding": (
        "lowered",
        "eigen.DENSE, eigen.TOLERANCE = 0, 0.0\\n    while True: spectral.embed(W, 20)",
    ),
    "k-means": (
        "_lloyd",
        "spectral.k_means(rng.normal(size=(3000, 5)), 9, 10**9, rng)",
    ),
    "propagation": (
        "_descended",
        "conjugate.ROUNDS, conjugate.ROUNDING, conjugate.TOLERANCE = 10**9, -1.0, 0.0\\n"
        "    propagation.DENSE = 0\\n"
        "    propagation.propagate(W, [np.arange(400) % 400 - 380], 20, 'balanced', 10.0)",
    ),
    "poisson": (
        "_descended",
        "conjugate.ROUNDS, conjugate.ROUNDING, conjugate.TOLERANCE = 10**9, -1.0, 0.0\\n"
        "    propagation.DENSE = 0\\n"
        "    propagation.propagate(W, [np.arange(400) % 400 - 380], 20, 'poisson', 10.0)",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.children
@pytest.mark.parametrize("step", WORKS)
def test_ctrl_c_ends_every_step(step):
    name, work = WORKS[step]
    program = ENDLESS.replace("NAME", repr(name)).replace("WORK", work.replace("\\n", "\n"))
    assert children.output("-c", program) == "interrupted\n"
