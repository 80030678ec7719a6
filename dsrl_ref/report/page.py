"""What a page is made of. Each part names the template that shows it; texts are plain, and escaped there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from dsrl_ref.appendix.statements import Formula
from dsrl_ref.report.origin import Origin

LONG = 24  # letters: facts beyond stand below one another
LINE_OF_CODE, MARK, LINK, PLAIN = "code", "mark", "link", "plain"


@dataclass(frozen=True)
class Code:
    """A name or a command, in a line of text."""

    text: str
    inline: ClassVar[str] = LINE_OF_CODE


@dataclass(frozen=True)
class Mark:
    """A verdict: its text says what its colour does. `kind` is "good", "remark", "erratum" or "bad"."""

    text: str
    kind: str
    inline: ClassVar[str] = MARK


@dataclass(frozen=True)
class Link:
    """A way to the section of this page that is called so."""

    text: str
    to: str
    inline: ClassVar[str] = LINK


@dataclass(frozen=True)
class Plain:
    """A name that users gave: it is shown as it is, and no w1 in it becomes an index."""

    text: str
    inline: ClassVar[str] = PLAIN


Inline: TypeAlias = str | int | Code | Mark | Link | Plain


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    template: ClassVar[str] = "text.html"


@dataclass(frozen=True)
class Listing:
    """Names of code, one after the other."""

    names: tuple[str, ...]
    template: ClassVar[str] = "listing.html"


@dataclass(frozen=True)
class Lines:
    """Lines of which the columns are aligned by spaces, and what they are called for those who hear the page."""

    lines: tuple[str, ...]
    called: str
    template: ClassVar[str] = "lines.html"


@dataclass(frozen=True)
class Facts:
    """Names, and what each is."""

    facts: dict[str, Inline]
    template: ClassVar[str] = "facts.html"

    @property
    def is_long(self) -> bool:
        """Whether some need a line of their own."""
        return any(len(str(getattr(fact, "text", fact))) > LONG for fact in self.facts.values())


@dataclass(frozen=True)
class Table:
    """A table that can be copied into another program.

    Attributes
    ----------
    caption : str
        What it shows; also its name for those who hear the page.
    heads : tuple
        One a column.
    rows : tuple of tuples
        The first cell of each row is its head.
    numbers : bool
        Whether all columns but the first hold numbers, and are set as such.
    """

    caption: str
    heads: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    numbers: bool = False
    template: ClassVar[str] = "table.html"


@dataclass(frozen=True)
class Picture:
    """A picture, and the text beside it.

    Attributes
    ----------
    svg : str
        The element. Its ids begin with `pictures.OWN`, which `render` makes different for every picture.
    title : str
        Its name, which is also read aloud in its place.
    text : str
        What can be seen in it.
    plate : bool
        Whether its own colours need a light ground, on a dark page too.
    """

    svg: str
    title: str
    text: str
    plate: bool = False
    template: ClassVar[str] = "picture.html"


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, where there is room."""

    pictures: tuple[Picture, ...]
    template: ClassVar[str] = "pictures.html"


@dataclass(frozen=True)
class Formulas:
    """Formulas one below the other, and a sentence that says of what they speak."""

    formulas: tuple[Formula, ...]
    where: str = ""
    template: ClassVar[str] = "formulas.html"


Block: TypeAlias = Text | Listing | Lines | Facts | Table | Picture | Pictures | Formulas


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Attributes
    ----------
    anchor : str
        Its id in the page.
    title : str
        Its heading.
    blocks : tuple
        What it shows.
    sections : tuple of Section
        Those within it.
    mark : Mark, optional
        A verdict beside the heading.
    short : str
        What the table of contents calls it; by default its title.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = field(default=())
    mark: Mark | None = None
    short: str = ""

    @property
    def called(self) -> str:
        """What the table of contents calls it."""
        return self.short or self.title

    def all(self) -> Iterator["Section"]:
        """The section itself and all that are within it, in the order of the page."""
        yield self
        for section in self.sections:
            yield from section.all()


@dataclass(frozen=True)
class Page:
    """A page: what it is about, a sentence below that, its sections, and what made it."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    origin: Origin
