"""Every way through the package to J, its five derivatives and the Gauss-Newton matrix, called alike.

They are the lines of the table of engines, which says what each takes. Two are here twice, because they run other code
for other problems: "fused" looks up pieces of the scalar map where x0 is W or zeros, and is "recursion" elsewhere;
"sparse" is "adjoint" on what a sparse `Fidelity` stores.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from dsrl_ref.arrays import Array
from dsrl_ref.engines.engine import Engine
from dsrl_ref.engines.problem import Problem
from dsrl_ref.engines.table import ENGINES
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity
from dsrl_ref.verify.problems import Arguments

Evaluation = tuple[float, Array]


class Way(NamedTuple):
    """A way, the problems that it takes, and what it is asked for."""

    name: str
    takes: Callable[[Arguments], bool]
    evaluate: Callable[[Arguments], Evaluation]
    gauss_newton: Callable[[Arguments], Array]
    ties: Callable[[Arguments], int]


def objective(arguments: Arguments, method: str, **options: Any) -> Objective:
    """The objective of a problem, by a method; an x0 or a target that is W is left to be the default, as users do."""
    f, _, _, layers, x0, target = arguments
    W = f.W if isinstance(f, Fidelity) else None
    given = [None if W is not None and np.array_equal(matrix, W) else matrix for matrix in (target, x0)]
    return Objective(f, given[0], layers=layers, x0=given[1], method=method, **options)


def evaluated(J: Objective, arguments: Arguments) -> Evaluation:
    """J and its derivatives, put in order by their names."""
    loss, gradient = J(arguments.theta, arguments.L)
    return loss, np.array([gradient.w1, gradient.w2, gradient.b1, gradient.b2, gradient.L])


def _by_method(
    method: str,
    takes: Callable[[Arguments], bool],
    name: str = "",
    make: Callable[[Arguments, str], Objective] = objective,
) -> Way:
    return Way(
        name or method,
        takes,
        lambda arguments: evaluated(make(arguments, method), arguments),
        lambda arguments: make(arguments, method).gauss_newton(arguments.theta, arguments.L)[2],
        lambda arguments: make(arguments, method).ties(arguments.theta, arguments.L),
    )


def _taken_by(engine: Engine) -> Callable[[Arguments], bool]:
    def takes(arguments: Arguments) -> bool:
        f, _, _, layers, x0, target = arguments
        return engine.refuses(Problem(f, x0, target, layers)) is None

    return takes


def _fidelity(arguments: Arguments) -> bool:
    return isinstance(arguments.f, Fidelity)


def _of_W(arguments: Arguments) -> bool:
    """Whether X_(0) is a function of W, entry by entry."""
    f, x0 = arguments.f, arguments.x0
    return isinstance(f, Fidelity) and (np.array_equal(x0, f.W) or not x0.any())


def _not_of_W(arguments: Arguments) -> bool:
    return _fidelity(arguments) and not _of_W(arguments)


def _sparse(arguments: Arguments, method: str, **options: Any) -> Objective:
    """The objective of a `Fidelity` of which everything is stored sparse."""
    from scipy.sparse import csr_array

    f, _, _, layers, x0, target = arguments
    W = Fidelity(csr_array(f.start()))
    return Objective(W, csr_array(target), layers=layers, x0=csr_array(x0), method=method, **options)


WAYS = (
    *(
        _by_method(name, _of_W if name == "fused" else _taken_by(engine))
        for name, engine in ENGINES.items()
        if name != "implicit"  # layers = ∞ has checks of its own
    ),
    _by_method("fused", _not_of_W, "recursion"),
    _by_method("adjoint", _fidelity, "sparse", _sparse),
)
NAMES_OF_WAYS = tuple(way.name for way in WAYS)


class LayeredWay(NamedTuple):
    """A way for one Θ and one L a layer, the problems that it takes, and its objective of one."""

    name: str
    takes: Callable[[Arguments], bool]
    objective: Callable[..., Objective]  # of Arguments; options are those of `Objective`


LAYERED_WAYS = (
    *(
        LayeredWay(name, _taken_by(engine), partial(objective, method=name, per_layer=True))
        for name, engine in ENGINES.items()
        if engine.prepare_layers is not None
    ),
    LayeredWay("sparse", _fidelity, partial(_sparse, method="auto", per_layer=True)),
)
