"""Files: equal to the last bit, whole after any accident, refused when damaged, and never executed."""

import base64
import errno
import hashlib
import io
import json
import math
import os
import pickle
import stat
import subprocess
import time
import zipfile
import zlib
from dataclasses import replace

import children
import numpy as np
import pytest

from dsrl_ref import Fidelity, Status, Theta, load, results, save, shrink
from dsrl_ref import persistence as files
from dsrl_ref.errors import ModelFileError
from dsrl_ref.results import FitResult


@pytest.fixture(scope="module")
def learned():
    """As `fit` returns them; every number is another, and none has a short binary form."""
    numbers = np.random.default_rng(0)
    history = {
        "loss": numbers.random(8),
        "theta": numbers.random((8, 4)),
        "L": numbers.random(8),
        "accepted": numbers.random(8) < 0.5,
    }
    theta, raw = Theta(1.1, 0.7, 0.3, 0.9), (np.array([1.2, 1.7, -0.1, 0.8]), 1.3)
    told = {"layers": 16, "status": Status.COMPLETED, "kind": "LeastSquares"}
    return FitResult(theta, 1.4, 1 / 3, True, "completed 8 epochs; ξ", history, raw, **told)


@pytest.fixture
def path(tmp_path, learned):
    save(tmp_path / "model", learned)
    return tmp_path / "model"


def but(result, **changes):
    return FitResult(**{**vars(result), **changes})


def same(one, other):
    numbers = lambda r: np.float64([*r.theta, r.L, r.loss, r.raw[1], *r.raw[0]]).tobytes()  # noqa: E731
    return (
        numbers(one) == numbers(other)
        and (one.converged, one.message) == (other.converged, other.message)
        and (one.layers, one.status, one.kind) == (other.layers, other.status, other.kind)
        and list(one.history) == list(other.history)
        and all(one.history[name].tobytes() == other.history[name].tobytes() for name in one.history)
    )


def test_what_is_loaded_is_what_was_saved(path, learned):
    assert same(load(path), learned)
    assert same(load(str(path)), learned)
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("held_out", [None, 1 / 3, math.inf])
def test_one_theta_and_one_L_a_layer_come_back(learned, tmp_path, held_out):
    numbers = np.random.default_rng(1)
    history = {"loss": numbers.random(2), "theta": numbers.random((2, 3, 4)), "L": numbers.random((2, 3))}
    history |= {"accepted": np.ones(2, dtype=bool), "validation": numbers.random(2)}
    theta, raw = np.array([[1.1, 0.7, 0.3, 0.9]] * 3), (numbers.random((3, 4)), numbers.random(3))
    layered = but(learned, theta=theta, L=numbers.random(3), history=history, raw=raw, layers=3, validation=held_out)
    save(tmp_path / "layers", layered)
    found = load(tmp_path / "layers")
    for one, other in ((found.theta, theta), (found.L, layered.L), (found.raw[0], raw[0]), (found.raw[1], raw[1])):
        assert (one.tobytes(), one.shape, one.dtype) == (other.tobytes(), other.shape, other.dtype)
    assert {name: value.tobytes() for name, value in found.history.items()} == {
        name: value.tobytes() for name, value in history.items()
    }
    assert (found.validation, found.layers, found.per_layer) == (held_out, 3, True)


@pytest.mark.parametrize(
    ("theta", "message"), [([[1, 1, 1, 2]], "it holds 1 Θ and 2 L"), ([[1, 1, 1, 2], [1, 1, 2, 1]], "b2 must be")]
)
def test_layers_that_are_none_are_refused(path, theta, message):
    header, arrays = files.read(path)
    files.write(path, {**header, "theta": theta, "L": [1.0, 2.0]}, arrays)
    with pytest.raises(ModelFileError, match=f"holds no result of fit: {message}"):
        load(path)


def test_a_file_of_version_2_is_read_as_it_was(path, learned):
    header, arrays = files.read(path)
    del header["validation"]
    files.write(path, {**header, "version": 2}, arrays)
    assert same(load(path), learned)
    assert load(path).validation is None


def test_a_loss_that_is_no_number_is_kept(tmp_path, learned):
    save(tmp_path / "nan", but(learned, loss=np.nan))
    assert np.isnan(load(tmp_path / "nan").loss)


