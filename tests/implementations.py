"""The network and its gradient once more, method by method of the appendix, for tests to break one at a time.

Imports nothing from dsrl_ref. `Right` carries five sensitivities forward; every method is one equation, or the part of
one that people get wrong, and a wrong implementation overrides one of them. `adjoint` and `duals` are right as well, by
other schedules: reverse mode, and numbers that carry their derivatives.
"""

import math

import numpy as np


class Right:
    """Called as ``Right()(f, theta, L, layers, x0, target)``."""

    def __call__(self, f, theta, L, layers, x0, target):
        X = self.start(f, x0)
        dX = [self.start_derivative(X) for _ in range(5)]
        for _ in range(self.count(layers)):
            g = self.gradient(f, X)
            Z = self.preactivation(X, g, L)
            X_next = self.xi(Z, theta)
            own = [
                *(self.dw(Z, theta, self.rows_of_w(Z, theta))),
                *(self.db(Z, theta, self.rows_of_b(Z, theta))),
                self.dL(self.slope(theta, self.rows_of_L(Z, theta)), g, L, self.gradient(f, X_next)),
            ]
            slope = self.slope_of_X(theta, self.rows_of_X(Z, theta))
            dX = [
                *(self.total(part, slope, before, f, L) for part, before in zip(own[:4], dX[:4], strict=True)),
                self.total_of_L(own[4], slope, dX[4], f, L),
            ]
            X = X_next
        residual = self.residual(X, target)
        return self.loss(X, target), [
            *(self.contract(V, residual) for V in dX[:4]),
            self.contract_of_L(dX[4], residual),
        ]

    def start(self, f, x0):
        return x0

    def start_derivative(self, X):
        return np.zeros(X.shape)

    def count(self, layers):
        return layers

    def loss(self, X, target):  # (8)
        return 0.5 * np.sum((target - X) ** 2)

    def gradient(self, f, X):
        return X - f["W"] if f["kind"] == "fidelity" else f["D"].T @ (f["D"] @ X - f["Y"])

    def hessian(self, f, V):
        return V if f["kind"] == "fidelity" else f["D"].T @ (f["D"] @ V)

    def preactivation(self, X, g, L):  # (9)
        return X - g / L

    def xi(self, Z, theta):
        w1, w2, b1, b2 = theta
        size = np.abs(Z)
        return np.sign(Z) * (w1 * (np.clip(size, b1, b2) - b1) + w2 * np.maximum(size - b2, 0))

    def rows(self, Z, theta):
        _, _, b1, b2 = theta
        return np.sum([-b2 <= Z, -b1 <= Z, b1 <= Z, b2 <= Z], axis=0) - 2

    rows_of_w = rows_of_b = rows_of_L = rows_of_X = rows

    def choose(self, row, *values):
        """Values by row, b2 <= z first."""
        return np.select([row == k for k in (2, 1, 0, -1, -2)], [v + 0.0 * row for v in values])

    def dw(self, Z, theta, row):  # (12)
        _, _, b1, b2 = theta
        zero = 0.0
        return (
            self.choose(row, b2 - b1, Z - b1, zero, Z + b1, b1 - b2),
            self.choose(row, Z - b2, zero, zero, zero, Z + b2),
        )

    def db(self, Z, theta, row):  # (13)
        w1, w2, _, _ = theta
        return self.choose(row, -w1, -w1, 0.0, w1, w1), self.choose(row, w1 - w2, 0.0, 0.0, 0.0, w2 - w1)

    def slope(self, theta, row):
        w1, w2, _, _ = theta
        return self.choose(row, w2, w1, 0.0, w1, w2)

    def slope_of_X(self, theta, row):  # (14)
        return self.slope(theta, row)

    def dZ(self, V, f, L):  # (14), what it leaves open
        return V - self.hessian(f, V) / L

    def dL(self, slope, g, L, g_next):  # (17)
        return slope * g / L**2

    def total(self, own, slope, before, f, L):  # (11)
        return own + slope * self.dZ(before, f, L)

    def total_of_L(self, own, slope, before, f, L):  # (16)
        return own + slope * self.dZ(before, f, L)

    def residual(self, X, target):
        return X - target

    def contract(self, V, residual):  # (10)
        return np.sum(V * residual)

    def contract_of_L(self, V, residual):  # (15)
        return np.sum(V * residual)


