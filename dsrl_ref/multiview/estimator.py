"""What both estimators share: parameters, input and the learned graph, by scikit-learn's conventions."""

import inspect
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array, diags_array

from dsrl_ref.arrays import (
    as_count,
    as_csr,
    as_csr_numbers,
    as_matrix,
    as_number,
    as_numbers,
    is_sparse,
    require_in_memory,
    require_known,
    require_matrix_shape,
)
from dsrl_ref.errors import GraphWarning
from dsrl_ref.multiview.absent import as_rows, names_of
from dsrl_ref.multiview.affinity import as_affinity
from dsrl_ref.multiview.conventions import as_jobs
from dsrl_ref.multiview.edges import WEIGHTS
from dsrl_ref.multiview.fitted import Fitted, FromFit, Input
from dsrl_ref.multiview.graph import STANDARDIZE, fuse
from dsrl_ref.multiview.learning import LearnedGraph, Training, learn_as_authors, learn_graph
from dsrl_ref.multiview.naming import Expected, Named, in_order, is_views, naming_of, tables_of
from dsrl_ref.multiview.neighbors import NEIGHBORS
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.learning import learn_spread
from dsrl_ref.multiview.spread.views import SpreadView, views_of
from dsrl_ref.multiview.unseen import Joiner
from dsrl_ref.multiview.views import View, as_dense, as_views
from dsrl_ref.shown import size, table
from dsrl_ref.spread import as_spread, is_spread
from dsrl_ref.threads import limited
from dsrl_ref.training.authors import LAYERS

AFFINITIES = "views", "precomputed"
CANDIDATES = 3  # times n_neighbors: what the network chooses from
KEEP = 0.25  # of the candidate edges: where training stops by default


