"""Groups of functions of the package that the table of verification names: names below ``dsrl_ref``."""

from dsrl_ref.engines import table

ENGINES = (
    "objective.Objective.__call__",
    "objective.Objective.flat",
    "objective.loss_and_gradient",
    "appendix.totals.loss_and_gradient",
    "engines.tangent.Tangent.loss_and_gradient",
    "engines.adjoint.Adjoint.loss_and_gradient",
    "engines.fused.Fused.loss_and_gradient",
    "engines.recursion.loss_and_gradient",
    "engines.pieces.Pieces.loss_and_gradient",
    "engines.columns.Columns.loss_and_gradient",
    "engines.support.Support.loss_and_gradient",
    "engines.implicit.Implicit.loss_and_gradient",
)
MATRICES = (
    "objective.Objective.gauss_newton",
    "engines.tangent.Tangent.gauss_newton",
    "engines.fused.Fused.gauss_newton",
    "engines.recursion.gauss_newton",
    "engines.pieces.Pieces.gauss_newton",
    "engines.columns.Columns.gauss_newton",
    "engines.support.Support.gauss_newton",
    "engines.implicit.Implicit.gauss_newton",
)
FREE = ("objective.Objective.free", "free.pulled")
SENSITIVITIES = (
    "appendix.totals.total",
    "appendix.totals.sensitivities",
    "engines.tangent.sensitivities",
    "engines.scalar_map.ScalarMap.derivatives",
)
CONDITIONS = (
    "appendix.theta.Theta.violations",
    "appendix.theta.Theta.projected",
    "appendix.theta.Theta.project",
    "appendix.theta.projection_jacobian",
)
SMOOTH_TERMS = tuple(
    f"smooth.{term}.{method}"
    for term in ("Fidelity", "LeastSquares")
    for method in ("value", "gradient", "start", "lipschitz")
)
APPENDIX_OF_LAYERS = tuple(
    f"appendix.layers.{name}" for name in ("loss_and_gradient", "sensitivities", "gauss_newton", "partials", "pulled")
)
OBJECTIVE_OF_LAYERS = tuple(
    f"objective.Objective.{name}" for name in ("__call__", "flat", "free", "gauss_newton", "ties")
)
ENGINES_OF_LAYERS = tuple(
    f"engines.table.ENGINES[{name!r}].prepare_layers"
    for name, engine in table.ENGINES.items()
    if engine.prepare_layers is not None
)
