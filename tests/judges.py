"""Six layers that judge the mathematics of a copy of the package and its engines, whether a mutant is in it or not.

A layer is a function of one argument, the imported package. It returns nothing where everything it looks at is right,
and raises where something is wrong: AssertionError, or whatever a broken package raises on the way. It reaches the
package through that argument alone, and compares it with naive.py, NumPy and exact fractions, so that no mutant can
spoil what judges it. `mutants/hunt.py` imports a mutated copy with kernels in plain Python and asks the layers in
turn, the nearest first; the first that raises has caught the mutant. `test_mutants.py` asks all six of a faithful
copy, which has to pass. A layer therefore works on little data, and takes a second or two.

tables
    One entry and one layer, exactly: ξ, its regions, g and ∇g, the derivatives of (12), (13), (14) and (17), and the
    count of ties, on a grid that holds every knot and both sides of it.
networks
    Whole networks, exactly: iterates, loss, gradient and ties by every method, Fidelity and LeastSquares, on grids
    where float64 does not round; blocks of columns of any width, with their Gauss-Newton matrix.
differences
    Whole networks whose f is not quadratic, so that the Hessian depends on X: the gradient of every method against
    central differences of the loss of naive.py.
rules
    What is said about Θ and f: condition (7) with (2), (3), (5) and (6), the projection and its Jacobian, scaling and
    prox; values, gradients, Hessian products and Lipschitz constants of the two smooth terms.
pieces
    The network as a scalar map, in both engines that sum over its pieces: exactly on a grid, on breakpoints and
    beside them, with all digits near the identity, near a fixed point, where the network attenuates and where its
    terms cancel. It makes blocks so small that a few dozen entries fill several.
limits
    Infinitely many layers: loss, gradient and Gauss-Newton matrix against three hundred layers of naive.py, and that
    what has no derivative is refused.

To add a layer: write such a function, add it to `LAYERS` under the name by which reports call it, and name it in
`NEAREST_LAYER` of `mutants/hunt.py` for the files it is nearest to. Settings of the package that it changes need not
be put back, since the copy is thrown away, but are seen by the layers asked after it.
"""

import importlib
import random
from fractions import Fraction
from itertools import product
from math import inf

import naive
import numpy as np
from scipy.sparse import csr_array

KNOTS = [
    (w1, w2, b1, b2) for w1, w2 in ((1, 0.5), (0.5, 2), (4, 0.25)) for b1, b2 in ((0.5, 1.25), (0, 1), (1, 1), (0, 0))
]
POINTS = [Fraction(k, 8) for k in range(-16, 17)] + [
    Fraction(sign * (k + 2**-20)) for sign in (1, -1) for k in (0.5, 1)
]


def floats(rows):
    return np.array([[float(x) for x in row] for row in rows])


def same(values, expected):
    """Bit for bit the rationals."""
    got = np.asarray(values).ravel().tolist()
    assert len(got) == len(expected)
    assert all(Fraction(a) == b for a, b in zip(got, expected, strict=True))


def tables(package):
    """ξ, g and the tables of one layer on a grid with every tie, exactly."""
    partials, z = package.appendix.partials, np.array([[float(x) for x in POINTS]])
    for numbers in KNOTS:
        theta, exact = package.Theta(*numbers), tuple(map(Fraction, numbers))
        same(package.shrink(z, theta), [naive.xi(x, exact) for x in POINTS])
        same(package.region(z, theta), [naive.region(x, exact) for x in POINTS])
        same(package.regularizer(z, theta), [naive.regularizer(x, exact) for x in POINTS])
        same(package.regularizer_gradient(z, theta), [naive.regularizer_gradient(x, exact) for x in POINTS])
        columns = list(zip(*(naive.partials(x, exact) for x in POINTS), strict=True))
        for name, column in zip(("dw1", "dw2", "db1", "db2", "dZ"), columns, strict=True):
            same(getattr(partials, name)(z, theta), list(column))
        slopes = columns[4]
        same(partials.dL(z, z, theta, 2.0), [s * x / 4 for s, x in zip(slopes, POINTS, strict=True)])
        ties = sum(abs(x) in exact[2:] for x in POINTS)
        assert package.appendix.shrinkage.count_ties(z, theta) == ties
    for numbers, x in product(((1 - 2.0**-30, 1 + 2.0**-30, 0, 1), (1 + 2.0**-30, 1 - 2.0**-30, 0, 0)), (0.7, 1.3)):
        exact = tuple(map(Fraction, numbers))
        g, slope = naive.regularizer(Fraction(x), exact), naive.regularizer_gradient(Fraction(x), exact)
        assert np.isclose(package.regularizer(x, numbers), float(g), rtol=1e-15, atol=0)
        assert np.isclose(package.regularizer_gradient(x, numbers), float(slope), rtol=1e-15, atol=0)


def grid_problems():
    """Frozen networks on the grid 2^-2, up to three layers: L = 4, or L = 1 and Z on the knots."""
    rng = random.Random(20)
    draw = lambda n, m, low=-8, high=8, over=4: [  # noqa: E731
        [Fraction(rng.randint(low, high), over) for _ in range(m)] for _ in range(n)
    ]
    for number in range(48):
        n, m = rng.choice([(1, 3), (3, 2), (2, 3)])
        w1, w2, b1 = Fraction(rng.randint(1, 6), 4), Fraction(rng.randint(1, 6), 4), Fraction(rng.randint(0, 3), 4)
        theta = (w1, w2, b1, b1 + Fraction(rng.randint(0, 3), 4))
        L, x0 = Fraction(4), draw(n, m)
        f = naive.Fidelity(draw(n, m))
        if number % 2:
            k = rng.randint(1, 2)
            f = naive.LeastSquares(draw(k, n, -1, 1, 1), draw(k, m))
        if number % 8 == 7:  # from zeros, and with D so flat that DᵀD is not formed
            n, m = 3, 2
            f, x0 = naive.LeastSquares(draw(1, n, -1, 1, 1), draw(1, m)), [[Fraction(0)] * m for _ in range(n)]
        if number % 4 < 2:
            knots = [*theta[2:], *(-knot for knot in theta[2:])]
            on_knots = [[rng.choice(knots) for _ in range(m)] for _ in range(n)]
            f, L = naive.Fidelity(on_knots), Fraction(1)
            if number % 2:
                identity = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
                f, x0 = naive.LeastSquares(identity, on_knots), [[Fraction(0)] * m for _ in range(n)]
        yield f, theta, L, number // 4 % 4, x0, draw(n, m)
    for _ in range(24):  # of several layers that mix the entries
        w1, w2, b1 = Fraction(rng.randint(1, 6), 4), Fraction(rng.randint(1, 6), 4), Fraction(rng.randint(1, 3), 4)
        f = naive.LeastSquares(draw(2, 3, -1, 1, 1), draw(2, 2))
        yield f, (w1, w2, b1, b1 + Fraction(rng.randint(0, 3), 4)), Fraction(4), 2, draw(3, 2), draw(3, 2)


