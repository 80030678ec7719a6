"""Pictures beside equations show what the package computes."""

from xml.etree import ElementTree

import pytest
from report_data import require_extras

from dsrl_ref.appendix.theta import Theta
from dsrl_ref.report import appendix_pictures
from dsrl_ref.report.appendix_pictures import chain_rows, pictures_of


def test_the_table_of_6_has_both_sides_and_where_it_is_false():
    rows = chain_rows()
    assert [row[0] for row in rows] == ["0.25", "0.5", "1", "1.5", "2", "4"]
    for w1, left, right, holds in rows:
        w = float(w1)
        assert float(left) == pytest.approx((w - 1) / w, abs=5e-5)
        assert float(right) == pytest.approx((w - 1) / (w + 1), abs=5e-5)
        assert holds == ("true" if w > 1 else "false")


def test_the_regularizers_that_are_shown_are_in_7():
    """As their text says."""
    assert not any(theta.violations() for theta in appendix_pictures.SHOWN.values())
    assert appendix_pictures.SHOWN["soft threshold"] == Theta.soft(1)
    assert appendix_pictures.SHOWN["firm threshold"] == Theta.firm(1, 2)


@pytest.mark.parametrize("equation", [2, 12, "layers"])
def test_most_equations_have_no_picture(equation):
    assert pictures_of(equation) == ()


@pytest.fixture
def drawn(monkeypatch):
    """The lines of every figure that is drawn, by their labels."""
    require_extras()
    from matplotlib.axes import Axes

    lines, plot = [], Axes.plot

    def seen(self, x, y, *arguments, **options):
        lines.append((options.get("label"), x, y))
        return plot(self, x, y, *arguments, **options)

    monkeypatch.setattr(Axes, "plot", seen)
    return lines


@pytest.mark.peer
def test_1_shows_g_and_9_shows_xi(drawn):
    for equation, function in ((1, appendix_pictures.regularizer), (9, appendix_pictures.shrink)):
        drawn.clear()
        (found,) = pictures_of(equation)
        curves = [line for line in drawn if line[0]]
        assert [label for label, _, _ in curves] == [*appendix_pictures.SHOWN]
        for label, x, y in curves:
            assert y.tolist() == function(x, appendix_pictures.SHOWN[label]).tolist()
            assert label in found.text
        assert {each.text for each in ElementTree.fromstring(found.svg).iter("text")} >= {*appendix_pictures.SHOWN}


@pytest.mark.peer
def test_6_shows_both_sides_and_7_the_least_b1(drawn):
    pictures_of(6)
    (_, w1, left), (_, _, right) = drawn
    assert left == pytest.approx((w1 - 1) / w1)
    assert right == pytest.approx((w1 - 1) / (w1 + 1))
    drawn.clear()
    pictures_of(7)
    ((_, w1, least),) = drawn
    assert least == pytest.approx([max(0.0, (w - 1) / w) for w in w1])
