"""A smooth term of one's own that is wrong is told by the name of its method; it cannot write to X."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import LeastSquares, Theta, solve
from dsrl_ref.errors import DSRLError

RNG = np.random.default_rng(0)
D, Y = RNG.normal(size=(10, 6)), RNG.normal(size=(10, 3))


class Own:
    """A `LeastSquares` that does not say so, some of whose methods are replaced."""

    def __init__(self, **methods):
        f = LeastSquares(D, Y)
        self.shape = f.shape
        for name in ("value", "gradient", "lipschitz", "start"):
            setattr(self, name, methods.get(name, getattr(f, name)))


def solved(x0=None, **methods):
    return solve(Own(**methods), Theta.soft(1.0), 0.5, x0=x0)


def right(X):
    return LeastSquares(D, Y).gradient(X)


def spoiled(X, number):
    G = right(X)
    G[2, 1] = number
    return G


def write(X):
    X[:] = 0.0


def raised(*_):
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        ({"value": lambda X: None}, ValueError, r"f\.value\(X\) must be numeric, got None"),
        ({"value": lambda X: "1"}, TypeError, r"f\.value\(X\) must be numeric"),
        ({"value": lambda X: 1j}, ValueError, r"f\.value\(X\): Complex data not supported"),
        ({"value": lambda X: np.ones(2)}, TypeError, r"f\.value\(X\) must be one number, got an array of shape \(2,\)"),
        ({"value": raised}, DSRLError, "f.value failed: RuntimeError: mine"),
        ({"value": write}, DSRLError, "f.value failed: ValueError: assignment destination is read-only"),
        ({"gradient": lambda X: spoiled(X, np.nan)}, ValueError, r"f\.gradient\(X\) contains NaN: .*\[2, 1\]"),
        ({"gradient": lambda X: spoiled(X, np.inf)}, ValueError, r"f\.gradient\(X\) contains infinity"),
        ({"gradient": lambda X: right(X) + 0j}, ValueError, r"f\.gradient\(X\): Complex data not supported"),
        (
            {"gradient": lambda X: right(X)[:-1]},
            ValueError,
            r"f\.gradient\(X\) has shape \(5, 3\), but X has .*\(6, 3\)",
        ),
        ({"gradient": lambda X: None}, ValueError, r"f\.gradient\(X\)"),
        ({"gradient": raised}, DSRLError, "f.gradient failed: RuntimeError: mine"),
        ({"gradient": write}, DSRLError, "f.gradient failed: ValueError: assignment destination is read-only"),
        ({"lipschitz": lambda: np.nan}, ValueError, r"f\.lipschitz\(\) contains NaN"),
        ({"lipschitz": lambda: -1.0}, ValueError, r"f\.lipschitz\(\) is -1.0; it must not be negative"),
        ({"lipschitz": raised}, DSRLError, "f.lipschitz failed: RuntimeError: mine"),
        ({"lipschitz": None}, TypeError, "f must have value, gradient, lipschitz as methods; Own has no lipschitz"),
    ],
)
def test_what_is_wrong_is_told_by_the_name_of_the_method(methods, error, message):
    with pytest.raises(error, match=message):
        solved(**methods)


def test_what_goes_wrong_later_is_told_too():
    with pytest.raises(ValueError, match=r"f\.gradient\(X\) contains NaN"):
        solved(gradient=lambda X: spoiled(X, np.nan) if X.any() else right(X))


def test_the_start_of_the_caller_is_left_as_it_is():
    start = np.ones((6, 3))
    with pytest.raises(DSRLError, match="read-only"):
        solved(x0=start, gradient=write)
    assert (start == 1).all()


@pytest.mark.parametrize("form", [np.ndarray.tolist, sp.csr_array, np.asfortranarray])
def test_a_gradient_in_any_container_is_taken(form):
    expected = solved()
    found = solved(gradient=lambda X: form(right(X)))
    assert found.converged
    assert np.array_equal(found.x, expected.x)


@pytest.mark.parametrize("lipschitz", [np.inf, 0, np.float32(100), 1e-9])
def test_any_constant_that_is_no_nonsense_will_do(lipschitz):
    assert solved(lipschitz=lambda: lipschitz).x == pytest.approx(solved().x, abs=1e-6)


def test_values_of_any_real_kind_are_taken():
    f = LeastSquares(D, Y)
    for form in (np.float64, np.longdouble, np.asarray):
        assert solved(value=lambda X, form=form: form(f.value(X))).converged


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_a_start_where_f_is_not_finite_is_refused(number):
    with pytest.raises(ValueError, match=rf"f\.value\(X\) is {number} at x0: give an x0 where f is finite"):
        solved(x0=np.ones((6, 3)), value=lambda X: number)
