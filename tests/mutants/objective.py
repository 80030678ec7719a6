"""Wrong variants of the smooth terms and the objective."""

from mutants.mutant import of

MUTANTS = [
    *of(
        "smooth.py",
        ("return self.D.T @ (self.D @ X - self.Y)", "return self.D.T @ (self.D @ X + self.Y)"),
        ("return self.D.T @ (self.D @ V)", "return 1.001 * self.D.T @ (self.D @ V)"),
        ("return X - self.W", "return self.W - X"),
        ("return 0.5 * float(np.sum((self.D", "return float(np.sum((self.D"),
        ("else gram)[-1])", "else gram)[0])"),
    ),
    *of(
        "objective.py",
        (
            "return float(loss), Gradient(*map(float, gradient))",
            "return float(loss), Gradient(*map(float, gradient[::-1]))",
        ),
        ("x0=x0, method=method, evaluations=1)", "x0=x0, method=method)"),
        ('if method == "auto" else table.named', 'if method != "magic" else table.named'),
        ("if not (np.isfinite(loss) and np.isfinite(gradient).all()):", "if not np.isfinite(loss):"),
        ("start=self._problem.start)", "start=1.0)"),
        ('as_count(evaluations, "evaluations", least=1)', 'as_count(evaluations, "evaluations")'),
    ),
    *of(
        "free.py",
        ("db1 + db2, db2, dL]", "db1, db2, dL]"),
        ("b1, b1 + rise)", "b1, rise)"),
        ("np.clip(u, -FARTHEST, FARTHEST)", "np.clip(u, None, FARTHEST)"),
        ("np.where(free, _exponentials(u) *", "np.where(True, _exponentials(u) *"),
        ("(w1, w2, b1, b2 - b1, L)", "(w1, w2, b1, b2, L)"),
        ("if b2 == b1:", "if b2 < b1:"),
        ("if b1 == 0:", "if b1 < 0:"),
    ),
    *of(
        "differences.py",
        ("for place, _ in scheme]", "for place, _ in CENTRAL]"),
        ("FIRST_STEP, LAST_STEP = 20, 36", "FIRST_STEP, LAST_STEP = 12, 36"),
        ("network.regions(point) == home", "True"),
        ("CENTRAL: Scheme = ((1, 0.5), (-1, -0.5))", "CENTRAL: Scheme = ((1, 1.0), (0, -1.0))"),
        ("UPWARD = ((0, -1.5), (1, 2.0), (2, -0.5))", "UPWARD = ((0, -1.0), (1, 1.0), (2, 0.0))"),
        ("(-place, -weight)", "(-place, weight)"),
        ("unit = at[number] or", "unit = 1.0 or"),
        ("scale = max(difference.size, abs(gradient[number]))", "scale = max(1.0, abs(gradient[number]))"),
        ("scale = max(difference.size, abs(gradient[number]))", "scale = abs(gradient[number])"),
        ("np.max([*gaps.values()])", "np.min([*gaps.values()])"),
        ("max(roundings), min(steps)", "max(roundings), max(steps)"),
        ("math.fsum(terms)", "(math.fsum(terms) - 0.0) * 1.000001"),
        ("0.5 * np.square(X - self.target)", "np.square(X - self.target)"),
        ("(f.value(ahead) - f.value(behind)) / (2 * step)", "(f.value(ahead) - f.value(behind)) / step"),
        ("bend = min(", "bend = max("),
        ("np.vdot(U, HV) - np.vdot(V, HU)", "np.vdot(U, HV) - np.vdot(HV, U)"),
        ("np.max(found, axis=0)", "np.min(found, axis=0)"),
        ('norms["HV"] / norms["V"], f.lipschitz()', 'f.lipschitz(), norms["HV"] / norms["V"]'),
        ("return part / whole if whole else math.inf", "return part / whole if whole else 0.0"),
    ),
]
