"""Minimise ½xᵀGx - cᵀx + Σ h_j(x_j), one row x of X after the other, by coordinates and by linear systems in turn.

``v`` is c - Gx, minus the gradient of the quadratic; it follows every change of x. ``pieces`` has a column for every
coordinate: s0, s1, p1, p2, joint. The slope of h_j for x > 0 is s0 + p1·x up to the joint, and s1 + p2·(x - joint)
beyond; h_j is even, and need not be convex.

A round chooses *members*, the entries that are not 0 and those that should not be, and copies what belongs to them side
by side: x, v, pieces, and the part of G that couples them. A *sweep* takes every member to its minimum while the others
are held. A *direct step* takes the members that are not 0, each with the sign and the piece of its slope that it has
now: within these the objective is quadratic, and the step goes towards its stationary point, but stops at the first
entry that would leave its piece. So no step is ever judged by a quadratic that does not hold where it ends. Where the
matrix of the system is not positive definite, the step goes along a direction in which the quadratic does not curve
upwards, until an entry leaves its piece. At the end of a round v of all entries follows what the members have moved.

A direct step costs a³/6 multiplications for a entries; sweeps go first until they have cost as much.
"""

import numpy as np

from dsrl_ref.engines.jit import compiled, inlined

S0, S1, P1, P2, JOINT = range(5)  # rows of pieces
SHARE = 0.25  # of the largest violation: entries that violate so much become members
SWEEPS = 8  # of a round
LARGEST_SYSTEM = 1000  # entries: Ctrl-C waits for one system
CREDIT = 5.0  # systems, once one is paid for: an entry after the other leaves its piece
SINGULAR = 1e-13  # a pivot that is so much smaller than its diagonal entry is rounding
LEVEL = 1e-9  # a slope that is so much smaller than its terms is rounding
PATIENCE = 8  # rounds without halving the largest violation
STILL = 4.0 * 2.0**-53  # a relative change that is rounding


@inlined
def minimiser(q, c, s0, s1, p1, p2, joint):
    """The x with the least ½c·x² - q·x + h(x); infinite where that has no minimum."""
    size = abs(q)
    past = size - s1 - c * joint
    x = 0.0
    if c + p1 > 0.0:
        if past > 0.0:
            x = joint + past / (c + p2)
        elif size > s0:
            x = min((size - s0) / (c + p1), joint)
    elif past > 0.0:  # a hill between 0 and the outer piece
        if c + p2 <= 0.0:
            return np.inf
        to_joint = joint * (0.5 * (c + p1) * joint + s0 - size)
        if past * past / (c + p2) / 2.0 > to_joint:
            x = joint + past / (c + p2)
    return x if q >= 0.0 else -x


@inlined
def slope(x, s0, s1, p1, p2, joint):
    """h'(x) for x other than 0."""
    size = abs(x)
    value = s0 + p1 * size if size < joint else s1 + p2 * (size - joint)
    return value if x > 0.0 else -value


@inlined
def subtract_row(v, amount, row, count):
    """Subtract amount·row from v, up to `count`."""
    for i in range(count):
        v[i] -= amount * row[i]


@inlined
def assess(x, v, pieces, goals, ratios):
    """Put into ratios how many times its goal every entry violates its condition; return the largest."""
    farthest = 0.0
    for j in range(x.size):
        if x[j] == 0.0:
            away = abs(v[j]) - pieces[S0, j]
        else:
            away = abs(v[j] - slope(x[j], pieces[S0, j], pieces[S1, j], pieces[P1, j], pieces[P2, j], pieces[JOINT, j]))
        ratios[j] = away / goals[j] if away > 0.0 else 0.0
        farthest = max(farthest, ratios[j])
    return farthest


@inlined
def gather(gram, x, v, pieces, ratios, least, members, inner, inner_x, inner_v, inner_pieces):
    """Choose the members, those that are not 0 or whose ratio is `least`, and copy what is theirs; return how many."""
    count = 0
    for j in range(x.size):
        if x[j] != 0.0 or ratios[j] >= least:
            members[count] = j
            inner_x[count], inner_v[count] = x[j], v[j]
            for p in range(5):
                inner_pieces[p, count] = pieces[p, j]
            count += 1
    for i in range(count):
        row = gram[members[i]]
        for k in range(count):
            inner[i, k] = row[members[k]]
    return count


@inlined
def scatter(gram, x, v, members, inner_x, count):
    """Move x to where the members are, and v along."""
    for i in range(count):
        j = members[i]
        change = inner_x[i] - x[j]
        if change != 0.0:
            x[j] = inner_x[i]
            subtract_row(v, change, gram[j], v.size)


