"""Objective: what it takes, what it refuses, and how it treats sparse problems."""

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize
from strategies import FloatQuartic

from dsrl_ref import Fidelity, Gradient, LeastSquares, Objective, Theta, disk, forward, loss_and_gradient
from dsrl_ref.appendix import totals
from dsrl_ref.engines import problem as module
from dsrl_ref.engines import table
from dsrl_ref.errors import DivergenceError, SizeError

THETA = (1, 0.5, 0.25, 0.75)
W = np.array([[0.0, 0.5, 2.0], [-1.0, 0.0, 0.25]])
OTHER = np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((LeastSquares([[1.0]], [[1.0]]),), {"layers": 1}, ValueError, "target is required for LeastSquares"),
        ((Fidelity(W), [[1.0]]), {"layers": 1}, ValueError, r"target has shape \(1, 1\), but x0 has shape \(2, 3\)"),
        ((Fidelity(W),), {"layers": 1, "x0": W.T}, ValueError, r"x0 has shape \(3, 2\), but f has shape \(2, 3\)"),
        ((Fidelity(W),), {"layers": 1, "x0": W * np.nan}, ValueError, "x0 contains NaN"),
        ((Fidelity(W), np.full((2, 3), np.inf)), {"layers": 1}, ValueError, "target contains infinity"),
        ((Fidelity(W),), {"layers": -1}, ValueError, "layers must be at least 0, got -1"),
        ((Fidelity(W),), {"layers": 1.0}, TypeError, "layers must be an integer, got 1.0"),
        ((Fidelity(W),), {"layers": 1, "per_layer": 1}, TypeError, "per_layer must be True or False, got 1"),
        (
            (Fidelity(W),),
            {"layers": np.inf, "per_layer": True},
            ValueError,
            "per_layer=True needs finitely many layers, got layers = inf",
        ),
        ((Fidelity(W),), {"layers": 1, "method": ["fused"]}, ValueError, r"method must be one of .*, got \['fused'\]"),
        ((Fidelity(W),), {"layers": 1, "evaluations": 0}, ValueError, "evaluations must be at least 1, got 0"),
        ((Fidelity(W),), {"layers": 1, "evaluations": 1.5}, TypeError, "evaluations must be an integer, got 1.5"),
        (
            (Fidelity(W),),
            {"layers": 1, "method": "magic"},
            ValueError,
            "method must be one of 'auto', 'tensor', .*got 'magic'",
        ),
        ((Fidelity(np.ones((120, 100))),), {"layers": 1, "method": "tensor"}, SizeError, "would take 1.07 GiB"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, options, error, message):
    with pytest.raises(error, match=message):
        Objective(*arguments, **options)


def test_bad_parameters_are_refused():
    J = Objective(Fidelity(W), layers=2)
    with pytest.raises(ValueError, match="b2 must be at least b1"):
        J((1, 1, 2, 1), 1)
    with pytest.raises(ValueError, match="L must be positive, got 0"):
        J(THETA, 0)
    with pytest.raises(ValueError, match=r"x must be \(w1, w2, b1, b2, L\), got shape \(4,\)"):
        J.flat(THETA)


def test_auto_is_resolved_at_construction():
    assert Objective(Fidelity(W), layers=1).method == "adjoint"


def test_returns_a_float_and_a_named_gradient():
    loss, gradient = Objective(Fidelity(W), layers=2)(THETA, 2)
    assert type(loss) is float
    assert isinstance(gradient, Gradient)
    assert [type(value) for value in gradient] == [float] * 5
    assert loss_and_gradient(Fidelity(W), THETA, 2, 2) == (loss, gradient)


@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
@pytest.mark.parametrize("theta", [THETA, (1, 0.5, 0, 0.75)])
def test_one_array_may_be_all_arguments_and_zeros_have_no_sign(method, theta):
    shared, mirrored = W.copy(), np.where(W == 0, -0.0, W)
    aliased = Objective(Fidelity(shared), shared, x0=shared, layers=3, method=method)(theta, 2)
    assert aliased == Objective(Fidelity(W), W.copy(), x0=W.copy(), layers=3, method=method)(theta, 2)
    assert aliased == Objective(Fidelity(mirrored), layers=3, method=method)(theta, 2)
    assert np.array_equal(shared, W)


