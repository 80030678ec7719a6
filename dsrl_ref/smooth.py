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

from collections.abc import Iterator
from typing import Any

import numpy as np

from dsrl_ref.arrays import Array, as_matrix, as_matrix_or_csr, as_number, is_sparse
from dsrl_ref.disk import as_data, home, in_memory, refuse_if_on_disk
from dsrl_ref.errors import SizeError
from dsrl_ref.spread import as_spread, is_spread
from dsrl_ref.threads import blas_threads, processors

LEAST_SINGULAR_VALUE = 1e-6  # of the largest: by what is smaller, `whitened` divides only where it is told to
LARGEST_WHITENED = 2**31  # bytes of a sparse D once it is dense


class Fidelity:
    """f(X) = ½‖X - W‖²_F.

    Parameters
    ----------
    W : array_like (n, m), scipy.sparse container, path of a .npy, iterable of blocks of rows, or dask array
        A C-contiguous float64 array is referred to, not copied; do not change it afterwards. A file, given as a memory
        map or a path, is read into memory if it takes less than 128 MiB as float64. A larger one stays there; of
        another type or order it is copied to a scratch file. An iterable, a generator too, is read once: its blocks
        (rows, m) are written to a scratch file. What then evaluates an `Objective` reads it by blocks. Of a dask array,
        whose chunks may be sparse, nothing is computed here: `Objective` and `fit` work where it is, see
        `dsrl_ref.distributed`.
    scratch : path-like, optional
        A folder for scratch files: copies of W, and W sorted, which takes twice its size while it is sorted and once as
        long as the objective lives. By default the folder that W is in, and that for temporary files for an iterable.
        They have no names, and are gone when nothing maps them any more, however the process ends.

    Raises
    ------
    ValueError, TypeError
        Unless `W` is a finite, real, non-empty matrix; the message names the first bad entry.
    DataFileError
        An OSError. For a file that cannot be read, or is cut short, and where there is no room for a copy.

    Examples
    --------
    >>> f = Fidelity([[1.0, 0.25]])
    >>> f.value([[0.0, 0.25]])
    0.5
    """

    def __init__(self, W: Any, *, scratch: Any = None) -> None:
        self.W = as_spread(W, "W") if is_spread(W) else as_data(W, "W", scratch)
        self.shape: tuple[int, int] = self.W.shape

    def __repr__(self) -> str:
        n, m = self.shape
        return f"Fidelity(W {n}×{m}{_how(self.W)})"

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
        The dictionary; a memory map is read into memory.
    Y : array_like (k, m), scipy.sparse container, path of a .npy, iterable of blocks of rows, or dask array
        The signals; stored dense. On disk as W of `Fidelity` is, and then read by blocks of columns. Of a dask array
        nothing is computed here.
    scratch : path-like, optional
        A folder for a copy of a Y on disk that is not of float64 in C order.

    Raises
    ------
    ValueError, TypeError
        Unless both are finite, real, non-empty matrices with the same number of rows.
    DataFileError
        An OSError, as of `Fidelity`.

    Examples
    --------
    >>> f = LeastSquares([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])
    >>> f.gradient([[1.0], [1.0]])
    array([[-4.],
           [-2.]])
    """

    def __init__(self, D: Any, Y: Any, *, scratch: Any = None) -> None:
        self.D = as_matrix_or_csr(in_memory(D, "D"), "D")
        Y = as_spread(Y, "Y") if is_spread(Y) else as_data(Y, "Y", scratch)
        self.Y: Any = Y.toarray() if is_sparse(Y) else Y
        if self.D.shape[0] != self.Y.shape[0]:
            raise ValueError(
                f"D has {self.D.shape[0]} rows (shape {self.D.shape}), but Y has {self.Y.shape[0]} (shape "
                f"{self.Y.shape}); column by column, D @ X must match Y"
            )
        self.shape = (self.D.shape[1], self.Y.shape[1])
        self._whitening: tuple[Array, Array] | None = None  # U and s, where D and Y are P times something: see whitened

    def __repr__(self) -> str:
        (k, n), m = self.D.shape, self.Y.shape[1]
        how = "" if self._whitening is None else f", whitened on rank {len(self._whitening[1])}"
        return f"LeastSquares(D {k}×{n}{_how(self.D)}, Y {k}×{m}{_how(self.Y)}{how})"

    @property
    def is_whitened(self) -> bool:
        """Whether it comes from `whitened`: the singular values of D are then 1 and 0 alone."""
        return self._whitening is not None

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
        with blas_threads(processors(), k * n * min(k, n)):
            return self._largest_eigenvalue()

    def _largest_eigenvalue(self) -> float:
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

    def start(self) -> Any:
        """Zeros, n×m; where Y is on disk one zero that is seen n·m times, and can only be read; of a dask Y, dask's."""
        if is_spread(self.Y):
            from dask.array import zeros

            return zeros(self.shape, chunks=(self.shape[0], self.Y.chunks[1]))
        return np.zeros(self.shape) if home(self.Y) is None else np.broadcast_to(0.0, self.shape)

    def apply_to(self, Y: Any) -> "LeastSquares":
        """The same term for other signals: the same D and, where this one is whitened, the same P.

        Parameters
        ----------
        Y : array_like (k, m) or scipy.sparse container
            New signals as they were measured, not whitened; any m.

        Returns
        -------
        LeastSquares

        Raises
        ------
        ValueError, TypeError
            As for a new `LeastSquares`; and where PY overflows.

        Examples
        --------
        >>> f = LeastSquares([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])
        >>> f.whitened().apply_to([[2.0, 8.0], [1.0, 5.0]]).Y
        array([[1., 4.],
               [1., 5.]])
        """
        other = LeastSquares(self.D, Y)
        if self._whitening is not None:
            other.Y, other._whitening = _whiten(other.Y, *self._whitening), self._whitening
        return other

    def whitened(self, *, rcond: float | None = None) -> "LeastSquares":
        """The term ½‖P(DX - Y)‖²_F with P = (DDᵀ)^-½: all that D lets through, it lets through alike.

        All singular values of PD are 1, so that steps of any length up to 2 lengthen nothing, 1/L = 1 among them, and
        a longer one lengthens the same for all signals; ∇f is Dᵀ(DDᵀ)⁻¹(DX - Y). In return, noise is amplified where D
        is weak.

        With the singular value decomposition D = U diag(s) Vᵀ it is PD = UVᵀ and PY = U diag(1/s) UᵀY, computed from D
        itself: DDᵀ has the squares of the singular values, of which float64 keeps half the digits. Where D has not
        full row rank, P acts on the range of D alone: U has a column for every singular value that is kept, and what
        of Y is outside of that range, which no X explains, is dropped. `repr` says on which rank.

        Parameters
        ----------
        rcond : float in [0, 1), optional
            Singular values up to ``rcond`` times the largest are dropped. By default those are that rounding of D
            explains, up to ``max(k, n)·2.2e-16`` times the largest, and D is refused if others are below 1e-6 times it.
            Whatever is given, those that rounding explains are dropped.

        Returns
        -------
        LeastSquares
            Of PD (k, n) and PY (k, m), both dense. It remembers P: ``apply_to(Y)`` whitens new signals. A term that is
            whitened already is returned as it is.

        Raises
        ------
        ValueError
            Where D is zero, or so ill-conditioned that its directions are neither there nor not: the message says how
            many, and what to pass. Where PY overflows.
        SizeError
            Where D is sparse and would take more than 2 GiB once it is dense.

        Examples
        --------
        >>> f = LeastSquares([[2.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.5, 0.0]], [[4.0], [1.0], [1.0]])
        >>> white = f.whitened()
        >>> white
        LeastSquares(D 3×3, Y 3×1, whitened on rank 2)
        >>> white.gradient(np.zeros((3, 1))).round(12) + 0.0
        array([[-2.],
               [-2.],
               [ 0.]])
        """
        if self._whitening is not None:
            return self
        refuse_if_on_disk("PY", [self.Y], "whiten a part of the columns, and others by apply_to")
        U, s, Vt = _decomposed(self.D, rcond)
        white = LeastSquares(U @ Vt, _whiten(self.Y, U, s))
        white._whitening = U, s
        return white


