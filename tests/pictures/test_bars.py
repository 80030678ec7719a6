"""Weights of views beside equal ones, and the eigenvalues with the gap that was taken."""

import numpy as np
import pytest

from dsrl_ref.pictures import draw_eigengap, draw_view_weights

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]


def test_each_view_has_a_bar_with_its_name_and_its_weight():
    (panel,) = draw_view_weights([0.5, 0.3, 0.2], ["text", "links", "x" * 40]).axes
    assert [bar.get_width() for bar in panel.patches] == [0.5, 0.3, 0.2]
    assert [text.get_text() for text in panel.texts] == ["0.500", "0.300", "0.200"]
    assert [text.get_text() for text in panel.yaxis.get_ticklabels()] == ["text", "links", "x" * 12 + "…" + "x" * 11]
    assert panel.lines[0].get_xdata() == pytest.approx([1 / 3, 1 / 3])
    assert panel.get_xlabel() == "weight in the mean (dashed: equal)"
    assert panel.get_xlim() == pytest.approx((0, 0.61))
    assert min(text.get_position()[0] for text in panel.texts) > 0.5 > 1 / 3  # beside all bars and the dashed line
    low, high = panel.get_ylim()
    assert low > high, "the first view is on top"
    assert [text.get_text() for text in draw_view_weights([1.0]).axes[0].yaxis.get_ticklabels()] == ["view 0"]


def test_as_many_names_as_weights():
    with pytest.raises(ValueError, match="there are 1 names for the weights of 2 views"):
        draw_view_weights([0.5, 0.5], ["a"])


@pytest.mark.parametrize(("asked", "how"), [(False, "chosen"), (True, "asked for")])
def test_the_gap_behind_the_clusters_is_marked(asked, how):
    values = [1.0, 0.99, 0.9, 0.4, 0.3]
    (panel,) = draw_eigengap(values, 3, asked=asked).axes
    assert panel.lines[0].get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert panel.lines[0].get_ydata().tolist() == values
    assert panel.lines[1].get_ydata().tolist() == [0.9, 0.4]
    assert (panel.patches[0].get_x(), panel.patches[0].get_width()) == (3, 1)
    assert panel.get_title() == f"eigenvalues of the learned graph\n3 clusters, {how}: a gap of 0.500"
    assert (panel.get_xlabel(), panel.get_ylabel()) == (
        "place, the largest first",
        "eigenvalue of $D^{-1/2} W D^{-1/2}$",
    )


def test_more_clusters_than_eigenvalues_have_no_gap_to_show():
    (panel,) = draw_eigengap(np.ones(21), 25).axes
    assert not panel.patches
    assert panel.get_title() == "eigenvalues of the learned graph\n25 clusters, chosen"
    assert len(panel.lines) == 1
