"""Signals that are a little harder than those at hand, made of them.

Most of what is lost on new signals is lost on the few whose targets have more nonzeros than any that was learned from:
there the last layers are too few. Of a `LeastSquares` such signals can be made, as D tells what is measured of them:
with x̃ and x̃' two columns of the target, and s the part of x̃' in places that are drawn,

    x̃ + s    is measured as    y + D·s,

with the noise of y and no other. The signs and sizes of the entries are those of the data.
"""

from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import LeastSquares
from dsrl_ref.spread import is_spread

ONE_IN = 4  # so many columns are taken again, denser
SHARE = 0.3  # of the nonzeros of another column that are added
SEED = 2


def with_denser(J: Objective) -> Objective:
    """The objective with denser copies of a quarter of the columns beside them, in an order that is drawn.

    J itself where f is not `LeastSquares`; the draws are always the same.
    """
    m = J.shape[1]
    count = m // ONE_IN
    if type(J.f) is not LeastSquares or count == 0:
        return J
    rng = np.random.default_rng(SEED)
    taken, other = rng.permutation(m)[:count], rng.permutation(m)[:count]
    X = J.target.toarray() if is_sparse(J.target) else J.target
    x0 = J.x0.toarray() if is_sparse(J.x0) else J.x0
    added = np.where(_chosen(rng, X[:, other]), X[:, other], 0.0)
    Y, target, start = (
        np.hstack([J.f.Y, J.f.Y[:, taken] + J.f.D @ added]),
        np.hstack([X, X[:, taken] + added]),
        np.hstack([x0, x0[:, taken]]),
    )
    order = rng.permutation(m + count)
    return J.of_others(LeastSquares(J.f.D, Y[:, order]), target[:, order], start[:, order])


def _chosen(rng: np.random.Generator, X: Any) -> Any:
    """Draw which entries of X are added: of a dask array the same, chunk by chunk where the chunks are computed."""
    if not is_spread(X):
        return rng.random(X.shape) < SHARE
    from dask.array import map_blocks

    state = rng.bit_generator.state
    rng.bit_generator.advance(X.size)  # type: ignore[attr-defined]  # to where it is after these draws
    # A 64-bit number may be half drawn: `advance` forgets the other half, which the draws above would have kept.
    half = {key: state[key] for key in ("has_uint32", "uinteger")}
    rng.bit_generator.state = {**rng.bit_generator.state, **half}
    return map_blocks(_drawn_at, X, state=state, dtype=bool, meta=np.empty((0, 0), bool))


def _drawn_at(chunk: Array, state: Any, block_info: Any) -> Any:
    """The draws of one chunk: of its place among those of the whole, row by row."""
    (top, bottom), (first, last) = block_info[0]["array-location"]
    chosen, bits = np.empty(chunk.shape, np.bool_), np.random.PCG64()
    for row in range(top, bottom):
        bits.state = state
        bits.advance(row * block_info[0]["shape"][1] + first)
        chosen[row - top] = np.random.Generator(bits).random(last - first) < SHARE
    return chosen