def test_the_gradient_is_in_the_order_of_its_names():
    f, target, theta = naive.Fidelity(W.tolist()), OTHER.tolist(), THETA
    loss, gradient = Objective(Fidelity(W), OTHER, layers=3)(theta, 2)
    right = naive.tensor_gradient(f, theta, 2.0, 3, W.tolist(), target)
    assert len(set(right)) == 5
    assert loss == naive.loss(target, naive.forward(f, theta, 2.0, 3, W.tolist())[0][-1])
    assert [gradient.w1, gradient.w2, gradient.b1, gradient.b2, gradient.L] == right


def test_an_objective_is_chosen_for_many_evaluations_and_a_single_call_for_one(monkeypatch):
    asked, choose = [], table.choose
    monkeypatch.setattr(table, "choose", lambda problem, evaluations: asked.append(evaluations) or choose(problem, 1))
    Objective(Fidelity(W), layers=2)
    Objective(Fidelity(W), layers=2, evaluations=7)
    loss_and_gradient(Fidelity(W), THETA, 2, 2)
    assert asked == [table.EVALUATIONS, 7, 1]


@pytest.mark.parametrize("evaluate", [Objective.__call__, Objective.gauss_newton])
def test_a_gradient_that_overflows_is_refused_where_the_loss_does_not(evaluate):
    J = Objective(Fidelity([[1e250]]), [[0.0]], layers=1)
    with pytest.raises(ValueError, match=r"the loss \(5e\+199\) or its gradient overflows float64 after 1 layers"):
        evaluate(J, (1, 1e-150, 0.5, 0.5), 1)


@pytest.mark.parametrize("x0", [W, 0 * W])
def test_the_scalar_map_starts_where_the_network_does(x0):
    mapped = Objective(Fidelity(W), layers=3, x0=x0).scalar_map(THETA, 3)
    assert mapped(W) == pytest.approx(forward(Fidelity(W), THETA, 3, 3, x0)[-1], rel=1e-14)


def test_the_scalar_map_has_one_theta_a_layer_where_the_objective_has():
    thetas, L = [THETA, (1, 0.5, 0.25, 0.75), THETA], [3.0, 2.0, 4.0]
    J = Objective(Fidelity(W), layers=3, per_layer=True)
    mapped = J.scalar_map(thetas, L)
    assert mapped(W) == pytest.approx(forward(Fidelity(W), thetas, L, 3)[-1], rel=1e-14)
    assert mapped.derivatives(W).shape == (*np.shape(W), 3, 5)


def test_flat_is_for_scipy():
    rng = np.random.default_rng(0)
    f = LeastSquares(rng.normal(size=(8, 12)) / 3, rng.normal(size=(8, 30)))
    J = Objective(f, target=np.zeros((12, 30)), layers=5)
    loss, gradient = J.flat([*THETA, 3.0])
    assert (loss, *gradient) == (J(THETA, 3.0)[0], *J(THETA, 3.0)[1])
    bounds = [(0.1, 2), (0.1, 1), (0, 0.3), (0.4, 1), (1, 9)]
    assert minimize(J.flat, [*THETA, 3.0], jac=True, bounds=bounds).fun < loss


SPARSE_FORMS = {
    "W": (sp.csr_array(W), None, None),
    "W, target": (sp.csr_array(W), sp.coo_array(OTHER), None),
    "W, x0": (sp.csr_array(W), None, sp.csc_array(OTHER)),
    "W, both": (sp.csr_array(W), sp.csr_matrix(OTHER), sp.csr_array(OTHER)),
    "W, dense target": (sp.csr_array(W), OTHER, None),
    "W, dense x0": (sp.csr_array(W), None, OTHER),
    "dense W, sparse target": (W, sp.csr_array(OTHER), sp.csr_array(OTHER)),
}


@pytest.mark.parametrize("form", SPARSE_FORMS)
@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
@pytest.mark.parametrize("theta", [THETA, (0.75, 0.5, 0, 1)])
def test_sparse_means_the_same_as_dense(form, method, theta):
    given, target, x0 = SPARSE_FORMS[form]
    dense = [matrix.toarray() if sp.issparse(matrix) else matrix for matrix in (given, target, x0)]
    J = Objective(Fidelity(given), target, layers=3, x0=x0, method=method)
    K = Objective(Fidelity(dense[0]), dense[1], layers=3, x0=dense[2], method=method)
    assert J(theta, 2) == K(theta, 2)
    assert J.ties(theta, 2) == K.ties(theta, 2)


