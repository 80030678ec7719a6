"""What is held out: which columns, what they say, and what cannot be held out."""

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, disk
from dsrl_ref.training.held_out import HeldOut, split

numbers = np.random.default_rng(0)
D, X = numbers.normal(size=(3, 4)), numbers.normal(size=(4, 25))
THETA, L = np.array([[0.9, 0.8, 0.1, 0.5]] * 2), np.array([12.0, 12.0])


def objective(m=25, **options):
    return Objective(LeastSquares(D, D @ X[:, :m]), X[:, :m], layers=2, per_layer=True, **options)


@pytest.mark.parametrize(
    ("validation", "held"),
    [(None, 5), (0.2, 5), (0.5, 12), (np.float64(0.1), 2), (np.float32(0.5), 12), (7, 7), (np.int64(24), 24)],
)
def test_a_share_or_a_number_of_the_columns_is_held_out(validation, held):
    learned_from, out = split(objective(), validation)
    assert (out.columns, learned_from.shape[1]) == (held, 25 - held)
    columns = [tuple(column) for column in np.hstack([learned_from.target, out.J.target]).T]
    assert sorted(columns) == sorted(map(tuple, X.T))
    again, _ = split(objective(), validation)
    assert again.target.tobytes() == learned_from.target.tobytes()


@pytest.mark.parametrize("validation", [0, 0.0])
def test_nothing_need_be_held_out(validation):
    J = objective()
    assert split(J, validation) == (J, None)


def test_other_data_may_be_held_out_of_any_f():
    J = Objective(FloatQuartic(np.eye(4)), X, x0=X, layers=2, per_layer=True)
    other, x0 = LeastSquares(D, D @ X[:, :3]), np.full((4, 3), 0.5)
    learned_from, out = split(J, (other, X[:, :3], x0))
    assert learned_from is J
    assert out.J.f is other
    assert out.J.x0.tolist() == x0.tolist()
    assert (out.columns, out.J.layers, out.J.per_layer) == (3, 2, True)


@pytest.mark.parametrize(
    ("validation", "error", "message"),
    [
        (1.0, ValueError, "a share of the columns must be at least 0 and less than 1, got 1.0"),
        (-0.1, ValueError, "at least 0 and less than 1, got -0.1"),
        (np.nan, ValueError, "validation contains NaN"),
        (-1, ValueError, "validation must be at least 0, got -1"),
        (25, ValueError, "validation=25 holds all of 25 columns out, and leaves none: pass validation=0"),
        (0.03, ValueError, "validation=0.03 holds 0.03 of 25 columns out, which is none: pass validation=0 .* as"),
        ("half", TypeError, r"validation must be a share of the columns, a number of them, or other data as"),
        (np.array([1, 2]), TypeError, r"validation must be a share of the columns, a number of them, or other data as"),
        (True, TypeError, "validation must be an integer"),
        ((1, 2, 3, 4), ValueError, r"is \(f, target\) or \(f, target, x0\), got 4 things"),
        ((D, X), TypeError, "f must be an object with"),
        ((1,), ValueError, "got 1 things"),
        ((LeastSquares(D, D @ X), X[:, :3]), ValueError, "target"),
        (
            (LeastSquares(D, D @ X * 1e160), X * 1e160),
            ValueError,
            "largest entry of the target of validation is .*e.160",
        ),
    ],
)
def test_what_cannot_be_held_out_is_refused(validation, error, message):
    with pytest.raises(error, match=message):
        split(objective(), validation)


def test_columns_that_may_interact_stay_together():
    J = Objective(FloatQuartic(np.eye(4)), X, x0=X, layers=2, per_layer=True)
    with pytest.raises(ValueError, match="not those of FloatQuartic: pass validation=0 to learn from all, or other"):
        split(J, None)
    assert split(J, 0) == (J, None)


def test_the_verdict_is_the_loss_of_what_is_held_out():
    J = objective()
    verdict = HeldOut(J).verdict(THETA, L)
    assert verdict.loss == pytest.approx(J(THETA, L)[0], rel=1e-13)
    assert verdict.grown == 0


def test_columns_that_are_worse_than_an_answer_of_0_are_counted():
    """One layer of W -> W: answers are the columns of W, their errors known."""
    target = np.array([[1.0, 1.0, 0.0, 0.0, 3.0]])
    W = np.array([[2.5, 1.5, 1.0, 4.0, 9.0]])  # errors 2.25, .25, 1, 16, 36; energies 1, 1, 0, 0, 9, on average 2.2
    held = HeldOut(Objective(Fidelity(W), target, layers=1, per_layer=True))
    verdict = held.verdict(np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([1.0]))
    assert verdict == (0.5 * 55.5, 3)