def test_numpy_reads_it_too(path, learned):
    with np.load(path) as archive:
        assert json.loads(archive["header"].tobytes())["theta"] == list(learned.theta)


def test_saving_replaces(path, learned):
    save(path, but(learned, message="another"))
    assert load(path).message == "another"


def test_only_results_are_saved(tmp_path):
    with pytest.raises(TypeError, match=r"result must be one of what can be saved \(result of fit.*\), got dict"):
        save(tmp_path / "model", {})
    assert not [*tmp_path.iterdir()]


def test_a_class_made_of_a_result_is_none(tmp_path, learned):
    """What it adds would be lost, and what is loaded would be of another class."""
    own = type("FitResult", (FitResult,), {})(**vars(learned))
    with pytest.raises(TypeError, match="result must be one of what can be saved"):
        save(tmp_path / "model", own)


def test_kinds_register_themselves(tmp_path, monkeypatch):
    """Any class is saved that says how; persistence knows none by itself."""
    monkeypatch.setattr(files, "_KINDS", {})
    monkeypatch.setattr(files, "HOMES", ())
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(TypeError, match=r"what can be saved \(\), got complex"):
        save(tmp_path / "model", 1 + 2j)
    to_file = lambda z: ({"real": z.real}, {"imag": np.array(z.imag)})  # noqa: E731
    files.register(files.Kind(complex, "complex number", to_file, lambda h, a: h["real"] + 1j * float(a["imag"])))
    save(tmp_path / "model", 1 + 2j)
    assert load(tmp_path / "model") == 1 + 2j
    files.write(tmp_path / "model", {"kind": "complex"}, {})
    with pytest.raises(ModelFileError, match="model holds no complex number: 'real'"):
        load(tmp_path / "model")


def test_a_kind_is_looked_for_where_kinds_live_and_no_further(path, learned, monkeypatch):
    monkeypatch.setattr(files, "_KINDS", {})
    imported = []
    known = lambda home: imported.append(home) or files.register(results.KIND)  # noqa: E731
    monkeypatch.setattr(files, "import_module", known)
    monkeypatch.setattr(files, "HOMES", ("first", "second"))
    assert same(load(path), learned)
    assert same(load(path), learned)
    assert imported == ["first"]


def regions(content):
    """(start, end) of all that a file is made of, in order: of each array a zip header, a .npy header and data."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members, directory = archive.infolist(), archive.start_dir
        for member, following in zip(members, [*members[1:], None], strict=True):
            end = directory if following is None else following.header_offset
            start = content.index(b"\x93NUMPY", member.header_offset)
            data = start + 10 + int.from_bytes(content[start + 8 : start + 10], "little")
            yield from ((member.header_offset, start), (start, data), (data, end))
    record = content.rindex(b"PK\x05\x06")
    digest = len(content) - 64
    yield from ((directory, record), (record, digest), (digest, len(content)))


def test_the_regions_are_the_whole_file(path):
    content = path.read_bytes()
    starts, ends = zip(*regions(content), strict=True)
    assert (starts[0], *ends) == (*starts, len(content))
    assert len(starts) == 3 * 6 + 3


def assert_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"damaged|no file that dsrl_ref saved"):
        load(path)


def test_a_flipped_bit_is_found_wherever_it_is(path, repeats):
    """By default one bit of the first, the last and a middle byte of every region; with --nightly every bit."""
    content = path.read_bytes()
    places = {place for start, end in regions(content) for place in (start, (start + end) // 2, end - 1)}
    few = {8 * place + place % 8 for place in places}
    for bit in repeats(sorted(few), range(8 * len(content))):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        assert_refused(path, flipped)
    assert len(few) >= 3 * 21 - 2


def test_a_truncation_is_found_wherever_it_is(path, repeats):
    """By default at, before and behind the borders of every region; with --nightly at every byte."""
    content = path.read_bytes()
    borders = {border for start, _ in regions(content) for border in (start - 1, start, start + 1) if border >= 0}
    for length in repeats(sorted({*borders, len(content) - 1}), range(len(content))):
        assert_refused(path, content[:length])
    assert load_of(path, content)


def load_of(path, content):
    path.write_bytes(content)
    return load(path)


def test_a_byte_more_is_found(path):
    content = path.read_bytes()
    assert_refused(path, content + b"0")
    assert_refused(path, b"0" + content)


def test_an_archive_of_others_is_not_called_damaged_alone(tmp_path):
    np.savez(tmp_path / "problem.npz", W=np.eye(3))
    with pytest.raises(ModelFileError, match="is damaged, or not a file that dsrl_ref saved"):
        load(tmp_path / "problem.npz")


def sealed(members, compression=zipfile.ZIP_STORED):
    """A file with a checksum that is right: what a forger would write."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content, compress_type=compression)
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
        return exec, ("raise AssertionError('the pickle was run')",)


