"""`fit`: learn Θ and L."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from dsrl_ref.appendix.theta import Theta, ThetaLike
from dsrl_ref.arrays import Array, as_count, as_number, as_real, require_in_memory
from dsrl_ref.errors import DivergenceWarning, StartWarning
from dsrl_ref.objective import Objective
from dsrl_ref.results import FitResult
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import authors, gauss_newton
from dsrl_ref.training.checkpoint import Checkpoint, Trail
from dsrl_ref.training.fingerprint import fingerprint, require_same_losses
from dsrl_ref.training.kinks import PROBES, TOLERANCE
from dsrl_ref.training.progress import Progress

METHODS = "gauss-newton", "authors"

T = TypeVar("T")
Callback = Callable[[int, float, Theta, float], Any]

# What to tell a person of each way in which a descent, or the epochs, can end.
MESSAGES = {
    Status.CONVERGED: "converged: the loss is 0 but for rounding, so that there is no lower one",
    Status.STATIONARY: (
        f"converged: none of {{points}} points drawn up to {max(PROBES):.0%} away is lower by more than {TOLERANCE:g} "
        "of the loss; there may be lower ones between them and farther away: start elsewhere to look for them"
    ),
    Status.STALLED: "stopped: the loss is so near to 0 that rounding hides whether points nearby are lower",
    Status.MAX_ITER: "not converged after {epochs} epochs: take more, or go on from here with theta and L",
    Status.COMPLETED: "completed {epochs} epochs",
}


class Descent(Protocol):
    """What goes down, a step an epoch; `status` says how it ended, and is None before."""

    state: dict[str, Array]

    @property
    def values(self) -> Array:
        """w1, w2, b1, b2, L as stored."""

    @property
    def status(self) -> Status | None:
        """How it ended."""

    @property
    def start(self) -> int:
        """Which of several starts `values` came from."""

    @property
    def points(self) -> int:
        """How many were drawn around the end, to see that none is lower."""

    def evaluate(self) -> float:
        """J where it is."""

    def step(self) -> None:
        """Move on."""


def fit(
    J: Objective,
    *,
    theta: ThetaLike | None = None,
    L: float | None = None,
    method: str = "gauss-newton",
    epochs: int = 100,
    learning_rate: float = 0.02,
    callback: Callback | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> FitResult:
    """Learn Θ and L that make J small.

    Parameters
    ----------
    J : Objective
        Any; for ``method="authors"`` that of a `Fidelity` with x0 = W and 11 layers: their network, ξ(W) and 10
        blocks.
    theta : four finite numbers, optional
        Where to start; projected onto (7), for "authors" in every evaluation. By default Gauss-Newton tries several
        starts that reach the data, and "authors" takes (1, 1, 1, 2).
    L : float, optional
        Where to start; by default ``f.lipschitz()``, for "authors" 1.
    method : {"gauss-newton", "authors"}
        "gauss-newton" is Levenberg-Marquardt with the 5×5 matrix of J, under (7) and L > 0, and then, as J has a kink
        wherever an entry crosses a knot, gradients sampled around the point, until none of the points that are drawn
        up to a tenth of the parameters away is lower by more than 1e-6 of the loss. Of a large `LeastSquares`, each of
        several starts is tried on a tenth of the columns, in one epoch; losses are of all columns. "authors" is the
        optimiser of the authors' program: the gradient through the projection, Adam with (0.90, 0.92), L2 decay
        0.15 on all five parameters, learning rate a tenth after 4 epochs without progress.
    epochs : int
        Number of steps, for "gauss-newton" at most.
    learning_rate : float
        For "authors": of the first step, positive.
    callback : callable, optional
        ``callback(epoch, loss, theta, L)`` before each step, theta projected; a true answer stops.
    checkpoint : path-like, optional
        A file to write once a second and at the end: what a kill can lose.
    resume : bool
        Go on from `checkpoint`, where there is one; the result has the same bits as without interruption.

    Returns
    -------
    FitResult
        Of the last epoch; of the best one after Ctrl-C. Its `status` says how the run ended: `Status.CONVERGED` where
        the loss is 0 but for rounding, `Status.STATIONARY` where points drawn around the end are not lower,
        `Status.STALLED` where rounding hides whether they are, `Status.COMPLETED` for "authors";
        `Status.MAX_ITER`, `Status.STOPPED` or `Status.INTERRUPTED` where it ended early.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and with "authors" for an objective that is not the authors' network.
    ModelFileError
        Where `checkpoint` is to be resumed, and is damaged or of another run.
    OSError
        Where `checkpoint` cannot be written; before any work, if that can be known.

    Warns
    -----
    StartWarning
        Where the gradient is zero at the start, or one-sided.
    DivergenceWarning
        Where L is so small at the start, below ``f.lipschitz() / (1 + 1/max(w1, w2))``, that layers may grow.

    Notes
    -----
    With target = W the identity has loss 0: Gauss-Newton finds it, and no sparsity. What sparsity the authors'
    training has comes from its decay and the number of epochs; its start (1, 1, 1, 2) maps every |W| < 1 to 0 with
    zero gradient, so that there only the decay moves it.

    Examples
    --------
    >>> import numpy as np
    >>> from dsrl_ref import LeastSquares, Objective
    >>> rng = np.random.default_rng(0)
    >>> D, X = rng.normal(size=(10, 20)) / 3, rng.normal(size=(20, 50)) * (rng.random((20, 50)) < 0.1)
    >>> J = Objective(LeastSquares(D, D @ X), X, layers=8)
    >>> learned = fit(J)
    >>> learned.converged, learned.theta.violations()
    (True, ())
    >>> bool(learned.loss < J((1, 1, 0.1, 0.1), J.f.lipschitz())[0])
    True
    """
    if not isinstance(J, Objective):
        raise TypeError(f"J must be an Objective, such as Objective(Fidelity(W), layers=11); got {type(J).__name__}")
    if J.per_layer:
        raise ValueError(
            "fit learns one Θ and one L for all layers, and J has one a layer: minimise J.free with "
            "scipy.optimize.minimize, or make J without per_layer"
        )
    epochs = as_count(epochs, "epochs", least=1)
    rate = as_number(learning_rate, "learning_rate")
    if rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {rate}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint, the file to go on from")
    require_in_memory(theta, "theta")
    start = None if theta is None else as_real(list(theta), "theta")
    if start is not None:
        Theta.projected(start)  # four finite numbers, or refused here
    L = None if L is None else as_number(L, "L")
    descent = _descent(J, method, start, L, rate)
    run = {"method": method, "start": descent.values.tolist(), "learning_rate": rate}
    file = Checkpoint(None if checkpoint is None else Path(checkpoint), run | _of_objective(J, checkpoint))
    trail = file.restore(descent) if resume else Trail()
    if file.path is not None and trail.losses:
        require_same_losses(J, trail, file.path)
    if not trail.losses:
        _warn_of_start(J, descent)
        file.save(descent, trail, now=True)
    return _run(J, descent, trail, epochs, callback, file)


def _descent(J: Objective, method: str, theta: Array | None, L: float | None, rate: float) -> Descent:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
    if method == "authors":
        authors.require_network(J)
        return authors.AuthorsDescent(J, _start(J, authors.START, theta, L), rate)
    if theta is not None and L is not None:
        return gauss_newton.GaussNewtonDescent(J, [_start(J, authors.START, theta, L)])
    starts = [_start(J, start, theta, L) for start in gauss_newton.starts(J)]
    return gauss_newton.GaussNewtonDescent(J, starts, gauss_newton.part_of(J))


def _start(J: Objective, default: Array, theta: Array | None, L: float | None) -> Array:
    values = np.append(default[:4] if theta is None else theta, default[4] if L is None else L)
    J(Theta.projected(values[:4]), values[4])  # a start that cannot be evaluated is refused here
    return values


def _of_objective(J: Objective, checkpoint: Any) -> dict[str, str]:
    return {} if checkpoint is None else {"objective": fingerprint(J)}


class _CannotGoOnError(Exception):
    """The descent came to where J cannot be evaluated; errors of the callback and of files are none of these."""


def _going_on(move: Callable[[], T]) -> T:
    try:
        return move()
    except ValueError as error:
        raise _CannotGoOnError(error) from error


def _run(
    J: Objective, descent: Descent, trail: Trail, epochs: int, callback: Callback | None, file: Checkpoint
) -> FitResult:
    try:
        with Progress(epochs) as progress:
            while len(trail) < epochs and descent.status is None:
                loss, at, epoch = _going_on(descent.evaluate), descent.values, len(trail)
                trail.append(loss, at, descent.start)
                if callback is not None and callback(epoch, loss, Theta.projected(at[:4]), float(at[4])):
                    message = f"stopped by the callback in epoch {epoch}"
                    return _result(J, at, descent.start, trail, Status.STOPPED, message)
                _going_on(descent.step)
                file.save(descent, trail)
                progress.tell(epoch, loss)
        file.save(descent, trail, now=True)
        return _going_on(lambda: _ended(J, descent, trail, epochs))
    except KeyboardInterrupt:
        status, message = Status.INTERRUPTED, f"interrupted in epoch {len(trail)}; this is the best so far"
    except _CannotGoOnError as error:
        status, message = Status.STOPPED, f"stopped in epoch {len(trail)}: {error}; this is the best so far"
    return _result(J, *_best(descent, trail), trail, status, message)


def _ended(J: Objective, descent: Descent, trail: Trail, epochs: int) -> FitResult:
    if isinstance(descent, authors.AuthorsDescent):
        message = MESSAGES[Status.COMPLETED].format(epochs=epochs)
        return _result(J, descent.values, descent.start, trail, Status.COMPLETED, message)
    status = descent.status or Status.MAX_ITER
    message = MESSAGES[status].format(epochs=epochs, points=descent.points)
    if isinstance(J.f, Fidelity) and J.target is J.f.W:
        message += "; with target = W the optimum is the identity, so expect no sparsity"
    whole = Trail([*trail.losses, descent.evaluate()], [*trail.values, descent.values], [*trail.starts, descent.start])
    return _result(J, *_best(descent, whole), trail, status, message)


def _best(descent: Descent, trail: Trail) -> tuple[Array, int]:
    """The values of the least loss, and the start that they came from."""
    if not trail.losses:
        return descent.values, descent.start
    best = trail.best()
    return trail.values[best], trail.starts[best]


def _warn_of_start(J: Objective, descent: Descent) -> None:
    theta, L = Theta.projected(descent.values[:4]), float(descent.values[4])
    if not any(J(theta, L)[1]):
        warnings.warn(
            f"the gradient is zero at the start, {theta}, L = {L}: nothing but decay moves it from there; let b1 be "
            "smaller than most of what the first layer sees",
            StartWarning,
            stacklevel=3,
        )
    least = J.f.lipschitz() / (1 + 1 / max(theta.w1, theta.w2))
    if L < least < np.inf:
        warnings.warn(
            f"L = {L} is below {least:.6g} at the start: the step 1/L overshoots, and the iterates of many layers may "
            "grow; take a larger L",
            DivergenceWarning,
            stacklevel=3,
        )
    if ties := J.ties(theta, L):
        warnings.warn(
            f"{ties} entries of Z sit on a knot at the start, {theta}, L = {L}, where the gradient is one-sided: move "
            "b1 or b2 a little",
            StartWarning,
            stacklevel=3,
        )


def _result(J: Objective, values: Array, start: int, trail: Trail, status: Status, message: str) -> FitResult:
    theta, L = Theta.projected(values[:4]), float(values[4])
    loss, _ = J(theta, L)
    steps = np.array(trail.values).reshape(-1, 5)
    history = {
        "loss": np.array(trail.losses),
        "theta": steps[:, :4],
        "L": steps[:, 4],
        "accepted": np.array(trail.starts, dtype=np.int64) == start,
    }
    raw, kind = (values[:4], L), type(J.f).__name__
    return FitResult(theta, L, loss, status.converged, message, history, raw, J.layers, status, kind)