class Estimator:
    """Parameters, input and the learned graph; the subclass says what to do with it."""

    _kind: str  # "clusterer" or "classifier"
    _authors_training: tuple[int, float]  # epochs and learning rate of their program

    affinity: str
    n_neighbors: int
    weights: str
    view_weights: Any
    standardize: str
    neighbors: str
    keep: float | None
    layers: int
    epochs: int | None
    learning_rate: float | None
    preset: str | None
    view_sizes: Sequence[int] | None
    n_jobs: int | None
    verbose: bool | None
    _fitted: Any  # a Fitted, of a kind of its own

    affinity_matrix_ = FromFit()
    graph_ = FromFit()
    view_weights_ = FromFit()
    neighbors_ = FromFit()
    theta_ = FromFit()
    L_ = FromFit()
    scale_ = FromFit()
    n_iter_ = FromFit()
    n_features_in_ = FromFit()
    feature_names_in_ = FromFit()
    view_names_ = FromFit()

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has come to its end once; scikit-learn asks."""
        return hasattr(self, "_fitted")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the constructor, by name; `deep` changes nothing, as none is an estimator."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters of the constructor; ValueError for one that it has not."""
        known = self._parameter_names()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {', '.join(known)}."
                )
            setattr(self, name, value)
        return self

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def _changed(self) -> dict[str, str]:
        """Parameters that are not the defaults, as Python writes them."""
        defaults = inspect.signature(type(self).__init__).parameters
        told = {name: repr(value) for name, value in self.get_params().items()}
        return {name: text for name, text in told.items() if text != repr(defaults[name].default)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in self._changed().items())})"

    def _repr_html_(self) -> str:
        """A notebook shows this in place of the line: what was learned as well, if it was."""
        facts = self._changed()
        if self.__sklearn_is_fitted__():
            facts["graph_"] = size(self.graph_.shape)
            if not is_spread(self.graph_):  # whose edges are not counted
                edges, kept = self.affinity_matrix_.nnz // 2, self.graph_.nnz // 2
                facts["graph_"] += f", {kept} of {edges} edges kept"
            facts["theta_"] = ", ".join(f"{name} = {value:.6g}" for name, value in self.theta_._asdict().items())
            facts["L_"] = f"{self.L_:.6g} after {self.n_iter_} epochs"
        return table(type(self).__name__, facts)

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn, which alone asks, what this estimator takes."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        precomputed = self.affinity == "precomputed"
        classifier = self._kind == "classifier"
        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=classifier),
            classifier_tags=ClassifierTags() if classifier else None,
            input_tags=InputTags(pairwise=precomputed, sparse=True, allow_nan=self.view_sizes is not None),
        )

    def _check_parameters(self) -> None:
        """Refuse bad ones before any work, those that a preset does not look at included."""
        require_known(self.affinity, AFFINITIES, "affinity")
        if self.preset is not None:
            require_known(self.preset, ("authors",), "preset")
        require_known(self.weights, WEIGHTS, "weights")
        require_known(self.standardize, STANDARDIZE, "standardize")
        require_known(self.neighbors, NEIGHBORS, "neighbors")
        as_count(self.n_neighbors, "n_neighbors", least=1)
        keep = 1.0 if self.keep is None else as_number(self.keep, "keep")
        if not 0 < keep <= 1:
            raise ValueError(f"keep must be a share of the edges, in (0, 1], got {keep}")
        layers = as_count(self.layers, "layers", least=1)
        if self.preset == "authors" and layers != LAYERS:
            raise ValueError(f"the authors' network has {LAYERS} layers, got layers = {layers}")
        if self.verbose is not None and not isinstance(self.verbose, bool | np.bool_):
            raise TypeError(f"verbose must be True, False or None, got {self.verbose!r}")
        self._training()
        if self.view_sizes is not None:
            as_sizes(self.view_sizes)
            if self.affinity == "precomputed":
                raise ValueError("view_sizes cuts views; affinity='precomputed' takes a graph")

    def _read(self, X: Any) -> list[View] | list[SpreadView] | csr_array:
        """Check the data: views, or a graph."""
        if X is None or (isinstance(X, list | tuple) and not X):
            raise ValueError(f"X is {X}: at least one view of the samples is needed")
        with limited(as_jobs(self.n_jobs)):  # dask arrays are read by so many
            data = as_affinity(X) if self.affinity == "precomputed" else split_views(X, self.view_sizes)
        n = count_samples(data)
        if self.preset == "authors" and isinstance(data, list) and isinstance(data[0], SpreadView):
            raise TypeError("preset='authors' is one process's program, and X is of dask arrays: leave preset out")
        if n < 3 and isinstance(data, list):
            raise ValueError(f"Found array with {n} sample(s) while a minimum of 3 is required: n_samples = {n}")
        return data

    def _seen(self, data: list[View] | list[SpreadView] | csr_array, X: Any, clusters: int | None) -> Input:
        """Build the graph that the network is to learn on, of so many clusters, and note what X was like."""
        sizes = None if self.view_sizes is None else tuple(as_sizes(self.view_sizes))
        if isinstance(data, list):
            joiner = self._fused(data, clusters)
            features = sum(view.shape[1] for view in data)
            return Input(joiner.fusion.graph, features, naming_of(X), sizes, joiner)
        if not data.nnz:
            message = "the graph has no edges: none of its entries off the diagonal is positive"
            warnings.warn(message, GraphWarning, stacklevel=3)
        return Input(data, data.shape[1], naming_of(X), sizes, None)

    def _fused(self, views: list[View] | list[SpreadView], clusters: int | None) -> Joiner:
        n, k = views[0].shape[0], self.n_neighbors
        if k >= n:
            message = f"n_neighbors = {k}, but each of {n} samples has only {n - 1} neighbours; fewer are taken"
            warnings.warn(message, GraphWarning, stacklevel=4)
        if self.preset == "authors":
            k, weights = min(k, n - 1), "heat"
            dense = [as_dense(view) for view in views]
            fusion = fuse(dense, k, weights, None, "samples", None, "exact", self.verbose)
        else:
            k, weights = min(CANDIDATES * k, n - 2), self.weights
            own = [view if isinstance(view, SpreadView) else view.copy() for view in views]  # the caller's may change
            how = self.view_weights, self.standardize, clusters, self.neighbors, self.verbose
            fusion = fuse(own, k, weights, *how)
        return Joiner(fusion, k, weights)

    def _read_new(self, X: Any, seen: Input) -> csr_array:
        """Weights (n_new, n) of new samples to those that `fit` saw."""
        if any(map(is_spread, tables_of(X))):
            raise TypeError(
                "new samples are dask arrays, and are joined in memory: pass X.compute(), or some at a time"
            )
        X = in_order(X, seen.naming)
        if seen.joiner is None:
            given = as_csr(X, "X") if is_sparse(X) else csr_array(as_matrix(X, "X"))
            self._require_features(given.shape[1], seen)
            positive = csr_array(given.maximum(csr_array(given.shape)))
            positive.eliminate_zeros()
            return positive
        views = split_views(X, seen.view_sizes)
        self._require_features(sum(view.shape[1] for view in views), seen)
        sizes = [view.given.shape[1] for view in seen.joiner.fusion.views]
        if [view.shape[1] for view in views] != sizes:
            raise ValueError(f"X has views of {[view.shape[1] for view in views]} features, but fit saw {sizes}")
        return seen.joiner(views)

    @property
    def expected(self) -> Expected:
        """What new samples are to have, for whoever reads them from files; AttributeError before `fit`."""
        seen: Input = self._fitted.seen
        return seen.expected

    def _links(self, X: Any, fitted: Fitted) -> csr_array:
        """What the network makes of the weights of new samples; as they are, where it would leave a sample none."""
        given = self._read_new(X, fitted.seen)
        kept = given.copy()
        kept.data = fitted.learned.apply(given.data)
        alone = np.asarray(kept.sum(axis=1)) == 0
        return csr_array(kept + diags_array(alone.astype(np.float64)) @ given)

    def _require_features(self, count: int, seen: Input) -> None:
        if count != seen.n_features_in:
            name, expected = type(self).__name__, seen.n_features_in
            raise ValueError(f"X has {count} features, but {name} is expecting {expected} features as input")

    def _train(self, W: csr_array | Blocks) -> LearnedGraph:
        """Let the network learn."""
        epochs, rate = self._training()
        if self.preset == "authors":
            return learn_as_authors(W, layers=self.layers, epochs=epochs, learning_rate=rate, verbose=self.verbose)
        share, layers = self.share, self.layers
        if isinstance(W, Blocks):
            return learn_spread(W, Training(share, layers, epochs, rate, self.verbose))
        return learn_graph(W, keep=share, layers=layers, epochs=epochs, learning_rate=rate, verbose=self.verbose)

    @property
    def share(self) -> float:
        """Share of the edges at which training stops: `keep`, or its default."""
        return KEEP if self.keep is None else float(self.keep)

    def _training(self) -> tuple[int, float]:
        epochs, rate = self._authors_training if self.preset == "authors" else (200, 0.02)
        if self.epochs is not None:
            epochs = as_count(self.epochs, "epochs", least=1)
        if self.learning_rate is not None:
            rate = as_number(self.learning_rate, "learning_rate")
        if rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {rate}")
        return epochs, rate