def pickle_of_the_size_it_declares():
    content = pickle.dumps(Bomb())
    content += b"." * (-len(content) % 8)  # what follows the end of a pickle is not read
    stream = io.BytesIO()
    declared = {"descr": "|O", "fortran_order": False, "shape": (len(content) // 8,)}
    np.lib.format.write_array_header_1_0(stream, declared)
    return stream.getvalue() + content


FORGED = {
    "honest pickle": ({"header.npy": pickle_of_the_size_it_declares()}, "saved: Object arrays cannot be loaded"),
    "pickle": ({"header.npy": npy(np.array([Bomb()]), allow_pickle=True)}, "no file that dsrl_ref saved"),
    "bare pickle": ({"header": pickle.dumps(Bomb())}, "no file that dsrl_ref saved"),
    "newer version": ({"header.npy": header(version=5)}, r"has version 5, this dsrl_ref reads up to 4: upgrade"),
    "version 0": ({"header.npy": header(version=0)}, "its version is 0"),
    "a version between": ({"header.npy": header(version=1.5)}, r"its version is 1\.5"),
    "no version": ({"header.npy": header(version="x")}, "its version is 'x'"),
    "foreign": ({"header.npy": header(format="other")}, "its version is None"),
    "no header": ({"theta.npy": npy(np.zeros(4))}, "no file that dsrl_ref saved: 'header"),
    "no JSON": ({"header.npy": npy(np.frombuffer(b"{", np.uint8))}, "no file that dsrl_ref saved"),
    "a list": ({"header.npy": npy(np.frombuffer(b"[]", np.uint8))}, "no file that dsrl_ref saved"),
    "too few keys": ({"header.npy": header()}, "holds no result of fit: 'theta'"),
    "another kind": ({"header.npy": header(kind="Pudding")}, "holds no model: it holds a Pudding"),
    "a kind that is no name": (
        {"header.npy": header(kind=["FitResult"])},
        r"holds no model: it holds a \['FitResult'\]",
    ),
    "bad theta": ({"header.npy": header(theta=[1, 2, 3], L=1, loss=1)}, "holds no result of fit"),
}


@pytest.mark.parametrize(("members", "message"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_file_is_refused_and_nothing_is_run(members, message, tmp_path):
    (tmp_path / "model").write_bytes(sealed(members))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "model")


def test_a_forged_file_that_is_compressed_is_refused_before_it_is_unpacked(tmp_path):
    (tmp_path / "model").write_bytes(sealed({"header.npy": header()}, zipfile.ZIP_DEFLATED))
    with pytest.raises(ModelFileError, match=r"no file that dsrl_ref saved: header.npy is compressed"):
        load(tmp_path / "model")


def test_an_array_of_another_npy_version_is_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros(3), version=(2, 0))
    (tmp_path / "model").write_bytes(sealed({"header.npy": header(), "raw_theta.npy": stream.getvalue()}))
    with pytest.raises(ModelFileError, match=r"raw_theta.npy is of another .npy version"):
        load(tmp_path / "model")


def test_a_header_that_promises_a_terabyte_is_refused_before_memory_is_asked_for(tmp_path):
    array = npy(np.zeros(3))
    lying = array.replace(b"(3,), }" + 12 * b" ", b"(1000000000000,), }")
    assert lying != array
    assert len(lying) == len(array)
    (tmp_path / "model").write_bytes(sealed({"header.npy": header(), "raw_theta.npy": lying}))
    with pytest.raises(ModelFileError, match=r"raw_theta.npy declares \(1000000000000,\) entries of float64"):
        load(tmp_path / "model")


def test_other_files_are_refused_and_missing_ones_are_missing(tmp_path, path):
    for name, content in (("empty", b""), ("text", b"model" * 99), ("npz", npy(np.zeros(99)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match="no file that dsrl_ref saved"):
            load(tmp_path / name)
    path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(ModelFileError, match=r"no file that dsrl_ref saved, or only its beginning \(70 bytes\)"):
        load(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="directory"):
        load(tmp_path)


def test_an_unwritable_place_leaves_nothing(tmp_path, learned):
    (tmp_path / "file").write_text("old")
    with pytest.raises(NotADirectoryError, match="directory"):
        save(tmp_path / "file" / "model", learned)
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


@pytest.mark.parametrize("accident", [OSError(28, "No space left on device"), KeyboardInterrupt("Ctrl-C")])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_accident_while_writing_leaves_the_old_file_alone(step, accident, path, learned, monkeypatch):
    def fail(*_):
        raise accident

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(accident), match=r"No space left|Ctrl-C"):
        save(path, but(learned, message="another"))
    assert same(load(path), learned)
    assert [*path.parent.iterdir()] == [path]


def test_content_is_on_disk_before_its_name_and_the_name_before_it_returns(path, learned, monkeypatch):
    """Without either of the two an acknowledged file could be gone, or empty, after the power failed."""
    size, steps = path.stat().st_size, []
    sync, replace = os.fsync, os.replace

    def spy_sync(handle):
        status = os.fstat(handle)
        folder = stat.S_ISDIR(status.st_mode)
        assert not folder or os.path.samestat(status, path.parent.stat())
        steps.append("folder" if folder else status.st_size)
        sync(handle)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "replace", lambda *names: (steps.append("name"), replace(*names)))
    save(path, learned)
    assert steps == [size, "name", "folder"]


def test_a_system_that_opens_no_folders_is_served_too(path, learned, monkeypatch):
    whole = os.open

    def without_folders(name, *arguments):
        if os.path.isdir(name):
            raise PermissionError(13, "Permission denied")
        return whole(name, *arguments)

    monkeypatch.setattr(os, "open", without_folders)
    save(path, but(learned, message="another"))
    assert load(path).message == "another"


def test_no_descriptor_stays_open(path, learned, monkeypatch):
    opened, whole = [], os.open
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(whole(*arguments)) or opened[-1])
    save(path, learned)
    assert len(opened) == 2  # the temporary file and the folder
    for handle in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)


