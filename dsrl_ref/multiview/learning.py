"""The learned graph: what the network makes of a similarity graph, entry by entry."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.scalar_map import ScalarMap
from dsrl_ref.errors import GraphWarning, StartWarning
from dsrl_ref.objective import Objective
from dsrl_ref.progress import Progress
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import fit
from dsrl_ref.training.authors import START, AuthorsDescent

LOOKS = 64  # weights that are looked at at a time, to find the least that is kept
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
        network = ScalarMap(self.theta, self.L, self.layers)
        return self.scale * np.maximum(network(weights / self.scale), 0.0)

    def kept(self, ascending: Array) -> int:
        """How many of weights in ascending order the network keeps.

        Where none of its pieces falls it keeps those above some place, which is looked for among a few of them first.
        """
        network = ScalarMap(self.theta, self.L, self.layers)
        values = ascending / self.scale
        if (network.slopes < 0).any():
            return int(np.count_nonzero(network(values) > 0))
        first, last = 0, len(values)  # what is before `first` goes, what is from `last` on stays
        while first < last:
            step = max(1, (last - first) // LOOKS)
            places = np.arange(first, last, step)
            goes = int(np.count_nonzero(network(values[places]) <= 0))
            first, last = (first if not goes else places[goes - 1] + 1), (places[goes] if goes < len(places) else last)
        return len(values) - int(first)


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
    scaled = csr_array((W.data / scale, W.indices, W.indptr), shape=W.shape)
    J = Objective(Fidelity(scaled), layers=layers)
    descent = AuthorsDescent(J, START.copy(), learning_rate)
    descent.plateau.patience = epochs  # the loss stands still until the knot reaches the many; the rate must not fall
    losses, ascending, enough = [], np.sort(W.data), keep * W.nnz
    with Progress("learning a graph", verbose) as progress:
        while True:
            if descent.values[4] <= 0:
                L = float(descent.values[4])
                raise ValueError(f"learning_rate = {learning_rate} is too large: training came to L = {L:.3g}")
            losses.append(descent.evaluate())
            theta, L = Theta.projected(descent.values[:4]), float(descent.values[4])
            found = LearnedGraph(W, theta, L, scale, np.array(losses), layers)
            edges = found.kept(ascending)
            told = f"{edges / max(1, W.nnz):.1%} of the edges are kept"
            progress.tell(f"epoch {len(losses)} of at most {epochs}, {told}")
            if edges >= enough or len(losses) == epochs:
                break
            descent.step()
    kept = found.apply(W.data)
    share = np.count_nonzero(kept) / max(1, W.nnz)
    if W.nnz and share < keep:
        message = f"after {epochs} epochs only {share:.1%} of the edges are kept, not {keep:.1%}; "
        warnings.warn(message + "raise epochs or learning_rate", GraphWarning, stacklevel=4)
    graph = csr_array((kept, W.indices.copy(), W.indptr.copy()), shape=W.shape)
    graph.eliminate_zeros()
    return LearnedGraph(_with_everyone(graph, W), theta, L, scale, found.losses, layers)


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
    n = learned.shape[0]
    parts = (CANDIDATES, candidates), (1 - CANDIDATES, learned)
    first, second = (graph * (share * n / float(graph.sum())) for share, graph in parts)
    whole = csr_array(first + second)
    whole.sort_indices()
    return whole


def _with_everyone(graph: csr_array, W: csr_array) -> csr_array:
    alone = np.flatnonzero((np.diff(graph.indptr) == 0) & (np.diff(W.indptr) > 0))
    if not alone.size:
        return graph
    strongest = [W.indptr[i] + int(np.argmax(W.data[W.indptr[i] : W.indptr[i + 1]])) for i in alone]
    least = graph.data.min() if graph.nnz else 1.0
    links = csr_array((np.full(alone.size, least), (alone, W.indices[strongest])), shape=W.shape)
    return csr_array(graph.maximum(links.maximum(links.T)))