def term(package, f):
    """The smooth term of the package that `f` of naive.py is."""
    if isinstance(f, naive.Fidelity):
        return package.Fidelity(floats(f.W))
    return package.LeastSquares(floats(f.D), floats(f.Y))


def networks(package):
    """Iterates, loss, gradient and ties of every method, exactly."""
    for f, theta, L, layers, x0, target in grid_problems():
        numbers, start, goal = [float(value) for value in theta], floats(x0), floats(target)
        expected, preactivations = naive.forward(f, theta, L, layers, x0)
        ties = sum(abs(z) in theta[2:] for Z in preactivations for line in Z for z in line)
        iterates = package.forward(term(package, f), numbers, float(L), layers, start)
        for X, right in zip(iterates, expected, strict=True):
            same(X, [x for line in right for x in line])
        gradient = naive.reverse_gradient(f, theta, L, layers, x0, target)
        package.engines.tangent.MOST_NUMBERS = 1 if layers % 2 else 2**21  # tangents of one column at a time, or of all
        for method in methods(package, term(package, f), start):
            if method == "columns":
                divide_columns(package, layers, f)
            J = package.Objective(term(package, f), goal, layers=layers, x0=start, method=method)
            loss, got = J(numbers, float(L))
            assert Fraction(loss) == naive.loss(target, expected[-1])
            assert J.ties(numbers, float(L)) == ties
            same(got, gradient)
            if method in ("columns", "tensor", "tangent", "adjoint"):
                again, tangents, matrix = J.gauss_newton(numbers, float(L))
                assert again == loss
                same(tangents, gradient)
                same(matrix, outer_products(f, theta, L, layers, x0))
        X, dX = package.engines.tangent.sensitivities(
            term(package, f), package.Theta(*numbers), float(L), layers, start
        )
        same(X, [x for line in expected[-1] for x in line])
        same(np.einsum("anm,bnm->ab", dX, dX), outer_products(f, theta, L, layers, x0))
        own_iterates(package, f, theta, L, layers, x0)
        if layers:
            own_parameters(package, f, theta, L, layers, x0, target)
    ties_of_zeros(package)
    extreme_units(package)
    derivatives_that_overflow(package)
    far_knots(package)
    where_DtD_overflows(package)


def far_knots(package):
    """By every method, exactly, of a b2 that nothing reaches, though w1 times it is more than float64 holds."""
    for f, theta, L, layers, x0, target in list(grid_problems())[:16]:
        x0 = f.W if isinstance(f, naive.Fidelity) and layers else x0  # so that "pieces" takes it
        exact = (theta[0] + 1, theta[1], theta[2], Fraction(1.7e308))
        last = naive.forward(f, exact, L, layers, x0)[0][-1]
        gradient = naive.reverse_gradient(f, exact, L, layers, x0, target)
        for method in methods(package, term(package, f), floats(x0)):
            J = package.Objective(term(package, f), floats(target), layers=layers, x0=floats(x0), method=method)
            loss, got = J(list(map(float, exact)), float(L))
            assert Fraction(loss) == naive.loss(target, last)
            same(got, gradient)
            same(J.gauss_newton(list(map(float, exact)), float(L))[2], outer_products(f, exact, L, layers, x0))


def derivatives_that_overflow(package):
    """By every method, of X that are finite up to 1e300: neither f nor a layer is blamed."""
    one, zero = np.array([[1.0]]), np.array([[0.0]])
    for f in (package.Fidelity(one), package.LeastSquares(one, one)):
        for method in methods(package, f, zero):
            J = package.Objective(f, zero, layers=3, x0=zero, method=method)
            for call in (J, J.gauss_newton):
                assert "overflows float64 after 3 layers" in refusal(call, (1, 1, 0, 0), 1e-100)


def extreme_units(package):
    """Least squares by every method, exactly, with signals and a dictionary in units that are large or small."""
    *_, (f, theta, L, layers, x0, target) = grid_problems()
    loss = naive.loss(target, naive.forward(f, theta, L, layers, x0)[0][-1])
    gradient = naive.reverse_gradient(f, theta, L, layers, x0, target)
    for s, c in ((2.0**420, 2.0**100), (2.0**-420, 2.0**-100)):
        own = package.LeastSquares(c * floats(f.D), c * s * floats(f.Y))
        units = [s, s, 1, 1, s / c / c]
        for method in methods(package, own, floats(x0)):
            J = package.Objective(own, s * floats(target), layers=layers, x0=s * floats(x0), method=method)
            w1, w2, b1, b2 = map(float, theta)
            got, derivatives = J([w1, w2, s * b1, s * b2], 4 * c * c)
            assert Fraction(got) == loss * Fraction(s) ** 2
            same(derivatives, [right * Fraction(s) * Fraction(u) for right, u in zip(gradient, units, strict=True)])


def where_DtD_overflows(package):
    """By blocks of columns, from X so small that X_(t) and its derivatives are finite, on a grid of its own."""
    large, small = Fraction(2) ** 513, Fraction(2) ** -510
    D = [[large * d for d in row] for row in ((1, 0, 1), (0, 1, 0))]
    x0, target = ([[small * x] for x in column] for column in ((1, 0, 2), (1, 3, -1)))
    f, L, theta = naive.LeastSquares(D, [[Fraction(8)], [Fraction(16)]]), Fraction(2) ** 1022, (1, 1, small, 2 * small)
    X = naive.forward(f, theta, L, 2, x0)[0][-1]
    J = package.Objective(term(package, f), floats(target), layers=2, x0=floats(x0), method="columns")
    loss, gradient = J([float(value) for value in theta], float(L))
    assert Fraction(loss) == naive.loss(target, X)
    same(gradient[:4], naive.reverse_gradient(f, theta, L, 2, x0, target)[:4])


def ties_of_zeros(package):
    """By every method, of zeros on a knot in W, in x0 and in both."""
    W = [[0, 0, Fraction(1, 2), -1, 0, 2]]
    for theta in ((1, Fraction(1, 2), 0, 1), (1, Fraction(1, 2), Fraction(1, 2), 1)):
        for x0 in (W, [[0] * 6], [[0, 1, 0, 0, 2, 0]]):
            _, preactivations = naive.forward(naive.Fidelity(W), theta, 2, 3, x0)
            ties = sum(abs(z) in theta[2:] for Z in preactivations for line in Z for z in line)
            for method in methods(package, package.Fidelity(floats(W)), floats(x0)):
                J = package.Objective(package.Fidelity(floats(W)), layers=3, x0=floats(x0), method=method)
                assert J.ties([float(value) for value in theta], 2.0) == ties


