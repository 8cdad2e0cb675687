"""Values of a JSON file taken with the place where they stand: all that is wrong is one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from bsnunu_jax.foundation.errors import InputError, shown, worded


@dataclass(frozen=True)
class Place:
    """Where something stands: the file, channel, sample, modifier.

    >>> print(Place("ws.json").inside("channel", "SR").inside("sample", "signal"))
    ws.json: channel 'SR': sample 'signal'
    """

    text: str

    def inside(self, kind: str, name: Any = None) -> Place:
        """A part of it."""
        return Place(f"{self.text}: {kind}" + ("" if name is None else f" {shown(name)}"))

    def refuse(self, what: str, allowed: str = "") -> NoReturn:
        """Raise what is wrong here."""
        raise InputError(what, where=self.text, allowed=allowed)

    def __str__(self) -> str:
        return self.text

    def keys(self, value: Any, needed: Sequence[str], optional: Sequence[str] = ()) -> dict:
        """A mapping with these keys and no others."""
        if not isinstance(value, dict):
            self.refuse(f"is {_named(value)}", f"a mapping with the keys {', '.join(needed)}")
        for key in needed:
            if key not in value:
                self.refuse(f"{key!r} is missing")
        for key in value:
            if key not in needed and key not in optional:
                self.refuse(f"unknown key {shown(key)}", f"keys: {', '.join((*needed, *optional))}")
        return value

    def entries(self, value: Any, key: str, *, some: bool = True) -> list[Any]:
        """A list, with at least one entry unless `some` is false."""
        if not isinstance(value, list):
            self.refuse(f"{key} is {_named(value)}", "a list")
        if some and not value:
            self.refuse(f"{key} is empty")
        return value

    def name(self, value: Any, key: str = "name") -> str:
        """A text."""
        if not isinstance(value, str):
            self.refuse(f"{key} is {_named(value)}", "a text")
        return value

    def number(self, value: Any, key: str, *, above: float | None = None) -> float:
        """A finite number, greater than `above`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(f"{key} is {_named(value)}", "a number")
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if not math.isfinite(found):
            self.refuse(f"{key} is {worded(value)}", "a finite number")
        if above is not None and found <= above:
            self.refuse(f"{key} is {found:g}", f"a number above {above:g}")
        return found

    def numbers(
        self, value: Any, key: str, *, size: int | None = None, of: str = "", least: Any = None
    ) -> np.ndarray:
        """A list of finite numbers, shape (n,).

        Args:
            value: what stands in the file.
            key: its name.
            size: how many, those of `of`.
            of: what else has so many.
            least: the smallest that is taken.
        """
        given = self.entries(value, key)
        if size is not None and len(given) != size:
            self.refuse(f"{key} has {_count(len(given))}, {of} {size}")
        found = np.array([self.number(v, f"{key}[{i}]") for i, v in enumerate(given)])
        if least is not None and found.min() < least:
            bad = int(np.argmin(found))
            self.refuse(f"{key}[{bad}] is {found[bad]:g}", f"{least:g} or above")
        return found


def _count(n: int) -> str:
    return "1 entry" if n == 1 else f"{n} entries"


def _named(value: Any) -> str:
    """What a value of JSON is, in a sentence."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shown(value)
