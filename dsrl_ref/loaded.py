"""What modules have that somebody has imported: asked of them without an import, which takes time that few need."""

import sys
from typing import Any


def loaded(module: str, name: str) -> Any:
    """What a module has by a name; None where nobody has imported it, or where another thread is about to.

    Examples
    --------
    >>> loaded("math", "inf"), loaded("nobody.imports", "this")
    (inf, None)
    """
    return getattr(sys.modules.get(module), name, None)
