"""Labels that spread over a graph from the labelled samples to all others."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dsrl_ref.arrays import Array
from dsrl_ref.memory import require_room
from dsrl_ref.multiview.assembly import components
from dsrl_ref.multiview.conjugate import System, solved
from dsrl_ref.multiview.spread.blocks import Blocks
from dsrl_ref.multiview.spread.system import SpreadSystem
from dsrl_ref.progress import Progress
from dsrl_ref.threads import blas_threads

PROPAGATION = "balanced", "one-hot", "normalized", "poisson"
ALPHA = 10.0
DENSE = 2_500  # samples up to which a dense factorisation is faster
MOST = 1e12  # alpha times the largest degree: four digits are left then of what I adds
SHELL = 1e-6  # of the largest entry: what is below it is solved again
COPIES = 10  # of the sources, which are held while they are solved for
WHAT = "spreading labels"
POISSON = "propagation='poisson' looks at the components of", "take propagation='balanced'"
COPIED = 4.0  # times the graph, which Poisson's equation holds
LEFT = 1e-8  # of the largest source: what Poisson's equation may leave in any row


def propagate(
    W: csr_array | Blocks, labellings: Sequence[NDArray[np.intp]], classes: int, form: str, alpha: float | None
) -> list[Array]:
    """Spread several labellings of the same samples over one graph.

    Parameters
    ----------
    W : csr_array or Blocks (n, n)
        Symmetric, nonnegative.
    labellings : sequence of ndarray (n,)
        Codes of classes; negative is unlabelled.
    classes : int
        c.
    form : {"balanced", "one-hot", "normalized", "poisson"}
        As for `DSRLClassifier`.
    alpha : float or None
        How far labels spread, in units of the mean degree; None for the authors' 1, which has no units. "poisson" has
        no such number, and does not look at it.

    Returns
    -------
    list of ndarray (n, c)
        For each, F of (I + αL) F = sources, or the shares that `poisson_shares` makes of u; rows of 0 where no source
        reaches.

    Raises
    ------
    SizeError
        For more classes than fit.
    ValueError
        For an alpha beside which float64 does not see I, and for a graph whose weights are so different that float64
        does not hold u.
    """
    n, count = W.shape[0], classes * len(labellings)
    require_room(
        COPIES * 8 * n * count, f"labels y: what {classes} classes have of {n} samples each", "take fewer classes"
    )
    if form == "poisson":
        return _poisson(W if isinstance(W, csr_array) else W.gathered(*POISSON, COPIED), labellings, classes)
    columns = np.hstack([_sources(codes, classes, form == "balanced") for codes in labellings])
    degrees = W.sum(axis=1)
    reach = 1.0 if alpha is None else alpha
    if form == "normalized":
        W, degrees = _normalised(W, degrees), (degrees > 0).astype(np.float64)
    unit = float(degrees.mean()) or 1.0 if alpha is not None and form != "normalized" else 1.0
    largest = float(degrees.max()) / unit
    if not reach * largest <= MOST:
        size = f"alpha = {reach:g} times the largest degree, {largest:g},"
        raise ValueError(f"{size} is too large for float64, {MOST:g} at most; take a smaller alpha")
    kind = System if isinstance(W, csr_array) else SpreadSystem
    found = _solved(kind(W, 1 + reach * (degrees / unit), reach / unit), columns)
    return np.split(found, len(labellings), axis=1)


def distributions(F: Array) -> Array:
    """Rows that sum to 1; uniform where no source reaches."""
    positive = np.maximum(F, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1.0), 1 / F.shape[1])


def _poisson(W: csr_array, labellings: Sequence[NDArray[np.intp]], classes: int) -> list[Array]:
    """Shares of the classes by Poisson learning (Calder, Cook, Thorpe and Slepčev 2020), for each labelling.

    Theirs is L u = Σ_j (y_j - ȳ) δ_j over the labelled samples j, with L = D - W and ȳ the mean of their y_j: sources
    of each class add up to 0, so that a connected graph has a solution, and one with Σ_i d_i u_i = 0. Their factors
    b/ȳ, for classes of known shares b, are taken with equal shares, so that no class wins by having more labels:
    L u_k = Σ_{j in k} δ_j / m_k - Σ_j δ_j / m, with m_k labels of class k, and m in all. Here every component has its
    own equation, with its own labels. Where all of them are of one class its u is 0.
    """
    W = csr_array(W, copy=True)
    W.eliminate_zeros()
    parts = components(W)
    columns = np.hstack([_centred_sources(codes, classes, parts) for codes in labellings])
    u = np.zeros(columns.shape)
    joined = np.flatnonzero(W.sum(axis=1) > 0)
    if joined.size:
        u[joined] = _solved_with_mean_0(csr_array(W[joined][:, joined]), parts[joined], columns[joined])
    found = np.split(u, len(labellings), axis=1)
    return [poisson_shares(each, codes, parts) for each, codes in zip(found, labellings, strict=True)]


def poisson_shares(u: Array, codes: NDArray[np.intp], parts: NDArray[np.intp]) -> Array:
    """What a sample's u says of its class, as shares of sum 1 that grow with u; rows of 0 where no label reaches.

    In each component of the graph, those classes have a share that have a label there: exp(u/s) divided by its sum
    over them. The unit s is how much u usually differs between classes there: the median over the samples of the
    standard deviation of a row, the largest if that is 0. It depends neither on the weights' unit nor on single samples
    that hang by a thread.

    Parameters
    ----------
    u : ndarray (n, c)
        Solution of Poisson's equation.
    codes : ndarray (n,)
        Codes of classes; negative is unlabelled.
    parts : ndarray (n,)
        The component of each sample.
    """
    shares = np.zeros(u.shape)
    for part in np.unique(parts[codes >= 0]):
        members = np.flatnonzero(parts == part)
        present = np.unique(codes[members][codes[members] >= 0])
        own = u[np.ix_(members, present)]
        largest = float(np.abs(own).max()) or 1.0  # squares of what is larger may leave float64
        sizes = (own / largest).std(axis=1)
        usual = float(np.median(sizes)) or float(sizes.max()) or 1.0
        powers = np.exp((own - own.max(axis=1, keepdims=True)) / largest / usual)
        shares[np.ix_(members, present)] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _centred_sources(codes: NDArray[np.intp], classes: int, parts: NDArray[np.intp]) -> Array:
    """For every class and component 1, shared by its labelled samples, less 1, shared by all that are labelled there.

    A class that has no label in a component has no source there.
    """
    labelled = np.flatnonzero(codes >= 0)
    own, place = codes[labelled], parts[labelled]
    counts = np.zeros((parts.max() + 1, classes))
    np.add.at(counts, (place, own), 1.0)
    columns = np.zeros((len(codes), classes))
    columns[labelled] = np.where(counts[place] > 0, -1 / counts[place].sum(axis=1, keepdims=True), 0.0)
    columns[labelled, own] += 1 / counts[place, own]
    return columns


def _solved_with_mean_0(W: csr_array, parts: NDArray[np.intp], columns: Array) -> Array:
    """Solve L u = columns with Σ d_i u_i = 0 in each component, of which none is a single sample.

    Of L the constants of a component are the kernel. L + Σ d dᵀ / Σd, over the components, is positive definite, and
    as the columns add up to 0 in each, its solution is that of L whose weighted mean is 0: multiply by 1ᵀ. Conjugate
    gradients that begin at 0 and are scaled by D⁻¹ keep the mean 0 by themselves.
    """
    degrees = W.sum(axis=1)
    laplacian = System(W, degrees, 1.0)
    largest = np.abs(columns).max(axis=0)
    scaled = columns / np.where(largest > 0, largest, 1.0)
    if len(parts) <= DENSE:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        _, places = np.unique(parts, return_inverse=True)
        totals = np.bincount(places, weights=degrees)
        means = csr_array((degrees / np.sqrt(totals[places]), (np.arange(len(parts)), places)))
        try:
            with blas_threads(1):
                dense = laplacian.toarray() + (means @ means.T).toarray()
                factor = cho_factor(dense, lower=True, overwrite_a=True)
                u = cho_solve(factor, scaled)
                u += cho_solve(factor, scaled - laplacian @ u - means @ (means.T @ u))
        except LinAlgError:
            u = np.full(scaled.shape, np.nan)
    else:
        with Progress(WHAT) as progress:  # what is left is judged below
            u = solved(laplacian, scaled, lambda share: progress.tell("Poisson's equation", share))[0]
    if not (np.abs(laplacian @ u - scaled) <= LEFT).all():
        raise ValueError(
            "propagation='poisson': parts of the graph hang together by weights so small that float64 does not hold "
            "the solution; take propagation='balanced', or keep more edges"
        )
    return u * largest


def _sources(codes: NDArray[np.intp], classes: int, balanced: bool) -> Array:
    """One column a class: 1 at its labelled samples, or one part in their number."""
    labelled = np.flatnonzero(codes >= 0)
    columns = np.zeros((len(codes), classes))
    columns[labelled, codes[labelled]] = 1.0
    return columns / np.maximum(columns.sum(axis=0), 1.0) if balanced else columns


def _normalised(W: csr_array | Blocks, degrees: Array) -> csr_array | Blocks:
    """D^(-½) W D^(-½), with the indices of W."""
    inverse = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0)
    return _scaled(slice(None), W, inverse) if isinstance(W, csr_array) else W.mapped(_scaled, inverse)


def _scaled(block: slice, rows: csr_array, factors: Array) -> csr_array:
    """Some rows of a graph whose rows and columns are multiplied by factors."""
    data = np.repeat(factors[block], np.diff(rows.indptr))
    data *= factors[rows.indices]
    data *= rows.data
    return csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def _solved(system: System, columns: Array) -> Array:
    """Solve with a symmetric positive definite matrix, for any number of right-hand sides."""
    if len(columns) > DENSE:
        return _in_shells(system, columns)
    from scipy.linalg import cho_factor, cho_solve  # before the limit, which is then on this library too

    with blas_threads(1):  # by more of them it would be rounded in another way
        factor = cho_factor(system.toarray(), lower=True, overwrite_a=True)
        solution: Array = cho_solve(factor, columns)
    return solution


def _in_shells(system: System, columns: Array) -> Array:
    """Solve by conjugate gradients, which are exact to a share of the largest entry only.

    What is far from all sources is smaller than that error: it is solved again by itself, from what is around it.
    """
    found, rest = np.zeros_like(columns), np.arange(len(columns))
    with Progress(WHAT) as progress:
        while True:
            sizes = np.abs(columns).max(axis=0)
            sizes[sizes == 0] = 1.0  # squares of what is left of far sources would vanish
            told = f"{len(rest)} of {len(found)} samples"
            solution, converged = solved(system, columns / sizes, partial(progress.tell, told))
            if not converged.all():
                raise ValueError("the propagation did not converge: alpha is too large for float64; take a smaller one")
            solution *= sizes
            found[rest] = solution
            largest = np.abs(solution).max(axis=1)
            far = largest < SHELL * largest.max()
            if not far.any():
                return found
            columns = columns[far] + system.factor * system.across(far, solution[~far])
            system, rest = system.among(far), rest[far]
