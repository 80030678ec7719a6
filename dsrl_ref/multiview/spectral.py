"""Clusters of a graph: spectral embedding, and k-means with restarts."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from dsrl_ref.arrays import Array
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.assembly import assembled, components, equal_blocks
from dsrl_ref.multiview.eigen import Scaled, top_eigenvectors
from dsrl_ref.progress import Progress

SMALL = 0.5  # of a cluster's mean size: what is smaller is no cluster
MOST = 20  # clusters that the eigengap chooses from
FAINT, ALIKE = 0.03, 0.95  # a gap below that says nothing, where all eigenvalues looked at are above this
ENTRY = 24  # bytes of a weight and its place, twice: those who look for components transpose the graph
CHUNK = 2**14  # points that are looked at at a time


def embed(W: csr_array, dimensions: int) -> Array:
    """Top eigenvectors of D^(-½) W D^(-½), the row of each sample scaled to length 1 (Ng, Jordan and Weiss 2002).

    Every component of the graph has the eigenvalue 1, with D^½ on its samples for eigenvector: these are taken first,
    the largest components before the others, and an iteration, which would miss copies, looks for what comes next.
    Where there are more components than dimensions, those below half of a cluster's mean size count as isolated, unless
    that were most of the samples: then all but the largest. Isolated samples sit at 0. The start of the iteration is
    fixed: the same graph gives the same bits.
    """
    labels, sizes = _components(W)
    if np.count_nonzero(sizes > 1) > dimensions:
        least = SMALL * W.shape[0] / dimensions
        if 2 * sizes[sizes >= least].sum() < W.shape[0]:
            least = np.sort(sizes)[-dimensions]
        W = _without_small(W, sizes[labels] >= least)
        labels, sizes = _components(W)
    degrees = W.sum(axis=1)
    roots = np.sqrt(degrees)
    known = _of_components(labels, sizes, roots)[:, :dimensions]
    vectors = top_eigenvectors(_normalised(W, roots), dimensions - known.shape[1], known)
    return _on_sphere(np.hstack([known.toarray(), vectors]), degrees)


def eigengap(W: csr_array) -> tuple[int, Array]:
    """The number of clusters, from 2 to 20, behind which the eigenvalues of D^(-½) W D^(-½) fall most; and these.

    The eigenvalues are the largest in descending order, one more than there are numbers to choose from. Every component
    has the eigenvalue 1; those below half of the mean size of 20 clusters are left out, as they would be clusters of
    a few samples. More components than 20 are that many clusters.
    """
    labels, sizes = _components(W)
    W = _without_small(W, sizes[labels] >= max(2.0, SMALL * W.shape[0] / MOST))
    labels, sizes = _components(W)
    roots = np.sqrt(W.sum(axis=1))
    known = _of_components(labels, sizes, roots)
    count = min(MOST, W.shape[0] - 1) + 1
    if known.shape[1] >= count:
        return known.shape[1], np.ones(count)
    symmetric = _normalised(W, roots)
    vectors = top_eigenvectors(symmetric, count - known.shape[1], known)
    rest = (vectors * (symmetric @ vectors)).sum(axis=0)
    values = np.concatenate([np.ones(known.shape[1]), np.sort(rest)[::-1]])
    return 2 + int(np.argmax(values[1:-1] - values[2:])), values


def faint_gap(clusters: int, eigenvalues: Array) -> float | None:
    """The largest gap between eigenvalues, where it tells no number of clusters; None where it does.

    It does not where it is below 0.03, and is either behind the last number that `eigengap` chooses from or between
    eigenvalues all of which are 0.95 at least: larger ones may lie beyond. More components than 20 are a number.
    """
    if len(eigenvalues) <= MOST or clusters > MOST:
        return None
    gap = float((eigenvalues[1:-1] - eigenvalues[2:]).max())
    return gap if gap < FAINT and (clusters == MOST or eigenvalues[-1] >= ALIKE) else None


def _without_small(W: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    """The graph with no edges but those between the samples that are kept."""
    large = diags_array(kept.astype(np.float64))
    W = csr_array(large @ W @ large)
    W.eliminate_zeros()
    return W


def _normalised(W: csr_array, roots: Array) -> Scaled:
    """D^(-½) W D^(-½), 0 where a sample has no edges."""
    return Scaled(W, np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0))


def embed_as_authors(W: csr_array, dimensions: int) -> Array:
    """As `embed`, of D^(+½) W D^(+½): their program divides by D^(-½)."""
    degrees = W.sum(axis=1)
    return _on_sphere(top_eigenvectors(Scaled(W, np.sqrt(degrees)), dimensions), degrees)


def _on_sphere(vectors: Array, degrees: Array) -> Array:
    vectors[degrees == 0] = 0.0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-12, vectors / np.where(lengths > 1e-12, lengths, 1.0), 0.0)


def _components(W: csr_array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The component of every sample, and how many samples each has."""
    labels = components(W)
    return labels, np.bincount(labels)


