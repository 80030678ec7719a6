"""How a run ended: a state that a program can ask for, with a text that tells a person what to do about it."""

from enum import Enum


class Status(Enum):
    """How `solve`, one of its columns, or `fit` ended.

    The value of a member is a sentence with the advice; `converged` tells whether the end is the one that was asked
    for. Compare members by name (``result.status is Status.MAX_ITER``), not by their texts, which may change.

    Attributes
    ----------
    CONVERGED
        The minimum, up to the tolerance; of `fit`, a loss that is 0 but for rounding.
    STATIONARY
        A point where no condition of first order is broken; of `fit`, one around which no lower point was found. There
        may be lower ones elsewhere.
    COMPLETED
        All that was asked for was done, for example a fixed number of epochs.
    STALLED
        Rounding keeps the run from getting closer, however long it goes on.
    MAX_ITER
        The iterations, or epochs, ran out.
    STOPPED
        A callback, or an error on the way, ended the run.
    INTERRUPTED
        Ctrl-C ended the run.

    Examples
    --------
    >>> from dsrl_ref import LeastSquares, Theta, solve
    >>> solve(LeastSquares([[1.0]], [[2.0]]), Theta.soft(1)).status
    <Status.CONVERGED: 'converged: the minimum'>
    """

    CONVERGED = "converged: the minimum"
    STATIONARY = "converged: a stationary point, there may be others; start elsewhere to look for a lower one"
    COMPLETED = "completed"
    STALLED = "stopped where rounding hides the rest: raise tol, or scale the data so that less of it cancels"
    MAX_ITER = "the iterations ran out: allow more, or start again from where this ended"
    STOPPED = "stopped before the end: this is the best so far"
    INTERRUPTED = "interrupted: this is the best so far; start again from it to go on"

    @property
    def converged(self) -> bool:
        """Whether the run ended as it was meant to, and not early."""
        return self in (Status.CONVERGED, Status.STATIONARY, Status.COMPLETED)
