"""What `verify` promises: verdicts that the checks found, the same for a seed, and remarks that can fail."""

import subprocess
import sys
from fractions import Fraction

import pytest

from dsrl_ref.appendix import regularizer
from dsrl_ref.engines.table import ENGINES
from dsrl_ref.verify import Check, Finding, each_finding, exact, misreadings, networks, verify
from dsrl_ref.verify.cases import Cases
from dsrl_ref.verify.checks import engines, theta, totals
from dsrl_ref.verify.checks import regularizer as of_g
from dsrl_ref.verify.findings import OWN
from dsrl_ref.verify.problems import KINDS, network_problem, rational_problem
from dsrl_ref.verify.table import EQUATIONS
from dsrl_ref.verify.ways import NAMES_OF_WAYS

REMARKS = {1, 3, 7, 11, 12, 13, 14, 16, 17}


@pytest.fixture(scope="module")
def found():
    return {finding.equation: finding for finding in verify(quick=True)}


@pytest.mark.parametrize("equation", [*range(1, 18), "layers"])
def test_verdict_of_every_equation(found, equation):
    expected = "erratum" if equation == 6 else "confirmed with a remark" if equation in REMARKS else "confirmed"
    assert found[equation].passed
    assert found[equation].verdict == expected


def test_another_seed_draws_other_cases_and_finds_the_same(found):
    other = verify(quick=True, seed=7)
    assert [finding.verdict for finding in other] == [finding.verdict for finding in found.values()]
    assert any(a.checks != found[a.equation].checks for a in other)


@pytest.mark.parametrize("equation", [1, 7, 11, 13, 14, "layers"])
def test_an_equation_alone_finds_the_same_figures_as_among_the_others(found, equation):
    assert verify([equation], quick=True)[0] == found[equation]


def test_findings_come_one_by_one():
    some = each_finding(["layers", 6, 2], quick=True)
    assert next(some).equation == 2
    assert [finding.equation for finding in some] == [6, "layers"]


def test_what_is_checked_next_is_told_before_it_is_checked():
    told = []
    some = each_finding([6, 2], quick=True, tell=told.append)
    assert told == []
    checks = [(number, place) for number in (2, 6) for place, _ in enumerate(EQUATIONS[number].checks, start=1)]
    expected = [f"equation {number}, check {place} of {len(EQUATIONS[number].checks)}" for number, place in checks]
    first = next(some)
    assert told == expected[: len(EQUATIONS[2].checks)]
    assert [first, *some] == verify([2, 6], quick=True)
    assert told == expected


def test_verdict_follows_from_the_checks():
    good, bad = Check("c", True, ""), Check("c", False, "")
    remark, erratum = Check("r", True, "", "remark"), Check("e", True, "", "erratum")
    assert Finding(1, (good,)).verdict == "confirmed"
    assert Finding(1, (good, remark)).verdict == "confirmed with a remark"
    assert Finding(1, (remark, erratum)).verdict == "erratum"
    assert Finding(1, (bad, erratum)).verdict == "failed"


def test_names_of_checks_are_distinct_in_a_row(found):
    for finding in found.values():
        names = [check.name for check in finding.checks]
        assert len(set(names)) == len(names)


def test_every_way_is_judged_on_the_grid_and_for_rounding(found):
    for equation, part in ((8, "loss"), (10, "dJ/dΘ"), (15, "dJ/dL")):
        names = {check.name for check in found[equation].checks}
        for way in NAMES_OF_WAYS:
            assert f'{part} by "{way}" equals the rationals, bit for bit' in names
            assert f'rounding of {part} by "{way}"' in names


@pytest.mark.parametrize("number", [0, 18])
def test_a_number_that_is_no_equation_is_refused(number):
    with pytest.raises(ValueError, match=f'equation must be from 1 to 17, or "layers", got {number}'):
        verify([number])


@pytest.mark.parametrize("name", ["layer", "6", 6.0, None])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(TypeError, match="equation must be an integer, got"):
        verify([name])


def test_every_engine_of_the_table_that_has_one_theta_a_layer_is_judged(found):
    names = {check.name for check in found["layers"].checks}
    ways = [*(name for name, engine in ENGINES.items() if engine.prepare_layers is not None), "sparse"]
    assert len(ways) >= 5
    for way in ways:
        assert f'(t, 5) terms by "{way}", bit for bit' in names
        assert f'rounding of the terms by "{way}"' in names


@pytest.mark.parametrize(("seed", "error"), [(1.0, TypeError), ("1", TypeError), (True, TypeError), (-1, ValueError)])
def test_a_seed_is_an_integer_that_is_not_negative(seed, error):
    with pytest.raises(error, match=r"seed must be (an integer|at least 0), got"):
        verify([6], quick=True, seed=seed)


def test_a_prox_that_is_not_the_minimiser_is_caught():
    cases = Cases(0, quick=True)
    theta_ = (Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 2))
    z = Fraction(2)
    assert of_g.better_points(cases, z, z, theta_) > 0
    assert of_g.better_points(cases, z, exact.xi(z, theta_), theta_) == 0


