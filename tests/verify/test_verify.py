"""What `verify` promises: verdicts that the checks found, and checks that can fail."""

from fractions import Fraction

import pytest

from dsrl_ref.appendix import partials, regularizer
from dsrl_ref.engines import adjoint
from dsrl_ref.verify import Check, Finding, conditions, evidence, exact, recursion, verify

REMARKS = {1, 7, 11, 12, 13, 14, 16, 17}


@pytest.fixture(scope="module")
def findings():
    return {finding.equation: finding for finding in verify(quick=True)}


@pytest.mark.parametrize("equation", range(1, 18))
def test_verdict_of_every_equation(findings, equation):
    expected = "erratum" if equation == 6 else "confirmed with a remark" if equation in REMARKS else "confirmed"
    assert findings[equation].passed
    assert findings[equation].verdict == expected


def test_another_seed_draws_other_cases_and_finds_the_same(findings):
    other = verify(quick=True, seed=7)
    assert [finding.verdict for finding in other] == [findings[n].verdict for n in range(1, 18)]
    assert any(a.checks != findings[a.equation].checks for a in other)


def test_the_same_seed_finds_the_same_figures(findings):
    assert verify([13], quick=True)[0] == findings[13]


def test_verdict_follows_from_the_checks():
    good, bad = Check("c", True, ""), Check("c", False, "")
    remark, erratum = Check("r", True, "", "remark"), Check("e", True, "", "erratum")
    assert Finding(1, (good,)).verdict == "confirmed"
    assert Finding(1, (good, remark)).verdict == "confirmed with a remark"
    assert Finding(1, (remark, erratum)).verdict == "erratum"
    assert Finding(1, (bad, erratum)).verdict == "failed"


@pytest.mark.parametrize("number", [0, 18])
def test_a_number_that_is_no_equation_is_refused(number):
    with pytest.raises(ValueError, match=f"equation must be from 1 to 17, got {number}"):
        verify([number])


@pytest.mark.parametrize(("seed", "error"), [(1.0, TypeError), ("1", TypeError), (True, TypeError), (-1, ValueError)])
def test_a_seed_is_an_integer_that_is_not_negative(seed, error):
    with pytest.raises(error, match=r"seed must be (an integer|at least 0), got"):
        verify([6], quick=True, seed=seed)


def broken(function, change):
    return lambda *arguments, **options: change(function(*arguments, **options))


@pytest.mark.parametrize(
    ("equation", "module", "name", "change"),
    [
        (1, conditions, "regularizer", lambda g: g * 1.001),
        (4, conditions, "regularizer_gradient", lambda g: -g),
        (8, evidence, "loss", lambda J: 2 * J),
        (12, partials, "dw1", lambda d: -d),
        (12, partials, "dw2", lambda d: d * 1.001),
        (13, partials, "db1", lambda d: -d),
        (13, partials, "db2", lambda d: d * 1.001),
        (14, partials, "dX", lambda T: T.transpose(2, 3, 0, 1)),
        (17, partials, "dL", lambda d: d * 1.001),
    ],
)
def test_an_error_in_the_package_fails_its_equation(monkeypatch, equation, module, name, change):
    monkeypatch.setattr(module, name, broken(getattr(module, name), change))
    (finding,) = verify([equation], quick=True)
    assert not finding.passed
    assert finding.verdict == "failed"


@pytest.mark.parametrize(("parameter", "equation"), [(0, 10), (1, 10), (2, 10), (3, 10), (4, 15)])
def test_a_gradient_that_is_a_thousandth_wrong_is_caught_by_rounding_and_by_differences(
    monkeypatch, parameter, equation
):
    def wrong(*arguments):
        loss, gradient = adjoint.loss_and_gradient(*arguments)
        gradient[parameter] *= 1.001
        return loss, gradient

    monkeypatch.setitem(evidence.ENGINES, "adjoint", wrong)
    (finding,) = verify([equation], quick=True)
    failed = {check.name for check in finding.checks if not check.passed}
    assert {"rounding of every method", "every method against central differences"} <= failed


def test_a_prox_that_is_not_the_minimiser_is_caught(monkeypatch):
    monkeypatch.setattr(exact, "xi", lambda z, theta: z)
    assert not conditions.Conditions(0, 30)._shrinkage_is_prox().passed


@pytest.mark.parametrize(
    ("equation", "module", "name", "other"),
    [
        (1, conditions, "joint", lambda theta: Fraction(1)),
        (6, conditions, "claimed_chain", lambda theta: (1.0, 0.0)),
        (7, conditions, "inner_piece", lambda x, theta: Fraction(0)),
        (7, exact, "nonnegative", exact.nondecreasing),
        (7, exact, "nondecreasing", lambda theta: True),
        (11, exact, "misread_gradient", exact.tensor_gradient),
        (11, exact, "tensor_gradient", exact.misread_gradient),
        (12, exact, "xi", lambda z, theta: z),
        (13, exact, "partials", lambda z, theta: (Fraction(0),) * 5),
        (14, exact, "row", lambda z, theta: 1),
        (16, exact, "misread_gradient", exact.tensor_gradient),
        (17, exact, "own_terms", lambda f, theta, L, X, Z: [(Fraction(0),) * 5] * len(X)),
    ],
)
def test_what_cannot_be_demonstrated_fails_its_equation(monkeypatch, equation, module, name, other):
    monkeypatch.setattr(module, name, other)
    (finding,) = verify([equation], quick=True)
    assert not finding.passed
    assert any(not check.passed and check.kind != "claim" for check in finding.checks)


def test_too_many_redraws_fail():
    found = evidence.DifferenceEvidence(draws=7, redraws=3)
    assert found.redrawn > recursion.MOST_REDRAWN


def test_the_exact_regularizer_is_the_printed_one():
    theta = (Fraction(5, 4), Fraction(1, 2), Fraction(1, 4), Fraction(3, 4))
    for k in range(-16, 17):
        x = Fraction(k, 8)
        assert float(exact.regularizer(x, theta)) == pytest.approx(regularizer(float(x), [float(t) for t in theta]))
