"""Columns of a problem whose blocks are on workers: their errors, and some of them, fetched."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dsrl_ref.appendix.network import forward
from dsrl_ref.arrays import Array
from dsrl_ref.distributed import work
from dsrl_ref.distributed.prepared import unless_error
from dsrl_ref.engines import parts
from dsrl_ref.errors import DivergenceError
from dsrl_ref.smooth import Fidelity, LeastSquares

AT_ONCE = 2**18  # entries of X whose iterates are kept at once
FETCHED = 2**20  # entries of X, 8 MiB: no more of it comes to the caller

Ask = Callable[..., list[Any]]


def errors(ask: Ask, m: int, theta: Any, L: Any) -> Array:
    """‖x_t - x̃‖² of each of m columns.

    Raises
    ------
    DivergenceError
        Where an iterate is not finite.
    """
    return _per_column(ask(_errors, theta, L), m)


def energies(ask: Ask, m: int) -> Array:
    """‖x̃‖² of each of m columns."""
    return _per_column(ask(_energies), m)


def fetched(ask: Ask, f: Any, columns: Any) -> tuple[Any, Array, Array]:
    """The term, x0 and the target of some columns, ascending, in the memory of the caller."""
    columns, (n, _) = np.asarray(columns), f.shape
    rows = len(f.Y) if type(f) is LeastSquares else n
    found = [np.empty((height, len(columns))) for height in (rows, n, n)]
    for shares in ask(_columns, columns):
        for *matrices, (above, _), places in shares:
            for whole, part in zip(found, matrices, strict=True):
                whole[above : above + len(part), places] = part  # all rows of Y, whose blocks begin at its first
    data, x0, target = found
    return _term(f, data), x0, target


def _term(f: Any, data: Array) -> Any:
    return LeastSquares(f.D, data) if type(f) is LeastSquares else Fidelity(data)


def _per_column(answers: list[Any], m: int) -> Array:
    """Add what is of the same column, block by block."""
    total = np.zeros(m)
    for answer in unless_error(answers):
        for first, squares in answer:
            total[first : first + len(squares)] += squares
    return total


def _errors(group: work.Group, theta: Any, L: Any) -> Any:
    try:
        return [(block.columns[0], _of_block(block, theta, L)) for block in _whole(group)]
    except DivergenceError as error:  # an answer, which nobody need log
        return error


def _of_block(block: work.Block, theta: Any, L: Any) -> Array:
    problem, of_engine = block.problem, parts.errors(block.prepared, theta, L)
    if of_engine is not None:
        if not np.isfinite(of_engine).all():
            problem.require_finite_layers(theta, L)
        return of_engine
    n, m = problem.x0.shape
    width, found = max(1, AT_ONCE // n), []
    for start in range(0, m, width):
        strip = slice(start, start + width)
        data = problem.f.Y if problem.is_least_squares else problem.f.start()  # type: ignore[attr-defined]
        X = forward(_term(problem.f, data[:, strip]), theta, L, int(problem.layers), problem.x0[:, strip])[-1]
        found.append(np.sum((X - problem.target[:, strip]) ** 2, axis=0))
    return np.concatenate(found)


def _energies(group: work.Group) -> list[tuple[int, Array]]:
    return [(block.columns[0], np.sum(block.problem.target**2, axis=0)) for block in _whole(group)]


def _columns(group: work.Group, columns: Array) -> list[Any]:
    """Of each block W or Y, x0 and the target of those of the columns that it has, with its rows and their places."""
    found = []
    for block in _whole(group):
        first, last = block.columns
        places = np.flatnonzero((first <= columns) & (columns < last))
        own, problem = columns[places] - first, block.problem
        data = problem.f.Y if problem.is_least_squares else problem.f.start()  # type: ignore[attr-defined]
        matrices = [np.ascontiguousarray(matrix[:, own]) for matrix in (data, problem.x0, problem.target)]
        found.append((*matrices, block.rows, places))
    return found


def _whole(group: work.Group) -> Iterator[work.Block]:
    """Blocks that still know their columns.

    Raises
    ------
    TypeError
        Of sparse chunks, of which the stored entries are kept alone.
    """
    for block in group.blocks:
        (top, bottom), (first, last) = block.rows, block.columns
        if block.problem.x0.shape != (bottom - top, last - first):
            raise TypeError(
                "columns of a Fidelity with sparse chunks are not kept: fit one Θ a layer to dense chunks, such as "
                "W.map_blocks(lambda chunk: chunk.toarray()), or one Θ to all layers"
            )
        yield block
