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
]