def own_parameters(package, f, theta, L, layers, x0, target):
    """Gradient, matrix and ties where every layer has a Θ and an L; those given are the first layer's."""
    own = [(Fraction(4 - i, 4), Fraction(2 + i, 4), Fraction(i, 4), Fraction(2 * i + 1, 4)) for i in range(1, layers)]
    thetas, constants = [theta, *own], [L, *(Fraction(2) ** (2 + i % 2) for i in range(1, layers))]
    Z = naive.layered_forward(f, thetas, constants, x0)[1]
    ties = sum(abs(z) in own[2:] for own, M in zip(thetas, Z, strict=True) for line in M for z in line)
    rows = naive.layered_gradient(f, thetas, constants, x0, target)
    products = naive.layered_gauss_newton(f, thetas, constants, x0)
    at = floats(thetas), list(map(float, constants))
    package.engines.fused.WORTH_A_TABLE = layers % 2  # by pieces, or layer by layer
    for name in methods(package, term(package, f), floats(x0)):
        if package.engines.table.ENGINES[name].prepare_layers is not None:
            J = package.Objective(
                term(package, f), floats(target), layers=layers, x0=floats(x0), method=name, per_layer=True
            )
            for gradient in (J(*at)[1], J.gauss_newton(*at)[1]):
                same(np.array(gradient).T, [value for row in rows for value in row])
            same(J.gauss_newton(*at)[2], [value for row in products for value in row])
            assert J.ties(*at) == ties
            errors = J.errors(*at)
            if name in ("columns", "support", "fused", "pieces", "disk"):
                same(errors, squares(target, naive.layered_forward(f, thetas, constants, x0)[0][-1]))
    if isinstance(f, naive.Fidelity):
        mapped, W = package.ScalarMap(*at, layers, per_layer=True), floats(f.W)
        rows = naive.layered_gradient(f, thetas, constants, f.W, target)
        summed = np.einsum("nm,nmip->ip", mapped(W) - floats(target), mapped.derivatives(W))
        same(summed, [value for row in rows for value in row])


def squares(target, X):
    """Σ(x - x̃)² of every column."""
    pairs = zip(zip(*X, strict=True), zip(*target, strict=True), strict=True)
    return [sum((x - goal) ** 2 for x, goal in zip(*pair, strict=True)) for pair in pairs]


def methods(package, f, x0):
    """The names of the engines that take f, started at x0, with finitely many layers."""
    problem = package.engines.problem.Problem(f, x0, x0, 1)
    return [name for name, engine in package.engines.table.ENGINES.items() if engine.refuses(problem) is None]


def divide_columns(package, layers, f):
    """Blocks of two columns, tangents of one or two, rows of DᵀD gathered one by one or more, and products divided."""
    columns, (k, n) = package.engines.columns, np.shape(f.D)
    columns.BLOCK_ENTRIES = 2 * ((layers + 4) * n + k)
    columns.TANGENTS, columns.TANGENT_WORK, columns.GATHERED = 10 * layers if len(f.Y[0]) == 2 else 1, 1, 2 * layers
    columns.MOST_MULTIPLICATIONS = n * k if layers % 2 else 2**33


def own_iterates(package, f, theta, L, layers, x0):
    """Iterates where layer i has slopes and a step of its own: w1, w2 and 1/L are halved from layer to layer."""
    factors = [Fraction(2) ** i for i in range(layers)]
    thetas, constants = [(theta[0] / a, theta[1] / a, *theta[2:]) for a in factors], [L * a for a in factors]
    expected, _ = naive.layered_forward(f, thetas, constants, x0)
    iterates = package.forward(term(package, f), floats(thetas), list(map(float, constants)), layers, floats(x0))
    for X, right in zip(iterates, expected, strict=True):
        same(X, [x for line in right for x in line])


class Quartic:
    """A term of a user's own in NumPy, ¼‖XXᵀ - S‖²: its Hessian depends on X."""

    def __init__(self, S):
        self.S = S

    def gradient(self, X):
        return (X @ X.T - self.S) @ X

    def hessian_product(self, V, X):
        return (V @ X.T + X @ V.T) @ X + (X @ X.T - self.S) @ V


def differences(package):
    """Gradients of every method against differences of the naive loss, f not quadratic."""
    rng = np.random.default_rng(21)
    package.engines.tangent.MOST_NUMBERS = 1  # which is for columns that do not interact
    for number in range(3):
        S, x0, target = (rng.normal(size=(3, size)) for size in (3, 2, 2))
        S = S + S.T
        at = np.array([1.1, 0.6, 0.1, 0.4 + 0.2 * number, 12.0])
        f = naive.Quartic(S.tolist())

        def loss(x, f=f, x0=x0, target=target):
            return naive.loss(target.tolist(), naive.forward(f, tuple(x[:4]), x[4], 3, x0.tolist())[0][-1])

        steps = 2.0**-18 * np.eye(5)
        estimate = np.array([(loss(at + h) - loss(at - h)) / 2**-17 for h in steps])
        for method in ("tensor", "tangent", "adjoint"):
            J = package.Objective(Quartic(S), target, layers=3, x0=x0, method=method)
            value, gradient = J(at[:4], at[4])
            assert abs(value - loss(at)) <= 1e-12 * abs(value)
            assert np.all(np.abs(np.array(gradient) - estimate) <= 1e-7 * np.maximum(1, np.abs(estimate)))
            own = package.Objective(Quartic(S), target, layers=3, x0=x0, method=method, per_layer=True)
            thetas, constants = at[:4] * (1 + 0.1 * np.arange(3).reshape(3, 1)), at[4] * np.array([1.0, 1.25, 1.5])
            rows = naive.layered_gradient(f, thetas.tolist(), constants.tolist(), x0.tolist(), target.tolist())
            for found in (own(thetas, constants), own.gauss_newton(thetas, constants)):
                assert np.allclose(np.array(found[1]).T, rows, rtol=1e-9, atol=1e-9 * np.abs(rows).max())


def rules(package):
    """Condition (7), projection, scaling, and the smooth terms themselves."""
    theta_rules(package)
    theta_a_layer(package)
    projection_rules(package)
    smooth_rules(package)


