"""What an estimator learned: one immutable object, and the attributes that show it.

Immutable are its arrays too: NumPy refuses to write to them, so that what was learned, what is saved of it and what it
predicts cannot come apart. Whoever wants to change one takes a copy.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from dsrl_ref.multiview.conventions import narrow
from dsrl_ref.multiview.learning import LearnedGraph
from dsrl_ref.multiview.naming import Expected, Naming
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.fusion import SpreadFusion
from dsrl_ref.multiview.unseen import Joiner


@dataclass(frozen=True)
class Input:
    """What `fit` saw: its graph, how to read more of the same, and how new samples are joined to it."""

    graph: csr_array
    n_features_in: int
    naming: Naming
    view_sizes: Sequence[int] | None
    joiner: Joiner | None  # None of a precomputed graph

    @property
    def expected(self) -> Expected:
        """What new samples are to have: names, and columns in each table, which may be cut into views."""
        if self.joiner is None or self.view_sizes is not None:
            return Expected(self.naming, (self.n_features_in,))
        return Expected(self.naming, tuple(view.given.shape[1] for view in self.joiner.fusion.views))


@dataclass(frozen=True)
class Fitted:
    """All that a `fit` learned; made at its end and assigned once, so that a fit which fails leaves the last one.

    It takes over the arrays that it is given: they must be those of the fit, not of its caller, who may write to his.
    """

    seen: Input
    affinity_matrix: csr_array  # what the network was trained on
    learned: LearnedGraph

    def __post_init__(self) -> None:
        """Let nobody write to what was learned any more; give its graphs the indices that others take."""
        for graph in (self.seen.graph, self.affinity_matrix, self.learned.graph):
            if not isinstance(graph, Blocks):
                narrow(graph)
        seal(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take over the state of a pickle or of a copy, whose arrays come back as ones that can be written to."""
        vars(self).update(state)
        seal(self)

    @property
    def attributes(self) -> dict[str, Any]:
        """What an estimator shows of it, by scikit-learn's names without their underscore; None is not shown."""
        seen, learned = self.seen, self.learned
        return {
            "affinity_matrix": self.affinity_matrix,
            "view_weights": None if seen.joiner is None else seen.joiner.fusion.view_weights,
            "neighbors": None if seen.joiner is None else tuple(seen.joiner.fusion.neighbors),
            "graph": learned.graph,
            "theta": learned.theta,
            "L": learned.L,
            "scale": learned.scale,
            "n_iter": len(learned.losses),
            "n_features_in": seen.n_features_in,
            "feature_names_in": _as_array(seen.naming.features),
            "view_names": _as_array(seen.naming.views),
        }


def _as_array(names: Sequence[str] | None) -> np.ndarray | None:
    """Names as scikit-learn has them, for readers alone."""
    if names is None:
        return None
    array = np.array(names, dtype=object)
    seal(array)
    return array


class FromFit:
    """An attribute that `fit` gives: read from the one object that it assigned, and not there before."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        """The value; AttributeError where `fit` has not given one."""
        if estimator is None:
            return self
        fitted = vars(estimator).get("_fitted")
        value = None if fitted is None else fitted.attributes[self.name.removesuffix("_")]
        if isinstance(value, Blocks):
            return value.as_array()
        if value is None:
            raise AttributeError(f"{type(estimator).__name__} has no {self.name}: fit gives it, from what it is given")
        return copy.copy(value) if issparse(value) else value  # another container, whose arrays may be exchanged

    def __set__(self, estimator: Any, value: Any) -> None:
        """Refuse: it is what was learned."""
        raise AttributeError(f"{self.name} is what fit learned, and cannot be set")


def seal(value: Any) -> None:
    """Make every array in a value read-only: itself, those of a sparse one, and whatever it holds at any depth.

    What is on workers nobody can write to.
    """
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, list | tuple):
        for each in value:
            seal(each)
    elif isinstance(value, SpreadFusion):
        seal([value.view_weights, value.neighbors])
    elif isinstance(value, Blocks):
        return
    elif hasattr(value, "__dict__"):
        seal(list(vars(value).values()))
