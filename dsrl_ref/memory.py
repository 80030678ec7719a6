"""How much memory there is, and refusals of what would not fit, before it is begun."""

import os
from pathlib import Path

from dsrl_ref.errors import SizeError

UNKNOWN = 2**32  # bytes that are taken to be free where the system does not tell
INFORMATION, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
GIB = 2**30


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has free, or less where a limit is set on its group."""
    return min(_of_machine(), _of_group())


def require_room(size: float, what: str, instead: str) -> None:
    """Refuse work that needs more memory than there is.

    Parameters
    ----------
    size : float
        Bytes that it would take at its peak.
    what : str
        What the message begins with: who asks for the memory, and for what.
    instead : str
        What to do, as an imperative.

    Raises
    ------
    SizeError
        With the size, what is free, and `instead`.
    """
    free = free_memory()
    if size > free:
        raise SizeError(f"{what}: {size / GIB:.1f} GiB of memory, of which {free / GIB:.1f} GiB are free; {instead}")


def _of_machine() -> int:
    """What Linux calls available; elsewhere all memory that there is."""
    try:
        for line in INFORMATION.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return UNKNOWN


def _of_group() -> int:
    """What the limit of a container leaves; as much as a number can be where there is none."""
    try:
        most, taken = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return max(0, int(most) - int(taken))
    except (OSError, ValueError):  # no group, or "max"
        return 2**63
