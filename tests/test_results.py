"""Results are records: what was found cannot be changed by accident."""

import json
import math
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import FloatQuartic

from dsrl_ref import Fidelity, LeastSquares, Objective, Status, Theta, disk, fit, load, results, save, shrink
from dsrl_ref.errors import DivergenceError, SizeError
from dsrl_ref.results import FitResult, SolveResult, from_file, is_white, to_file

THETA = Theta(1.25, 0.75, 0.25, 0.875)
HISTORY = {"loss": np.ones(1)}
FITTED = FitResult(THETA, 1.5, 0.25, True, "ended", HISTORY, (np.ones(4), 1.0), 3, Status.STATIONARY, "Fidelity")
ONE = np.ones(1)
SOLVED = SolveResult(ONE, 0.5, 0.0, 3, True, "ended", Status.CONVERGED, np.array([Status.CONVERGED]), ONE, ONE)


@pytest.mark.parametrize("result", [FITTED, SOLVED], ids=lambda result: type(result).__name__)
def test_no_field_of_a_result_can_be_set(result):
    for field in fields(result):
        with pytest.raises(FrozenInstanceError, match=field.name):
            setattr(result, field.name, None)


@pytest.mark.parametrize("kind", [FitResult, SolveResult])
def test_every_field_is_documented(kind):
    for field in fields(kind):
        assert f"\n    {field.name} : " in kind.__doc__


numbers = np.random.default_rng(0)
NEW = numbers.normal(size=(4, 5)) * (numbers.random((4, 5)) < 0.6)
D, Y = numbers.normal(size=(3, 4)) / 4, numbers.normal(size=(3, 5))


def limit_by_many_layers(f, result, x0=None):
    X = f.start() if x0 is None else x0
    for _ in range(3000):
        X = shrink(X - f.gradient(X) / result.L, result.theta)
    return X


@pytest.mark.parametrize("f", [Fidelity(NEW), LeastSquares(D, Y), FloatQuartic(np.eye(4))], ids=repr)
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_what_was_learned_is_applied_to_new_data(f, layers):
    X0 = np.full((4, 2), 0.25) if isinstance(f, FloatQuartic) else np.full((4, 5), 0.25)
    learned = replace(FITTED, layers=layers)
    for x0 in (None, X0):
        X = f.start() if x0 is None else x0
        for _ in range(layers):
            X = shrink(X - f.gradient(X) / FITTED.L, THETA)
        assert learned.apply(f, x0) == pytest.approx(X, abs=1e-13)


@pytest.mark.parametrize("L", [0.75, 1.5, 5.5])  # of Fidelity in closed form, so long as the layers contract
@pytest.mark.parametrize("f", [Fidelity(NEW), LeastSquares(D, Y)], ids=repr)
def test_infinitely_many_layers_are_applied_as_their_limit(f, L):
    learned = replace(FITTED, layers=math.inf, L=L)
    assert learned.apply(f) == pytest.approx(limit_by_many_layers(f, learned), abs=1e-9)


@pytest.mark.parametrize("L", [1.0, 2.0])
def test_a_limit_on_a_knot_is_applied_though_it_has_no_derivative(L):
    """In the last column the layers end at b1, at -b1 and at b2, for one L at a time."""
    theta = Theta(1.0, 0.5, 0.25, 1.0)
    Z = np.array([[0.75, 0.25], [1.5, -0.25], [-0.5, 1.0]])
    f = LeastSquares(np.eye(3), L * Z - (L - 1) * shrink(Z, theta))
    with pytest.raises(DivergenceError, match=r"sits on the knot b1 = 0\.25, where the fixed point has no derivative"):
        Objective(f, Z, layers=math.inf)(theta, L)
    learned = replace(FITTED, theta=theta, layers=math.inf, L=L)
    assert learned.apply(f) == pytest.approx(shrink(Z, theta), abs=1e-9)


def test_a_limit_that_is_not_known_is_refused():
    learned = replace(FITTED, theta=Theta.soft(0.1), layers=math.inf, L=2.0)
    with pytest.raises(DivergenceError, match=r"spectral radius .* is 1, not below 1 - 1e-6"):
        learned.apply(LeastSquares(np.ones((1, 2)), np.ones((1, 1))))


def test_sparse_data_stay_sparse():
    for layers in (2, math.inf):
        learned = replace(FITTED, layers=layers)
        found = learned.apply(Fidelity(sp.csr_array(NEW)))
        assert sp.issparse(found)
        assert found.toarray() == pytest.approx(learned.apply(Fidelity(NEW)), abs=1e-13)


