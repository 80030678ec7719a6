"""Tables of text: separators, headings, missing cells."""

import numpy as np
import pytest

from dsrl_ref.multiview.reading.labels import Lines
from dsrl_ref.multiview.reading.tables import Table
from dsrl_ref.multiview.reading.texts import read_lines, read_text


@pytest.fixture
def read(tmp_path):
    def reads(text, how=read_text):
        (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return how(tmp_path / "a.csv")

    return reads


def shown(table):
    return {column.name: column.values.tolist() for column in table.columns}


@pytest.mark.parametrize(
    "text", ["1,2\n3,4\n", "1;2\n3;4\n", "1\t2\n3\t4\n", "1|2\n3|4", "1 2\n 3   4\n", "1, 2\n3, 4"]
)
def test_the_separator_is_the_one_that_cuts_lines_alike(read, text):
    assert shown(read(text)) == {"1": [1, 3], "2": [2, 4]}
    assert not read(text).has_header


def test_between_blanks_too_a_word_says_that_a_sample_is_missing(read):
    for word in ("NA", "nan", "NaN", "null"):
        table = read(f"1.5 2\n{word} {word}\n3 4\n")
        assert np.array_equal([column.values for column in table.columns], [[1.5, np.nan, 3], [2, np.nan, 4]], True)
    assert len(read("1.5 2\nno na\n3 4\n").columns) == 1


def test_quotes_keep_a_separator_and_points_may_be_commas(read):
    assert shown(read('"a, b",c\n"1",2\n')) == {"a, b": [1], "c": [2]}
    table = read("1,5;-2,25\n3;4,5\n")
    assert shown(table) == {"1": [1.5, 3], "2": [-2.25, 4.5]}
    assert table.noted == ("commas in a.csv are decimal points",)
    assert shown(read("a;b\n1,5;2\n")) == {"a": [1.5], "b": [2]}
    assert shown(read("a,b;c\n1,5;2\n")) == {"a,b": [1.5], "c": [2]}
    assert shown(read("1.5;2\n3;4\n")) == {"1": [1.5, 3], "2": [2, 4]}
    assert read("1.5;2\n3;4\n").noted == ()


def test_a_separator_that_cuts_unevenly_comes_last(read):
    assert list(shown(read("1|a,b\nc,d\n"))) == ["1|a", "b"]


def test_the_separator_of_a_long_table_is_told_from_its_ends(read):
    text = "".join(f"{i};{i}\n" for i in range(400))
    assert len(read(text).columns) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("h,w\n1,2\n", ["h", "w"]),
        (",0,1\n5,1,2\n", ["", "0", "1"]),
        ("id,0,1\n5,1,2\n", ["id", "0", "1"]),
        ("cell,0,1\ns1,1.5,2\n", ["cell", "0", "1"]),
        ("0,1\n0.5,1\n", ["0", "1"]),
        ("0,1,2,3\n5,6,7,8\n", ["0", "1", "2", "3"]),
    ],
)
def test_a_heading_is_a_line_of_names_or_of_numbers_as_pandas_has_them(read, text, names):
    table = read(text)
    assert [column.name for column in table.columns] == names
    assert table.has_header
    assert table.lines == (2,)
    assert bool(table.noted) == ("0" in names)


@pytest.mark.parametrize(
    "text", ["0,1\n5,6\n", "0,1,2\n-5,6,7\n", "0,0,1\n0.5,1,2\n", "1,2,3,4\n1,1,1,1\n", "0\n1.5\n", ",\n1,2\n"]
)
def test_a_line_of_numbers_is_a_sample_else(read, text):
    table = read(text)
    assert not table.has_header
    assert len(table.lines) == 2


def test_a_first_line_of_texts_that_come_again_is_a_sample(read):
    assert not read("cat,dog\ncat,ox\n").has_header
    assert read("who,what\ncat,ox\n").has_header


def test_missing_cells_are_nan_and_none(read):
    assert np.array_equal(read("1,NA\n,4\n").columns[0].values, [1, np.nan], equal_nan=True)
    assert read("1,x\n2,\n3,1_0\n").columns[1].values.tolist() == ["x", None, "1_0"]
    assert read("1,1_0\n2,3\n").columns[1].values.tolist() == ["1_0", "3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", "line 2 has 1 cells, the first has 2"),
        ("1,2\n\n\n3\n", "line 4 has 1 cells, the first has 2"),
        ("", "has no samples"),
        ("h,w\n", "has no samples"),
        ("h,w\n1,2\n\n3,4\n", "line 3 is empty, between others; delete it, or write NA in each of its 2 cells where"),
        ("h\n1\n\n3\n", "line 3 is empty, between others; delete it, or write NA where a sample is missing"),
        (b"1,\xe9\n", "is not UTF-8"),
    ],
)
def test_what_is_no_table_is_named_by_line(read, text, message):
    with pytest.raises(ValueError, match=rf"a\.csv:? {message}"):
        read(text)


def test_lines_without_samples_around_a_table_do_not_count(read):
    table = read(b"\xef\xbb\xbf\r\nh,w\r\n\r\n1,2\r\n3,4\r\n\r\n")
    assert shown(table) == {"h": [1, 3], "w": [2, 4]}
    assert table.lines == (4, 5)


