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


def xi(z, theta):
    w1, w2, b1, b2 = theta
    where = region(z, theta)
    if where == 2:
        return w2 * (z - b2) + w1 * (b2 - b1)
    if where == 1:
        return w1 * (z - b1)
    if where == 0:
        return z * 0
    if where == -1:
        return w1 * (z + b1)
    return w2 * (z + b2) - w1 * (b2 - b1)


def partials(z, theta):
    """Derivatives of xi in w1, w2, b1, b2, z: the columns of (12), (13), (14)."""
    w1, w2, b1, b2 = theta
    where = region(z, theta)
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


class Fidelity:
    """½‖X - W‖²."""

    def __init__(self, W):
        self.W = W

    def gradient(self, X):
        return minus(X, self.W)

    def hessian_product(self, V, X):
        return V


class LeastSquares:
    """½‖DX - Y‖²."""

    def __init__(self, D, Y):
        self.D, self.Y = D, Y

    def gradient(self, X):
        return multiply(transpose(self.D), minus(multiply(self.D, X), self.Y))

    def hessian_product(self, V, X):
        return multiply(transpose(self.D), multiply(self.D, V))


class Quartic:
    """¼‖XXᵀ - S‖², S symmetric: the Hessian depends on X and couples all of a matrix."""

    def __init__(self, S):
        self.S = S

    def gradient(self, X):
        return multiply(minus(multiply(X, transpose(X)), self.S), X)

    def hessian_product(self, V, X):
        moved = minus(multiply(V, transpose(X)), multiply(X, transpose(V)), -1)
        return minus(multiply(moved, X), multiply(minus(multiply(X, transpose(X)), self.S), V), -1)


def forward(f, theta, L, layers, x0):
    """Iterates X_(0..t) and pre-activations Z_(1..t)."""
    X, iterates, preactivations = x0, [x0], []
    for _ in range(layers):
        Z = minus(X, f.gradient(X), 1 / L)
        X = [[xi(z, theta) for z in line] for line in Z]
        preactivations.append(Z)
        iterates.append(X)
    return iterates, preactivations


def loss(target, X):
    difference = minus(X, target)
    return sum(d * d for line in difference for d in line) / 2


def layer_terms(f, theta, L, X, Z):
    """For every entry: its five derivatives while X is held, and its slope."""
    G = f.gradient(X)
    terms = {}
    for p, line in enumerate(Z):
        for q, z in enumerate(line):
            *own, slope = partials(z, theta)
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


def tensor_gradient(f, theta, L, layers, x0, target, absolute=False):
    """(10), (11), (15), (16), contracted over (j,k); with `absolute` the same sum of absolute values, S."""
    size = abs if absolute else lambda value: value
    iterates, preactivations = forward(f, theta, L, layers, x0)
    places = [(p, q) for p in range(len(x0)) for q in range(len(x0[0]))]
    total = {place: [0] * 5 for place in places}
    for X, Z in zip(iterates, preactivations, strict=False):
        T, terms = tensor(f, theta, L, X, Z), layer_terms(f, theta, L, X, Z)
        total = {
            pq: [size(terms[pq][0][c]) + sum(size(T[pq + jk]) * total[jk][c] for jk in places) for c in range(5)]
            for pq in places
        }
    residual = minus(iterates[-1], target)
    return [sum(size(residual[p][q]) * total[p, q][c] for p, q in places) for c in range(5)]


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


def reverse_gradient(f, theta, L, layers, x0, target):
    """The same, one pass backward."""
    iterates, preactivations = forward(f, theta, L, layers, x0)
    n, m = len(x0), len(x0[0])
    cotangent = minus(iterates[-1], target)
    gradient = [0] * 5
    for i in range(layers - 1, -1, -1):
        terms = layer_terms(f, theta, L, iterates[i], preactivations[i])
        for c in range(5):
            gradient[c] += sum(cotangent[p][q] * terms[p, q][0][c] for p in range(n) for q in range(m))
        pulled = [[terms[p, q][1] * cotangent[p][q] for q in range(m)] for p in range(n)]
        cotangent = minus(pulled, f.hessian_product(pulled, iterates[i]), 1 / L)
    return gradient
