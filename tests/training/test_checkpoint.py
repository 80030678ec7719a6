"""A run that is killed goes on from its checkpoint to the same bits."""

import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from strategies import examples

from dsrl_ref import Fidelity, LeastSquares, Objective, fit, load
from dsrl_ref.errors import ModelFileError
from dsrl_ref.training import checkpoint

W = np.random.default_rng(0).random((6, 7)) ** 2
pytestmark = pytest.mark.filterwarnings("ignore:the gradient is zero at the start:dsrl_ref.errors.StartWarning")


def recovery():
    rng = np.random.default_rng(1)
    D, X = rng.normal(size=(10, 20)) / 3, rng.normal(size=(20, 30)) * (rng.random((20, 30)) < 0.2)
    return Objective(LeastSquares(D, D @ X), X, layers=4)


RUNS = {
    "authors": partial(fit, Objective(Fidelity(W), layers=11), method="authors", epochs=60),
    "gauss-newton": partial(fit, recovery(), epochs=60),
}
each_method = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


@pytest.fixture(autouse=True)
def at_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)


def bits(result):
    return [
        np.float64([*result.theta, result.L, result.loss, *result.raw[0], result.raw[1]]).tobytes(),
        *(result.history[name].tobytes() for name in ("loss", "theta", "L")),
        result.message,
        result.converged,
    ]


class Killed(BaseException):
    """Leaves `fit` as a kill does: nothing is written any more."""


@each_method
@pytest.mark.parametrize("epoch", [0, 1, 5, 6, 7, 13, 30])
def test_resumes_to_the_same_bits(run, epoch, tmp_path):
    def kill(at, *_):
        if at == epoch:
            raise Killed("here")

    with pytest.raises(Killed, match="here"):
        run(checkpoint=tmp_path / "run", callback=kill)
    assert bits(run(checkpoint=tmp_path / "run", resume=True)) == bits(run())


@each_method
def test_a_run_that_ended_is_there_at_once(run, tmp_path):
    ended, epochs = run(checkpoint=tmp_path / "run"), []
    again = run(checkpoint=tmp_path / "run", resume=True, callback=lambda epoch, *_: epochs.append(epoch))
    assert bits(again) == bits(ended)
    assert not epochs


@each_method
def test_without_a_file_yet_it_begins(run, tmp_path):
    assert bits(run(checkpoint=tmp_path / "run", resume=True)) == bits(run())


def test_more_epochs_go_on():
    assert len(RUNS["authors"](epochs=80).history["loss"]) == 80


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (RUNS["gauss-newton"], "of another run: its method is 'authors', here it is 'gauss-newton'"),
        (partial(RUNS["authors"], learning_rate=0.05), "its learning_rate is 0.02, here it is 0.05"),
        (partial(RUNS["authors"], L=2.0), "its start is"),
        (partial(fit, Objective(Fidelity(2 * W), layers=11), method="authors"), "its objective is"),
    ],
)
def test_the_file_of_another_run_is_refused(other, message, tmp_path):
    RUNS["authors"](checkpoint=tmp_path / "run")
    with pytest.raises(ModelFileError, match=message):
        other(checkpoint=tmp_path / "run", resume=True)


def test_a_damaged_file_is_refused(tmp_path):
    RUNS["authors"](checkpoint=tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(content[:-100] + b"?" + content[-99:])
    with pytest.raises(ModelFileError, match="damaged"):
        RUNS["authors"](checkpoint=tmp_path / "run", resume=True)


def test_a_checkpoint_is_no_result(tmp_path):
    RUNS["authors"](checkpoint=tmp_path / "run")
    with pytest.raises(ModelFileError, match="holds no result of fit: it holds a checkpoint"):
        load(tmp_path / "run")


def test_a_place_that_cannot_be_written_is_refused_before_any_step(tmp_path):
    (tmp_path / "file").write_text("")
    epochs = []
    with pytest.raises(OSError, match="Not a directory"):
        RUNS["authors"](checkpoint=tmp_path / "file" / "run", callback=lambda epoch, *_: epochs.append(epoch))
    assert not epochs


def test_resume_needs_a_file_to_go_on_from():
    with pytest.raises(ValueError, match="resume=True needs checkpoint"):
        RUNS["authors"](resume=True)


def test_another_matrix_is_another_objective():
    V = W.copy()
    V[3, 4] = np.nextafter(V[3, 4], 1)
    seen = {
        checkpoint.fingerprint(Objective(Fidelity(matrix), layers=layers, method=method))
        for matrix in (W, V, sp.csr_array(W))
        for layers in (1, 2)
        for method in ("fused", "adjoint")
    }
    assert len(seen) == 12


SCRIPT = """
import sys, warnings
import numpy as np
from dsrl_ref import Fidelity, Objective, fit
from dsrl_ref.training import checkpoint
warnings.simplefilter("ignore")
checkpoint.SECONDS = 0.0
J = Objective(Fidelity(np.random.default_rng(0).random((6, 7)) ** 2), layers=11)
print("ready", flush=True)
fit(J, method="authors", epochs=1000, checkpoint=sys.argv[1])
"""


def test_kill_at_any_moment_and_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 60.0)
    J = Objective(Fidelity(W), layers=11)
    expected, rng = bits(fit(J, method="authors", epochs=1000)), np.random.default_rng(2)
    for number in range(examples(50).max_examples):
        path = tmp_path / f"run{number}"
        with subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(0.4 * rng.random())
            child.kill()
        assert bits(fit(J, method="authors", epochs=1000, checkpoint=path, resume=True)) == expected
