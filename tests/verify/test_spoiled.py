"""Every function in the table of `verify`, spoiled in several ways, makes the row of its own equation fail.

A spoiled function stands in for the right one everywhere in the package. What a function is spoiled by depends on what
it returns: the sign, a factor of 1.001 or a constant; of several results the order; of what depends on L a wrong power;
of what has rows one knot given to the other side. Compiled code is spoiled in the nightly form, a sample of it always.
"""

import functools
import importlib
import inspect
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import dsrl_ref
from dsrl_ref.appendix import Theta, partials
from dsrl_ref.engines import table
from dsrl_ref.verify import runner, verify
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.findings import OWN
from dsrl_ref.verify.judged import ENGINES, ENGINES_OF_LAYERS, MATRICES, OBJECTIVE_OF_LAYERS, SENSITIVITIES
from dsrl_ref.verify.table import EQUATIONS

PACKAGE = "dsrl_ref"
FORWARD, PROX = dsrl_ref.forward, dsrl_ref.prox


def located(name):
    """The object that holds a function, the function's name in it, and the function as it is stored there."""
    *path, last = f"{PACKAGE}.{name}".split(".")
    for cut in range(len(path), 0, -1):
        try:
            home = importlib.import_module(".".join(path[:cut]))
        except ModuleNotFoundError:
            continue
        for part in path[cut:]:
            home = getattr(home, part)
        return home, last, inspect.getattr_static(home, last)
    raise AssertionError(f"{name} is nowhere")


class Given(tuple):
    """The arguments of a call, in its order; by name in `named`."""


def spoil(monkeypatch, name, change):
    """Let `change(result, arguments)` be what the function returns, wherever the package keeps it."""
    if name in ENGINES_OF_LAYERS:
        spoil_engine(monkeypatch, name.split("'")[1], change)
        return
    home, last, stored = located(name)
    function = stored.__func__ if isinstance(stored, classmethod) else stored

    signature = inspect.signature(function)

    @functools.wraps(function)
    def spoiled(*arguments, **options):
        given = Given((*arguments, *options.values()))
        given.named = signature.bind(*arguments, **options).arguments
        return change(function(*arguments, **options), given)

    if inspect.isclass(home):
        monkeypatch.setattr(home, last, classmethod(spoiled) if isinstance(stored, classmethod) else spoiled)
        return
    for module in [module for key, module in sys.modules.items() if key.split(".")[0] == PACKAGE]:
        for key, value in list(vars(module).items()):
            if value is function:
                monkeypatch.setattr(module, key, spoiled)
            elif isinstance(value, dict):
                for entry in [entry for entry, inside in value.items() if inside is function]:
                    monkeypatch.setitem(value, entry, spoiled)


def spoil_engine(monkeypatch, name, change):
    """The same of all that an engine answers for one Θ and one L a layer; `named` holds the method and the problem."""
    engine = table.ENGINES[name]

    def prepare_layers(problem):
        prepared = engine.prepare_layers(problem)

        def spoiled(method):
            def answer(theta, L):
                given = Given((theta, L))
                given.named = {"method": method, "problem": problem, "theta": theta, "L": L}
                return change(getattr(prepared, method)(theta, L), given)

            return answer

        return SimpleNamespace(**{method: spoiled(method) for method in ("loss_and_gradient", "gauss_newton", "ties")})

    monkeypatch.setitem(table.ENGINES, name, engine._replace(prepare_layers=prepare_layers))


def noticed(row):
    """Whether the row has a check that fails; as `verify([row], quick=True)`, but it ends at the first."""
    return any(not check.passed for check in runner.run_checks(EQUATIONS[row].checks, Cases(0, quick=True)))


def each(change):
    """A change of every number of a result: an array, a number, a list or tuple of them, sparse or not."""

    def changed(result, arguments):
        if isinstance(result, list):
            return [changed(part, arguments) for part in result]
        if isinstance(result, tuple):
            return (
                type(result)(*(changed(part, arguments) for part in result))
                if hasattr(result, "_fields")
                else tuple(changed(part, arguments) for part in result)
            )
        if hasattr(result, "tocsr"):
            result = result.copy()
            result.data = change(result.data)
            return result
        return change(result)

    return changed


SIGN, FACTOR, CONSTANT = each(lambda value: -value), each(lambda value: 1.001 * value), each(lambda value: value + 0.01)
NUMBERS = {"sign": SIGN, "factor": FACTOR, "constant": CONSTANT}


def part(place, change):
    """A change of one entry of an array or named tuple."""

    def changed(result, arguments):
        values = list(result)
        values[place] = change(values[place])
        return type(result)(*values) if hasattr(result, "_fields") else np.array(values)

    return changed


def of_gradient(change):
    """A change of the second of (loss, gradient, ...); of a flat result as well."""
    return lambda result, arguments: (result[0], change(result[1], arguments), *result[2:])


def of_loss(change):
    return lambda result, arguments: (change(result[0]), *result[1:])


def swapped(a, b):
    def change(result, arguments):
        values = list(result)
        values[a], values[b] = values[b], values[a]
        return type(result)(*values) if hasattr(result, "_fields") else np.array(values)

    return change


LOSSES = {
    "sign": of_loss(lambda J: -J),
    "factor": of_loss(lambda J: 1.001 * J),
    "constant": of_loss(lambda J: J + 0.01),
}
IN_THETA = {
    **{
        f"{name} of {parameter}": of_gradient(part(place, change))
        for place, parameter in enumerate(("w1", "w2", "b1", "b2"))
        for name, change in {"sign": lambda d: -d, "factor": lambda d: 1.001 * d}.items()
    },
    "constant": of_gradient(part(1, lambda d: d + 0.01)),
    "order": of_gradient(swapped(0, 2)),
    "order at the end": of_gradient(swapped(3, 4)),
}
IN_L = {
    "sign of L": of_gradient(part(4, lambda d: -d)),
    "factor of L": of_gradient(part(4, lambda d: 1.001 * d)),
    "constant in L": of_gradient(part(4, lambda d: d + 0.01)),
    "order at the end": of_gradient(swapped(3, 4)),
}