def theta_rules(package):
    Theta, module = package.Theta, package.appendix.theta
    for w1, w2, b1, rise in product((0.5, 1, 2, 4), (0.5, 1, 2), (0, 0.25, 0.5, 0.75), (0, 0.25, 0.5, 1)):
        theta, exact = Theta(w1, w2, b1, b1 + rise), tuple(map(Fraction, (w1, w2, b1, b1 + rise)))
        assert bool(theta.violations()) != naive.holds_7(exact)
        joint, (_, _, _, b2) = exact[0] * (exact[3] - exact[2]), exact
        same(module.nonnegative_at_joint(theta), [(1 / exact[0] - 1) * joint**2 / 2 + exact[2] * joint])
        same(module.simplified_condition(theta), [(exact[0] - 1) * b2 - (exact[0] + 1) * exact[2]])
        same(module.slope_at_joint(theta), [b2 - joint])
        first, second = module.claimed_chain(theta)
        assert first == (w1 - 1) / w1 * float(b2)
        assert abs(second - (w1 - 1) / (w1 + 1) * float(b2)) <= 1e-15
        for t in (0, 0.5, 1, 1.25):
            if min(w + t * (1 - w) for w in (w1, w2)) > 0:
                expected = [float(x) for x in naive.scaled(exact, Fraction(t))]
                assert np.allclose(theta.scaled(t), expected, rtol=1e-14, atol=1e-15)
                xs = [float(naive.xi(x, naive.scaled(exact, Fraction(t)))) for x in POINTS]
                assert np.allclose(package.prox([float(x) for x in POINTS], theta, t), xs, rtol=1e-13, atol=1e-14)
    for w, t in ((2.0**53 + 2, 1.0), (1e6, 1 - 2.0**-40), (1 - 1e-6, 1e12), (1.3, 4.333333)):
        theta = Theta(w, 0.5, 0.25, 1)
        right = [float(x) for x in naive.scaled(tuple(map(Fraction, theta)), Fraction(t))]
        assert np.allclose(theta.scaled(t), right, rtol=1e-15, atol=0)
    assert Theta.firm(0.5, 1.5) == (1.5, 1, 0.5, 1.5)
    assert Theta.soft(0.5) == (1, 1, 0.5, 0.5)


def theta_a_layer(package):
    """One Θ a layer in its order, or one for all; a refusal names the layer, and a wrong number of rows is one."""
    as_thetas, Theta = package.appendix.as_thetas, package.Theta
    rows = [(1.0, 0.5, 0.25, 1.0), (0.75, 1.0, 0.0, 0.5), (1.0, 1.0, 1.0, 1.0)]
    for form in (
        rows,
        list(map(list, rows)),
        np.array(rows),
        [Theta(*row) for row in rows],
        [np.array(r) for r in rows],
    ):
        assert as_thetas(form, 3) == tuple(Theta(*row) for row in rows)
    for form in (rows[0], Theta(*rows[0]), np.array(rows[0]), [np.float64(x) for x in rows[0]]):
        assert as_thetas(form, 3) == (Theta(*rows[0]),) * 3
    for wrong, said in (
        ([*rows[:2], (1, -1, 0, 1)], "layer 3: w2 must be positive"),
        ([rows[0], (1, "1", 0, 1), rows[1]], "layer 2: w2 must be numeric"),
        (rows[:2], "theta holds 2 rows"),
        ([*rows, rows[0]], "theta holds 4 rows"),
        ([1, 1, (1, 2), 1], "b1 must be one number"),
    ):
        assert refusal(as_thetas, wrong, 3).startswith(said)


def refusal(function, *arguments):
    """What a function says where it refuses its arguments; "" where it takes them."""
    try:
        function(*arguments)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def projection_rules(package):
    rng = np.random.default_rng(22)
    module = package.appendix.theta
    shares, lengths = np.linspace(0, 1, 41), np.linspace(0, 4, 161)
    for values in rng.uniform([-0.5, -0.5, -2, -2], [3, 2, 2, 2], (60, 4)):
        theta = package.Theta.projected(values)
        least = max(0.0, (theta.w1 - 1) / theta.w1)
        cone = np.array([(length * (least + share * (1 - least)), length) for share in shares for length in lengths])
        nearest = np.min(np.linalg.norm(cone - values[2:], axis=1))
        distance = np.linalg.norm(np.array(theta[2:]) - values[2:])
        assert distance <= nearest + 1e-12
        assert distance >= nearest - 0.05
        assert theta[:2] == (max(values[0], 1e-4), min(max(values[1], 1e-4), 1))
        assert not theta.violations()
        jacobian = module.projection_jacobian(values)
        for column, h in enumerate(2.0**-24 * np.eye(4)):
            moved = (np.array(package.Theta.projected(values + h)) - package.Theta.projected(values - h)) / 2**-23
            assert np.allclose(jacobian[:, column], moved, atol=1e-5)


def smooth_rules(package):
    rng = np.random.default_rng(23)
    D, Y, X, V = (rng.integers(-3, 4, shape).astype(float) for shape in ((4, 3), (4, 2), (3, 2), (3, 2)))
    f, g = package.LeastSquares(D, Y), package.Fidelity(X)
    assert f.value(X) == 0.5 * sum(
        (sum(D[k, i] * X[i, q] for i in range(3)) - Y[k, q]) ** 2 for k in range(4) for q in range(2)
    )
    same(f.gradient(X), [Fraction(v) for v in (D.T @ D @ X - D.T @ Y).ravel()])
    same(f.hessian_product(V, X), [Fraction(v) for v in (D.T @ D @ V).ravel()])
    assert abs(f.lipschitz() - max(np.linalg.eigvalsh(D.T @ D))) <= 1e-12 * f.lipschitz() < inf
    assert not f.start().any()
    whitening_rules(package)
    assert g.value(V) == 0.5 * sum((v - x) ** 2 for v, x in zip(V.ravel(), X.ravel(), strict=True))
    assert np.array_equal(g.start(), X)
    assert g.lipschitz() == 1


