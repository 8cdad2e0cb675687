"""The exceptions of the package that a user is meant to read."""

# Names from files may be of any length.
_MOST = 1800


def _line(what: str, where: str, allowed: str) -> str:
    message = f"{where}: {what}" if where else what
    line = " ".join((f"{message}; {allowed}" if allowed else message).splitlines())
    return line if len(line) <= _MOST else f"{line[:1000]} ... {line[-500:]}"


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what is allowed."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        super().__init__(_line(what, where, allowed))


class RunError(RuntimeError):
    """A run that cannot go on: one line that says what happened, where, and what helps."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        super().__init__(_line(what, where, allowed))


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
