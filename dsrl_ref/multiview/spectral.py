"""Clusters of a graph: spectral embedding, and k-means with restarts."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from dsrl_ref.arrays import Array
from dsrl_ref.errors import SizeError

DENSE = 200  # samples up to which all eigenvectors are computed
LARGEST = 2**30  # bytes of the dense affinity between rows


def embed(W: csr_array, dimensions: int, power: float = -0.5) -> Array:
    """Top eigenvectors of D^p W D^p, the row of each sample scaled to length 1 (p = -½: Ng, Jordan and Weiss 2002).

    Isolated samples sit at 0. The start of the iteration is fixed: the same graph gives the same bits.
    """
    if not W.nnz:
        return np.zeros((W.shape[0], dimensions))
    degrees = W.sum(axis=1)
    powers = diags_array(np.where(degrees > 0, np.where(degrees > 0, degrees, 1.0) ** power, 0.0))
    vectors = _top_eigenvectors(csr_array(powers @ W @ powers), dimensions)
    vectors[degrees == 0] = 0.0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-12, vectors / np.where(lengths > 1e-12, lengths, 1.0), 0.0)


def row_affinity(X: csr_array) -> csr_array:
    """The authors' affinity: exp(-‖x_i - x_j‖²/n) between the rows of the learned graph, zero diagonal.

    Raises
    ------
    SizeError
        Where the n×n result would exceed 1 GiB.
    """
    n = X.shape[0]
    if 8 * n * n > LARGEST:
        raise SizeError(f"embedding='rows' needs a dense {n}×{n} array, {8 * n * n / 2**30:.1f} GiB; take 'graph'")
    squares = np.asarray(X.multiply(X).sum(axis=1))
    squared = squares[:, np.newaxis] + squares - 2 * (X @ X.T).toarray()
    affinity = np.exp(-np.maximum(squared, 0.0) / n)
    np.fill_diagonal(affinity, 0.0)
    return csr_array(affinity)


def _top_eigenvectors(symmetric: csr_array, count: int) -> Array:
    n = symmetric.shape[0]
    if n <= max(DENSE, 2 * count + 2):
        vectors: Array = np.linalg.eigh(symmetric.toarray())[1][:, ::-1][:, :count]
        return vectors
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).uniform(0.5, 1.5, n)
    values, vectors = eigsh(symmetric, k=count, which="LA", v0=start, maxiter=100 * n)
    return vectors[:, np.argsort(-values, kind="stable")]


def k_means(
    points: Array, clusters: int, restarts: int, rng: np.random.Generator, iterations: int = 500
) -> NDArray[np.intp]:
    """Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007); of all restarts the least inertia.

    Each seed is the best of 2 + log(clusters) draws, as in their program and in scikit-learn.
    """
    best, labels = np.inf, np.zeros(len(points), dtype=np.intp)
    for _ in range(restarts):
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
    squares: Array = ((points - center) ** 2).sum(axis=1)
    return squares


def _lloyd(points: Array, centers: Array, iterations: int) -> tuple[float, NDArray[np.intp]]:
    from scipy.cluster.vq import vq

    labels = np.full(len(points), -1, dtype=np.intp)
    for _ in range(iterations):
        found, lengths = vq(points, centers)
        if np.array_equal(found, labels):
            break
        labels = found.astype(np.intp)
        sizes = np.bincount(labels, minlength=len(centers))
        members = csr_array((np.ones(len(points)), (labels, np.arange(len(points)))), shape=(len(centers), len(points)))
        centers = (members @ points) / np.maximum(sizes, 1)[:, np.newaxis]
        if not sizes.all():  # the worst served begin anew
            centers[sizes == 0] = points[np.argsort(-lengths, kind="stable")[: np.count_nonzero(sizes == 0)]]
    return float((lengths**2).sum()), labels