def test_labels_of_one_column_are_lines_and_of_more_a_table(read):
    assert read("class\n1\n2\n", read_lines) == Lines(["class", "1", "2"], [1, 2, 3])
    assert read("New York\nParis\n", read_lines) == Lines(["New York", "Paris"], [1, 2])
    assert isinstance(read("id,class\na,1\n", read_lines), Table)
    with pytest.raises(ValueError, match="line 2 is empty, between others"):
        read("1\n\n2\n", read_lines)


@pytest.mark.parametrize("separator", [" ", "\t", ",", ";"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_r_leaves_out_the_cell_above_its_names_of_rows(read, separator, quote):
    lines = [["p", "q"], ["s 1" if quote else "s1", "1.5", "2"], ["s2", "NA", "-4"]]
    quoted = [
        [cell if place and row[0][0] == "s" else f"{quote}{cell}{quote}" for place, cell in enumerate(row)]
        for row in lines
    ]
    table = read("\n".join(separator.join(row) for row in quoted))
    assert table.has_header
    assert [column.name for column in table.columns] == ["", "p", "q"]
    assert table.columns[0].values.tolist() == [lines[1][0], "s2"]
    assert np.array_equal([column.values for column in table.columns[1:]], [[1.5, np.nan], [2, -4]], equal_nan=True)


def test_words_between_blanks_are_one_name_of_a_class(read):
    for text in ("class\ntype 1\ntype 2\n", "type one\ntype two\n", '"a b"\n"c"\n', "kind\nred fox 3\nfox\n"):
        lines = read(text, read_lines)
        assert isinstance(lines, Lines)
        assert lines.cells == [line.strip('"') for line in text.splitlines()]


@pytest.mark.parametrize("mark", "#%")
def test_comments_above_are_left_out_and_may_be_the_heading(read, mark):
    table = read(f"{mark} by hand\n{mark}twice\n1.5,2\n3,4\n")
    assert (shown(table), table.has_header, table.lines) == ({"1": [1.5, 3], "2": [2, 4]}, False, (3, 4))
    assert table.noted == ("2 lines of comment above a.csv",)
    table = read(f"{mark} made\n{mark}p,q\n1.5,2\n3,4\n")
    assert (shown(table), table.lines, table.noted) == ({"p": [1.5, 3], "q": [2, 4]}, (3, 4), ())
    assert shown(read(f"{mark} p q\n1.5 2\n3 4\n")) == {"p": [1.5, 3], "q": [2, 4]}  # as numpy.savetxt writes it
    assert read(f"{mark} 1,2\n1.5,2\n3,4\n").noted == ("1 line of comment above a.csv",)
    assert read(f"{mark}a\n{mark}b\nc\n{mark}a\n", read_lines).cells == [f"{mark}a", f"{mark}b", "c", f"{mark}a"]
    assert read(f"{mark}a\n{mark}a\n", read_lines).cells == [f"{mark}a"] * 2


@pytest.mark.parametrize("coding", ["utf-16", "utf-8-sig", "utf-8"])
def test_the_mark_at_the_beginning_tells_the_coding(read, coding):
    assert shown(read("größe,q\n1.5,2\n".encode(coding))) == {"größe": [1.5], "q": [2]}


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_points_may_be_commas_where_commas_do_not_separate(read, separator):
    table = read("\n".join(separator.join(row) for row in (["p", "q"], ["-1,5", "0,125"], ["2", "3,5"])))
    assert shown(table) == {"p": [-1.5, 2], "q": [0.125, 3.5]}
    assert table.noted == ("commas in a.csv are decimal points",)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_commas_that_may_stand_after_thousands_are_asked_about(read, separator):
    for told in ("0,125", "1,5", "1234,567"):  # each says that commas are points
        assert shown(read(f"2{separator}3\n1,234{separator}{told}\n"))["1"] == [2, 1.234]
    with pytest.raises(ValueError, match=r"a\.csv: 1,234 may be 1234 or 1\.234, and no number of the file tells which"):
        read(f"5{separator}6\n1,234{separator}5\n-12,345{separator}6\n")


@pytest.mark.parametrize("first", ["2001,2002,2003,2004", "id,1.5,2.5"])
def test_numbers_above_are_told_of(read, first):
    rows = np.random.default_rng(2).normal(size=(3, first.count(",") + 1)).astype(str)
    rows[:, 0] = ["s1", "s2", "s3"] if first.startswith("id") else rows[:, 0]
    cells = first.removeprefix("id,")
    told = f"the numbers {cells},.. above a.csv are names of its columns"
    assert read("\n".join([first, *map(",".join, rows)])).noted == (told,)


def test_names_of_samples_that_float64_would_round_are_texts(read):
    cells = [str(2**60), str(2**60 + 1)]
    found = read(f"id,p\n{cells[0]},1\n{cells[1]},2\n").columns
    assert [column.values.tolist() for column in found] == [cells, [1, 2]]
    assert read(f"p,id\n{cells[0]},{2**53}\n{cells[1]},2\n").columns[0].is_numeric  # a feature
    assert read(f"p,id\n1,{2**53}\n2,3\n").columns[1].is_numeric