def whitening_rules(package):
    """Terms of rank 3 and 2 against the rationals, new signals by the same P, and which singular values are kept."""
    rng = random.Random(28)
    draw = lambda n, m: [[Fraction(rng.randint(-4, 4), 2) for _ in range(m)] for _ in range(n)]  # noqa: E731
    for k, rank, n in ((3, 3, 5), (4, 2, 5), (5, 3, 3)):
        B, C, Y, later, X = draw(k, rank), draw(rank, n), draw(k, 2), draw(k, 3), draw(n, 2)
        right = naive.Whitened(B, C, Y)
        white = package.LeastSquares(floats(right.D), floats(Y)).whitened()
        assert np.allclose(white.gradient(floats(X)), floats(right.gradient(X)), rtol=1e-12, atol=1e-12)
        assert abs(white.value(floats(X)) - float(right.value(X))) <= 1e-11
        root = white.D @ floats(right.D).T
        assert np.allclose(root, root.T, atol=1e-12)
        assert np.allclose(root @ root, floats(naive.multiply(right.D, naive.transpose(right.D))), atol=1e-11)
        assert np.allclose(white.apply_to(floats(later)).Y, package.LeastSquares(right.D, later).whitened().Y)
        assert np.allclose(white.apply_to(floats(later)).apply_to(floats(Y)).Y, white.Y)
        assert white.whitened() is white
    f = package.LeastSquares(np.diag([1.0, 0.5, 1e-5, 1e-9, 1e-17]), np.ones((5, 1)))
    for rcond, rank in ((0.0, 4), (1e-7, 3), (1e-3, 2), (0.5, 1)):
        assert np.array_equal(f.whitened(rcond=rcond).D, np.diag(np.arange(5) < rank))
        assert repr(f.whitened(rcond=rcond)).endswith(f"whitened on rank {rank})")
    assert refusal(f.whitened).startswith("D is ill-conditioned: 1 of its 5 singular values are below")
    assert refusal(lambda: f.whitened(rcond=1.0)).startswith("rcond must be")
    assert refusal(lambda: f.whitened(rcond=-0.5)).startswith("rcond must be")
    assert refusal(package.LeastSquares(np.zeros((2, 2)), Y[:2]).whitened).startswith("D is zero")
    accurate = np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]])[:, [0, 3, 1, 2]]
    steep = accurate * 2.0 ** (-6 * np.arange(4)) @ accurate.T[:, ::-1]
    assert np.abs(package.LeastSquares(steep, np.eye(4)).whitened().D - accurate @ accurate.T[:, ::-1] / 4).max() < 1e-9


def pieces(package):
    """The scalar map and sums over its pieces: exact on a grid, right on knots, with all digits near the identity."""
    for name, setting in (
        ("pieces", "BLOCK"),
        ("fused", "CHUNK"),
        ("recursion", "CHUNK"),
        ("recursion_layers", "CHUNK"),
    ):
        setattr(importlib.import_module(f"{package.__name__}.engines.kernels.{name}"), setting, 8)
    fused, recursion = package.engines.fused, package.engines.recursion
    recursion.BLOCK, recursion.BLOCKS_PER_CALL = 16, 2
    fused.BLOCKS_PER_CALL, fused.SAMPLE = 2, 3  # so small a sample misses the ends
    pieces_on_the_grid(package)
    pieces_on_knots(package)
    pieces_near_the_identity(package)
    pieces_near_a_fixed_point(package)
    pieces_far_below_W(package)
    pieces_whose_terms_cancel(package)
    pieces_below_running_sums(package)
    pieces_with_small_sensitivities(package)
    matrix_of_many_bits(package)
    matrices_near_knots(package)
    matrices_out_of_range(package)
    pieces_of_layers(package)
    errors_of_columns(package)
    one_pass_where_it_is_worth_a_table(package)
    bits_go_by_entries_alone(package)


def bits_go_by_entries_alone(package):
    """A target that has the entries of W is W, wherever they lie in memory."""
    W = np.random.default_rng(5).normal(size=(1, 300))
    for method in ("fused", "pieces", "adjoint"):
        one, other = (
            package.Objective(package.Fidelity(W), target, layers=11, method=method) for target in (None, W.copy())
        )
        (loss, gradient), (again, same_gradient) = (J((1.1, 0.5, 0.2, 0.6), 0.8) for J in (one, other))
        assert (loss, *gradient) == (again, *same_gradient)


def pieces_on_the_grid(package):
    rng = random.Random(24)
    draw = lambda low=-12: [[Fraction(rng.randint(low, 12), 8) for _ in range(45)]]  # noqa: E731
    for number in range(12):
        w1, w2, b1 = (Fraction(rng.randint(least, 6), 4) for least in (1, 1, 0))
        theta = (w1, w2, b1, b1 + Fraction(rng.randint(0, 3), 4))
        W, other, L, layers = draw(), draw(-2), (Fraction(4), Fraction(1), Fraction(1, 2))[number % 3], 1 + number % 3
        x0 = W if number % 2 else [[Fraction(0)] * 45]
        numbers, f = [float(value) for value in theta], naive.Fidelity(W)
        X = naive.forward(f, theta, L, layers, x0)[0][-1]
        products = outer_products(f, theta, L, layers, x0)
        for target in (W, other):
            J = package.Objective(
                package.Fidelity(floats(W)), floats(target), layers=layers, x0=floats(x0), method="pieces"
            )
            same(J.gauss_newton(numbers, float(L))[2], products)
            in_one_pass = package.Objective(
                package.Fidelity(floats(W)), floats(target), layers=layers, x0=floats(x0), method="fused"
            )
            *with_matrix, matrix = in_one_pass.gauss_newton(numbers, float(L))
            same(matrix, products)
            for loss, gradient in (J(numbers, float(L)), in_one_pass(numbers, float(L)), with_matrix):
                assert Fraction(loss) == naive.loss(target, X)
                same(gradient, naive.reverse_gradient(f, theta, L, layers, x0, target))
        for start in (x0, other):
            J = package.Objective(package.Fidelity(floats(W)), layers=layers, x0=floats(start), method="fused")
            same(J.gauss_newton(numbers, float(L))[2], outer_products(f, theta, L, layers, start))


def matrix_of_many_bits(package):
    """Exactly, of entries of 20 bits behind the point, whose mean has more than float64: Σ(∂x/∂w2)² is Σ(w - b2)²."""
    rng = random.Random(33)
    for size in range(3, 45):
        W = [[Fraction(k, 2**20) for k in rng.sample(range(2**20, 2**21), size)]]
        J = package.Objective(package.Fidelity(floats(W)), layers=1, method="fused")
        matrix = J.gauss_newton((1.5, 0.75, 0.25, 0.5), 1.0)[2]
        same(matrix[1, 1], [sum((w - Fraction(1, 2)) ** 2 for w in W[0])])


def outer_products(f, theta, L, layers, x0):
    """The Gauss-Newton matrix by rows; with X_(t) less a unit as the target, the gradient is an entry's sensitivity."""
    column, dX = (lambda X, q: [[line[q]] for line in X]), []
    for q in range(len(x0[0])):
        fidelity = isinstance(f, naive.Fidelity)
        own = naive.Fidelity(column(f.W, q)) if fidelity else naive.LeastSquares(f.D, column(f.Y, q))
        last = naive.forward(own, theta, L, layers, column(x0, q))[0][-1]
        for p in range(len(x0)):
            goal = [[x - (i == p)] for i, (x,) in enumerate(last)]
            dX.append(naive.reverse_gradient(own, theta, L, layers, column(x0, q), goal))
    return [sum(dx[a] * dx[b] for dx in dX) for a in range(5) for b in range(5)]


