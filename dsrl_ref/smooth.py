"""The smooth terms f: Fidelity and LeastSquares.

How to add your own f
---------------------
1. Write a class with the five methods of `dsrl_ref.appendix.SmoothTerm`, where an example stands; nothing is inherited
   or registered. It must be twice differentiable, and its Hessian symmetric. X arrives read-only.
2. Let `dsrl_ref.check_smooth_term` compare the methods with each other, and `dsrl_ref.check_gradient` judge the
   gradient of a whole network.
3. All engines for any f take it, with a ``target=``. A subclass of `Fidelity` or `LeastSquares` is a term of your own
   as well, since it may do anything: the engines made for these two refuse it.
"""

from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, as_matrix_or_csr, is_sparse


class Fidelity:
    """f(X) = ½‖X - W‖²_F.

    Parameters
    ----------
    W : array_like (n, m) or scipy.sparse container
        A C-contiguous float64 array is referred to, not copied; do not change it afterwards.

    Raises
    ------
    ValueError, TypeError
        Unless `W` is a finite, real, non-empty matrix; the message names the first bad entry.

    Examples
    --------
    >>> f = Fidelity([[1.0, 0.25]])
    >>> f.value([[0.0, 0.25]])
    0.5
    """

    def __init__(self, W: Any) -> None:
        self.W = as_matrix_or_csr(W, "W")
        self.shape: tuple[int, int] = self.W.shape

    def __repr__(self) -> str:
        n, m = self.shape
        return f"Fidelity(W {n}×{m}{', sparse' if is_sparse(self.W) else ''})"

    def value(self, X: Any) -> float:
        """½‖X - W‖²_F."""
        difference = X - self.W
        return 0.5 * float((difference.multiply(difference) if is_sparse(difference) else difference**2).sum())

    def gradient(self, X: Any) -> Any:
        """X - W, in the shape of X; sparse if both are."""
        return X - self.W

    def hessian_product(self, V: Any, X: Any) -> Any:
        """V: the Hessian is the identity."""
        return V

    def lipschitz(self) -> float:
        """1."""
        return 1.0

    def start(self) -> Any:
        """W."""
        return self.W


class LeastSquares:
    """f(X) = ½‖DX - Y‖²_F, with one signal per column of Y.

    Parameters
    ----------
    D : array_like (k, n) or scipy.sparse container
        The dictionary.
    Y : array_like (k, m) or scipy.sparse container
        The signals; stored dense.

    Raises
    ------
    ValueError, TypeError
        Unless both are finite, real, non-empty matrices with the same number of rows.

    Examples
    --------
    >>> f = LeastSquares([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])
    >>> f.gradient([[1.0], [1.0]])
    array([[-4.],
           [-2.]])
    """

    def __init__(self, D: Any, Y: Any) -> None:
        self.D = as_matrix_or_csr(D, "D")
        Y = as_matrix_or_csr(Y, "Y")
        self.Y: Array = Y.toarray() if is_sparse(Y) else Y
        if self.D.shape[0] != self.Y.shape[0]:
            raise ValueError(
                f"D has {self.D.shape[0]} rows (shape {self.D.shape}), but Y has {self.Y.shape[0]} (shape "
                f"{self.Y.shape}); column by column, D @ X must match Y"
            )
        self.shape = (self.D.shape[1], self.Y.shape[1])

    def __repr__(self) -> str:
        (k, n), m = self.D.shape, self.Y.shape[1]
        return f"LeastSquares(D {k}×{n}{', sparse' if is_sparse(self.D) else ''}, Y {k}×{m})"

    def value(self, X: Any) -> float:
        """½‖DX - Y‖²_F."""
        return 0.5 * float(np.sum((self.D @ X - self.Y) ** 2))

    def gradient(self, X: Any) -> Array:
        """Dᵀ(DX - Y), n×m."""
        return self.D.T @ (self.D @ X - self.Y)

    def hessian_product(self, V: Any, X: Any) -> Array:
        """Dᵀ D V, n×m."""
        return self.D.T @ (self.D @ V)

    def lipschitz(self) -> float:
        """The largest eigenvalue of DᵀD, by the smaller of the two Gram matrices; inf where that overflows."""
        k, n = self.D.shape
        with np.errstate(over="ignore"):
            gram = self.D @ self.D.T if k < n else self.D.T @ self.D
        largest = float(abs(gram).max())
        if not 0 < largest < np.inf:
            return largest if largest == 0 else np.inf  # NaN is inf - inf
        if not is_sparse(gram) or min(k, n) < 16:  # too small for Lanczos vectors
            return float(np.linalg.eigvalsh(gram.toarray() if is_sparse(gram) else gram)[-1])
        from scipy.sparse.linalg import eigsh

        start = np.cos(np.arange(min(k, n)))  # of no symmetry, which D may have
        return float(eigsh(gram, k=1, v0=start, return_eigenvectors=False)[0])

    def start(self) -> Array:
        """Zeros, n×m."""
        return np.zeros(self.shape)