def adjoint(f, theta, L, layers, x0, target):
    """Right: one pass back over the layers."""
    right, tape, X = Right(), [], x0
    for _ in range(layers):
        g = right.gradient(f, X)
        tape.append((g, X - g / L))
        X = right.xi(tape[-1][1], theta)
    loss, cotangent, gradient = right.loss(X, target), X - target, np.zeros(5)
    for g, Z in reversed(tape):
        row = right.rows(Z, theta)
        slope = right.slope(theta, row)
        own = [*right.dw(Z, theta, row), *right.db(Z, theta, row), slope * g / L**2]
        gradient += [np.sum(part * cotangent) for part in own]
        cotangent = right.dZ(slope * cotangent, f, L)
    return loss, gradient


class Dual:
    """A number and its derivatives in w1, w2, b1, b2, L; compared by the number alone."""

    def __init__(self, value, derivatives=(0.0,) * 5):
        self.value, self.d = value, derivatives

    def _with(self, other, value, a, b):
        return Dual(value, tuple(a * x + b * y for x, y in zip(self.d, other.d, strict=True)))

    def __add__(self, other):
        return self._with(other, self.value + other.value, 1, 1)

    def __sub__(self, other):
        return self._with(other, self.value - other.value, 1, -1)

    def __mul__(self, other):
        return self._with(other, self.value * other.value, other.value, self.value)

    def __truediv__(self, other):
        return self._with(other, self.value / other.value, 1 / other.value, -self.value / other.value**2)


def duals(f, theta, L, layers, x0, target, on_knots=True):
    """Right, by duals in scalar loops: the branches are the half-open rows. Without `on_knots` as relu branches."""
    unit = np.eye(5)
    w1, w2, b1, b2, step = (Dual(value, tuple(unit[k])) for k, value in enumerate([*map(float, theta), float(L)]))
    zero = Dual(0.0)

    def relu(z):
        return z if z.value > 0 else zero

    def xi(z):
        if not on_knots:
            right, left = relu(z - b1), relu(zero - z - b1)
            beyond, before = relu(z - b2), relu(zero - z - b2)
            return w1 * (right - left) + (w2 - w1) * (beyond - before)
        if z.value >= b2.value:
            return w2 * (z - b2) + w1 * (b2 - b1)
        if z.value >= b1.value:
            return w1 * (z - b1)
        if z.value >= -b1.value:
            return zero
        return w1 * (z + b1) if z.value >= -b2.value else w2 * (z + b2) - w1 * (b2 - b1)

    def product(A, B):
        return [[_sum(A[i][k] * B[k][j] for k in range(len(B))) for j in range(len(B[0]))] for i in range(len(A))]

    def minus(A, B):
        return [[a - b for a, b in zip(*lines, strict=True)] for lines in zip(A, B, strict=True)]

    def constants(matrix):
        return [[Dual(float(value)) for value in line] for line in matrix]

    X = constants(x0)
    for _ in range(layers):
        if f["kind"] == "fidelity":
            g = minus(X, constants(f["W"]))
        else:
            D = constants(f["D"])
            g = product([list(line) for line in zip(*D, strict=True)], minus(product(D, X), constants(f["Y"])))
        X = [[xi(x - y / step) for x, y in zip(*lines, strict=True)] for lines in zip(X, g, strict=True)]
    J = Dual(0.5) * _sum(r * r for line in minus(X, constants(target)) for r in line)
    return J.value, J.d


def _sum(numbers):
    total = Dual(0.0)
    for number in numbers:
        total = total + number
    return total


def _overriding(**methods):
    return type("Wrong", (Right,), methods)()


def _strict(name):
    """Rows that give every knot to the inner of its two pieces: |z| > b, as a rule written with abs has it."""

    def rows(self, Z, theta):
        _, _, b1, b2 = theta
        return (np.sign(Z) * ((np.abs(Z) > b1) + 0 + (np.abs(Z) > b2))).astype(int)

    return {name: rows}


