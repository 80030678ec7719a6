"""Fitted estimators in files: their parameters, and all that `fit` learned, so that they predict the same bits.

What follows from the rest is not written twice: the graph of the views and the one that the network was trained on,
where they are one; the class of every sample, which is the likeliest of its distribution.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, as_count, as_csr, as_matrix, as_number, require_known
from dsrl_ref.multiview.absent import as_rows
from dsrl_ref.multiview.classification import DSRLClassifier, FittedClasses
from dsrl_ref.multiview.clustering import DSRLClustering, FittedClusters
from dsrl_ref.multiview.conventions import not_fitted
from dsrl_ref.multiview.edges import WEIGHTS
from dsrl_ref.multiview.estimator import Estimator
from dsrl_ref.multiview.fitted import Fitted, Input
from dsrl_ref.multiview.graph import Fusion
from dsrl_ref.multiview.learning import LearnedGraph
from dsrl_ref.multiview.naming import Naming
from dsrl_ref.multiview.neighbors import Taken
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.unseen import Joiner
from dsrl_ref.multiview.views import PREPARATIONS, View, prepare
from dsrl_ref.persistence import Kind, register

NAMED = 4  # the first version of files with names of views, and of columns view by view

Header: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Any]


def classifier_to_file(model: DSRLClassifier) -> tuple[Header, Arrays]:
    """Header and arrays of a classifier; names of classes that are objects of Python are in the header."""
    header, arrays = _to_file(model)
    fitted = model._fitted
    names = fitted.classes.tolist() if fitted.classes.dtype == object else None
    found = {} if names is not None else {"classes": fitted.classes}
    found |= {} if fitted.labelled is None else {"labelled": fitted.labelled}
    arrays |= {**found, "label_distributions": fitted.label_distributions, "reached": fitted.reached}
    return {**header, "classes": names}, arrays


def classifier_from_file(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> DSRLClassifier:
    """What `classifier_to_file` took apart."""
    model, fitted = _from_file(DSRLClassifier, header, arrays)
    names = header["classes"]
    classes = arrays["classes"] if names is None else np.array(names, dtype=object)
    n = fitted.affinity_matrix.shape[0]
    spread = _shaped(arrays, "label_distributions", (n, len(classes)))
    reached, labelled = arrays["reached"], arrays.get("labelled")  # version 4 has the latter
    truths = [each for each in (reached, labelled) if each is not None]
    if classes.ndim != 1 or any(each.shape != (n,) or each.dtype != bool for each in truths):
        raise ValueError("classes, reached_ and labelled must be one name a class and one truth a sample")
    transduction = classes[np.argmax(spread, axis=1)]
    model._fitted = FittedClasses(
        **vars(fitted),
        classes=classes,
        transduction=transduction,
        label_distributions=spread,
        reached=reached,
        labelled=labelled,
    )
    return model


def clustering_to_file(model: DSRLClustering) -> tuple[Header, Arrays]:
    """Header and arrays of a clustering."""
    header, arrays = _to_file(model)
    fitted = model._fitted
    found = {} if fitted.eigenvalues is None else {"eigenvalues": fitted.eigenvalues}
    arrays |= {**found, "embedding": fitted.embedding, "labels": fitted.labels}
    return {**header, "n_clusters": fitted.n_clusters, "chosen": fitted.eigenvalues is not None}, arrays


def clustering_from_file(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> DSRLClustering:
    """What `clustering_to_file` took apart."""
    model, fitted = _from_file(DSRLClustering, header, arrays)
    n, labels = fitted.affinity_matrix.shape[0], arrays["labels"]
    clusters = as_count(header["n_clusters"], "n_clusters", least=1)
    embedding = as_matrix(arrays["embedding"], "embedding")
    if labels.shape != (n,) or labels.dtype.kind != "i" or len(embedding) != n:
        raise ValueError(f"labels and embedding must be of {n} samples")
    if not ((labels >= 0) & (labels < clusters)).all():
        raise ValueError(f"labels must be from 0 to {clusters - 1}")
    eigenvalues = _shaped(arrays, "eigenvalues", (arrays["eigenvalues"].size,)) if header["chosen"] else None
    model._fitted = FittedClusters(
        **vars(fitted),
        embedding=embedding,
        labels=labels.astype(np.intp, copy=False),
        n_clusters=clusters,
        eigenvalues=eigenvalues,
    )
    return model


def _to_file(model: Estimator) -> tuple[Header, Arrays]:
    """What both estimators have."""
    if not hasattr(model, "_fitted"):
        raise not_fitted(model)
    fitted: Fitted = model._fitted
    seen, learned, joiner = fitted.seen, fitted.learned, fitted.seen.joiner
    header = {
        "parameters": {name: _plain(name, value) for name, value in model.get_params().items()},
        "n_features_in": seen.n_features_in,
        "naming": asdict(seen.naming),
        "view_sizes": None if seen.view_sizes is None else list(seen.view_sizes),
        "joiner": None if joiner is None else _joiner_to_file(joiner),
        "theta": list(learned.theta),
        "L": learned.L,
        "scale": learned.scale,
        "layers": learned.layers,
        "trained_on_seen": fitted.affinity_matrix is seen.graph,
    }
    arrays = {
        **_sparse_to_file("seen", seen.graph),
        **_sparse_to_file("learned", learned.graph),
        "losses": learned.losses,
    }
    if fitted.affinity_matrix is not seen.graph:
        arrays |= _sparse_to_file("affinity", fitted.affinity_matrix)
    if joiner is not None:
        for v, view in enumerate(joiner.fusion.views):
            arrays |= _view_to_file(f"view_{v}", view.given)
        arrays["view_weights"] = joiner.fusion.view_weights
    return header, arrays


def _from_file(kind: Callable[..., Any], header: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Any, Fitted]:
    """The estimator, not fitted yet, and what both have of its fit."""
    model = kind(**header["parameters"])
    graph = _graph_from_file("seen", arrays)
    given = header["view_sizes"]
    sizes = None if given is None else tuple(as_count(size, "view_sizes") for size in given)
    joiner = None if header["joiner"] is None else _joiner(header["joiner"], arrays, graph)
    features = as_count(header["n_features_in"], "n_features_in")
    widths = [features]  # of one table, or of each view
    if joiner is not None and sizes is None:
        widths = [view.given.shape[1] for view in joiner.fusion.views]
    old = header["version"] < NAMED
    naming = _old_naming(header["feature_names_in"], widths) if old else _naming(header["naming"], widths)
    seen = Input(graph, features, naming, sizes, joiner)
    affinity = graph if header["trained_on_seen"] else _graph_from_file("affinity", arrays)
    learned = LearnedGraph(
        _graph_from_file("learned", arrays),
        Theta(*header["theta"]),
        _positive(header, "L"),
        _positive(header, "scale"),
        _shaped(arrays, "losses", (arrays["losses"].size,)),
        as_count(header["layers"], "layers", least=1),
    )
    if not affinity.shape == learned.graph.shape == graph.shape:
        raise ValueError(f"the graphs are of {affinity.shape}, {learned.graph.shape} and {graph.shape} samples")
    return model, Fitted(seen, affinity, learned)


def _naming(header: Mapping[str, Any], sizes: Sequence[int]) -> Naming:
    """Names of the views of so many columns, and of these columns."""
    views, columns, left_out = header["views"], header["columns"], header["columns_left_out"]
    if len(columns) != len(sizes) or (views is not None and len(views) != len(sizes)):
        raise ValueError(f"views and columns must be names of {len(sizes)} views")
    if len(left_out) not in (0, len(sizes)):
        raise ValueError(f"columns_left_out must be of {len(sizes)} views")
    for names, size in zip(columns, sizes, strict=True):
        if names is not None and len(names) != size:
            raise ValueError(f"{len(names)} names for {size} columns")
    naming = Naming(
        None if views is None else tuple(views),
        tuple(None if names is None else tuple(names) for names in columns),
        tuple(header["views_left_out"]),
        tuple(map(tuple, left_out)),
    )
    texts = [*(naming.views or ()), *naming.views_left_out, *(name for names in naming.columns for name in names or ())]
    places = [name for names in naming.columns_left_out for name in names if not isinstance(name, str)]
    if not all(isinstance(text, str) for text in texts) or not all(type(place) is int for place in places):
        raise ValueError("names must be texts, and places integers")
    return naming


def _old_naming(names: list[str] | None, sizes: Sequence[int]) -> Naming:
    """The same of a file before version 4, which has the names of all columns in one list, and none of views."""
    ends = np.cumsum(sizes).tolist()
    starts = [0, *ends[:-1]]
    columns = [None if names is None else names[a:b] for a, b in zip(starts, ends, strict=True)]
    return _naming({"views": None, "columns": columns, "views_left_out": [], "columns_left_out": []}, sizes)


def _joiner_to_file(joiner: Joiner) -> Header:
    fusion = joiner.fusion
    taken = [list(each) for each in fusion.neighbors]
    return {"along": [view.how for view in fusion.views], "k": joiner.k, "weights": joiner.weights, "neighbors": taken}


def _joiner(header: Mapping[str, Any], arrays: Mapping[str, Any], graph: csr_array) -> Joiner:
    """What joins new samples to the views that are in the file; these are prepared anew."""
    along, weights = header["along"], header["weights"]
    require_known(weights, WEIGHTS, "weights")
    for each in along:
        require_known(each, tuple(PREPARATIONS), "along")
    views = [_view_from_file(f"view_{v}", arrays) for v in range(len(along))]
    if not views or any(view.shape[0] != graph.shape[0] for view in views):
        raise ValueError(f"the views must be one at least, of {graph.shape[0]} samples")
    k = as_count(header["k"], "k", least=1)
    if k > graph.shape[0] - 1 - (weights == "adaptive"):
        raise ValueError(f"k = {k} is more than the neighbours that {graph.shape[0]} samples have")
    shares = _shaped(arrays, "view_weights", (len(views),))
    taken = [_taken(each) for each in header.get("neighbors", [["exact", None]] * len(views))]
    if len(taken) != len(views):
        raise ValueError(f"neighbors must be one entry for each of {len(views)} views, got {len(taken)}")
    prepared = [prepare(view, way) for view, way in zip(views, along, strict=True)]
    return Joiner(Fusion(graph, prepared, shares, taken), k, weights)


def _taken(entry: Sequence[Any]) -> Taken:
    """How neighbours in a view were found; files of before there was a choice do not say it: they were exact."""
    kind, share = entry
    require_known(kind, ("exact", "approximate"), "neighbors")
    return Taken(kind, None if share is None else as_number(share, "recall"))


def _view_to_file(name: str, view: View) -> Arrays:
    return _sparse_to_file(name, view) if isinstance(view, csr_array) else {name: view}


def _view_from_file(name: str, arrays: Mapping[str, Any]) -> View:
    view: View = as_rows(arrays[name] if name in arrays else _sparse_from_file(name, arrays), name)
    return view


def _sparse_to_file(name: str, matrix: csr_array | Blocks) -> Arrays:
    if isinstance(matrix, Blocks):
        matrix = matrix.gathered("save brings", "fit a sample of the data in memory, and save that")
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}
    return {f"{name}_{part}": array for part, array in parts.items()}


def _sparse_from_file(name: str, arrays: Mapping[str, Any]) -> csr_array:
    """A sparse matrix as it is in the file: its indices are to be checked before anything reads through them."""
    data, indices, indptr, shape = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr", "shape"))
    sizes = tuple(as_count(size, f"{name}_shape") for size in shape.tolist())
    return csr_array((data, indices, indptr), shape=sizes)


def _graph_from_file(name: str, arrays: Mapping[str, Any]) -> csr_array:
    shape = arrays[f"{name}_shape"].tolist()
    if shape != shape[:1] * 2:
        raise ValueError(f"{name} must be a square graph, got {shape}")
    return csr_array(as_csr(_sparse_from_file(name, arrays), name))


def _shaped(arrays: Mapping[str, Any], name: str, shape: Sequence[int]) -> Array:
    array: Array = arrays[name]
    if array.dtype != np.float64 or array.shape != tuple(shape) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers of shape {tuple(shape)}, got {array.dtype} {array.shape}")
    return array


def _positive(header: Mapping[str, Any], name: str) -> float:
    number = as_number(header[name], name)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {number}")
    return number


def _plain(name: str, value: Any) -> Any:
    """A parameter as JSON has it: numbers, texts, None, and lists of them.

    Raises
    ------
    TypeError
        For anything else, as a generator of random numbers: what it draws next is not in a file.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} = {value!r} cannot be written to a file; set_params({name}=None), or to a number, first")


CLASSIFIER = Kind(DSRLClassifier, "fitted DSRLClassifier", classifier_to_file, classifier_from_file)
CLUSTERING = Kind(DSRLClustering, "fitted DSRLClustering", clustering_to_file, clustering_from_file)
register(CLASSIFIER)
register(CLUSTERING)