@pytest.mark.parametrize(
    ("equation", "module", "name", "other"),
    [
        (1, of_g, "joint", lambda theta: Fraction(1)),
        (3, theta, "three", lambda theta: Fraction(0)),
        (6, theta, "_chain_holds", lambda theta: True),
        (7, theta, "inner_piece", lambda x, theta: Fraction(0)),
        (7, exact, "nonnegative", exact.nondecreasing),
        (7, exact, "nondecreasing", lambda theta: True),
        (11, misreadings, "misread_gradient", exact.tensor_gradient),
        (12, exact, "xi", lambda z, theta: z),
        (13, exact, "xi", lambda z, theta: z),
        (14, exact, "row", lambda z, theta: 1),
        (16, misreadings, "misread_gradient", exact.tensor_gradient),
        (17, exact, "partials", lambda z, theta: (Fraction(0),) * 5),
    ],
)
def test_what_cannot_be_demonstrated_fails_its_equation(monkeypatch, equation, module, name, other):
    monkeypatch.setattr(module, name, other)
    (finding,) = verify([equation], quick=True)
    assert not finding.passed


@pytest.mark.parametrize(
    ("equation", "name", "other"),
    [
        (1, "regularizer", lambda x, theta: Fraction(0)),
        (8, "loss", lambda X, target: Fraction(0)),
        (10, "forward_gradient", misreadings.misread_gradient),
        (12, "partials", lambda z, theta: (Fraction(0),) * 5),
        (14, "row", lambda z, theta: 1),
    ],
)
def test_rationals_that_are_wrong_fail_a_check_that_bears_their_name(monkeypatch, equation, name, other):
    monkeypatch.setattr(exact, name, other)
    (finding,) = verify([equation], quick=True)
    assert any(check.name.startswith(OWN) for check in finding.checks if not check.passed)


def test_checks_named_as_the_rationals_own_touch_no_package_code():
    """In the module of a check, what a function named so calls is verify's: none of the names of the table."""
    of_package = {name.rsplit(".", 1)[-1] for row in EQUATIONS.values() for name in row.functions}
    for row in EQUATIONS.values():
        for check in row.checks:
            if "of_rationals" in check.__code__.co_names and "none_differ" not in check.__code__.co_names:
                called = set(check.__code__.co_names) - {"regularizer", "loss"}  # those of exact
                assert not called & of_package


def test_too_many_redraws_fail():
    assert networks.DifferenceEvidence(draws=6, redraws=4).redrawn > engines.MOST_REDRAWN


def test_six_draws_in_a_row_reach_every_way():
    import random

    import numpy as np

    generator, rng = np.random.default_rng(0), random.Random(0)
    for draw in (
        lambda number: rational_problem(rng, number).arguments(),
        lambda number: network_problem(generator, number),
    ):
        reached = {way.name for number in range(len(KINDS)) for way in networks.ways_of(draw(number))}
        assert reached == set(NAMES_OF_WAYS)


def test_the_coupled_network_tells_the_two_contractions_apart():
    problem = totals.COUPLED
    arguments = (problem.f, problem.theta, problem.L, problem.run(), problem.target)
    assert misreadings.misread_gradient(*arguments) != exact.tensor_gradient(*arguments)


def test_the_exact_regularizer_is_the_printed_one():
    numbers = (Fraction(5, 4), Fraction(1, 2), Fraction(1, 4), Fraction(3, 4))
    for k in range(-16, 17):
        x = Fraction(k, 8)
        assert float(exact.regularizer(x, numbers)) == pytest.approx(regularizer(float(x), [float(t) for t in numbers]))


def test_exact_projection_is_nearer_than_any_point_of_a_grid():
    floor = Fraction(1, 10**4)
    for values in ((2, 1, 0, 1), (3, 1, 1, -1), (Fraction(1, 2), 1, 2, 1), (2, 1, -1, -3), (4, 1, -1, 2)):
        w1, _, b1, b2 = exact.projected(tuple(map(Fraction, values)), floor)
        least = (b1 - values[2]) ** 2 + (b2 - values[3]) ** 2
        for j in range(13):
            for k in range(13):
                c1, c2 = Fraction(j, 4), Fraction(k, 4)
                if c2 >= c1 >= max(0, (w1 - 1) / w1 * c2):
                    assert (c1 - values[2]) ** 2 + (c2 - values[3]) ** 2 >= least


def test_exact_fixed_point_is_one():
    f = exact.LeastSquares([[Fraction(1), Fraction(1)], [Fraction(0), Fraction(1)]], [Fraction(3), Fraction(1)])
    numbers, L = (Fraction(1, 2), Fraction(3, 4), Fraction(1, 4), Fraction(1)), Fraction(4)
    path = exact.run(f, numbers, L, 12, [Fraction(0), Fraction(0)])
    rows = [exact.row(z, numbers) for z in path.preactivations[-1]]
    X = exact.fixed_point(f, numbers, L, rows)
    assert exact.run(f, numbers, L, 1, X).iterates[-1] == X


def test_lines_are_shown_as_they_come():
    """The table's first lines are on a pipe before the last equation is judged."""
    code = "import dsrl_ref.cli as c, dsrl_ref.verify.checks.partials as p, os, sys\n"
    code += "import dsrl_ref.verify.table as t, dataclasses\n"
    code += "t.EQUATIONS = {n: dataclasses.replace(t.EQUATIONS[n], checks=t.EQUATIONS[n].checks[:1]) for n in (1, 2)}\n"
    code += "import dsrl_ref.verify.runner as r; r.EQUATIONS = t.EQUATIONS\n"
    code += "t.EQUATIONS[2] = dataclasses.replace(t.EQUATIONS[2], checks=(lambda cases: os._exit(7),))\n"
    code += "c.main(['verify', '--quick'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stdout.lstrip().startswith("(1)")
