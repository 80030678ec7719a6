"""What made a page is told, and nothing that names the machine."""

import platform
import re
from datetime import UTC, datetime

import numpy as np

from dsrl_ref import __version__
from dsrl_ref.report import origin as module
from dsrl_ref.report.origin import origin


def test_command_time_and_versions():
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    found = origin("dsrl-ref demo")
    assert found.command == "dsrl-ref demo"
    made = datetime.strptime(found.made, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert before <= made <= datetime.now(UTC)
    assert found.versions["dsrl_ref"] == __version__
    assert found.versions["Python"] == platform.python_version()
    assert found.versions["numpy"] == np.__version__
    assert found.versions.keys() >= {"scipy", "numba", "system"}
    assert not any(platform.node() and platform.node() in version for version in found.versions.values())


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "no-package-of-this-name"))
    assert [*origin("").versions] == ["dsrl_ref", "Python", "numpy", "system"]
    assert re.fullmatch(r"\w+ \S+", origin("").versions["system"])
