"""What happens when f misbehaves: it is told by name, with the layer, and nothing is written to."""

import numpy as np
import pytest
import scipy.sparse as sp

from dsrl_ref import Fidelity, forward, loss_and_gradient
from dsrl_ref.checked import starting_point
from dsrl_ref.errors import DSRLError

SOFT = (1, 1, 0.5, 0.5)


class Faulty(Fidelity):
    """Right until `layer`, then does `what` in `method`."""

    def __init__(self, what, method="gradient", layer=2):
        super().__init__(np.full((2, 3), 4.0))
        self.what, self.method, self.layer, self.calls = what, method, layer, 0

    def _answer(self, method, X, right):
        if method != self.method:
            return right
        self.calls += 1
        return self.what(X) if self.calls >= self.layer else right

    def gradient(self, X):
        return self._answer("gradient", X, X - self.W)

    def hessian_product(self, V, X):
        return self._answer("hessian_product", V, V)


def raises(_):
    raise RuntimeError("no data")


def writes(X):
    X[0, 0] = 7
    return X


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        (lambda X: X[:1], ValueError, r"f.gradient in layer 2 returned shape \(1, 3\); X has shape \(2, 3\)"),
        (lambda X: X * np.nan, ValueError, r"f.gradient is not finite in layer 2 \(6 entries\)"),
        (lambda X: np.where(np.arange(6).reshape(2, 3) == 4, np.inf, X), ValueError, r"layer 2 \(1 entries\)"),
        (raises, DSRLError, "f.gradient failed in layer 2: RuntimeError: no data"),
        (writes, DSRLError, "f.gradient failed in layer 2: ValueError: .*read-only"),
        (lambda X: X * 1j, TypeError, "f.gradient in layer 2 returned complex128 entries; they must be real numbers"),
        (lambda X: X.astype(str), TypeError, "f.gradient in layer 2 returned <U32 entries"),
        (lambda X: X.astype(object), TypeError, "f.gradient in layer 2 returned object entries"),
        (lambda X: np.ma.masked_array(X, X > 0), ValueError, "f.gradient in layer 2 returned masked entries"),
    ],
)
def test_a_faulty_f_is_named_with_its_layer(what, error, message):
    x0 = np.full((2, 3), 2.0)
    with pytest.raises(error, match=message):
        forward(Faulty(what), SOFT, 2.0, 3, x0)
    assert (x0 == 2).all()


@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
def test_a_faulty_hessian_is_named_with_its_layer(method):
    with pytest.raises(ValueError, match=r"f.hessian_product in layer \d returned shape \(1, 3\)"):
        loss_and_gradient(Faulty(lambda X: X[:1], "hessian_product", 1), SOFT, 2.0, 3, method=method)


@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
@pytest.mark.parametrize("asked", ["gradient", "hessian_product"])
def test_a_complex_answer_is_refused_by_every_method(method, asked):
    with pytest.raises(TypeError, match=rf"f.{asked} in layer \d returned complex128 entries"):
        loss_and_gradient(Faulty(lambda X: X * 1j, asked, 1), SOFT, 2.0, 3, method=method)


@pytest.mark.parametrize("method", ["tensor", "tangent", "adjoint"])
@pytest.mark.parametrize("asked", ["gradient", "hessian_product"])
@pytest.mark.parametrize("form", [np.ndarray.tolist, sp.csr_array, sp.csr_matrix, np.float32])
def test_an_answer_in_another_form_is_taken(method, asked, form):
    whole = Faulty(lambda X: form(4 * X), asked, 1)
    assert loss_and_gradient(whole, SOFT, 2.0, 3, method=method) == loss_and_gradient(
        Faulty(lambda X: 4 * X, asked, 1), SOFT, 2.0, 3, method=method
    )


@pytest.mark.parametrize(
    ("f", "x0", "message"),
    [
        (np.eye(2), None, r"f must be an object with gradient and start, such as Fidelity\(W\); got ndarray"),
        (np.eye(2), np.eye(2), "f must be an object with gradient, .*got ndarray"),
        (Fidelity, None, "f must be an object with gradient and start, .*got the class Fidelity"),
        (None, None, "got NoneType"),
    ],
)
def test_what_is_no_smooth_term_is_refused_at_the_door(f, x0, message):
    with pytest.raises(TypeError, match=message):
        forward(f, SOFT, 1, 1, x0)
    with pytest.raises(TypeError, match=message):
        loss_and_gradient(f, SOFT, 1, 1, np.eye(2), x0)


def test_a_start_is_that_of_f_unless_it_is_given_and_has_its_shape():
    for f in (Fidelity([[1.0, 2.0]]), Fidelity(sp.csr_array([[1.0, 2.0]]))):
        assert starting_point(f, None).shape == (1, 2)
        assert starting_point(f, [[3, 0]]).tolist() == [[3.0, 0.0]]
        with pytest.raises(ValueError, match=r"x0 has shape \(2, 1\), but f has shape \(1, 2\)"):
            starting_point(f, [[1.0], [2.0]])