@inlined
def sweep(gram, x, v, pieces, count):
    """Take each member to its minimum, the others held; return whether any moved by more than rounding."""
    moved = False
    for j in range(count):
        c = gram[j, j]
        new = minimiser(
            v[j] + c * x[j], c, pieces[S0, j], pieces[S1, j], pieces[P1, j], pieces[P2, j], pieces[JOINT, j]
        )
        change = new - x[j]
        if change != 0.0 and new != np.inf:
            moved = moved or abs(change) > STILL * abs(new)
            x[j] = new
            subtract_row(v, change, gram[j], count)
    return moved


@inlined
def not_zero(x, count, active):
    """List the members that are not 0; return how many."""
    found = 0
    for j in range(count):
        if x[j] != 0.0:
            active[found] = j
            found += 1
    return found


@inlined
def factor(matrix, begin, count):
    """Eliminate below the diagonal from row `begin` on, in the upper triangle alone.

    Returns the first row whose pivot is not positive, but for rounding; `count` if all are. The row below the matrix
    holds what a pivot is compared with.
    """
    for k in range(begin, count):
        if not matrix[k, k] > SINGULAR * matrix[count, k]:
            return k
        for i in range(k + 1, count):
            share = matrix[k, i] / matrix[k, k]
            if share != 0.0:
                for j in range(i, count):
                    matrix[i, j] -= share * matrix[k, j]
    return count


@inlined
def back_substitute(matrix, right, count):
    """Solve with the eliminated upper triangle, in place."""
    for i in range(count - 1, -1, -1):
        for j in range(i + 1, count):
            right[i] -= matrix[i, j] * right[j]
        right[i] /= matrix[i, i]


@inlined
def uncurved_direction(matrix, right, step, ended, count):
    """The direction of the row whose pivot was not positive, downhill; return whether there it does go down."""
    for i in range(count):
        step[i] = -matrix[i, ended] if i < ended else 0.0
    back_substitute(matrix, step, ended)
    step[ended] = 1.0
    downhill, size = 0.0, 0.0
    for i in range(ended + 1):
        downhill += right[i] * step[i]
        size += abs(right[i] * step[i])
    if downhill < 0.0:
        for i in range(ended + 1):
            step[i] = -step[i]
    return abs(downhill) > LEVEL * size or matrix[ended, ended] < -SINGULAR * matrix[count, ended]


@inlined
def find_direction(matrix, right, step, count):
    """Solve the system, or find a direction that does not curve upwards; return the largest multiple of it to take.

    Where a direction is level too, its last entry is left where it is, and out of the system.
    """
    ended = factor(matrix, 0, count)
    while ended < count:
        if uncurved_direction(matrix, right, step, ended, count):
            return np.inf
        for i in range(count):
            matrix[min(i, ended), max(i, ended)] = 0.0
        matrix[ended, ended], right[ended] = 1.0, 0.0
        ended = factor(matrix, ended + 1, count)
    step[:count] = right[:count]
    for k in range(count):
        for i in range(k + 1, count):
            step[i] -= matrix[k, i] / matrix[k, k] * step[k]
    back_substitute(matrix, step, count)
    return 1.0


@inlined
def on_outer(x, v, s1, joint):
    """Whether the outer piece of the slope is the one that a step from x would be on."""
    return abs(x) > joint or (abs(x) == joint and (v if x > 0.0 else -v) >= s1)


@inlined
def assemble(gram, x, v, pieces, active, count, matrix, right):
    """Write down the system of the active entries, its diagonal once more below it for the test of pivots."""
    for i in range(count):
        j = active[i]
        for k in range(i, count):
            matrix[i, k] = gram[j, active[k]]
        outer = on_outer(x[j], v[j], pieces[S1, j], pieces[JOINT, j])
        curvature = pieces[P2, j] if outer else pieces[P1, j]
        at = curvature * abs(x[j]) + (pieces[S1, j] - curvature * pieces[JOINT, j] if outer else pieces[S0, j])
        matrix[i, i] += curvature
        matrix[count, i] = gram[j, j] + abs(curvature)
        right[i] = v[j] - (at if x[j] > 0.0 else -at)


@inlined
def room(x, v, step, s1, joint):
    """How many times its step an entry may go within its piece, and where that ends."""
    size, growth = abs(x), step if x > 0.0 else -step
    outer = on_outer(x, v, s1, joint)
    end = joint if outer or growth > 0.0 else 0.0
    if growth == 0.0 or (outer and growth > 0.0):
        return np.inf, end
    return (end - size) / growth, end if x > 0.0 else -end


