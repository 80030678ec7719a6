"""What runs on a worker: blocks of entries are prepared there, and asked for their sums.

A `Group` is what one task has to do with: the blocks of one share of the entries, which lie beside one another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import numpy as np

from dsrl_ref.arrays import Array, as_matrix_or_csr, require_shape
from dsrl_ref.distributed.carried import packed, unpacked, weight
from dsrl_ref.engines import parts, pieces
from dsrl_ref.engines.engine import Engine
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity, LeastSquares, multiplications
from dsrl_ref.threads import blas_threads, limited

Place: TypeAlias = tuple[tuple[int, int], tuple[int, int]]  # the first row and the one after the last, and columns


class Plan(NamedTuple):
    """What is to be made of every block.

    Attributes
    ----------
    engine, prepare
        What evaluates; ``prepare(engine, problem)`` makes a problem ready.
    layers, per_layer
        As of `Problem`.
    whole_columns : int
        m of the whole problem, by which "columns" decides how to multiply.
    threads : int or None
        The most that the caller wants; None is what the worker has.
    """

    engine: Engine
    prepare: Callable[[Engine, Problem], Any]
    layers: float
    per_layer: bool
    whole_columns: int
    threads: int | None


@dataclass(frozen=True)
class Block:
    """Some entries, prepared.

    Of "pieces", which keeps a sorted copy, `problem` has the entries in that order, so that they are held once; where
    every layer has a Θ of its own, it has them as they were given, since training asks for columns. `rows` and
    `columns` are the first, and the one after the last, of the whole.
    """

    prepared: Any
    problem: Problem
    rows: tuple[int, int]
    columns: tuple[int, int]

    def __reduce__(self) -> Any:
        return _restored, (Block, *packed(self._fields))

    def __sizeof__(self) -> int:
        """Bytes, by which dask decides what to move and what to spill."""
        return weight(self._fields)

    @property
    def _fields(self) -> tuple[Any, ...]:
        return self.prepared, self.problem, self.rows, self.columns


def _restored(kind: Callable[..., Any], *written: Any) -> Any:
    return kind(*unpacked(*written))


class Group:
    """Blocks of one share of the entries.

    Attributes
    ----------
    blocks : list of Block
        In the order of their indices.
    made : str
        A name that another making of the same share would not have, by which the caller knows that it was lost.
    """

    def __init__(self, blocks: list[Block], made: str | None = None) -> None:
        self.blocks, self.made = blocks, uuid4().hex if made is None else made

    def __reduce__(self) -> Any:
        return _restored, (Group, *packed((self.blocks, self.made)))

    def __sizeof__(self) -> int:
        """Bytes; D, which all blocks have, counts once."""
        return weight(self.blocks)


def group(*blocks: Block) -> Group:
    """The blocks together, without a copy."""
    return Group(list(blocks))


def block(plan: Plan, place: Place, D: Any, data: Any, x0: Any, target: Any) -> Block:
    """Validate and prepare some entries.

    Parameters
    ----------
    plan : Plan
        What to make of them.
    place : pair of pairs
        Which rows and columns of the whole they are: what is wrong with an entry is told with it.
    D : array_like or None
        The dictionary; None of a `Fidelity`.
    data, x0, target : array_like
        These entries of W, or of Y, and of the others; None for what is the default.

    Raises
    ------
    ValueError, TypeError
        For what is not a finite real number, and for chunks of another shape than their array says.
    """

    def own(name: str) -> str:
        return part(name, place if D is None else (None, place[1]))

    name = "W" if D is None else "Y"
    data = as_matrix_or_csr(data, own(name))
    (top, bottom), (left, right) = place
    rows = bottom - top if D is None else data.shape[0]
    require_shape(data, (rows, right - left), own(name), "that part of the dask array")
    f: Any = Fidelity(data) if D is None else LeastSquares(D, data)
    start = f.start() if x0 is None else as_matrix_or_csr(x0, own("x0"))
    goal = f.W if target is None else as_matrix_or_csr(target, own("target"))
    for matrix, of in ((start, "x0"), (goal, "target")):
        require_shape(matrix, f.shape, own(of), own("f"))
    threads = at_most(plan.threads)
    problem = Problem(f, start, goal, plan.layers, threads, plan.per_layer)
    problem.whole_columns = plan.whole_columns
    with _as_of(problem):
        prepared = plan.prepare(plan.engine, problem)
        if plan.engine.name == pieces.ENGINE.name and not plan.per_layer:
            _hold_once(problem, prepared)
    return Block(prepared, problem, *place)


def part(name: str, place: tuple[tuple[int, int] | None, tuple[int, int]]) -> str:
    """A part of a matrix as messages name it, ``W[4:8, 0:100]``; of no rows in particular, ``Y[:, 0:100]``."""
    rows, (left, right) = place
    return f"{name}[{':' if rows is None else f'{rows[0]}:{rows[1]}'}, {left}:{right}]"


def at_most(threads: int | None) -> int:
    """How many threads a task may use: those of its worker, of a process without one as many as `threads` says."""
    own = _of_worker()
    if own is None:
        return threads or 1
    return own if threads is None else min(own, threads)


def _of_worker() -> int | None:
    try:
        from distributed import get_worker

        return int(get_worker().state.nthreads)
    except (ImportError, ValueError):  # no worker
        return None


def _hold_once(problem: Problem, prepared: Any) -> None:
    """Let the problem refer to the sorted entries, and let go of those that they were copied from.

    Zeros are not among them; where there is nothing else, it is one zero.
    """
    of_entries: Any = prepared.parts[-1] if isinstance(prepared, parts.Sum) else prepared
    start = problem.start
    w = of_entries.w.reshape(1, -1) if of_entries.w.size else np.zeros((1, 1))
    f = Fidelity.__new__(Fidelity)
    f.W, f.shape = w, w.shape
    problem.f, problem.x0 = f, w if start else np.broadcast_to(0.0, w.shape)
    problem.target = of_entries.target.reshape(1, -1) if of_entries.target.size else w


@contextmanager
def _as_of(problem: Problem) -> Iterator[None]:
    """Threads of BLAS, as `Objective` limits them, and no warnings of what overflows, which is refused by name."""
    products = multiplications(problem.f, problem.x0.shape)
    quiet = np.errstate(over="ignore", invalid="ignore")
    with limited(problem.threads), blas_threads(problem.threads, products), quiet:
        yield


def sums(group: Group, theta: Any, L: Any) -> Array | DivergenceError:
    """Rows that add up to the loss and the derivatives of the group; the error where the network diverges."""
    return _terms(group, parts.terms, theta, L)


def sums_with_matrix(group: Group, theta: Any, L: Any) -> Array | DivergenceError:
    """The same, with the upper triangle of the Gauss-Newton matrix."""
    return _terms(group, parts.gauss_newton_terms, theta, L)


def _terms(group: Group, terms: Callable[..., Array], theta: Any, L: Any) -> Array | DivergenceError:
    try:
        return parts.condensed(np.concatenate([terms(one.prepared, theta, L) for one in group.blocks]))
    except DivergenceError as error:  # an answer, which nobody need log
        return error


def ties(group: Group, theta: Any, L: Any) -> int | DivergenceError:
    """How many entries of Z sit on a knot."""
    try:
        return sum(int(one.prepared.ties(theta, L)) for one in group.blocks)
    except DivergenceError as error:
        return error


def divergence(group: Group, theta: Any, L: Any) -> DivergenceError | None:
    """What the recursion itself says of the group where it is not finite."""
    try:
        for one in group.blocks:
            one.problem.require_finite_layers(theta, L)
    except DivergenceError as error:
        return error
    return None


def present(group: Group) -> None:
    """Nothing but that the group is there."""


def itself(value: Any) -> Any:
    """What is asked of a value that is wanted as it is."""
    return value


def answered(state: Any, question: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """The answer of a group, and which making of it has answered; of what is no group, no making.

    A group is asked with threads and warnings as they are to be for one at work.
    """
    if not isinstance(state, Group):
        return "", question(state, *arguments)
    with _as_of(state.blocks[0].problem):  # the first is no smaller than the others
        return state.made, question(state, *arguments)
