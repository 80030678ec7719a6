"""Which objective a checkpoint belongs to: known by all that it is made of, and by what it computes."""

import enum
import functools
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.arrays import is_sparse
from dsrl_ref.errors import ModelFileError
from dsrl_ref.objective import Objective
from dsrl_ref.smooth import Fidelity, LeastSquares
from dsrl_ref.spread import is_spread
from dsrl_ref.training.checkpoint import Trail
from dsrl_ref.training.kinks import ROUNDING

SCALES = 0.125, 1.0, 8.0  # of the probe points, in units of the largest entry of x0
HASHED = 2**26  # bytes of an array, hashed within .2 seconds, which Ctrl-C waits for
SAME = 1e-9  # of a loss: how far two evaluations of one objective may be apart, on other processors


def fingerprint(J: Objective) -> str:
    """Digest of all that J is made of: x0, target, layers, engine, and f.

    `Fidelity` and `LeastSquares` are told by their attributes, to the last bit. An f of your own is told by these and
    by what it computes: value, gradient and Hessian at x0 and at points drawn around it, bit for bit, so that an f
    whose parameters nothing here can read (a global, a file, a compiled object) is told apart too. What changes
    while it computes, such as a counter or a cache, is none of its attributes here.
    """
    whole = ["objective", J.shape, repr(J.layers), J.per_layer, J.method, J.x0, J.target, of_type(J.f)]
    attributes = {name: digest(value) for name, value in attributes_of(J.f).items()}
    if type(J.f) not in (Fidelity, LeastSquares):
        whole.append(numbers_of(J))
        later = {name: digest(value) for name, value in attributes_of(J.f).items()}
        attributes = {name: found for name, found in attributes.items() if later.get(name) == found}
    return digest([*whole, attributes]).hex()


def require_same_losses(J: Objective, trail: Trail, path: Path) -> None:
    """Refuse a file whose first or last epoch has another loss than J has there now.

    Raises
    ------
    ModelFileError
        It names the epoch and both losses.
    """
    for epoch in (0, len(trail) - 1):
        values, before = trail.values[epoch], trail.losses[epoch]
        try:
            now, _ = J(*J.parameters.projected(values))
        except ValueError:  # here it cannot even be evaluated
            now = np.inf
        if not abs(now - before) <= SAME * before + ROUNDING * np.sqrt(before * J.problem.half_square):
            raise ModelFileError(
                f"{path} is of another run: its loss in epoch {epoch} is {before!r}, here it is {now!r}; f computes "
                "other numbers than it did then. Take another file, or resume=False to begin anew"
            )


def numbers_of(J: Objective) -> list[Any]:
    """What f computes at x0 and at points around it; of what fails, the kind of its error."""
    x0 = J.x0.toarray() if is_sparse(J.x0) else J.x0
    unit = float(np.abs(x0).max(initial=0.0)) or 1.0
    rng = np.random.default_rng(0)
    V, drawn = rng.normal(size=x0.shape), rng.normal(size=x0.shape)
    points = [x0, *(x0 + scale * unit * drawn for scale in SCALES)]
    numbers = [_answer(J.f, "lipschitz")]
    with np.errstate(all="ignore"):
        for X in points:
            numbers += [
                _answer(J.f, "value", X.copy()),
                _answer(J.f, "gradient", X.copy()),
                _answer(J.f, "hessian_product", V.copy(), X.copy()),
            ]
    return numbers


def _answer(f: Any, name: str, *arguments: Any) -> Any:
    try:
        answer = getattr(f, name)(*arguments)
    except Exception as error:  # not all methods need be there, or know all points
        return type(error).__name__
    return answer if is_sparse(answer) else np.asarray(answer)


def attributes_of(value: Any) -> dict[str, Any]:
    """What an object holds, in its dictionary and in the slots of its classes."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            hidden = (
                f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            )
            if name not in ("__dict__", "__weakref__") and hasattr(value, hidden):
                found[hidden] = getattr(value, hidden)
    return found


def of_type(value: Any) -> str:
    """The name of an object's class."""
    return type(value).__qualname__


def digest(value: Any) -> bytes:
    """SHA-256 of a value by its contents, however deep."""
    return _Digests().of(value)


class _Digests:
    """Digests of a value and of all that it holds, each found once, in how many places it may be held."""

    def __init__(self) -> None:
        self.above: list[int] = []  # the objects that the present one is inside of
        self.known: dict[int, tuple[bytes, Any]] = {}  # by identity, with the object, which keeps its identity
        self.outermost = np.inf  # of the objects above that one inside has led back to: its place

    def of(self, value: Any) -> bytes:
        """The digest of a value; of one that the present one is inside of, how far above it is."""
        import hashlib

        if id(value) in self.above:
            place = self.above.index(id(value))
            self.outermost = min(self.outermost, place)
            return b"again, %d above" % (len(self.above) - place)
        if id(value) in self.known:
            return self.known[id(value)][0]
        depth, outside = len(self.above), self.outermost
        self.outermost = np.inf
        self.above.append(id(value))
        total = hashlib.sha256(of_type(value).encode())
        for part in _parts(value, self.of):
            total.update(len(part).to_bytes(8, "little"))
            total.update(part)
        self.above.pop()
        if self.outermost >= depth:  # it does not depend on where it is held
            self.known[id(value)], self.outermost = (total.digest(), value), np.inf
        self.outermost = min(outside, self.outermost)
        return total.digest()


def _parts(value: Any, inside: Callable[[Any], bytes]) -> list[Any]:
    """What a value is told by, as bytes."""
    if value is None or isinstance(
        value, bool | int | float | complex | str | np.generic | enum.Enum | type | np.ufunc
    ):
        return [repr(value).encode()]
    if isinstance(value, types.ModuleType):  # of which an f computes by what is in it, not by what else there is
        return [value.__name__.encode()]
    if type(value).__module__ == "logging":  # a logger holds all others
        return [str(getattr(value, "name", "")).encode()]
    if isinstance(value, bytes | bytearray):
        return [bytes(value)]
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return [repr(value.shape).encode(), *map(inside, value.ravel().tolist())]
        if value.size and not any(value.strides):  # one number that is seen many times
            return [f"{value.dtype} {value.shape} of one".encode(), value.reshape(-1)[:1].tobytes()]
        entries = np.ascontiguousarray(value).reshape(-1).view(np.uint8)  # of a map, so that none is in memory
        starts = range(0, entries.size, HASHED)
        return [f"{value.dtype} {value.shape}".encode(), *(entries[start : start + HASHED] for start in starts)]
    if is_spread(value):  # its name may be another in every process; what it computes is asked of the losses
        return [f"{value.dtype} {value.shape}".encode()]
    if is_sparse(value):
        csr = value.tocsr()
        return [*map(inside, (csr.data, csr.indices, csr.indptr, csr.shape))]
    if isinstance(value, Mapping):
        return sorted(inside(key) + inside(item) for key, item in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(inside, value))
    if isinstance(value, list | tuple):
        return [*map(inside, value)]
    return [*map(inside, _what_runs(value) if callable(value) else ()), inside(attributes_of(value))]


def _what_runs(value: Any) -> list[Any]:
    """What a function, a method, a partial or code is told by."""
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        return [_of_code(value.__code__), value.__defaults__, value.__kwdefaults__, cells]
    return [getattr(value, "__qualname__", "")]


def _of_code(code: types.CodeType) -> list[Any]:
    constants = [_of_code(each) if isinstance(each, types.CodeType) else each for each in code.co_consts]
    return [code.co_code, code.co_names, constants]


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:  # a name that is not bound yet
        return False