def _closed(name):
    """Rows that give every knot to the outer of its two pieces: Z <= -b on the left."""

    def rows(self, Z, theta):
        _, _, b1, b2 = theta
        return (np.sign(Z) * ((np.abs(Z) >= b1) + 0 + (np.abs(Z) >= b2))).astype(int)

    return {name: rows}


def _given_away(name, knot):
    """Rows that give one of the four knots, and that one alone, to the piece on its other side."""

    def rows(self, Z, theta):
        _, _, b1, b2 = theta
        place = ("-b2", "-b1", "b1", "b2").index(knot)
        return Right.rows(self, Z, theta) - ((-b2, -b1, b1, b2)[place] == Z)

    return {name: rows}


def _of_table(method, place, *changed):
    """A table with some rows of one of its two columns changed; `changed` are functions of (Z, *theta), or None."""

    def table(self, Z, theta, row):
        columns = list(getattr(Right, method)(self, Z, theta, row))
        for k, change in zip((2, 1, 0, -1, -2), changed, strict=True):
            if change is not None:
                columns[place] = np.where(row == k, change(Z, *theta), columns[place])
        return columns

    return {method: table}


def _mean_gradient(self, V, residual):
    return np.mean(V * residual)


def _wide_only(self, V, residual):
    return np.sum(V[0] * residual[0])


def _no_own(self, own, slope, before, f, L):
    return own


def _added(self, own, slope, before, f, L):
    return own + before


def _other_pair(self, own, slope, before, f, L):
    return own + self.dZ(slope * before, f, L)


def _transposed_product(self, V, f, L):
    return V - self.hessian(f, V) / L**2


def _without_step(self, V, f, L):
    return V - self.hessian(f, V)


def _diagonal(self, f, V):
    return V if f["kind"] == "fidelity" else np.diag(f["D"].T @ f["D"])[:, None] * V


def _reordered(self, *arguments):
    loss, gradient = Right.__call__(self, *arguments)
    return loss, [gradient[k] for k in (2, 3, 0, 1, 4)]


