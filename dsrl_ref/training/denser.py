"""Signals that are a little harder than those at hand, made of them.

Most of what is lost on new signals is lost on the few whose targets have more nonzeros than any that was learned from:
there the last layers are too few. Of a `LeastSquares` such signals can be made, as D tells what is measured of them:
with x̃ and x̃' two columns of the target, and s the part of x̃' in places that are drawn,

    x̃ + s    is measured as    y + D·s,

with the noise of y and no other. The signs and sizes of the entries are those of the data.
"""

import numpy as np

from dsrl_ref.arrays import is_sparse
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import LeastSquares

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
    added = np.where(rng.random((len(X), count)) < SHARE, X[:, other], 0.0)
    Y, target, start = (
        np.hstack([J.f.Y, J.f.Y[:, taken] + J.f.D @ added]),
        np.hstack([X, X[:, taken] + added]),
        np.hstack([x0, x0[:, taken]]),
    )
    order = rng.permutation(m + count)
    return Objective(
        LeastSquares(J.f.D, Y[:, order]),
        target[:, order],
        layers=J.layers,
        x0=start[:, order],
        method=J.method,
        threads=J.threads,
        per_layer=J.per_layer,
    )