def test_others_may_read_what_the_mask_allows(tmp_path, learned):
    before = os.umask(0o027)
    try:
        save(tmp_path / "model", learned)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o640


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_an_infinite_number_is_refused_rather_than_changed(number, path, learned):
    for changes in ({"loss": number}, {"raw": (learned.raw[0], number)}):
        with pytest.raises(ValueError, match="JSON"):
            save(path, but(learned, **changes))
    assert same(load(path), learned)


def test_a_file_that_another_process_is_writing_is_left_alone(path, learned):
    fcntl = pytest.importorskip("fcntl", reason="no such locks on this system")
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as stream:
        for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            fcntl.flock(stream, kind)
            with pytest.raises(BlockingIOError, match=r"another process is writing this file: .*model'"):
                save(path, learned)
    assert same(load(path), learned)
    save(path, learned)
    assert [*path.parent.iterdir()] == [path]


def test_what_a_killed_writer_left_is_swept(path, learned):
    path.with_name(f".{path.name}.part").write_bytes(b"half a file" * 10_000)
    save(path, learned)
    assert same(load(path), learned)
    assert [*path.parent.iterdir()] == [path]


def test_objects_of_python_are_never_written(path):
    whole = path.read_bytes()
    with pytest.raises(TypeError, match="what holds objects of Python"):
        files.write(path, {"kind": "FitResult"}, {"what": np.array([{}])})
    assert path.read_bytes() == whole


