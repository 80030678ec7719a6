"""Columns that a descent does not learn from: they tell which of its points is best, and which steps to leave.

What is learned from some signals is to serve others. A step that lowers the loss of the columns learned from may be
long enough to make the network grow on a few others, where it is worse than an answer of 0: such a step is unstable.
"""

import numbers
from typing import Any, NamedTuple

import numpy as np

from dsrl_ref.arrays import Array, as_count, as_number, is_sparse, require_in_memory
from dsrl_ref.checked import starting_point
from dsrl_ref.disk import arrays_of, refuse_if_on_disk
from dsrl_ref.errors import DivergenceError
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.spread import is_spread
from dsrl_ref.training.kinks import require_size
from dsrl_ref.training.subset import drawn, energies, errors, has_columns_apart, subset

SHARE = 0.2  # of the columns, by default
SEED = 1
ADVICE = "pass validation=0 to learn from all, or other data as (f, target)"


class Verdict(NamedTuple):
    """What the columns that were held out say of a point.

    Attributes
    ----------
    loss : float
        ½ Σ ‖x_t - x̃‖² over them; infinity where an iterate is not finite.
    grown : int
        On how many of them the network is worse than an answer of 0, and than such an answer is on average.
    """

    loss: float
    grown: int


NOTHING_HELD = Verdict(np.nan, 0)


class HeldOut:
    """Asks a network's layers of columns that it does not learn from."""

    def __init__(self, J: Objective) -> None:
        self.J = J
        energy = energies(J)
        self.most = np.maximum(energy, energy.mean())

    @property
    def columns(self) -> int:
        """How many."""
        return self.J.shape[1]

    def verdict(self, theta: Array, L: Array) -> Verdict:
        """Run the network on them."""
        try:
            found = errors(self.J, theta, L)
        except DivergenceError:
            return Verdict(np.inf, self.columns)
        return Verdict(0.5 * float(found.sum()), int(np.count_nonzero(found > self.most)))


def split(J: Objective, validation: Any) -> tuple[Objective, HeldOut | None]:
    """The objective to learn from, and what is held out; see `fit` for what may be given.

    Raises
    ------
    ValueError, TypeError
        For a share or a number that leaves nothing on one side, for an f of one's own, whose columns may interact, and
        for other data that are none for the network.
    """
    if isinstance(validation, list | tuple):
        return J, _of_others(J, *_parts(J, validation))
    m = J.shape[1]
    if not has_columns_apart(J) and (validation is None or _count(validation, m)):
        raise ValueError(
            f"validation={validation!r} holds columns out, and only those of Fidelity and LeastSquares are known not "
            f"to interact, not those of {type(J.f).__name__}: {ADVICE}"
        )
    count = _count(validation, m)
    if count == 0:
        return J, None
    of_f = arrays_of(J.f)
    refuse_if_on_disk(f"what is left of {m} columns", [*of_f, J.x0, J.target], f"of these none is copied: {ADVICE}")
    if count >= m:
        raise ValueError(f"validation={validation!r} holds all of {m} columns out, and leaves none: {ADVICE}")
    held = drawn(m, count, SEED)
    return subset(J, np.setdiff1d(np.arange(m), held)), HeldOut(subset(J, held))


def _count(validation: Any, m: int) -> int:
    """How many of m columns to hold out; ValueError for a share of them that is less than one."""
    require_in_memory(validation, "validation")
    if validation is not None and not isinstance(validation, numbers.Real):
        raise TypeError(
            "validation must be a share of the columns, a number of them, or other data as (f, target), got "
            f"{validation!r}"
        )
    if validation is not None and not isinstance(validation, float | np.floating):
        return as_count(validation, "validation")
    share = SHARE if validation is None else as_number(validation, "validation")
    if not 0 <= share < 1:
        raise ValueError(f"validation as a share of the columns must be at least 0 and less than 1, got {share}")
    count = int(share * m)
    if share > 0 and count == 0:
        raise ValueError(f"validation={validation!r} holds {share:g} of {m} columns out, which is none: {ADVICE}")
    return count


def _parts(J: Objective, given: Any) -> tuple[Any, Any, Any]:
    """f, target and x0 of other data; x0 may be left out where what is learned from starts as its f does."""
    if len(given) not in (2, 3):
        raise ValueError(f"validation as other data is (f, target) or (f, target, x0), got {len(given)} things")
    f, target, x0 = (*given, None)[:3]
    if x0 is None and not _starts_by_itself(J):
        raise ValueError(
            "validation as (f, target) starts at f.start(), and what is learned from at an x0 of its own: give "
            "(f, target, x0)"
        )
    return f, target, x0


def _starts_by_itself(J: Objective) -> bool:
    """Whether X_(0) is what f starts from; of data on disk, or on workers, no entry is looked at for it."""
    default = J.f.start() if has_columns_apart(J) else starting_point(J.f, None)
    if is_spread(J.x0):
        return bool(J.x0.name == default.name)  # dask calls by one name what is made in one way
    if J.problem.on_disk:
        return J.x0 is default or not any(J.x0.strides)
    return _same(J.x0, default)


def _of_others(J: Objective, f: Any, target: Any, x0: Any) -> HeldOut:
    other = Objective(f, target, layers=J.layers, x0=x0, threads=J.threads, per_layer=True)
    _require_same_kind(J.f, f)
    require_size(other, "the target of validation")
    return HeldOut(other)


def _require_same_kind(learned: Any, f: Any) -> None:
    """Refuse other data for which the network is another: of another kind, or of a `LeastSquares` of another D."""
    if isinstance(learned, LeastSquares) and not (isinstance(f, LeastSquares) and _same(f.D, learned.D)):
        raise ValueError(
            f"validation has {f!r}, which is not of the D that is learned from: make it by f.apply_to(Y) of that f, "
            "which whitens Y where f is whitened"
        )
    if isinstance(learned, Fidelity) and not isinstance(f, Fidelity):
        raise ValueError(f"validation has {f!r}, and what is learned from is of Fidelity: give Fidelity(W) of other W")


def _same(one: Any, other: Any) -> bool:
    """Whether two matrices, dense or sparse, are equal."""
    if one is other:
        return True
    if one.shape != other.shape or is_sparse(one) != is_sparse(other):
        return False
    return (one != other).nnz == 0 if is_sparse(one) else np.array_equal(one, other)
