"""Files: equal to the last bit, whole after any accident, refused when damaged, and never executed."""

import io
import json
import os
import pickle
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from dsrl_ref import Fidelity, Objective, fit, load, save
from dsrl_ref import persistence as files
from dsrl_ref.errors import ModelFileError

TARGET = np.array([[0.5, 0.0], [-1.0, 0.25]])


@pytest.fixture(scope="module")
def learned():
    return fit(Objective(Fidelity([[1.0, 0.25], [-2.0, 0.5]]), TARGET, layers=2), epochs=8)


@pytest.fixture
def path(tmp_path, learned):
    save(tmp_path / "model", learned)
    return tmp_path / "model"


def same(one, other):
    numbers = lambda r: np.float64([*r.theta, r.L, r.loss, r.raw[1], *r.raw[0]]).tobytes()  # noqa: E731
    return (
        numbers(one) == numbers(other)
        and (one.converged, one.message) == (other.converged, other.message)
        and all(one.history[name].tobytes() == other.history[name].tobytes() for name in ("loss", "theta", "L"))
    )


def test_what_is_loaded_is_what_was_saved(path, learned):
    assert same(load(path), learned)
    assert same(load(str(path)), learned)
    assert [*path.parent.iterdir()] == [path]


def test_a_loss_that_is_no_number_is_kept(tmp_path, learned):
    save(tmp_path / "nan", type(learned)(**{**vars(learned), "loss": np.nan}))
    assert np.isnan(load(tmp_path / "nan").loss)


def test_numpy_reads_it_too(path, learned):
    with np.load(path) as archive:
        assert json.loads(archive["header"].tobytes())["theta"] == list(learned.theta)


def test_saving_replaces(path, learned):
    save(path, type(learned)(**{**vars(learned), "message": "another"}))
    assert load(path).message == "another"


def test_only_results_are_saved(tmp_path):
    with pytest.raises(TypeError, match="result must be what fit returned, got dict"):
        save(tmp_path / "model", {})
    assert not [*tmp_path.iterdir()]


def test_every_bit_flip_is_found(path):
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ModelFileError, match=r"damaged|no file that dsrl_ref saved"):
            load(path)


def test_an_archive_of_others_is_not_called_damaged_alone(tmp_path):
    np.savez(tmp_path / "problem.npz", W=np.eye(3))
    with pytest.raises(ModelFileError, match="is damaged, or not a file that dsrl_ref saved"):
        load(tmp_path / "problem.npz")


def test_every_truncation_is_found(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=r"damaged|no file that dsrl_ref saved"):
            load(path)


def sealed(members):
    """A file with a checksum that is right: what a forger would write."""
    import hashlib

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    body = stream.getvalue()[:-2] + (64).to_bytes(2, "little")
    return body + hashlib.sha256(body).hexdigest().encode()


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def header(**changes):
    text = json.dumps({"format": "dsrl_ref", "version": 1, "kind": "FitResult", **changes})
    return npy(np.frombuffer(text.encode(), np.uint8))


class Bomb:
    def __reduce__(self):
        return os._exit, (3,)


FORGED = {
    "pickle": ({"header.npy": npy(np.array([Bomb()]), allow_pickle=True)}, "no file that dsrl_ref saved"),
    "bare pickle": ({"header": pickle.dumps(Bomb())}, "no file that dsrl_ref saved"),
    "newer version": ({"header.npy": header(version=2)}, r"has version 2, this dsrl_ref reads up to 1: upgrade"),
    "no version": ({"header.npy": header(version="x")}, "its version is 'x'"),
    "foreign": ({"header.npy": header(format="other")}, "its version is None"),
    "no header": ({"theta.npy": npy(np.zeros(4))}, "no file that dsrl_ref saved: 'header"),
    "no JSON": ({"header.npy": npy(np.frombuffer(b"{", np.uint8))}, "no file that dsrl_ref saved"),
    "a list": ({"header.npy": npy(np.frombuffer(b"[]", np.uint8))}, "no file that dsrl_ref saved"),
    "too few keys": ({"header.npy": header()}, "holds no result of fit: 'theta'"),
    "another kind": ({"header.npy": header(kind="Pudding")}, "holds no result of fit: it holds a Pudding"),
    "bad theta": ({"header.npy": header(theta=[1, 2, 3], L=1, loss=1)}, "holds no result of fit"),
}


@pytest.mark.parametrize(("members", "message"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_file_is_refused_and_nothing_is_run(members, message, tmp_path):
    (tmp_path / "model").write_bytes(sealed(members))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "model")


def test_a_header_that_promises_a_terabyte_is_refused_before_memory_is_asked_for(tmp_path):
    array = npy(np.zeros(3))
    lying = array.replace(b"(3,), }" + 12 * b" ", b"(1000000000000,), }")
    assert lying != array
    assert len(lying) == len(array)
    (tmp_path / "model").write_bytes(sealed({"header.npy": header(), "raw_theta.npy": lying}))
    with pytest.raises(ModelFileError, match=r"raw_theta.npy declares \(1000000000000,\) entries of float64"):
        load(tmp_path / "model")


def test_other_files_are_refused_and_missing_ones_are_missing(tmp_path):
    for name, content in (("empty", b""), ("text", b"model" * 99), ("npz", npy(np.zeros(99)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match="no file that dsrl_ref saved"):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="directory"):
        load(tmp_path)


def test_an_unwritable_place_leaves_nothing(tmp_path, learned):
    (tmp_path / "file").write_text("old")
    with pytest.raises(NotADirectoryError, match="directory"):
        save(tmp_path / "file" / "model", learned)
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_a_full_disk_leaves_the_old_file(path, learned, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, type(learned)(**{**vars(learned), "message": "another"}))
    assert same(load(path), learned)
    assert [*path.parent.iterdir()] == [path]


def test_a_file_that_another_process_is_writing_is_left_alone(path, learned):
    fcntl = pytest.importorskip("fcntl", reason="no such locks on this system")
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process is writing this file"):
            save(path, learned)
    save(path, learned)
    assert [*path.parent.iterdir()] == [path]


def test_what_a_killed_writer_left_is_swept(path, learned):
    path.with_name(f".{path.name}.part").write_bytes(b"half a file" * 10_000)
    save(path, learned)
    assert same(load(path), learned)
    assert [*path.parent.iterdir()] == [path]


def test_a_lock_taken_on_a_renamed_file_is_taken_again(path, learned, monkeypatch):
    """The owner before renamed the temporary file after we opened it: writing there would spoil the real one."""
    whole, calls = files._lock, []

    def late(stream, target):
        calls.append(target)
        if len(calls) == 1:
            os.replace(path.with_name(f".{path.name}.part"), path)
        whole(stream, target)

    monkeypatch.setattr(files, "_lock", late)
    save(path, learned)
    assert len(calls) == 2
    assert same(load(path), learned)


SCRIPT = """
import sys
from dsrl_ref import load, save
result = load(sys.argv[1])
print("ready", flush=True)
while True:
    save(sys.argv[1], result)
"""


def test_kill_at_any_moment_leaves_a_whole_file(path, learned):
    rng = np.random.default_rng(0)
    for _ in range(50):
        with subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(0.03 * rng.random())
            child.kill()
        assert same(load(path), learned)
    assert len([*path.parent.iterdir()]) <= 2
