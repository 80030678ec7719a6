"""The learned graph: what the network makes of a similarity graph, entry by entry."""

import warnings
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import GraphWarning, StartWarning
from dsrl_ref.multiview.assembly import BLOCK, assembled, blocks, rows_of, weighted_sum
from dsrl_ref.multiview.conventions import narrow
from dsrl_ref.objective import Objective
from dsrl_ref.progress import Progress
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.threads import interruptible
from dsrl_ref.training import fit
from dsrl_ref.training.authors import START, AuthorsDescent

CANDIDATES = 0.25  # share of the candidates in what labels spread over


@dataclass(frozen=True)
class LearnedGraph:
    """What `learn_graph` found.

    Attributes
    ----------
    graph : csr_array (n, n)
        Output of the network; no explicit zeros.
    theta, L : Theta and float
        What it learned, for a graph divided by `scale`.
    scale : float
        Largest weight of the graph that went in, 1 where it was not scaled.
    losses : ndarray (epochs,)
        J before each step, and where it stopped.
    layers : int
        Of the network.
    """

    graph: csr_array
    theta: Theta
    L: float
    scale: float
    losses: Array
    layers: int

    def apply(self, weights: Array) -> Array:
        """Apply the learned network to new weights: it is one function of a number."""
        network, found = ScalarMap(self.theta, self.L, self.layers), np.empty(weights.shape)
        for start in range(0, weights.size, BLOCK):
            block = slice(start, start + BLOCK)
            found[block] = self.scale * np.maximum(network(weights[block] / self.scale), 0.0)
        return found


def count_kept(network: ScalarMap, ascending: Array) -> int:
    """How many numbers in ascending order a network maps above 0: as many as it does one by one.

    On a piece the map is slope·w + intercept, which rounds to what never falls, or never rises: those above 0 are at
    one end of it, and halving finds where they begin. Between two pieces all are looked at, each value once.
    """
    ends, kept = network.intervals[:, 1], 0
    begins = ascending.searchsorted(network.intervals[:, 0], side="left").tolist()
    after = ascending.searchsorted(ends, side="right").tolist()
    for slope, intercept, begin, end in zip(network.slopes, network.intercepts, begins, after, strict=True):
        falls = bool(slope < 0)

        def has_turned(place: int, slope: float = slope, intercept: float = intercept, falls: bool = falls) -> bool:
            return bool(slope * ascending[place] + intercept > 0) != falls

        turn = begin + bisect_left(range(begin, end), True, key=has_turned)
        kept += turn - begin if falls else end - turn
    for begin, end in zip([0, *after], [*begins, len(ascending)], strict=True):
        between = ascending[begin:end]
        first = np.flatnonzero(np.append(True, between[1:] != between[:-1])[: between.size])
        if first.size:
            times = np.diff(first, append=between.size)
            kept += int(times[network(between[first]) > 0].sum())
    return kept


def learn_graph(
    W: csr_array, *, keep: float, layers: int, epochs: int, learning_rate: float, verbose: bool | None = None
) -> LearnedGraph:
    """Train on a graph until the network keeps a share of its edges.

    The target is the graph itself, of which the network at the authors' start keeps nothing (its knot is the
    largest weight, 1 after scaling) and in the end all: the share decides where to stop, and no label is asked. A
    sample that would lose all its edges keeps its strongest, with the smallest weight that is left.

    Parameters
    ----------
    W : csr_array (n, n)
        Symmetric, nonnegative.
    keep : float
        Share of the edges, in (0, 1].
    layers, epochs, learning_rate
        Of the network and its training; `epochs` at most.
    verbose : bool, optional
        As for `fit`.

    Warns
    -----
    GraphWarning
        Where the epochs end before that.
    """
    scale = float(W.data.max()) if W.nnz else 1.0
    training = Training(keep, layers, epochs, learning_rate, verbose)
    theta, L, losses = trained(W.data / scale, training)
    graph = mapped(W, LearnedGraph(W, theta, L, scale, losses, layers))
    training.warn_of_share(graph.nnz, W.nnz)
    return LearnedGraph(_with_everyone(graph, W), theta, L, scale, losses, layers)


@dataclass(frozen=True)
class Training:
    """How a network is trained on a graph: the parameters of `learn_graph`."""

    keep: float
    layers: int
    epochs: int
    learning_rate: float
    verbose: bool | None

    def warn_of_share(self, kept: int, edges: int) -> None:
        """Warn where so many of the edges are fewer than were to be kept."""
        share = kept / max(1, edges)
        if edges and share < self.keep:
            message = f"after {self.epochs} epochs only {share:.1%} of the edges are kept, not {self.keep:.1%}; "
            warnings.warn(message + "raise epochs or learning_rate", GraphWarning, stacklevel=5)


def trained(weights: Array, training: Training) -> tuple[Theta, float, Array]:
    """Train on weights, of which the largest is 1, until a share of them is kept: Θ, L, and the loss of every epoch.

    J does not ask where in a matrix its entries are, so that one row of them, which is sorted here, does for all.
    """
    interruptible(weights.sort)
    J = Objective(Fidelity(weights[np.newaxis] if weights.size else np.zeros((1, 1))), layers=training.layers)
    return descended(J, weights.size, lambda network: count_kept(network, weights), training)


