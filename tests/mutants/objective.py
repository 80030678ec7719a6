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
]