WRONG = {
    "mean for the sum": (8, {"loss": lambda self, X, target: 0.5 * np.mean((target - X) ** 2)}),
    "no one half": (8, {"loss": lambda self, X, target: np.sum((target - X) ** 2)}),
    "the norm, not its square": (8, {"loss": lambda self, X, target: 0.5 * math.sqrt(np.sum((target - X) ** 2))}),
    "absolute differences": (8, {"loss": lambda self, X, target: 0.5 * np.sum(np.abs(target - X))}),
    "the first row alone": (8, {"loss": lambda self, X, target: 0.5 * np.sum((target - X)[0] ** 2)}),
    "starts at W": (9, {"start": lambda self, f, x0: f["W"] if f["kind"] == "fidelity" else x0}),
    "one layer too many": (9, {"count": lambda self, layers: layers + 1}),
    "one layer too few": (9, {"count": lambda self, layers: max(0, layers - 1)}),
    "steps by L": (9, {"preactivation": lambda self, X, g, L: X - g * L}),
    "ascends": (9, {"preactivation": lambda self, X, g, L: X + g / L}),
    "hard threshold": (9, {"xi": lambda self, Z, theta: np.where(np.abs(Z) > theta[2], Z, 0.0)}),
    "no offset beyond b2": (
        9,
        {"xi": lambda self, Z, theta: np.where(np.abs(Z) > theta[3], theta[1] * Z, Right.xi(self, Z, theta))},
    ),
    "residual the wrong way round": (10, {"residual": lambda self, X, target: target - X}),
    "residual twice": (10, {"residual": lambda self, X, target: 2 * (X - target)}),
    "mean in the contraction": (10, {"contract": _mean_gradient}),
    "contracts one row": (10, {"contract": _wide_only}),
    "b before w": (10, {"__call__": _reordered}),
    "forgets dX_(i-1)": (11, {"total": _no_own, "total_of_L": _no_own}),
    "forgets dX_(i-1) in Θ": (11, {"total": _no_own}),
    "adds dX_(i-1) without (14)": (11, {"total": _added, "total_of_L": _added}),
    "contracts (p,q)": (11, {"total": _other_pair, "total_of_L": _other_pair}),
    "contracts (p,q) in Θ": (11, {"total": _other_pair}),
    "dX_(0) is 1": (11, {"start_derivative": lambda self, X: np.ones(X.shape)}),
    "dw1 is Z - b1 beyond b2": (
        12,
        _of_table("dw", 0, lambda Z, w1, w2, b1, b2: Z - b1, None, None, None, None),
    ),
    "dw1 has the sign of the right on the left": (
        12,
        _of_table("dw", 0, None, None, None, lambda Z, w1, w2, b1, b2: -Z - b1, None),
    ),
    "dw2 from b1": (12, _of_table("dw", 1, lambda Z, w1, w2, b1, b2: Z - b1, None, None, None, None)),
    "dw2 wrong on the far left": (12, _of_table("dw", 1, None, None, None, None, lambda Z, w1, w2, b1, b2: Z - b2)),
    "dw1 and dw2 exchanged": (12, {"dw": lambda self, *arguments: Right.dw(self, *arguments)[::-1]}),
    "db1 stops at b2": (13, _of_table("db", 0, lambda Z, w1, w2, b1, b2: 0 * Z, None, None, None, None)),
    "db1 not odd": (13, _of_table("db", 0, None, None, None, lambda Z, w1, *_: 0 * Z - w1, None)),
    "db2 without w2": (13, _of_table("db", 1, lambda Z, w1, *_: 0 * Z + w1, None, None, None, None)),
    "db1 and db2 exchanged": (13, {"db": lambda self, *arguments: Right.db(self, *arguments)[::-1]}),
    "(13) with |Z| > b": (13, _strict("rows_of_b")),
    "(13) with Z <= -b": (13, _closed("rows_of_b")),
    "(14) without the Hessian": (14, {"dZ": lambda self, V, f, L: V}),
    "(14) without the slope": (14, {"slope_of_X": lambda self, theta, row: 1.0}),
    "(14) with the diagonal of the Hessian": (14, {"hessian": _diagonal}),
    "(14) with H for H/L": (14, {"dZ": _without_step}),
    "(14) with 1/L²": (14, {"dZ": _transposed_product}),
    "(14) with |Z| > b": (14, _strict("rows_of_X")),
    "(14) with Z <= -b": (14, _closed("rows_of_X")),
    "(14) leaks through the dead zone": (
        14,
        {"slope_of_X": lambda self, theta, row: np.where(row == 0, 1.0, self.slope(theta, row))},
    ),
    "mean in the contraction of L": (15, {"contract_of_L": _mean_gradient}),
    "contracts one row in L": (15, {"contract_of_L": _wide_only}),
    "forgets dX_(i-1) in L": (16, {"total_of_L": _no_own}),
    "adds dX_(i-1) in L without (14)": (16, {"total_of_L": _added}),
    "contracts (p,q) in L": (16, {"total_of_L": _other_pair}),
    "(17) with 1/L": (17, {"dL": lambda self, slope, g, L, g_next: slope * g / L}),
    "(17) with the other sign": (17, {"dL": lambda self, slope, g, L, g_next: -slope * g / L**2}),
    "(17) without the slope": (17, {"dL": lambda self, slope, g, L, g_next: g / L**2}),
    "(17) with ∇f(X_(i))": (17, {"dL": lambda self, slope, g, L, g_next: slope * g_next / L**2}),
    "(17) with |Z| > b": (17, _strict("rows_of_L")),
    "(17) with Z <= -b": (17, _closed("rows_of_L")),
}
for _equation, _rows in ((13, "rows_of_b"), (14, "rows_of_X"), (17, "rows_of_L")):
    for _knot in ("-b2", "-b1", "b1", "b2"):
        WRONG[f"({_equation}) gives {_knot} to the piece left of it"] = (_equation, _given_away(_rows, _knot))
WRONG_IMPLEMENTATIONS = {name: (equation, _overriding(**methods)) for name, (equation, methods) in WRONG.items()}


