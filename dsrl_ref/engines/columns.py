"""LeastSquares only: reverse mode by blocks of columns, which do not interact.

A block goes forward and back through all layers before the next block begins. Its tape, which is Z of every layer, so
stays in the cache, and memory does not grow with the number of columns.

∇f is neither on the tape nor formed again on the way back. What it adds to dJ/dL_i is the inner product of dJ/dZ_(i)
with ∇f = DᵀDX - DᵀY, which equals ⟨DᵀD·dZ, X⟩ - ⟨dZ, DᵀY⟩; and DᵀD·dZ is formed in any case, for
dJ/dX = dZ - DᵀD·dZ/L. The terms of the layers are kept apart all the way, as that takes no longer: where all layers
share one Θ and one L, they are added up at the end.

The Gauss-Newton matrix takes the same way forward, which leaves ∇f on the tape instead of Z. Then the sensitivities of
a few columns at a time are carried through the layers, five of a network that shares Θ, five more in each layer of one
that does not. They are 0 where X is, so products take only the rows of DᵀD in which a column at hand is active.

Z is formed as X - step·(DᵀDX - DᵀY), not with Dᵀ(DX - Y): the two round differently, so that an entry may be on a knot
here and beside it there. `Columns.ties` counts what this engine has on its knots.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsrl_ref.arrays import Array, is_sparse
from dsrl_ref.engines.engine import Constants, Engine, Thetas, as_they_are, unless_least_squares
from dsrl_ref.engines.forward import on_knots
from dsrl_ref.engines.panels import gram_overflows
from dsrl_ref.engines.parts import add_exactly, whole_matrix
from dsrl_ref.engines.problem import Layers, Problem

BLOCK_ENTRIES = 29 * 2**18  # 58 MiB: the last level of cache, or little more; narrower products take longer
BESIDES = 3  # matrices that a block keeps besides its tape: X, DᵀDV, and DᵀY
TANGENTS = 128  # columns of a product with sensitivities, or more: what makes up for gathering rows of DᵀD
TANGENT_WORK = 2**21  # multiplications of such a product, or more: what makes up for the calls around it
GATHERED = 2**18  # entries of DᵀD that are gathered at once, 2 MiB
MOST_MULTIPLICATIONS = 2**33  # the most multiplications in one product, as Ctrl-C waits for its end
SPARSE = 8  # a multiplication by a stored entry of a sparse D takes as long as so many of a dense product

Rows: TypeAlias = NDArray[np.int64]  # numbers of rows, ascending


class Curvature:
    """Products with DᵀD: by DᵀD itself, formed once, or by D and then Dᵀ, whichever is less work.

    A DᵀD that overflows is not formed: where X is small, its product with D may be finite.

    Parameters
    ----------
    D : ndarray or csr_array (k, n)
        The dictionary.
    columns : int
        How many columns an evaluation multiplies by DᵀD in all: those of X in every layer, forward and back.

    Attributes
    ----------
    gram : ndarray (n, n) or None
        DᵀD, where products are formed with it.
    work : int
        Multiplications a column of the larger of the products that one application takes.
    """

    def __init__(self, D: Any, columns: int) -> None:
        self.D, n = D, D.shape[1]
        pays, self.work, forming = effort(D, columns)
        self.gram = _gram(D, max(1, int(MOST_MULTIPLICATIONS * n // max(1, forming)))) if pays else None

    def apply(self, V: Array, out: Array) -> None:
        """Put DᵀDV into `out`."""
        if self.gram is None:
            out[:] = self.D.T @ (self.D @ V)
        else:
            np.matmul(self.gram, V, out=out)

    def apply_listed(self, V: Array, before: Rows, rows: Rows) -> Array:
        """Form the listed `rows` of DᵀDV, where V has the rows `before` of a matrix that is 0 in all others."""
        from dsrl_ref.engines.kernels import columns as kernels

        out = np.empty((len(rows), V.shape[1]))
        if self.gram is None:
            D, width = self.D[:, before], max(1, MOST_MULTIPLICATIONS // self.work)
            for start in range(0, V.shape[1], width):
                out[:, start : start + width] = self.D[:, rows].T @ (D @ V[:, start : start + width])
            return out
        whole = len(rows) == len(before) == len(self.gram)
        height = max(1, MOST_MULTIPLICATIONS // max(1, V.size) if whole else GATHERED // max(1, len(before)))
        room = np.empty((0 if whole else min(height, len(rows)), len(before)))
        for start in range(0, len(rows), height):
            part = rows[start : start + height]
            if not whole:
                kernels.gather(self.gram, part, before, room)
            left = self.gram[start : start + height] if whole else room[: len(part)]
            np.matmul(left, V, out=out[start : start + height])
        return out


def effort(D: Any, columns: int) -> tuple[bool, int, float]:
    """Tell whether forming DᵀD pays, for so many columns that are multiplied by it, and what things take.

    Returns
    -------
    pays : bool
        Whether products are formed with DᵀD, which does not overflow.
    work : int
        Multiplications a column of the larger of the products that one application takes.
    forming : float
        Multiplications that DᵀD itself takes, twice as many as where half of it is formed.
    """
    k, n = D.shape
    entries = SPARSE * D.nnz if is_sparse(D) else D.size  # by the time they take
    forming = entries * D.nnz / k if is_sparse(D) else entries * n
    halved = forming <= MOST_MULTIPLICATIONS and not is_sparse(D)  # NumPy forms half of a symmetric product
    once = 0.5 if halved else 1.0
    pays = once * forming + n * n * columns <= 1.1 * 2 * entries * columns  # one product is worth a tenth
    pays = pays and not gram_overflows(D)
    return pays, max(1, entries, n * n if pays else 0), forming


def _gram(D: Any, rows: int) -> Array:
    """Form DᵀD, `rows` rows at a time, so that no single product takes long."""
    n = D.shape[1]
    gram = np.empty((n, n))
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        if is_sparse(D):
            gram[part] = (D[:, part].T @ D).toarray()
        else:
            np.matmul(D[:, part].T, D, out=gram[part])
    return gram


def products_with_gram(problem: Problem) -> int:
    """How many columns an evaluation multiplies by DᵀD: those of all of X in each layer, forward and back."""
    return 2 * int(problem.layers) * problem.whole_columns


def columns_of_block(D: Any, layers: int, work: int) -> int:
    """How many columns go forward and back together, where there are as many; `work` is that of `Curvature`."""
    k, n = D.shape
    entries = (layers + BESIDES + 1) * n + k  # a column, with what products need on the way
    return max(1, min(BLOCK_ENTRIES // entries, MOST_MULTIPLICATIONS // work))


def columns_of_problem(problem: Problem) -> int:
    """The same of a problem that is not prepared."""
    D = problem.f.D  # type: ignore[attr-defined]
    _, work, _ = effort(D, products_with_gram(problem))
    return columns_of_block(D, int(problem.layers), work)


class Block(NamedTuple):
    """Some columns after the forward pass. All matrices are n×(columns of the block), in memory of their own.

    `tape` has a matrix of each layer, and `residual` is X_(t) - X̃; `product` is room for DᵀDV, and `offset` is DᵀY.
    `moved` tells whether x0 has entries that are not 0: without, no product is needed next to it.
    """

    tape: Sequence[Array]
    residual: Array
    product: Array
    offset: Array
    x0: Array
    moved: bool

    @property
    def loss(self) -> float:
        """J of these columns, (8)."""
        return 0.5 * float(_flat(self.residual) @ _flat(self.residual))


Forward: TypeAlias = Callable[[Block, Layers, Curvature], None]


class Columns(Generic[Thetas, Constants]):
    """A `LeastSquares`, prepared: DᵀD is kept between evaluations, where products are formed with it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.curvature = Curvature(problem.f.D, products_with_gram(problem))  # type: ignore[attr-defined]

    def loss_and_gradient(self, theta: Thetas, L: Constants) -> tuple[float, Array]:
        """Block by block, forward and back."""
        return as_they_are(self.problem, add_exactly(self.terms(theta, L)), theta, L)

    def terms(self, theta: Thetas, L: Constants) -> Array:
        """J and its derivatives of each block, a row each."""
        layers = self.problem.of_layers(theta, L)
        sums = []
        for block in self._blocks(layers, _forward):
            loss = block.loss
            sums.append([loss, *self.problem.added(_back(block, layers, self.curvature)).ravel().tolist()])
        return np.array(sums)

    def gauss_newton(self, theta: Thetas, L: Constants) -> tuple[float, Array, Array]:
        """Block by block, forward, and again with sensitivities for some columns at a time, without their products."""
        loss, *sums = add_exactly(self.gauss_newton_terms(theta, L))
        count = self.problem.parameters
        gradient = np.reshape(sums[:count], (-1, 5) if self.problem.per_layer else 5)
        return loss, gradient, whole_matrix(sums[count:], count)

    def gauss_newton_terms(self, theta: Thetas, L: Constants) -> Array:
        """J, its derivatives and the upper triangle of the matrix of each block, a row each."""
        layers, count = self.problem.of_layers(theta, L), self.problem.parameters
        n, _ = self.problem.x0.shape
        width, triangle = (
            max(1, TANGENTS // max(1, count), TANGENT_WORK // max(1, n * n * count)),
            np.triu_indices(count),
        )
        rows = []
        for block in self._blocks(layers, _forward_by_gradients):
            loss, gradient, matrix = block.loss, np.zeros(count), np.zeros((count, count))
            for start in range(0, block.x0.shape[1], width):
                of_part, products = self._products(block, slice(start, start + width), layers)
                gradient += of_part
                matrix += products
            rows.append(np.concatenate([[loss], gradient, matrix[triangle]]))
        return np.array(rows)

    def ties(self, theta: Thetas, L: Constants) -> int:
        """Count the entries of Z_(1), ..., Z_(t) on a knot, as these blocks form Z: X - step·(DᵀDX - DᵀY)."""
        layers, found = self.problem.of_layers(theta, L), 0
        for block in self._blocks(layers, _forward):
            found += sum(on_knots(Z, own) for Z, (own, _) in zip(block.tape, layers, strict=True))
            if not np.isfinite(block.residual).all():
                self.problem.require_finite_layers(theta, L)
        return found

    def errors(self, theta: Thetas, L: Constants) -> Array:
        """‖x_t - x̃‖² of every column, block by block, forward alone."""
        blocks = self._blocks(self.problem.of_layers(theta, L), _forward)
        return np.concatenate([np.einsum("nm,nm->m", block.residual, block.residual) for block in blocks])

    def _blocks(self, layers: Layers, forward: Forward) -> Iterator[Block]:
        """Run some columns forward, then the next in the same memory: done with a block is who asks for the next."""
        (n, m), D, Y = self.problem.x0.shape, self.problem.f.D, self.problem.f.Y  # type: ignore[attr-defined]
        width = min(m, columns_of_block(D, len(layers), self.curvature.work))
        room = np.empty((len(layers) + BESIDES, n * width))
        for start in range(0, m, width):
            columns = slice(start, start + width)
            x0, target = self.problem.x0[:, columns], self.problem.target[:, columns]
            *tape, X, product, offset = room[:, : x0.size].reshape(-1, *x0.shape)
            X[:] = x0
            offset[:] = D.T @ Y[:, columns]
            block = Block(tape, X, product, offset, x0, bool(x0.any()))
            forward(block, layers, self.curvature)
            X -= target
            yield block

    def _products(self, block: Block, part: slice, layers: Layers) -> tuple[Array, Array]:
        """The derivatives and the matrix of some columns of a block."""
        rows, dX = self._tangents(block, part, layers)
        residual, count = block.residual[rows, part], self.problem.parameters
        dX = dX.reshape(len(rows), count, residual.shape[1]).swapaxes(0, 1).reshape(count, residual.size)
        return dX @ residual.ravel(), dX @ dX.T  # (10), (15)

    def _tangents(self, block: Block, part: slice, layers: Layers) -> tuple[Rows, Array]:
        """dX_(t) of some columns, (rows, parameters·columns), and which rows of X these are: it is 0 in all others."""
        from dsrl_ref.engines.kernels import columns as kernels

        X = np.array(block.x0[:, part])
        n, width = X.shape
        Z, listed, slopes = np.empty_like(X), np.empty(n, np.int64), np.empty(self.problem.parameters * width)
        rows, dX = listed[:0], np.empty((0, 0))
        for (theta, L), first, tape in zip(layers, self.problem.places, block.tape, strict=True):
            before, g = rows, np.ascontiguousarray(tape[:, part])
            rows = listed[: kernels.forward_listed(X, g, 1.0 / L, *theta, Z, listed)].copy()
            product = self.curvature.apply_listed(dX, before, rows)
            carried = np.empty((len(rows), max(dX.shape[1], (first + 5) * width)))
            kernels.forward_tangents(before, dX, product, rows, Z, g, 1.0 / L, *theta, first, slopes, carried)
            dX = carried
        return rows, dX


def _forward(block: Block, layers: Layers, curvature: Curvature) -> None:
    """Fill the tape with Z_(1), ..., Z_(t), and bring X, which `residual` holds on the way, from X_(0) to X_(t)."""
    from dsrl_ref.engines.kernels import columns as kernels

    X, offset = _flat(block.residual), _flat(block.offset)
    for i, (Z, (theta, L)) in enumerate(zip(block.tape, layers, strict=True)):
        _put_product(block, curvature, i, Z)
        kernels.forward_layer(X, _flat(Z), offset, 1.0 / L, *theta)


def _forward_by_gradients(block: Block, layers: Layers, curvature: Curvature) -> None:
    """The same by the same operations, and ∇f(X_(0)), ..., ∇f(X_(t-1)) on the tape."""
    from dsrl_ref.engines.kernels import columns as kernels

    X, product = block.residual, block.product
    for i, (g, (theta, L)) in enumerate(zip(block.tape, layers, strict=True)):
        _put_product(block, curvature, i, product)
        np.subtract(product, block.offset, out=g)
        kernels.forward_layer(_flat(X), _flat(product), _flat(block.offset), 1.0 / L, *theta)


def _put_product(block: Block, curvature: Curvature, layer: int, out: Array) -> None:
    """Put DᵀDX_(layer) into `out`, on the way forward."""
    if layer or block.moved:
        curvature.apply(block.residual, out=out)
    else:
        out[:] = 0.0


def _back(block: Block, layers: Layers, curvature: Curvature) -> Array:
    """The derivatives (t, 5) of a block, whose tape of Z becomes one of dJ/dZ on the way."""
    from dsrl_ref.engines.kernels import columns as kernels

    tape, product = block.tape, block.product
    dX, step = block.residual, 0.0  # dJ/dX_(i) is dX - step·product: of the last layer, the residual
    product[:] = 0.0
    below, offset = _flat(product), _flat(block.offset)
    lanes = np.zeros((len(tape), 6, kernels.LANES))
    for i in range(len(tape) - 1, -1, -1):
        theta, L = layers[i]
        kernels.backward_layer(_flat(dX), below, _flat(tape[i]), offset, step, 1.0 / L, *theta, lanes[i])
        dX, step = tape[i], 1.0 / L  # which holds dJ/dZ now
        if i or block.moved:
            curvature.apply(tape[i], out=product)
    in_w1, in_w2, past_b1, past_b2, in_data, in_product = lanes.sum(axis=2).T
    w1, w2, _, _ = np.array([theta for theta, _ in layers]).reshape(-1, 4).T
    constants = np.array([L for _, L in layers])
    of_gradient = -in_data  # ⟨dJ/dZ_(i), ∇f(X_(i-1))/L_i⟩, layer by layer
    of_gradient[1:] += in_product[:-1]
    if block.moved and len(tape):
        of_gradient[0] += np.sum(step * product * block.x0)
    return np.column_stack([in_w1, in_w2, -w1 * past_b1, (w1 - w2) * past_b2, of_gradient / constants])


def _flat(matrix: Array) -> Array:
    """Give the entries of a contiguous matrix, in the same memory."""
    return matrix.reshape(-1)


ENGINE = Engine(
    "columns",
    "`LeastSquares`; compiled, forward and back by blocks of columns whose tape stays in the cache: memory does not "
    "grow with m, and Y, x0 and the target may be on disk",
    unless_least_squares,
    Columns,
    Columns,
    cut=columns_of_problem,
    reads_disk=True,
)
