"""A checkpoint knows its objective by all that it is made of, and by what it computes."""

import collections
import functools
import random
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, fit
from dsrl_ref.errors import ModelFileError
from dsrl_ref.training.checkpoint import Trail
from dsrl_ref.training.fingerprint import digest, fingerprint, require_same_losses

numbers = np.random.default_rng(0)
W = numbers.normal(scale=2.0, size=(2, 3))
TARGET = W + numbers.normal(size=W.shape)
D, X = numbers.normal(size=(3, 4)), numbers.normal(size=(4, 6))


class Scaled(FloatQuartic):
    """A term of a user's own, with all kinds of attributes."""

    def __init__(self, S, weight=1.0, kind="plain", mask=None, rule=len):
        super().__init__(S)
        self.weight, self.kind, self.mask, self.rule = weight, kind, mask, rule


def of_term(f, target=W[:, :2], x0=W[:, :2]):
    return Objective(f, target, x0=x0, layers=2)


def moved(matrix, row=1, column=0):
    matrix = matrix.copy()
    matrix[row, column] = np.nextafter(matrix[row, column], np.inf)
    return matrix


SQUARE, SPARSE = np.array([[1.0, 0.25], [0.25, 0.5]]), sp.csr_array([[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]])
ELSEWHERE = sp.csr_array([[0.0, 0.5, 2.0], [0.0, 1.0, 0.0]])
OTHER_ROWS = sp.csr_array([[0.5, 0.0, 0.0], [0.0, 0.0, 1.0]]), sp.csr_array([[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]])
DIFFERENT = {
    "W": (Objective(Fidelity(W), TARGET, layers=2), Objective(Fidelity(moved(W)), TARGET, layers=2, x0=W)),
    "target": (Objective(Fidelity(W), layers=2), Objective(Fidelity(W), moved(W), layers=2)),
    "x0": (Objective(Fidelity(W), layers=2), Objective(Fidelity(W), x0=moved(W), layers=2)),
    "layers": (Objective(Fidelity(W), layers=2), Objective(Fidelity(W), layers=3)),
    "per layer": tuple(Objective(Fidelity(W), layers=2, method="tensor", per_layer=each) for each in (False, True)),
    "engine": (Objective(Fidelity(W), layers=2, method="adjoint"), Objective(Fidelity(W), layers=2, method="fused")),
    "sparse": (Objective(Fidelity(SPARSE), layers=2), Objective(Fidelity(SPARSE.toarray()), layers=2)),
    "value": (Objective(Fidelity(SPARSE), layers=2), Objective(Fidelity(2 * SPARSE), layers=2)),
    "column": (Objective(Fidelity(SPARSE), layers=2), Objective(Fidelity(ELSEWHERE), layers=2)),
    "row": tuple(Objective(Fidelity(matrix), layers=2) for matrix in OTHER_ROWS),
    "D": (Objective(LeastSquares(D, D @ X), X, layers=3), Objective(LeastSquares(moved(D), D @ X), X, layers=3)),
    "Y": (Objective(LeastSquares(D, D @ X), X, layers=3), Objective(LeastSquares(D, moved(D @ X)), X, layers=3)),
    "class": (of_term(FloatQuartic(SQUARE)), of_term(type("Other", (FloatQuartic,), {})(SQUARE))),
    "an array": (of_term(Scaled(SQUARE)), of_term(Scaled(moved(SQUARE)))),
    "a number": (of_term(Scaled(SQUARE, weight=1.0)), of_term(Scaled(SQUARE, weight=1.0 + 2**-52))),
    "a NumPy number": (of_term(Scaled(SQUARE, np.float32(1))), of_term(Scaled(SQUARE, np.float32(2)))),
    "a text": (of_term(Scaled(SQUARE, kind="plain")), of_term(Scaled(SQUARE, kind="other"))),
    "a shape": (of_term(Scaled(SQUARE, mask=np.ones((2, 3)))), of_term(Scaled(SQUARE, mask=np.ones((3, 2))))),
    "a dtype": (of_term(Scaled(SQUARE, mask=np.zeros(2))), of_term(Scaled(SQUARE, mask=np.zeros(2, int)))),
    "a sparse shape": (
        of_term(Scaled(SQUARE, mask=sp.coo_array((2, 3)))),
        of_term(Scaled(SQUARE, mask=sp.coo_array((2, 4)))),
    ),
    "a name": (of_term(Scaled(SQUARE, mask=1.0, rule=None)), of_term(Scaled(SQUARE, mask=None, rule=1.0))),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_the_fingerprint_is_of_all_that_makes_an_objective(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert len(fingerprint(one)) == 64


def test_the_fingerprint_is_the_same_for_the_same_and_does_not_know_where_it_is_in_memory():
    for make in (
        lambda: Objective(Fidelity(W.copy()), TARGET.copy(), layers=2),
        lambda: Objective(Fidelity(SPARSE.copy()), layers=2, threads=random.randint(1, 2)),
        lambda: of_term(Scaled(SQUARE.copy(), mask=object(), rule=lambda x: x)),
        lambda: of_term(Scaled(SQUARE[::1], mask=np.asfortranarray(X))),
    ):
        assert fingerprint(make()) == fingerprint(make())


def test_a_term_without_a_dictionary_has_a_fingerprint():
    class Bare:
        __slots__ = ()
        gradient = staticmethod(lambda X: X)
        hessian_product = staticmethod(lambda V, X: V)

    assert len(fingerprint(of_term(Bare()))) == 64


class Weighted:
    """½c‖X - W‖², with c wherever a subclass keeps it."""

    def gradient(self, X):
        return self.c() * (X - W)

    def hessian_product(self, V, X):
        return self.c() * V

    def lipschitz(self):
        return self.c()

    def start(self):
        return W


class InAttribute(Weighted):
    def __init__(self, c):
        self.held = c

    def c(self):
        return self.held


class InContainers(InAttribute):
    def __init__(self, c):
        self.held = {"all": [(np.array([1.0]), {"deep": np.array([c])})]}

    def c(self):
        return self.held["all"][0][1]["deep"][0]


class InSlots(Weighted):
    __slots__ = ("held",)

    def __init__(self, c):
        self.held = c

    def c(self):
        return self.held


class InHiddenSlots(Weighted):
    __slots__ = ("__held",)

    def __init__(self, c):
        self.__held = c

    def c(self):
        return self.__held


class InAnObject(InAttribute):
    def __init__(self, c):
        self.held = InSlots(c)

    def c(self):
        return self.held.c()


class InATuple(InAttribute):
    def __init__(self, c):
        self.held = collections.namedtuple("Pair", "one other")(1.0, np.float32(c))

    def c(self):
        return float(self.held.other)


class InAnObjectArray(InAttribute):
    def __init__(self, c):
        self.held = np.array([None, c, "text"], dtype=object)

    def c(self):
        return self.held[1]


class InAClosure(InAttribute):
    def __init__(self, c):
        self.held = lambda: c

    def c(self):
        return self.held()


class InADefault(InAttribute):
    def __init__(self, c):
        self.held = lambda x, *, by=c: x * by

    def c(self):
        return self.held(1.0)


class InAPartial(InAttribute):
    def __init__(self, c):
        self.held = functools.partial(np.multiply, c)

    def c(self):
        return self.held(1.0)


class InAMethod(InAttribute):
    def __init__(self, c):
        self.held = InSlots(c).c

    def c(self):
        return self.held()


class InAGenerator(InAttribute):
    """What can only be told by what it computes: neither slots nor a dictionary."""

    def __init__(self, c):
        self.held = iter_forever(c)

    def c(self):
        return next(self.held)


def iter_forever(c):
    while True:
        yield c


GLOBAL = {"c": 1.0}


class InAGlobal(Weighted):
    def __init__(self, c):
        GLOBAL["c"] = c

    def c(self):
        return GLOBAL["c"]


KEPT = [*Weighted.__subclasses__(), *InAttribute.__subclasses__()]
FACTORS = [1.0 + 2.0**-20, 1.0001, 2.0]


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize("factor", FACTORS)
def test_a_term_of_ones_own_is_told_from_another_wherever_it_keeps_its_number(kind, factor):
    def of(c):
        return fingerprint(Objective(kind(c), TARGET, layers=2))

    assert of(1.0) == of(1.0) != of(factor)
    assert len(KEPT) == 13


@pytest.mark.parametrize("kind", [kind for kind in KEPT if kind not in (InATuple, InAGenerator, InAGlobal)])
def test_attributes_are_told_to_the_last_bit(kind):
    one, other = digest(kind(1.0)), digest(kind(1.0 + 2.0**-52))
    assert one == digest(kind(1.0)) != other


class Steep(InAttribute):
    """The same as `Weighted` near x0, with another slope far from it; its number is in no attribute."""

    def gradient(self, X):
        return X - W + (next(self.held) - 1.0) * np.where(np.abs(X) > 5 * np.abs(W).max(), X, 0.0)

    def hessian_product(self, V, X):
        return V

    def lipschitz(self):
        return 1.0


def test_terms_that_differ_far_from_the_start_alone_are_told_apart():
    one, other = (fingerprint(Objective(Steep(iter_forever(c)), TARGET, layers=2)) for c in (1.0, 2.0))
    assert one != other


class Curved(InAttribute):
    """A Hessian that disagrees with the gradient by a number that is in no attribute."""

    def gradient(self, X):
        return X - W

    def hessian_product(self, V, X):
        return next(self.held) * V

    def lipschitz(self):
        return 1.0


class Valued(Curved):
    def hessian_product(self, V, X):
        return V

    def value(self, X):
        return next(self.held)


class Bounded(Curved):
    def hessian_product(self, V, X):
        return V

    def lipschitz(self):
        return next(self.held)


@pytest.mark.parametrize("kind", [Curved, Valued, Bounded])
def test_every_method_of_the_protocol_is_told(kind):
    one, again, other = (fingerprint(Objective(kind(iter_forever(c)), TARGET, layers=2)) for c in (1.0, 1.0, 2.0))
    assert one == again != other


class Counting(InAttribute):
    """Counts its calls, and keeps what it was last asked for."""

    def __init__(self, c):
        super().__init__(c)
        self.calls, self.last = 0, None

    def gradient(self, X):
        self.calls += 1
        self.last = X.copy()
        return self.held * (X - W)

    def c(self):
        return self.held


def test_a_counter_or_a_cache_makes_no_other_objective(tmp_path):
    f = Counting(1.0)
    J = Objective(f, TARGET, layers=2)
    before = fingerprint(J)
    fit(J, epochs=2, checkpoint=tmp_path / "run")
    assert fingerprint(J) == before != fingerprint(Objective(Counting(2.0), TARGET, layers=2))
    assert fit(J, epochs=3, checkpoint=tmp_path / "run", resume=True).history["loss"].shape == (3,)


def test_methods_that_fail_or_are_not_there_are_told_from_those_that_answer():
    class Partial(Curved):
        def hessian_product(self, V, X):
            if np.abs(X).max() > 4 * np.abs(W).max():
                raise next(self.held)("no")
            return V

    one, again, other = (
        fingerprint(Objective(Partial(iter_forever(kind)), TARGET, layers=2))
        for kind in (ValueError, ValueError, TypeError)
    )
    assert one == again != other


def test_what_holds_itself_is_read_once():
    ring = [1.0]
    ring.append(ring)
    other = [2.0]
    other.append(other)
    again = [1.0]
    again.append(again)
    assert digest(ring) == digest(again) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [12]),
        ([1], (1,)),
        (type("int1", (int,), {})(2), 12),
        (type("One", (), {})(), type("Other", (), {})()),
        ([[1], 2], [1, [2]]),
        (("ab", "c"), ("a", "bc")),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({1, 2}, {1, 3}),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (b"1", "1"),
        (np.zeros(2), np.zeros((1, 2))),
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: [y + 1 for y in x], lambda x: [y + 2 for y in x]),
        (np.sin, np.cos),
        (len, sum),
        (sp.coo_array((2, 3)), sp.coo_array((2, 4))),
    ],
)
def test_values_that_look_alike_are_told_apart(one, other):
    assert digest(one) != digest(other)


