"""What a user's function answers: its form, its numbers, and how far they are from what is right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

TOLERANCE = 1e-12
NEARLY = 1e-6
EXPECTED_FORM = (
    "function(f, theta, L, layers, x0, target) must return (loss, gradient): a number, and five numbers, "
    "dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL in this order"
)
EXPECTED_OF_LAYERS = (
    "function(f, theta, L, layers, x0, target) must return (loss, gradient): a number, and (layers, 5) numbers, "
    "dJ/dw1, dJ/dw2, dJ/db1, dJ/db2 and dJ/dL of a layer in a row, the first layer first; theta is (layers, 4) and L "
    "(layers,)"
)


@dataclass(frozen=True)
class Answer:
    """One quantity: what was got, what is right, and the size S of what rounding is measured by."""

    quantity: str
    got: float
    expected: Fraction
    scale: Fraction

    @property
    def agrees(self) -> bool:
        """Whether the error is within 1e-12·S."""
        return math.isfinite(self.got) and abs(Fraction(self.got) - self.expected) <= Fraction(TOLERANCE) * self.scale

    @property
    def nearly_agrees(self) -> bool:
        """Whether the error is what float32 would leave."""
        return math.isfinite(self.got) and abs(Fraction(self.got) - self.expected) <= Fraction(NEARLY) * self.scale

    @property
    def label(self) -> str:
        """How the quantity is called in a message."""
        return "loss" if self.quantity == "loss" else f"dJ/d{self.quantity}"

    @property
    def parameter(self) -> str:
        """The parameter that it is a derivative in, without the layer."""
        return self.quantity.split()[0]


class AnswerError(ValueError):
    """What the function returned is not a loss and five derivatives."""


def numbers_of(answer: Any, shape: tuple[int, ...], form: str) -> list[float]:
    """Take (loss, derivatives) of plain numbers, arrays, or tensors that keep a graph for derivatives."""
    if isinstance(answer, Mapping | str | bytes):
        raise AnswerError(f"returned a {type(answer).__name__}; {form}")
    try:
        loss, gradient = answer
    except TypeError:
        raise AnswerError(f"returned a {type(answer).__name__}, no pair; {form}") from None
    except ValueError:
        count = f"{len(answer)} values" if hasattr(answer, "__len__") else f"a {type(answer).__name__} that is no pair"
        raise AnswerError(f"returned {count} where a pair is expected; {form}") from None
    return [*_floats(loss, "loss", (), form), *_floats(gradient, "gradient", shape, form)]


def _floats(value: Any, name: str, shape: tuple[int, ...], form: str) -> list[float]:
    if isinstance(value, Mapping | str | bytes | None):
        raise AnswerError(f"returned a {type(value).__name__} as the {name}; {form}")
    parts, count = _detached(value), math.prod(shape)
    try:
        if np.iscomplexobj(parts):
            raise TypeError("they are complex")
        array = np.asarray(parts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnswerError(f"returned a {name} that is not of real numbers ({error}); {form}") from error
    if array.size != count:
        raise AnswerError(f"returned a {name} of {array.size} numbers, not {count}; {form}")
    if len(shape) == 2 and array.shape not in (shape, (count,)):
        raise AnswerError(f"returned a {name} of shape {array.shape}, not {shape}; {form}")
    return [float(part) for part in array.ravel()]


def _detached(value: Any) -> Any:
    """Without the graph that a tensor of PyTorch keeps for derivatives; other libraries have no ``detach``."""
    if isinstance(value, list | tuple):
        return [_detached(part) for part in value]
    return value.detach() if callable(getattr(value, "detach", None)) else value
