"""`fit`: learn Θ and L."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from dsrl_ref.appendix.theta import Theta, ThetasLike
from dsrl_ref.arrays import Array, as_count, as_number, as_real, require_in_memory, require_known
from dsrl_ref.errors import DivergenceWarning, StartWarning
from dsrl_ref.objective import Objective
from dsrl_ref.parameters import is_a_layer_each
from dsrl_ref.progress import Progress, aside
from dsrl_ref.results import FitResult, is_white
from dsrl_ref.smooth import Fidelity
from dsrl_ref.status import Status
from dsrl_ref.training import authors, gauss_newton, layered
from dsrl_ref.training.checkpoint import Checkpoint, Epoch, Trail
from dsrl_ref.training.fingerprint import digest, fingerprint, require_same_losses
from dsrl_ref.training.kinks import is_nothing, require_size

METHODS = "gauss-newton", "authors"

T = TypeVar("T")
Callback = Callable[[int, float, Any, Any], Any]


class Descent(Protocol):
    """What goes down, a step an epoch; `status` says how it ended, and is None before."""

    state: dict[str, Array]

    @property
    def J(self) -> Objective:
        """What goes down: of it the losses are told."""

    @property
    def values(self) -> Array:
        """w1, w2, b1, b2, L as stored; of a network with one of each a layer, of one layer after the other."""

    @property
    def status(self) -> Status | None:
        """How it ended."""

    @property
    def start(self) -> int:
        """Which of several starts `values` came from."""

    @property
    def validation(self) -> float:
        """The loss of what is held out; NaN where nothing is."""

    def most(self, epochs: int) -> int:
        """How many epochs there can be, where a stage has so many."""

    def message(self, status: Status, epochs: int) -> str:
        """What to tell a person of how it ended."""

    def evaluate(self) -> float:
        """J where it is."""

    def step(self) -> None:
        """Move on."""


def fit(
    J: Objective,
    *,
    theta: ThetasLike | None = None,
    L: Any = None,
    method: str = "gauss-newton",
    epochs: int = 100,
    learning_rate: float = 0.02,
    validation: Any = None,
    callback: Callback | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    verbose: bool | None = None,
) -> FitResult:
    """Learn Θ and L that make J small: one of each for all layers, or one of each a layer, as J has them.

    >>> from dsrl_ref import Fidelity, Objective
    >>> learned = fit(Objective(Fidelity([[1.0, 0.25, -2.0]]), [[0.5, 0.0, -1.5]], layers=1))

    Parameters
    ----------
    J : Objective
        Any; for ``method="authors"`` that of a `Fidelity` with x0 = W and 11 layers: their network, ξ(W) and 10
        blocks. With ``per_layer=True`` every layer learns its own, as the notes say; whiten a `LeastSquares` first, see
        `LeastSquares.whitened`.
    theta : four finite numbers, optional; of every layer also (t, 4)
        Where to start; projected onto (7), for "authors" in every evaluation. By default Gauss-Newton tries several
        starts that reach the data, and "authors" takes (1, 1, 1, 2). Of every layer, a start goes straight to the last
        stage; b1 above 0.98·b2 and other extremes are moved to the nearest Θ and L that the stages know
        (`dsrl_ref.training.box`).
    L : float, optional; of every layer, with theta, also (t,)
        Where to start; by default ``f.lipschitz()``, for "authors" 1.
    method : {"gauss-newton", "authors"}
        "gauss-newton" is Levenberg-Marquardt with the 5×5 matrix of J, under (7) and L > 0, and then, as J has a kink
        wherever an entry crosses a knot, gradients sampled around the point, until none of the points that are drawn
        up to a tenth of the parameters away is lower by more than 1e-6 of the loss. Of a large `LeastSquares`, each of
        several starts is tried on a tenth of the columns, in one epoch; losses are of all columns. "authors" is the
        optimiser of the authors' program: the gradient through the projection, Adam with (0.90, 0.92), L2 decay
        0.15 on all five parameters, learning rate a tenth after 4 epochs without progress.
    epochs : int
        Number of steps, for "gauss-newton" at most; of every layer, of each stage.
    learning_rate : float
        For "authors": of the first step, positive.
    validation : float, int, (f, target) or (f, target, x0), optional
        For ``per_layer=True``: what not to learn from. A share of the columns, or a number of them, drawn, always the
        same; by default a fifth. 0 holds nothing out. Of an f of your own, whose columns may interact, give 0 or other
        data, ``(f, target)``, which any f takes; ``(f, target, x0)`` where J has an x0 of its own.
    callback : callable, optional
        ``callback(epoch, loss, theta, L)`` before each step, theta projected; a true answer stops. Of every layer,
        theta is (t, 4), L (t,), and the loss that of what is learned from, denser copies among it, as the notes say.
    checkpoint : path-like, optional
        A file to write once a second and at the end: what a kill can lose.
    resume : bool
        Go on from `checkpoint`, where there is one; the result has the same bits as without interruption. `epochs` may
        be more than before, and the result is that of one run of so many; of every layer only where the first stages
        ended by themselves, as the message of the shorter run says.
    verbose : bool, optional
        True writes a line an epoch to stderr, False nothing. By default a run of more than two seconds has one line
        that tells how far it is, and only on a terminal.

    Returns
    -------
    FitResult
        Of the last epoch; of the best one after Ctrl-C; where something is held out, of the epoch with the least loss
        there, whose value is `validation`, among those that on what is learned from are no worse than an answer of 0,
        if there are any; of the present epoch where the callback stops. Its `status` says how the run
        ended: `Status.CONVERGED` where the loss is 0 but for rounding, `Status.STATIONARY` where points drawn around
        the end are not lower, `Status.STALLED` where rounding hides whether they are, `Status.COMPLETED` for "authors",
        and of every layer where further steps gain next to nothing, or nothing on what is held out: the message says
        which; `Status.MAX_ITER`, `Status.STOPPED` or `Status.INTERRUPTED` where it ended early.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, with "authors" for an objective that is not the authors' network, and where there is nothing
        to hold out.
    ModelFileError
        Where `checkpoint` is to be resumed, and is damaged or of another run.
    OSError
        Where `checkpoint` cannot be written; before any work, if that can be known.

    Warns
    -----
    StartWarning
        Where the gradient is zero at the start, or one-sided.
    DivergenceWarning
        Where L is so small at the start, below ``f.lipschitz() / (1 + 1/max(w1, w2))``, that layers may grow; not of
        every layer, whose best steps may well be as long.

    Notes
    -----
    With target = W the identity has loss 0: Gauss-Newton finds it, and no sparsity. What sparsity the authors'
    training has comes from its decay and the number of epochs; its start (1, 1, 1, 2) maps every |W| < 1 to 0 with
    zero gradient, so that there only the decay moves it.

    One Θ and one L a layer are 5t numbers, which are learned in stages: several schedules of seven numbers for all
    layers, each tried on some of the columns in one epoch; the best of them on all; then all 5t numbers together, by
    Levenberg-Marquardt within (7) (`dsrl_ref.training.layered`). Of a `LeastSquares` a quarter of the columns is
    learned from once more, a little denser (`dsrl_ref.training.denser`), so that new signals that are harder than any
    of these are met as well. A step is taken if it lowers the loss, denser copies included, and is stable on what is
    held out: the loss there stays within 1.5 times the least so far, and on no more signals than before the network is
    worse than an answer of 0. Of rare signals that are unlike all of these it says nothing; what keeps a network from
    growing on them is 1/L <= 2/‖H‖ in every layer, by which ‖X_(t)‖ has a bound for any signal
    (`dsrl_ref.training.layered.longest_step`). Where all eigenvalues of H are 1 or 0, for `Fidelity` and what is
    whitened, steps up to 4.5 are tried too.

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

    One Θ and one L a layer, of whitened measurements, and X_(t) of new ones:

    >>> f = LeastSquares(D, D @ X).whitened()
    >>> own = fit(Objective(f, X, layers=8, per_layer=True))
    >>> own.theta.shape, own.L.shape, bool(own.loss < learned.loss)
    ((8, 4), (8,), True)
    >>> own.apply(f.apply_to(D @ X[:, :3])).shape
    (20, 3)
    """
    if not isinstance(J, Objective):
        raise TypeError(f"J must be an Objective, such as Objective(Fidelity(W), layers=11); got {type(J).__name__}")
    epochs = as_count(epochs, "epochs", least=1)
    rate = as_number(learning_rate, "learning_rate")
    if rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {rate}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint, the file to go on from")
    require_in_memory(theta, "theta")
    require_size(J, "the target")
    descent = _descent(J, method, theta, L, epochs, rate, validation)
    run = {
        "method": method,
        "layers": str(J.layers),
        "per_layer": J.per_layer,
        **_of_objective(J, checkpoint),
        **_of_layers(J, validation),
        "start": descent.values.tolist(),
        "learning_rate": rate,
    }
    file = Checkpoint(None if checkpoint is None else Path(checkpoint), run)
    trail = file.restore(descent) if resume else Trail()
    if file.path is not None and trail.losses:
        require_same_losses(descent.J, trail, file.path)
    if not trail.losses:
        if theta is not None or not J.per_layer:  # of its own schedules nobody need be told
            _warn_of_start(J, descent)
        file.save(descent, trail, now=True)
    return _run(J, descent, trail, epochs, callback, file, verbose)


def _descent(J: Objective, method: str, theta: Any, L: Any, epochs: int, rate: float, validation: Any) -> Descent:
    require_known(method, METHODS, "method")
    if J.per_layer:
        if method == "authors":
            raise ValueError("method 'authors' has one Θ and one L for all layers, and J has one a layer")
        return layered.begin(J, theta, L, validation, epochs)
    if validation is not None:
        raise ValueError(
            "validation is for an objective with per_layer=True: five numbers are learned from all columns"
        )
    if is_a_layer_each(theta, L):
        raise ValueError(
            "theta and L to start from are one a layer, and all layers of J share theirs: give one of each, or make J "
            "with per_layer=True, on a shell --per-layer"
        )
    start = None if theta is None else as_real(list(theta), "theta")
    if start is not None:
        Theta.projected(start)  # four finite numbers, or refused here
    L = None if L is None else as_number(L, "L")
    if method == "authors":
        authors.require_network(J)
        return authors.AuthorsDescent(J, _start(J, authors.START, start, L), rate)
    if start is not None and L is not None:
        return gauss_newton.GaussNewtonDescent(J, [_start(J, authors.START, start, L)])
    begun = [_start(J, default, start, L) for default in gauss_newton.starts(J)]
    return gauss_newton.GaussNewtonDescent(J, begun, gauss_newton.part_of(J))


def _start(J: Objective, default: Array, theta: Array | None, L: float | None) -> Array:
    values = np.append(default[:4] if theta is None else theta, default[4] if L is None else L)
    J(Theta.projected(values[:4]), values[4])  # a start that cannot be evaluated is refused here
    return values


def _of_layers(J: Objective, validation: Any) -> dict[str, Any]:
    """What else tells one run from another where every layer has its own: what is held out."""
    return {"validation": digest(validation).hex()} if J.per_layer else {}


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
    J: Objective,
    descent: Descent,
    trail: Trail,
    epochs: int,
    callback: Callback | None,
    file: Checkpoint,
    verbose: bool | None,
) -> FitResult:
    try:
        most = descent.most(epochs)
        with Progress("fit", verbose) as progress:
            while len(trail) < most and descent.status is None:
                epoch, here = len(trail), _going_on(lambda: _here(descent))
                trail.append(*here)
                if callback is not None and _asked(callback, epoch, here.loss, *J.parameters.projected(here.values)):
                    return _result(J, here, trail, Status.STOPPED, f"stopped by the callback in epoch {epoch}")
                _going_on(descent.step)
                file.save(descent, trail)
                progress.tell(f"epoch {epoch} of at most {most}, loss {here.loss:.6g}")
        file.save(descent, trail, now=True)
        return _going_on(lambda: _ended(J, descent, trail, epochs))
    except KeyboardInterrupt:
        status, message = Status.INTERRUPTED, f"interrupted in epoch {len(trail)}; this is the best so far"
    except _CannotGoOnError as error:
        status, message = Status.STOPPED, f"stopped in epoch {len(trail)}: {error}; this is the best so far"
    best = trail.best(descent.J.problem.half_square) if len(trail) else _here(descent)
    return _result(J, best, trail, status, message)


def _asked(callback: Callback, *told: Any) -> Any:
    """The callback's answer; what it prints is not printed behind a line that tells how far the run is."""
    with aside():
        return callback(*told)


