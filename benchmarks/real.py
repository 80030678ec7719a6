"""The rows on recovery of signals that nobody made up: codes of a photograph's and of handwritten digits' patches.

What scikit-learn ships without a download is cut into patches of 8×8 pixels. A dictionary A (64, n) of unit atoms is
learned from those to learn from, and each patch P is coded by orthogonal matching pursuit with `ATOMS` atoms: these
codes X (n, m) are the signals. They are measured by a Gaussian D (k, n), Y = DX and noise of 40 dB in each, and each
measurement is scaled to unit length, as its receiver can do. A method learns from codes of one photograph, or of the
first digits, and is measured on those of another photograph, or of the last digits: the NMSE of the codes, as in
`benchmarks.recovery`, and the peak signal-to-noise ratio of the pixels of A·X, where 1 is white.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import unrolled
from benchmarks.measure import Result
from benchmarks.recovery import (
    PEER_SIGNALS_SEED,
    QUICK,
    SHOWN,
    SMALLEST,
    Array,
    Drawn,
    Learned,
    lines,
    measured,
    methods,
)
from benchmarks.rows import Row
from dsrl_ref import LeastSquares

SIDE = 8  # pixels of a patch
ATOMS = 12  # of the n that a code may take
SHOWN_DIGITS, DIGITS_DOWN = 100, 5
NOISE = 1e-2  # of a measurement's length: 40 dB
TRIED = 4, 6, 8, 10, 12, 16, 20, 24  # atoms of orthogonal matching pursuit from measurements


@dataclass(frozen=True)
class Size:
    """n atoms, k measurements, how many patches to learn from and at most to be measured on, passes over the first."""

    n: int = 128
    k: int = 64
    known: int = 1000
    unseen: int = 4240
    passes: int = 20


SIZES = {"full": Size(), "quick": Size(known=300, unseen=300, passes=5), "smallest": Size(64, 32, 80, 40, 1)}
SCHEDULES: dict[str, dict[str, Any] | None] = {"full": None, "quick": QUICK[1], "smallest": SMALLEST[1]}


@dataclass(frozen=True)
class Patches:
    """Patches to learn from and others, (64, count) each, and how the latter make a picture."""

    known: Array
    unseen: Array
    picture: Callable[[Array], Array]


def photographs(size: Size) -> Patches:
    """Patches without their means of a photograph of a temple, and of one of a flower, in shades of grey."""
    from sklearn.datasets import load_sample_image

    def grey(name: str) -> Array:
        image = np.asarray(load_sample_image(name), dtype=float).mean(axis=2) / 255
        return image[: len(image) // SIDE * SIDE, : image.shape[1] // SIDE * SIDE]

    temple, flower = grey("china.jpg"), grey("flower.jpg")
    height, width = (length // SIDE for length in flower.shape)
    columns = min(width, math.isqrt(2 * size.unseen))
    rows = min(height, size.unseen // columns)
    known, unseen = cut(temple), cut(flower[: rows * SIDE, : columns * SIDE])
    mean = unseen.mean(axis=0)
    return Patches(known - known.mean(axis=0), unseen - mean, lambda P: joined(P + mean, rows))


def digits(size: Size) -> Patches:
    """The first 1,000 of scikit-learn's 1,797 handwritten digits, and of the others as many; 100 make a picture."""
    from sklearn.datasets import load_digits

    images = load_digits().data.T / 16
    shown = min(SHOWN_DIGITS, size.unseen)
    unseen = images[:, 1000 : 1000 + size.unseen]
    return Patches(images[:, :1000], unseen, lambda P: joined(P[:, :shown], DIGITS_DOWN))


def cut(image: Array) -> Array:
    """The patches of an image, (64, count), row by row of the image."""
    height, width = (length // SIDE for length in image.shape)
    return image.reshape(height, SIDE, width, SIDE).swapaxes(1, 2).reshape(-1, SIDE * SIDE).T


def joined(patches: Array, rows: int) -> Array:
    """The image that patches were cut from, so many rows of them."""
    columns = patches.shape[1] // rows
    blocks = patches.T.reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2)
    return blocks.reshape(rows * SIDE, columns * SIDE)


@dataclass(frozen=True)
class Coded:
    """A problem of recovery, and what makes pixels of its signals.

    Attributes
    ----------
    drawn : Drawn
        The codes and their measurements, scaled.
    A : ndarray (64, n)
        The dictionary.
    lengths : ndarray (m,)
        What the unseen signals were divided by.
    patches : Patches
        What was coded.
    """

    drawn: Drawn
    A: Array
    lengths: Array
    patches: Patches

    def pixels(self, X: Array) -> Array:
        """The patches that codes X of the unseen signals make."""
        return self.A @ (X * self.lengths)

    def decibels(self, X: Array) -> float:
        """The peak signal-to-noise ratio of what codes X make of the unseen patches."""
        return -10 * math.log10(float(np.mean((self.pixels(X) - self.patches.unseen) ** 2)))


def dictionary(patches: Array, size: Size) -> Array:
    """A of unit columns, (64, n), learned from the patches."""
    from sklearn.decomposition import MiniBatchDictionaryLearning

    learning = MiniBatchDictionaryLearning(
        size.n, alpha=0.1, batch_size=64, max_iter=size.passes, transform_algorithm="lasso_cd", random_state=0
    )
    atoms = learning.fit(patches.T).components_.T
    return np.asarray(atoms / np.linalg.norm(atoms, axis=0))


