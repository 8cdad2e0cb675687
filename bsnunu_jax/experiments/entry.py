"""What all entries of measurement files have, and the numbers in them."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, StrictBool

from bsnunu_jax.experiments.geometry import Geometry, detector_of
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import Names, Number, Section, pair
from bsnunu_jax.foundation.plain_text import Name, Title
from bsnunu_jax.observables.catalogue import get_observable

# Smaller ones have squares that are 0; the data of the package go down to 1e-28.
_SMALLEST = 1e-100
# Of a value, which the prediction must be able to hit.
FINEST = 1e-12


def sizable(number: float) -> float:
    """The number, unless it is so small that its square is 0."""
    if 0 < number < _SMALLEST:
        raise ValueError(
            f"{number:g} is too small to work with; at least {_SMALLEST:g}, in other units"
        )
    return number


def _level(cl: float) -> float:
    if cl < 0.01:
        raise ValueError(f"{cl:g} is no confidence level; write 0.9 for 90 %")
    return cl


# In titles of numbers that were not read in the publication.
UNVERIFIED = "[unverified]"
Positive = Annotated[Number, Field(gt=0), AfterValidator(sizable)]
NotNegative = Annotated[Number, Field(ge=0)]
Level = Annotated[Number, Field(gt=0, lt=1), AfterValidator(_level)]


class Entry(Section):
    """What all kinds of entries have; each makes its `measurement` of this and `about` it."""

    id: Name = Field(pattern=r"^[A-Za-z0-9_+*-]+$")
    title: Title
    samples: Names = ()
    inspire: str | None = None
    arxiv: str | None = None
    tree_tau: str | None = None
    luminosity: Positive | None = None
    note: str = ""
    unverified: StrictBool = False
    geometry: Geometry | None = None

    def about(self) -> dict[str, Any]:
        """What all measurements have, but for what the file says of all of them."""
        return {
            "name": self.id,
            "title": f"{self.title} {UNVERIFIED}" if self.unverified else self.title,
            "samples": self.samples or (self.id,),
            "luminosity": self.luminosity,
            "detector": self.geometry and detector_of(self.geometry),
            "sources": (f"arXiv:{self.arxiv}",) if self.arxiv else (self.inspire or self.title,),
        }

    def given(self) -> dict[str, Any]:
        """The values of `own_keys`."""
        return {key: getattr(self, key) for key in self.own_keys()}

    @classmethod
    def own_keys(cls) -> tuple[str, ...]:
        """The required keys of this kind of entry that not all kinds have."""
        own = {name: f for name, f in cls.model_fields.items() if name not in Entry.model_fields}
        return tuple(name for name, field in own.items() if field.is_required())


def fine(error: float, value: float) -> None:
    """Refuse an error that is 0 beside its value."""
    sizable(error)
    if error < FINEST * abs(value):
        raise ValueError(f"an error of {error:g} is too small for a value of {value:g}")


Pairs = tuple[Annotated[tuple[Number, Number], pair("[up, down]")], ...]


def quadrature(errors: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The total errors up and down."""
    if not errors:
        return 0.0, 0.0
    ups, downs = zip(*errors, strict=True)
    return math.hypot(*ups), math.hypot(*downs)


def number(observable: str) -> str:
    """The name of an observable that is a number.

    Raises:
        InputError: for an unknown one or a spectrum.
    """
    if get_observable(observable).differential:
        raise InputError(f"{observable!r} is a spectrum, a number is needed")
    return get_observable(observable).name


def matrix_of(
    rows: tuple[tuple[float, ...], ...], n: int, what: str = "correlation"
) -> tuple[tuple[float, ...], ...]:
    """The rows of a correlation matrix of n observables.

    Raises:
        ValueError: for anything else.
    """
    matrix = np.array(rows) if {len(row) for row in (rows, *rows)} == {n} else np.empty(0)
    if (
        matrix.shape != (n, n)
        or not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1))
        or np.linalg.eigvalsh(matrix)[0] <= FINEST
    ):
        raise ValueError(f"{what} is no positive symmetric {n} x {n} matrix with 1 on the diagonal")
    return rows


def parts_of(systematic: tuple[float, ...], errors: Sequence[float]) -> tuple[float, ...]:
    """Systematic parts of errors, none larger than the whole.

    Raises:
        ValueError: for others.
    """
    if len(systematic) != len(errors):
        raise ValueError(f"{len(errors)} errors, {len(systematic)} systematic parts")
    for part, error in zip(systematic, errors, strict=True):
        if part > error:
            raise ValueError(f"a systematic part of {part:g} is larger than the error of {error:g}")
    return systematic