def _here(descent: Descent) -> Epoch:
    return Epoch(descent.evaluate(), descent.values, descent.start, descent.validation)


def _ended(J: Objective, descent: Descent, trail: Trail, epochs: int) -> FitResult:
    if isinstance(descent, authors.AuthorsDescent):
        end = Epoch(np.nan, descent.values, descent.start)
        return _result(J, end, trail, Status.COMPLETED, descent.message(Status.COMPLETED, epochs))
    status, end = descent.status or Status.MAX_ITER, trail.with_end(_here(descent)).best(descent.J.problem.half_square)
    if status is Status.CONVERGED and not is_nothing(descent.J, end.loss):
        status = Status.COMPLETED  # the last epoch converged, and what was held out chose another
    message = descent.message(status, epochs)
    if isinstance(J.f, Fidelity) and J.target is J.f.W:
        message += "; with target = W the optimum is the identity, so expect no sparsity"
    return _result(J, end, trail, status, message)


def _warn_of_start(J: Objective, descent: Descent) -> None:
    theta, L = J.parameters.projected(descent.values)
    if not np.any(J(theta, L)[1]):
        warnings.warn(
            f"the gradient is zero at the start, {_told(theta, L)}: no datum moves it from there; let b1 be "
            "smaller than most of what the first layer sees",
            StartWarning,
            stacklevel=3,
        )
    if isinstance(theta, Theta):  # of single layers such steps may well be the best ones
        least = J.f.lipschitz() / (1 + 1 / max(theta.w1, theta.w2))
        if L < least < np.inf:
            warnings.warn(
                f"L = {L} is below {least:.6g} at the start: the step 1/L overshoots, and the iterates of many layers "
                "may grow; take a larger L",
                DivergenceWarning,
                stacklevel=3,
            )
    if ties := J.ties(theta, L):
        warnings.warn(
            f"{ties} entries of Z sit on a knot at the start, {_told(theta, L)}, where the gradient is one-sided: move "
            "b1 or b2 a little",
            StartWarning,
            stacklevel=3,
        )


def _told(theta: Any, L: Any) -> str:
    return f"{theta}, L = {L}" if isinstance(theta, Theta) else "Θ and L of every layer as given"


def _result(J: Objective, end: Epoch, trail: Trail, status: Status, message: str) -> FitResult:
    theta, L = J.parameters.projected(end.values)
    loss, _ = J(theta, L)
    thetas, constants = J.parameters.told(np.array(trail.values).reshape(-1, end.values.size))
    history = {
        "loss": np.array(trail.losses),
        "theta": thetas,
        "L": constants,
        "accepted": np.array(trail.starts, dtype=np.int64) == end.start,
    }
    validation = None if np.isnan(end.validation) else end.validation
    if validation is not None:
        history["validation"] = np.array(trail.validation)
    raw, kind = J.parameters.raw(end.values), type(J.f).__name__
    white = is_white(J.f)
    return FitResult(theta, L, loss, status.converged, message, history, raw, J.layers, status, kind, validation, white)
