"""An oracle in scalar loops: the appendix, row by row, on floats or fractions alike.

Imports nothing from dsrl_ref and no array library. A matrix is a list of rows, theta is (w1, w2, b1, b2).
"""


def region(z, theta):
    _, _, b1, b2 = theta
    if b2 <= z:
        return 2
    if b1 <= z < b2:
        return 1
    if -b1 <= z < b1:
        return 0
    if -b2 <= z < -b1:
        return -1
    return -2


def xi(z, theta, where=None):
    w1, w2, b1, b2 = theta
    where = region(z, theta) if where is None else where
    if where == 2:
        return w2 * (z - b2) + w1 * (b2 - b1)
    if where == 1:
        return w1 * (z - b1)
    if where == 0:
        return z * 0
    if where == -1:
        return w1 * (z + b1)
    return w2 * (z + b2) - w1 * (b2 - b1)


def partials(z, theta, where=None):
    """Derivatives of xi in w1, w2, b1, b2, z: the columns of (12), (13), (14)."""
    w1, w2, b1, b2 = theta
    where = region(z, theta) if where is None else where
    zero = z * 0
    if where == 2:
        return [b2 - b1, z - b2, -w1, w1 - w2, w2]
    if where == 1:
        return [z - b1, zero, -w1, zero, w1]
    if where == 0:
        return [zero, zero, zero, zero, zero]
    if where == -1:
        return [z + b1, zero, w1, zero, w1]
    return [b1 - b2, z + b2, w1, w2 - w1, w2]


def regularizer(x, theta):
    w1, w2, b1, b2 = theta
    if x < 0:
        return regularizer(-x, theta)
    if x >= w1 * (b2 - b1):
        square = (1 / w2 - 1) / 2 * x * x
        return square + (b2 - w1 * (b2 - b1) / w2) * x + w1 * (w1 - w2) / (2 * w2) * (b2 - b1) * (b2 - b1)
    return (1 / w1 - 1) / 2 * x * x + b1 * x


def regularizer_gradient(x, theta):
    w1, w2, b1, b2 = theta
    if x < 0:
        return -regularizer_gradient(-x, theta)
    if x == 0:
        return x * 0
    if x >= w1 * (b2 - b1):
        return (1 / w2 - 1) * x + b2 - w1 * (b2 - b1) / w2
    return (1 / w1 - 1) * x + b1


def holds_7(theta):
    w1, w2, b1, b2 = theta
    return w2 <= 1 and b2 >= b1 and b1 >= 0 and b1 >= (w1 - 1) / w1 * b2


def scaled(theta, t):
    w1, w2, b1, b2 = theta
    return w1 / (w1 + t * (1 - w1)), w2 / (w2 + t * (1 - w2)), t * b1, (1 - t) * w1 * (b2 - b1) + t * b2


def multiply(A, B):
    return [[sum(A[i][k] * B[k][j] for k in range(len(B))) for j in range(len(B[0]))] for i in range(len(A))]


def transpose(A):
    return [[line[j] for line in A] for j in range(len(A[0]))]


def minus(A, B, factor=1):
    return [[A[i][j] - factor * B[i][j] for j in range(len(A[0]))] for i in range(len(A))]


def absolute(A):
    return [[abs(x) for x in line] for line in A]


class Fidelity:
    """½‖X - W‖².

    A smooth term here has its gradient and its Hessian twice: as they are, and, as `gradient_size` of M >= |X| and
    `hessian_size` of V >= 0, with everything that they add up taken positive: the scale of their rounding.
    """

    def __init__(self, W):
        self.W = W

    def gradient(self, X):
        return minus(X, self.W)

    def hessian_product(self, V, X):
        return V

    def gradient_size(self, M):
        return minus(M, absolute(self.W), -1)

    def hessian_size(self, V, M):
        return V


