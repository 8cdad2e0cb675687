"""The one exception of the package that a user is meant to read."""


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what is allowed."""

    def __init__(self, what: str, *, where: str = "", allowed: str = "") -> None:
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message}; {allowed}" if allowed else message)
