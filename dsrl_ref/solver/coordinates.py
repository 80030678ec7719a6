"""`LeastSquares` with convex g and many columns: compiled coordinate descent on the Gram matrix, columns in threads."""

import numpy as np

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array
from dsrl_ref.engines.blocks import in_threads
from dsrl_ref.solver.prox import Prox

COLUMNS_PER_CALL = 32
WORK_PER_CALL = 1 << 28  # multiplications: Ctrl-C waits for no more


def descend(
    gram: Array,
    constant: Array,
    X: Array,
    theta: Theta,
    weight: float,
    prox: Prox,
    enough: float,
    max_iter: int,
    threads: int,
) -> tuple[Array, int]:
    """Minimise every column, and count the sweeps of the one that took most; entries of zero curvature are 0."""
    from dsrl_ref.solver.kernels import coordinates as kernels

    n, columns = X.shape
    curvature = np.diag(gram)
    own = np.array([theta.scaled(weight / g) if g > 0 else prox.theta for g in curvature])
    rows, constants = X.T.copy(), constant.T.copy()
    sweeps, done = np.zeros(columns, np.int64), np.zeros(columns, np.bool_)
    budget = max(1, WORK_PER_CALL // n**2 // COLUMNS_PER_CALL)
    for begun in range(0, max_iter, budget):
        most, pending = min(budget, max_iter - begun), np.flatnonzero(~done)

        def work(first: int, most: int = most, pending: np.ndarray = pending) -> None:
            mine = pending[first : first + COLUMNS_PER_CALL]
            part, taken, ended = rows[mine], sweeps[mine], done[mine]
            kernels.descend(gram, constants[mine], part, own, prox.L, *prox.theta, enough, most, taken, ended)
            rows[mine], sweeps[mine], done[mine] = part, taken, ended

        in_threads(work, range(0, pending.size, COLUMNS_PER_CALL), threads)
        if done.all():
            break
    return rows.T.copy(), int(sweeps.max())
