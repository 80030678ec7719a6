"""What several tests of the commands share: small problems, small views, and how they come into files."""

import json

import numpy as np

from dsrl_ref import cli
from dsrl_ref.multiview import complementary_views

W = [[0.0, 0.25, 0.5], [0.75, 1.0, 1.25]]
FIDELITY = {"W": W, "theta": [1, 0.5, 0.25, 0.5], "L": 1.0, "layers": 3}

_RNG = np.random.default_rng(0)
D, X = _RNG.normal(size=(8, 12)) / 3, _RNG.normal(size=(12, 20)) * (_RNG.random((12, 20)) < 0.2)
LEAST_SQUARES = {"D": D, "Y": D @ X, "target": X, "layers": 4}

VIEWS, LABELS = complementary_views(80, random_state=1)


def problem_file(folder, **arrays):
    """Write the keys that are not None to an .npz and return its path."""
    np.savez(folder / "problem.npz", **{key: value for key, value in arrays.items() if value is not None})
    return str(folder / "problem.npz")


def views_file(folder, labels=LABELS + 1):
    """Write the views, and labels unless they are None, to an .npz and return its path."""
    named = {f"X{v}": view for v, view in enumerate(VIEWS)}
    np.savez(folder / "views.npz", **named, **({} if labels is None else {"Y": labels}))
    return str(folder / "views.npz")


def in_json(capsys, *arguments, code=0):
    """What a command prints with ``--json``; it must end with this exit code."""
    assert cli.main([*map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def named_tables(folder, labels=None):
    """The views as tables whose first column names the samples, and labels beside them."""
    folder.mkdir()
    for v, view in enumerate(VIEWS):
        rows = "".join(f"s{i}," + ",".join(map(repr, row)) + "\n" for i, row in enumerate(view.tolist()))
        (folder / f"view{v}.csv").write_text("id," + ",".join(f"f{j}" for j in range(10)) + "\n" + rows)
    if labels is not None:
        (folder / "labels.csv").write_text("id,class\n" + "".join(f"s{i},{c}\n" for i, c in enumerate(labels)))
    return str(folder)
