"""The one exception of the package that a user is meant to read."""

_MOST = 1800


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what is allowed."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        message = f"{where}: {what}" if where else what
        line = " ".join((f"{message}; {allowed}" if allowed else message).splitlines())
        # Names from files may be of any length.
        super().__init__(line if len(line) <= _MOST else f"{line[:1000]} ... {line[-500:]}")


def shown(value: object, most: int = 60) -> str:
    """A value in a message: its `repr`, cut.

    >>> shown("a" * 100, most=10)
    "'aaaaaa..."
    """
    try:
        text = repr(value)
    except ValueError:  # Python does not write integers of thousands of digits
        return f"a {type(value).__name__} of thousands of digits"
    return text if len(text) < most else f"{text[: most - 3]}..."


def worded(value: object, most: int = 60) -> str:
    r"""A value in a message without quotes, where it is short and printable.

    >>> print(worded("V2"), worded("two\nlines"))
    V2 'two\nlines'
    """
    text = value if isinstance(value, str) else shown(value, most)
    return text if text.isprintable() and len(text) < most else shown(value, most)