class RightLayers:
    """Called as ``RightLayers()(f, theta, L, layers, x0, target)`` with theta (t, 4) and L (t,); returns (t, 5) terms.

    One pass back over the layers; every method is a part that people get wrong where layers differ.
    """

    def __call__(self, f, theta, L, layers, x0, target):
        right, tape, X = Right(), [], x0
        thetas, constants = self.order(self.thetas(theta), self.constants(L))
        for own, constant in zip(thetas, constants, strict=True):
            g = right.gradient(f, X)
            tape.append((g, X - g / constant, own, constant))
            X = right.xi(tape[-1][1], own)
        cotangent, rows = X - target, []
        for i in range(layers - 1, -1, -1):
            g, Z, own, constant = tape[i]
            row, row_of_slope = right.rows(Z, own), right.rows(Z, self.theta_of_slope(tape, i))
            slope = right.slope(self.theta_of_slope(tape, i), row_of_slope)
            pulled = right.dZ(slope * cotangent, f, self.constant_of_step(tape, i))
            partials = [
                *right.dw(Z, own, row),
                *right.db(Z, own, row),
                right.slope(own, row) * g / self.constant_of_dL(tape, i) ** 2,
            ]
            with_ = self.contracted_with(cotangent, pulled, X - target)
            rows.insert(0, [np.sum(part * with_) for part in partials])
            cotangent = pulled
        return right.loss(X, target), self.terms(np.array(rows))

    def thetas(self, theta):
        return list(theta)

    def constants(self, L):
        return list(L)

    def order(self, thetas, constants):
        return thetas, constants

    def theta_of_slope(self, tape, i):
        return tape[i][2]

    def constant_of_step(self, tape, i):
        return tape[i][3]

    def constant_of_dL(self, tape, i):
        return tape[i][3]

    def contracted_with(self, cotangent, pulled, residual):
        return cotangent

    def terms(self, rows):
        return rows


def _layers(**methods):
    return type("WrongLayers", (RightLayers,), methods)()


WRONG_LAYERS = {  # (the equation, a word of the hint or "", the implementation)
    "the rows the other way round": (11, "other way round", _layers(terms=lambda self, rows: rows[::-1])),
    "sums for terms": (11, "sums over all", _layers(terms=lambda self, rows: rows * 0 + rows.sum(axis=0))),
    "running sums": (11, "from the first", _layers(terms=lambda self, rows: np.cumsum(rows, axis=0))),
    "running sums from the last": (
        11,
        "from the last",
        _layers(terms=lambda self, rows: np.cumsum(rows[::-1], axis=0)[::-1]),
    ),
    "the first L for all": (9, "L of the first", _layers(constants=lambda self, L: [L[0]] * len(L))),
    "the last L for all": (9, "L of the last", _layers(constants=lambda self, L: [L[-1]] * len(L))),
    "the first Θ for all": (9, "Θ of the first", _layers(thetas=lambda self, theta: [theta[0]] * len(theta))),
    "the last Θ for all": (9, "Θ of the last", _layers(thetas=lambda self, theta: [theta[-1]] * len(theta))),
    "the layers the other way round": (
        9,
        "were the last layer's",
        _layers(order=lambda self, thetas, constants: (thetas[::-1], constants[::-1])),
    ),
    "no chain": (11, "without (14)", _layers(contracted_with=lambda self, cotangent, pulled, residual: residual)),
    "the chain one layer too far": (
        10,
        "one (14) too many",
        _layers(contracted_with=lambda self, cotangent, pulled, residual: pulled),
    ),
    "the slope of the first layer's Θ": (11, "", _layers(theta_of_slope=lambda self, tape, i: tape[0][2])),
    "the step of the first layer": (11, "", _layers(constant_of_step=lambda self, tape, i: tape[0][3])),
    "1/L² of the last layer": (16, "", _layers(constant_of_dL=lambda self, tape, i: tape[-1][3])),
    "zeros": (10, "all derivatives are 0", _layers(terms=lambda self, rows: 0 * rows)),
    "b before w": (10, "", _layers(terms=lambda self, rows: rows[:, [2, 3, 0, 1, 4]])),
}
