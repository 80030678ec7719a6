"""The table of verification: equation -> functions of the package that its row judges -> checks.

A function that is wrong fails a check of the row that names it; a test spoils each of them and asks for that. Names are
below ``dsrl_ref``; those that the README's table of equations gives are among them. An engine returns the loss, dJ/dΘ
and dJ/dL together, and is named where each of them is judged: (8), (10) and (15).

The last row has no number in the appendix: one Θ and one L a layer, where dJ/dΘ_i is the i-th term of (10), (11), (15)
and (16), as `appendix.layers` states. Its engines are those of the table of engines that have a ``prepare_layers``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dsrl_ref.appendix.statements import LAYERS
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.checks import (
    calls,
    engines,
    layered_engines,
    layers,
    network,
    partials,
    regularizer,
    shrinkage,
    theta,
    totals,
)
from dsrl_ref.verify.findings import Check, Equation
from dsrl_ref.verify.judged import (
    APPENDIX_OF_LAYERS,
    CONDITIONS,
    ENGINES,
    ENGINES_OF_LAYERS,
    FREE,
    MATRICES,
    OBJECTIVE_OF_LAYERS,
    SENSITIVITIES,
    SMOOTH_TERMS,
)

CheckFunction = Callable[[Cases], Check | Iterable[Check]]


@dataclass(frozen=True)
class Row:
    """What is judged for one equation, and how."""

    functions: tuple[str, ...]
    checks: tuple[CheckFunction, ...]


EQUATIONS: dict[Equation, Row] = {
    1: Row(
        (
            "regularizer",
            "prox",
            "shrink",
            "appendix.theta.Theta.scaled",
            "appendix.theta.Theta.soft",
            "appendix.theta.Theta.firm",
        ),
        (
            regularizer.rows_meet,
            regularizer.is_integral_of_slope,
            regularizer.regularizer_is_exact,
            regularizer.regularizer_rounds_little,
            regularizer.shrinkage_is_prox,
            regularizer.prox_is_stationary,
            regularizer.scaled_is_multiple,
            regularizer.scaled_rounds_little,
            regularizer.named_thetas,
            regularizer.needs_ordered_knots,
        ),
    ),
    2: Row(("appendix.theta.nonnegative_at_joint",), (theta.joint_decides, theta.nonnegative_at_joint_is_exact)),
    3: Row(
        ("appendix.theta.simplified_condition",),
        (theta.simplification_holds, theta.simplified_condition_is_exact, theta.needs_a_factor_to_divide_by),
    ),
    4: Row(
        ("regularizer_gradient",),
        (regularizer.is_derivative, regularizer.gradient_is_exact, regularizer.gradient_rounds_little),
    ),
    5: Row(
        ("appendix.theta.slope_at_joint",), (theta.five_is_slope, theta.five_decides, theta.slope_at_joint_is_exact)
    ),
    6: Row(
        ("appendix.theta.claimed_chain",),
        (
            theta.claimed_chain_is_printed,
            theta.chain_is_false,
            theta.chain_holds_where_needed,
            theta.chain_is_harmless,
        ),
    ),
    7: Row(
        CONDITIONS,
        (
            theta.seven_makes_g_rise,
            theta.seven_is_no_expansion,
            theta.violations_decide,
            theta.tolerance_is_rounding,
            theta.projection_is_nearest,
            theta.jacobian_is_derivative,
            theta.not_necessary,
            theta.not_needed_for_the_prox,
            theta.needs_positive_knot,
            theta.not_convex,
            theta.not_closed,
        ),
    ),
    8: Row(
        ("appendix.network.loss", "objective.Objective.free", *ENGINES),
        (
            network.loss_is_exact,
            network.loss_has_its_gradient,
            network.target_defaults_to_W,
            engines.on_grid("loss"),
            engines.rounding("loss"),
            engines.by_name("loss"),
            calls.free("loss"),
            calls.itself("loss"),
            calls.of_middle_size("loss"),
            engines.large("loss"),
            engines.at_fixed_point("loss"),
        ),
    ),
    9: Row(
        (
            "forward",
            "shrink",
            *SMOOTH_TERMS,
            "engines.scalar_map.ScalarMap.__call__",
        ),
        (
            network.terms_are_exact,
            network.lipschitz_is_largest_eigenvalue,
            shrinkage.shrink_is_exact,
            network.iterates_are_exact,
            network.rounding_of_iterates,
            network.scalar_map_is_the_network,
            network.fixed_point_weighs_by_L,
        ),
    ),
    10: Row(
        ("appendix.totals.contract", *FREE, *ENGINES),
        (
            totals.schedules_agree,
            totals.contract_is_exact,
            engines.on_grid("dJ/dΘ"),
            engines.rounding("dJ/dΘ"),
            engines.differences("dJ/dΘ"),
            engines.by_name("dJ/dΘ"),
            calls.free("dJ/dΘ"),
            calls.itself("dJ/dΘ"),
            calls.of_middle_size("dJ/dΘ"),
            engines.large("dJ/dΘ"),
            engines.at_fixed_point("dJ/dΘ"),
        ),
    ),
    11: Row(
        (*SENSITIVITIES, *MATRICES),
        (
            totals.schedules_agree,
            totals.total_is_exact,
            totals.theta_sensitivities_are_exact,
            totals.map_theta_derivatives_are_exact,
            engines.gauss_newton("Θ"),
            totals.the_pair_is_contracted,
        ),
    ),
    12: Row(
        ("appendix.partials.dw1", "appendix.partials.dw2", "appendix.partials.dtheta", "shrink", "region"),
        (
            partials.w_are_derivatives,
            partials.dw1_is_exact,
            partials.dw2_is_exact,
            partials.dtheta_has_w,
            shrinkage.shrink_is_exact,
            shrinkage.region_is_exact,
            shrinkage.table_determines_xi,
        ),
    ),
    13: Row(
        ("appendix.partials.db1", "appendix.partials.db2", "appendix.partials.dtheta", "region"),
        (
            partials.b_are_derivatives,
            partials.db1_is_exact,
            partials.db2_is_exact,
            partials.dtheta_has_b,
            shrinkage.region_is_exact,
            partials.one_sided_at_every_tie,
            partials.no_derivative_at_zero_knot,
        ),
    ),
    14: Row(
        (
            "appendix.partials.dX",
            "appendix.partials.dZ",
            "region",
            "smooth.Fidelity.hessian_product",
            "smooth.LeastSquares.hessian_product",
            "objective.Objective.ties",
            "engines.support.Support.ties",
            "appendix.shrinkage.count_ties",
        ),
        (
            partials.slope_is_right_derivative,
            partials.dZ_is_exact,
            partials.tensor_is_exact,
            partials.tensor_rounds_little,
            partials.hessian_products_are_exact,
            shrinkage.region_is_exact,
            shrinkage.ties_are_counted,
            partials.rows_are_not_odd,
            partials.hessian_is_needed,
        ),
    ),
    15: Row(
        ("appendix.totals.contract", *FREE, *ENGINES),
        (
            totals.schedules_agree,
            totals.contract_is_exact,
            engines.on_grid("dJ/dL"),
            engines.rounding("dJ/dL"),
            engines.differences("dJ/dL"),
            engines.by_name("dJ/dL"),
            calls.free("dJ/dL"),
            calls.itself("dJ/dL"),
            calls.of_middle_size("dJ/dL"),
            engines.large("dJ/dL"),
            engines.at_fixed_point("dJ/dL"),
        ),
    ),
    16: Row(
        (*SENSITIVITIES, *MATRICES),
        (
            totals.schedules_agree,
            totals.total_is_exact,
            totals.L_sensitivities_are_exact,
            totals.map_L_derivatives_are_exact,
            engines.gauss_newton("L"),
            totals.the_pair_is_contracted,
            totals.step_is_weight,
        ),
    ),
    17: Row(
        ("appendix.partials.dL",),
        (partials.derivative_in_L, partials.dL_is_exact, partials.dL_rounds_little, partials.index_is_needed),
    ),
    LAYERS: Row(
        (*APPENDIX_OF_LAYERS, "forward", *OBJECTIVE_OF_LAYERS, *ENGINES_OF_LAYERS),
        (
            layers.terms_agree,
            layers.terms_are_differences,
            layers.partials_are_exact,
            layers.pulled_is_exact,
            layers.appendix_is_exact,
            layers.iterates_are_exact,
            layered_engines.on_grid,
            layered_engines.in_order,
            layered_engines.equal_layers,
            layered_engines.rounding,
            layered_engines.by_differences,
            layered_engines.large,
        ),
    ),
}