def test_sparse_data_whose_layers_do_not_contract_in_closed_form_have_their_limit_too():
    learned = FitResult(Theta(1.5, 0.75, 0.25, 0.625), 4.0, 0.0, True, "", HISTORY, FITTED.raw, math.inf)
    small = 0.01 * NEW
    assert max(learned.theta[:2]) * (1 - 1 / learned.L) > 1
    found = learned.apply(Fidelity(sp.csr_array(small)), sp.csr_array(small))
    assert found == pytest.approx(limit_by_many_layers(Fidelity(small), learned), abs=1e-9)


@pytest.mark.parametrize("layers", [1, 2, math.inf])
def test_what_fit_learned_gives_its_loss_again(layers):
    target = shrink(NEW, (1, 1, 0.3, 0.3))
    f = Fidelity(NEW)
    learned = fit(Objective(f, target, layers=layers), theta=(1, 0.9, 0.2, 0.6), L=1.25, epochs=3)
    assert learned.layers == layers
    assert 0.5 * np.sum((learned.apply(f) - target) ** 2) == pytest.approx(learned.loss, rel=1e-12)


def test_what_is_no_smooth_term_and_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="f must be an object with gradient and start, such as Fidelity"):
        FITTED.apply(NEW)
    with pytest.raises(ValueError, match="x0"):
        FITTED.apply(Fidelity(NEW), np.ones((2, 2)))
    with pytest.raises(ValueError, match="does not know its layers, as it comes from a file of version 1"):
        replace(FITTED, layers=None).apply(Fidelity(NEW))
    with pytest.raises(DivergenceError, match="in layer"):
        replace(FITTED, layers=3000).apply(LeastSquares(100 * D, Y))


class OwnLeastSquares(LeastSquares):
    """It may do anything."""


WIDE = numbers.normal(size=(3, 4))
WHITE = LeastSquares(WIDE, Y).whitened()


@pytest.mark.parametrize(
    ("f", "white"),
    [
        (WHITE, True),
        (WHITE.apply_to(3 * Y), True),
        (LeastSquares(WHITE.D.astype(np.float32), Y), True),
        (LeastSquares(sp.csr_array(np.eye(3, 4)), Y), True),
        (LeastSquares(np.ones((3, 4)), Y).whitened(), True),
        (LeastSquares(WIDE, Y), False),
        (LeastSquares(1.001 * WHITE.D, Y), False),
        (LeastSquares(np.diag([1.0, 1.0, 0.5]), Y), False),
        (LeastSquares(np.zeros((3, 4)), Y), False),
        (LeastSquares(1e150 * WIDE, Y), False),
        (Fidelity(NEW), None),
        (OwnLeastSquares(np.eye(3), Y), None),
        (FloatQuartic(np.eye(4)), None),
    ],
    ids=str,
)
def test_what_is_whitened_is_known_by_its_singular_values(f, white):
    assert is_white(f) is white


def test_what_was_learned_from_whitened_measurements_is_not_applied_to_others_nor_the_other_way_round():
    learned, raw = replace(FITTED, whitened=True), replace(FITTED, whitened=False)
    other = LeastSquares(WIDE, Y)
    with pytest.raises(
        ValueError, match=r"those of f are not: pass white\.apply_to\(Y\).*, or f\.whitened\(\); .*--whiten"
    ):
        learned.apply(other)
    with pytest.raises(
        ValueError, match=r"from measurements as they are, .*pass LeastSquares\(D, Y\) of what was measured"
    ):
        raw.apply(WHITE)
    assert learned.apply(WHITE).shape == raw.apply(other).shape == (4, 5)
    assert learned.apply(Fidelity(NEW)).shape == (4, 5)
    for unknown in (replace(learned, whitened=None), FITTED):
        assert np.array_equal(unknown.apply(other), raw.apply(other))


@pytest.mark.parametrize(
    ("f", "white"), [(WHITE, True), (LeastSquares(WIDE, Y), False), (Fidelity(NEW), None)], ids=repr
)
def test_fit_says_whether_it_learned_from_whitened_measurements_and_a_file_keeps_it(f, white, tmp_path):
    learned = fit(Objective(f, NEW, layers=1), theta=(1, 0.9, 0.2, 0.6), L=f.lipschitz(), epochs=1)
    assert learned.whitened is white
    save(tmp_path / "model", learned)
    assert load(tmp_path / "model").whitened is white
    assert ("whitened=True" in repr(learned)) is (white is True)