def test_the_order_of_a_dictionary_or_a_set_does_not_matter():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({*"abc"}) == digest({*"cba"})


def test_a_run_whose_losses_are_others_now_is_refused():
    """What no fingerprint sees: f behaves otherwise where the run went."""
    J = Objective(Fidelity(W), TARGET, layers=2)
    at = np.array([1.0, 0.9, 0.2, 0.5, 1.5])
    loss = J(at[:4], at[4])[0]
    assert require_same_losses(J, Trail([loss], [at], [0]), "run") is None
    assert require_same_losses(J, Trail([loss, loss * (1 + 1e-12)], [at, at], [0, 0]), "run") is None
    for wrong in ([loss, 1.0001 * loss], [0.99 * loss, loss]):
        with pytest.raises(ModelFileError, match=r"run is of another run: its loss in epoch . is .*, here it is "):
            require_same_losses(J, Trail(wrong, [at, at], [0, 0]), "run")
    with pytest.raises(ModelFileError, match=r"in epoch 1 is .*, here it is inf"):
        require_same_losses(J, Trail([loss, loss], [at, np.array([1, 0.9, 0.2, 0.5, -1.0])], [0, 0]), "run")


@pytest.mark.parametrize("method", ["gauss-newton", "authors"])
def test_what_the_fingerprint_overlooks_is_refused_by_the_losses_of_the_file(method, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["dsrl_ref.training.fit"], "fingerprint", lambda J: "all are one")
    run = functools.partial(fit, method=method, checkpoint=tmp_path / "run", theta=(1, 0.9, 0.2, 0.5), L=1.5)
    run(Objective(Fidelity(W), TARGET, layers=11), epochs=3)
    other = Objective(Fidelity(W), TARGET + 2.0**-20, layers=11)
    with pytest.raises(ModelFileError, match=r"loss in epoch 0 is .*; f computes other numbers than it did then"):
        run(other, epochs=5, resume=True)


