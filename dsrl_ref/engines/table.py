"""The table of engines, and the rule by which "auto" chooses among them.

Everything that lists engines reads this table: `Objective` and its docstring, ``dsrl-ref gradient``, `verify`, and the
tests that all engines are held to.
"""

from collections.abc import Callable
from typing import NamedTuple

from dsrl_ref.engines import adjoint, columns, disk, fused, implicit, pieces, support, tangent, tensor
from dsrl_ref.engines.engine import Constants, Engine, Evaluations, Prepared, PreparedLayers, Thetas
from dsrl_ref.engines.panels import gram_overflows
from dsrl_ref.engines.parts import Sum
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.watched import Watched
from dsrl_ref.engines.zeros import Zeros
from dsrl_ref.errors import SizeError

ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        tensor.ENGINE,
        tangent.ENGINE,
        adjoint.ENGINE,
        columns.ENGINE,
        support.ENGINE,
        fused.ENGINE,
        pieces.ENGINE,
        disk.ENGINE,
        implicit.ENGINE,
    )
}

# To load numba and the cached kernels takes .3 to .6 s, once in a process. An evaluation of a `LeastSquares` of 4,000
# entries takes 2.1 ms in NumPy and .28 ms compiled, of 20,000 entries 9 and 1.9 ms (10 layers, CPU time): loading is
# made up for after 150 to 300 evaluations of the first. So an objective is taken to be evaluated often; who needs it
# a few times says so by ``evaluations=``. The choice is made once, since another engine would have other bits.
EVALUATIONS = 100  # evaluations that an objective is chosen for unless it is told otherwise
WORTH_LOADING = 200_000  # entries in all evaluations together, from which compiled code is taken
FEW_TIMES = 5  # the nonzeros of the target: so many X_(1), ..., X_(t) are taken to have
MANY_ROWS = 256  # of X, from which products take longer than what is around them
WORTH_SORTING = 20  # evaluations, from which a sorted copy makes up for being sorted
WORTH_A_FILE = 27  # evaluations, from which sorting on disk takes less processor time than reading all each time
MANY_A_PIECE = 8  # times t², entries, from which pieces with 5t derivatives each make up for these, one Θ a layer


class Rule(NamedTuple):
    """When "auto" takes an engine, given a problem that it does not refuse and the number of evaluations to come."""

    engine: Engine
    when: str
    holds: Callable[[Problem, int], bool]


def _is_worth_loading(problem: Problem, evaluations: int) -> bool:
    return problem.on_disk or problem.entries * evaluations >= WORTH_LOADING


def _is_worth_sorting(problem: Problem, evaluations: int) -> bool:
    enough = not problem.per_layer or problem.entries >= MANY_A_PIECE * problem.layers**2
    return enough and evaluations >= WORTH_SORTING and _is_worth_loading(problem, evaluations)


def _is_worth_listing(problem: Problem, evaluations: int) -> bool:
    """Whether X is likely so sparse that "support" is fastest, by the target, which X_(t) should become.

    X_(1), ..., X_(t) are taken to have `FEW_TIMES` the nonzeros of the target: more than half of X, or products with
    DᵀD that are more work than dense ones with D and Dᵀ, and blocks of columns are faster. So they are where X has
    few rows. To count nonzeros takes reading the target, which is done last, and not at all on disk. A D
    whose DᵀD is too large, or overflows, is for blocks of columns, which multiply by D and Dᵀ.
    """
    if not problem.is_least_squares or evaluations < WORTH_SORTING or not _is_worth_loading(problem, evaluations):
        return False
    k, n = problem.f.D.shape  # type: ignore[attr-defined]
    if problem.on_disk or n < MANY_ROWS or support.too_large(n):
        return False
    nonzeros = problem.nonzeros
    sparse = 8 * nonzeros <= problem.entries and FEW_TIMES * nonzeros * n <= 2 * k * problem.entries
    return sparse and not gram_overflows(problem.f.D)  # type: ignore[attr-defined]


