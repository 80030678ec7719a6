"""The command and the versions that made a page."""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime

from dsrl_ref import __version__

PACKAGES = "numpy", "scipy", "numba", "matplotlib"


@dataclass(frozen=True)
class Origin:
    """What made a page, so that it can be made again.

    Attributes
    ----------
    command : str
        As it was typed.
    made : str
        When, in UTC.
    versions : dict
        Of this package, of Python, of the packages that compute and draw, and the kind of machine; no names of it.
    """

    command: str
    made: str
    versions: dict[str, str]


def origin(command: str) -> Origin:
    """What makes a page now."""
    versions = {
        "dsrl_ref": __version__,
        "Python": platform.python_version(),
        **{package: found for package in PACKAGES if (found := _version(package))},
        "system": f"{platform.system()} {platform.machine()}",
    }
    return Origin(command, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), versions)


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # seldom needed, and slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return None
