"""What modules have is asked of them without an import, and without a mistake amid one."""

import math
import sys
import types

from dsrl_ref.loaded import loaded


def test_what_is_imported_is_there_and_what_is_not_stays_so():
    assert loaded("math", "inf") is math.inf
    assert loaded("antigravity", "geohash") is None
    assert "antigravity" not in sys.modules


def test_what_another_thread_is_importing_is_not_there_yet(monkeypatch):
    monkeypatch.setitem(sys.modules, "half", types.ModuleType("half"))
    assert loaded("half", "Array") is None