def test_a_file_that_does_not_tell_whether_they_were_whitened_is_read():
    header, arrays = to_file(replace(FITTED, whitened=True, history={"loss": ONE, "theta": ONE, "L": ONE}))
    del header["whitened"]
    assert from_file({"version": 3, **header}, arrays).whitened is None


def through_a_file(result, version=2, **changes):
    """What becomes of a result that is taken apart, written in JSON, and made again."""
    header, arrays = to_file(result)
    return from_file(json.loads(json.dumps({"version": version, **header, **changes}, allow_nan=False)), arrays)


@pytest.mark.parametrize("layers", [0, 3, math.inf, None])
def test_a_result_that_was_taken_apart_is_made_again(layers):
    history = {"loss": np.ones(2), "theta": np.ones((2, 4)), "L": np.ones(2), "accepted": np.array([True, False])}
    given = replace(FITTED, layers=layers, history=history, raw=(np.arange(4.0), 1.75))
    made = through_a_file(given)
    for name in set(vars(given)) - {"raw"}:
        assert vars(made)[name] == vars(given)[name], name
    assert list(made.raw[0]) == [0.0, 1.0, 2.0, 3.0]
    assert (made.raw[1], type(made.layers)) == (1.75, type(layers))
    assert math.isnan(through_a_file(replace(given, loss=np.nan)).loss)
    old = through_a_file(replace(given, history={name: history[name] for name in ("loss", "theta", "L")}), version=1)
    assert (old.layers, old.status, old.kind, "accepted" in old.history) == (None, None, None, False)


def test_a_header_that_no_result_has_is_refused():
    history = {"loss": np.ones(1), "theta": np.ones((1, 4)), "L": np.ones(1)}
    given = replace(FITTED, history=history)
    with pytest.raises(ValueError, match="layers must be"):
        through_a_file(given, layers=-1)
    with pytest.raises(KeyError, match="LOST"):
        through_a_file(given, status="LOST")


@pytest.mark.parametrize("layers", [3, math.inf])
def test_what_was_learned_is_applied_part_by_part_into_a_file(tmp_path, layers, monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 512)
    monkeypatch.setattr(results, "ITERATES", 60)
    W = np.random.default_rng(0).normal(size=(3, 40))
    np.save(tmp_path / "w.npy", W)
    learned, f = replace(FITTED, layers=layers), Fidelity(tmp_path / "w.npy")
    with pytest.raises(SizeError, match=r"X_\(t\) would take 9\.6e-07 GB in memory.*pass out=, a map of a file"):
        learned.apply(f)
    out = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", shape=(3, 40))
    assert learned.apply(f, out=out) is out
    assert np.array_equal(out, learned.apply(Fidelity(W)))
    assert np.array_equal(learned.apply(f, 2 * W, out=out), learned.apply(Fidelity(W), 2 * W))


def test_out_is_written_to_whatever_f_is():
    D, Y = np.random.default_rng(0).normal(size=(4, 3)), np.ones((4, 5))
    for f in (LeastSquares(D, Y), FloatQuartic(np.eye(3))):
        x0 = None if isinstance(f, LeastSquares) else np.full((3, 5), 0.5)
        learned, out = replace(FITTED, L=40.0), np.zeros((3, 5))
        assert learned.apply(f, x0, out=out) is out
        assert out == pytest.approx(learned.apply(f, x0), rel=1e-12)


@pytest.mark.parametrize(
    ("f", "out", "error", "message"),
    [
        (
            Fidelity([[1.0, 2.0]]),
            np.zeros((2, 2)),
            ValueError,
            r"out has shape \(2, 2\), but X_\(t\) has shape \(1, 2\)",
        ),
        (Fidelity([[1.0, 2.0]]), np.zeros((1, 2), np.float32), TypeError, "out must be an array of float64 .* float32"),
        (Fidelity([[1.0, 2.0]]), [[0.0, 0.0]], TypeError, "that can be written to, in memory or a map, got list"),
        (
            Fidelity([[1.0, 2.0]]),
            np.broadcast_to(0.0, (1, 2)),
            TypeError,
            "out must be an array of float64 that can be",
        ),
        (
            Fidelity(sp.csr_array([[1.0, 2.0]])),
            np.zeros((1, 2)),
            ValueError,
            r"out is for a dense X_\(t\), and that of",
        ),
    ],
)
def test_an_out_that_does_not_fit_is_refused(f, out, error, message):
    with pytest.raises(error, match=message):
        FITTED.apply(f, out=out)
