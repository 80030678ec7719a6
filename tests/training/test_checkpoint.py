"""A run that is killed goes on from its checkpoint to the same bits."""

import os
import random
import subprocess
import time
from functools import partial

import children
import numpy as np
import pytest

from dsrl_ref import Fidelity, LeastSquares, Objective, fit, load, save
from dsrl_ref.errors import ModelFileError
from dsrl_ref.persistence import VERSION, read, write
from dsrl_ref.training import checkpoint
from dsrl_ref.training.checkpoint import Checkpoint, Epoch, Trail

numbers = np.random.default_rng(0)
W = numbers.normal(scale=2.0, size=(2, 3))
TARGET = W + numbers.normal(size=W.shape)
D, X = numbers.normal(size=(3, 4)), numbers.normal(size=(4, 6))
RUNS = {
    "authors": partial(fit, Objective(Fidelity(W), TARGET, layers=11), method="authors", learning_rate=0.2, epochs=25),
    "gauss-newton": partial(fit, Objective(LeastSquares(D, D @ X), X, layers=3), epochs=60),
}
each_method = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@pytest.fixture
def at_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)


def bits(result):
    return [
        np.float64([*result.theta, result.L, result.loss, *result.raw[0], result.raw[1]]).tobytes(),
        *(result.history[name].tobytes() for name in ("loss", "theta", "L", "accepted")),
        result.message,
        result.status,
    ]


class Descent:
    """Any: what matters here is its state."""

    def __init__(self, number):
        self.state = {"number": np.array(number), "matrix": np.eye(2) * number}


