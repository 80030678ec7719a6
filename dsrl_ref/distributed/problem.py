"""A problem whose entries are spread over workers: what it is made of, and how it is cut."""

import weakref
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from dsrl_ref.arrays import Array, as_csr_numbers, as_number, is_sparse, require_shape
from dsrl_ref.disk import as_data, refuse_if_on_disk
from dsrl_ref.distributed import amounts, columns, work
from dsrl_ref.distributed.cluster import Cluster, Here, place_of
from dsrl_ref.distributed.prepared import Prepared, unless_error
from dsrl_ref.engines.engine import Engine
from dsrl_ref.engines.problem import Problem
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.spread import as_spread, is_spread
from dsrl_ref.threads import processors

BLOCK = 2**22  # entries of a block, 32 MiB; other blocks would have other bits
GROUP = 2**27  # entries of a group, 1 GiB, the most that a worker gets in one piece

PLACES = 32  # bytes a column: where in the whole the columns are that training has drawn, in all arrays together

Sizes: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # of the blocks, from above and from the left
Share: TypeAlias = tuple[int, int]  # the first block, and the one after the last


def spread(
    f: Any, target: Any, x0: Any, layers: float, threads: int | None, per_layer: bool, client: Any, timeout: Any
) -> tuple["Spread", Any, Any]:
    """The problem of an f that holds a dask array, x0 and the target; `Objective` documents the parameters.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and for a target or x0 that is sparse in memory.
    """
    if type(f) not in (Fidelity, LeastSquares):
        raise TypeError(
            f"f is a {type(f).__name__} that holds a dask array: only Fidelity and LeastSquares themselves are known "
            "to work on some columns at a time"
        )
    if target is None and type(f) is not Fidelity:
        raise ValueError("target is required for LeastSquares; only Fidelity has a default, its W")
    timeout = as_number(timeout, "timeout")
    if timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, got {timeout}")
    place = place_of(client, threads, timeout, processors() if threads is None else threads)
    x0 = None if x0 is None else _like(f, x0, "x0")
    target = None if target is None else _like(f, target, "target")
    problem = Spread(f, x0, target, layers, per_layer, place)
    return problem, problem.x0, problem.target


def _like(f: Any, value: Any, name: str) -> Any:
    """A matrix of the shape of f's X, as a dask array."""
    if is_spread(value):
        array = as_spread(value, name)
    else:
        value = as_data(value, name)
        refuse_if_on_disk(name, [value], f"pass {name} as a dask array, as f has one")
        if is_sparse(value):
            raise TypeError(f"{name} is sparse and in memory, and f holds a dask array: pass one with sparse chunks")
        from dask.array import from_array

        array = from_array(value, chunks=-1, name=False)  # a name of its own: dask would hash all entries for one
    require_shape(array, f.shape, name, "f")
    return array