def pursued(A: Array, P: Array, atoms: int) -> Array:
    """Codes of so many atoms each, by orthogonal matching pursuit, or of fewer that do as well, as where P is flat.

    A need not have unit columns.
    """
    from sklearn.linear_model import orthogonal_mp

    lengths = np.linalg.norm(A, axis=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Orthogonal matching pursuit ended prematurely", RuntimeWarning)
        return np.asarray(orthogonal_mp(A / lengths, P, n_nonzero_coefs=atoms)) / lengths[:, np.newaxis]


def measurements(D: Array, X: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Codes and their measurements, both divided by the lengths of the latter, and these lengths.

    The noise of each is a share of its own length. A code without atoms, of a flat patch, stays as it is.
    """
    Y, noise = D @ X, rng.normal(size=(len(D), X.shape[1]))
    Y = Y + noise * (NOISE * np.linalg.norm(Y, axis=0) / np.linalg.norm(noise, axis=0))
    lengths = np.linalg.norm(Y, axis=0)
    lengths[lengths == 0] = 1.0
    return X / lengths, Y / lengths, lengths


def coded(patches: Patches, size: Size) -> Coded:
    """Learn the dictionary, code the patches and measure the codes."""
    rng = np.random.default_rng(0)
    known = patches.known[:, rng.permutation(patches.known.shape[1])]
    A = dictionary(known[:, : 2 * size.known], size)
    D = rng.normal(size=(size.k, size.n)) / np.sqrt(size.k)
    X, Y, _ = measurements(D, pursued(A, known[:, : size.known], ATOMS), rng)
    expected, signals, lengths = measurements(D, pursued(A, patches.unseen, ATOMS), rng)
    unit = math.sqrt(float(np.mean(X[X != 0] ** 2)))  # TISTA takes entries that are not 0 to have variance 1
    X, Y, expected, signals, lengths = X / unit, Y / unit, expected / unit, signals / unit, lengths * unit

    learned_from = X.shape[1] - X.shape[1] // 5  # a fifth is held out, as `fit` does

    def new_signals() -> unrolled.Draw:
        """Four fifths of what is known, again and again: there are no more signals."""
        generator = np.random.default_rng(PEER_SIGNALS_SEED)

        def draw(count: int) -> tuple[Array, Array]:
            picked = generator.integers(learned_from, size=count)
            return X[:, picked], Y[:, picked]

        return draw

    prior = unrolled.Prior(float(np.mean(X != 0)), float(np.mean((Y - D @ X) ** 2)))
    held = X[:, learned_from:], Y[:, learned_from:]
    problem = Drawn(D, LeastSquares(D, Y), X, LeastSquares(D, signals), expected, new_signals, prior, held)
    return Coded(problem, A, lengths, patches)


def matching_pursuit(problem: Drawn) -> Learned:
    """Orthogonal matching pursuit of the measurements, with the number of atoms that is best on the known signals."""
    D, f, X = problem.D, problem.f, problem.X
    best = min(TRIED, key=lambda atoms: float(np.sum((pursued(D, f.Y, atoms) - X) ** 2)))
    return Learned(lambda f: {math.inf: pursued(D, f.Y, best)}, 1)


def linear(problem: Drawn) -> Learned:
    """The linear map from Y to X that is best on the known signals, as a control."""
    X, Y = problem.X, problem.f.Y
    estimate = np.linalg.lstsq(Y.T, X.T, rcond=None)[0].T
    return Learned(lambda f: {math.inf: estimate @ f.Y}, estimate.size)


def compared(name: str, make: Callable[[Size], Patches], size: str) -> Row:
    """One table as of `recovery`, with what the pixels are worth beside it, and the pictures."""
    problem = coded(make(SIZES[size]), SIZES[size])
    unseen = problem.patches.unseen.shape[1]
    results, images = [], {"as it was": problem.patches.picture(problem.patches.unseen)}
    notes = [f"NMSE in dB of {unseen} unseen codes after layers {', '.join(map(str, SHOWN))}; PSNR of their pixels"]
    notes.append(f"of the codes themselves {problem.decibels(problem.drawn.expected):.1f} dB")
    asked = {**methods(SCHEDULES[size]), "orthogonal matching pursuit": matching_pursuit, "linear estimate": linear}
    for label, method in asked.items():
        found = measured(method, [problem.drawn])
        if found is None:
            results.append(Result(label))
            continue
        results.append(Result(f"{label}, {found.numbers:,} numbers", found.to_learn[0]))
        ratio = problem.decibels(found.last)
        whole, *others = lines(label, found)
        notes += [f"{whole}; pixels {ratio:.1f} dB", *others]
        images[f"{label}, {ratio:.1f} dB"] = problem.patches.picture(problem.pixels(found.last))
    setting = f"n = {SIZES[size].n}, m = {SIZES[size].k}, {ATOMS} atoms a code, 40 dB; {SIZES[size].known} known codes"
    return Row(name, f"{setting}; the time is that of processors, to learn", results, notes=notes, images=images)


def photograph_row(size: str) -> Row:
    """Recovery of codes of a photograph, learned from another: ours, OMP, lasso, LISTA and the like, with pictures."""
    return compared("recovery-photograph", photographs, size)


def digits_row(size: str) -> Row:
    """Recovery of codes of handwritten digits, learned from others: the same methods, with pictures."""
    return compared("recovery-digits", digits, size)


BY_NAME: dict[str, Callable[[str], Row]] = {"recovery-photograph": photograph_row, "recovery-digits": digits_row}