def _of_components(labels: NDArray[np.intp], sizes: NDArray[np.intp], roots: Array) -> csr_array:
    """A column of length 1 for each component with edges, its samples' roots of degrees; large components first."""
    place = np.empty(len(sizes), dtype=np.intp)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    joined = np.flatnonzero(sizes[labels] > 1)
    shape = len(labels), np.count_nonzero(sizes > 1)
    columns = csr_array((roots[joined], (joined, place[labels[joined]])), shape=shape)
    lengths = np.sqrt(columns.multiply(columns).sum(axis=0))
    return csr_array(columns @ diags_array(1 / lengths))


def row_affinity(X: csr_array) -> csr_array:
    """The authors' affinity: exp(-‖x_i - x_j‖²/n) between the rows of the learned graph, zero diagonal; n² entries."""
    n = X.shape[0]
    squares, transposed = np.asarray(X.multiply(X).sum(axis=1)), csr_array(X.T)

    def part(block: slice) -> csr_array:
        products = (X[block] @ transposed).toarray()
        affinity = np.exp(-np.maximum(squares[block, np.newaxis] + squares - 2 * products, 0.0) / n)
        affinity[np.arange(len(affinity)), np.arange(block.start, block.stop)] = 0.0
        return csr_array(affinity)

    return assembled((n, n), n * n, equal_blocks(n, n), part)


def require_row_affinity(n: int, asked: str, instead: str) -> None:
    """Raise SizeError where `row_affinity` of n samples would not fit; its messages begin and end with these texts."""
    what = f"{asked} holds the affinity of every two of {n} samples, a dense {n}×{n} matrix"
    require_room(ENTRY * n * n, what, instead)


def k_means(
    points: Array, clusters: int, restarts: int, rng: np.random.Generator, iterations: int = 500
) -> NDArray[np.intp]:
    """Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007); of all restarts the least inertia.

    Each seed is the best of 2 + log(clusters) draws, as in their program and in scikit-learn.
    """
    best, labels = np.inf, np.zeros(len(points), dtype=np.intp)
    with Progress("k-means") as progress:
        for restart in range(restarts):
            progress.tell(f"start {restart + 1} of {restarts}", restart / restarts)
            inertia, found = _lloyd(points, _seeds(points, clusters, rng), iterations)
            if inertia < best * (1 - 1e-12):
                best, labels = inertia, found
    return labels


def _seeds(points: Array, clusters: int, rng: np.random.Generator) -> Array:
    chosen = [int(rng.integers(len(points)))]
    nearest = _squares(points, points[chosen[0]])
    while len(chosen) < clusters:
        total = nearest.sum()
        odds = nearest / total if total > 0 else None
        drawn = rng.choice(len(points), size=2 + int(np.log(clusters)), p=odds)
        left = [np.minimum(nearest, _squares(points, points[i])) for i in drawn]
        best = int(np.argmin([squares.sum() for squares in left]))
        chosen.append(int(drawn[best]))
        nearest = left[best]
    return points[chosen]


def _squares(points: Array, center: Array) -> Array:
    squares = np.empty(len(points))
    for block in _chunks(points):
        squares[block] = ((points[block] - center) ** 2).sum(axis=1)
    return squares


def _nearest(points: Array, centers: Array) -> tuple[NDArray[np.intp], Array]:
    """For each point the nearest center, and how far it is."""
    from scipy.cluster.vq import vq

    labels, lengths = np.empty(len(points), dtype=np.intp), np.empty(len(points))
    for block in _chunks(points):
        labels[block], lengths[block] = vq(points[block], centers)
    return labels, lengths


def _chunks(points: Array) -> list[slice]:
    """Parts of the points, between which Ctrl-C is answered, and whose differences stay in the cache."""
    return [slice(start, start + CHUNK) for start in range(0, len(points), CHUNK)]


def _lloyd(points: Array, centers: Array, iterations: int) -> tuple[float, NDArray[np.intp]]:
    labels = np.full(len(points), -1, dtype=np.intp)
    for _ in range(iterations):
        found, lengths = _nearest(points, centers)
        if np.array_equal(found, labels):
            break
        labels = found
        sizes = np.bincount(labels, minlength=len(centers))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        shape = len(centers), len(points)
        members = csr_array((np.ones(len(points)), np.argsort(labels, kind="stable"), starts), shape=shape)
        centers = (members @ points) / np.maximum(sizes, 1)[:, np.newaxis]
        if not sizes.all():  # the worst served begin anew
            centers[sizes == 0] = points[np.argsort(-lengths, kind="stable")[: np.count_nonzero(sizes == 0)]]
    return float((lengths**2).sum()), labels
