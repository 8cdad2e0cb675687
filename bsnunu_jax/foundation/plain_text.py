"""Titles and names that people write: one line that every file and figure can hold."""

from typing import Annotated

from pydantic import AfterValidator

_TITLE, _NAME = 200, 100


def _line(text: str, most: int) -> str:
    line = text.strip()  # of a folded text of YAML
    if not line.isprintable():
        bad = next(c for c in line if not c.isprintable())
        raise ValueError(f"expected one line of printable text, got {bad!r} in it")
    if len(line) > most:
        raise ValueError(f"expected at most {most} letters, got {len(line)}")
    return line


def _title(text: str) -> str:
    return _line(text, _TITLE)


def _name(text: str) -> str:
    return _line(text, _NAME)


def check_drawable(text: str, given: str, form: str) -> None:
    """Refuse what Matplotlib cannot set: at the end of a run it would be too late.

    Args:
        text: what is to be drawn.
        given: the part of it that someone has written.
        form: how to write it.

    Raises:
        ValueError: with the reason.
    """
    from matplotlib.mathtext import MathTextParser  # slow, and few cards need it

    try:
        MathTextParser("path").parse(text)
    except (ValueError, RecursionError) as error:
        # Of a whole grammar that was expected only what was found matters.
        reason = str(error).splitlines()[-1].rpartition("found ")[2]
        raise ValueError(
            f"matplotlib cannot set the label {given!r} (at {reason}); {form}"
        ) from None


def _drawn(text: str) -> str:
    """Text in a figure, in which math stands between two $."""
    dollars = text.count("$") - text.count(r"\$")
    if dollars and not dollars % 2:
        check_drawable(text, text, r"write \$ for a dollar")
    return text


Title = Annotated[str, AfterValidator(_title)]
Name = Annotated[str, AfterValidator(_name)]
Drawn = Annotated[str, AfterValidator(_name), AfterValidator(_drawn)]


def counted(number: int, one: str, many: str = "") -> str:
    """So many of them.

    >>> counted(1, "start"), counted(2, "start"), counted(0, "luminosity", "luminosities")
    ('1 start', '2 starts', '0 luminosities')
    """
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
