"""What a page is made of."""

import pytest
from report_data import INNER, PAGE

from dsrl_ref.report.page import LONG, Code, Facts, Section
from dsrl_ref.report.render import TEMPLATES


def test_sections_are_told_in_the_order_of_the_page():
    assert [section.anchor for section in PAGE.sections[0].all()] == ["outer", "inner", "innermost"]


def test_a_section_is_called_by_its_short_name_if_it_has_one():
    assert Section("a", "long", short="s").called == "s"
    assert Section("a", "long").called == "long"
    assert INNER.called == INNER.title


@pytest.mark.parametrize("fact", ["x" * LONG, Code("x" * LONG), 7])
def test_facts_of_few_letters_stand_side_by_side(fact):
    assert not Facts({"a": fact}).is_long


@pytest.mark.parametrize("fact", ["x" * (LONG + 1), Code("x" * (LONG + 1))])
def test_one_long_fact_is_enough_for_lines(fact):
    assert Facts({"a": 1, "b": fact}).is_long
    assert not Facts({}).is_long


def test_every_kind_of_block_has_a_template():
    from dsrl_ref.report.page import Block

    names = {kind.template for kind in Block.__args__}
    assert len(names) == len(Block.__args__)
    assert all((TEMPLATES / name).is_file() for name in names)
