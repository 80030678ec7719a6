"""Wrong variants of solving."""

from mutants.mutant import of

MUTANTS = [
    *of(
        "solver/certificate.py",
        ("_ratio(gaps + off_v * lengths, objective", "_ratio(gaps, objective"),
        ("((1 - s) * point.u_norms + off_u) ** 2", "off_u**2"),
        ("h.s1 / needed, 1.0).min(axis=1)", "h.s1 / needed, 1.0).max(axis=1)"),
        ("point.u_norms + off_u + beyond <= allowed", "point.u_norms + beyond <= off_u"),
        ("np.maximum(largest[:, None] * point.d_norms, slopes)", "np.maximum(largest[:, None], slopes)"),
        ("known = np.isfinite(part) & np.isfinite(whole)", "known = ~np.isnan(part)"),
    ),
    *of(
        "solver/penalty.py",
        ("(theta.w1 <= 1 or theta.b1 == theta.b2)", "theta.w1 <= 1"),
        ("area = opposite + _trapezoid(inner", "area = _trapezoid(inner"),
        ("weight * ((1 - w1) / w1)", "weight * (1 - w1)"),
    ),
    *of(
        "solver/least_squares.py",
        (
            "return (relative_gap if self.convex else relative_violation)(point, self.h)",
            "return relative_gap(point, self.h)",
        ),
        ("residuals * objective(point, self.h) if self.convex", "residuals if self.convex"),
        ("return least, taken, (least > tol) & (taken < max_iter)", "return least, taken, least > tol"),
    ),
    *of(
        "solver/kernels/coordinates.py",
        ("        if times < most:", "        if times < -1.0:"),
        ("    if downhill < 0.0:", "    if downhill > 0.0:"),
        ("end = joint if outer or growth > 0.0 else 0.0", "end = 0.0"),
        ("if past * past / (c + p2) / 2.0 > to_joint:", "if past * past / (c + p2) > to_joint:"),
        ("unit = 1.0 if p in (P1, P2) else units[k]", "unit = units[k]"),
    ),
    *of(
        "solver/ordinary.py",
        ("U.T, rcond=None", "U.T, rcond=1e-3"),
        ("taken += taken < max_iter", "taken += 1"),
        (
            "if refinement == REFINEMENTS or (residuals <= tol).all()",
            "if refinement == REFINEMENTS or (residuals <= tol).any()",
        ),
        (
            "X += np.linalg.lstsq(scaled.D, U.T, rcond=None)[0].T",
            "X = np.linalg.lstsq(scaled.D, scaled.Y.T, rcond=None)[0].T",
        ),
    ),
    *of(
        "solver/fidelity.py",
        ("own = h.in_units(1.0, of_w)", "own = h.in_units(1.0, 1.0)"),
    ),
    *of(
        "solver/whole.py",
        ("uphill = np.vdot(back, ahead) > 0", "uphill = np.vdot(back, ahead) < 0"),
        ("violation.max(axis=0) / h.s0", "violation.max(axis=0)"),
    ),
    *of(
        "solver/solve.py",
        ("known = type(f) in (Fidelity, LeastSquares) and convex", "known = type(f) in (Fidelity, LeastSquares)"),
        ("states[open_ended & ends.stalled] = Status.STALLED", "pass"),
    ),
    *of(
        "solver/scaling.py",
        ("points *= self.of_y", "points *= 1.0"),
        ("scaled /= self.of_y[:, None]", "scaled /= 1.0"),
        ("points += 0.0", "points += 1e-9"),
        ("self.Y[rows] - (self.D @ X.T).T", "self.Y[rows] + (self.D @ X.T).T"),
        ("D.data / self.of_d[D.indices]", "D.data * self.of_d[D.indices]"),
        ("self.columns[:, chosen]", "self.columns[:, : len(chosen)]"),
    ),
    *of(
        "status.py",
        ("(Status.CONVERGED, Status.STATIONARY, Status.COMPLETED)", "(Status.CONVERGED, Status.COMPLETED)"),
        ("(Status.CONVERGED, Status.STATIONARY, Status.COMPLETED)", "(Status.CONVERGED, Status.STATIONARY)"),
        ("return self in (", "return self not in ("),
    ),
]