def pieces_of_layers(package):
    """One Θ and one L a layer: entries on knots and others, and targets of which one is near X_(t)."""
    rng = np.random.default_rng(27)
    thetas, L = [(1.25, 0.5, 0.125, 0.5), (0.75, 1.0, 0.25, 0.5), (1.5, 0.75, 0.0, 0.75)], [2.0, 1.0, 0.5]
    some = rng.normal(size=(1, 70))
    W = np.append(some, [[0.125, -0.125, 0.25, -0.25, 0.0, 1e-3, 0.7, 0.7, 0.7]], axis=1)
    for start in (1.0, 0.0):
        for target, most in ((W, 1024), (-W, 1024), (-W, 4)):
            package.engines.scalar_map.MOST_PIECES = most  # 4 are too few: entry by entry
            pieces_of_layers_agree(package, thetas, L, W, start * W, target)
        package.engines.scalar_map.MOST_PIECES = 1024
        near = package.forward(package.Fidelity(some), thetas, L, 3, start * some)[-1] + 1e-5 * rng.normal(size=(1, 70))
        pieces_of_layers_agree(package, thetas, L, some, start * some, near, of_fused=1e4)
    one_gap = [package.Objective(package.Fidelity(W), layers=2, method=method) for method in ("pieces", "adjoint")]
    assert len({J.ties((2, 2, 0, 0), 0.5) for J in one_gap}) == 1


def errors_of_columns(package):
    """Of more columns, and of more rows, than a call of the kernel carries forward, and than a chunk has."""
    rng = random.Random(29)
    draw = lambda n, m: [[Fraction(rng.randint(-12, 12), 8) for _ in range(m)] for _ in range(n)]  # noqa: E731
    package.engines.recursion.MOST_ENTRIES = 12
    thetas, L = [(Fraction(3, 4), Fraction(1, 2), Fraction(1, 4), Fraction(1)), (1, 1, 0, Fraction(1, 2))], [4, 2]
    for (n, m), threads in product(((3, 17), (17, 3), (1, 30), (30, 1)), (1, 2)):
        W, x0, target = draw(n, m), draw(n, m), draw(n, m)
        f, at = package.Fidelity(floats(W)), (floats(thetas), list(map(float, L)))
        for method, start in (("fused", x0), ("pieces", W)):
            J = package.Objective(
                f, floats(target), layers=2, x0=floats(start), method=method, threads=threads, per_layer=True
            )
            same(J.errors(*at), squares(target, naive.layered_forward(naive.Fidelity(W), thetas, L, start)[0][-1]))
    stored = package.Fidelity(csr_array(np.ones((2, 3))))
    assert package.Objective(stored, layers=2, method="pieces", per_layer=True).errors(*at) is None


def pieces_of_layers_agree(package, thetas, L, W, x0, target, of_fused=1):
    """Loss and derivatives against rationals, the matrix and the ties against the adjoint.

    "fused" may be off by so many times more, as it forms the residuals one by one.
    """
    in_rationals = lambda X: [[Fraction(x) for x in line] for line in X.tolist()]  # noqa: E731
    layers = [tuple(map(Fraction, theta)) for theta in thetas], [Fraction(constant) for constant in L]
    f, goal, start = naive.Fidelity(in_rationals(W)), in_rationals(target), in_rationals(x0)
    right = naive.loss(goal, naive.layered_forward(f, *layers, start)[0][-1])
    rows = floats(naive.layered_gradient(f, *layers, start, goal))
    pieces, fused, other = (
        package.Objective(package.Fidelity(W), target, layers=3, x0=x0, method=method, per_layer=True)
        for method in ("pieces", "fused", "adjoint")
    )
    products = other.gauss_newton(thetas, L)[2]
    sizes = np.sqrt(2 * float(right) * np.diag(products)).reshape(3, 5)
    for J, more in ((pieces, 1), (fused, of_fused)):
        loss, gradient, matrix = J.gauss_newton(thetas, L)
        assert abs(Fraction(loss) - right) <= more * Fraction(1e-14) * right
        assert np.all(np.abs(np.array(gradient).T - rows) <= more * 1e-12 * sizes)
        assert np.abs(matrix - products).max() <= 1e-14 * np.abs(products).max()
        assert J.ties(thetas, L) == other.ties(thetas, L)


def pieces_on_knots(package):
    """Entries on breakpoints and next to them, and a piece that lies on a knot, against the adjoint."""
    rng = np.random.default_rng(25)
    for number in range(6):
        L = (0.7, 0.8, 1.3)[number % 3]
        theta = (1 / (1 - L), 0.5, 0.3, 0.3 / L) if L == 0.7 else (1.1, 0.6, 0.2, 0.7)
        whole = package.Objective(package.Fidelity([[1.0]]), layers=4).scalar_map(theta, L)
        at = whole.breakpoints
        W = np.concatenate([at, np.nextafter(at, inf), np.nextafter(at, -inf), rng.uniform(0.3, 0.43, 40)])
        problem = package.Fidelity(np.repeat(W, 1 + number).reshape(1, -1))
        package.engines.scalar_map.MOST_PIECES = 4 if number > 3 else 1024  # too few: entry by entry
        (expected, other), *ours = (
            package.Objective(problem, layers=4, x0=number % 2 * problem.W, method=method)(theta, L)
            for method in ("adjoint", "pieces", "fused")
        )
        package.engines.scalar_map.MOST_PIECES = 1024
        for loss, gradient in ours:
            assert abs(loss - expected) <= 1e-13 * expected
            assert np.all(np.abs(np.subtract(gradient, other)) <= 1e-12 * np.abs(other).max())
        assert np.allclose(whole(W), package.forward(package.Fidelity(W.reshape(1, -1)), theta, L, 4)[-1], atol=1e-14)


def pieces_near_a_fixed_point(package):
    """x - w is a millionth of w: its square cancels to 24 digits of the sums."""
    W = 0.6 - 1e-6 * np.random.default_rng(27).random((1, 60))
    exact = [[Fraction(w) for w in W[0].tolist()]]
    theta, arguments = (2.0, 0.5, 0.3, 0.75), naive.Fidelity(exact)
    last = naive.forward(arguments, tuple(map(Fraction, theta)), 1 / Fraction(1 / 1.25), 1, exact)[0][-1]
    J, _ = package.Objective(package.Fidelity(W), layers=1, method="pieces")(theta, 1.25)
    assert abs(Fraction(J) - naive.loss(exact, last)) <= Fraction(1e-14) * naive.loss(exact, last)


def judged(package, w, start, theta, L, layers, target, units, methods=("pieces", "fused")):
    """The loss of some entries beside a target, within so many units in its last place, or exactly 0."""
    W = np.array([w])
    exact = [[Fraction(x) for x in w]]
    goal, x0 = [[Fraction(x) for x in target]], [[start * x for x in line] for line in exact]
    arguments = naive.Fidelity(exact), tuple(map(Fraction, theta)), 1 / Fraction(1 / L), layers
    right = naive.loss(goal, naive.forward(*arguments, x0)[0][-1])
    beside = None if target is w else np.array([target])
    for method in methods:
        J, _ = package.Objective(package.Fidelity(W), beside, layers=layers, x0=start * W, method=method)(theta, L)
        assert abs(Fraction(J) - right) <= units * Fraction(2.0**-53) * right, (method, J, float(right))


