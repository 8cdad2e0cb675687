"""The exceptions of the package that a user is meant to read."""


def _line(what: str, where: str, allowed: str) -> str:
    message = f"{where}: {what}" if where else what
    return f"{message}; {allowed}" if allowed else message


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what is allowed."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        super().__init__(_line(what, where, allowed))


class RunError(RuntimeError):
    """A run that cannot go on: one line that says what happened, where, and what helps."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        super().__init__(_line(what, where, allowed))
