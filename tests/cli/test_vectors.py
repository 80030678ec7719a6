"""``dsrl-ref vectors``: numbers for programs, and for people what they are."""

import json

from dsrl_ref import cli
from dsrl_ref.verify import vectors


def test_vectors_to_a_file_and_to_stdout_are_the_same(tmp_path, capsys):
    assert cli.main(["vectors", "-o", str(tmp_path / "v.json")]) == 0
    assert cli.main(["vectors"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "v.json").read_text())
    assert (document["format"], document["version"]) == ("dsrl-vectors", 3)


def test_help_of_vectors_documents_the_format_and_f(capsys):
    assert cli.main(["vectors", "--help-all"]) == 0
    out = capsys.readouterr().out
    assert "f(X) = 1/2 ||D X - Y||^2" in out
    assert "sensitivities" in out


def test_a_terminal_shows_what_they_are_and_how_to_get_them(monkeypatch, capsys):
    document = vectors.document()
    shared, apart = document["problems"][3:5], document["per_layer"][:1]
    few = {**document, "problems": shared, "per_layer": apart}
    monkeypatch.setattr(vectors, "document", lambda: few)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert cli.main(["vectors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [problem["name"] for problem in (*shared, *apart)]
    assert (lines[0], lines[3]) == ("2 problems, one Θ for all layers:", "1 problems, one Θ and one L a layer:")
    assert [line.rpartition("  (")[0].strip() for line in (*lines[1:3], lines[4])] == names
    assert lines[1].endswith("  (8), (9), (10), (12), (13), (15), (17)")
    assert len({line.index("  (") for line in (*lines[1:3], lines[4])}) == 1
    assert lines[-1] == "For all numbers, as JSON of version 3: dsrl-ref vectors -o vectors.json"


def test_a_file_is_written_on_a_terminal_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert cli.main(["vectors", "-o", str(tmp_path / "v.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "v.json").read_text())["format"] == "dsrl-vectors"
