"""The detector of a measurement: a name, or sizes with their source."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import Number, Section
from bsnunu_jax.foundation.plain_text import Title
from bsnunu_jax.inputs.detectors import Detector, describes, detector

# Sizes and boosts beyond these are in other units.
_LARGEST, _FASTEST = 1000.0, 10.0
Size = Annotated[Number, Field(gt=0, le=_LARGEST)]


class SizeSection(Section):
    """A cylinder around the beam or, of a radius alone, a sphere [m]."""

    radius: Size
    forward: Size | None = None
    backward: Size | None = None

    @model_validator(mode="after")
    def _ends(self) -> "SizeSection":
        if (self.forward is None) != (self.backward is None):
            raise ValueError("a cylinder has a forward and a backward end, a sphere has none")
        return self

    @property
    def sizes(self) -> tuple[float, ...]:
        """As `Detector` has them."""
        given = (self.radius, self.forward, self.backward)
        return tuple(float(x) for x in given if x is not None)


class GeometrySection(Section):
    """Sizes of a detector, of an envelope the smallest and the largest, and where they are from."""

    boost: Annotated[Number, Field(ge=0, le=_FASTEST)]
    inner: SizeSection
    outer: SizeSection | None = None
    source: Title

    @model_validator(mode="after")
    def _alike(self) -> "GeometrySection":
        inner, outer = self.inner.sizes, self.outer.sizes if self.outer else ()
        if outer and len(outer) != len(inner):
            raise ValueError("inner and outer are two cylinders or two spheres")
        if any(a > b for a, b in zip(inner, outer, strict=False)):
            raise ValueError("inner is larger than outer")
        return self


def _named(raw: Any) -> Any:
    if isinstance(raw, str):
        try:
            detector(raw)
        except InputError as error:
            raise ValueError(f"{error}, or sizes with their source") from None
    elif not isinstance(raw, dict):
        raise ValueError(f"expected the name of a detector or its sizes, got {shown(raw)}")
    elif "source" not in raw:
        raise ValueError("a geometry without a source; say where its sizes are from: source: ...")
    return raw


# As `geometry` of a measurement or record.
Geometry = Annotated[
    Annotated[str, Tag("name")] | Annotated[GeometrySection, Tag("sizes")],
    Discriminator(lambda given: "name" if isinstance(given, str) else "sizes"),
    BeforeValidator(_named),
]


def detector_of(given: str | GeometrySection) -> Detector:
    """The detector that is meant.

    >>> detector_of("belle").boost
    0.425
    """
    if isinstance(given, str):
        return detector(given)
    outer = given.outer.sizes if given.outer else ()
    return Detector("own", given.boost, given.inner.sizes, outer, given.source)


def check_decays(modes: Iterable[str | None]) -> None:
    """Refuse decays of what is not at rest in the centre-of-mass frame of e+ e- -> B Bbar.

    Raises:
        InputError: naming the first.
    """
    for mode in modes:
        if mode is not None and not describes(mode):
            raise InputError(
                f"a geometry is of decays of B+ and B0 that are made almost at rest, not of {mode}",
                allowed="drop it: decays in flight are then not described",
            )
