"""A frozen list of wrong variants of the package, and which layer of judges.py catches each.

``python tests/mutants.py`` applies them one by one to a copy and prints a table; the suite does the same. A text
that no longer occurs in its file exactly as often as stated is an error: the list follows the source by hand.
"""

import contextlib
import importlib.util
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import judges
import numba

PACKAGE = Path(importlib.util.find_spec("dsrl_ref").origin).parent


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` at its `place`-th of `of` occurrences in `file`."""

    file: str
    old: str
    new: str
    place: int = 1
    of: int = 1

    @property
    def name(self):
        return f"{self.file}: {self.old} -> {self.new}" + (f" #{self.place}" if self.of > 1 else "")

    def applied(self, text):
        parts = text.split(self.old)
        assert len(parts) == self.of + 1, f"{self.name}: occurs {len(parts) - 1} times, not {self.of}"
        return self.old.join(parts[: self.place]) + self.new + self.old.join(parts[self.place :])


def _of(file, *changes):
    return [Mutant(file, *change) for change in changes]


MUTANTS = [
    *_of(
        "appendix/shrinkage.py",
        ("[b2 <= z,", "[b2 < z,"),
        ("(b1 <= z) &", "(b1 < z) &"),
        (
            "(-b1 <= z) & (z < b1), (-b2 <= z) & (z < -b1)",
            "(-b1 < z) & (z < b1), (-b2 <= z) & (z <= -b1)",
        ),
        ("(-b2 <= z) &", "(-b2 < z) &"),
        ("        w2 * (z - b2) + w1 * (b2 - b1),", "        w2 * (z - b2) - w1 * (b2 - b1),"),
        ("        w2 * (z - b2) + w1 * (b2 - b1),", "        w2 * (z - b1) + w1 * (b2 - b1),"),
        ("        w1 * (z - b1),", "        w2 * (z - b1),"),
        ("        w1 * (z + b1),", "        w1 * (z - b1),"),
        ("        w2 * (z + b2) - w1 * (b2 - b1),", "        1.001 * w2 * (z + b2) - w1 * (b2 - b1),"),
        ("np.choose(2 - row", "np.choose(2 + row"),
        ("(np.abs(z) == theta.b1) | (np.abs(z) == theta.b2)", "(np.abs(z) == theta.b1)"),
        ("(np.abs(z) == theta.b1) | (np.abs(z) == theta.b2)", "(z == theta.b1) | (np.abs(z) == theta.b2)"),
    ),
    *_of(
        "appendix/regularizer.py",
        ("inner = (1 / (2 * w1) - 1 / 2)", "inner = (1 / (2 * w1) + 1 / 2)"),
        ("* x * x + b1 * x", "* x * x - b1 * x"),
        ("(1 / (2 * w2) - 1 / 2)", "(1 / (2 * w1) - 1 / 2)"),
        ("(b2 - w1 * (b2 - b1) / w2) * x", "(b2 - w1 * (b2 - b1) / w1) * x"),
        ("w1 * (w1 - w2) / (2 * w2)", "w1 * (w2 - w1) / (2 * w2)"),
        ("w1 * (w1 - w2) / (2 * w2)", "1.001 * w1 * (w1 - w2) / (2 * w2)"),
        ("np.where(x >= w1 * (b2 - b1)", "np.where(x >= b2 - b1"),
        ("inner = (1 / w1 - 1) * np.abs(x) + b1", "inner = (1 / w1 - 1) * np.abs(x)"),
        ("outer = (1 / w2 - 1) * np.abs(x)", "outer = (1 / w2 + 1) * np.abs(x)"),
        ("np.sign(x) * np.where", "np.where"),
        ("theta.scaled(step)", "theta"),
    ),
    *_of(
        "appendix/theta.py",
        ("(1 / (2 * w1) - 1 / 2) * joint**2 + b1", "(1 / (2 * w1) - 1 / 2) * joint**2 - b1"),
        ("(w1 - 1) * b2 - (w1 + 1) * b1", "(w1 - 1) * b2 + (w1 + 1) * b1"),
        ("-w1 * (b2 - b1) + b2", "-w1 * (b2 - b1) + b1"),
        ("(w1 - 1) / (w1 + 1) * b2", "(w1 + 1) / (w1 - 1.5) * b2"),
        ("return max(0.0, lower_ray(w1) * b2)", "return lower_ray(w1)"),
        ("return max(0.0, (w1 - 1) / w1)", "return max(0.0, (w1 - 1) / (w1 + 1))"),
        ("if w2 > 1:", "if w2 >= 1:"),
        ("ratio / norm * b1 + b2 / norm)", "ratio / norm * b1 - b2 / norm)"),
        ("min(max(w2, FLOOR_OF_SLOPES), 1.0)", "max(w2, FLOOR_OF_SLOPES)"),
        ("knot1 = t * b1", "knot1 = b1"),
        ("(1 - t) * w1 * (b2 - b1) + t * b2", "(1 - t) * (b2 - b1) + t * b2"),
        ("(1 - t) * w1 + t, (1 - t) * w2 + t", "(1 - t) * w2 + t, (1 - t) * w1 + t"),
        ("turning = 1 / w1**2", "turning = 1 / w1"),
        ("(b1 - 2 * ratio * s) / norm * turning", "(b1 + 2 * ratio * s) / norm * turning"),
        ("jacobian[0, 0] = w1 >= FLOOR_OF_SLOPES", "jacobian[0, 0] = 1"),
        ("cls(c / (c - b), 1.0, b, c)", "cls(c / (c + b), 1.0, b, c)"),
    ),
    *_of(
        "appendix/network.py",
        ("0.5 * np.sum((target - X) ** 2)", "np.sum((target - X) ** 2)"),
        ("Z = X - step * gradient", "Z = X + step * gradient"),
        ("    step = 1.0 / L", "    step = 1.001 / L"),
        ("range(1, layers + 1)", "range(1, layers)", 1, 2),
        ("range(1, layers + 1)", "range(1, layers)", 2, 2),
    ),
    *_of(
        "appendix/partials.py",
        ("b2 - b1, Z - b1, 0.0, Z + b1, b1 - b2", "b2 - b1, Z - b1, 0.0, Z + b1, b2 - b1"),
        ("b2 - b1, Z - b1, 0.0, Z + b1, b1 - b2", "b2 - b1, Z - b1, 0.0, Z - b1, b1 - b2"),
        ("Z - b2, 0.0, 0.0, 0.0, Z + b2", "Z - b2, 0.0, 0.0, 0.0, Z - b2"),
        ("Z - b2, 0.0, 0.0, 0.0, Z + b2", "1.001 * (Z - b2), 0.0, 0.0, 0.0, Z + b2"),
        ("-w1, -w1, 0.0, w1, w1", "-w1, -w1, 0.0, w1, -w1"),
        ("-w1, -w1, 0.0, w1, w1", "-w2, -w1, 0.0, w1, w2"),
        ("w1 - w2, 0.0, 0.0, 0.0, w2 - w1", "w1 - w2, 0.0, 0.0, 0.0, w1 - w2"),
        ("w2, w1, 0.0, w1, w2)  # (14)", "w2, w1, w1, w1, w2)  # (14)"),
        ("w2, w1, 0.0, w1, w2)  # (14)", "w1, w1, 0.0, w1, w1)  # (14)"),
        ("slope * (E_jk - step *", "slope * (E_jk + step *"),
        ("tensor[:, :, j, k] = slope", "tensor[j, k] = slope"),
        ("step = gradient / L**2", "step = gradient / L"),
        ("step = gradient / L**2", "step = -gradient / L**2"),
        ("w2 * step, w1 * step, 0.0, w1 * step, w2 * step", "w1 * step, w1 * step, 0.0, w1 * step, w1 * step"),
    ),
    *_of(
        "appendix/totals.py",
        ('"pqjk,jkc->pqc"', '"jkpq,jkc->pqc"'),
        ("return partial + np.einsum", "return np.einsum"),
        ("return partial + np.einsum", "return partial - np.einsum"),
        ('"pqc,pq->c", sensitivity, residual', '"pqc,pq->c", sensitivity, 1.001 * residual'),
        ("np.zeros((n, m, 4)), np.zeros((n, m, 1))", "np.ones((n, m, 4)), np.zeros((n, m, 1))"),
        ("np.zeros((n, m, 4)), np.zeros((n, m, 1))", "np.zeros((n, m, 4)), np.ones((n, m, 1))"),
        ("residual = X - target", "residual = target - X"),
        ("range(1, layers + 1)", "range(2, layers + 1)"),
        ("dL(Z, gradient(f, X, i), theta, L)", "dL(Z, gradient(f, x0, i), theta, L)"),
        ("tensor = dX(f, Z, X, theta", "tensor = dX(f, Z, x0, theta"),
    ),
    *_of(
        "engines/tangent.py",
        ("np.where(Z >= 0, size >= b1, size > b1)", "np.where(Z >= 0, size > b1, size > b1)"),
        ("np.where(Z >= 0, size >= b1, size > b1)", "np.where(Z >= 0, size >= b1, size >= b1)"),
        ("np.where(Z >= 0, size >= b2, size > b2)", "np.where(Z >= 0, size > b2, size > b2)"),
        ("np.where(Z >= 0, size >= b2, size > b2)", "np.where(Z >= 0, size >= b2, size >= b2)"),
        ("dZ[4] += step * step * g", "dZ[4] -= step * step * g"),
        ("dZ[4] += step * step * g", "dZ[4] += step * g"),
        ("V - step * hessian_product(f, V, X, layer)", "V - step * hessian_product(f, V, x0, layer)"),
        ("V - step * hessian_product(f, V, X, layer)", "V"),
        ("dX = slope * dZ", "dX = w1 * dZ"),
        ("dX[0] += sign * middle", "dX[0] += middle"),
        ("dX[1] += sign * outer", "dX[1] += 1.001 * sign * outer"),
        ("dX[2] -= sign", "dX[2] += sign"),
        ("(w1 - w2) * past2", "(w2 - w1) * past2"),
        ("residual = X - target", "residual = target - X"),
    ),
    *_of(
        "engines/adjoint.py",
        ("(-b2 <= Z)", "(-b2 < Z)"),
        ("piece += knot <= Z", "piece += knot < Z"),
        ("(-b1, b1, b2):", "(-b1, b1):"),
        ("SIGN = np.array([-1.0, -1.0, 0.0, 1.0, 1.0])", "SIGN = np.array([-1.0, -1.0, 1.0, 1.0, 1.0])"),
        ("dw1 += np.sum(inside) + (b2 - b1)", "dw1 += np.sum(inside) - (b2 - b1)"),
        ("dw2 += np.sum", "dw2 += 1.001 * np.sum"),
        ("db1 -= w1", "db1 += w1"),
        ("db2 += (w1 - w2)", "db2 += 1.001 * (w1 - w2)"),
        ("dL += step * step", "dL += step"),
        ("dZ * gradient(f, X, layer)", "dX * gradient(f, X, layer)"),
        ("dX = dZ - step * hessian_product(f, dZ, X, layer)", "dX = dZ"),
        ("dX = dZ - step * hessian_product(f, dZ, X, layer)", "dX = dZ - step * hessian_product(f, dZ, x0, layer)"),
        ("dX = dZ - step * hessian_product(f, dZ, X, layer)", "dX = dX - step * hessian_product(f, dZ, X, layer)"),
        ("range(len(tape), 0, -1)", "range(len(tape), 1, -1)"),
        ("layer > 1 else x0", "layer > 2 else x0"),
    ),
    *_of(
        "engines/implicit.py",
        ("cotangent = contraction.solve_transposed(residual)", "cotangent = residual"),
        ("cotangent = contraction.solve_transposed(residual)", "cotangent = contraction.solve(residual)"),
        ("contraction.solve(partial) for", "contraction.solve_transposed(partial) for"),
        ("L, 1, X)", "L, 1, x0)"),
        ("slopes * (1 - 1.0 / L)", "slopes * (1 - 1.001 / L)"),
        ("/ (1 - self.factors)", "/ (1 + self.factors)"),
        ("V - self.step * hessian", "V + self.step * hessian"),
        ("self._spread(self.roots * vector)", "self._spread(vector)"),
        ("lambda v: v - self(v)", "lambda v: v + self(v)"),
        ("right[self.active] * self.roots", "right[self.active] / self.roots"),
        ("theta.scaled(L))", "theta)"),
        ("LARGEST_RADIUS = 1 - 1e-6", "LARGEST_RADIUS = 1 + 1e-6"),
        ("ON_KNOT = 1e-12", "ON_KNOT = -1"),
    ),
    *_of(
        "engines/recursion.py",
        ("range(0, blocks, step)", "range(0, blocks - 1, step)"),
        ("return totals[0], np.array(totals[1:])", "return totals[0], np.array(totals[:0:-1])"),
        ("-(-entries // BLOCK)", "entries // BLOCK"),
    ),
    *_of(
        "engines/fused.py",
        ("start is None else pieces_of_map(start, theta", "start is None else pieces_of_map(1.0, theta"),
        ("np.array(totals[1:])", "np.array(totals[:0:-1])"),
        ("step) * BLOCK)", "step) * BLOCK - 1)"),
        ("goal[listed[:left]]", "goal[:left]"),
        ("if left:", "if left > BLOCK:"),
        ("layer_by_layer(v, start * v,", "layer_by_layer(v, v,"),
        ("-(-left // BLOCK)", "left // BLOCK"),
        ("range(0, blocks, step)", "range(0, blocks - 1, step)"),
        ("np.concatenate([sums, left_over])", "sums"),
        ("upper[-1] = -np.inf, np.inf", "upper[-1] = lower[0], np.inf"),
        ("upper[-1] = -np.inf, np.inf", "upper[-1] = -np.inf, upper[-1]"),
        ("upper <= table[piece, HIGH]", "lower <= table[piece, HIGH]"),
        ("piece + 1, 0)", "piece, 0)"),
    ),
    *_of(
        "engines/kernels/fused.py",
        ("k == 0 or value > table[k, HIGH]", "k == 0"),
        ("slopes[k] * value + intercepts[k]", "slopes[k] * value - intercepts[k]", 1, 2),
        ("slopes[k] * value + intercepts[k]", "slopes[k] * value - intercepts[k]", 2, 2),
        ("(kept[k] * value - target[i])", "0.0"),
        ("lines[KEPT, k] * value - target[listed[i]]", "0.0"),
        ("r = 0.0 if k == 0 else r", "r = r"),
        ("added[row, RW] += r * value", "added[row, RW] += value", 1, 2),
        ("added[row, RW] += r * value", "added[row, RW] += value", 2, 2),
        ("added[LANES * k, RW] += r * value", "added[LANES * k, RW] += value"),
        ("squares += r * r", "squares += r", 3, 3),
        ("            left += 1", "            left += 2"),
        ("listed[np.uint32(left)] = start + i", "listed[np.uint32(left)] = start", 1, 2),
        ("listed[np.uint32(left)] = start + i", "listed[np.uint32(left)] = start", 2, 2),
        ("left += k == 0", "left += k >= 0", 1, 2),
        ("left += k == 0", "left += k <= 1", 2, 2),
        ("end if end < w.size else w.size", "end if end < w.size else w.size - 1"),
        ("start + CHUNK if start + CHUNK < end else end", "start + CHUNK if start + CHUNK < end else end - 1"),
        ("+= 0.5 * rr", "+= rr", 1, 2),
        ("+= 0.5 * rr", "= 0.5 * rr", 2, 2),
        ("table[k, DA + p] * rw + table[k, DC + p] * r", "table[k, DA + p] * r + table[k, DC + p] * rw"),
        ("for k in range(1, len(table)):", "for k in range(2, len(table)):"),
        ("position = (values[j] - origin) * scale", "position = (values[j] - origin) * scale + 1.0"),
    ),
    *_of(
        "engines/kernels/recursion.py",
        ("z = x[j] - step * g", "z = x[j] + step * g"),
        ("g = x[j] - w[j]", "g = w[j] - x[j]"),
        ("(size > b1 or (right and size == b1))", "(size > b1)"),
        ("(size > b1 or (right and size == b1))", "(size >= b1)"),
        ("(size > b2 or (right and size == b2))", "(size > b2)"),
        ("(size > b2 or (right and size == b2))", "(size >= b2)"),
        ("outer = past2 * (size - b2)", "outer = past2 * (size - b1)"),
        ("slope = past2 * w2 + (past1 - past2) * w1", "slope = past2 * w2 + past1 * w1"),
        ("+ sign * middle", "- sign * middle"),
        ("+ sign * outer", "+ outer"),
        ("- sign * w1 * past1", "- sign * w2 * past1"),
        ("+ sign * (w1 - w2) * past2", "+ 1.001 * sign * (w1 - w2) * past2"),
        ("+ step * step * g)", "+ step * g)"),
        ("slope * (d5[j] - step * d5[j]", "slope * (d5[j]"),
        ("x[j] = x0[start + j]", "x[j] = w[start + j]", 1, 2),
        ("x[j] = x0[start + j]", "x[j] = w[start + j]", 2, 2),
        ("dx[p, j] = 0.0", "dx[p, j] = 1.0"),
        ("dx[p, i + j] * dx[q, i + j]", "dx[q, i + j] * dx[q, i + j]"),
        ("r = x[j] - target[start + j]", "r = x[j] - w[start + j]"),
        ("s4 += r * d4[j]", "s4 += r * d3[j]"),
        ("range(layers)", "range(layers - 1)"),
    ),
    *_of(
        "engines/kernels/scalar_map.py",
        ("w = (knot - intercept) / slope", "w = (knot + intercept) / slope"),
        ("FEW_UNITS = 8 * 2.0**-53", "FEW_UNITS = 0.0"),
        ("LEAST = 1e-300", "LEAST = 0.0"),
        ("if abs(z) < b1:", "if abs(z) < b2:"),
        ("outer = abs(z) >= b2", "outer = z >= b2"),
        ("row[DC + 2] -= sign * w1", "row[DC + 2] += sign * w1"),
        ("row[DC] += sign * (b2 - b1)", "row[DC] += b2 - b1"),
        ("row[DA + own] += slope", "row[DA + own] += 1.001 * slope"),
        ("intercept - sign * (b2 if", "intercept - (b2 if"),
        ("sign * (w1 - w2)", "sign * (w2 - w1)"),
        ("row[DA + own] += slope", "row[DA + own] += w * slope"),
        ("own = 1 if outer else 0", "own = 0"),
        ("row[E] += w - 1.0", "row[E] = w * slope - 1.0"),
        ("(w2 - w1) * b2 + w1 * b1", "(w2 - w1) * b1 + w1 * b1"),
        ("(w2 - w1) * b2 + w1 * b1", "w2 * b2 - w1 * (b2 - b1)"),
        ("row[DA + 4] += step * step * e", "row[DA + 4] += step * e"),
        ("row[DC + 4] += step * step * c", "row[DC + 4] -= step * step * c"),
        ("    row[A] = kept + step", "    row[C] = c"),
        ("    row[A] = kept + step", "    row[A] = kept"),
        ("for gap in range(KNOTS + 1):", "for gap in range(KNOTS):"),
        ("cursor = high[gap] if high[gap] > cursor", "cursor = low[gap] if low[gap] > cursor"),
        ("for _ in range(layers):", "for _ in range(layers - 1):"),
        ("return -1.0", "return np.inf"),
    ),
    *_of(
        "engines/kernels/pieces.py",
        ("return s, (a - (s - t)) + (b - t)", "return s, 0.0"),
        ("return add(ph, pl, qh, ql)", "return add(ph, pl, -qh, -ql)"),
        ("range(start, stop, step)", "range(start + step, stop, step)"),
        ("start + RUN if start + RUN < end else end", "start + RUN"),
        ("begin = zero % BLOCK + row * BLOCK", "begin = row * BLOCK"),
        ("stop, again = first + low * BLOCK", "stop, again = first"),
        ("low = low if low > 0 else 0", "low = 0"),
        ("0.5 * high, 0.5 * low", "high, low"),
        ("c, counts[k], 0.0, dh", "c, 1.0, 0.0, dh"),
        ("counts[k], 0.0, dh, dl)", "counts[k], 0.0, -dh, -dl)"),
        ("c, dh, dl, sums[k, 8], sums[k, 9])", "c, dh, dl, sums[k, 8], 0.001 * sums[k, 8])"),
        ("combine(table[k, DA - 1 + p], wh, wl, table[k, DC - 1 + p], rh, rl)", "times(wh, wl, table[k, DA - 1 + p])"),
        ("e, c = table[k, DA + q], table[k, DC + q]", "e, c = table[k, DA + p], table[k, DC + q]"),
    ),
    *_of(
        "engines/pieces.py",
        ("= -running[1 : anchor + 1]", "= running[1 : anchor + 1]"),
        ("anchor - 1, -1, -1", "anchor - 2, -1, -1"),
        ("anchor + 1, len(running), 1", "anchor + 2, len(running), 1"),
        ("running[anchor] = 0.0", "pass"),
        ("np.append(0, ends), np.append(begins, self.w.size)", "np.append(0, begins), np.append(ends, self.w.size)"),
        ('after = int(self.w.searchsorted(self.w[begin], side="right"))', "after = end"),
        ("interruptible(lambda: target[order])", "interruptible(lambda: target)"),
        ("matrix + self.zeros * (dx @ dx.T)", "matrix"),
        ("w if self.start else np.zeros(w.shape)", "w"),
        ("rows = constant_rows(", "rows = 1.001 * constant_rows("),
    ),
    *_of(
        "engines/columns.py",
        ("np.multiply(self.D.T @ Y, self.step", "np.multiply(self.D.T @ Y, -self.step"),
        ("np.multiply(self.D.T @ (self.D @ V), self.step", "np.multiply(self.D.T @ (self.D @ V), -self.step"),
        ("gram *= step", "gram *= -step"),
        ("gram *= step", "gram *= 1.001 * step"),
        ("out=gram[part]", "out=gram[: len(gram[part])]"),
        ("if i or moved:", "if i:", 1, 2),
        ("if i or moved:", "if i:", 2, 2),
        ("            Z[:] = 0.0", "            Z[:] = 1.0"),
        ("X -= target", "X += target"),
        ("    P[:] = 0.0", "    P[:] = 1.0"),
        ("range(len(tape) - 1, -1, -1)", "range(len(tape) - 1, 0, -1)"),
        ("        x = flat[i]", "        x = x"),
        ("in_step += float(np.sum(P * x0))", "in_step += 0.0"),
        ("loss, in_w1, in_w2, -w1 * past_b1", "loss, in_w1, in_w2, w1 * past_b1"),
        ("in_step / L", "in_step / L / L"),
        ("range(0, m, width)", "range(0, m, width + 1)", 1, 2),
        ("range(0, m, width)", "range(0, m, width + 1)", 2, 2),
    ),
    *_of(
        "engines/kernels/columns.py",
        ("Z[j] - offset[j]", "Z[j] + offset[j]"),
        ("cotangent = v[j] - p[j]", "cotangent = v[j] + p[j]"),
        ("w1 * by_w1 + w2 * by_w2", "w1 * by_w1 + w1 * by_w2"),
        ("- pulled * c[j]", "+ pulled * c[j]"),
        ("- pulled * c[j]", "- cotangent * c[j]"),
        ("z[j] = pulled", "z[j] = p[j]"),
        ("in_w2[j] += cotangent", "in_w2[j] += 1.001 * cotangent"),
        ("past_b2[j] += cotangent * sign * past2", "past_b2[j] += cotangent * sign * past1"),
        ("X[j] = sign * (w2 * past2", "X[j] = sign * (w1 * past2"),
        ("(z[j] >= b1) | (z[j] < -b1)", "(z[j] > b1) | (z[j] < -b1)"),
        ("(z[j] >= b1) | (z[j] < -b1)", "(z[j] >= b1) | (z[j] <= -b1)"),
        ("(z[j] >= b2) | (z[j] < -b2)", "(z[j] > b2) | (z[j] < -b2)"),
    ),
    *_of(
        "smooth.py",
        ("return self.D.T @ (self.D @ X - self.Y)", "return self.D.T @ (self.D @ X + self.Y)"),
        ("return self.D.T @ (self.D @ V)", "return 1.001 * self.D.T @ (self.D @ V)"),
        ("return X - self.W", "return self.W - X"),
        ("return 0.5 * float(np.sum((self.D", "return float(np.sum((self.D"),
        ("else gram)[-1])", "else gram)[0])"),
    ),
    *_of(
        "objective.py",
        (
            "return float(loss), Gradient(*map(float, gradient))",
            "return float(loss), Gradient(*map(float, gradient[::-1]))",
        ),
    ),
]


@contextlib.contextmanager
def isolated(folder):
    """Import the package from `folder`, kernels as plain Python, and put the real one back afterwards."""
    mine = lambda: [name for name in sys.modules if name.split(".")[0] == "dsrl_ref"]  # noqa: E731
    kept = {name: sys.modules.pop(name) for name in mine()}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    compiling, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        package = importlib.import_module("dsrl_ref")
        assert Path(package.__file__).is_relative_to(folder)
        yield package
    finally:
        numba.config.DISABLE_JIT = compiling
        sys.path.remove(str(folder))
        for name in mine():
            del sys.modules[name]
        sys.modules.update(kept)


def caught_by(mutant=None):
    """The first layer that a copy of the package fails, "" if none does; without a mutant, of a faithful copy."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "dsrl_ref")
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
        if mutant is not None:
            file = copy / mutant.file
            file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        with isolated(Path(folder)) as package:
            return next((name for name, layer in judges.LAYERS.items() if _fails(layer, package)), "")


def _fails(layer, package):
    try:
        layer(package)
    except Exception:  # a mutant may break in any way: all of them count
        return True
    return False


def main():
    counts = Counter()
    for mutant in MUTANTS:
        layer = caught_by(mutant)
        counts[layer] += 1
        print(f"{layer or 'SURVIVED':<12} {mutant.name}")
    print(f"\n{len(MUTANTS)} mutants, {counts['']} survived;", ", ".join(f"{n} by {k}" for k, n in counts.items() if k))
    return 1 if counts[""] else 0


if __name__ == "__main__":
    sys.exit(main())
