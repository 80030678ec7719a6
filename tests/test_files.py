"""Files that a caller names: arrays come out whole, damage is a ValueError, and asking changes nothing."""

import io

import numpy as np
import pytest

from dsrl_ref.files import read_npz, refuse_pointer, require_writable

SAVERS = {"plain": np.savez, "compressed": np.savez_compressed}


def archive(save=np.savez):
    stream = io.BytesIO()
    save(stream, W=np.arange(12.0).reshape(3, 4), name=np.array("digits"))
    return stream.getvalue()


def assert_whole_or_value_error(path, content):
    """Some bits mean nothing to the reader, such as those of a date; all others must be noticed."""
    path.write_bytes(content)
    try:
        read_npz(path)
    except ValueError as error:
        assert f"{path} is not a readable .npz file: " in str(error)  # noqa: PT017  # most content raises, not all
        return True
    return False


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_every_array_comes_out_under_its_name(save, tmp_path):
    (tmp_path / "a.npz").write_bytes(archive(save))
    arrays = read_npz(tmp_path / "a.npz")
    assert sorted(arrays) == ["W", "name"]
    assert np.array_equal(arrays["W"], np.arange(12.0).reshape(3, 4))
    assert str(arrays["name"]) == "digits"


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_a_flipped_bit_is_harmless_or_a_value_error(save, tmp_path, repeats):
    content, noticed = archive(save), 0
    bits = range(
        0, 8 * len(content), repeats(37, 1)
    )  # 37 and 8 have no common factor: every bit of a byte has its turn
    for bit in bits:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        noticed += assert_whole_or_value_error(tmp_path / "a.npz", flipped)
    assert noticed > len(bits) / 2


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_a_beginning_of_a_file_is_a_value_error(save, tmp_path, repeats):
    content = archive(save)
    for length in range(0, len(content), repeats(19, 1)):
        assert assert_whole_or_value_error(tmp_path / "a.npz", content[:length])


def changed(content, place, byte):
    return content[:place] + bytes([byte]) + content[place + 1 :]


COMPRESSED = archive(np.savez_compressed)
DATA = 30 + int.from_bytes(COMPRESSED[26:28], "little") + int.from_bytes(COMPRESSED[28:30], "little")
DIRECTORY, END = COMPRESSED.index(b"PK\x01\x02"), COMPRESSED.index(b"PK\x05\x06")
DAMAGED = {
    "no archive": (b"W = 1, 2, 3", "pickled"),
    "empty": (b"", "No data left in file"),
    "only its beginning": (archive()[:-3], "File is not a zip file"),
    "data that cannot be decompressed": (changed(COMPRESSED, DATA, 7), "Error -3 while decompressing data"),
    "a byte of data": (changed(COMPRESSED, DATA + 40, 0), "Bad CRC-32|Error -3"),
    "an unknown compression": (changed(COMPRESSED, DIRECTORY + 10, 99), "compression method is not supported"),
    "calls itself encrypted": (changed(COMPRESSED, DIRECTORY + 8, 1), "is encrypted"),
    "a directory before the beginning": (changed(COMPRESSED, END + 19, 127), "Invalid argument|Bad|negative"),
}


@pytest.mark.parametrize(("content", "why"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_archive_or_a_damaged_one_is_a_value_error_that_says_why(content, why, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a.npz is not a readable .npz file: .*({why})"):
        read_npz(tmp_path / "a.npz")


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(ValueError, match=r"a.npy is not a readable .npz file: "):
        read_npz(tmp_path / "a.npy")


class Bomb:
    def __reduce__(self):
        return exec, ("raise AssertionError('the pickle was run')",)


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    np.savez(tmp_path / "a.npz", W=np.array([Bomb()], dtype=object))
    with pytest.raises(
        ValueError, match=r"not a readable .npz file: W holds objects of Python, which are never loaded"
    ):
        read_npz(tmp_path / "a.npz")


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.npz"):
        read_npz(tmp_path / "nowhere.npz")
    with pytest.raises(IsADirectoryError, match="directory"):
        read_npz(tmp_path)


def test_asking_leaves_no_file_where_there_was_none(tmp_path):
    require_writable(tmp_path / "new")
    assert [*tmp_path.iterdir()] == []


def test_asking_leaves_a_file_as_it_was(tmp_path):
    (tmp_path / "old").write_text("content")
    require_writable(tmp_path / "old")
    assert (tmp_path / "old").read_text() == "content"


def test_what_cannot_be_written_is_told_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        require_writable(tmp_path / "no folder" / "new")
    with pytest.raises(IsADirectoryError, match="directory"):
        require_writable(tmp_path)


def test_an_array_of_objects_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", W=np.ones(3), names=np.array(["a", None], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz is not a readable \.npz file: names holds objects of Python, which"):
        read_npz(tmp_path / "a.npz")


def test_a_pointer_of_git_lfs_is_no_damaged_archive(tmp_path):
    (tmp_path / "a.npz").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ValueError, match=r"a\.npz is a pointer of Git LFS and not the data: git lfs pull fetches it"):
        read_npz(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_text("version https")
    refuse_pointer(tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_text() == "version https"