def descended(
    J: Objective, size: int, count: Callable[[ScalarMap], int], training: Training
) -> tuple[Theta, float, Array]:
    """The same of an objective of so many weights, of which `count` tells how many a network keeps."""
    layers, epochs, learning_rate = training.layers, training.epochs, training.learning_rate
    descent = AuthorsDescent(J, START.copy(), learning_rate)
    descent.plateau.patience = epochs  # the loss stands still until the knot reaches the many; the rate must not fall
    losses: list[float] = []
    with Progress("learning a graph", training.verbose) as progress:
        while True:
            if descent.values[4] <= 0:
                L = float(descent.values[4])
                raise ValueError(f"learning_rate = {learning_rate} is too large: training came to L = {L:.3g}")
            losses.append(descent.evaluate())
            theta, L = Theta.projected(descent.values[:4]), float(descent.values[4])
            edges = count(ScalarMap(theta, L, layers))
            told = f"{edges / max(1, size):.1%} of the edges are kept"
            progress.tell(f"epoch {len(losses)} of at most {epochs}, {told}", len(losses) / epochs)
            if edges >= training.keep * size or len(losses) == epochs:
                return theta, L, np.array(losses)
            descent.step()


def mapped(W: csr_array, learned: LearnedGraph) -> csr_array:
    """What the network makes of every weight of a graph; what is 0 is no edge."""

    def part(block: slice) -> csr_array:
        rows = rows_of(W, block)
        found = csr_array((learned.apply(rows.data), rows.indices.copy(), rows.indptr), shape=rows.shape)
        found.eliminate_zeros()
        return found

    return assembled(W.shape, W.nnz, blocks(W.indptr), part)


def learn_as_authors(
    W: csr_array, *, layers: int, epochs: int, learning_rate: float, verbose: bool | None = None
) -> LearnedGraph:
    """Train as the authors' program does, for a number of epochs, on the graph as it is."""
    J = Objective(Fidelity(W), layers=layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StartWarning)  # as the authors have it: decay alone moves their start
        learned = fit(J, method="authors", epochs=epochs, learning_rate=learning_rate, verbose=verbose)
    if learned.status is Status.INTERRUPTED:  # a half-trained network is none that was asked for
        raise KeyboardInterrupt
    if learned.status is not Status.COMPLETED:
        raise ValueError(f"learning_rate = {learning_rate} is too large: {learned.message}")
    network = J.scalar_map(learned.theta, learned.L)
    graph = csr_array(W, copy=True)
    graph.data = network(graph.data)
    graph.eliminate_zeros()
    if W.nnz and not graph.nnz:
        message = "the network kept no edge: take other epochs or a smaller learning_rate"
        warnings.warn(message, GraphWarning, stacklevel=4)
    return LearnedGraph(graph, learned.theta, learned.L, 1.0, learned.history["loss"], layers)


def mixed(candidates: csr_array, learned: csr_array) -> csr_array:
    """What labels spread over: the learned graph, and as a quarter of it the candidates, each at mean degree 1.

    Where the edges that the network takes away are the only ones between parts of a class, labels still come across.
    """
    if not learned.nnz:
        return learned
    return weighted_sum([candidates, learned], shares_of(candidates, learned))


def shares_of(candidates: Any, learned: Any) -> list[float]:
    """What each of both graphs, which know the sums of their rows, is multiplied by in what is `mixed`."""
    parts = (CANDIDATES, candidates), (1 - CANDIDATES, learned)
    return [share * graph.shape[0] / float(graph.sum(axis=1).sum()) for share, graph in parts]


def _with_everyone(graph: csr_array, W: csr_array) -> csr_array:
    samples, strongest = lonely(graph, W)
    least = graph.data.min() if graph.nnz else 1.0
    return linked(graph, samples, strongest, least) if samples.size else graph


def lonely(graph: csr_array, W: csr_array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows that have lost all their edges, and the columns of the strongest that they had."""
    alone = np.flatnonzero((np.diff(graph.indptr) == 0) & (np.diff(W.indptr) > 0))
    strongest = [W.indptr[i] + int(np.argmax(W.data[W.indptr[i] : W.indptr[i + 1]])) for i in alone]
    return alone, W.indices[strongest].astype(np.intp)


def linked(
    rows: csr_array, samples: NDArray[np.intp], others: NDArray[np.intp], weight: float, first: int = 0
) -> csr_array:
    """Some rows of a graph, from the `first` on, with links of one weight, in both directions, that it had not."""
    found, shape = rows, rows.shape
    for row, column in ((samples, others), (others, samples)):
        here = (first <= row) & (row < first + shape[0])
        links = csr_array((np.full(np.count_nonzero(here), weight), (row[here] - first, column[here])), shape=shape)
        found = csr_array(found.maximum(links))
    return narrow(found)