def test_where_the_network_diverges_the_loss_is_infinite_and_every_column_has_grown():
    J = Objective(LeastSquares(1e150 * D, D @ X), X, layers=2, per_layer=True)
    verdict = HeldOut(J).verdict(np.array([[1.0, 1.0, 0.0, 0.0]] * 2), np.array([1e-100, 1e-100]))
    assert verdict == (np.inf, 25)


def test_other_data_of_a_least_squares_are_of_the_same_dictionary():
    """Those that are not whitened, where what is learned from is, or are of another D: their network is another."""
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(5, 8)), rng.normal(size=(8, 12))
    white = LeastSquares(D, D @ X).whitened()
    J = Objective(white, X, layers=2, per_layer=True)
    for other in (LeastSquares(D, D @ X), Fidelity(X), LeastSquares(sp.csr_array(D), D @ X)):
        with pytest.raises(ValueError, match=r"not of the D that is learned from: make it by f\.apply_to\(Y\)"):
            split(J, (other, X))
    _, held = split(J, (white.apply_to(D @ X), X))
    assert held.columns == 12
    sparse, again = (LeastSquares(sp.csr_array(D), D @ X) for _ in range(2))
    _, held = split(Objective(sparse, X, layers=2, per_layer=True), (again, X))
    assert held.columns == 12


def test_other_data_of_a_fidelity_are_of_a_fidelity():
    J = Objective(Fidelity(X), layers=2, per_layer=True)
    with pytest.raises(ValueError, match=r"what is learned from is of Fidelity: give Fidelity\(W\)"):
        split(J, (LeastSquares(D, D @ X), X))
    _, held = split(J, (Fidelity(X[:2, :7]), X[:2, :7]))
    assert held.columns == 7


@pytest.mark.parametrize("x0", [np.ones((4, 25)), sp.csr_array(np.eye(4, 25))])
def test_other_data_say_where_they_start_if_what_is_learned_from_starts_elsewhere(x0):
    f = LeastSquares(D, D @ X)
    J = objective(x0=x0)
    with pytest.raises(ValueError, match=r"at an x0 of its own: give \(f, target, x0\)"):
        split(J, (f, X))
    _, held = split(J, (f, X, x0))
    assert held.verdict(THETA, L).loss == pytest.approx(J(THETA, L)[0], rel=1e-13)
    for same in (None, np.zeros((4, 25))):
        _, held = split(objective(x0=same), (f, X))
        assert held.J.x0.tolist() == np.zeros((4, 25)).tolist()


def test_other_data_start_elsewhere_on_disk_too(tmp_path, monkeypatch):
    """Of zeros that nobody stored, and of W itself, nothing is read to know it."""
    monkeypatch.setattr(disk, "LARGE", 8)
    maps = {}
    for name, array in {"Y": D @ X, "x0": np.ones((4, 25))}.items():
        np.save(tmp_path / f"{name}.npy", array)
        maps[name] = tmp_path / f"{name}.npy"
    f = LeastSquares(D, maps["Y"])
    own, other = (Objective(f, X, layers=2, per_layer=True, x0=x0) for x0 in (None, maps["x0"]))
    assert (own.problem.on_disk, other.problem.on_disk) == (True, True)
    _, held = split(own, (f, X))
    assert held.columns == 25
    with pytest.raises(ValueError, match="at an x0 of its own"):
        split(other, (f, X))
    W = Objective(Fidelity(maps["x0"]), layers=2, per_layer=True)
    assert split(W, (Fidelity(np.eye(4)), np.eye(4)))[1].columns == 4
    with pytest.raises(ValueError, match="at an x0 of its own"):
        split(Objective(Fidelity(maps["x0"]), X, x0=maps["x0"], layers=2, per_layer=True), (f, X))
    for each, value in ((f, 0.5), (Fidelity(maps["x0"]), 0.0)):  # one number that is seen many times, and is no start
        elsewhere = Objective(each, X, x0=np.broadcast_to(value, (4, 25)), layers=2, per_layer=True)
        with pytest.raises(ValueError, match="at an x0 of its own"):
            split(elsewhere, (f, X))