@pytest.mark.parametrize("reason", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_written_all_the_same(reason, path, learned, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="no such locks on this system")

    def refuse(*_):
        raise OSError(getattr(errno, reason), "this file system has no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    save(path, replace(learned, message="another"))
    assert load(path).message == "another"
    assert [*path.parent.iterdir()] == [path]


def test_any_other_failure_of_a_lock_is_told(path, learned, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="no such locks on this system")

    def refuse(*_):
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="the disk is broken"):
        save(path, learned)


@pytest.mark.parametrize("another_begins", [False, True])
def test_a_lock_taken_on_a_renamed_file_is_taken_again(another_begins, path, learned, monkeypatch):
    """The owner before renamed the temporary file after we opened it: writing there would spoil the real one."""
    whole, calls, temporary = files._lock, [], path.with_name(f".{path.name}.part")

    def late(stream, target):
        calls.append(target)
        if len(calls) == 1:
            os.replace(temporary, path)
            if another_begins:
                temporary.touch()
        whole(stream, target)

    monkeypatch.setattr(files, "_lock", late)
    save(path, learned)
    assert len(calls) == 2
    assert same(load(path), learned)


EACH_STEP = """
import os, signal, sys
from dataclasses import replace
from dsrl_ref import load, persistence, save

folder, old = sys.argv[1], load(sys.argv[2])
new = replace(old, message="new" * 100)

def killed_at(step):
    # Save in a child that kills itself before the step-th line that persistence.py runs.
    path = os.path.join(folder, str(step))
    save(path, old)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename != persistence.__file__:
            return None
        if event == "line":
            lines += 1
            if lines == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    save(path, new)
    os._exit(0)

step = 1
while killed_at(step):
    step += 1
print(step)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_kill_at_any_step_of_writing_leaves_the_old_file_or_the_new_one(path, learned):
    folder = path.parent / "steps"
    folder.mkdir()
    steps = int(children.output("-c", EACH_STEP, folder, path))
    found = [load(folder / str(step)) for step in range(1, steps + 1)]
    new = [result.message == "new" * 100 for result in found]
    assert all(same(result, but(learned, message=result.message)) for result in found)
    assert new == sorted(new)  # old up to some step, new from it on
    assert steps > 30
    assert new.count(False) > 20
    assert new.count(True) > 3
    for step in range(1, steps + 1):
        save(folder / str(step), learned)
    assert len([*folder.iterdir()]) == steps  # what the killed had begun is swept


FULL = """
import resource, signal, sys
from dataclasses import replace
from dsrl_ref import load, save
result = load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
save(sys.argv[1], replace(result, message="new"))
"""


def test_a_kill_amid_a_write_leaves_the_old_file(path, learned):
    """The system kills the child when its file has 700 bytes."""
    pytest.importorskip("resource", reason="no such limits on this system")
    done = children.run("-c", FULL, path, 700)
    assert done.returncode < 0
    assert path.with_name(".model.part").stat().st_size == 700
    assert same(load(path), learned)


FOREVER = """
import sys
from dsrl_ref import load, save
result = load(sys.argv[1])
print("ready", flush=True)
while True:
    save(sys.argv[1], result)
"""


@pytest.mark.nightly
def test_a_kill_at_any_moment_leaves_a_whole_file(path, learned):
    rng = np.random.default_rng()
    for _ in range(200):
        with children.started("-c", FOREVER, path, stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(0.03 * rng.random())
            child.kill()
        assert same(load(path), learned)
    assert len([*path.parent.iterdir()]) <= 2


# What version 0.1.0 saved, before files knew their layers: three epochs on a Fidelity of one layer; packed by zlib.
VERSION_1 = (
    "eNrNVF1IFFEUHlMjBMmNEIJ+bkuwSety78zs7IwEN3yQQI21CIyo5Tpz96d0RmZGTUqI3goiyCyTCB+FfggiyH5eeisTUgSDejDqJbSwKCno79"
    "7dmXLWHiJ76AzD5Z4539zz3e+ck2wsLasVCrZZuHG5uuW7ZxXCWiFLiUHtmNnZWyJUCaMlhTh/7d+1tzm5r0ToFo5GDOrodqQORI51oUgURNKW"
    "7drETFk2+wHzN5B2hzK/kyWdlO23SkiK1kRBH/hrqzgaZqd0EDdcB8KGY7enbJoOR0G4m9pOzjKZG7Hd4Zxp8IiGnLubOl3tLg9xs9QlzLsfxV"
    "AcaZoaR5KiwERcEaMAxlSIEkpclDRFhaqM4twnaqIIoSxKCUWTEET5OE0SVSRBSUFI1hTxAPt1Ez83xiDhdstx2AbGIESKhqCqxSUxISEZyuyr"
    "bpks0QzlyaULtxPuoI5DMpSna1ou+BkCSNqlNpAA7bT0rFMHXHKYgg7LZiDLBhkLWCZI21YHyFKbgp6cmwV5ioCYBmjijG3Sk/JS60sGRH/06t"
    "wLX/RKJjqPzIN93Ye9UH/9re7b0+of6S4vU3Wm+91De74NmO9x04LVv3rkNR589jWTuzmJH/VsufpgYA4H6cE7nfd8elW8pnOOa9m9Ka6Oz3DQ"
    "ix78Fwyl5TN82nwhSe9fxBurp99WTp/Gk2/Wrzs5dayIWdfBNa0+s9AiZgHxZrzwmX9DDcjLbNpCFvN4/DG3OTx0kdtDLOXtJT70bCw0GnqHL2"
    "/4cHbT51l8adWpLd31k3j8/IlLLaEFXHr7SOW1U/O4+nV9662aWTzU/3xi85cn2Dyzs+xuxXzRFaXCY1cW17Z/RU3/q/KFLD7h4jXZWLKitjQ4"
    "qfkc5q8Hytvx/Gz+NbeLcbzZh71ergzgPjJkoPWLobyRBr2rqgpAp1YIS9qqGM2Ldcarw1AAfb1UWFq6xXAupH94MO+JMiEoa7KxfCX/VM6ebY"
    "zUSLkg7BAUFckJ0iYrsm7ANl1uowYbyUSGCBGiEl2EspqWJD0hywoyRF2jVIRpOa4miKEnoPgDgArWDw=="
)


@pytest.fixture
def old(tmp_path):
    (tmp_path / "old").write_bytes(zlib.decompress(base64.b64decode(VERSION_1)))
    return tmp_path / "old"


def test_a_file_of_version_1_is_read_and_what_it_does_not_tell_is_none(old):
    found = load(old)
    assert found.theta == (1.1519985136607562, 0.8017652396808415, 0.2922004237693101, 0.8932813036114962)
    assert (found.L, found.loss, found.converged) == (1.5, 0.001691089532731404, False)
    assert found.message == "not converged after 3 epochs: take more, or go on from here with theta and L"
    assert {name: array.shape for name, array in found.history.items()} == {"loss": (3,), "theta": (3, 4), "L": (3,)}
    assert found.history["loss"][2] == pytest.approx(0.00703863, rel=1e-5)
    assert (found.layers, found.status, found.kind) == (None, None, None)
    assert np.append(*found.raw).tolist() == [*found.theta, found.L]


def test_a_result_of_version_1_is_saved_again_as_it_is(old, tmp_path):
    save(tmp_path / "new", load(old))
    assert same(load(tmp_path / "new"), load(old))
    with np.load(tmp_path / "new") as archive:
        assert json.loads(archive["header"].tobytes())["version"] == 4


def test_it_asks_for_the_layers_that_it_does_not_know_and_can_be_told(old):
    with pytest.raises(ValueError, match=r"comes from a file of version 1: .*dataclasses.replace\(result, layers=11\)"):
        load(old).apply(Fidelity([[1.0]]))
    told = replace(load(old), layers=1)
    assert told.apply(Fidelity([[1.0]])).tolist() == shrink([[1.0]], told.theta).tolist()


@pytest.mark.parametrize("layers", [0, 1, 400, math.inf])
def test_layers_of_any_number_are_kept(tmp_path, learned, layers):
    save(tmp_path / "model", but(learned, layers=layers))
    assert load(tmp_path / "model").layers == layers
    assert type(load(tmp_path / "model").layers) is type(layers)


@pytest.mark.parametrize("status", list(Status))
def test_every_state_is_kept(tmp_path, learned, status):
    save(tmp_path / "model", but(learned, status=status))
    assert load(tmp_path / "model").status is status


@pytest.mark.parametrize(
    ("name", "value"), [("status", "LOST"), ("layers", -1), ("layers", "many"), ("layers", 1.5), ("layers", None)]
)
def test_a_state_or_layers_that_cannot_be_are_refused(path, name, value):
    header, arrays = files.read(path)
    header = {key: header[key] for key in header if key not in ("format", "version", name)}
    files.write(path, header if value is None else {**header, name: value}, arrays)
    with pytest.raises(ModelFileError, match="holds no result of fit: "):
        load(path)
