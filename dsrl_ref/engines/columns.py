"""LeastSquares only: reverse mode by blocks of columns, which do not interact.

A block goes forward and back through all layers before the next block begins. Its tape, which is Z of every layer, so
stays in the cache, and memory does not grow with the number of columns.

∇f is neither on the tape nor formed again on the way back. What it adds to dJ/dL is the inner product of dJ/dZ with
∇f = DᵀDX - DᵀY, which equals ⟨DᵀD·dZ, X⟩ - ⟨dZ, DᵀY⟩; and DᵀD·dZ is formed in any case, for dJ/dX = dZ - DᵀD·dZ/L.

Z is formed as X - (DᵀDX/L - DᵀY/L), not as X - (1/L)·∇f: the two round differently, so that an entry may be on a knot
here and beside it there. `ties` counts what this engine has on its knots.

With one Θ and one L a layer, what the products tell is left apart by layers, and they are with DᵀD itself, since every
layer has a step of its own: Z is X - step·(DᵀDX - DᵀY).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dsrl_ref.appendix.network import SmoothTerm
from dsrl_ref.appendix.theta import Theta
from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines import adjoint, tangent
from dsrl_ref.engines.engine import Engine, unless_least_squares
from dsrl_ref.engines.parts import add_exactly
from dsrl_ref.engines.problem import Problem

BLOCK_ENTRIES = 29 * 2**18  # 58 MiB: the last level of cache, or little more; narrower products take longer
BESIDES = 3  # matrices that a block keeps besides its tape: X, DᵀDV/L, and DᵀY/L
TANGENT_ENTRIES = 2**15  # entries of X in a block of `gauss_newton`, which carries five sensitivities of each
AT_ONCE = 2**33  # the most multiplications in one product, as Ctrl-C waits for its end
SPARSE = 8  # a multiplication by a stored entry of a sparse D takes as long as so many of a dense product


def loss_and_gradient(
    f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array, target: Array
) -> tuple[float, Array]:
    """J and its derivatives in w1, w2, b1, b2, L; f is a `LeastSquares`."""
    sums = [_back(block, theta, L) for block in _blocks(f, 1.0 / L, layers, x0, target, _sharing(theta))]
    totals = add_exactly(np.array(sums))
    return totals[0], np.array(totals[1:])


def by_layer(f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array, target: Array) -> tuple[float, Array]:
    """J and its derivatives in the w1, w2, b1, b2, L of every layer, a row each."""
    sums = []
    for block in _blocks(f, 1.0, len(thetas), x0, target, _by_layer(thetas, L)):
        loss, rows = _back_by_layer(block, thetas, L)
        sums.append([loss, *rows.ravel().tolist()])
    totals = add_exactly(np.array(sums))
    return totals[0], np.reshape(totals[1:], (len(thetas), 5))


def ties(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> int:
    """Count the entries of Z_(1), ..., Z_(t) on a knot, as these blocks form Z: X - (DᵀDX/L - DᵀY/L)."""
    blocks = _blocks(f, 1.0 / L, layers, x0, x0, _sharing(theta))
    return sum(adjoint.on_knots(Z, theta) for block in blocks for Z in block.tape)


def ties_by_layer(f: SmoothTerm, thetas: tuple[Theta, ...], L: Array, x0: Array) -> int:
    """The same with one Θ and one L a layer, as these blocks form Z: X - step·(DᵀDX - DᵀY)."""
    blocks = _blocks(f, 1.0, len(thetas), x0, x0, _by_layer(thetas, L))
    return sum(adjoint.on_knots(Z, theta) for block in blocks for Z, theta in zip(block.tape, thetas, strict=True))


def gauss_newton(f: SmoothTerm, theta: Theta, L: float, layers: int, x0: Array) -> Array:
    """Σ (∂x/∂p)(∂x/∂q) over the entries x of X_(t), 5×5: the tangents, some columns at a time."""
    total = np.zeros((5, 5))
    for part in Problem(f, x0, x0, layers).split(max(1, TANGENT_ENTRIES // len(x0))):
        total += tangent.gauss_newton(part.f, theta, L, layers, part.x0)
    return total


class Curvature:
    """Products with DᵀD/L: by DᵀD itself, formed once, or by D and then Dᵀ, whichever is less work.

    Parameters
    ----------
    D : ndarray or csr_array (k, n)
        The dictionary.
    step : float
        1/L.
    columns : int
        How many columns will be multiplied by DᵀD in all: those of X in every layer, forward and back.

    Attributes
    ----------
    gram : ndarray (n, n) or None
        DᵀD/L, where products are formed with it.
    work : int
        Multiplications a column of the larger of the products that one application takes.
    """

    def __init__(self, D: Any, step: float, columns: int) -> None:
        k, n = D.shape
        entries = SPARSE * D.nnz if is_sparse(D) else D.size  # by the time they take
        forming = entries * D.nnz / k if is_sparse(D) else entries * n
        once = 0.5 if forming <= AT_ONCE and not is_sparse(D) else 1.0  # NumPy forms half of a symmetric product
        pays = once * forming + n * n * columns <= 1.1 * 2 * entries * columns  # one product is worth a tenth
        self.D, self.step = D, step
        self.gram = _scaled_gram(D, step, max(1, int(AT_ONCE * n // max(1, forming)))) if pays else None
        self.work = max(1, entries, n * n if pays else 0)  # of the largest product, a column

    def offset(self, Y: Array, out: Array) -> None:
        """Put DᵀY/L into `out`: ∇f(X)/L is DᵀDX/L, which `apply` gives, less this."""
        np.multiply(self.D.T @ Y, self.step, out=out)

    def apply(self, V: Array, out: Array) -> None:
        """Put DᵀDV/L into `out`."""
        if self.gram is None:
            np.multiply(self.D.T @ (self.D @ V), self.step, out=out)
        else:
            np.matmul(self.gram, V, out=out)


def _scaled_gram(D: Any, step: float, rows: int) -> Array:
    """Form DᵀD·step, `rows` rows at a time, so that no single product takes long."""
    n = D.shape[1]
    gram = np.empty((n, n))
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        if is_sparse(D):
            gram[part] = (D[:, part].T @ D).toarray()
        else:
            np.matmul(D[:, part].T, D, out=gram[part])
    gram *= step
    return gram


class Block(NamedTuple):
    """Some columns after the forward pass. All matrices are n×(columns of the block), in memory of their own.

    `tape` has Z_(1), ..., Z_(t) and `X` has X_(t); `product` is room for DᵀDV/L, and `offset` is DᵀY/L. `moved` tells
    whether x0 has entries that are not 0: without, no product is needed next to it.
    """

    curvature: Curvature
    tape: Sequence[Array]
    X: Array
    product: Array
    offset: Array
    x0: Array
    target: Array
    moved: bool


Advance: TypeAlias = Callable[[int, Array, Array, Array], None]  # through layer i+1: i, and X, Z, offset, flat


def _sharing(theta: Theta) -> Advance:
    """Through a layer of the network that shares Θ; products are those of DᵀD/L."""
    from dsrl_ref.engines.kernels import columns as kernels

    return lambda _, X, Z, offset: kernels.forward_layer(X, Z, offset, *theta)


def _by_layer(thetas: Sequence[Theta], L: Array) -> Advance:
    """Through a layer with its own Θ and L; products are those of DᵀD."""
    from dsrl_ref.engines.kernels import columns as kernels

    steps = (1.0 / L).tolist()
    return lambda i, X, Z, offset: kernels.forward_step(X, Z, offset, steps[i], *thetas[i])


def _blocks(f: SmoothTerm, step: float, layers: int, x0: Array, target: Array, advance: Advance) -> Iterator[Block]:
    """Run some columns forward, then the next in the same memory: done with a block is who asks for the next."""
    D, Y = f.D, f.Y  # type: ignore[attr-defined]
    n, m = x0.shape
    curvature = Curvature(D, step, 2 * layers * m)
    entries = (layers + BESIDES + 1) * n + len(Y)  # a column, with what products need on the way
    width = max(1, min(m, BLOCK_ENTRIES // entries, AT_ONCE // curvature.work))
    room = np.empty((layers + BESIDES, n * width))
    for start in range(0, m, width):
        columns = slice(start, start + width)
        begin = x0[:, columns]
        *tape, X, product, offset = room[:, : begin.size].reshape(-1, *begin.shape)
        block = Block(curvature, tape, X, product, offset, begin, target[:, columns], bool(begin.any()))
        _forward(block, Y[:, columns], advance)
        yield block


def _forward(block: Block, Y: Array, advance: Advance) -> None:
    """Fill the tape with Z_(1), ..., Z_(t), X with X_(t) and the offset with DᵀY/L, or DᵀY, as `advance` has it."""
    block.curvature.offset(Y, out=block.offset)
    block.X[:] = block.x0
    for i, Z in enumerate(block.tape):
        if i or block.moved:
            block.curvature.apply(block.X, out=Z)
        else:
            Z[:] = 0.0
        advance(i, _flat(block.X), _flat(Z), _flat(block.offset))


def _back(block: Block, theta: Theta, L: float) -> tuple[float, ...]:
    """Loss and derivatives of a block, whose tape of Z becomes one of dJ/dZ on the way."""
    from dsrl_ref.engines.kernels import columns as kernels

    w1, w2, _, _ = theta
    residual, tape, product = block.X, block.tape, block.product
    residual -= block.target
    loss = 0.5 * float(_flat(residual) @ _flat(residual))
    dX = residual  # dJ/dX_(i) is dX - product: below the last layer, dJ/dZ_(i+1) less its DᵀD/L
    product[:] = 0.0
    lanes = np.zeros((5, kernels.LANES))
    for i in range(len(tape) - 1, -1, -1):
        kernels.backward_layer(_flat(dX), _flat(product), _flat(tape[i]), _flat(block.offset), *theta, lanes)
        dX = tape[i]  # which holds dJ/dZ now
        if i or block.moved:
            block.curvature.apply(tape[i], out=product)
    in_w1, in_w2, past_b1, past_b2, in_step = lanes.sum(axis=1).tolist()
    if block.moved:
        in_step += float(np.sum(product * block.x0))
    return loss, in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, in_step / L


def _back_by_layer(block: Block, thetas: Sequence[Theta], L: Array) -> tuple[float, Array]:
    """Loss and derivatives (t, 5) of a block, whose tape of Z becomes one of dJ/dZ on the way."""
    from dsrl_ref.engines.kernels import columns as kernels

    residual, tape, product = block.X, block.tape, block.product
    residual -= block.target
    loss = 0.5 * float(_flat(residual) @ _flat(residual))
    dX, step = residual, 0.0  # dJ/dX_(i) is dX - step·product: of the last layer, the residual
    product[:] = 0.0
    rows, of_gradient = np.zeros((len(tape), 5)), np.zeros(len(tape) + 1)  # ⟨dJ/dZ_(i), ∇f(X_(i-1))⟩, layer by layer
    for i in range(len(tape) - 1, -1, -1):
        lanes = np.zeros((6, kernels.LANES))
        flat = _flat(dX), _flat(product), _flat(tape[i]), _flat(block.offset)
        kernels.backward_step(*flat, step, *thetas[i], lanes)
        in_w1, in_w2, past_b1, past_b2, in_data, in_product = lanes.sum(axis=1).tolist()
        w1, w2, _, _ = thetas[i]
        rows[i, :4] = in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2
        of_gradient[i] -= in_data
        of_gradient[i + 1] += in_product
        dX, step = tape[i], 1.0 / L[i]  # which holds dJ/dZ now
        if i or block.moved:
            block.curvature.apply(tape[i], out=product)
    if block.moved:
        of_gradient[0] += float(np.sum(product * block.x0))
    rows[:, 4] = of_gradient[:-1] / L / L
    return loss, rows


def _flat(matrix: Array) -> Array:
    """Give the entries of a contiguous matrix, in the same memory."""
    return matrix.reshape(-1)


class Columns:
    """A `LeastSquares`, prepared: nothing is kept between evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.layers = problem, int(problem.layers)

    def loss_and_gradient(self, theta: Theta, L: float) -> tuple[float, Array]:
        """Block by block, forward and back."""
        f, x0, target = self.problem.f, self.problem.x0, self.problem.target
        return loss_and_gradient(f, theta, L, self.layers, x0, target)

    def gauss_newton(self, theta: Theta, L: float) -> tuple[float, Array, Array]:
        """The same, and the tangents block by block."""
        matrix = gauss_newton(self.problem.f, theta, L, self.layers, self.problem.x0)
        return *self.loss_and_gradient(theta, L), matrix

    def ties(self, theta: Theta, L: float) -> int:
        """Block by block."""
        return ties(self.problem.f, theta, L, self.layers, self.problem.x0)


class LayeredColumns:
    """The same with one Θ and one L a layer."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def loss_and_gradient(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array]:
        """Block by block, forward and back."""
        return by_layer(self.problem.f, theta, L, self.problem.x0, self.problem.target)

    def gauss_newton(self, theta: tuple[Theta, ...], L: Array) -> tuple[float, Array, Array]:
        """The same, and the tangents in NumPy, block by block."""
        return *self.loss_and_gradient(theta, L), tangent.products_by_layer(self.problem, theta, L.tolist())

    def ties(self, theta: tuple[Theta, ...], L: Array) -> int:
        """Block by block."""
        return ties_by_layer(self.problem.f, theta, L, self.problem.x0)


ENGINE = Engine(
    "columns",
    "`LeastSquares`; compiled, forward and back by blocks of columns whose tape stays in the cache: memory does not "
    "grow with m",
    unless_least_squares,
    Columns,
    LayeredColumns,
)
