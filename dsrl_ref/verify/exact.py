"""The appendix in exact rational arithmetic: scalar loops over `fractions.Fraction`, nothing else.

Shares no code and no table with what it judges. Matrices are flat lists in row order; a Θ is (w1, w2, b1, b2).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

Flat: TypeAlias = list[Fraction]
ThetaQ: TypeAlias = tuple[Fraction, Fraction, Fraction, Fraction]
ZERO = Fraction(0)


def row(z: Fraction, theta: ThetaQ) -> int:
    """-2..2: how many of the knots -b2, -b1, b1, b2 are <= z, less two."""
    _, _, b1, b2 = theta
    if z < 0:
        return (-b2 <= z) + (-b1 <= z) - 2
    return (b1 <= z) + (b2 <= z)


def xi(z: Fraction, theta: ThetaQ) -> Fraction:
    """ξ as twice the area under a staircase: slope w1 from b1 to b2, w2 beyond, odd."""
    w1, w2, b1, b2 = theta
    size = abs(z)
    inside = max(ZERO, min(size, b2) - b1)
    beyond = max(ZERO, size - b2)
    return (w1 * inside + w2 * beyond) * (1 if z >= 0 else -1)


def partials(z: Fraction, theta: ThetaQ) -> tuple[Fraction, Fraction, Fraction, Fraction, Fraction]:
    """∂ξ in w1, w2, b1, b2 and z by the rows of (12), (13), (14)."""
    w1, w2, b1, b2 = theta
    r = row(z, theta)
    if r == 2:
        return b2 - b1, z - b2, -w1, w1 - w2, w2
    if r == 1:
        return z - b1, ZERO, -w1, ZERO, w1
    if r == 0:
        return ZERO, ZERO, ZERO, ZERO, ZERO
    if r == -1:
        return z + b1, ZERO, w1, ZERO, w1
    return b1 - b2, z + b2, w1, w2 - w1, w2


def regularizer(x: Fraction, theta: ThetaQ) -> Fraction:
    """The regularizer g as the integral of its slope from 0: w1*(b2-b1) ends the inner piece."""
    w1, w2, b1, b2 = theta
    size, joint = abs(x), w1 * (b2 - b1)
    inner = min(size, joint)
    value = b1 * inner + (1 / w1 - 1) * inner**2 / 2
    if size > joint:
        height = b1 + (1 / w1 - 1) * joint
        value += height * (size - joint) + (1 / w2 - 1) * (size - joint) ** 2 / 2
    return value


def nondecreasing(theta: ThetaQ) -> bool:
    """(7), with its divisions multiplied out."""
    w1, w2, b1, b2 = theta
    return w2 <= 1 and w1 * b1 >= (w1 - 1) * b2


def nonnegative(theta: ThetaQ) -> bool:
    """Whether g >= 0 everywhere: (7), or its exact complement where g dips and does not reach 0."""
    w1, w2, b1, b2 = theta
    rise = b2 - b1
    dips = w2 < 1 and w1 * rise > b2
    return nondecreasing(theta) or (dips and w1 * (w1 + 1 - w2) * rise**2 - 2 * w1 * b2 * rise + w2 * b2**2 <= 0)


def projected(values: ThetaQ, floor: Fraction) -> ThetaQ:
    """The nearest point of the cone of (7) to (b1, b2), for w1 and w2 brought into its range first.

    The nearest point of a cone between two rays is the point itself, or the nearest of those on the rays.
    """
    w1, w2, b1, b2 = values
    w1, w2 = max(w1, floor), min(max(w2, floor), Fraction(1))
    least = max(ZERO, (w1 - 1) / w1)
    if b2 >= b1 >= max(ZERO, least * b2):
        return w1, w2, b1, b2
    candidates = []
    for ratio in (Fraction(1), least):
        along = max(ZERO, (ratio * b1 + b2) / (ratio**2 + 1))
        candidates.append((ratio * along, along))
    knots = min(candidates, key=lambda c: (c[0] - b1) ** 2 + (c[1] - b2) ** 2)
    return w1, w2, *knots


class ExactTerm(Protocol):
    """A smooth term with an exact gradient and Hessian product."""

    def gradient(self, X: Flat) -> Flat:
        """∇f(X)."""

    def hessian_product(self, V: Flat, X: Flat) -> Flat:
        """∇²f(X) V."""

    def gradient_size(self, M: Flat) -> Flat:
        """Bound all that `gradient` adds up, at any X with |X| <= M."""

    def hessian_size(self, V: Flat, M: Flat) -> Flat:
        """Bound all that `hessian_product` adds up, of V >= 0 and at any X with |X| <= M."""


@dataclass(frozen=True)
class Fidelity:
    """½‖X - W‖²."""

    W: Flat

    def gradient(self, X: Flat) -> Flat:
        """X - W."""
        return [x - w for x, w in zip(X, self.W, strict=True)]

    def hessian_product(self, V: Flat, X: Flat) -> Flat:
        """V."""
        return list(V)

    def gradient_size(self, M: Flat) -> Flat:
        """M + |W|."""
        return [m + abs(w) for m, w in zip(M, self.W, strict=True)]

    def hessian_size(self, V: Flat, M: Flat) -> Flat:
        """V."""
        return list(V)


@dataclass(frozen=True)
class LeastSquares:
    """½‖DX - Y‖², D k×n by rows, Y k×m flat."""

    D: list[Flat]
    Y: Flat

    def gradient(self, X: Flat) -> Flat:
        """Dᵀ(DX - Y)."""
        return self._transposed([a - y for a, y in zip(self.applied(X), self.Y, strict=True)])

    def hessian_product(self, V: Flat, X: Flat) -> Flat:
        """DᵀDV."""
        return self._transposed(self.applied(V))

    def gradient_size(self, M: Flat) -> Flat:
        """|D|ᵀ(|D|M + |Y|)."""
        size = self._absolute()
        return size._transposed([a + y for a, y in zip(size.applied(M), size.Y, strict=True)])

    def hessian_size(self, V: Flat, M: Flat) -> Flat:
        """|D|ᵀ|D|V."""
        return self._absolute().hessian_product(V, M)

    def _absolute(self) -> "LeastSquares":
        return LeastSquares([[abs(d) for d in line] for line in self.D], [abs(y) for y in self.Y])

    def applied(self, X: Flat) -> Flat:
        """DX."""
        m = len(self.Y) // len(self.D)
        columns = [X[q::m] for q in range(m)]
        return [
            sum((d * x for d, x in zip(line, column, strict=True) if x), ZERO) for line in self.D for column in columns
        ]

    def _transposed(self, R: Flat) -> Flat:
        m = len(self.Y) // len(self.D)
        columns = [R[q::m] for q in range(m)]
        atoms = zip(*self.D, strict=True)
        return [
            sum((d * r for d, r in zip(atom, column, strict=True) if r), ZERO) for atom in atoms for column in columns
        ]


@dataclass(frozen=True)
class Quartic:
    """¼Σ(x² - c)² with c entry by entry: its Hessian 3x² - c depends on X."""

    C: Flat

    def gradient(self, X: Flat) -> Flat:
        """(x² - c)x."""
        return [(x * x - c) * x for x, c in zip(X, self.C, strict=True)]

    def hessian_product(self, V: Flat, X: Flat) -> Flat:
        """(3x² - c)v."""
        return [(3 * x * x - c) * v for v, x, c in zip(V, X, self.C, strict=True)]

    def gradient_size(self, M: Flat) -> Flat:
        """(m² + |c|)m."""
        return [(m * m + abs(c)) * m for m, c in zip(M, self.C, strict=True)]

    def hessian_size(self, V: Flat, M: Flat) -> Flat:
        """(3m² + |c|)v."""
        return [(3 * m * m + abs(c)) * v for v, m, c in zip(V, M, self.C, strict=True)]


@dataclass(frozen=True)
class Run:
    """The recursion (9): X_(0..t) and Z_(1..t)."""

    iterates: list[Flat]
    preactivations: list[Flat]


def run(f: ExactTerm, theta: ThetaQ, L: Fraction, layers: int, x0: Flat) -> Run:
    """Run the recursion (9)."""
    X, iterates, preactivations = x0, [x0], []
    for _ in range(layers):
        Z = [x - g / L for x, g in zip(X, f.gradient(X), strict=True)]
        X = [xi(z, theta) for z in Z]
        preactivations.append(Z)
        iterates.append(X)
    return Run(iterates, preactivations)


def loss(X: Flat, target: Flat) -> Fraction:
    """(8)."""
    return sum(((x - y) ** 2 for x, y in zip(X, target, strict=True)), ZERO) / 2


def layer_tensor(f: ExactTerm, theta: ThetaQ, L: Fraction, X: Flat, Z: Flat) -> list[Flat]:
    """(14) with (p,q) and (j,k) flattened: T[pq][jk]."""
    size = len(X)
    columns = [f.hessian_product([Fraction(int(i == jk)) for i in range(size)], X) for jk in range(size)]
    slopes = [partials(z, theta)[4] for z in Z]
    return [[slopes[pq] * (int(pq == jk) - columns[jk][pq] / L) for jk in range(size)] for pq in range(size)]


def own_terms(f: ExactTerm, theta: ThetaQ, L: Fraction, X: Flat, Z: Flat) -> list[tuple[Fraction, ...]]:
    """(12), (13), (17): five derivatives of every entry while X is held."""
    terms: list[tuple[Fraction, ...]] = []
    for z, g in zip(Z, f.gradient(X), strict=True):
        dw1, dw2, db1, db2, dz = partials(z, theta)
        terms.append((dw1, dw2, db1, db2, dz * g / L**2))
    return terms


def sensitivities(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run) -> list[list[Flat]]:
    """(11), (16) with the tensor (14), contracted over (j,k): dX_(i) for i = 0..t, five derivatives an entry."""
    size = len(path.iterates[0])
    totals = [[[ZERO] * 5 for _ in range(size)]]
    for X, Z in zip(path.iterates, path.preactivations, strict=False):
        T, own, before = layer_tensor(f, theta, L, X, Z), own_terms(f, theta, L, X, Z), totals[-1]
        totals.append(
            [
                [own[i][c] + sum((T[i][k] * before[k][c] for k in range(size) if T[i][k]), ZERO) for c in range(5)]
                for i in range(size)
            ]
        )
    return totals


def tensor_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """(10), (15): the last of `sensitivities`, contracted with X_(t) - X̃."""
    return contracted(sensitivities(f, theta, L, path)[-1], path.iterates[-1], target)


def contracted(total: list[Flat], X: Flat, target: Flat) -> Flat:
    """(10), (15): Σ (x - x̃)·dx over the entries, for each of the five."""
    residual = [x - y for x, y in zip(X, target, strict=True)]
    return [sum((r * line[c] for r, line in zip(residual, total, strict=True)), ZERO) for c in range(5)]


def rounding_scale(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> Flat:
    """S, the scale of rounding: of the loss, and of its five derivatives.

    What (8)-(17) add up, with absolute values throughout: no difference is taken, both of its sides are added. In
    place of X, Z and X_(t) - X̃ there are the sizes of what cancelled to make them, carried from layer to layer:

        M_(0) = |x0|,  M_Z = M + |∇f|(M)/L,  M_(i) = w1(M_Z + b1) or w2(M_Z + b2) + w1(b2 + b1) or 0,  M_(t) + |X̃|

    where |∇f| is the gradient with all of its terms positive; the regions are those of Z. An operation of float64
    errs by at most 2^-53 of its result, which a term of S bounds: so the error of a sum in any order is within a modest
    multiple of (t + 1)·2^-53·S. The promise is 10³(t + 1).
    """
    w1, w2, b1, b2 = theta
    M, total = [abs(x) for x in path.iterates[0]], [[ZERO] * len(target) for _ in range(5)]
    for exactly in path.preactivations:
        G = f.gradient_size(M)
        Z = [m + g / L for m, g in zip(M, G, strict=True)]
        regions = [abs(row(z, theta)) for z in exactly]
        slopes = [(ZERO, w1, w2)[k] for k in regions]
        own = [
            ((ZERO,) * 4, (z + b1, ZERO, w1, ZERO), (b2 + b1, z + b2, w1, w1 + w2))[k]
            for k, z in zip(regions, Z, strict=True)
        ]
        terms = [*zip(*own, strict=True), [slope * g / L**2 for slope, g in zip(slopes, G, strict=True)]]
        pushed = [[v + h / L for v, h in zip(V, f.hessian_size(V, M), strict=True)] for V in total]
        total = [
            [a + slope * v for a, slope, v in zip(column, slopes, V, strict=True)]
            for column, V in zip(terms, pushed, strict=True)
        ]
        M = [w1 * dw1 + w2 * dw2 for dw1, dw2, _, _ in own]
    residual = [m + abs(y) for m, y in zip(M, target, strict=True)]
    of_loss = sum((r * r for r in residual), ZERO) / 2
    return [of_loss, *(sum((r * v for r, v in zip(residual, V, strict=True)), ZERO) for V in total)]


def forward_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """Forward mode: five sensitivities, the Hessian applied to each."""
    size = len(target)
    total = [[ZERO] * size for _ in range(5)]
    for X, Z in zip(path.iterates, path.preactivations, strict=False):
        own = own_terms(f, theta, L, X, Z)
        slopes = [partials(z, theta)[4] for z in Z]
        pushed = [f.hessian_product(V, X) for V in total]
        total = [[own[i][c] + slopes[i] * (total[c][i] - pushed[c][i] / L) for i in range(size)] for c in range(5)]
    return [sum(((x - y) * v for x, y, v in zip(path.iterates[-1], target, V, strict=True)), ZERO) for V in total]


def reverse_gradient(f: ExactTerm, theta: ThetaQ, L: Fraction, path: Run, target: Flat) -> list[Fraction]:
    """Reverse mode: one backward pass over the layers."""
    cotangent = [x - y for x, y in zip(path.iterates[-1], target, strict=True)]
    gradient = [ZERO] * 5
    for X, Z in zip(path.iterates[-2::-1], path.preactivations[::-1], strict=True):
        own = own_terms(f, theta, L, X, Z)
        gradient = [
            gradient[c] + sum((v * line[c] for v, line in zip(cotangent, own, strict=True)), ZERO) for c in range(5)
        ]
        pulled = [v * partials(z, theta)[4] for v, z in zip(cotangent, Z, strict=True)]
        cotangent = [v - h / L for v, h in zip(pulled, f.hessian_product(pulled, X), strict=True)]
    return gradient


def fixed_point(f: ExactTerm, theta: ThetaQ, L: Fraction, rows: list[int]) -> Flat:
    """X = ξ(X - ∇f(X)/L) for a quadratic f, entry by entry on the given rows: linear equations, by elimination."""
    w1, w2, b1, b2 = theta
    rise = w1 * (b2 - b1)
    slopes = [{2: w2, 1: w1, 0: ZERO}[abs(r)] for r in rows]
    heights = [{2: rise - w2 * b2, 1: -w1 * b1, 0: ZERO}[abs(r)] * (1 if r > 0 else -1) for r in rows]
    size = len(rows)
    at_zero = f.gradient([ZERO] * size)
    columns = [f.hessian_product([Fraction(int(i == k)) for i in range(size)], [ZERO] * size) for k in range(size)]
    lines = [
        [int(i == k) - slopes[i] * (int(i == k) - columns[k][i] / L) for k in range(size)]
        + [heights[i] - slopes[i] * at_zero[i] / L]
        for i in range(size)
    ]
    for k in range(size):
        pivot = next(i for i in range(k, size) if lines[i][k])
        lines[k], lines[pivot] = lines[pivot], lines[k]
        lines[k] = [value / lines[k][k] for value in lines[k]]
        for i in range(size):
            if i != k and lines[i][k]:
                lines[i] = [a - lines[i][k] * b for a, b in zip(lines[i], lines[k], strict=True)]
    return [line[-1] for line in lines]
