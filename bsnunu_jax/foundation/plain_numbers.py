"""Numbers as text, in one grammar for cards, files and options: digits, a point, an exponent.

What other readers take for another number is refused: 010, 0x1F, 1:30, 1_000, digits of other
scripts, and what a double cannot hold.
"""

import math
import re

_UNSIGNED = r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
REAL = re.compile(rf"[-+]?{_UNSIGNED}")
_IMAGINARY = re.compile(rf"(?P<im>[-+]?(?:{_UNSIGNED})?)[ijJ]")
_COMPLEX = re.compile(rf"(?P<re>[-+]?{_UNSIGNED})\s*(?P<sign>[-+])\s*(?P<im>(?:{_UNSIGNED})?)[ijJ]")
_NOT_FINITE = re.compile(r"[-+.\s]*(?:nan|inf(?:inity)?)", re.IGNORECASE)


def real_number(text: str) -> float:
    """The number that a text is.

    Raises:
        ValueError: what is wrong with it, as the end of a sentence.

    >>> real_number("-1.5e-3")
    -0.0015
    """
    text = text.strip()
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("is not finite")
    if not REAL.fullmatch(text):
        raise ValueError("is not a number")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("is too large for a number")
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError("is too small for a number")
    return value


def whole_number(text: str) -> int:
    """The whole number that a text is, written without point and exponent.

    Raises:
        ValueError: what is wrong with it, as the end of a sentence.
    """
    if not WHOLE.fullmatch(text.strip()):
        raise ValueError("is not a whole number")
    real_number(text)  # no more digits than a double holds
    return int(text)


def finite(number: float) -> float | None:
    """The number for JSON, which has no NaN and no infinity: None for these."""
    return float(number) if math.isfinite(number) else None


def complex_number(text: str) -> complex:
    """The number, real or complex, that a text is: -11, 1+2j, (1 - 2i), j.

    Raises:
        ValueError: what is wrong with it, as the end of a sentence.

    >>> complex_number("0.5-1.2j")
    (0.5-1.2j)
    """
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if found := _COMPLEX.fullmatch(text):
        return complex(real_number(found["re"]), real_number(found["sign"] + (found["im"] or "1")))
    if found := _IMAGINARY.fullmatch(text):
        size = found["im"]
        return complex(0.0, real_number(size if size[-1:].isdigit() or "." in size else f"{size}1"))
    words = re.sub("nan|infinity|inf", "1", text, flags=re.IGNORECASE)  # such as 1+infj
    if words != text and (_COMPLEX.fullmatch(words) or _IMAGINARY.fullmatch(words)):
        raise ValueError("is not finite")
    return complex(real_number(text))