def recursed(w, start, theta, L, layers):
    """X_(t) by the float recursion."""
    return naive.forward(naive.Fidelity([w]), theta, L, layers, [[start * x for x in w]])[0][-1][0]


def pieces_far_below_W(package):
    """A network that attenuates, and targets of its size; one that is met has no loss, whatever its neighbours have."""
    for w, start, theta, L, layers in (
        ([3.0, 2.5, -3.5], 0, (1e-6, 3e-7, 0.0, 0.0), 1e6, 1),
        ([-1.755e30, -1.5e30, 1.6e30], 0, (9.3e-10, 9.3e-10, 0.0, 0.0), 1e8, 20),
        ([1e15, -2e15, 3e15], 1, (1e-10, 1e-20, 0.0, 1.0), 2.0, 2),
        ([3.0, 2.5, -3.5], 1, (0.9, 0.3, 0.1, 0.2), 3.0, 3),
        ([0.7, -0.6, 0.9], 0, (0.01, 4e-8, 0.485, 0.485 + 1e-10), 1.01, 10),
    ):
        met = recursed(w, start, theta, L, layers)
        for factor in (1.001, 1 + 1e-6, 0.0, 3.0):
            judged(package, w, start, theta, L, layers, [factor * x for x in met], 8, ["pieces"])
        f = package.Fidelity(np.array([w]))
        J = package.Objective(f, np.array([met]), layers=layers, x0=start * f.W, method="pieces")
        assert J(theta, L)[0] == 0
        assert np.abs(J(theta, L)[1]).max() == 0
        partly = [x + (k == 1) * 0.75 * x for k, x in enumerate(met)]
        judged(package, w, start, theta, L, layers, partly, 8, ["pieces"])


def pieces_whose_terms_cancel(package):
    """Entries a millionth beside b1, targets beside 0; a fixed point; a target beside W near the identity; a grid."""
    w = (0.3 * (1 + 1e-6 * np.random.default_rng(28).random(40))).tolist()
    small = [1e-9 * k for k in range(40)]
    for theta in ((1.1, 0.7, 0.3, 0.6), (1.0, 1.0, 0.3, 0.3), (0.3, 1.0, 0.3, 0.3 + 2.0**-30)):
        judged(package, w, 1, theta, 1.25, 1, small, 4)
    judged(package, w, 1, (1e6, 0.7, 0.3, 0.6), 1.25, 1, w, 16)  # on a steep piece
    point = 1.9 * 0.3 / 0.9  # where 1.9(w - 0.3) = w
    on_grid = [-1.5, -1.0, 2.625, -2.25, 0.125, 2.0], [-0.25, 1.125, 0.125, -0.75, 1.5, -0.125]  # 0 of a line is not
    judged(package, on_grid[0], 1, (0.25, 1.375, 0.5, 0.625), 2.0, 1, on_grid[1], 0)
    near = [point * (1 + 1e-7 * (k + 1)) for k in range(20)]
    judged(package, near, 1, (1.9, 0.5, 0.3, 0.75), 1.25, 1, near, 8, ["pieces"])
    far = np.random.default_rng(29).normal(size=20).tolist()
    beside = [x * (1 + 1e-11) for x in far]
    judged(package, far, 1, (1 + 1e-9, 1 - 1e-9, 1e-9, 0.3), 1.25, 2, beside, 1e4)


def pieces_below_running_sums(package):
    """A folded map: x climbs to 10^19, with the target, before a dead piece where the target is 1/1000."""
    theta, L = (0.1, 100.0, 1e12, 1e20), 0.5
    found = package.Objective(package.Fidelity([[1.0]]), layers=2, x0=[[0.0]]).scalar_map(theta, L)
    low, high = found.intervals[(found.slopes == 0) & (found.intervals[:, 0] > 1e19)][0]
    w = [*np.linspace(1e18, 4e19, 30).tolist(), *[(low + high) / 2] * 40]
    target = [*recursed(w[:30], 0, theta, L, 2), *[1e-3] * 40]
    J, _ = package.Objective(package.Fidelity([w]), [target], layers=2, x0=np.zeros((1, 70)), method="pieces")(theta, L)
    assert abs(J - 2e-5) <= 1e-15


def pieces_with_small_sensitivities(package):
    """Entries where ∂x/∂w2 crosses 0: the sum of its squares is far below its terms."""
    theta, L, layers = (1.3, 0.7, 0.2, 0.6), 0.8, 3
    found = package.Objective(package.Fidelity([[1.0]]), layers=layers).scalar_map(theta, L)
    for k, (low, high) in enumerate(found.intervals):
        slope, intercept = found.slope_derivatives[k, 1], found.intercept_derivatives[k, 1]
        if slope and low < -intercept / slope < high:
            for copies in (1, 3, 5):
                f = package.Fidelity(np.full((1, copies), -intercept / slope))
                ours, other = (
                    package.Objective(f, layers=layers, method=method).gauss_newton(theta, L)[2]
                    for method in ("pieces", "adjoint")
                )
                assert ours[1, 1] >= 0
                assert np.allclose(ours, other, rtol=1e-9, atol=1e-12 * np.abs(other).max())


def matrices(package, W, theta, L, methods, **options):
    """The Gauss-Newton matrix of some entries of W, two layers of them, by each method."""
    f = package.Fidelity(np.array([W]))
    return [package.Objective(f, layers=2, method=method, **options).gauss_newton(theta, L)[2] for method in methods]


def matrices_near_knots(package):
    """On a piece that is narrow, or beside the end of a wide one: sensitivities are far below W, and their terms.

    Where one crosses 0 among entries that differ by rounding alone, the sum of its squares is not negative.
    """
    near = np.random.default_rng(30).random(40)
    for W, theta in (
        (0.6 + 1e-6 * near, (1.1, 0.7, 0.6, 0.6 + 1e-6)),
        (0.3 + 1e-3 * near, (1.1, 0.7, 0.2, 0.3)),
        (-0.3 - 1e-3 * near, (1.1, 0.7, 0.2, 0.3)),
    ):
        ours, other = matrices(package, W, theta, 1.0, ("fused", "tangent"))
        assert np.allclose(ours, other, rtol=3e-12, atol=0)
    theta, L = (1.3, 0.7, 0.2, 0.6), 0.8
    found = package.Objective(package.Fidelity([[1.0]]), layers=3).scalar_map(theta, L)
    for (low, high), a, c in zip(
        found.intervals, found.slope_derivatives[:, 1], found.intercept_derivatives[:, 1], strict=True
    ):
        if a and low < -c / a < high:
            for copies, spread in (
                (1, 0.0),
                *((k, 0.0) for k in range(65, 94, 4)),
                *((40, 2.0**-k) for k in (50, 40, 24)),
            ):
                W = -c / a * (1 + spread * (np.resize(near, copies) - 0.5))
                f = package.Fidelity(np.array([W]))
                ours, other = (
                    package.Objective(f, layers=3, method=method).gauss_newton(theta, L)[2]
                    for method in ("fused", "tangent")
                )
                assert ours[1, 1] >= 0
                assert np.allclose(ours, other, rtol=1e-12, atol=1e-15 * np.abs(other).max())