def trail_of(epochs):
    values = [epoch + np.arange(5) / 7 for epoch in range(epochs)]
    losses = [1 / (epoch + 3) for epoch in range(epochs)]
    return Trail(losses, values, [epoch // 2 for epoch in range(epochs)], [epoch / 7 for epoch in range(epochs)])


RUN = {"method": "mine", "start": [0.1, 0.2]}


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_state_and_trail_come_back_bit_for_bit(epochs, tmp_path):
    Checkpoint(tmp_path / "run", RUN).save(Descent(0.1), trail_of(epochs), now=True)
    descent = Descent(0)
    trail = Checkpoint(tmp_path / "run", RUN).restore(descent)
    assert sorted(descent.state) == ["matrix", "number"]
    assert descent.state["number"].tolist() == 0.1
    assert descent.state["matrix"].tobytes() == (np.eye(2) * 0.1).tobytes()
    assert len(trail) == epochs
    assert trail.losses == trail_of(epochs).losses
    assert trail.starts == trail_of(epochs).starts
    assert trail.validation == trail_of(epochs).validation
    assert [values.tobytes() for values in trail.values] == [values.tobytes() for values in trail_of(epochs).values]
    trail.append(0.125, np.zeros(5), 7)  # it goes on
    assert (len(trail), trail.losses[-1], trail.values[-1].tolist()) == (epochs + 1, 0.125, [0] * 5)
    assert (trail.starts[-1], np.isnan(trail.validation[-1])) == (7, True)


def test_the_best_epoch_is_that_of_the_least_loss_of_what_is_held_out_if_anything_is():
    trail = Trail()
    for loss, validation in ((3.0, 2.0), (2.0, 1.0), (1.0, 4.0)):
        trail.append(loss, np.full(5, loss), int(loss), validation)
    assert (trail.best().loss, trail.best().values[0], trail.best().start, trail.best().validation) == (2, 2, 2, 1)
    whole = trail.with_end(Epoch(0.5, np.zeros(5), 9, 0.75))
    assert (whole.best().start, len(whole), len(trail)) == (9, 4, 3)
    trail.validation = [np.nan] * 3
    assert trail.best().loss == 1.0
    trail.validation = [np.nan, 3.0, 4.0]
    assert trail.best().loss == 2.0
    trail.validation = [0.0, 0.0, 1.0]  # equal where it decides: then the least loss of what is learned from
    assert trail.best().loss == 2.0
    assert [trail.best(most).loss for most in (2.0, 1.5, 0.5)] == [2.0, 1.0, 2.0]  # those above are behind the others


def test_where_there_is_no_file_the_descent_stays_where_it_is(tmp_path):
    for file in (Checkpoint(tmp_path / "none", RUN), Checkpoint(None, RUN)):
        descent = Descent(7)
        assert len(file.restore(descent)) == 0
        assert descent.state["number"] == 7


def test_a_run_without_a_file_writes_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Checkpoint(None, RUN).save(Descent(1), trail_of(2), now=True)
    assert [*tmp_path.iterdir()] == []


def test_it_is_written_once_a_second_and_whenever_asked(tmp_path, monkeypatch):
    """A quarter of a second an epoch; the clock is the test's own."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    file, written = Checkpoint(tmp_path / "run", RUN), []
    for epoch in range(1, 11):
        now[0] += 0.25
        file.save(Descent(epoch), trail_of(epoch), now=epoch == 6)
        written.append(len(Checkpoint(tmp_path / "run", RUN).restore(Descent(0))))
    assert written == [0, 0, 0, 4, 4, 6, 6, 6, 6, 10]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({**RUN, "method": "other"}, "its method is 'mine', here it is 'other'; take another file, or resume=False"),
        ({**RUN, "start": [0.1, 0.3]}, r"its start is \[0.1, 0.2\], here it is \[0.1, 0.3\]"),
        ({**RUN, "objective": "abc"}, "its objective is None, here it is 'abc'; it is known by data, .* BLAS threads"),
    ],
)
def test_the_file_of_another_run_is_refused(other, message, tmp_path):
    Checkpoint(tmp_path / "run", RUN).save(Descent(1), trail_of(2), now=True)
    descent = Descent(7)
    with pytest.raises(ModelFileError, match=f"run is of another run: {message}"):
        Checkpoint(tmp_path / "run", other).restore(descent)
    assert descent.state["number"] == 7


def test_another_objective_is_another_run(tmp_path):
    RUNS["authors"](epochs=1, checkpoint=tmp_path / "run")
    other = Objective(Fidelity(W), 2 * TARGET, layers=11)
    with pytest.raises(ModelFileError, match=r"run is of another run: its objective is '[0-9a-f]{64}', here it is"):
        fit(other, method="authors", learning_rate=0.2, checkpoint=tmp_path / "run", resume=True)


def test_a_result_is_no_checkpoint_and_a_checkpoint_no_result(tmp_path):
    save(tmp_path / "model", RUNS["authors"](epochs=1, checkpoint=tmp_path / "run"))
    with pytest.raises(ModelFileError, match="its kind is 'FitResult', here it is 'checkpoint'"):
        Checkpoint(tmp_path / "model", {}).restore(Descent(0))
    with pytest.raises(ModelFileError, match="holds no model: it holds a checkpoint"):
        load(tmp_path / "run")


def test_a_checkpoint_of_an_older_version_is_refused_with_its_number(tmp_path):
    RUNS["authors"](epochs=1, checkpoint=tmp_path / "run")
    header, arrays = read(tmp_path / "run")
    write(tmp_path / "run", {**header, "version": VERSION - 1}, arrays)
    with pytest.raises(ModelFileError, match=rf"of an older dsrl_ref \(version {VERSION - 1}\).*resume=False"):
        RUNS["authors"](checkpoint=tmp_path / "run", resume=True)


@pytest.mark.parametrize("lost", ["losses", "values", "starts", "validation", "state_values", "state_counts"])
def test_a_file_that_lacks_a_part_is_refused(lost, tmp_path):
    RUNS["authors"](epochs=2, checkpoint=tmp_path / "run")
    header, arrays = read(tmp_path / "run")
    del arrays[lost]
    write(tmp_path / "run", header, arrays)
    with pytest.raises(ModelFileError, match=f"no checkpoint that this version knows: .*{lost.removeprefix('state_')}"):
        RUNS["authors"](checkpoint=tmp_path / "run", resume=True)


def test_a_damaged_file_is_refused(tmp_path):
    RUNS["authors"](epochs=2, checkpoint=tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(content[:-100] + b"?" + content[-99:])
    with pytest.raises(ModelFileError, match="damaged"):
        RUNS["authors"](checkpoint=tmp_path / "run", resume=True)


class Killed(BaseException):
    """Leaves `fit` as a kill does: nothing is written any more."""


@pytest.mark.usefixtures("at_every_epoch")
@each_method
@pytest.mark.parametrize("epoch", [0, 1, 5, 6, 7, 13, 17, 18, 19])  # a trial of Gauss-Newton has 6 steps
def test_resumes_to_the_same_bits(run, epoch, tmp_path):
    def kill(at, *_):
        if at == epoch:
            raise Killed("here")

    with pytest.raises(Killed, match="here"):
        run(checkpoint=tmp_path / "run", callback=kill)
    seen = []
    assert bits(run(checkpoint=tmp_path / "run", resume=True, callback=lambda at, *_: seen.append(at))) == bits(run())
    assert seen[0] == epoch  # nothing is done again


@each_method
def test_a_run_that_ended_is_there_at_once(run, tmp_path):
    ended, epochs = run(checkpoint=tmp_path / "run"), []
    again = run(checkpoint=tmp_path / "run", resume=True, callback=lambda epoch, *_: epochs.append(epoch))
    assert bits(again) == bits(ended)
    assert not epochs


@each_method
def test_without_a_file_yet_it_begins(run, tmp_path):
    assert bits(run(checkpoint=tmp_path / "run", resume=True)) == bits(run())
    assert (tmp_path / "run").exists()


SET_UP = """
import os, signal, sys, warnings
import numpy as np
from dsrl_ref import Fidelity, Objective, fit
from dsrl_ref.training import checkpoint
warnings.simplefilter("ignore")
checkpoint.SECONDS = 0.0
numbers = np.random.default_rng(0)
W = numbers.normal(scale=2.0, size=(2, 3))
J = Objective(Fidelity(W), W + numbers.normal(size=W.shape), layers=11)
"""
KILLED = (
    SET_UP
    + """
def run_until(epoch, where):
    # Fit in a child that kills itself in the callback, or beside the renaming that follows in that epoch.
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return
    epochs, rename, die = [-1], os.replace, lambda: os.kill(os.getpid(), signal.SIGKILL)

    def callback(at, *_):
        epochs.append(at)
        if at == epoch and where == "callback":
            die()

    def replace(*names):
        if epochs[-1] == epoch and where == "before":
            die()
        rename(*names)
        if epochs[-1] == epoch and where == "after":
            die()

    os.replace = replace
    path = os.path.join(sys.argv[1], f"{epoch} {where}")
    fit(J, method="authors", learning_rate=0.2, epochs=12, checkpoint=path, callback=callback)
    os._exit(0)

for epoch in (-1, 0, 1, 6, 11):
    for where in ("callback", "before", "after")[epoch < 0 :]:
        run_until(epoch, where)
print("done")
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_run_killed_at_an_epoch_or_beside_the_renaming_is_resumed_to_the_same_bits(tmp_path):
    assert children.output("-c", KILLED, tmp_path) == "done\n"
    run = partial(RUNS["authors"], epochs=12)
    names, begun = sorted(path.name for path in tmp_path.glob("[!.]*")), {}
    for name in {*names, "-1 before"}:
        seen = []
        found = run(checkpoint=tmp_path / name, resume=True, callback=lambda epoch, *_, seen=seen: seen.append(epoch))
        assert bits(found) == bits(run())
        begun[name] = seen[0] if seen else 12
    assert begun == {
        **{f"{epoch} {where}": epoch for epoch in (0, 1, 6, 11) for where in ("callback", "before")},
        **{f"{epoch} after": epoch + 1 for epoch in (-1, 0, 1, 6, 11)},
        "-1 before": 0,  # before the first renaming there is no file
    }
    assert not [*tmp_path.glob(".*")]


FOREVER = (
    SET_UP
    + """
print("ready", flush=True)
fit(J, method="authors", learning_rate=0.2, epochs=1000, checkpoint=sys.argv[1])
"""
)


@pytest.mark.nightly
def test_a_run_killed_at_any_moment_is_resumed_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 60.0)
    run = partial(RUNS["authors"], epochs=1000)
    expected = bits(run())
    for number in range(200):
        path = tmp_path / f"run{number}"
        with children.started("-c", FOREVER, path, stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(0.4 * random.random())
            child.kill()
        assert bits(run(checkpoint=path, resume=True)) == expected