def test_modules_and_loggers_are_told_by_their_names():
    import logging

    def of(module, logger):
        f = InAttribute(1.0)
        f.module, f.logger = module, logger
        return fingerprint(Objective(f, TARGET, layers=2))

    here = of(np, logging.getLogger("dsrl_ref.tests"))
    logging.getLogger("dsrl_ref.tests.another")
    assert of(np, logging.getLogger("dsrl_ref.tests")) == here
    assert of(np.linalg, logging.getLogger("dsrl_ref.tests")) != here
    assert of(np, logging.getLogger("dsrl_ref.tests.another")) != here


def test_what_is_held_in_many_places_is_read_once():
    """Two to the power of sixty ways lead to the innermost list."""
    one = other = [1.0]
    for _ in range(60):
        one = [one, one]
    other = [2.0]
    for _ in range(60):
        other = [other, other]
    again = [1.0]
    for _ in range(60):
        again = [again, list(again)]
    assert digest(one) == digest(again) != digest(other)


def test_of_a_long_array_every_part_counts(monkeypatch):
    from dsrl_ref.training import fingerprint as module

    monkeypatch.setattr(module, "HASHED", 16)
    values = np.arange(7.0)
    for place in range(7):
        other = values.copy()
        other[place] += 1
        assert digest(values) == digest(values.copy()) != digest(other)
    assert digest(values[:6]) != digest(values)
