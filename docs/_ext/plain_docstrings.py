"""The package's docstrings are plain text with `code` in backticks: make reST of them.

|C|^2, B -> K(*), m_R_ and backslashes mean themselves, and indented paragraphs are formulas. Runs
before napoleon, which knows Args, Raises and Attributes.
"""

import re
from typing import Any

from sphinx.application import Sphinx

# What sphinx writes for an alias, and the alias.
_TYPES = {
    "Array | ndarray | bool | number | bool | int | float | complex": "ArrayLike",
    "jaxlib._jax.Array": "Array",
}
_SECTIONS = ("Args:", "Returns:", "Raises:", "Attributes:", "Yields:", "Example:", "Examples:")


def escaped(line: str) -> str:
    """The line with the characters of reST escaped, outside of backticks."""
    pieces = re.split(r"(`+[^`]*`+)", line)
    return "".join(
        p if p.startswith("`") else re.sub(r"([\\*|]|_(?!\w))", r"\\\1", p) for p in pieces
    )


def plain(lines: list[str]) -> list[str]:
    """The docstring as reST, still with sections of the Google style."""
    found: list[str] = []
    literal = in_section = doctest = False
    for number, line in enumerate(lines):
        indented, blank = line.startswith(" "), not line.strip()
        after_blank = number > 0 and not lines[number - 1].strip()
        if not indented and not blank:
            literal = False
            in_section = line.strip() in _SECTIONS
            doctest = line.startswith(">>>") or (doctest and not after_blank)
        if indented and after_blank and not in_section and not literal:
            literal = True
            found += ["::", ""]
        # What a doctest prints is not indented: it goes on to the next blank line.
        doctest = doctest and not blank
        found.append(line if literal or doctest else escaped(line))
    return found


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)
    if what in ("attribute", "data", "property"):
        # napoleon takes what stands before a colon in the first line for a type.
        lines[:1] = [line.replace(": ", " – ") for line in lines[:1]]


def _short(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Names of types as in the code."""
    return _as_written(signature), _as_written(returned)


def _as_written(text: str | None) -> str | None:
    for long, short in _TYPES.items():
        text = text and text.replace(long, short)
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("autodoc-process-docstring", _process, priority=100)
    app.connect("autodoc-process-signature", _short)
    return {"parallel_read_safe": True}
