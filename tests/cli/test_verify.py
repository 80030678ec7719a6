"""``dsrl-ref verify --report``: a page of all that was found, however the rest is printed."""

from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
from report_data import caught, flaws, require_extras, without_extras

from dsrl_ref import cli
from dsrl_ref.cli import verify
from dsrl_ref.verify import verify as found_by


@pytest.mark.parametrize("options", [[], ["--json"], ["--markdown"]], ids=["checks", "json", "markdown"])
def test_the_page_has_what_was_found_and_the_command(tmp_path, monkeypatch, capsys, options):
    pages, place = caught(monkeypatch), tmp_path / "page <b>.html"
    clock = SimpleNamespace(perf_counter=partial(next, count(0.0, 5.0)))  # five seconds from one look to the next
    monkeypatch.setattr(verify, "time", clock)
    asked = ["verify", "--equation", "2", "--quick", "--seed", "3", *options]
    assert cli.main(asked) == 0
    printed = capsys.readouterr().out
    assert pages == []
    assert cli.main([*asked, "--report", str(place)]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == printed.splitlines()[:-1]
    ((path, page),) = pages
    assert path == place
    assert page.origin.command == f"dsrl-ref {' '.join(asked)} --report '{place}'"
    facts, table, _ = page.sections[0].blocks
    (finding,) = found_by([2], quick=True, seed=3)
    assert (facts.facts["checks"], facts.facts["seed"]) == (len(finding.checks), 3)
    assert facts.facts["seconds"] == "5"
    assert [row[1] for row in table.rows] == [finding.statement]


@pytest.mark.parametrize("what", ["folder", "extra"])
def test_what_is_missing_is_found_before_any_work(tmp_path, monkeypatch, capsys, what):
    monkeypatch.setattr(verify, "each_finding", lambda *_, **__: pytest.fail("it has begun"))
    if what == "extra":
        without_extras(monkeypatch)
    else:
        caught(monkeypatch)
    place = tmp_path / "missing" / "page.html" if what == "folder" else tmp_path / "page.html"
    assert cli.main(["verify", "--report", str(place)]) == (5 if what == "folder" else 3)
    assert ("missing" if what == "folder" else "--report needs jinja2") in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_failure_is_on_the_page_too(tmp_path, monkeypatch, capsys):
    from dsrl_ref.appendix import theta

    pages = caught(monkeypatch)
    monkeypatch.setattr(theta, "nonnegative_at_joint", lambda _: -1.0)
    assert cli.main(["verify", "--equation", "2", "--quick", "--report", str(tmp_path / "page.html")]) == 1
    assert pages[0][1].sections[0].blocks[0].facts["failed"] == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.peer
def test_the_file_is_a_page_without_a_flaw(tmp_path):
    require_extras()
    place = tmp_path / "page.html"
    assert cli.main(["verify", "--equation", "6", "--quick", "--report", str(place)]) == 0
    assert flaws(place.read_text(encoding="utf-8")) == []


def test_a_table_of_markdown_is_nothing_but_the_table_and_is_not_json_too(capsys):
    assert cli.main(["verify", "--equation", "2", "--quick", "--markdown"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert all(line.startswith(("| ", "|---")) for line in printed)
    assert cli.main(["verify", "--equation", "2", "--markdown", "--json"]) == 2
    assert "--json: not allowed with argument --markdown" in capsys.readouterr().err


def test_one_failure_of_many_is_exit_1_and_all_checks_of_it_are_printed(monkeypatch, capsys):
    def found(*_, **__):
        yield from found_by([4, 6], quick=True)

    from dsrl_ref.appendix import theta

    monkeypatch.setattr(verify, "each_finding", found)
    monkeypatch.setattr(verify, "_print_remarks", lambda everything: None)  # which wants all equations
    assert cli.main(["verify", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "ok " not in printed
    lines = [line.split() for line in printed.splitlines()]
    assert [(line[0], *line[-2:]) for line in lines[:2]] == [("(4)", "confirmed", "3/3"), ("(6)", "erratum", "4/4")]
    monkeypatch.setattr(theta, "claimed_chain", lambda *_: (0.0, 0.0))
    assert cli.main(["verify", "--quick"]) == 1
    assert "FAILED" in capsys.readouterr().out