class LeastSquares:
    """½‖DX - Y‖²."""

    def __init__(self, D, Y):
        self.D, self.Y = D, Y

    def gradient(self, X):
        return multiply(transpose(self.D), minus(multiply(self.D, X), self.Y))

    def hessian_product(self, V, X):
        return multiply(transpose(self.D), multiply(self.D, V))

    def gradient_size(self, M):
        D = absolute(self.D)
        return multiply(transpose(D), minus(multiply(D, M), absolute(self.Y), -1))

    def hessian_size(self, V, M):
        D = absolute(self.D)
        return multiply(transpose(D), multiply(D, V))


def inverse(A):
    """Gauss and Jordan, on fractions."""
    n = len(A)
    rows = [[*line, *(int(i == j) for j in range(n))] for i, line in enumerate(A)]
    for i in range(n):
        pivot = next(p for p in range(i, n) if rows[p][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for p in range(n):
            if p != i:
                rows[p] = [x - rows[p][i] * y for x, y in zip(rows[p], rows[i], strict=True)]
    return [line[n:] for line in rows]


def pseudo_inverse(B, C):
    """D⁺ of D = BC where B has full column rank and C full row rank: Cᵀ(CCᵀ)⁻¹(BᵀB)⁻¹Bᵀ."""
    right = multiply(transpose(C), inverse(multiply(C, transpose(C))))
    return multiply(right, multiply(inverse(multiply(transpose(B), B)), transpose(B)))


class Whitened:
    """½‖P(DX - Y)‖² with P = (DDᵀ)^-½ on the range of D = BC: its gradient is DᵀP²(DX - Y) = D⁺(DX - Y)."""

    def __init__(self, B, C, Y):
        self.D, self.Y, self.solved = multiply(B, C), Y, pseudo_inverse(B, C)

    def value(self, X):
        """P(DX - Y) is as long as D⁺(DX - Y): D⁺ = V diag(1/s) Uᵀ, P = U diag(1/s) Uᵀ."""
        return sum(g * g for line in self.gradient(X) for g in line) / 2

    def gradient(self, X):
        return multiply(self.solved, minus(multiply(self.D, X), self.Y))


class Quartic:
    """¼‖XXᵀ - S‖², S symmetric: the Hessian depends on X and couples all of a matrix."""

    def __init__(self, S):
        self.S = S

    def gradient(self, X):
        return multiply(minus(multiply(X, transpose(X)), self.S), X)

    def hessian_product(self, V, X):
        moved = minus(multiply(V, transpose(X)), multiply(X, transpose(V)), -1)
        return minus(multiply(moved, X), multiply(minus(multiply(X, transpose(X)), self.S), V), -1)

    def gradient_size(self, M):
        return multiply(minus(multiply(M, transpose(M)), absolute(self.S), -1), M)

    def hessian_size(self, V, M):
        return Quartic(minus([[0] * len(M)] * len(M), absolute(self.S))).hessian_product(V, M)


def regions(preactivations, theta):
    """The region of every entry of every Z."""
    return [[[region(z, theta) for z in line] for line in Z] for Z in preactivations]


def forward(f, theta, L, layers, x0, rows=None):
    """Iterates X_(0..t) and pre-activations Z_(1..t); `rows`: regions to take for those of Z."""
    X, iterates, preactivations = x0, [x0], []
    for layer in range(layers):
        Z = minus(X, f.gradient(X), 1 / L)
        where = rows[layer] if rows else regions([Z], theta)[0]
        X = [[xi(z, theta, k) for z, k in zip(*lines, strict=True)] for lines in zip(Z, where, strict=True)]
        preactivations.append(Z)
        iterates.append(X)
    return iterates, preactivations


def loss(target, X):
    difference = minus(X, target)
    return sum(d * d for line in difference for d in line) / 2


def layer_terms(f, theta, L, X, Z, where=None):
    """For every entry: its five derivatives while X is held, and its slope."""
    G = f.gradient(X)
    terms = {}
    for p, line in enumerate(Z):
        for q, z in enumerate(line):
            *own, slope = partials(z, theta, where and where[p][q])
            terms[p, q] = [*own, slope * G[p][q] / L / L], slope
    return terms


def tensor(f, theta, L, X, Z):
    """(14): {(p, q, j, k): ∂X_pq/∂X_jk}."""
    n, m = len(X), len(X[0])
    entries = {}
    for j in range(n):
        for k in range(m):
            E = [[x * 0 + (p == j and q == k) for q, x in enumerate(line)] for p, line in enumerate(X)]
            H = f.hessian_product(E, X)
            for p in range(n):
                for q in range(m):
                    entries[p, q, j, k] = partials(Z[p][q], theta)[4] * (E[p][q] - H[p][q] / L)
    return entries


def tensor_gradient(f, theta, L, layers, x0, target):
    """(10), (11), (15), (16), contracted over (j,k)."""
    iterates, preactivations = forward(f, theta, L, layers, x0)
    places = [(p, q) for p in range(len(x0)) for q in range(len(x0[0]))]
    total = {place: [0] * 5 for place in places}
    for X, Z in zip(iterates, preactivations, strict=False):
        T, terms = tensor(f, theta, L, X, Z), layer_terms(f, theta, L, X, Z)
        total = {
            pq: [terms[pq][0][c] + sum(T[pq + jk] * total[jk][c] for jk in places) for c in range(5)] for pq in places
        }
    residual = minus(iterates[-1], target)
    return [sum(residual[p][q] * total[p, q][c] for p, q in places) for c in range(5)]


def sizes(f, theta, L, x0, rows):
    """How large all is that cancelled to make X_(0..t) and Z_(1..t), through the regions `rows`: see `scale`."""
    w1, w2, b1, b2 = theta
    M = absolute(x0)
    of_X, of_Z = [M], []
    for where in rows:
        Z = minus(M, f.gradient_size(M), -1 / L)
        shrunk = [0, lambda z: w1 * (z + b1), lambda z: w2 * (z + b2) + w1 * (b2 + b1)]
        M = [
            [shrunk[abs(k)](z) if k else 0 for z, k in zip(*lines, strict=True)] for lines in zip(Z, where, strict=True)
        ]
        of_X.append(M)
        of_Z.append(Z)
    return of_X, of_Z


def scale(f, theta, L, layers, x0, target, rows=None):
    """S, the scale of rounding: of the loss, and of its five derivatives.

    What (8)-(17) add up, with absolute values throughout: no difference is taken, both of its sides are added. In
    place of X, Z and X_(t) - target there are the sizes of what cancelled to make them, carried from layer to layer:

        M_(0) = |x0|,  M_Z = M + |∇f|(M)/L,  M_(i) = w1(M_Z + b1) or w2(M_Z + b2) + w1(b2 + b1) or 0,  M_(t) + |target|

    where |∇f| is the gradient with all of its terms positive. The regions are those of Z, or `rows`. Each operation
    of float64 errs by at most 2^-53 of its result, which a term of S bounds. The error of the loss and of every
    derivative is therefore within a modest multiple of (t + 1)·2^-53·S, in whatever order they are summed.
    """
    rows = regions(forward(f, theta, L, layers, x0)[1], theta) if rows is None else rows
    total, last = sizes_of_sensitivities(f, theta, L, x0, rows)
    residual = minus(last, absolute(target), -1)
    of_loss = sum(r * r for line in residual for r in line) / 2
    return of_loss, [sum(residual[p][q] * x for p, line in enumerate(V) for q, x in enumerate(line)) for V in total]


def sizes_of_sensitivities(f, theta, L, x0, rows):
    """How large all is that cancelled to make the five derivatives of X_(t), and X_(t) itself: see `scale`."""
    w1, w2, b1, b2 = theta
    (*before, last), of_Z = sizes(f, theta, L, x0, rows)
    total = [[[0] * len(line) for line in x0] for _ in range(5)]
    for where, M, Z in zip(rows, before, of_Z, strict=True):
        G = f.gradient_size(M)
        pushed = [minus(V, f.hessian_size(V, M), -1 / L) for V in total]
        total = [[[0] * len(line) for line in x0] for _ in range(5)]
        for p, line in enumerate(Z):
            for q, z in enumerate(line):
                row = abs(where[p][q])
                if row:
                    own = [z + b1, 0, w1, 0] if row == 1 else [b2 + b1, z + b2, w1, w1 + w2]
                    slope = w1 if row == 1 else w2
                    for c, value in enumerate([*own, slope * G[p][q] / L / L]):
                        total[c][p][q] = value + slope * pushed[c][p][q]
    return total, last


def forward_gradient(f, theta, L, layers, x0, target):
    """The same, five sensitivities carried forward."""
    iterates, preactivations = forward(f, theta, L, layers, x0)
    n, m = len(x0), len(x0[0])
    total = [[[x * 0 for x in line] for line in x0] for _ in range(5)]
    for X, Z in zip(iterates, preactivations, strict=False):
        terms = layer_terms(f, theta, L, X, Z)
        pushed = [minus(V, f.hessian_product(V, X), 1 / L) for V in total]
        total = [
            [[terms[p, q][0][c] + terms[p, q][1] * pushed[c][p][q] for q in range(m)] for p in range(n)]
            for c in range(5)
        ]
    residual = minus(iterates[-1], target)
    return [sum(residual[p][q] * V[p][q] for p in range(n) for q in range(m)) for V in total]


def reverse_gradient(f, theta, L, layers, x0, target, rows=None):
    """The same, one pass backward; through given regions, as `forward`."""
    iterates, preactivations = forward(f, theta, L, layers, x0, rows)
    n, m = len(x0), len(x0[0])
    cotangent = minus(iterates[-1], target)
    gradient = [0] * 5
    for i in range(layers - 1, -1, -1):
        terms = layer_terms(f, theta, L, iterates[i], preactivations[i], rows and rows[i])
        for c in range(5):
            gradient[c] += sum(cotangent[p][q] * terms[p, q][0][c] for p in range(n) for q in range(m))
        pulled = [[terms[p, q][1] * cotangent[p][q] for q in range(m)] for p in range(n)]
        cotangent = minus(pulled, f.hessian_product(pulled, iterates[i]), 1 / L)
    return gradient


def layered_forward(f, thetas, constants, x0):
    """`forward` where every layer has a theta and an L of its own."""
    iterates, preactivations = [x0], []
    for theta, L in zip(thetas, constants, strict=True):
        (_, X), (Z,) = forward(f, theta, L, 1, iterates[-1])
        preactivations.append(Z)
        iterates.append(X)
    return iterates, preactivations


def layered_sensitivities(f, thetas, constants, x0):
    """The derivatives of X_(t) in w1, w2, b1, b2, L of layer 1, then of layer 2, ...: 5t matrices.

    Each is carried forward: it begins in its own layer, and is pushed through those that follow.
    """
    iterates, preactivations = layered_forward(f, thetas, constants, x0)
    total = []
    for theta, L, X, Z in zip(thetas, constants, iterates, preactivations, strict=False):
        terms = layer_terms(f, theta, L, X, Z)
        pushed = [minus(V, f.hessian_product(V, X), 1 / L) for V in total]
        total = [[[terms[p, q][1] * v for q, v in enumerate(line)] for p, line in enumerate(V)] for V in pushed]
        own = [[[terms[p, q][0][c] for q in range(len(line))] for p, line in enumerate(X)] for c in range(5)]
        total += own
    return total


def layered_gradient(f, thetas, constants, x0, target):
    """For every layer the derivatives of the loss in its w1, w2, b1, b2, L: t lists of five."""
    residual = minus(layered_forward(f, thetas, constants, x0)[0][-1], target)
    total = layered_sensitivities(f, thetas, constants, x0)
    products = [
        sum(r * v for rs, vs in zip(residual, V, strict=True) for r, v in zip(rs, vs, strict=True)) for V in total
    ]
    return [products[5 * i : 5 * i + 5] for i in range(len(thetas))]


def layered_gauss_newton(f, thetas, constants, x0):
    """The sums of products of these sensitivities over the entries of X_(t): 5t lists of 5t."""
    rows = [[v for line in V for v in line] for V in layered_sensitivities(f, thetas, constants, x0)]
    return [[sum(a * b for a, b in zip(first, second, strict=True)) for second in rows] for first in rows]
