"""How well predicted clusters agree with true classes; names of clusters do not matter."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, require_in_memory
from dsrl_ref.memory import require_room

SCORES = "accuracy", "nmi", "ari", "purity", "f"


def clustering_scores(true: Any, predicted: Any) -> dict[str, float]:
    """Compare two partitions of the same samples.

    Parameters
    ----------
    true, predicted : array_like (n,)
        Labels of any kind, one a sample.

    Returns
    -------
    dict of str to float
        "accuracy": the share that agrees under the best one-to-one matching of clusters and classes. "nmi":
        mutual information over the mean of the two entropies; 1 where both are one cluster. "ari": the Rand
        index, adjusted for chance. "purity": the share in the largest class of its cluster, which the authors'
        program prints as ACC; it grows with the number of clusters. "f": harmonic mean of precision and recall
        over pairs of samples.

    Raises
    ------
    ValueError
        Unless both are of one dimension, of the same length and not empty.
    SizeError
        Where there are so many classes and clusters that a table of them would not fit.

    Examples
    --------
    >>> scores = clustering_scores([0, 0, 1, 1], ["b", "b", "a", "b"])
    >>> scores["accuracy"], scores["purity"], round(scores["f"], 2)
    (0.75, 0.75, 0.4)
    """
    table = _contingency(true, predicted)
    n = float(table.sum())
    together = _pairs(table)
    in_true, in_predicted = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    return {
        "accuracy": _matched(table) / n,
        "nmi": _normalised_information(table),
        "ari": _adjusted_rand(together, in_true, in_predicted, n * (n - 1) / 2),
        "purity": float(table.max(axis=0).sum() / n),
        "f": 2 * together / (in_true + in_predicted) if in_true + in_predicted else 1.0,
    }


def _contingency(true: Any, predicted: Any) -> Array:
    codes = [_codes(labels, name) for labels, name in ((true, "true"), (predicted, "predicted"))]
    if len(codes[0]) != len(codes[1]):
        raise ValueError(f"true has {len(codes[0])} labels, predicted has {len(codes[1])}; they must agree")
    shape = codes[0].max() + 1, codes[1].max() + 1
    require_room(24 * shape[0] * shape[1], f"true has {shape[0]} classes, predicted {shape[1]}", "are they labels?")
    table = np.zeros(shape)
    np.add.at(table, tuple(codes), 1.0)
    return table


def _codes(labels: Any, name: str) -> NDArray[np.intp]:
    require_in_memory(labels, name)
    if np.ma.is_masked(labels):
        raise ValueError(f"{name} has masked entries; every sample needs a label")
    given, labels = labels, np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"{name} must be a sequence of labels, not empty, got shape {labels.shape}")
    if labels.dtype.kind in "US" and not hasattr(given, "dtype"):  # a number among strings has become one of them
        labels = np.array(given, dtype=object)
    try:
        missing = labels != labels
        if missing.any():
            raise ValueError(f"{name} contains NaN: {name}[{int(np.argmax(missing))}]; every sample needs a label")
        return np.unique(labels, return_inverse=True)[1]
    except TypeError as error:
        raise TypeError(f"{name} mixes labels that have no order: {error}") from error


def _pairs(counts: Array) -> float:
    return float((counts * (counts - 1)).sum() / 2)


def _matched(table: Array) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(table[linear_sum_assignment(table, maximize=True)].sum())


def _adjusted_rand(together: float, in_true: float, in_predicted: float, pairs: float) -> float:
    expected = in_true * in_predicted / pairs if pairs else 0.0
    most = (in_true + in_predicted) / 2
    return float((together - expected) / (most - expected)) if most != expected else 1.0


def _entropy(shares: Array) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _normalised_information(table: Array) -> float:
    joint = table / table.sum()
    rows, columns = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
    information = max(0.0, rows + columns - _entropy(joint.ravel()))
    return min(1.0, 2 * information / (rows + columns)) if rows + columns > 0 else 1.0
