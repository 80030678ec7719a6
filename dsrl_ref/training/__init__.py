"""Learning Θ and L: `fit`, by Gauss-Newton or as the authors' program does it."""

from dsrl_ref.training.fit import fit

__all__ = ["fit"]
