"""What hypothesis draws to cancel: 53-bit data next to knots, near their targets, and far below what made them.

`strategies.py` draws data on which float64 does not round; here it rounds at every step, and where two numbers next to
each other are subtracted, what rounding took is what is left.
"""

from fractions import Fraction

import naive
import numpy as np
from hypothesis import strategies as st
from strategies import Problem, exact

from dsrl_ref import Theta
from dsrl_ref.engines.scalar_map import pieces_of_map

DEPTHS = st.integers(1, 11)


def bounded(most):
    """Numbers of which neither squares nor products underflow."""
    return st.floats(-most, most).filter(lambda x: x == 0 or abs(x) > 1e-9)


def powers(base, low, high):
    return st.floats(low, high).map(lambda k: base**k)


def beside(values, least=20):
    """Of the given numbers one, or one that differs from it in the k-th bit and those behind it."""
    moved = st.integers(least, 53).map(lambda k: 1.0 + 2.0**-k)
    moves = st.one_of(st.just(1.0), moved, moved.map(lambda factor: 2.0 - factor))
    return st.tuples(st.sampled_from(values), moves).map(lambda pair: pair[0] * pair[1])


def slopes(attenuated=False):
    near_one = st.integers(20, 53).map(lambda k: 1.0 - 2.0**-k)
    usual = st.one_of(st.floats(0.2, 1.6), st.just(1.0), near_one)
    return powers(10.0, -8.0, -2.0) if attenuated else usual


@st.composite
def float_thetas(draw, attenuated=False):
    w1, w2 = draw(slopes(attenuated)), draw(slopes(attenuated))
    b1 = draw(st.one_of(st.just(0.0), st.floats(0.01, 1), st.just(1 / 3 * (1 - 2.0**-40))))
    rise = draw(st.one_of(st.just(0.0), st.floats(1e-9, 1), powers(2.0, -50.0, -10.0)))
    return w1, w2, b1, b1 + rise


STEPS = st.one_of(
    st.floats(0.6, 1.0),
    st.floats(1.0, 9.0),
    st.integers(10, 52).map(lambda k: 1.0 + 2.0**-k),
    st.integers(10, 52).map(lambda k: 1.0 - 2.0**-k),
)
LONG_STEPS_BACK = powers(10.0, 1.0, 8.0)  # 1/L: zeros stay near zeros


def float_path(problem):
    """The recursion in float64: X_(t) and the regions of Z, which those of every engine are for `Fidelity`."""
    f, theta = problem.f, tuple(problem.float_theta)
    plain = lambda X: [[float(x) for x in line] for line in X]  # noqa: E731
    data = naive.Fidelity(plain(f.W)) if isinstance(f, naive.Fidelity) else naive.LeastSquares(plain(f.D), plain(f.Y))
    iterates, Z = naive.forward(data, theta, float(problem.L), problem.layers, plain(problem.x0))
    return iterates[-1], naive.regions(Z, theta)


def rounded_step(problem):
    """The same problem with the L whose inverse is the rounded step that float64 takes."""
    return problem.but(L=1 / Fraction(1.0 / float(problem.L)))


@st.composite
def beside_knots(draw, attenuated=False, layers=DEPTHS):
    """A `Fidelity` some of whose entries come next to a knot in some layer, from W or zeros, beside any target."""
    theta, t = draw(float_thetas(attenuated)), draw(layers)
    L = draw(st.one_of(STEPS, LONG_STEPS_BACK) if attenuated else STEPS)
    start = draw(st.sampled_from([0.0, 1.0]))
    table = pieces_of_map(start, Theta(*theta), L, t)  # only to aim
    ends = [] if table is None else [float(x) for x in table[:, :2].ravel() if 1e-9 < abs(x) < 1e9]
    knots = [*ends, *theta[2:], 1.0, -3.0]
    size = draw(st.one_of(st.just(1.0), powers(10.0, 0.0, 15.0))) if attenuated else 1.0
    entries = st.one_of(beside(knots), bounded(4).map(size.__mul__))
    W = draw(st.lists(entries, min_size=1, max_size=5))
    w = np.array([W])
    problem = Problem(
        naive.Fidelity(exact(w)), tuple(map(Fraction, theta)), Fraction(L), t, exact(start * w), exact(0 * w)
    )
    return problem.but(target=exact(np.array([draw(targets(W, float_path(problem)[0][0]))])))


@st.composite
def targets(draw, W, X):
    """Zeros, numbers of the size of W, or next to W or X_(t), entry by entry."""
    kind = draw(st.sampled_from(["zeros", "any", "W", "X"]))
    if kind == "zeros":
        return [0.0] * len(W)
    if kind == "any":
        return draw(st.lists(bounded(4), min_size=len(W), max_size=len(W)))
    near = W if kind == "W" else X
    return [draw(beside([value], 3)) for value in near]


@st.composite
def least_squares_beside_knots(draw):
    """A `LeastSquares` whose Z_(1) comes next to a knot in one entry; columns of D may be of other sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    k, n, m = draw(st.sampled_from([(2, 3, 1), (3, 2, 2), (1, 2, 2)]))
    D, Y, x0 = rng.normal(size=(k, n)), rng.normal(size=(k, m)), draw(st.sampled_from([0, 1])) * rng.normal(size=(n, m))
    D[:, 0] *= draw(st.sampled_from([1.0, 1e-3, 1e3]))
    L = draw(st.floats(0.6, 3)) * float(np.linalg.norm(D, 2) ** 2)
    w1, w2, b1, b2 = draw(float_thetas())
    z = abs(float((x0 - D.T @ (D @ x0 - Y) / L).ravel()[draw(st.integers(0, n * m - 1))]))
    knot = z * (1 + draw(st.sampled_from([1, -1])) * 2.0 ** -draw(st.integers(12, 34)))
    b1, b2 = (knot, knot + (b2 - b1)) if draw(st.booleans()) else (min(b1, knot), knot)
    problem = Problem(
        naive.LeastSquares(exact(D), exact(Y)),
        tuple(map(Fraction, (w1, w2, b1, b2))),
        Fraction(L),
        draw(st.integers(1, 6)),
        exact(x0),
        exact(0 * x0),
    )
    X = np.array(float_path(problem)[0])
    kind = draw(st.sampled_from(["zeros", "any", "X"]))
    target = {"zeros": 0 * X, "any": rng.normal(size=X.shape), "X": X * (1 + draw(powers(2.0, -50.0, -3.0)))}[kind]
    return problem.but(target=exact(target))