def portions(f: Fidelity | LeastSquares, X: Any, entries: int) -> Iterator[tuple[Any, Fidelity | LeastSquares, Array]]:
    """Cut f and a dense X into parts that do not interact, copied into memory, of about so many entries each.

    Yields
    ------
    place : pair of slices
        Where in X the part is: some entries of `Fidelity`, some columns of `LeastSquares`.
    part : Fidelity or LeastSquares
        f of these.
    X : ndarray
        X of these.
    """
    n, m = X.shape
    rows = n if isinstance(f, LeastSquares) else max(1, entries // m)
    columns = min(m, max(1, entries // rows))
    for i in range(0, n, rows):
        for j in range(0, m, columns):
            place = slice(i, i + rows), slice(j, j + columns)
            part = (
                LeastSquares(f.D, f.Y[:, place[1]]) if isinstance(f, LeastSquares) else Fidelity(np.array(f.W[place]))
            )
            yield place, part, np.array(X[place])


def multiplications(f: Any, shape: tuple[int, int]) -> int:
    """How many one product with the Hessian of f takes for an X of this shape; of your own f as if it were n×n."""
    n, m = shape
    if type(f) is Fidelity:
        return 0
    if type(f) is not LeastSquares:
        return n * n * m
    return int(f.D.nnz * m if is_sparse(f.D) else max(f.D.shape) * n * m)


def is_spread_term(f: Any) -> bool:
    """Whether f is a `Fidelity` of a dask array, or a `LeastSquares` of one."""
    return is_spread(getattr(f, "W", None)) or is_spread(getattr(f, "Y", None))


def _how(matrix: Any) -> str:
    """How `repr` says where the entries of a matrix are, if they are not all in memory."""
    if is_sparse(matrix):
        return ", sparse"
    return ", dask" if is_spread(matrix) else ", on disk" if home(matrix) is not None else ""


def _decomposed(D: Any, rcond: float | None) -> tuple[Array, Array, Array]:
    """U, s and Vᵀ of D = U diag(s) Vᵀ with the singular values that `LeastSquares.whitened` keeps, largest first."""
    k, n = D.shape
    if is_sparse(D):
        if 8 * k * n > LARGEST_WHITENED:
            raise SizeError(
                f"PD of the sparse D {k}×{n} is dense and would take {8 * k * n / 2**30:.3g} GiB, more than 2 GiB; "
                "whiten a part of the rows or columns, or use f as it is"
            )
        D = D.toarray()
    if rcond is not None and not 0 <= (rcond := as_number(rcond, "rcond")) < 1:
        raise ValueError(f"rcond must be at least 0 and less than 1, got {rcond}")
    with blas_threads(processors(), k * n * min(k, n)):
        U, s, Vt = np.linalg.svd(D, full_matrices=False)
    if s[0] == 0:
        raise ValueError("D is zero: there is nothing to whiten")
    rounding = max(k, n) * np.finfo(np.float64).eps
    shares = s / s[0]
    if rcond is None:
        unclear = (shares > rounding) & (shares < LEAST_SINGULAR_VALUE)
        if unclear.any():
            raise ValueError(
                f"D is ill-conditioned: {np.sum(unclear)} of its {len(s)} singular values are below "
                f"{LEAST_SINGULAR_VALUE:g} of the largest, down to {shares[unclear].min():.2g}, and too large to be "
                f"rounding. Pass rcond={LEAST_SINGULAR_VALUE:g} to drop these directions, or rcond=0 to keep them; "
                "where only the units of the rows differ, divide each row of D and Y by the length of that of D first"
            )
    kept = shares > max(rounding, rcond or 0.0)
    return U[:, kept], s[kept], Vt[kept]


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused
def _whiten(Y: Any, U: Array, s: Array) -> Any:
    """PY = U diag(1/s) UᵀY."""
    white = U @ ((U.T @ Y) / s[:, np.newaxis])
    if is_spread(white):
        return white  # what is not finite is seen where it is computed
    if not np.isfinite(white).all():
        raise ValueError(
            f"PY overflows float64: Y is too large for the smallest singular value {s[-1]:.3g} of D; scale Y"
        )
    return as_matrix(white, "Y")
