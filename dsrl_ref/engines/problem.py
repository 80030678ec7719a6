"""The problem that engines work on: f, x0, target and the number of layers, dense, with what is not stored set aside.

Whether data are sparse is settled here and nowhere else: an engine gets dense matrices. The one exception is D of a
`LeastSquares`, which stays as it was given, because products with it are all that is ever asked of it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.appendix.network import SmoothTerm, forward
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.disk import Watch, home
from dsrl_ref.entries import AT_ONCE, largest_entry, parts_of, same_entries
from dsrl_ref.quantiles import quantiles
from dsrl_ref.smooth import Fidelity, LeastSquares, portions
from dsrl_ref.threads import interruptible

Layers: TypeAlias = list[tuple[Theta, float]]  # Θ_i and L_i, the first layer's first
Told: TypeAlias = Callable[[str, float], Any]  # what is being prepared, and which share of it is done

ITERATES = 2**23  # entries of all iterates of a part that is looked at layer by layer, 64 MiB


class Problem:
    """What to evaluate, as an engine needs it.

    Parameters
    ----------
    f : SmoothTerm
        A `Fidelity`, a `LeastSquares` or a caller's own, validated.
    x0, target : ndarray or csr_array (n, m)
        X_(0) and X̃, validated and of one shape.
    layers : int or math.inf
        t.
    threads : int
        How many threads an engine may use; its result has the same bits for any number.
    per_layer : bool
        Whether every layer has a Θ and an L of its own.
    callback : callable, optional
        What an engine tells while it prepares what takes long.

    Attributes
    ----------
    f : SmoothTerm
        As given, but of a `Fidelity` W is dense. Where W, x0 and target are all sparse, W is one row of the entries
        that any of the three stores.
    x0, target : ndarray
        Dense float64, of the shape of f's X. They may be the caller's own arrays: never write to them.
    layers, threads, per_layer, callback
        As given.
    on_disk : bool
        Whether W, Y, x0 or the target are, so that no array of their size is to be formed in memory.
    watch : Watch
        Tells whether their files are as they were.
    shape : (int, int)
        (n, m) of the matrices as given, entries that are not stored among them.
    whole_columns : int
        m, or that of a larger problem, of which this is some columns.
    unstored : int
        How many entries of the n·m are left out of the work, since they are 0 in W, x0 and target, and stay 0.
    """

    def __init__(
        self,
        f: SmoothTerm,
        x0: Any,
        target: Any,
        layers: float,
        threads: int = 1,
        per_layer: bool = False,
        callback: Told | None = None,
    ) -> None:
        self.shape: tuple[int, int] = x0.shape
        self.layers, self.threads, self.per_layer, self.callback = layers, threads, per_layer, callback
        if type(f) is Fidelity and is_sparse(f.W):
            if is_sparse(x0) and is_sparse(target):
                W, x0, target = _stored_entries(f.W, x0, target)
                f = Fidelity(W)
            else:
                f = Fidelity(f.W.toarray())
        self.f: SmoothTerm = f
        self.x0, self.target = _dense(x0), _dense(target)
        self.unstored = self.shape[0] * self.shape[1] - self.x0.size
        self.whole_columns = self.shape[1]
        matrices = [*_data_of(self.f), self.x0, self.target]
        self.on_disk = any(home(matrix) is not None for matrix in matrices)
        self.watch = Watch(*matrices)

    @property
    def entries(self) -> int:
        """How many entries are worked on."""
        return self.x0.size

    @property
    def parameters(self) -> int:
        """How many numbers Θ and L are, and so how many derivatives there are: five, or five a layer."""
        return 5 * int(self.layers) if self.per_layer else 5

    @property
    def places(self) -> range | list[int]:
        """Where the five derivatives of each layer begin: apart, or all at the same place, where they are added up."""
        return range(0, self.parameters, 5) if self.per_layer else [0] * int(self.layers)

    def of_layers(self, theta: Any, L: Any) -> Layers:
        """Θ and L of each of the finitely many layers: its own, or the one that all share."""
        if self.per_layer:
            return list(zip(theta, L.tolist(), strict=True))
        return [(theta, L)] * int(self.layers)

    def added(self, rows: Array) -> Array:
        """Derivatives as they are asked for: those of the layers, (t, 5), or their sum, from the last to the first."""
        return rows if self.per_layer else rows[::-1].sum(axis=0)

    @property
    def is_fidelity(self) -> bool:
        """Whether f is `Fidelity` itself: a subclass may do anything, and is taken for a caller's own f."""
        return type(self.f) is Fidelity

    @property
    def is_least_squares(self) -> bool:
        """Whether f is `LeastSquares` itself."""
        return type(self.f) is LeastSquares

    @property
    def has_columns_apart(self) -> bool:
        """Whether the columns of X are known not to interact."""
        return self.is_fidelity or self.is_least_squares

    @cached_property
    def nonzeros(self) -> int:
        """How many entries of the target are not 0."""
        return sum(int(np.count_nonzero(part)) for part in parts_of(self.target))

    @cached_property
    def largest(self) -> float:
        """The largest |entry| of the target."""
        return largest_entry(self.target)

    @cached_property
    def half_square(self) -> float:
        """½‖X̃‖²_F: the loss of a network that answers 0."""
        squares, _ = self.squares(1.0)
        return 0.5 * math.fsum(squares)

    @cached_property
    def root_mean_square(self) -> float:
        """The root of the mean square of the target's entries that are not 0; 1 where all are."""
        if not self.largest:
            return 1.0
        squares, count = self.squares(self.largest)
        return self.largest * math.sqrt(math.fsum(squares) / count)

    def squares(self, unit: float) -> tuple[list[float], int]:
        """Terms whose sum is Σ(x̃/unit)², some entries at a time, and how many entries are not 0."""
        found, count = list[float](), 0
        for part in parts_of(self.target):
            kept = part[part != 0]
            found.append(float(np.sum((kept / unit) ** 2)))
            count += kept.size
        return found, count

    def first_layer(self, L: float, shares: Sequence[float]) -> Array | None:
        """Quantiles of the |entries| of Z_(1) with the step 1/L that are not 0; None where all are 0."""
        found = quantiles(lambda: self.first_seen(L), shares)
        return found if found.size else None

    def first_seen(self, L: float) -> Iterator[Array]:
        """|X_(0) - ∇f(X_(0))/L|, which the first layer sees, some entries at a time."""
        for f, x0 in self._parts(AT_ONCE) if self.is_fidelity or self.on_disk else [(self.f, self.x0)]:
            yield np.abs(x0 - f.gradient(x0) / L).ravel()

    def made_ready(self, engine: Any, prepare: Callable[[Any, "Problem"], Any]) -> Any:
        """What evaluates, prepared by an engine: here, where the data are."""
        return prepare(engine, self)

    def require_finite_layers(self, theta: Any, L: Any) -> None:
        """Run the recursion, which refuses an iterate that is not finite: a DivergenceError names the layer."""
        layers = int(self.layers)
        for f, x0 in self._parts(max(1, ITERATES // (layers + 1))) if self.on_disk else [(self.f, self.x0)]:
            forward(f, theta, L, layers, x0)

    def _parts(self, entries: int) -> Iterator[tuple[SmoothTerm, Array]]:
        """The term and x0 of parts that do not interact, copied into memory, of about so many entries each."""
        for _, f, x0 in portions(self.f, self.x0, entries):  # type: ignore[arg-type]  # one's own is in memory, whole
            yield f, x0

    @cached_property
    def start(self) -> float | None:
        """The number s for which x0 = s·W, if f is `Fidelity` and s is 1 or 0, so that X_(t) is a function of W."""
        if not self.is_fidelity:
            return None
        W = self.f.start()
        if same_entries(self.x0, W):
            return 1.0
        return None if largest_entry(self.x0) else 0.0

    @cached_property
    def target_is_W(self) -> bool:
        """Whether f is `Fidelity`, and the target has the entries of its W."""
        return self.is_fidelity and same_entries(self.target, self.f.start())


def _data_of(f: SmoothTerm) -> list[Any]:
    """What f holds that has as many columns as X."""
    if isinstance(f, Fidelity):
        return [f.W]
    return [f.Y] if isinstance(f, LeastSquares) else []


def _stored_entries(*matrices: Any) -> list[Array]:
    """Each CSR matrix as one row of values over the union of all patterns, of one zero where that is empty."""
    first = matrices[0]
    if first.nnz and all(_same_pattern(first, other) for other in matrices[1:]):
        return [matrix.data.reshape(1, -1) for matrix in matrices]
    keys = [_keys(matrix) for matrix in matrices]
    union = _union(keys) if any(key.size for key in keys) else np.zeros(1, dtype=np.int64)
    rows = []
    for matrix, key in zip(matrices, keys, strict=True):
        row = np.zeros((1, union.size))
        row[0, np.searchsorted(union, key)] = matrix.data
        rows.append(row)
    return rows


def _union(keys: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """What any of the arrays has, sorted; beside the main thread where that takes long, as Ctrl-C waits for no sort."""
    every = np.concatenate(keys)
    return interruptible(lambda: np.unique(every)) if every.size > AT_ONCE else np.unique(every)


def _same_pattern(one: Any, other: Any) -> bool:
    """Whether two CSR matrices store the same places."""
    arrays = (one.indptr, other.indptr), (one.indices, other.indices)
    return all(a is b or np.array_equal(a, b) for a, b in arrays)


def _keys(matrix: Any) -> NDArray[np.int64]:
    """The place of each stored entry of a CSR matrix as one number, row·m + column."""
    n, m = matrix.shape
    keys: NDArray[np.int64] = np.repeat(np.arange(n, dtype=np.int64) * m, np.diff(matrix.indptr)) + matrix.indices
    return keys


def _dense(matrix: Any) -> Array:
    return matrix.toarray() if is_sparse(matrix) else matrix
