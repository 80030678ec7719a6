"""A page as one HTML file, which is also well-formed XML: no script, and nothing that is fetched from elsewhere."""

import re
from itertools import count
from pathlib import Path
from typing import Any

from dsrl_ref.appendix.statements import written
from dsrl_ref.errors import MissingExtraError
from dsrl_ref.persistence import replace_file
from dsrl_ref.report.page import Page, Picture
from dsrl_ref.report.pictures import OWN

TEMPLATES = Path(__file__).parent / "templates"
# In a text: of w1 and b2 the digit, of X_(t) what is in brackets, of Θ_i the letter, of 2^-53 the exponent.
INDICES = {
    r"(?<=\b[wb])([12])\b": "sub",
    r"_(\([^()\s]+\))": "sub",
    r"(?<=[ΘLXZC])_([a-z])\b": "sub",
    r"(?<=\d)\^(-?\d+)": "sup",
}
NEEDED = "jinja2", "latex2mathml", "matplotlib"


def require() -> None:
    """Raise now, not after the work, where a page cannot be made.

    Raises
    ------
    MissingExtraError
        Where a package of the extra `report` is not installed.
    """
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError as error:
            raise MissingExtraError(f"--report needs {name}: pip install 'dsrl_ref[report]'") from error


def write(path: Path, page: Page) -> None:
    """Write the page to its file, whole or not at all.

    Raises
    ------
    OSError
        Where the file cannot be written.
    """
    replace_file(path, html(page).encode())


def html(page: Page) -> str:
    """The page as the text of an HTML file.

    Raises
    ------
    ValueError
        Where two sections share an id.
    """
    anchors = [section.anchor for outer in page.sections for section in outer.all()]
    if twice := sorted({anchor for anchor in anchors if anchors.count(anchor) > 1}):
        raise ValueError(f"sections share the id {', '.join(twice)}: give each its own")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    numbers = count(1)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inlined"] = lambda picture: Markup(_numbered(picture, next(numbers)))
    environment.filters["prose"] = prose
    environment.filters["math"] = lambda tex: Markup(mathml(tex))
    return environment.get_template("page.html").render(
        page=page, style=Markup((TEMPLATES / "style.css").read_text("utf-8"))
    )


def _numbered(picture: Picture, number: int) -> str:
    return picture.svg.replace(OWN, f"picture{number}-")


def prose(text: Any) -> Any:
    """A plain text, escaped, with the indices, powers and signs of the appendix as they are printed there.

    Copied, they are again what they were: w1, X_(t), 2^-53.
    """
    from markupsafe import Markup, escape

    shown = str(escape(text)).replace("&gt;=", "≥").replace("&lt;=", "≤").replace("-&gt;", "→")
    for pattern, tag in INDICES.items():
        shown = re.sub(pattern, rf"<{tag}>\1</{tag}>", shown)
    return Markup(shown)


def mathml(tex: str) -> str:
    r"""A formula as MathML, which browsers show and read aloud, with its TeX for those who copy it.

    No browser breaks a formula into lines: each part between two ``\allowbreak`` is an element of its own. What it
    begins with is no sign of a number, but joins it to the part before.
    """
    first, *others = written(tex).split(r"\allowbreak")
    return " ".join(map(_element, [first, *("{}" + other for other in others)]))


def _element(tex: str) -> str:
    from latex2mathml.converter import convert
    from markupsafe import escape

    inner = re.sub(r"^<math[^>]*>|</math>$", "", convert(tex))
    source = f'<annotation encoding="application/x-tex">{escape(tex.strip())}</annotation>'
    return f'<math display="inline" displaystyle="true"><semantics>{inner}{source}</semantics></math>'