def test_sparse_work_and_memory_follow_the_stored_entries():
    """Of a matrix that would not fit, were it dense: 75 GiB."""
    n = 100_000
    diagonal = sp.diags_array([np.linspace(0.1, 2, n)], offsets=[0], format="csr")
    loss, gradient = Objective(Fidelity(diagonal), layers=3)(THETA, 2)
    dense = Objective(Fidelity(diagonal.data.reshape(1, -1)), layers=3)(THETA, 2)
    assert (loss, gradient) == dense


def ties(W, x0, theta, L, layers):
    """How many Z of a Fidelity sit on a knot, in scalar loops."""
    _, Z = naive.forward(naive.Fidelity(W.tolist()), theta, float(L), layers, x0.tolist())
    return sum(abs(z) in theta[2:] for matrix in Z for line in matrix for z in line)


@pytest.mark.parametrize("L", [0.5, 0.75, 1, 2, 4])
@pytest.mark.parametrize("method", ["adjoint", "pieces", "fused"])
def test_ties_are_counted_alike_by_every_method(method, L):
    rng = np.random.default_rng(0)
    counted = 0
    for theta in ((1, 1, 0.5, 0.5), (0.5, 2, 0.25, 1.25), (1, 0.5, 0, 0.75), (2, 0.25, 0.5, 1), (1, 0.5, 0.25, 1)):
        W = rng.integers(-12, 13, (4, 9)) / 8
        for x0 in (W, 0 * W, W[::-1]):
            expected = ties(W, x0, theta, L, 4)
            counted += expected
            chosen = "fused" if method == "pieces" and x0 is not W and x0.any() else method
            assert Objective(Fidelity(W), layers=4, x0=x0, method=chosen).ties(theta, L) == expected
    assert counted > 50


@pytest.mark.parametrize("theta", [THETA, (1, 1, 0, 9)])
def test_ties_of_entries_that_stay_0_are_counted_without_them(theta):
    thin, x0 = np.array([[0, 0.5, 0, -0.25], [0, 0, 1, 0]]), np.array([[0, 0, 0.5, 0], [0, 0, 0.25, 1]])
    for W, start in ((thin, thin), (thin, x0), (0 * thin, 0 * thin), (0 * thin, x0)):
        assert Objective(Fidelity(W), layers=3, x0=start).ties(theta, 2) == ties(W, start, theta, 2, 3)


def test_ties_are_counted_over_all_layers():
    assert Objective(Fidelity([[0.25, 0.5, -0.75]]), layers=1).ties(THETA, 1) == 2
    assert Objective(Fidelity([[0.25, 0.5, -0.75]]), layers=2).ties(THETA, 1) == 4
    assert Objective(Fidelity(sp.csr_array(W)), layers=3).ties((1, 1, 0, 9), 1) == 6


def test_errors_of_columns_add_up_to_twice_J_where_the_engine_tells_them():
    f, target = LeastSquares([[1.0, 0.5], [0.0, 2.0]], [[1.0, -1.0], [3.0, 0.5]]), np.ones((2, 2))
    J = Objective(f, target, layers=3, method="columns")
    expected = np.sum((forward(f, THETA, 5, 3)[-1] - target) ** 2, axis=0)
    assert J.errors(THETA, 5) == pytest.approx(expected, rel=1e-13)
    assert J.errors(THETA, 5).sum() == pytest.approx(2 * J(THETA, 5)[0], rel=1e-13)
    assert Objective(f, target, layers=3, method="adjoint").errors(THETA, 5) is None
    with pytest.raises(ValueError, match="w1 must be positive"):
        J.errors((0, 1, 0, 1), 5)
    with pytest.raises(DivergenceError, match="not finite in layer 2"):
        J.errors((1e200, 1e200, 0, 0), 1e-100)


def test_a_subclass_of_fidelity_keeps_its_own_ways():
    class Doubled(Fidelity):
        def gradient(self, X):
            return 2 * super().gradient(X)

    x0 = np.ones((2, 3))
    assert loss_and_gradient(Doubled(W), THETA, 4, 2, x0=x0)[0] == loss_and_gradient(Fidelity(W), THETA, 2, 2, x0=x0)[0]


def test_a_term_of_ones_own_may_start_anywhere():
    S, target, x0 = np.eye(3), np.ones((3, 4)), np.full((3, 4), 0.5)
    loss, gradient = loss_and_gradient(FloatQuartic(S), THETA, 8, 3, target=target, x0=x0)
    problem = naive.Quartic(S.tolist()), THETA, 8.0, 3, x0.tolist()
    assert loss == pytest.approx(naive.loss(target.tolist(), naive.forward(*problem)[0][-1]), rel=1e-13)
    assert gradient == pytest.approx(naive.reverse_gradient(*problem, target.tolist()), rel=1e-12)


