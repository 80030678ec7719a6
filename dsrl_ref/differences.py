"""Derivatives beside differences that know about kinks: figures, not a verdict.

A difference says what a derivative is only while no entry changes its region within it: across a knot, ξ has another
slope. The step is therefore halved until the five-row region of every entry of every layer is the same at all points
that are taken: one on each side, or two on the side that allows it, beside a knot and on the edge of what Θ may be.
Within its regions X_(t) is as smooth as f, and what is left is a truncation, of the square of the step, and the
rounding of X_(t), which grows as the step shrinks.

It is X_(t) that is differenced, and (10) and (15) that make dJ = <X_(t) - X̃, dX_(t)> of it: a difference of losses
would have the truncation and the rounding of X_(t), and nothing of dJ, where X_(t) is next to X̃.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dsrl_ref import rounding
from dsrl_ref.appendix.network import SmoothTerm, forward, preactivation
from dsrl_ref.appendix.shrinkage import rows
from dsrl_ref.appendix.theta import ThetasLike, as_thetas
from dsrl_ref.arrays import Array, as_count, as_matrix, as_step_constants
from dsrl_ref.checked import evaluated, require_term_in_memory
from dsrl_ref.disk import arrays_of, refuse_if_on_disk
from dsrl_ref.engines import implicit
from dsrl_ref.engines.problem import Problem
from dsrl_ref.errors import InfeasibleThetaError
from dsrl_ref.objective import Objective
from dsrl_ref.parameters import Gradient

FIRST_STEP, LAST_STEP = 20, 36  # powers of 1/2, as shares of the parameter
UNIT = 2.0**-52
SMALLEST = 1e-140  # of what is squared: squares, with all their digits, are still normal numbers
TINIEST = 1e-130  # a step of X that is so small says of f what a smaller one does
Scheme: TypeAlias = tuple[tuple[int, float], ...]  # points in steps, and weights: X' = Σ weight·X / step
CENTRAL: Scheme = ((1, 0.5), (-1, -0.5))
UPWARD = ((0, -1.5), (1, 2.0), (2, -0.5))
DOWNWARD = tuple((-place, -weight) for place, weight in UPWARD)


@dataclass(frozen=True)
class GradientCheck:
    """How far a gradient is from differences of the loss.

    Attributes
    ----------
    gap : float
        The largest of `gaps`.
    gaps : dict of str to float
        For each parameter, |derivative - difference| beyond what rounding explains, in units of what the difference
        adds up over the entries of X_(t) with absolute values: a number without a unit. Where every layer has its
        own, they are named "w1 of layer 1", and so on.
    rounding : float
        The largest of `roundings`, each times its parameter, in units of S: of the largest sum, of all parameters p, of
        ``|p·dX_(t)/dp|·(|X_(t)| + |X̃|)``, which is what the gradient adds up where nothing cancels.
    step : float
        The smallest step that was taken, as a share of the power of 2 just below its parameter.
    ties : int
        How many Z sit on a knot, where the gradient is one-sided.
    roundings : dict of str to float
        For each parameter, what rounding explains: absolute, in the unit of its derivative. A derivative that is wrong
        by less is not seen, however small it is itself.
    """

    gap: float
    gaps: dict[str, float]
    rounding: float
    step: float
    ties: int
    roundings: dict[str, float]


def check_gradient(J: Objective, theta: ThetasLike, L: Any) -> GradientCheck:
    """Compare the gradient of an objective with differences.

    Parameters
    ----------
    J : Objective
        Any method, any f, any number of layers.
    theta : Theta or four numbers, or one a layer
        w1, w2, b1, b2. Where b1 = 0 or b1 = b2, the difference is taken on the side where Θ is one.
    L : float, or array_like (t,)
        Step constant, positive.

    Returns
    -------
    GradientCheck
        Figures; it is for the caller to say what is near enough.

    Raises
    ------
    ValueError
        Where entries sit on knots, on both sides of which they would change their regions, and where b1 = b2 = 0. An
        entry that only one side moves is on that of the appendix's half-open rows, whose derivative the gradient is.
        Where X_(t) and X̃ are so small or so large that their products leave float64, and J has no digits to compare.
    TypeError
        Where J is no `Objective`.

    Examples
    --------
    >>> from dsrl_ref import Fidelity, Objective, check_gradient
    >>> J = Objective(Fidelity([[1.0, 0.25, -2.0]]), layers=3)
    >>> check_gradient(J, (1.1, 0.5, 0.2, 0.6), L=1.5).gap < 1e-8
    True
    """
    if not isinstance(J, Objective):
        raise TypeError(f"J must be an Objective, such as Objective(f, layers=3); got {_kind(J)}")
    derivatives, found = np.array(J(theta, L)[1]).T.ravel().tolist(), differences(J, theta, L)
    pairs = list(zip(found.items(), derivatives, strict=True))
    gaps = {name: difference.gap(derivative) for (name, difference), derivative in pairs}
    roundings = {name: difference.rounding for name, difference in found.items()}
    S = max(difference.parameter * difference.uncancelled for difference in found.values())
    largest = max(difference.parameter * difference.rounding for difference in found.values())
    step = min(difference.step for difference in found.values())
    share = largest / S if S else 0.0
    return GradientCheck(float(np.max([*gaps.values()])), gaps, share, step, J.ties(theta, L), roundings)


@dataclass(frozen=True)
class Difference:
    """A difference quotient of J in one parameter.

    Attributes
    ----------
    value : float
        What the derivative should be.
    size : float
        The same, added up over the entries of X_(t) with absolute values.
    rounding : float
        How far the rounding of X_(t) may have moved `value`, or the derivative that an engine finds.
    step : float
        The step, as a share of the power of 2 just below the parameter.
    uncancelled : float
        What `size` would be if X_(t) and X̃ did not cancel.
    parameter : float
        The parameter; b2 where b1 is 0.
    """

    value: float
    size: float
    rounding: float
    step: float
    uncancelled: float
    parameter: float

    def gap(self, derivative: float) -> float:
        """How far a derivative is away, beyond `rounding` and without a unit."""
        return self.in_units(max(abs(derivative - self.value) - self.rounding, 0.0), derivative)

    def in_units(self, amount: float, derivative: float) -> float:
        """An amount in units of `size`, or of the derivative where that is larger; 0 where both are."""
        scale = max(self.size, abs(derivative))
        return amount / scale if scale else 0.0


def differences(J: Objective, theta: ThetasLike, L: Any) -> dict[str, Difference]:
    """Difference J in each of its parameters; the arguments are those of `check_gradient`.

    No engine of finitely many layers has a part in it: X_(t) is that of `forward`.
    """
    advice = "check it on some of the entries, or columns: they do not interact"
    refuse_if_on_disk("X_(t)", [J.x0, J.target, *arrays_of(J.f)], advice)
    theta, L = J.parameters.read(theta, L)
    at = np.column_stack([np.reshape(theta, (-1, 4)), np.reshape(L, -1)]).ravel()
    here = _Here(_Network(J), at)
    largest = float(here.sizes.max())
    if largest and not SMALLEST <= largest <= 1 / SMALLEST:
        raise ValueError(
            f"X_(t) and target are {largest:.3g} at their largest, and products of them leave float64: scale the data, "
            f"target, x0, b1 and b2 by one factor, so that it is between {SMALLEST:.0e} and {1 / SMALLEST:.0e}"
        )
    return {here.network.names[number]: _difference(here, number) for number in range(at.size)}


class _Network:
    """The dense network behind an objective, as a function of x = (w1, w2, b1, b2, L), or 5t numbers."""

    def __init__(self, J: Objective) -> None:
        require_term_in_memory(J.f)
        problem = Problem(J.f, J.x0, J.target, J.layers)
        self.f, self.x0, self.target = problem.f, problem.x0, problem.target
        self.layers, self.parameters = J.layers, J.parameters
        layers = [f" of layer {i + 1}" for i in range(int(J.layers))] if J.per_layer else [""]
        self.names = [name + layer for layer in layers for name in Gradient._fields]

    def at(self, x: Array) -> tuple[Any, Any]:
        """Θ and L, or those of every layer; InfeasibleThetaError where one is no Θ."""
        return self.parameters.read(*self.parameters.of_flat(x))

    def regions(self, x: Array) -> list[bytes]:
        """The rows of (12)-(14) in which the entries of every layer lie; of the limit, where layers are infinite."""
        theta, L = self.at(x)
        if self.layers == math.inf:
            return [rows(implicit.fixed_point(self.f, theta, L, self.x0).Z, theta).tobytes()]
        layers = int(self.layers)
        iterates = forward(self.f, theta, L, layers, self.x0)
        each = zip(iterates, as_thetas(theta, layers), as_step_constants(L, layers).tolist(), strict=False)
        return [rows(preactivation(self.f, X, c, i), own).tobytes() for i, (X, own, c) in enumerate(each, start=1)]

    def output(self, x: Array) -> Array:
        """X_(t)."""
        theta, L = self.at(x)
        if self.layers == math.inf:
            return implicit.fixed_point(self.f, theta, L, self.x0).X
        last: Array = forward(self.f, theta, L, int(self.layers), self.x0)[-1]
        return last

    def are_parameters(self, x: Array) -> bool:
        """Whether x is a Θ, or a Θ for every layer."""
        try:
            self.at(x)
        except InfeasibleThetaError:
            return False
        return True


class _Here:
    """The network at the parameters in question: what all differences have in common."""

    def __init__(self, network: _Network, at: Array) -> None:
        self.network, self.at, self.regions = network, at, network.regions(at)
        X, self.moved = rounding.output(network.f, *network.at(at), network.layers, network.x0)
        self.residual: Array = X - network.target
        self.sizes: Array = np.abs(X) + np.abs(network.target)


def _difference(here: _Here, number: int) -> Difference:
    """The quotient in one parameter, with the largest step within which no entry changes its region."""
    network, at = here.network, here.at
    b1, b2 = at[number // 5 * 5 + 2 : number // 5 * 5 + 4]
    unit = at[number] or b2 or 1.0  # b1 = 0 goes by steps of b2
    binary = 2.0 ** math.floor(math.log2(unit))  # so that nothing is rounded where a step is added
    for power in range(FIRST_STEP, LAST_STEP):
        step = 2.0**-power * binary
        for scheme in (CENTRAL, UPWARD, DOWNWARD):
            points = [at + place * step * (np.arange(at.size) == number) for place, _ in scheme]
            if all(network.are_parameters(point) and network.regions(point) == here.regions for point in points):
                return _quotient(here, points, scheme, (step, 2.0**-power), unit)
    name = network.names[number]
    if b1 == b2 == 0 and number % 5 in (2, 3):
        raise ValueError(f"{name} cannot move by itself where b1 = b2 = 0: take a positive b2")
    raise ValueError(f"entries sit on knots: no step in {name} leaves every region as it is; move it a little")


def _quotient(
    here: _Here, points: list[Array], scheme: Scheme, steps: tuple[float, float], parameter: float
) -> Difference:
    """<X_(t) - X̃, dX_(t)> by one scheme, and what rounding may add: to dX_(t), a step apart, and to X_(t) - X̃."""
    step, share = steps
    weighted = [weight * here.network.output(point) for point, (_, weight) in zip(points, scheme, strict=True)]
    dX = np.sum(weighted, axis=0) / step
    residual, slope = np.abs(here.residual), np.abs(dX)
    of_dX = sum(abs(weight) for _, weight in scheme) * here.moved / step
    of_residual = here.moved + UNIT * residual
    return Difference(
        value=math.fsum((here.residual * dX).ravel()),  # (10), (15)
        size=float(np.sum(residual * slope)),
        rounding=float(np.sum(residual * of_dX + slope * of_residual)),
        step=share,
        uncancelled=float(np.sum(here.sizes * slope)),
        parameter=float(parameter),
    )


@dataclass(frozen=True)
class SmoothTermCheck:
    """How far the methods of a smooth term are from what they should be: numbers without a unit.

    Attributes
    ----------
    gradient : float
        The largest |<∇f(X), V> - difference of f| over the points X and directions V that were drawn, in units of
        ‖∇f(X)‖·‖V‖.
    hessian : float
        The same of ‖∇²f(X)V - difference of ∇f‖, in units of ‖∇²f(X)V‖.
    asymmetry : float
        The largest |<U, ∇²f(X)V> - <V, ∇²f(X)U>|, in units of the larger of ‖U‖·‖∇²f(X)V‖ and ‖V‖·‖∇²f(X)U‖.
    curvature : float
        The largest ‖∇²f(X)V‖/‖V‖ that was seen, as a share of ``f.lipschitz()``: at most 1 where that bounds it.
    """

    gradient: float
    hessian: float
    asymmetry: float
    curvature: float


def check_smooth_term(f: SmoothTerm, *, points: int = 3, random_state: int = 0) -> SmoothTermCheck:
    """Compare ``gradient`` and ``hessian_product`` of your own f with differences of ``value`` and of ``gradient``.

    Parameters
    ----------
    f : SmoothTerm
        With all five methods.
    points : int
        How many X are drawn: around ``f.start()``, as far as it is large, or where it is 0 as far as ∇f and ∇²f there
        say that the minimum is.
    random_state : int
        Seed of the draws.

    Returns
    -------
    SmoothTermCheck
        Figures; 1e-6 and less is what differences of a right f leave.

    Raises
    ------
    ValueError, TypeError, DSRLError
        Where a method is missing, fails, returns another shape or leaves float64; the message names it.

    Examples
    --------
    >>> from dsrl_ref import LeastSquares, check_smooth_term
    >>> checked = check_smooth_term(LeastSquares([[1.0, 2.0], [0.0, 1.0]], [[1.0], [2.0]]))
    >>> max(checked.gradient, checked.hessian, checked.asymmetry) < 1e-6
    True
    """
    methods = ("value", "gradient", "hessian_product", "lipschitz", "start")
    missing = [name for name in methods if not callable(getattr(f, name, None))]
    if isinstance(f, type) or missing:
        lacks = "" if isinstance(f, type) else f", which has no {', '.join(missing)}"
        raise TypeError(f"f must be an object with {', '.join(methods)}, such as Fidelity(W); got {_kind(f)}{lacks}")
    require_term_in_memory(f)
    rng, start = np.random.default_rng(random_state), as_matrix(f.start(), "f.start()")
    reach = max(float(np.abs(start).max()), TINIEST) if start.any() else _newton_step(f, start, rng)
    found = np.zeros((as_count(points, "points", least=1), 4))
    for k in range(len(found)):
        X, U, V = (rng.normal(size=start.shape) for _ in range(3))
        found[k] = _at(f, start + reach * X, reach, U, V)
    return SmoothTermCheck(*np.max(found, axis=0).tolist())  # NaN where one is


def _newton_step(f: SmoothTerm, start: Array, rng: np.random.Generator) -> float:
    """How far from f.start() its minimum is, by the slope and a curvature there; 1 where they do not tell."""
    V = rng.normal(size=start.shape)
    slope, curvature = _norm(evaluated(f, "gradient", 1, start)), _norm(evaluated(f, "hessian_product", 1, V, start))
    step = slope / curvature if curvature else 0.0
    return step if 0 < step < math.inf else 1.0


def _at(f: SmoothTerm, X: Array, reach: float, U: Array, V: Array) -> tuple[float, float, float, float]:
    """The four figures at one X, in two directions of the size of 1; differences step by shares of `reach`."""
    gradient = evaluated(f, "gradient", 1, X)
    HU, HV = (evaluated(f, "hessian_product", 1, W, X) for W in (U, V))
    slopes, curved = [], []
    for power in range(10, 25):
        step = 2.0**-power * reach
        ahead, behind = X + step * V, X - step * V
        slopes.append((_value(f, ahead) / step - _value(f, behind) / step) / 2)
        curved.append((evaluated(f, "gradient", 1, ahead) - evaluated(f, "gradient", 1, behind)) / step / 2)
    sizes = {name: _norm(M) for name, M in (("g", gradient), ("U", U), ("V", V), ("HU", HU), ("HV", HV))}
    for name, size in (("value changes by", sizes["g"] * reach), ("hessian_product(V, X) is", sizes["HV"])):
        if 0 < size < SMALLEST**2:
            raise ValueError(
                f"f.{name} about {size:.0e} for X - f.start() of {reach:.0e}: too little to check, scale f up"
            )
    slope = min(abs(_along(gradient, V) - other) for other in slopes)
    bend = min(_norm(HV - other) for other in curved)
    asymmetry = abs(_along(HV, U) - _along(HU, V))
    return (
        _share(slope, sizes["g"] * sizes["V"]),
        _share(bend, sizes["HV"]),
        _share(asymmetry, max(sizes["U"] * sizes["HV"], sizes["V"] * sizes["HU"])),
        _share(sizes["HV"] / sizes["V"], f.lipschitz()),
    )


def _value(f: SmoothTerm, X: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(f.value(X))
    if not math.isfinite(value):
        raise ValueError(
            f"f.value is {value} for an X of entries up to {np.abs(X).max():.3g}: scale f or f.start() down"
        )
    return value


def _norm(M: Array) -> float:
    """The Frobenius norm, of numbers of which the squares may leave float64."""
    size = float(np.abs(M).max(initial=0))
    return size * float(np.linalg.norm(M / size)) if 0 < size < math.inf else size


def _along(M: Array, V: Array) -> float:
    """<M, V> for a V of the size of 1, likewise."""
    size = float(np.abs(M).max(initial=0))
    return size * float(np.vdot(M / size, V)) if 0 < size < math.inf else size


def _kind(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def _share(part: float, whole: float) -> float:
    """The part as a share of the whole; infinite where only the whole is 0."""
    if part == 0:
        return 0.0
    return part / whole if whole else math.inf
