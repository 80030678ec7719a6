"""A sparse matrix in blocks of rows that lie on workers, and what is asked of it as of one in memory."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.distributed.cluster import PERSISTED, Cluster, Here, LostError
from dsrl_ref.errors import ClusterError
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.assembly import assembled
from dsrl_ref.progress import Progress

ENTRIES = 2**24  # of a block at most, on average: 200 MB
FINE = 8  # blocks for each thread of a worker, so that none waits long for the last one
MANY = 64  # blocks, whose exchange with one another is still a small part of the work
ENTRY = 12  # bytes of a weight and the place of its column


def ranges(n: int, entries: int, slots: int) -> list[slice]:
    """Divide n rows of so many entries each among blocks, for workers who do so many tasks at a time."""
    count = min(n, max(slots, min(FINE * slots, MANY), -(-n * entries // ENTRIES)))
    return [slice(a, b) for a, b in pairwise(n * place // count for place in range(count + 1))]


def asked(place: Cluster | Here, states: Sequence[Any], question: Callable[..., Any], *arguments: Any) -> list[Any]:
    """The answers of some states, in their order.

    Raises
    ------
    ClusterError
        Where they cannot be had, as where the scheduler has forgotten the states.
    """
    return _answers(lambda: place.ask(states, question, *arguments))


def settled(place: Cluster | Here, states: list[Any], what: str) -> list[Any]:
    """The states, once all of them are made; a line says meanwhile how many are."""
    with Progress(what) as progress:

        def tell(made: int) -> None:
            progress.tell(f"{made} of {len(states)} blocks", made / len(states))

        _answers(lambda: place.ask(states, work.present, tell=tell))
    return states


def _answers(ask: Callable[[], list[tuple[str, Any]]]) -> list[Any]:
    try:
        return [answer for _, answer in ask()]
    except LostError as error:
        raise ClusterError(
            "the Dask scheduler has forgotten what was made of the views, as it does when it is restarted: call fit, "
            f"or similarity_graph, once more; {PERSISTED}"
        ) from error


def shared(value: Any) -> Any:
    """Something that several tasks are given: it is sent once."""
    from dask import delayed

    return delayed(value, pure=False, traverse=False)


class States(list[Any]):
    """One for each block, of whatever they are."""


class Blocks:
    """A matrix (n, m) in blocks of rows.

    Parameters
    ----------
    place : Cluster or Here
        Where they are.
    states : list
        A csr_array of some rows, next to one another, each: futures of them, or on this machine themselves.
    rows : list of slice
        Which rows these are.
    width : int
        m.
    """

    def __init__(self, place: Cluster | Here, states: list[Any], rows: list[slice], width: int) -> None:
        self.place, self.states, self.rows = place, states, rows
        self.shape = rows[-1].stop, width

    def __reduce__(self) -> Any:
        """Refuse: what is pickled here is not on the workers any more."""
        raise TypeError(
            "a model of dask arrays lies on the workers, and is neither pickled nor copied: dsrl_ref.save writes it"
        )

    def mapped(self, function: Callable[..., csr_array], *others: Any) -> "Blocks":
        """The matrix of what a function makes of each block.

        Parameters
        ----------
        function : callable
            Takes the range of rows, the block, and for every one of `others` its block if it is `Blocks` too, or else
            itself.
        """
        return self.of(self.place, self.rows, self.shape[1], function, self, *others)

    @classmethod
    def of(
        cls, place: Cluster | Here, rows: list[slice], width: int, function: Callable[..., csr_array], *given: Any
    ) -> "Blocks":
        """The same of blocks that a function makes of the range of rows and of what is `given`."""
        from dask import delayed

        own = [
            each
            if isinstance(each, States)
            else each.states
            if isinstance(each, Blocks)
            else [shared(each)] * len(rows)
            for each in given
        ]
        size = sum(0 if isinstance(each, Blocks) else getattr(each, "nbytes", 0) for each in given)
        made = delayed(function, pure=False)
        recipes = [made(block, *parts) for block, *parts in zip(rows, *own, strict=True)]
        return cls(place, place.prepare(recipes, size), rows, width)

    def __matmul__(self, X: Array) -> Array:
        """The product with a matrix (m, c), which is sent to every block; its rows come back."""
        return np.concatenate(asked(self.place, self.mapped(_product, X).states, work.itself))

    def sum(self, axis: int) -> Array:
        """The sums of rows, for ``axis=1``; the bits are those of SciPy on the whole matrix."""
        assert axis == 1, "rows lie together, columns do not"
        return np.concatenate(asked(self.place, self.states, _sums))

    def diagonal(self) -> Array:
        """The entries of the diagonal."""
        return np.concatenate(asked(self.place, self.mapped(_diagonal).states, work.itself))

    @cached_property
    def nnz(self) -> int:
        """How many entries are stored."""
        return sum(asked(self.place, self.states, _stored))

    def gathered(self, what: str, instead: str, copies: float = 1.0) -> csr_array:
        """The whole matrix in the memory of the caller.

        Parameters
        ----------
        what, instead : str
            As for `require_room`: who asks for it, and what to do where it does not fit.
        copies : float
            How many times the matrix will be held, with what is made of it.

        Raises
        ------
        SizeError
            Before anything comes, where there is no room for it.
        """
        of = f"{what} the graph in the memory of the caller, {self.nnz} entries of {self.shape[0]} samples"
        require_room(copies * ENTRY * self.nnz, of, instead)

        states = iter(self.states)

        def part(block: slice) -> csr_array:
            rows: csr_array = asked(self.place, [next(states)], work.itself)[0]
            return rows

        return assembled(self.shape, self.nnz, self.rows, part)

    def as_array(self) -> Any:
        """The same as a dask array, whose chunks are the blocks."""
        from dask.array import concatenate, from_delayed

        empty = csr_array((0, 0))
        heights = [block.stop - block.start for block in self.rows]
        chunks = [
            from_delayed(shared(state), (height, self.shape[1]), meta=empty)
            for state, height in zip(self.states, heights, strict=True)
        ]
        return concatenate(chunks, axis=0)


def _product(block: slice, rows: csr_array, X: Array) -> Array:
    product: Array = rows @ X
    return product


def _sums(rows: csr_array) -> Array:
    sums: Array = rows.sum(axis=1)
    return sums


def _stored(rows: csr_array) -> int:
    return int(rows.nnz)


def _diagonal(block: slice, rows: csr_array) -> Array:
    diagonal: Array = rows.diagonal(block.start)
    return diagonal
