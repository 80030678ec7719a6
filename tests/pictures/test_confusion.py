"""A confusion matrix has every sample with both classes once, in words and colours that can be read."""

import itertools

import numpy as np
import pytest

from dsrl_ref.pictures import draw_confusion
from dsrl_ref.pictures.confusion import confusion_panel, matched, table

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]

TRUE = [0, 0, 0, 0, 1, 1, 2, 2, 2, -1, 1]
FOUND = [0, 0, 0, 1, 1, 1, 2, 0, 2, 0, -1]
COUNTS = [[3, 1, 0], [0, 2, 0], [1, 0, 2]]


def ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_counts_and_shares_of_each_class_stand_in_the_cells():
    panel, bar = draw_confusion(TRUE, FOUND, ["ape", "bee", "cat"]).axes
    assert panel.images[0].get_array().tolist() == [[0.75, 0.25, 0], [0, 1, 0], [1 / 3, 0, 2 / 3]]
    cells = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in panel.texts}
    assert cells == {(0, 0): "3\n75%", (0, 1): "1\n25%", (1, 1): "2\n100%", (2, 0): "1\n33%", (2, 2): "2\n67%"}
    assert ticks(panel.yaxis) == ["ape (4)", "bee (2)", "cat (3)"]
    assert ticks(panel.xaxis) == ["ape", "bee", "cat"]
    assert (panel.get_xlabel(), panel.get_ylabel(), bar.get_ylabel()) == (
        "found class",
        "class (samples)",
        "share of the class",
    )
    assert panel.get_title() == "77.8% of 9 samples on the diagonal"
    assert draw_confusion([0, 0, 1, 1], [0, 1, 0, 1]).axes[0].images[0].get_clim() == (0, 1)
    colours = {text.get_text(): text.get_color() for text in panel.texts}
    assert (colours["2\n100%"], colours["1\n25%"]) == ("white", "black")
    assert draw_confusion(TRUE, FOUND, title="mine").axes[0].get_title() == "mine"


def test_clusters_are_put_in_the_order_that_fits_the_classes():
    true = np.repeat([0, 1, 2], 4)
    found = np.repeat([2, 0, 1], 4)
    found[0] = 3
    panel = draw_confusion(true, found, ["a", "b", "c"], ["0", "1", "2", "3"]).axes[0]
    assert ticks(panel.xaxis) == ["2", "0", "1", "3"]
    assert panel.get_xlabel() == "cluster"
    assert panel.get_title() == "91.7% of 12 samples on the diagonal"
    assert matched(np.array([[0, 5], [6, 5], [1, 1]])).tolist() == [1, 0]


def test_classes_that_nobody_has_keep_their_row_and_their_column():
    assert table([0], [1], 3, 4).tolist() == [[0, 1, 0, 0], [0] * 4, [0] * 4]
    panel = draw_confusion([0, 2], [0, 0], ["a", "b", "c"]).axes[0]
    assert ticks(panel.yaxis) == ["a (1)", "b (0)", "c (1)"]
    assert panel.images[0].get_array()[1].tolist() == [0, 0, 0]
    assert table(TRUE, FOUND).tolist() == COUNTS


@pytest.mark.parametrize(("classes", "lines"), [(2, 2), (10, 2), (11, 1), (20, 1), (21, 0), (100, 0)])
def test_cells_say_as_much_as_there_is_room_for(classes, lines):
    codes = np.repeat(np.arange(classes), 3)
    figure = draw_confusion(codes, codes, [f"class {code}" for code in range(classes)])
    panel = figure.axes[0]
    assert {len(text.get_text().split("\n")) for text in panel.texts} == ({lines} if lines else set())
    figure.draw_without_rendering()
    cell = panel.bbox.height / classes
    assert all(text.get_window_extent().height <= cell for text in panel.texts)
    for axis, way in ((panel.xaxis, "x"), (panel.yaxis, "y")):
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        ends = sorted((getattr(box, f"{way}0"), getattr(box, f"{way}1")) for box in boxes)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ends)), way


def test_a_small_panel_has_fewer_numbers(matplotlib):
    from matplotlib.figure import Figure

    panel = Figure().subplots()
    confusion_panel(panel, TRUE, FOUND, None, None, counts_up_to=3, shares_up_to=2)
    assert sorted(text.get_text() for text in panel.texts) == ["1", "1", "2", "2", "3"]
    panel = Figure().subplots()
    confusion_panel(panel, TRUE, FOUND, None, None, counts_up_to=2)
    assert not panel.texts


def test_nothing_to_count_and_codes_of_other_samples_are_refused():
    with pytest.raises(ValueError, match="no sample has both a known class and a found one"):
        draw_confusion([-1, 0], [0, -1])
    with pytest.raises(ValueError, match=r"one code a sample, got shapes \(2,\) and \(3,\)"):
        draw_confusion([0, 0], [0, 0, 0])
