"""Views that lack samples, from files to tables: the commands say of them what the estimators say."""

import csv

import numpy as np
import pytest
from command_data import LABELS, VIEWS, in_json

from dsrl_ref import cli, load
from dsrl_ref.multiview import DSRLClassifier, DSRLClustering, incomplete_views

HOLED = incomplete_views(VIEWS, 0.4, random_state=0)
NAMES = np.array([f"s{place:02d}" for place in range(80)])
SEEN, NEW = slice(60), slice(60, 80)


def arrays(folder, name, part, labels=None):
    """An .npz with rows of NaN."""
    named = {f"X{v}": view[part] for v, view in enumerate(HOLED)}
    np.savez(folder / name, **named, **({} if labels is None else {"Y": labels}))
    return str(folder / name)


def tables(folder, name, part, labels=None):
    """A folder of .csv with an index: the first view has an empty line for what it lacks, the others none at all."""
    made = folder / name.removesuffix(".npz")
    made.mkdir()
    places = np.arange(80)[part]
    for v, view in enumerate(HOLED):
        with (made / f"view{v}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["sample", *(f"f{i}" for i in range(view.shape[1]))])
            for place in places if v == 0 else np.random.default_rng(v).permutation(places):
                row = ["" if np.isnan(x) else repr(float(x)) for x in view[place]]
                if v == 0 or any(row):
                    writer.writerow([NAMES[place], *row])
    if labels is not None:
        with (made / "labels.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(
                [("sample", "class"), *zip(NAMES[part], [int(label) for label in labels], strict=True)]
            )
    return str(made)


def rows(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("kind", [arrays, tables])
def test_a_whole_job_of_classifying_runs_in_a_shell(kind, tmp_path, capsys):
    known = np.where(np.arange(60) < 24, LABELS[SEEN], -1)
    seen, new = kind(tmp_path, "seen.npz", SEEN, known), kind(tmp_path, "new.npz", NEW)
    model = str(tmp_path / "model")
    assert cli.main(["classify", seen, "--neighbors", "6", "-o", str(tmp_path / "x.csv"), "--model", model]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first.count("samples not seen") == 3
    fitted = DSRLClassifier(n_neighbors=6).fit([view[SEEN] for view in HOLED], known)
    assert [int(row["class"]) for row in rows(tmp_path / "x.csv")] == fitted.transduction_.tolist()
    assert cli.main(["predict", model, new, "-o", str(tmp_path / "y.csv")]) == 0
    proba = fitted.predict_proba([view[NEW] for view in HOLED])
    assert [int(row["class"]) for row in rows(tmp_path / "y.csv")] == proba.argmax(axis=1).tolist()
    assert [float(row["probability"]) for row in rows(tmp_path / "y.csv")] == pytest.approx(proba.max(axis=1))


@pytest.mark.parametrize("kind", [arrays, tables])
def test_a_whole_job_of_clustering_runs_in_a_shell(kind, tmp_path, capsys):
    seen, new, model = kind(tmp_path, "seen.npz", SEEN), kind(tmp_path, "new.npz", NEW), tmp_path / "model"
    options = ["--clusters", "4", "--seed", "3", "-o", str(tmp_path / "x.csv"), "--model", str(model)]
    assert cli.main(["cluster", seen, *options]) == 0
    fitted = DSRLClustering(4, random_state=3).fit([view[SEEN] for view in HOLED])
    assert [int(row["cluster"]) for row in rows(tmp_path / "x.csv")] == fitted.labels_.tolist()
    capsys.readouterr()
    found = in_json(capsys, "predict", model, new)["found"]
    assert found["cluster"] == load(model).predict([view[NEW] for view in HOLED]).tolist()


def test_new_samples_may_all_lack_a_view(tmp_path, capsys):
    known = np.where(np.arange(60) < 24, LABELS[SEEN], -1)
    model = tmp_path / "model"
    assert cli.main(["classify", arrays(tmp_path, "seen.npz", SEEN, known), "--model", str(model)]) == 0
    lacking = [VIEWS[0][NEW], np.full((20, 10), np.nan), VIEWS[2][NEW]]
    np.savez(tmp_path / "new.npz", **{f"X{v}": view for v, view in enumerate(lacking)})
    capsys.readouterr()
    found = in_json(capsys, "predict", model, tmp_path / "new.npz")["found"]
    assert found["class"] == load(model).predict(lacking).tolist()


@pytest.mark.parametrize("command", ["cluster", "classify"])
def test_the_controls_are_asked_for_the_samples_that_a_view_has(command, tmp_path, capsys):
    data = arrays(tmp_path, "all.npz", slice(80), LABELS)
    found = in_json(capsys, command, data, "--repeats", "1", "--compare")["results"]
    alone = [f"dsrl, X{v}, its 48" for v in range(3)]
    assert {result["method"] for result in found} >= {*alone, "raw graph", "authors' preset"}
    assert all(0 <= result["accuracy"]["mean"] <= 1 for result in found)


def test_what_is_missing_in_part_or_everywhere_is_refused_by_place_or_name(tmp_path, capsys):
    folder = tmp_path / "seen"
    tables(tmp_path, "seen.npz", SEEN)
    whole = (folder / "view0.csv").read_text().splitlines()
    place = next(place for place, line in enumerate(whole) if place > 5 and not line.endswith(","))
    partly = [*whole[:place], whole[place].rsplit(",", 1)[0] + ",", *whole[place + 1 :]]
    (folder / "view0.csv").write_text("\n".join(partly) + "\n")
    assert cli.main(["cluster", str(folder)]) == 3
    message = (
        f"view0.csv: line {place + 1}, column f9 is missing (1 such cells): fill or drop them first; a sample that"
    )
    assert message in capsys.readouterr().err
    (folder / "view0.csv").write_text("\n".join([*whole, "s99" + "," * 10]) + "\n")
    assert cli.main(["cluster", str(folder)]) == 3
    assert (
        "sample 's99' is in no view, a row of NaN in each: nothing can be said of such samples"
        in capsys.readouterr().err
    )