def _entry_of_matrix(*places):
    def change(result, arguments):
        matrix = np.array(result[-1] if isinstance(result, tuple) else result)
        for p, q in places:
            matrix[p, q] *= 1.001
        return (*result[:-1], matrix) if isinstance(result, tuple) else matrix

    return change


def _order_of_matrix(result, arguments):
    order = [1, 0, 2, 3, 4]
    matrix = np.array(result[-1] if isinstance(result, tuple) else result)[order][:, order]
    return (*result[:-1], matrix) if isinstance(result, tuple) else matrix


def _columns(which, change):
    """A change of some derivatives of an array that has five of them, first or last, or four and one in two arrays."""

    def changed(result, arguments):
        if isinstance(result, tuple) and len(result) == 3:  # totals.sensitivities
            X, dtheta, dL = result
            return (X, change(dtheta), dL) if which == "Θ" else (X, dtheta, change(dL))
        X, dX = result if isinstance(result, tuple) else (None, result)
        dX = np.array(dX)
        place = (
            (slice(4) if which == "Θ" else slice(4, 5),) if X is not None else (..., slice(4) if which == "Θ" else 4)
        )
        dX[place] = change(dX[place])
        return dX if X is None else (X, dX)

    return changed


def _of_sensitivities(which):
    return {
        "sign": _columns(which, lambda d: -d),
        "factor": _columns(which, lambda d: 1.001 * d),
        "constant": _columns(which, lambda d: d + 0.01),
    }


def _theta_field(place, change):
    def changed(result, arguments):
        values = list(result)
        values[place] = change(values[place])
        return Theta(*values)

    return changed


THETAS = {
    f"factor of {name}": _theta_field(place, lambda value, factor=factor: value * factor)
    for place, (name, factor) in enumerate((("w1", 1.001), ("w2", 1.001), ("b1", 0.999), ("b2", 1.001)))
}
BY_POWERS_OF_L = {
    "times L": lambda result, arguments: result * arguments[3],
    "over L": lambda result, arguments: result / arguments[3],
}
COUNTS = {"one more": lambda n, _: n + 1, "none": lambda n, _: 0, "twice": lambda n, _: 2 * n + (n == 0)}
SPECIAL = {
    "appendix.theta.Theta.violations": {
        "none": lambda found, _: (),
        "the first alone": lambda found, _: found[:1],
        "the other way round": lambda found, _: () if found else ("w2 = 3 exceeds 1",),
    },
    "appendix.theta.Theta.scaled": THETAS,
    "appendix.theta.Theta.soft": THETAS,
    "appendix.theta.Theta.firm": THETAS,
    "appendix.theta.Theta.projected": THETAS,
    "appendix.theta.Theta.project": {**THETAS, "nothing": lambda found, arguments: arguments[0]},
    "appendix.theta.projection_jacobian": {**NUMBERS, "transposed": lambda J, _: J.T},
    "appendix.theta.claimed_chain": {**NUMBERS, "any constant": lambda sides, _: (0.0, 1.0)},
    "region": {"sign": SIGN, "constant": lambda r, _: r + np.int8(1)},
    "objective.Objective.ties": COUNTS,
    "engines.support.Support.ties": COUNTS,
    "appendix.shrinkage.count_ties": COUNTS,
    "appendix.partials.dX": {
        **NUMBERS,
        "transposed": lambda T, _: T.transpose(2, 3, 0, 1),
        "times L": lambda T, arguments: T * arguments[4],
    },
    "appendix.partials.dL": {**NUMBERS, **BY_POWERS_OF_L},
    "appendix.partials.dtheta": {**NUMBERS, "order": lambda T, _: T[:, :, [3, 0, 1, 2]]},
    "appendix.totals.total": {
        **NUMBERS,
        "no recursion": lambda total, arguments: arguments[0],
        "the other contraction": lambda total, arguments: (
            arguments[0] + np.einsum("jkpq,jkc->pqc", arguments[1], arguments[2])
        ),
    },
    "appendix.totals.contract": {**NUMBERS, "mean": lambda dJ, arguments: dJ / arguments[1].size},
    "smooth.LeastSquares.start": {"constant": CONSTANT},
    "forward": {**NUMBERS, "one too few": lambda iterates, _: iterates[:-1]},
}


def where(condition, change):
    """A change of the results of some calls alone; `condition` is a function of their arguments by name."""
    return lambda result, given: change(result, given) if condition(given.named) else result


def of_terms(change):
    """A change of the (t, 5) terms: of an array, of a `Gradient` of arrays, or of a flat array; the loss stays."""

    def changed(result, given):
        loss, gradient, *more = result
        if hasattr(gradient, "_fields"):
            gradient = type(gradient)(*np.array(change(np.array(gradient).T)).T)
        elif gradient.ndim == 1:
            gradient = change(gradient.reshape(-1, 5)).ravel()
        else:
            gradient = change(gradient)
        return loss, gradient, *more

    return changed


def of_column(place, change):
    """A change of one of the five derivatives of every layer."""

    def changed(terms):
        terms = np.array(terms)
        terms[:, place] = change(terms[:, place])
        return terms

    return changed


def of_row(place, change):
    """A change of all derivatives of one layer, the first or the last."""

    def changed(terms):
        terms = np.array(terms)
        terms[place : place + 1 or None] = change(terms[place : place + 1 or None])
        return terms

    return changed