@pytest.mark.parametrize("method", ["tensor", "adjoint", "fused"])
@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("theta", [THETA, (0.75, 0.5, 0, 1)])
def test_gauss_newton_is_the_product_of_the_literal_sensitivities(method, wrap, theta):
    J = Objective(Fidelity(wrap(W)), wrap(OTHER), layers=3, method=method)
    loss, gradient, matrix = J.gauss_newton(theta, 2)
    _, dtheta, dL = totals.sensitivities(Fidelity(W), Theta(*theta), 2.0, 3, W)
    columns = np.concatenate([dtheta, dL], axis=2).reshape(-1, 5)
    assert (loss, gradient) == J(theta, 2)
    assert matrix == pytest.approx(columns.T @ columns, rel=1e-13, abs=1e-15)


def test_gauss_newton_of_least_squares():
    f, target = LeastSquares([[1.0, 0.5], [0.0, 2.0]], [[1.0], [3.0]]), np.ones((2, 1))
    _, _, matrix = Objective(f, target, layers=4).gauss_newton(THETA, 5)
    _, dtheta, dL = totals.sensitivities(f, Theta(*THETA), 5.0, 4, np.zeros((2, 1)))
    columns = np.concatenate([dtheta, dL], axis=2).reshape(-1, 5)
    assert matrix == pytest.approx(columns.T @ columns, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint", "columns", "support"])
def test_a_gauss_newton_matrix_that_overflows_is_refused_where_the_gradient_does_not(method, per_layer):
    """dX/dL is of the size of 1/L, and the matrix of its square."""
    D = np.array([[1e-80, 2e-80], [0.0, 1e-80]])
    J = Objective(LeastSquares(D, D), np.eye(2), layers=2, method=method, per_layer=per_layer)
    at = (1, 0.9, 0.1, 0.2), 6e-160
    assert np.isfinite(J.flat(np.tile([*at[0], at[1]], 2 if per_layer else 1))[1]).all()
    with pytest.raises(DivergenceError, match="the Gauss-Newton matrix overflows float64"):
        J.gauss_newton(*at)


@pytest.mark.parametrize("method", ["tangent", "adjoint", "columns", "support"])
def test_the_derivative_in_a_large_L_does_not_vanish(method):
    """L² is beyond float64, and dJ/dL, L² below what it is made of, is not."""
    D = 2.0**270 * np.array([[1.0, 0.5], [0.25, 1.0]])
    J = Objective(LeastSquares(D, D), np.zeros((2, 2)), layers=1, method=method)
    literal = Objective(LeastSquares(D, D), np.zeros((2, 2)), layers=1, method="tensor")
    at = (1, 0.9, 0.0, 0.2), 2.0**547
    expected = literal(*at)[1].L
    assert expected != 0
    for _, gradient, *_ in (J(*at), J.gauss_newton(*at)):
        assert pytest.approx(expected, rel=1e-12) == gradient.L


def test_no_derivative_is_minus_zero():
    f = LeastSquares(np.eye(2), np.eye(2))
    for method in ("tensor", "tangent", "adjoint", "columns", "support"):
        _, gradient = Objective(f, np.zeros((2, 2)), layers=0, method=method)((1, 0.5, 0.25, 1), 1)
        assert not np.signbit(gradient).any()


def test_nothing_is_warned_of_a_square_of_D_that_overflows_and_is_refused(recwarn):
    """DᵀD is formed when the problem is prepared."""
    D = np.full((6, 4), 1e160)
    J = Objective(LeastSquares(D, np.ones((6, 1))), np.ones((4, 1)), layers=2, method="columns")
    with pytest.raises(DivergenceError, match=r"not finite in layer [12]|overflows float64"):
        J((1, 1, 0, 1), 1.0)
    assert not recwarn.list


def test_a_network_that_diverges_on_disk_is_told_with_its_layer(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 64)
    monkeypatch.setattr(module, "ITERATES", 12)
    np.save(tmp_path / "w.npy", np.ones((3, 7)))
    J = Objective(Fidelity(tmp_path / "w.npy"), layers=3, method="fused")
    assert J.problem.on_disk
    with pytest.raises(DivergenceError, match=r"Z_\(2\) is not finite in layer 2 \(3 entries\)"):
        J((1e300, 1e300, 0.0, 0.0), 1e-9)
