"""The authors' data sets, which are not part of the project: in the folder DSRL_DATA, or beside the project."""

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("DSRL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def path_of(name):
    """The file, or skip the test."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not in {FOLDER.name}; set DSRL_DATA to the folder with the authors' data sets")
    return path


def graph(name):
    from scipy.io import loadmat

    W = loadmat(path_of(f"{name}W.mat"))["W"]
    return W.toarray() if hasattr(W, "toarray") else W


def run(name):
    return json.loads(path_of("authors_runs.json").read_text())[name]