RULES = (
    Rule(implicit.ENGINE, "for layers = inf", lambda problem, evaluations: True),
    Rule(
        disk.ENGINE,
        f"for {WORTH_A_FILE} evaluations or more of data on disk",
        lambda problem, evaluations: problem.on_disk and evaluations >= WORTH_A_FILE,
    ),
    Rule(
        pieces.ENGINE,
        f"for {WORTH_SORTING} evaluations or more of together {WORTH_LOADING:,} entries or more, and with one Θ a "
        f"layer of {MANY_A_PIECE}·t² entries each or more",
        _is_worth_sorting,
    ),
    Rule(
        fused.ENGINE,
        f"for evaluations of together {WORTH_LOADING:,} entries or more, and of data on disk",
        _is_worth_loading,
    ),
    Rule(
        support.ENGINE,
        f"for {WORTH_SORTING} evaluations or more of as many, where X has {MANY_ROWS} rows or more and the target few "
        "nonzeros: an eighth, or less where D has fewer rows",
        _is_worth_listing,
    ),
    Rule(columns.ENGINE, "for as many", _is_worth_loading),
    Rule(adjoint.ENGINE, "for all else", lambda problem, evaluations: True),
)


def choose(problem: Problem, evaluations: int = EVALUATIONS) -> Engine:
    """Take the first engine of `RULES` whose rule holds and that can take the problem: what "auto" is.

    The choice depends on the problem and the number of evaluations alone, never on what is loaded already. SizeError
    where none can, as those for other f and for infinitely many layers hold all in memory.
    """
    taken = (rule.engine for rule in RULES if rule.holds(problem, evaluations) and not refusal(rule.engine, problem))
    found = next(taken, None)
    if found is None:  # of data in memory "adjoint" takes all that is finite
        raise SizeError(f"every engine that takes the problem {_in_memory(problem)}")
    return found


def named(method: str, problem: Problem) -> Engine:
    """Take the engine of that name; ValueError where there is none, or where it cannot take the problem."""
    if not isinstance(method, str) or method not in ENGINES:
        raise ValueError(f"method must be one of {', '.join(map(repr, ['auto', *ENGINES]))}, got {method!r}")
    engine = ENGINES[method]
    if reason := refusal(engine, problem):
        raise ValueError(f"method {method!r} {reason}")
    return engine


def refusal(engine: Engine, problem: Problem) -> str | None:
    """Why the engine cannot take the problem with its Θ and L, one or one a layer, as `Engine.refuses` says it."""
    if problem.per_layer and engine.prepare_layers is None:
        return "has one Θ and one L for all layers, and per_layer=True asks for one a layer; take 'auto'"
    reason = engine.refuses(problem)
    if reason is None and problem.on_disk and not engine.reads_disk:
        return _in_memory(problem)
    return reason


def _in_memory(problem: Problem) -> str:
    return (
        f"holds matrices of {8 * problem.entries / 1e9:.3g} GB in memory, for data on disk; take 'auto', with Fidelity "
        "or LeastSquares and finitely many layers, or pass what fits into memory, as np.array(..) reads it"
    )


def prepare(engine: Engine, problem: Problem) -> Prepared:
    """Make the problem ready: what is stored by the engine, and what is not beside it."""
    return _whole(engine.prepare(problem), problem)


def prepare_layers(engine: Engine, problem: Problem) -> PreparedLayers:
    """The same for one Θ and one L a layer, of an engine that has them."""
    assert engine.prepare_layers is not None, f"{engine.name} shares Θ among the layers, see `refusal`"
    return _whole(engine.prepare_layers(problem), problem)


def _whole(stored: Evaluations[Thetas, Constants], problem: Problem) -> Evaluations[Thetas, Constants]:
    """What is stored, and the zeros beside it that are not; of data on disk only while files are as they were."""
    whole = Sum([Zeros[Thetas, Constants](problem), stored]) if problem.unstored else stored
    return Watched(whole, problem.watch) if problem.on_disk else whole


def description() -> str:
    """Say which engines there are, what each is best for, and what "auto" takes: a line each."""
    engines = [f'* "{engine.name}": {engine.summary}.' for engine in ENGINES.values()]
    rules = "; ".join(f'"{rule.engine.name}" {rule.when}' for rule in RULES)
    return "\n".join([*engines, f'* "auto": the first of these that can take the problem: {rules}.'])
