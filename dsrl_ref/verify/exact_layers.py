"""One Θ and one L a layer, in exact rational arithmetic: the terms of (10), (11), (15) and (16), left apart.

Shares no code with what it judges: `forward_terms` carries the derivatives of every layer forward to X_(t),
`reverse_terms` carries dJ/dX_(i) back. Both give the five derivatives of each layer, the first layer first.
"""

from dataclasses import dataclass
from fractions import Fraction

from dsrl_ref.verify import exact
from dsrl_ref.verify.exact import ZERO, ExactTerm, Flat, Run, ThetaQ


@dataclass(frozen=True)
class Layers:
    """Θ_1, ..., Θ_t and L_1, ..., L_t."""

    thetas: list[ThetaQ]
    constants: Flat

    @property
    def numbers(self) -> list[Flat]:
        """w1, w2, b1, b2 and L of each layer."""
        return [[*theta, L] for theta, L in zip(self.thetas, self.constants, strict=True)]


def of_numbers(rows: list[Flat]) -> Layers:
    """The layers of such rows of five."""
    return Layers([(w1, w2, b1, b2) for w1, w2, b1, b2, _ in rows], [row[4] for row in rows])


def run(f: ExactTerm, layers: Layers, x0: Flat) -> Run:
    """Run the recursion (9), each layer with its own Θ and L."""
    iterates, preactivations = [x0], []
    for theta, L in zip(layers.thetas, layers.constants, strict=True):
        layer = exact.run(f, theta, L, 1, iterates[-1])
        preactivations += layer.preactivations
        iterates.append(layer.iterates[-1])
    return Run(iterates, preactivations)


def own_terms(f: ExactTerm, layers: Layers, path: Run) -> list[list[Flat]]:
    """(12), (13), (17) of each layer: the five derivatives of every entry while X_(i-1) is held."""
    parts = zip(layers.thetas, layers.constants, path.iterates, path.preactivations, strict=False)
    return [[list(line) for line in exact.own_terms(f, theta, L, X, Z)] for theta, L, X, Z in parts]


def cotangents(f: ExactTerm, layers: Layers, path: Run, target: Flat) -> list[Flat]:
    """C_(0), ..., C_(t), C_(i) = dJ/dX_(i): X_(t) - X̃, and back through (14) of each layer."""
    found = [[x - y for x, y in zip(path.iterates[-1], target, strict=True)]]
    numbers = [*zip(layers.thetas, layers.constants, path.iterates, path.preactivations, strict=False)]
    for theta, L, X, Z in reversed(numbers):
        pulled = [c * exact.partials(z, theta)[4] for c, z in zip(found[0], Z, strict=True)]
        found.insert(0, [v - h / L for v, h in zip(pulled, f.hessian_product(pulled, X), strict=True)])
    return found


def reverse_terms(f: ExactTerm, layers: Layers, path: Run, target: Flat) -> list[Flat]:
    """(10), (15): of each layer its own derivatives, contracted with C_(i)."""
    _, *after = cotangents(f, layers, path, target)
    return [
        [sum((c * line[k] for c, line in zip(C, own, strict=True)), ZERO) for k in range(5)]
        for C, own in zip(after, own_terms(f, layers, path), strict=True)
    ]


def sensitivities(f: ExactTerm, layers: Layers, path: Run) -> list[list[Flat]]:
    """(11), (16) with the tensors (14): dX_(t) in the five parameters of each layer, five derivatives an entry."""
    size, total = len(path.iterates[0]), list[list[Flat]]()
    parts = zip(layers.thetas, layers.constants, path.iterates, path.preactivations, strict=False)
    for (theta, L, X, Z), own in zip(parts, own_terms(f, layers, path), strict=True):
        T = exact.layer_tensor(f, theta, L, X, Z)
        total = [
            [
                [sum((T[i][k] * before[k][c] for k in range(size) if T[i][k]), ZERO) for c in range(5)]
                for i in range(size)
            ]
            for before in total
        ]
        total.append(own)
    return total


def forward_terms(f: ExactTerm, layers: Layers, path: Run, target: Flat) -> list[Flat]:
    """(10), (15): the same derivatives, of `sensitivities` contracted with X_(t) - X̃."""
    return [exact.contracted(total, path.iterates[-1], target) for total in sensitivities(f, layers, path)]


def gauss_newton(f: ExactTerm, layers: Layers, path: Run) -> list[Flat]:
    """Σ (∂x/∂a)(∂x/∂b) over the entries of X_(t), a layer after the other."""
    columns = [[line[c] for line in total] for total in sensitivities(f, layers, path) for c in range(5)]
    return [[sum((a * b for a, b in zip(p, q, strict=True)), ZERO) for q in columns] for p in columns]


def rounding_scale(f: ExactTerm, layers: Layers, path: Run, target: Flat) -> tuple[Fraction, list[Flat]]:
    """S of the loss, and of the derivatives of each layer: `exact.rounding_scale`, its terms left apart as well."""
    M, total = [abs(x) for x in path.iterates[0]], list[list[Flat]]()
    for theta, L, Z_of_run in zip(layers.thetas, layers.constants, path.preactivations, strict=True):
        w1, w2, b1, b2 = theta
        G = f.gradient_size(M)
        Z = [m + g / L for m, g in zip(M, G, strict=True)]
        pieces = [abs(exact.row(z, theta)) for z in Z_of_run]
        slopes = [(ZERO, w1, w2)[k] for k in pieces]
        total = [
            [[slope * (v + h / L) for slope, v, h in zip(slopes, V, f.hessian_size(V, M), strict=True)] for V in before]
            for before in total
        ]
        own = [
            ((ZERO,) * 4, (z + b1, ZERO, w1, ZERO), (b2 + b1, z + b2, w1, w1 + w2))[k]
            for k, z in zip(pieces, Z, strict=True)
        ]
        in_L = [slope * g / L**2 for slope, g in zip(slopes, G, strict=True)]
        total.append([*map(list, zip(*own, strict=True)), in_L])
        M = [w1 * dw1 + w2 * dw2 for dw1, dw2, _, _ in own]
    residual = [m + abs(y) for m, y in zip(M, target, strict=True)]
    of_loss = sum((r * r for r in residual), ZERO) / 2
    return of_loss, [exact.contracted(transposed(of_layer), M, [-abs(y) for y in target]) for of_layer in total]


def transposed(columns: list[Flat]) -> list[Flat]:
    """Lists of one quantity an entry, as a list of quantities for each entry."""
    return [list(line) for line in zip(*columns, strict=True)]