TERMS = {
    "factor of the loss": of_loss(lambda J: 1.001 * J),
    **{f"sign of {name}": of_terms(of_column(k, lambda d: -d)) for k, name in enumerate(("w1", "w2", "b1", "b2", "L"))},
    **{
        f"factor of {name}": of_terms(of_column(k, lambda d: 1.001 * d))
        for k, name in enumerate(("w1", "w2", "b1", "b2", "L"))
    },
    "constant": of_terms(lambda terms: terms + 0.01),
    "factor of the first layer": of_terms(of_row(0, lambda d: 1.001 * d)),
    "factor of the last layer": of_terms(of_row(-1, lambda d: 1.001 * d)),
    "order of the layers": of_terms(lambda terms: terms[::-1]),
    "order of the derivatives": of_terms(lambda terms: terms[:, [0, 1, 3, 2, 4]]),
    "sums for terms": of_terms(lambda terms: np.broadcast_to(terms.sum(axis=0), terms.shape)),
    "running sums": of_terms(lambda terms: np.cumsum(terms, axis=0)),
    "running sums from the end": of_terms(lambda terms: np.cumsum(terms[::-1], axis=0)[::-1]),
    "the mean over layers": of_terms(lambda terms: np.broadcast_to(terms.mean(axis=0), terms.shape)),
    "L to the first power": lambda result, given: of_terms(lambda terms: _times_L(terms, given))(result, given),
}


def _times_L(terms, given):
    """dJ/dL_i with 1/L_i for 1/L_i²."""
    L = given.named.get("L")
    if L is None:  # of flat and free numbers
        x = np.asarray(given[1]).reshape(-1, 5)[:, 4]
        L = np.exp(x) if "u" in given.named else x
    return of_column(4, lambda d: d * np.broadcast_to(L, len(terms)))(terms)


MATRIX_OF_LAYERS = {
    "factor of an entry": _entry_of_matrix((-1, -1)),
    "off the diagonal": _entry_of_matrix((0, -1), (-1, 0)),
    "order of the layers": lambda result, _: _of_blocks(result, lambda t: range(t - 1, -1, -1)),
    "a parameter after the other": lambda result, _: _of_matrix(
        result, lambda size: np.arange(size).reshape(-1, 5).T.ravel()
    ),
}


def _of_matrix(result, order):
    """The matrix with rows and columns in another order."""
    matrix = np.array(result[-1] if isinstance(result, tuple) else result)
    places = [*order(len(matrix))]
    matrix = matrix[places][:, places]
    return (*result[:-1], matrix) if isinstance(result, tuple) else matrix


