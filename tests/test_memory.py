"""What is free is read where the system tells it, and what would not fit is refused with its size and with advice."""

import pytest

from dsrl_ref import memory
from dsrl_ref.errors import SizeError


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 3 GiB available, in a group that has taken 1 of 5 GiB."""
    information, group = tmp_path / "meminfo", tmp_path / "group"
    group.mkdir()
    information.write_text("MemTotal:       9437184 kB\nMemAvailable:   3145728 kB\nSwapFree: 0 kB\n")
    (group / "memory.max").write_text(f"{5 * 2**30}\n")
    (group / "memory.current").write_text(f"{2**30}\n")
    monkeypatch.setattr(memory, "INFORMATION", information)
    monkeypatch.setattr(memory, "GROUP", group)
    return information, group


def test_what_is_free_is_what_machine_and_group_both_leave(system):
    _, group = system
    assert memory.free_memory() == 3 * 2**30
    (group / "memory.current").write_text(f"{3 * 2**30}\n")
    assert memory.free_memory() == 2 * 2**30
    (group / "memory.current").write_text(f"{6 * 2**30}\n")
    assert memory.free_memory() == 0


@pytest.mark.parametrize("limit", ["max\n", None])
def test_a_group_without_a_limit_leaves_what_the_machine_has(system, limit):
    _, group = system
    (group / "memory.max").unlink() if limit is None else (group / "memory.max").write_text(limit)
    assert memory.free_memory() == 3 * 2**30


@pytest.mark.parametrize("text", ["MemTotal: 1 kB\n", "MemAvailable:\n", "MemAvailable: many kB\n", None])
def test_where_nothing_is_told_all_memory_counts_as_free(system, monkeypatch, text):
    information, group = system
    information.unlink() if text is None else information.write_text(text)
    (group / "memory.max").unlink()
    sizes = {"SC_PHYS_PAGES": 7 * 2**18, "SC_PAGE_SIZE": 2**12}
    monkeypatch.setattr(memory.os, "sysconf", sizes.__getitem__, raising=False)
    assert memory.free_memory() == 7 * 2**30
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.free_memory() == memory.UNKNOWN == 2**32


def test_this_machine_has_some():
    assert 2**20 < memory.free_memory() < 2**50


def test_what_does_not_fit_is_refused_with_its_size_and_advice(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 3 * 2**30)
    memory.require_room(3 * 2**30, "a thing", "take less")
    message = r"^a thing: 3\.5 GiB of memory, of which 3\.0 GiB are free; take less$"
    with pytest.raises(SizeError, match=message):
        memory.require_room(3.5 * 2**30, "a thing", "take less")
