"""Detectors that invisible particles leave or decay in: sizes as data, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged

# What says how far out the veto of a decay reaches, among the inputs.
ENVELOPE = "envelope"
_CYLINDER = ("radius", "forward", "backward")


@dataclass(frozen=True)
class Detector:
    """Sizes of a detector around the beam: equal by value, so that programs know it.

    Attributes:
        name: as data and observables have it.
        boost: beta gamma of the centre-of-mass frame along the beam.
        inner: radius, forward and backward end of a cylinder, or the radius of a sphere [m].
        outer: the same of the largest size that may count; () where there is one size.
        source: where the numbers were read.
        memory: what of `outer` was not read anywhere; "" for nothing.
        title: one line for people.
    """

    name: str
    boost: float
    inner: tuple[float, ...]
    outer: tuple[float, ...] = ()
    source: str = ""
    memory: str = ""
    title: str = ""

    @property
    def described(self) -> str:
        """One line: sizes and source.

        >>> detector("sphere").described
        'sphere of 1 m; ALPaca (alp-aca/alp-aca)'
        """
        sizes = " to ".join(_shown(s) for s in (self.inner, self.outer) if s)
        return f"{sizes}; {self.source}" + f" ({self.memory} from memory)" * bool(self.memory)


@cache
def detectors() -> Mapping[str, Detector]:
    """Those of the package; of an envelope also its ends, NAME_inner and NAME_outer."""
    found: dict[str, Detector] = {}
    for name, raw in packaged("inputs", "detectors.yaml")["geometries"].items():
        whole = Detector(
            name,
            raw["boost"],
            _sizes(raw["inner"]),
            _sizes(raw.get("outer", {})),
            raw["source"],
            raw.get("memory", ""),
            raw["title"],
        )
        found[name] = whole
        for end in ("inner", "outer") if whole.outer else ():
            sizes = getattr(whole, end)
            memory = whole.memory if end == "outer" else ""
            found[f"{name}_{end}"] = replace(
                whole, name=f"{name}_{end}", inner=sizes, outer=(), memory=memory
            )
    return MappingProxyType(found)


def detector(name: str) -> Detector:
    """The detector called `name`.

    Raises:
        InputError: for an unknown name.

    >>> detector("belle2").inner, detector("belle2_outer").inner
    ((1.25, 1.96, 1.02), (3.3, 2.85, 2.35))
    """
    if name not in detectors():
        raise InputError(f"unknown detector {name!r}", allowed=f"one of {', '.join(detectors())}")
    return detectors()[name]


def describes(mode: str) -> bool:
    """Whether decays are of a B+ or B0, almost at rest where e+ e- -> B Bbar makes them.

    >>> describes("B+->K+"), describes("Bs->phi"), describes("KL->pi0")
    (True, False, False)
    """
    return mode.partition("->")[0] in ("B", "B+", "B0")


def _sizes(raw: Mapping[str, Any]) -> tuple[float, ...]:
    return tuple(raw[key] for key in _CYLINDER if key in raw)


def _shown(sizes: tuple[float, ...]) -> str:
    if len(sizes) == 1:
        return f"sphere of {sizes[0]:g} m"
    return "cylinder of {:g} m, ends at {:g} and -{:g} m".format(*sizes)
