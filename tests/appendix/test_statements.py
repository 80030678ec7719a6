"""What the equations state is what the oracle computes: each row in TeX that is a number is evaluated, and compared."""

import re
from fractions import Fraction
from functools import cache
from itertools import pairwise

import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from dsrl_ref.appendix.statements import MACROS, STATED, written
from dsrl_ref.verify.table import EQUATIONS

SYMBOLS = {r"\Z": "z", r"\d": "d", r"\G": "G", r"\allowbreak": " ", r"\le": "<=", r"\ge": ">=", r"\max": "max"}
TOKEN = re.compile(r"\s*([a-zA-Z]\w*|\d+|<=|>=|==|\*\*|[-+*/()<>,=])")
slopes = st.fractions(min_value=Fraction(1, 8), max_value=4, max_denominator=16)
numbers = st.fractions(min_value=-4, max_value=4, max_denominator=16)


@st.composite
def thetas(draw):
    knots = sorted(abs(draw(numbers)) for _ in range(2))
    return draw(slopes), draw(slopes), *knots


def evaluated(tex, theta, **names):
    """The value of a formula in TeX: of a number a fraction, of a comparison a bool."""
    return eval(code(tex), dict(zip(("w1", "w2", "b1", "b2"), theta, strict=True), F=Fraction, max=max, **names))


@cache
def code(tex):
    """The same formula as Python has it, whole numbers as fractions."""
    for macro, symbol in SYMBOLS.items():
        tex = re.sub(re.escape(macro) + r"(?![A-Za-z])", lambda _, symbol=symbol: symbol, tex)
    tex = re.sub(r"([wb])_([12])", r"\1\2", tex).replace("^2", "**2").replace(r"\{", "(").replace(r"\}", ")")
    while r"\frac" in tex:
        tex = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", tex)
    tokens = TOKEN.findall(tex.replace("{", "(").replace("}", ")"))
    parts = tokens[:1]
    for before, token in pairwise(tokens):
        factor = token == "(" or token[0].isalnum()
        parts += ["*"] * (factor and (before == ")" or before[0].isalnum()) and before not in ("max", "g", "**"))
        parts.append(token)
    return compile("".join(f"F({part})" if part.isdecimal() else part for part in parts), tex, "eval")


def by_cases(formula, theta, **names):
    """The value of the one row whose condition holds."""
    (value,) = [value for value, condition in formula.rows if evaluated(condition, theta, **names)]
    return evaluated(value, theta, **names)


def only(equation):
    (formula,) = STATED[equation].formulas
    ((row, condition),) = formula.rows
    assert condition == ""
    return row


def test_every_row_of_the_table_of_verification_is_stated_in_its_order():
    assert [*STATED] == [*EQUATIONS]


def test_macros_are_written_out_and_nothing_else():
    assert written(r"\Z \le \delta \Xi") == MACROS[r"\Z"] + r" \le \delta \Xi"
    assert not [
        tex
        for statement in STATED.values()
        for formula in statement.formulas
        for tex in (formula.begins, *sum(formula.rows, ()))
        if re.search(r"\\[XZGd](?![A-Za-z])", written(tex))
    ]


@examples(60)
@given(thetas(), numbers)
def test_1_is_the_regularizer(theta, x):
    (formula,) = STATED[1].formulas
    joint = theta[0] * (theta[3] - theta[2])
    for each in (x, joint, -joint):
        value = by_cases(formula, theta, x=each, g=lambda x: naive.regularizer(x, theta))
        assert value == naive.regularizer(each, theta)


@examples(60)
@given(thetas())
def test_2_is_g_at_the_joint_and_3_is_its_sign(theta):
    w1, _, b1, b2 = theta
    joint = w1 * (b2 - b1)
    two, three = (only(number).partition(sign)[0] for number, sign in ((2, r"\ge"), (3, r"\le")))
    assert evaluated(two, theta) == naive.regularizer(joint, theta)
    assert evaluated(two, theta) == -joint / 2 * evaluated(three, theta)
    assert evaluated(only(2), theta) == (naive.regularizer(joint, theta) >= 0)
    if joint:
        assert evaluated(only(3), theta) == evaluated(only(2), theta)


@examples(60)
@given(thetas(), numbers)
def test_4_is_the_slope_of_the_outer_piece_and_5_that_where_it_begins(theta, x):
    joint = theta[0] * (theta[3] - theta[2])
    (four,) = STATED[4].formulas
    outer = joint + abs(x) + 1
    assert evaluated(four.rows[0][0], theta, x=outer) == naive.regularizer_gradient(outer, theta)
    first, second = only(5).split("=")
    assert evaluated(first, theta) == evaluated(four.rows[0][0], theta, x=joint)
    assert evaluated(second.partition(r"\ge")[0], theta) == evaluated(first, theta)
    assert evaluated(second, theta) == (evaluated(first, theta) >= 0)


@examples(60)
@given(thetas())
def test_6_is_false_exactly_where_the_order_of_its_sides_is_another(theta):
    w1, _, b1, b2 = theta
    knot, left, right = re.split(r"\\ge|>", only(6))
    assert evaluated(knot, theta) == b1
    assert evaluated(left, theta) == (w1 - 1) / w1 * b2
    assert evaluated(right, theta) == (w1 - 1) / (w1 + 1) * b2
    assert evaluated(f"{left} > {right}", theta) == (w1 > 1 and b2 > 0)
    assert only(6).index(r"\ge") < only(6).index(">")


@examples(60)
@given(thetas())
def test_7_is_the_oracles(theta):
    slopes, knots = (formula.rows[0][0] for formula in STATED[7].formulas)
    for each in (theta, (theta[0], Fraction(1), *theta[2:])):
        holds = [evaluated(part, each) for part in (*slopes.split(","), knots)]
        assert all(holds) == naive.holds_7(each)


PARTIALS = {(12, 0): 0, (12, 1): 1, (13, 0): 2, (13, 1): 3, (14, 0): 4, (17, 0): 4}


@pytest.mark.parametrize(("equation", "place"), PARTIALS)
@examples(60)
@given(thetas(), numbers, numbers, slopes)
def test_12_to_14_and_17_are_the_oracles_rows_ties_included(equation, place, theta, z, other, L):
    formula = STATED[equation].formulas[place]
    names = {"d": other} if equation == 14 else {"G": other, "L": L} if equation == 17 else {}
    factor = {12: 1, 13: 1, 14: other, 17: other / L**2}[equation]
    for each in (z, theta[2], theta[3], -theta[2], -theta[3]):
        expected = naive.partials(each, theta)[PARTIALS[equation, place]] * factor
        assert by_cases(formula, theta, z=each, **names) == expected


@pytest.mark.parametrize(("equation", "place"), PARTIALS)
def test_each_derivative_says_of_what_it_is(equation, place):
    said = {12: ("w_1", "w_2"), 13: ("b_1", "b_2"), 17: ("L",)}.get(equation, (r"\mathbf{X}_{(i-1)}",))[place]
    assert rf"\partial {said}}}" in STATED[equation].formulas[place].begins
