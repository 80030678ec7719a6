"""What views, labels and indices are called."""

import pytest

from dsrl_ref.multiview.reading import names


@pytest.mark.parametrize("name", ["X", "x", "data", "fea", "X1", "x_12", "msr5", "View-3", "arr_0", "Features", "X.2"])
def test_usual_names_of_views_are_known_with_and_without_numbers(name):
    assert names.is_view(name)
    assert not names.is_label(name)
    assert not names.sounds_like_labels(name)


@pytest.mark.parametrize("name", ["Y", "y", "y0", "gt", "gnd", "truth", "truelabel", "label", "labels", "Ground_Truth"])
def test_usual_names_of_labels_are_known(name):
    assert names.is_label(name)
    assert names.sounds_like_labels(name)
    assert not names.is_view(name)


@pytest.mark.parametrize("name", ["trainLabel", "train_labels", "y_test", "gt_train", "digits-labels", "trueGT"])
def test_a_word_makes_a_name_one_of_labels(name):
    assert names.sounds_like_labels(name)
    assert not names.is_label(name)


@pytest.mark.parametrize("name", ["W", "lenSmp", "species", "gym", "categories_of", "Xlabelled", "yards", ""])
def test_other_names_are_neither(name):
    assert not names.sounds_like_labels(name)
    assert not names.is_view(name)


@pytest.mark.parametrize(
    ("name", "family", "number"),
    [("X12", "X", 12), ("msr_3", "msr", 3), ("X", "X", -1), ("x1y", "x1y", -1), ("7", "", 7)],
)
def test_a_number_at_the_end_makes_a_family(name, family, number):
    assert (names.family(name), names.number(name)) == (family, number)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", True), ("id", True), ("Sample_ID", True), ("Unnamed: 0", True), ("0", False), ("17", False), ("age", False)],
)
def test_an_index_has_no_name_or_a_usual_one(name, expected):
    assert names.is_index(name) == expected


@pytest.mark.parametrize("name", ["id", "ID", "patient_id", "PatientID", "sampleId", "cell barcode", "uuid", "ids"])
def test_an_identifier_tells_samples_apart_wherever_it_stands(name):
    assert names.is_identifier(name)
    assert names.is_index(name)
    assert names.names_samples(name)


@pytest.mark.parametrize(
    "name", ["", "1", "grid", "class_id", "clusterId", "target_id", "identity", "id_card", "index", "case"]
)
def test_a_word_within_a_word_and_the_number_of_a_class_are_no_identifiers(name):
    assert not names.is_identifier(name)


@pytest.mark.parametrize(
    ("name", "of_samples"),
    [("subject", True), ("Sample", True), ("", False), ("Unnamed: 0", False), ("index", False), ("gene", False)],
)
def test_some_names_of_an_index_say_that_it_is_one_of_samples(name, of_samples):
    assert names.names_samples(name) == of_samples


@pytest.mark.parametrize("name", ["sample1", "Patient 12", "id_3", "subject02", "index1"])
def test_a_number_makes_it_the_name_of_one_sample_and_none_of_a_column_of_names(name):
    assert not names.is_index(name)
    assert not names.names_samples(name)