def count_samples(data: list[View] | csr_array) -> int:
    """How many samples checked views, or a graph, are about."""
    return data[0].shape[0] if isinstance(data, list) else int(data.shape[0])


def as_sizes(view_sizes: Any) -> list[int]:
    """Convert the numbers of features of views."""
    require_in_memory(view_sizes, "view_sizes")
    if not isinstance(view_sizes, Sequence | np.ndarray) or isinstance(view_sizes, str):
        raise TypeError(f"view_sizes must be a list of one integer a view, got {view_sizes!r}")
    return [as_count(size, f"view_sizes[{v}]", least=1) for v, size in enumerate(view_sizes)]


def split_views(X: Any, view_sizes: Sequence[int] | None) -> list[View] | list[SpreadView]:
    """Views as they are; one array as one view, or cut by columns into views of the given sizes."""
    if is_views(X):
        if view_sizes is not None:
            raise ValueError("view_sizes is for one array; X is a list of views already")
        return views_of(X.views if isinstance(X, Named) else X)
    if is_spread(X):
        return views_of([X] if view_sizes is None else [X[:, a:b] for a, b in _cuts(view_sizes, as_spread(X, "X"))])
    whole, samples = as_csr_numbers(X, "X") if is_sparse(X) else as_numbers(X, "X"), names_of([X])
    require_matrix_shape(whole.shape, "X")
    if view_sizes is None:
        return as_views([as_rows(whole, "X")], samples)
    return as_views([as_rows(whole[:, a:b], f"X[:, {a}:{b}]") for a, b in _cuts(view_sizes, whole)], samples)


def _cuts(view_sizes: Sequence[int], whole: Any) -> list[tuple[int, int]]:
    """The first column of each view, and the one after its last."""
    sizes = as_sizes(view_sizes)
    if sum(sizes) != whole.shape[1]:
        raise ValueError(f"view_sizes = {sizes} has sum {sum(sizes)}, but X has {whole.shape[1]} features")
    return list(pairwise(np.cumsum([0, *sizes]).tolist()))
