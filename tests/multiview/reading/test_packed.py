"""Tables that gzip has packed."""

import gzip

import numpy as np
import pytest
from scipy.io import mmwrite
from scipy.sparse import csr_array

from dsrl_ref.multiview.reading import options_of, read
from dsrl_ref.multiview.reading.packed import opened, unpacked

A, B, Y = np.arange(12.0).reshape(4, 3) + 0.5, np.eye(4, 2), [1, 2, 1, 2]


def text(table):
    return "\n".join(",".join(map(str, row)) for row in table).encode()


def test_packed_tables_are_read_as_what_is_in_them(tmp_path):
    (tmp_path / "v1.csv.gz").write_bytes(gzip.compress(text(A)))
    mmwrite(tmp_path / "v2.mtx", csr_array(B))
    (tmp_path / "v2.mtx.gz").write_bytes(gzip.compress((tmp_path / "v2.mtx").read_bytes()))
    (tmp_path / "v2.mtx").unlink()
    (tmp_path / "labels.txt.GZ").write_bytes(gzip.compress(b"\n".join(b"%d" % label for label in Y)))
    reading = read(tmp_path, options_of())
    assert np.array_equal(reading.views[0], A)
    assert np.array_equal(reading.views[1].toarray(), B)
    assert reading.labels.tolist() == Y
    assert reading.naming.views == ("v1", "v2")
    alone = read(tmp_path / "v1.csv.gz", options_of())
    assert np.array_equal(alone.views[0], A)


def test_damage_is_told_and_a_missing_file_is_an_error_of_the_system(tmp_path):
    packed = gzip.compress(text(A))
    for damaged in (b"nothing", packed[:-6], packed[:12] + b"\x00\xff\x00" + packed[15:]):
        (tmp_path / "v.csv.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"v\.csv\.gz is not a readable \.gz file"):
            opened(tmp_path / "v.csv.gz")
    with pytest.raises(OSError, match="No such file"):
        opened(tmp_path / "none.csv.gz")
    assert unpacked(tmp_path / "a.csv") == tmp_path / "a.csv"


@pytest.mark.parametrize("name", ["set.zip", "set.npz.gz", "set.tar", "set.xz"])
def test_archives_are_to_be_unpacked_first(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"nor a file ending in .*; unpack it first, into a folder$"):
        read(tmp_path / name, options_of())


def test_a_folder_of_labels_alone_beside_what_is_not_read_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("1\n2\n")
    (tmp_path / "README.md").write_text("about")
    assert read(tmp_path, options_of()).views == []
    (tmp_path / "v1.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"has labels but no views: v1\.zip is not read; .* are\. --views none"):
        read(tmp_path, options_of())
    assert read(tmp_path, options_of(views="none")).labels.tolist() == [1, 2]