class Spread(Problem):
    """The problem of a `Fidelity` or a `LeastSquares` of a dask array.

    Attributes
    ----------
    f, x0, target
        Of dask arrays; x0 and target are those of f where none were given.
    given : tuple
        x0 and the target as they were given, None for the defaults.
    place : Cluster or Here
        Where blocks are prepared and evaluated.
    """

    f: Any  # Fidelity or LeastSquares
    on_disk = False  # where the chunks come from is dask's to know

    def __init__(self, f: Any, x0: Any, target: Any, layers: float, per_layer: bool, place: Cluster | Here) -> None:
        self._prepared: Callable[[], Prepared | None] = lambda: None
        self.f, self.shape, self.layers, self.per_layer = f, f.shape, layers, per_layer
        self.given, self.place = (x0, target), place
        self.x0, self.target = f.start() if x0 is None else x0, f.W if target is None else target
        self.threads, self.unstored, self.whole_columns = 1, 0, self.shape[1]  # as of each block

    @cached_property
    def entries(self) -> int:
        """How many entries there are; of sparse chunks, how many W stores."""
        n, m = self.shape
        if not self._is_sparse:
            return n * m
        W = self.f.W
        chunks = list(zip(W.to_delayed().ravel(), places(W.chunks), strict=True))
        return max(1, sum(self._computed(_stored, chunks)))

    @property
    def _is_sparse(self) -> bool:
        """Whether W, and what else is given, have sparse chunks: then what nothing stores is left out."""
        arrays = [self.f.W, *(array for array in self.given if array is not None)] if self.is_fidelity else []
        return bool(arrays) and all(is_sparse(array._meta) for array in arrays)

    @cached_property
    def nonzeros(self) -> int:
        """How many entries of the target are not 0."""
        target: Any = self.target
        return sum(self._computed(_nonzero, [(chunk,) for chunk in target.to_delayed().ravel()]))

    @cached_property
    def start(self) -> float | None:
        """The number s for which x0 = s·W, if f is `Fidelity` and s is 1 or 0."""
        if not self.is_fidelity:
            return None
        x0, _ = self.given
        if x0 is None:
            return 1.0
        sizes = self._sizes_of_blocks()
        pairs = zip(self._cut(self.f.W, sizes), self._cut(x0, sizes), strict=True)
        same, moved = zip(*self._computed(_relation, list(pairs)), strict=True)
        return 1.0 if all(same) else None if any(moved) else 0.0

    @cached_property
    def largest(self) -> float:
        """The largest |entry| of the target."""
        return amounts.largest(self.ask)

    def squares(self, unit: float) -> tuple[list[float], int]:
        """Terms whose sum is Σ(x̃/unit)², of some entries each, and how many entries are not 0."""
        return amounts.squares(self.ask, unit)

    def first_layer(self, L: float, shares: Sequence[float]) -> Array | None:
        """Quantiles of the |entries| of Z_(1) with the step 1/L that are not 0; None where all are 0."""
        return amounts.quantiles(self.ask, L, shares)

    def require_finite_layers(self, theta: Any, L: Any) -> None:
        """Let the workers run the recursion, and raise the DivergenceError of the first block that has one."""
        unless_error(self.ask(work.divergence, theta, L))

    def errors(self, theta: Any, L: Any) -> Array:
        """‖x_t - x̃‖² of every column, (m,)."""
        return columns.errors(self.ask, self.shape[1], theta, L)

    def energies(self) -> Array:
        """‖x̃‖² of every column, (m,)."""
        return columns.energies(self.ask, self.shape[1])

    def some(self, chosen: Any) -> tuple[Any, Any, Any]:
        """The term, x0 and the target of some columns, ascending: few in the caller's memory, many as dask arrays."""
        n, x0, target, f = self.shape[0], *self.given, self.f
        if n * len(chosen) <= columns.FETCHED:
            return columns.fetched(self.ask, f, chosen)
        of = Fidelity(f.W[:, chosen]) if self.is_fidelity else LeastSquares(f.D, f.Y[:, chosen])
        start, goal = (None if array is None else array[:, chosen] for array in (x0, target))
        return of, start, goal

    def __reduce__(self) -> Any:
        """Refuse: what is pickled here is not on the workers any more."""
        raise TypeError(
            "an Objective of dask arrays lies on the workers, and is neither pickled nor copied: make it where it is "
            "evaluated, of the same f"
        )

    def ask(self, question: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The answers of all groups of blocks, once they are prepared."""
        return self.prepared.ask(question, *arguments)

    @property
    def prepared(self) -> Prepared:
        """The groups of blocks, which hold this problem.

        They are the objective's, and only referred to from here: in a circle they would stay on the workers, after
        the objective is gone, until Python looks for circles.
        """
        prepared = self._prepared()
        assert prepared is not None, "made ready, and held by the objective"
        return prepared

    def made_ready(self, engine: Engine, prepare: Callable[[Any, Problem], Any]) -> Prepared:
        """Prepare all blocks where their entries are; ValueError or TypeError where an entry is no finite number."""
        threads = self.place.threads
        plan = work.Plan(engine, prepare, self.layers, self.per_layer, self.shape[1], threads)
        D = None if self.is_fidelity else self.f.D
        own = PLACES * self.shape[1] if self.per_layer else 0
        own += 0 if D is None else 12 * D.nnz if is_sparse(D) else D.nbytes
        prepared = Prepared(self, engine, partial(self._recipes, plan), self.place, own)
        self._prepared = weakref.ref(prepared)
        return prepared

    def _recipes(self, plan: work.Plan) -> list[Any]:
        """Delayed groups: how all of the entries are prepared, from the arrays on."""
        from dask import delayed

        sizes, shares = self._layout(plan.engine)
        D = None if self.is_fidelity else delayed(self.f.D, pure=False)
        data = self.f.W if self.is_fidelity else self.f.Y
        arrays = [[None] * len(places(sizes)) if a is None else self._cut(a, sizes) for a in (data, *self.given)]
        made, grouped, plan = delayed(work.block, pure=False), delayed(work.group, pure=False), delayed(plan)
        blocks = [made(plan, place, D, *those) for place, *those in zip(places(sizes), *arrays, strict=True)]
        return [grouped(*blocks[first:last]) for first, last in shares]

    def _layout(self, engine: Engine) -> tuple[Sizes, list[Share]]:
        """How many rows and columns the blocks have, and which of these, in their order, are a group."""
        n, m = self.shape
        if self.is_fidelity:
            sizes = self._sizes_of_blocks()
        elif engine.cut is None:
            sizes = (n,), lengths(m, max(1, BLOCK // n))
        else:
            units = lengths(m, engine.cut(self))
            sizes = (n,), tuple(sum(units[first:last]) for first, last in self._shares(len(units)))
            return sizes, [(place, place + 1) for place in range(len(sizes[1]))]
        return sizes, self._shares(len(places(sizes)))

    def _sizes_of_blocks(self) -> Sizes:
        """Of a `Fidelity`: whole rows, or parts of one that is longer than a block, by the shape alone.

        What sparse chunks store is counted, so that blocks of rows store about as many entries on average.
        """
        n, m = self.shape
        if self._is_sparse:
            return lengths(n, max(1, n * BLOCK // self.entries)), (m,)
        return lengths(n, max(1, BLOCK // m)), lengths(m, BLOCK)

    def _shares(self, count: int) -> list[Share]:
        """Divide so many blocks, or units of columns, among groups."""
        groups = min(count, max(self.place.groups, -(-self.entries // GROUP)))
        ends = [count * group // groups for group in range(groups + 1)]
        return list(pairwise(ends))

    def _cut(self, array: Any, sizes: Sizes) -> list[Any]:
        """The blocks of an array, delayed, row by row; those of Y have all of its rows."""
        rows = sizes[0] if self.is_fidelity else (array.shape[0],)
        return list(array.rechunk((rows, sizes[1]), method="tasks").to_delayed().ravel())

    def _computed(self, function: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> list[Any]:
        """What a function says of each chunk, or of several at the same place; computed where they are."""
        from dask import delayed

        states = self.place.prepare([delayed(function, pure=False)(*those) for those in arguments])
        return [answer for _, answer in self.place.ask(states, work.itself)]


def lengths(whole: int, part: int) -> tuple[int, ...]:
    """Divide `whole` into parts of one length, the last perhaps shorter."""
    full, rest = divmod(whole, part)
    return (part,) * full + ((rest,) if rest else ())


def places(sizes: Sizes) -> list[work.Place]:
    """Which rows and columns the blocks are, row by row."""
    ends = [np.concatenate([[0], np.cumsum(lengths)]).tolist() for lengths in sizes]
    rows, columns = (list(pairwise(end)) for end in ends)
    return [(down, across) for down in rows for across in columns]


def _stored(chunk: Any, place: work.Place) -> int:
    """How many entries a sparse chunk stores, once equal places are added up: none, if it has no rows."""
    return int(as_csr_numbers(chunk, work.part("W", place)).nnz) if all(chunk.shape) else 0


def _nonzero(chunk: Any) -> int:
    return int(chunk.count_nonzero() if is_sparse(chunk) else np.count_nonzero(chunk))


def _relation(W: Any, x0: Any) -> tuple[bool, bool]:
    """Whether some entries of x0 are those of W, of whatever dtype, and whether any is not 0."""
    if is_sparse(W) and is_sparse(x0):
        same = (as_csr_numbers(W, "W") != as_csr_numbers(x0, "x0")).nnz == 0
    else:
        same = np.array_equal(*(matrix.toarray() if is_sparse(matrix) else matrix for matrix in (W, x0)))
    return same, bool(_nonzero(x0))
