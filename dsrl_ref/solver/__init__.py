"""argmin f + weight·g: `solve` and `solve_path`."""

from dsrl_ref.solver.solve import solve, solve_path

__all__ = ["solve", "solve_path"]
