"""How results show themselves: a line in a console, a small table in a notebook."""

from html import escape


class Shown:
    """A base of what is shown by a few facts; the subclass says which."""

    def _facts(self) -> dict[str, str]:
        """What to show, by its name, in order."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={fact}' for name, fact in self._facts().items())})"

    def _repr_html_(self) -> str:
        """A notebook shows this in place of the line."""
        return table(type(self).__name__, self._facts())


def table(title: str, facts: dict[str, str]) -> str:
    """A table in HTML, escaped, in the colours of the page: it can be read on a light one and on a dark one."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(fact)}</td></tr>" for name, fact in facts.items())
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"


def size(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 20×100."""
    return "×".join(map(str, shape))
