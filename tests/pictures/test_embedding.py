"""The embedding shows every sample once, by its group, and marks those whose label was known."""

import numpy as np
import pytest

from dsrl_ref.pictures import draw_embedding
from dsrl_ref.pictures.embedding import AREA, LABELLED_AREA, LARGEST_DISC, principal, spread
from dsrl_ref.pictures.groups import COLOURS

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("matplotlib")]

POINTS = np.random.default_rng(0).normal(size=(40, 6)) * [9.0, 5.0, 3.0, 2.0, 1.0, 0.5]
CODES = np.arange(40) % 5


def drawn(panel):
    """What is scattered, by its legend's name or its colour: places, sizes."""
    return [
        (str(each.get_label()), np.asarray(each.get_offsets()), each.get_sizes().tolist()) for each in panel.collections
    ]


def legend(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_few_groups_lie_in_the_plane_of_the_two_principal_axes():
    figure = draw_embedding(POINTS, np.where(CODES < 3, CODES, 0), ["ape", "bee", "cat"])
    (panel,) = figure.axes
    centred = POINTS - POINTS.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    shares = values[::-1] / values.sum()
    assert [panel.get_xlabel(), panel.get_ylabel()] == [
        f"principal axis {axis} ({shares[axis - 1]:.0%} of the variance)" for axis in (1, 2)
    ]
    expected = np.abs(centred @ vectors[:, [-1, -2]])
    for group, (name, places, sizes) in enumerate(drawn(panel)):
        members = np.flatnonzero(np.where(CODES < 3, CODES, 0) == group)
        assert name == ["ape", "bee", "cat"][group]
        assert np.abs(places) == pytest.approx(expected[members])
        assert sizes == [AREA]
    assert legend(panel) == ["ape", "bee", "cat"]
    assert figure.get_suptitle() == "embedding of the samples"


def test_more_groups_have_a_second_plane_and_one_legend():
    figure = draw_embedding(POINTS, CODES)
    first, second = figure.axes
    assert second.get_xlabel().startswith("principal axis 3 (")
    assert second.get_ylabel().startswith("principal axis 4 (")
    assert first.get_legend() is None
    assert legend(second) == ["0", "1", "2", "3", "4"]
    places = np.concatenate(
        [np.hstack(each) for each in zip(*[[p for _, p, _ in drawn(a)] for a in (first, second)], strict=True)]
    )
    centred = POINTS - POINTS.mean(axis=0)
    assert np.sort((places**2).sum(axis=0)) == pytest.approx(np.linalg.svd(centred)[1][:4][::-1] ** 2)
    assert len(draw_embedding(POINTS[:, :3], CODES).axes) == 1, "three axes make no second plane"


def test_samples_whose_label_was_known_are_larger_with_an_edge():
    (panel,) = draw_embedding(POINTS[:, :2], CODES % 2, labelled=[3, 4, 10]).axes
    scattered = panel.collections
    marked = [each for each in scattered if each.get_sizes().tolist() == [LABELLED_AREA] and len(each.get_offsets())]
    assert sorted(len(each.get_offsets()) for each in marked) == [1, 2]
    assert sum(len(each.get_offsets()) for each in scattered) == 40
    places = np.concatenate([np.asarray(each.get_offsets()) for each in marked])
    expected = principal(POINTS[:, :2])[0].T[[4, 10, 3]]  # by group: the even ones first
    assert places == pytest.approx(expected)
    assert all(each.get_edgecolor().tolist() == [[0, 0, 0, 1]] for each in marked)
    assert legend(panel) == ["0", "1", "label known"]
    assert legend(draw_embedding(POINTS[:, :2], CODES % 2).axes[0]) == ["0", "1"]


def test_what_has_no_class_is_below_and_named():
    (panel,) = draw_embedding(POINTS[:, :2], np.where(CODES == 0, -1, 0), ["ape"], nobody="no label reaches").axes
    assert [name for name, *_ in drawn(panel)] == ["no label reaches", "ape"]
    assert len(drawn(panel)[0][1]) == 8


def test_ten_classes_have_ten_colours_and_more_than_thirty_are_said_to_be_others():
    (panel,) = draw_embedding(POINTS[:, :2], np.arange(40) % 10).axes
    colours = {tuple(each.get_facecolor()[0][:3].round(4).tolist()) for each in panel.collections}
    assert len(colours) == len(COLOURS) == 10
    (panel,) = draw_embedding(POINTS[:, :2], np.arange(40) % 33).axes
    assert legend(panel)[-1] == "4 others"
    assert len(legend(panel)) == 30


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 1), (2, 2)])
def test_few_samples_or_axes_are_drawn_too(shape):
    points = np.arange(float(np.prod(shape))).reshape(shape)
    places, shares = principal(points)
    assert places.shape == (2, shape[0])
    assert shares.sum() == pytest.approx(float(shape[0] > 1))
    draw_embedding(points, np.zeros(shape[0], dtype=int)).savefig("/dev/null", format="png")


def test_the_legend_lies_outside_and_nothing_overlaps():
    figure = draw_embedding(POINTS, CODES, [f"a rather long name {i}" for i in range(5)], labelled=[0])
    figure.draw_without_rendering()
    boxes = [panel.get_tightbbox() for panel in figure.axes]
    own = figure.axes[1].get_legend().get_window_extent()
    assert own.x0 >= figure.axes[1].bbox.x1
    assert own.x1 <= figure.bbox.x1
    assert boxes[0].x1 <= figure.axes[1].bbox.x0


def test_samples_of_one_place_are_drawn_beside_one_another_within_a_disc():
    places = np.concatenate([np.zeros((2, 50)), np.full((9, 2), [5.0, 0.2]).T, [[10.0, 4, 4], [1.0, 1, 1]]], axis=1)
    drawn_at = spread(places)
    extent = np.array([[10.0], [1.0]])
    for own, count in ((slice(0, 50), 50), (slice(50, 59), 9)):
        moved = (drawn_at - places)[:, own] / extent
        assert len(np.unique(drawn_at[:, own], axis=1).T) == count
        assert np.hypot(*moved).max() <= LARGEST_DISC
        assert np.abs(moved.mean(axis=1)).max() < 0.005  # around it
    assert np.hypot(*(drawn_at - places)[:, :50]).max() > np.hypot(*(drawn_at - places)[:, 50:59]).max()
    assert np.array_equal(drawn_at[:, 59:], places[:, 59:])  # one sample, and two, are as they are
    assert np.array_equal(spread(np.ones((2, 1))), np.ones((2, 1)))


def test_many_groups_have_a_legend_of_two_columns():
    (_, few), (_, many) = (draw_embedding(POINTS, np.arange(40) % count).axes for count in (16, 17))
    assert (few.get_legend()._ncols, many.get_legend()._ncols) == (1, 2)
