"""The system that labels spread by, of a graph on workers: products happen there, vectors are the caller's."""

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.multiview.conjugate import System
from dsrl_ref.multiview.spread.blocks import Blocks, States


class SpreadSystem(System):
    """diag(diagonal) - factor·W of `Blocks`. The bits of a product are those that it has in one process."""

    W: Any  # Blocks

    def __matmul__(self, X: Array) -> Array:
        """The product with a matrix (n, c), which is sent to every block of W."""
        product = self.diagonal[:, np.newaxis] * X
        product -= self.factor * (self.W @ X)
        return product

    def sizes(self, X: Array) -> Array:
        """As of `System`."""
        largest: Array = (SpreadSystem(self.W, self.diagonal, -self.factor) @ np.abs(X)).max(axis=0)
        return largest

    def toarray(self) -> Array:
        """The whole of it, dense; asked for where samples are few."""
        graph = self.W.gathered("spreading labels over few samples brings", "fit views in memory")
        return System(graph, self.diagonal, self.factor).toarray()

    def across(self, kept: NDArray[np.bool_], X: Array) -> Array:
        """As of `System`: the rows that are kept, of the product with what is X at the others and 0 where they are."""
        whole = np.zeros((len(kept), X.shape[1]))
        whole[~kept] = X
        product: Array = (self.W @ whole)[kept]
        return product

    def among(self, kept: NDArray[np.bool_]) -> "SpreadSystem":
        """The same of some of the rows and columns."""
        ends = np.concatenate([[0], np.cumsum(kept)])[[0, *(block.stop for block in self.W.rows)]].tolist()
        own = [slice(a, b) for a, b in pairwise(ends)]
        W = Blocks.of(self.W.place, own, ends[-1], _among, States(self.W.rows), self.W, kept)
        return SpreadSystem(W, self.diagonal[kept], self.factor)

    @cached_property
    def _own(self) -> Array:
        own: Array = self.diagonal - self.factor * self.W.diagonal()
        return own

    @property
    def own(self) -> Array:
        """The entries of the diagonal, those of W included."""
        return self._own


def _among(block: slice, before: slice, rows: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    return csr_array(rows[kept[before]][:, kept])
