"""Groups are told apart by colour and by marker, also by colour-blind readers; what is more is said to be others."""

import itertools

import numpy as np
import pytest

from dsrl_ref.pictures.groups import COLOURS, LONGEST, MARKERS, OTHER, groups_of, short


def told(groups):
    return [(group.name, group.members.tolist(), group.colour, group.marker) for group in groups]


def test_each_group_has_its_samples_a_colour_and_a_marker():
    groups = groups_of([2, 0, 2, 5], ["a", "b", "c", "d", "e", "f"])
    assert told(groups) == [
        ("a", [1], COLOURS[0], MARKERS[0]),
        ("c", [0, 2], COLOURS[1], MARKERS[1]),
        ("f", [3], COLOURS[2], MARKERS[2]),
    ]
    assert [group.name for group in groups_of([2, 0])] == ["0", "2"]


@pytest.mark.parametrize("count", [1, 10, 11, 20, 30])
def test_up_to_thirty_groups_have_a_pair_of_colour_and_marker_of_their_own(count):
    groups = groups_of(np.arange(count))
    assert [group.name for group in groups] == [str(code) for code in range(count)]
    assert len({(group.colour, group.marker) for group in groups}) == count
    assert OTHER not in {group.colour for group in groups}


def test_ten_groups_share_neither_colour_nor_marker():
    ten = groups_of(np.arange(10))
    assert len({group.colour for group in ten}) == len({group.marker for group in ten}) == 10


def test_of_more_than_thirty_groups_the_largest_are_shown_and_the_number_of_others_is_said():
    codes = np.repeat(np.arange(32), [1, *[3] * 5, 2, *[3] * 24, 1])
    groups = groups_of(codes)
    assert [group.name for group in groups[:-1]] == [str(code) for code in range(32) if code not in (0, 6, 31)]
    assert groups[-1].name == "3 others"
    assert groups[-1].members.tolist() == np.flatnonzero(np.isin(codes, [0, 6, 31])).tolist()
    assert groups[-1].colour == OTHER
    assert sorted(np.concatenate([group.members for group in groups])) == list(range(len(codes)))


def test_samples_without_a_group_come_first_and_are_called_so():
    assert told(groups_of([-1, 0, -1], nobody="nowhere"))[0] == ("nowhere", [0, 2], OTHER, "x")
    assert [group.name for group in groups_of([-1, -1])] == ["no class"]


def test_a_code_without_a_name_is_refused():
    with pytest.raises(ValueError, match="codes go up to 2, but there are 2 names"):
        groups_of([0, 2], ["a", "b"])


def test_of_long_names_the_middle_is_left_out():
    assert short("x" * LONGEST) == "x" * LONGEST
    assert short("a" * LONGEST + "b" * LONGEST) == "a" * (LONGEST // 2) + "…" + "b" * (LONGEST // 2 - 1)
    assert [short(f"a long name of class {i}", 11) for i in (1, 2)] == ["a lon…ass 1", "a lon…ass 2"]
    assert short(7) == "7"


def test_a_dollar_in_a_name_begins_no_formula():
    assert short("a$b$c_{") == r"a\$b\$c_{"


def seen_by(colour, kind):
    """Linear RGB as a dichromat sees it (Viénot, Brettel and Mollon 1999)."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    seen = {
        "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
        "everyone": np.eye(3),
    }[kind]
    return np.linalg.inv(lms) @ seen @ lms @ linear


def lab(linear):
    """CIE L*a*b* of linear RGB, in which distances are what is seen."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1.0, 1.089], 1e-3))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("kind", "least"), [("everyone", 15), ("protanopia", 6), ("deuteranopia", 6)])
def test_colours_differ_for_every_reader(kind, least):
    """A difference of 2.3 is just noticeable; markers differ too."""
    seen = [lab(seen_by(colour, kind)) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > least
