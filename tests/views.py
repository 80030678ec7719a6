"""What the tests of multiview share: views that need each other, and oracles in scalar loops.

Nothing here imports the package: these are data and judges of it.
"""

import math
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array


def hard_views(n=120, classes=4, seed=0, spread=1.5):
    """Three views of ten features, in each of which two of the classes have the same mean; and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    views = []
    for v in range(3):
        means = rng.normal(0, spread, size=(classes, 10))
        means[v + 1] = means[v]
        views.append(means[labels] + rng.normal(size=(n, 10)))
    return views, labels


class Table(np.ndarray):
    """An array with names of columns, as a data frame has."""

    def __new__(cls, values, columns):
        table = np.asarray(values).view(cls)
        table.columns = columns
        return table


def tied_samples(rng, n, d):
    """Samples on a coarse grid, at a scale between 2^-300 and 2^300: many are equal, and many as far from others."""
    return rng.integers(-2, 3, size=(n, d)) * 2.0 ** rng.integers(-300, 300)


def random_views(n=25, sizes=(4, 7, 3), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, size)) for size in sizes]


def holed_views(n, sizes=(20, 3, 6), share=0.2, seed=0):
    """The same, where each view but the first lacks a share of the samples, and the first two that others have."""
    rng = np.random.default_rng(seed + 1)
    views = random_views(n, sizes, seed)
    for view in views[1:]:
        view[rng.choice(n, int(share * n), replace=False)] = np.nan
    views[0][np.flatnonzero(~np.isnan(views[1][:, 0]))[:2]] = np.nan
    return views


def same_graph(one, other):
    """Whether two graphs are stored alike, to the last bit."""
    parts = ((getattr(one, name), getattr(other, name)) for name in ("indptr", "indices", "data"))
    return one.shape == other.shape and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in parts)


def standard(rows, like=None):
    """Each row with mean 0 and deviation 1, or brought there as the rows `like` would be; equal entries become 0."""
    done = []
    for row, model in zip(rows, rows if like is None else like, strict=True):
        mean = sum(model) / len(model)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in model) / max(1, len(model) - 1)) + 1e-8
        done.append([0.0 if min(model) == max(model) else (x - mean) / deviation for x in row])
    return np.array(done)


def euclidean(some, others):
    """Distance of every sample from every other, samples in rows."""
    return [[math.dist(a, b) for b in others] for a in some]


def beside(candidates, learned):
    """What labels spread over: a quarter of the candidates and three of what is learned, each at mean degree 1."""
    first, second = (graph.toarray() / graph.toarray().sum(axis=1).mean() for graph in (candidates, learned))
    return csr_array(0.25 * first + 0.75 * second)


def columns_of(points):
    """Prepared samples, of either kind, as dense columns."""
    if hasattr(points, "columns"):
        return points.columns
    return (points.rows.toarray() - np.multiply.outer(points.shift, points.direction)).T


def nearest_first(lengths, without=None):
    """Places in ascending order of their lengths, of equal ones the first."""
    return sorted((j for j in range(len(lengths)) if j != without), key=lambda j: (lengths[j], j))


def nearest_exactly(some, others, count, itself=False):
    """Squares of distances and places of the nearest, in fractions; of equal ones the first, itself before all."""
    found = []
    for i, x in enumerate(some.tolist()):
        squares = [sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x, y, strict=True)) for y in others.tolist()]
        order = sorted(range(len(squares)), key=lambda j: (not (itself and j == i), squares[j], j))
        found.append([(squares[j], j) for j in order[:count]])
    return found


def naive_weights(lengths, k, kind, mean=None, scales=None, without=None):
    """Weights of one sample to its k nearest: {place: weight}.

    `lengths` are its distances from all; "heat" needs the `mean` of all distances, "self-tuning" the distances `scales`
    of all from their k-th neighbours. The place `without` is the sample itself.
    """
    near = nearest_first(lengths, without)
    own = lengths[near[k - 1]]
    if kind == "heat":
        return {j: math.exp(-(lengths[j] ** 2) / (2 * mean**2)) for j in near[:k]}
    if kind == "self-tuning":
        return {j: math.exp(-(lengths[j] ** 2) / (own * scales[j])) for j in near[:k]}
    bound = lengths[near[k]] ** 2
    total = sum(bound - lengths[j] ** 2 for j in near[:k])
    return {j: (bound - lengths[j] ** 2) / total for j in near[:k]}


def naive_graph(samples, k, kind):
    """The graph of one view whose samples are standardised already, symmetrised by max."""
    d = euclidean(samples, samples)
    n = len(d)
    mean = sum(map(sum, d)) / n**2
    scales = [row[nearest_first(row, i)[k - 1]] for i, row in enumerate(d)]
    directed = np.zeros((n, n))
    for i in range(n):
        for j, weight in naive_weights(d[i], k, kind, mean, scales=scales, without=i).items():
            directed[i, j] = weight
    return np.maximum(directed, directed.T)


def holed(views, share=0.3, seed=0):
    """Copies with rows of NaN, a share of each view's but for what would leave a sample in none; and what is left."""
    rng = np.random.default_rng(seed)
    seen = rng.random((len(views[0]), len(views))) >= share
    seen[~seen.any(axis=1), rng.integers(len(views))] = True
    return [np.where(seen[:, [v]], view, np.nan) for v, view in enumerate(views)], seen


def fewer(k, m, n, kind):
    """How many of k neighbours among n samples a view has that has m of them."""
    if k > m / 4:
        k = min(k, max(m // 4, round(k * m / n)))
    return max(1, min(k, m - 1 - (kind == "adaptive")))


def naive_incomplete(views, k, kind, along, shares):
    """The graph of views with rows of NaN: each view's among its samples, pairs by what the views with both say."""
    n, total, weight = len(views[0]), 0.0, 0.0
    for view, share in zip(views, shares, strict=True):
        seen = ~np.isnan(view[:, 0])
        samples = standard(view[seen]) if along == "samples" else standard(view[seen].T).T
        graph, places = np.zeros((n, n)), np.flatnonzero(seen)
        graph[np.ix_(places, places)] = naive_graph(samples, fewer(k, len(places), n, kind), kind)
        total, weight = total + share * graph, weight + share * np.outer(seen, seen)
    return np.where(weight > 0, total / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.0)


VIEWS, LABELS = hard_views()
KNOWN = np.where(np.arange(120) < 24, LABELS, -1)  # the first 24 are labelled
GRAPH = csr_array(np.mean([naive_graph(standard(view), 8, "heat") for view in VIEWS], axis=0))