@inlined
def direct_step(gram, x, v, pieces, count, active, active_count, matrix, right, step):
    """Step towards the stationary point within the pieces; return whether it was reached."""
    assemble(gram, x, v, pieces, active, active_count, matrix, right)
    most, first, stop = find_direction(matrix, right, step, active_count), -1, 0.0
    for i in range(active_count):
        j = active[i]
        times, end = room(x[j], v[j], step[i], pieces[S1, j], pieces[JOINT, j])
        if times < most:
            most, first, stop = times, i, end
    if most == np.inf:
        return False
    for i in range(active_count):
        j = active[i]
        new = stop if i == first else x[j] + most * step[i]
        right[i] = new - x[j]
        x[j] = new
        if right[i] != 0.0:
            subtract_row(v, right[i], gram[j], count)
    return first < 0


@inlined
def improve(gram, x, v, pieces, count, most, spent, active, matrix, right, step):
    """Sweep, and step directly when sweeps have cost as much.

    Returns iterations, multiplications, what sweeps have cost since the last system, and whether no more can be had.
    """
    taken, work, moved, reached = 0, 0.0, True, False
    for _ in range(SWEEPS):
        moved = sweep(gram, x, v, pieces, count)
        taken += 1
        work += float(count) * count
        system = float(not_zero(x, count, active)) ** 3 / 6.0
        if taken >= most or not moved or spent + work >= system:
            break
    spent += work
    active_count = not_zero(x, count, active)
    credit = CREDIT * float(active_count) ** 3 / 6.0 if spent >= float(active_count) ** 3 / 6.0 else 0.0
    while 0 < active_count <= LARGEST_SYSTEM and taken < most and not reached:
        system = float(active_count) ** 3 / 6.0
        if spent + credit < system:
            break
        reached = direct_step(gram, x, v, pieces, count, active, active_count, matrix, right, step)
        taken += 1
        spent -= system
        work += system + float(active_count) * count
        active_count = not_zero(x, count, active)
    return taken, work, 0.0 if reached else spent, reached or not moved


@inlined
def descend_one(
    gram, x, v, pieces, goals, most, budget, members, ratios, inner, inner_x, inner_v, inner_pieces, active, matrix,
    right, step,
):  # fmt: skip
    """Descend in one row; return iterations, multiplications, and 1 if the goals are met, 2 if rounding is, else 0."""
    taken, work, spent, best, rounds, ended = 0, 0.0, 0.0, np.inf, 0, False
    while True:
        farthest = assess(x, v, pieces, goals, ratios)
        if farthest <= 1.0:
            return taken, work, 1
        rounds = 0 if farthest < 0.5 * best else rounds + 1
        best = min(best, farthest)
        if rounds > PATIENCE and ended:
            return taken, work, 2
        if taken >= most or work >= budget:
            return taken, work, 0
        least = max(1.0, SHARE * farthest)
        count = gather(gram, x, v, pieces, ratios, least, members, inner, inner_x, inner_v, inner_pieces)
        iterations, cost, spent, ended = improve(
            inner, inner_x, inner_v, inner_pieces, count, most - taken, spent, active, matrix, right, step
        )
        scatter(gram, x, v, members, inner_x, count)
        taken += iterations
        work += cost + float(count) * (count + x.size)


@compiled
def descend(gram, V, X, pieces, units, goals, most, budget, taken, ended):
    """Descend in every row whose `ended` is 0; V and X move along.

    A row may cost `budget` multiplications, whatever the rows before it have cost, so that it goes the same way beside
    any others; none begins once all have cost as much. A row's y is counted in its own unit, `units`: slopes and joints
    are divided by it. `taken` counts iterations, up to `most`; `ended` becomes 1 where all violations are
    within `goals`, 2 where rounding keeps them from it.
    """
    n = gram.shape[0]
    members, active, ratios = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    own, inner_pieces, inner = np.empty((5, n)), np.empty((5, n)), np.empty((n, n))
    inner_x, inner_v, right, step = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    side = min(n, LARGEST_SYSTEM)
    matrix = np.empty((side + 1, side))
    left = budget
    for k in range(X.shape[0]):
        if ended[k] == 0 and taken[k] < most and left > 0.0:
            for p in range(5):
                unit = 1.0 if p in (P1, P2) else units[k]
                for j in range(n):
                    own[p, j] = pieces[p, j] / unit
            iterations, work, ended[k] = descend_one(
                gram, X[k], V[k], own, goals[k], most - taken[k], budget, members, ratios, inner, inner_x, inner_v,
                inner_pieces, active, matrix, right, step,
            )  # fmt: skip
            taken[k] += iterations
            left -= work