def matrices_out_of_range(package):
    """Where squares of W underflow and those of ∂x/∂L do not; where they overflow and all entries are dead."""
    near = np.random.default_rng(31).random(20)
    ours, other = matrices(
        package, 1e-165 * near, (1e30, 1e30, 0.0, 0.0), 4.0, ("fused", "tangent"), x0=np.zeros((1, 20))
    )
    assert ours[4, 4] > 0
    assert np.allclose(ours, other, rtol=1e-12, atol=0)
    for size, knot in ((1e160, 1e170), (1e308, 1.7e308)):
        dead = matrices(package, size * near, (1.0, 1.0, knot, knot), 1.0, ("fused",), target=np.zeros((1, 20)))
        assert not dead[0].any()


def one_pass_where_it_is_worth_a_table(package):
    """Plain data never go through the layers for their matrix, and a few entries get no table of 5t derivatives."""
    recursion, scalar_map = package.engines.recursion, package.engines.scalar_map
    kept = recursion.gauss_newton, scalar_map._pieces
    one, more = package.Fidelity(np.array([[1.0, 0.7]])), package.Fidelity(np.random.default_rng(32).random((1, 60)))
    theta = (1.1, 0.7, 0.2, 0.6)
    package.engines.fused.WORTH_A_TABLE = 1
    recursion.gauss_newton = None
    for per_layer in (False, True):
        package.Objective(more, layers=3, method="fused", per_layer=per_layer).gauss_newton(theta, 1.1)
    recursion.gauss_newton, scalar_map._pieces = kept[0], None
    package.Objective(one, layers=3, method="fused", per_layer=True).gauss_newton(theta, 1.1)
    scalar_map._pieces = kept[1]
    (loss, _), (other, _) = (
        package.Objective(one, layers=2, method=method)((2, 2, 0, 0), 0.5) for method in ("fused", "adjoint")
    )  # of which no entry is on a piece
    assert loss == other


def pieces_near_the_identity(package):
    W = np.random.default_rng(26).normal(size=(1, 60))
    theta = (1 + 1e-9, 1 - 1e-9, 1e-9, 0.3)
    exact = [[Fraction(w) for w in W[0].tolist()]]
    arguments = naive.Fidelity(exact), tuple(map(Fraction, theta)), 1 / Fraction(1 / 1.25), 2
    J, gradient = package.Objective(package.Fidelity(W), layers=2, method="pieces")(theta, 1.25)
    expected = naive.loss(exact, naive.forward(*arguments, exact)[0][-1])
    assert abs(Fraction(J) - expected) <= Fraction(1e-14) * expected
    right = naive.reverse_gradient(*arguments, exact, exact)
    assert all(abs(Fraction(a) - b) <= Fraction(1e-20) for a, b in zip(gradient, right, strict=True))


def limits(package):
    """Infinitely many layers against three hundred in scalars; what has no derivative is refused."""
    rng = np.random.default_rng(27)
    package.engines.implicit.FEW = 3
    for number in range(4):
        D, Y, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.normal(size=(3, 2))
        if number == 3:
            f, ours = naive.Fidelity(target.tolist()), package.Fidelity(target)
            L = 1.5
        else:
            f, ours = naive.LeastSquares(D.tolist(), Y.tolist()), package.LeastSquares(D, Y)
            L = 1.1 * float(np.linalg.norm(D, 2)) ** 2
        theta, x0 = ((0.9, 0.6, 0.01, 0.05 * number + 0.02) if number % 2 else (1.1, 0.5, 0.01, 0.2)), np.zeros((3, 2))
        J = package.Objective(ours, target + 1, layers=inf, x0=x0)
        loss, gradient, matrix = J.gauss_newton(theta, L)
        X = np.array(naive.forward(f, theta, L, 300, x0.tolist())[0][-1])
        close = lambda a, b: np.allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())  # noqa: E731
        assert close(loss, naive.loss((target + 1).tolist(), X.tolist()))
        assert close(gradient, naive.reverse_gradient(f, theta, L, 300, x0.tolist(), (target + 1).tolist()))
        units = [X - unit.reshape(3, 2) for unit in np.eye(6)]
        dX = np.array([naive.reverse_gradient(f, theta, L, 300, x0.tolist(), goal.tolist()) for goal in units])
        assert close(matrix, dX.T @ dX)
        if number < 3:  # in a unit in which squares underflow
            s, (w1, w2, b1, b2) = 2.0**-600, theta
            tiny = package.Objective(package.LeastSquares(D, s * Y), s * (target + 1), layers=inf, x0=x0)
            _, in_unit, products = tiny.gauss_newton((w1, w2, s * b1, s * b2), L)
            assert (in_unit.b1, in_unit.b2) == (s * gradient.b1, s * gradient.b2)
            assert np.array_equal(products[2:4, 2:4], matrix[2:4, 2:4])
    shifted = package.Objective(package.Fidelity([[1.001]]), layers=inf)((2, 0.5, 0.5, 1.5), 2.0)[0]
    (((last,),),) = naive.forward(naive.Fidelity([[1.001]]), (2, 0.5, 0.5, 1.5), 2.0, 3_000, [[1.001]])[0][-1:]
    assert np.isclose(shifted, 0.5 * (last - 1.001) ** 2, rtol=1e-9)
    alike, apart = package.LeastSquares([[1.0, 1.0]], [[1.0]]), package.Fidelity([[0.5, 1.5]])
    for f, theta, L in (
        (alike, (1, 1, 0.1, 0.1), 2.0),
        (apart, (0.5, 0.25, 0.25, 9), 2.0),
        (apart, (1, 1, 0, 1.5), 1.0),
    ):
        assert refuses(package.Objective(f, np.ones(f.shape), layers=inf), theta, L)


def refuses(J, theta, L):
    try:
        J(theta, L)
    except ValueError:
        return True
    return False


LAYERS = {
    "tables": tables,
    "networks": networks,
    "differences": differences,
    "rules": rules,
    "pieces": pieces,
    "limits": limits,
}