def _of_blocks(result, order):
    return _of_matrix(result, lambda size: [5 * i + k for i in order(size // 5) for k in range(5)])


def unless_empty(change):
    """A change of what has layers."""

    def changed(result, given):
        size = np.size(result[-1] if isinstance(result, tuple) else result)
        return change(result, given) if size else result

    return changed


def by_method(method, changes):
    """Changes of what an engine answers by one of its methods."""
    return {
        f"{method}: {how}": where(lambda named: named["method"] == method, unless_empty(change))
        for how, change in changes.items()
    }


def per_layer(changes):
    """Changes of what an objective answers with one Θ and one L a layer."""
    return {how: where(lambda named: named["self"].per_layer, unless_empty(change)) for how, change in changes.items()}


def ways_to_spoil_layers(name):
    """The changes that the row of one Θ and one L a layer must notice."""
    if name in ENGINES_OF_LAYERS:
        return {
            **by_method("loss_and_gradient", TERMS),
            **by_method("gauss_newton", {"order of the terms": TERMS["order of the layers"], **MATRIX_OF_LAYERS}),
            **by_method("ties", COUNTS),
        }
    if name in OBJECTIVE_OF_LAYERS:
        last = name.rsplit(".", 1)[-1]
        return per_layer(COUNTS if last == "ties" else {**TERMS, **MATRIX_OF_LAYERS} if "gauss" in last else TERMS)
    return {
        "appendix.layers.loss_and_gradient": TERMS,
        "appendix.layers.sensitivities": {
            "value": lambda result, _: (1.001 * result[0], result[1]),
            "sign": lambda result, _: (result[0], -result[1]),
            "factor": lambda result, _: (result[0], 1.001 * result[1]),
            "constant": lambda result, _: (result[0], result[1] + 0.01),
            "order of the layers": lambda result, _: (result[0], result[1][:, :, ::-1]),
            "order of the derivatives": lambda result, _: (result[0], result[1][..., [0, 1, 3, 2, 4]]),
            "running sums": lambda result, _: (result[0], np.cumsum(result[1], axis=2)),
        },
        "appendix.layers.gauss_newton": {how: unless_empty(change) for how, change in MATRIX_OF_LAYERS.items()},
        "appendix.layers.partials": {
            **NUMBERS,
            "order": lambda dX, _: dX[..., [0, 1, 3, 2, 4]],
            "times L": lambda dX, given: dX * np.array([1, 1, 1, 1, given.named["L"]]),
        },
        "appendix.layers.pulled": {
            **NUMBERS,
            "the other contraction": lambda C, given: np.einsum("pqjk,jk->pq", *given),
        },
        "forward": {
            **NUMBERS,
            "one too few": lambda iterates, _: iterates[:-1],
            "the first Θ for all": of_other_layers(lambda theta, L: (theta[:1] * len(theta), L)),
            "the first L for all": of_other_layers(lambda theta, L: (theta, [L[0]] * len(L))),
            "Θ the other way round": of_other_layers(lambda theta, L: (theta[::-1], L)),
            "L the other way round": of_other_layers(lambda theta, L: (theta, L[::-1])),
        },
    }[name]


def of_other_layers(change):
    """What `forward` gives with other Θ and L a layer."""

    def changed(result, given):
        f, theta, L, *rest = given
        if not np.ndim(L) or not len(L):
            return result
        return FORWARD(f, *change([*map(tuple, theta)], [*L]), *rest)

    return changed


def ways_to_spoil(name, row):
    """The changes that the row must notice, by name."""
    if row == "layers":
        return ways_to_spoil_layers(name)
    if name == "shrink" and row != 1:
        return {**NUMBERS, "sparse alone": lambda x, _: 1.001 * x if hasattr(x, "tocsr") else x}
    if name in SPECIAL:
        return SPECIAL[name]
    if name in ENGINES:
        return {8: LOSSES, 10: IN_THETA, 15: IN_L}[row]
    if name == "objective.Objective.free":
        return {8: LOSSES, 10: IN_THETA, 15: IN_L}[row]
    if name == "free.pulled":
        places = {10: (0, 1, 2, 3), 15: (4,)}[row]
        changes = {"sign": lambda d: -d, "factor": lambda d: 1.001 * d, "twice": lambda d: 2 * d}
        return {
            **{f"{how} of u{place + 1}": part(place, change) for place in places for how, change in changes.items()},
            "reversed": lambda derivatives, _: derivatives[::-1],
        }
    if name in MATRICES:
        if row == 11:
            return {
                "factor": _entry_of_matrix((0, 0)),
                "off the diagonal": _entry_of_matrix((1, 2)),
                "order": _order_of_matrix,
            }
        return {"factor": _entry_of_matrix((4, 4)), "off the diagonal": _entry_of_matrix((0, 4), (4, 0))}
    if name in SENSITIVITIES:
        return _of_sensitivities("Θ" if row == 11 else "L")
    return NUMBERS


CASES = [
    (row, name, how) for row, line in EQUATIONS.items() for name in line.functions for how in ways_to_spoil(name, row)
]


def _sample():
    """One case of every function: of its rows and of the ways to spoil it another for each function in turn."""
    of_name = {}
    for case in CASES:
        of_name.setdefault(case[1], []).append(case)
    return [cases[5 * number % len(cases)] for number, cases in enumerate(of_name.values())]


@pytest.mark.parametrize(("row", "name", "how"), _sample(), ids=lambda value: str(value))
def test_a_spoiled_function_makes_its_own_row_fail(monkeypatch, row, name, how):
    spoil(monkeypatch, name, ways_to_spoil(name, row)[how])
    assert noticed(row)


@pytest.mark.nightly
@pytest.mark.parametrize(("row", "name", "how"), CASES, ids=lambda value: str(value))
def test_every_spoiled_function_makes_its_own_row_fail(monkeypatch, row, name, how):
    spoil(monkeypatch, name, ways_to_spoil(name, row)[how])
    assert noticed(row)


def moved(result, given):
    """All numbers of a result a little larger, and no longer 0."""
    return each(lambda value: 1.001 * value + np.asarray(1e-3).astype(np.asarray(value).dtype))(result, given)


def another_row(result, given):
    """Rows of (12)-(14): the next one."""
    return (result + 1).astype(result.dtype)


def square_transposed(result, given):
    return result.swapaxes(0, 1) if result.ndim > 1 and result.shape[0] == result.shape[1] else result


def rows_reversed(result, given):
    return result[::-1] if result.ndim > 1 else result


def first_of(kind):
    """Whether the first argument is stored sparse, has so many axes, ..."""
    return lambda named: kind(next(iter(named.values())))


def stored_sparse(name):
    return lambda named: hasattr(getattr(named.get("f", named.get("self")), name, None), "tocsr")


def of_part(row):
    """A factor of the loss, of all of dJ/dΘ or of dJ/dL."""
    places = {8: (), 10: (0, 1, 2, 3), 15: (4,)}[row]

    def changed(result, given):
        loss, gradient = result
        gradient = np.array(gradient)
        gradient[list(places)] = 1.001 * gradient[list(places)] + 1e-3
        return loss if row != 8 else 1.001 * loss + 1e-3, gradient

    return changed


def shallower(result, given):
    """What `forward` gives for L = 8 where L is larger."""
    f, theta, L, *rest = given
    return FORWARD(f, theta, min(float(L), 8.0), *rest)


def by_another_form(result, given):
    """S(t)Θ with (1-t)*w + t, which loses the digits of a large t."""
    (w1, w2, b1, b2), t = given
    scale1, scale2 = (1 - t) * w1 + t, (1 - t) * w2 + t
    return Theta(w1 / scale1, w2 / scale2, t * b1, t * b1 + scale1 * (b2 - b1)) if min(scale1, scale2) > 0 else result


def swapped_pair(result, given):
    """(j, k) of the tensor taken for (k, j), where X is square."""
    partial, tensor, previous = given
    n, m = previous.shape[:2]
    return partial + np.einsum("pqkj,jkc->pqc", tensor, previous) if n == m else result


def over_the_square_of_L(result, given):
    *rest, L = given
    with np.errstate(all="ignore"):
        return np.where(result == 0, 0.0, partials.dZ(rest[0], rest[2]) * (rest[1] / np.float64(L) ** 2))


OF_T = _theta_field(0, lambda w: 1.001 * w)
LAYER = ("dw1", "dw2", "db1", "db2", "dtheta", "dZ")
ROWS_OF_LAYER = {"dw1": (12,), "dw2": (12,), "db1": (13,), "db2": (13,), "dtheta": (12, 13), "dZ": (14,)}
OF_ANY_F = ("appendix.totals", "engines.tangent.Tangent", "engines.adjoint.Adjoint")


def hidden():
    """What is wrong in some calls alone: (row, function, what is wrong, change)."""
    for name in LAYER:
        for row in ROWS_OF_LAYER[name]:
            function = f"appendix.partials.{name}"
            yield row, function, "square transposed", square_transposed
            yield row, function, "rows reversed", rows_reversed
            yield row, function, "several rows and columns", where(first_of(lambda Z: min(np.shape(Z)) > 1), moved)
            yield row, function, "b1 = 0", where(lambda named: named["theta"].b1 == 0, moved)
            yield row, function, "b2 = 0", where(lambda named: named["theta"].b2 == 0, moved)
    for row in (12, 13, 14):
        yield row, "region", "square transposed", square_transposed
        yield row, "region", "rows reversed", rows_reversed
        yield row, "region", "one number", where(first_of(lambda z: np.ndim(z) == 0), another_row)
        yield row, "region", "b1 = 0", where(lambda named: named["theta"][2] == 0, another_row)
    for row in (1, 9, 12):
        yield row, "shrink", "one number", where(first_of(lambda z: np.ndim(z) == 0 and not hasattr(z, "tocsr")), moved)
    yield from hidden_in_f()
    yield from hidden_in_engines()
    yield from hidden_in_layers()
    yield from hidden_in_g()
    yield 14, "appendix.partials.dX", "after three layers", where(lambda named: named["layer"] > 3, moved)
    for layers in (0, np.inf):
        yield (
            14,
            "objective.Objective.ties",
            f"{layers} layers",
            where(lambda named, layers=layers: named["self"].layers == layers, lambda n, _: n + 1),
        )
    for row in (11, 16):
        one_entry = where(lambda named: named["previous"].shape[:2] == (1, 1), moved)
        yield row, "appendix.totals.total", "one entry", one_entry
        yield row, "appendix.totals.total", "j and k the other way round", swapped_pair
    yield 17, "appendix.partials.dL", "the square of L", over_the_square_of_L


def hidden_in_f():
    for name, matrix in (("Fidelity", "W"), ("LeastSquares", "D")):
        sign = where(stored_sparse(matrix), lambda product, _: -product)
        yield 14, f"smooth.{name}.hessian_product", f"sparse {matrix}", sign
        of_V = where(lambda named: hasattr(named["V"], "tocsr"), lambda product, _: -product)
        yield 14, f"smooth.{name}.hessian_product", "sparse V", of_V
        for method in ("value", "gradient"):
            of_X = where(lambda named: hasattr(named["X"], "tocsr"), lambda value, _: 1.001 * value)
            yield 9, f"smooth.{name}.{method}", "sparse X", of_X
            of_f = where(stored_sparse(matrix), lambda value, _: 1.001 * value)
            yield 9, f"smooth.{name}.{method}", f"sparse {matrix}", of_f
        yield 9, f"smooth.{name}.lipschitz", f"sparse {matrix}", where(stored_sparse(matrix), moved)
    yield 9, "forward", "L above 8", shallower
    yield 9, "forward", "after four layers", lambda iterates, _: [*iterates[:5], *(1.001 * X for X in iterates[5:])]
    yield 9, "forward", "no layers", where(lambda named: named["layers"] == 0, moved)
    matrices = where(lambda named: np.ndim(named["w"]) == 2, moved)
    yield 9, "engines.scalar_map.ScalarMap.__call__", "matrices", matrices


def posed(condition):
    """A condition on the problem: that of the arguments, or that of an engine with one Θ for all layers."""

    def holds(named):
        if "self" not in named:
            return condition(SimpleNamespace(**named))
        problem = named["self"].problem
        return not problem.per_layer and condition(problem)

    return holds


def hidden_in_engines():
    for home in OF_ANY_F:
        for row in (8, 10, 15):
            function = f"{home}.loss_and_gradient"
            for what, condition in (
                ("sparse D", lambda problem: hasattr(getattr(problem.f, "D", None), "tocsr")),
                ("no layers", lambda problem: problem.layers == 0),
                ("more than three layers", lambda problem: problem.layers > 3),
                ("one entry", lambda problem: problem.x0.size == 1),
            ):
                yield row, function, what, where(posed(condition), of_part(row))
            if home == "appendix.totals":  # others have a sparse W made dense
                yield row, function, "sparse W", where(stored_sparse("W"), of_part(row))
            else:
                large = where(posed(lambda problem: problem.x0.size > 1000), of_part(row))
                yield row, function, "more than 1,000 entries", large


def hidden_in_layers():
    """What is wrong with one Θ and one L a layer in some calls alone."""
    wrong = of_terms(lambda terms: 1.001 * terms + 1e-3)
    function = "appendix.layers.loss_and_gradient"
    for what, condition in (
        ("one layer", lambda named: len(named["thetas"]) == 1),
        ("more than three layers", lambda named: len(named["thetas"]) > 3),
        ("one entry", lambda named: named["x0"].size == 1),
        ("sparse W", stored_sparse("W")),
        ("sparse D", stored_sparse("D")),
        ("b1 = 0 in a layer", lambda named: any(theta.b1 == 0 for theta in named["thetas"])),
    ):
        yield "layers", function, what, where(condition, wrong)
    one = where(lambda named: named["self"].per_layer and isinstance(named["theta"], Theta), unless_empty(wrong))
    yield "layers", "objective.Objective.__call__", "one Θ for all layers", one
    for name in ENGINES_OF_LAYERS:
        for what, condition in (
            ("more than three layers", lambda named: len(named["theta"]) > 3),
            ("more than 1,000 entries", lambda named: named["problem"].entries > 1000),
            ("one entry", lambda named: named["problem"].entries == 1),
        ):
            change = unless_empty(wrong)
            only = where(
                lambda named, condition=condition: named["method"] == "loss_and_gradient" and condition(named), change
            )
            if (name, what) != ("engines.table.ENGINES['tensor'].prepare_layers", "more than 1,000 entries"):
                yield "layers", name, what, only


def hidden_in_g():
    for row, name in ((1, "regularizer"), (4, "regularizer_gradient")):
        yield row, name, "square transposed", square_transposed
        for axes in (0, 2):
            of_axes = where(lambda named, axes=axes: np.ndim(named["x"]) == axes, moved)
            yield row, name, f"{axes} axes", of_axes
        yield row, name, "b2 = 0", where(lambda named: list(named["theta"])[3] == 0, moved)
    yield 4, "regularizer_gradient", "even in matrices", lambda slope, _: np.abs(slope) if slope.ndim == 2 else slope
    scaled = "appendix.theta.Theta.scaled"
    for what, condition in (("t = 0", lambda t: t == 0), ("t = 1", lambda t: t == 1), ("t > 10", lambda t: t > 10)):
        yield 1, scaled, what, where(lambda named, condition=condition: condition(named["t"]), OF_T)
    yield 1, scaled, "another form", by_another_form
    no_step = where(lambda named: named["step"] == 0, lambda x, given: PROX(given[0], given[1], 1.0))
    yield 1, "prox", "step 0 as 1", no_step
    yield 1, "prox", "steps above 4", where(lambda named: named["step"] > 4, moved)
    yield 1, "appendix.theta.Theta.soft", "b = 0", where(lambda named: named["b"] == 0, OF_T)
    yield 1, "appendix.theta.Theta.firm", "b = 0", where(lambda named: named["b"] == 0, OF_T)


def next_to(value, at, share=0.01):
    """Whether a number is next to another, but not it."""
    return 0 < abs(value - at) <= share * abs(at)


def some(condition):
    """Whether it holds of any entry of the first argument."""
    return lambda named: bool(np.any(condition(np.asarray(next(iter(named.values())), dtype=float), named)))


def of_theta(condition):
    """Whether it holds of w1, w2, b1 and b2, however a function calls its Θ."""

    def holds(named):
        theta = named.get("theta", named.get("values", named.get("self")))
        return condition(*map(float, theta))

    return holds


RANGES_OF_THETA = {
    "b2 > 2": lambda w1, w2, b1, b2: b2 > 2,
    "b2 > 1,000": lambda w1, w2, b1, b2: b2 > 1000,
    "0 < b2 < .01": lambda w1, w2, b1, b2: 0 < b2 < 0.01,
    "w1 > 3.5": lambda w1, w2, b1, b2: w1 > 3.5,
    "w1 next to 1": lambda w1, w2, b1, b2: next_to(w1, 1),
    "w1 = 1": lambda w1, w2, b1, b2: w1 == 1,
    "b1 = b2": lambda w1, w2, b1, b2: b1 == b2 > 0,
}
OF_CONDITIONS = {
    2: "appendix.theta.nonnegative_at_joint",
    3: "appendix.theta.simplified_condition",
    5: "appendix.theta.slope_at_joint",
    6: "appendix.theta.claimed_chain",
}


def other_sentences(found, given):
    return () if found else ("w2 = 3 exceeds 1",)


def doubled(value, given):
    """Twice as large, which is seen where the number is small too."""
    return each(lambda part: 2 * part)(value, given)


def other_theta(found, given):
    return Theta(2 * found.w1, found.w2, found.b1, found.b2)


def hidden_in_ranges():
    """What is wrong beyond a range, in a narrow band next to a boundary, or exactly on one."""
    of_w2 = {
        "w2 in (1, 1.01)": lambda w1, w2, b1, b2: 1 < w2 < 1.01,
        "w2 a millionth from 1": lambda w1, w2, b1, b2: next_to(w2, 1, 1e-6),
        "w2 = 1": lambda w1, w2, b1, b2: w2 == 1,
    }
    for row, name in OF_CONDITIONS.items():
        for what, condition in RANGES_OF_THETA.items():
            if (row, what) not in {(2, "b1 = b2"), (6, "w1 = 1")}:  # there it is 0
                yield row, name, what, where(of_theta(condition), doubled)
    on_lower_edge = {
        "b1 on the lower edge": lambda w1, w2, b1, b2: w1 > 1 and b1 == (w1 - 1) / w1 * b2,
        "b1 a millionth below it": lambda w1, w2, b1, b2: next_to(b1, (w1 - 1) / w1 * b2, 1e-6) and w1 > 1,
    }
    for what, condition in {**RANGES_OF_THETA, **of_w2, **on_lower_edge}.items():
        yield 7, "appendix.theta.Theta.violations", what, where(of_theta(condition), other_sentences)
        if what != "b1 a millionth below it":
            jacobian = where(of_theta(condition), lambda J, _: J + 0.01)
            yield 7, "appendix.theta.projection_jacobian", what, jacobian
    slopes = {"w1 on its floor": lambda w1, *_: w1 == 1e-4, "w2 on its floor": lambda w1, w2, *_: w2 == 1e-4}
    for what, condition in {**RANGES_OF_THETA, **of_w2, **slopes}.items():
        yield 7, "appendix.theta.Theta.projected", what, where(of_theta(condition), other_theta)
    for what, condition in slopes.items():
        yield 7, "appendix.theta.projection_jacobian", what, where(of_theta(condition), lambda J, _: J + 0.01)
    turned = where(
        lambda named: next(iter(named["values"])) == 1,
        lambda J, given: projection_jacobian_above(given.named["values"]),
    )
    yield 7, "appendix.theta.projection_jacobian", "w1 = 1 as if the edge turned there", turned
    for row, name in ((1, "regularizer"), (4, "regularizer_gradient")):
        far = some(lambda x, named: np.abs(x) > 64)
        yield row, name, "x > 64", where(far, doubled)
        for what in ("b2 > 1,000", "w1 next to 1", "w1 = 1", "w1 > 3.5"):
            yield row, name, what, where(of_theta(RANGES_OF_THETA[what]), doubled)
        near = some(lambda x, named: np.isclose(np.abs(x), joint_of(named["theta"]), rtol=2e-3, atol=0))
        yield row, name, "next to the joint", where(near, doubled)
    for what, condition in (("b2 > 4", lambda *theta: theta[3] > 4), ("b2 < .01", lambda *theta: 0 < theta[3] < 0.01)):
        yield 1, "appendix.theta.Theta.scaled", what, where(of_theta(condition), OF_T)
        yield 1, "prox", what, where(of_theta(condition), doubled)
    for row, name in ((12, "dw1"), (12, "dw2"), (13, "db1"), (13, "db2"), (14, "dZ")):
        function = f"appendix.partials.{name}"
        for what in ("b2 > 2", "b2 > 1,000", "0 < b2 < .01", "w1 > 3.5"):
            yield row, function, what, where(of_theta(RANGES_OF_THETA[what]), doubled)
        yield row, function, "|Z| > 50", where(some(lambda Z, named: np.abs(Z) > 50), doubled)
    for row in (9, 12):
        yield row, "shrink", "b2 > 1,000", where(of_theta(RANGES_OF_THETA["b2 > 1,000"]), doubled)
    for row in (12, 13, 14):
        near = some(lambda z, named: np.isclose(np.abs(z), named["theta"][2], rtol=1e-9, atol=0))
        yield row, "region", "next to b1", where(near, another_row)
    yield 17, "appendix.partials.dL", "L = 1", where(lambda named: named["L"] == 1, doubled)
    yield 14, "appendix.partials.dX", "L > 64", where(lambda named: named["L"] > 64, doubled)
    yield 9, "forward", "L > 64", where(lambda named: np.max(named["L"]) > 64, doubled)
    far = where(lambda named: np.abs(named["X"]).max() > 64, lambda J, _: 2 * J)
    yield 8, "appendix.network.loss", "X > 64", far
    for name in ("Fidelity", "LeastSquares"):
        for method in ("value", "gradient"):
            large = where(lambda named: not hasattr(named["X"], "tocsr") and np.abs(named["X"]).max() > 64, doubled)
            yield 9, f"smooth.{name}.{method}", "X > 64", large
    for home in OF_ANY_F:
        for row in (8, 10, 15):
            large = where(posed(lambda problem: np.abs(problem.x0).max(initial=0) > 64), of_part(row))
            yield row, f"{home}.loss_and_gradient", "x0 > 64", large


def joint_of(theta):
    w1, _, b1, b2 = theta
    return w1 * (b2 - b1)


def projection_jacobian_above(values):
    """At w1 = 1 the derivative to the side where w1 is larger."""
    return JACOBIAN([np.nextafter(1.0, 2.0), *list(values)[1:]])


JACOBIAN = located("appendix.theta.projection_jacobian")[2]
HIDDEN = [*hidden(), *hidden_in_ranges()]


def _sample_of_hidden():
    """Every ninth: neighbours are alike."""
    return HIDDEN[::9]


@pytest.mark.parametrize(
    ("row", "name", "what", "change"), _sample_of_hidden(), ids=lambda value: "" if callable(value) else str(value)
)
def test_what_is_wrong_in_some_calls_alone_makes_its_own_row_fail(monkeypatch, row, name, what, change):
    spoil(monkeypatch, name, change)
    assert noticed(row)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("row", "name", "what", "change"), HIDDEN, ids=lambda value: "" if callable(value) else str(value)
)
def test_all_that_is_wrong_in_some_calls_alone_makes_its_own_row_fail(monkeypatch, row, name, what, change):
    spoil(monkeypatch, name, change)
    assert noticed(row)


def test_a_scaled_that_refuses_nothing_makes_its_row_fail(monkeypatch):
    right = Theta.scaled

    def takes_all(theta, t):
        try:
            return right(theta, t)
        except ValueError:
            return theta

    monkeypatch.setattr(Theta, "scaled", takes_all)
    assert noticed(1)


KNOTS = ("-b2", "-b1", "b1", "b2")
WITH_ROWS = {  # where Z and Θ are among the arguments
    (13, "appendix.partials.db1"): (0, 1),
    (13, "appendix.partials.db2"): (0, 1),
    (14, "appendix.partials.dZ"): (0, 1),
    (14, "appendix.partials.dX"): (1, 3),
    (17, "appendix.partials.dL"): (0, 2),
    (12, "region"): (0, 1),
    (13, "region"): (0, 1),
    (14, "region"): (0, 1),
    (10, "engines.forward.piece_of"): (0, 1),
    (15, "engines.forward.piece_of"): (0, 1),
    ("layers", "appendix.layers.partials"): (1, 3),
    ("layers", "engines.forward.piece_of"): (0, 1),
}


@pytest.mark.parametrize("knot", KNOTS)
@pytest.mark.parametrize(("row", "name"), WITH_ROWS, ids=lambda value: str(value))
def test_one_knot_on_the_wrong_side_makes_the_row_fail(monkeypatch, row, name, knot):
    place_of_Z, place_of_theta = WITH_ROWS[row, name]
    function = located(name)[2]
    seen = []

    def left_of_the_knot(result, arguments):
        arguments = list(arguments)
        Z, (_, _, b1, b2) = arguments[place_of_Z], arguments[place_of_theta]
        at = np.equal(Z, (-b2, -b1, b1, b2)[KNOTS.index(knot)])
        seen.append(at.any())
        arguments[place_of_Z] = np.where(at, np.nextafter(Z, -np.inf), Z)
        at = at.reshape(at.shape + (1,) * (np.ndim(result) - at.ndim))
        return np.where(at, function(*arguments), result)

    spoil(monkeypatch, name, left_of_the_knot)
    assert noticed(row)
    assert any(seen)


def _of_argument(place, *index):
    """A change of an array that a kernel writes to, by place among its arguments: 1.001 times what is at the index."""

    def change(result, arguments):
        arguments[place][index] *= 1.001
        return result

    return change


KERNELS = [
    (8, "engines.kernels.fused.sums_of_pieces", 11, (...,)),
    *((row, "engines.kernels.fused.sums_of_pieces", 12, (..., k)) for row in (10, 15) for k in (0, 2)),
    *((11, "engines.kernels.fused.sums_of_pieces", 12, (..., k)) for k in (1, 3, 4)),
    *((row, "engines.kernels.fused.gradient", 2, (k,)) for row, k in ((10, 0), (10, 3), (15, 4))),
    *((row, "engines.kernels.fused.gauss_newton", 3, (k, k)) for row, k in ((11, 0), (16, 4))),
    *(
        (row, "engines.kernels.recursion.loss_and_gradient", 10, (..., k))
        for row, k in ((8, 0), (10, 1), (10, 2), (10, 3), (10, 4), (15, 5))
    ),
    (11, "engines.kernels.recursion.gauss_newton", 11, (0, 0)),
    (16, "engines.kernels.recursion.gauss_newton", 11, (4, 4)),
    (9, "engines.kernels.recursion.sensitivities", 8, (...,)),
    (11, "engines.kernels.recursion.sensitivities", 9, (slice(4),)),
    (16, "engines.kernels.recursion.sensitivities", 9, (4,)),
    *((row, "engines.kernels.pieces.loss_and_gradient", 9, (k,)) for row, k in ((8, 0), (10, 1), (10, 4), (15, 5))),
    (11, "engines.kernels.pieces.gauss_newton", 3, (0, 0)),
    (16, "engines.kernels.pieces.gauss_newton", 3, (4, 4)),
    (8, "engines.kernels.pieces.range_sums", 6, (...,)),
    (8, "engines.kernels.pieces.block_sums", 5, (...,)),
    (10, "engines.kernels.pieces.block_sums", 5, (...,)),
    (8, "engines.kernels.pieces.accumulate", 0, (...,)),
    (8, "engines.kernels.columns.forward_layer", 0, (...,)),
    *(
        (row, "engines.kernels.columns.backward_layer", 10, (k,))
        for row, k in ((10, 0), (10, 1), (10, 2), (10, 3), (15, 4))
    ),
    *((row, "engines.kernels.columns.forward_tangents", 13, (..., k)) for row, k in ((11, 0), (16, -1))),
    *((row, "engines.kernels.support.add_products", 4, (...,)) for row in (8, 10, 15)),
    *((row, "engines.kernels.support.pack_layer", 12, (...,)) for row in (8, 10, 15)),
    (8, "engines.kernels.support.residual", 6, (..., 0)),
    *(
        (row, "engines.kernels.support.backward_layer", 10, (..., k))
        for row, k in ((10, 1), (10, 2), (10, 3), (10, 4), (15, 5))
    ),
    *((row, "engines.kernels.support.backward_product", 13, (...,)) for row in (10, 15)),
    *((row, "engines.kernels.support_tangents.forward_tangents", 15, (..., k)) for row, k in ((11, 0), (16, 4))),
    *((row, "engines.kernels.support_tangents.add_tangents", 6, (..., k)) for row, k in ((11, 0), (16, 14))),
    (9, "engines.kernels.scalar_map.scalar_map", 0, (slice(None), 4)),
    (11, "engines.kernels.scalar_map.scalar_map", 0, (slice(None), 7)),
    (16, "engines.kernels.scalar_map.scalar_map", 0, (slice(None), 11)),
]


@pytest.mark.nightly
@pytest.mark.parametrize(("row", "name", "place", "index"), KERNELS, ids=lambda value: str(value))
def test_a_spoiled_kernel_makes_its_own_row_fail(monkeypatch, row, name, place, index):
    spoil(monkeypatch, name, _of_argument(place, *index))
    (finding,) = verify([row], quick=True)
    assert finding.verdict == "failed"


@pytest.mark.parametrize("row", [8, 10, 15])
def test_threads_that_drop_work_are_noticed(monkeypatch, row):
    from dsrl_ref.engines import parts

    def drops_the_last(work, items, threads):
        for item in items[: -1 if threads > 1 and len(items) > 1 else None]:
            work(item)

    monkeypatch.setattr(parts, "in_threads", drops_the_last)
    (finding,) = verify([row], quick=True)
    assert finding.verdict == "failed"


OWN_ROW_ALONE = {
    "regularizer": {1},
    "prox": {1},
    "appendix.theta.nonnegative_at_joint": {2},
    "appendix.theta.simplified_condition": {3},
    "regularizer_gradient": {4},
    "appendix.theta.slope_at_joint": {5},
    "appendix.theta.claimed_chain": {6},
    "appendix.theta.projection_jacobian": {7},
    "appendix.totals.contract": {10, 15, "layers"},
    "appendix.totals.total": {10, 11, 15, 16, "layers"},
    "appendix.partials.dw1": {10, 11, 12, 16, "layers"},
    "appendix.partials.db1": {10, 11, 13, 16, "layers"},
    "appendix.partials.dL": {11, 15, 16, 17, "layers"},
    "engines.scalar_map.ScalarMap.derivatives": {11, 16},
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", OWN_ROW_ALONE)
def test_rows_that_do_not_rest_on_a_spoiled_function_stand(monkeypatch, name):
    spoil(monkeypatch, name, FACTOR)
    failed = {finding.equation for finding in verify(quick=True) if not finding.passed}
    own = {row for row, line in EQUATIONS.items() if name in line.functions}
    assert failed & own == own
    assert failed <= OWN_ROW_ALONE[name]


def test_a_function_that_raises_fails_its_row_and_says_so(monkeypatch):
    def raises(result, arguments):
        raise ZeroDivisionError("spoiled")

    spoil(monkeypatch, "appendix.theta.slope_at_joint", raises)
    (finding,) = verify([5], quick=True)
    assert [check.figure for check in finding.checks if not check.passed] == ["raised ZeroDivisionError: spoiled"]


def test_every_function_of_the_table_is_spoiled_and_every_row_has_a_check_of_the_package():
    assert {(row, name) for row, name, _ in CASES} == {
        (r, name) for r, line in EQUATIONS.items() for name in line.functions
    }
    for finding in verify(quick=True):
        assert any(not check.name.startswith(OWN) for check in finding.checks)
