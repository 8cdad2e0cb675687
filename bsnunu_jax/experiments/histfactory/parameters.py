"""Parameters of a HistFactory model in pyhf's order, and their constraint terms.

A name is one set of parameters: a scalar, or one parameter a bin. Their auxiliary data a constrain
them: Normal(a | parameter, width), or Poisson(a | factor x parameter) of a shapesys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.pieces import Pieces
from bsnunu_jax.experiments.histfactory.places import Place
from bsnunu_jax.experiments.histfactory.specification import Settings
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson

Scalar = Float[Array, ""]
Constraint = Literal["none", "normal", "poisson"]
# What a measurement may set of every type of modifier.
_SETTABLE = {
    "histosys": ("inits", "bounds", "fixed", "auxdata"),
    "normsys": ("inits", "bounds", "fixed", "auxdata"),
    "lumi": ("inits", "bounds", "fixed", "auxdata", "sigmas"),
    "normfactor": ("inits", "bounds", "fixed"),
    "shapefactor": ("inits", "bounds", "fixed"),
    "shapesys": ("inits", "bounds", "fixed", "auxdata", "factors"),
    "staterror": ("inits", "bounds", "fixed", "auxdata", "sigmas"),
}


@dataclass(frozen=True)
class ParameterSet:
    """The parameters of one name, arrays of shape (n,).

    Attributes:
        type: of the modifier; of histosys and normsys of one name the first.
        inits: initial values.
        bounds: lower and upper, shape (n, 2).
        fixed: which are meant to stay at their initial values.
        constraint: "none", "normal" or "poisson".
        auxdata: what they are constrained by.
        scale: width of the normal, factor of the Poisson rate.
        scalar: whether the name stands for a number, not a list.
        without_error: bins of a staterror or shapesys that have none, whatever is set.
    """

    name: str
    type: str
    inits: np.ndarray
    bounds: np.ndarray
    fixed: np.ndarray
    constraint: Constraint
    auxdata: np.ndarray
    scale: np.ndarray
    scalar: bool
    without_error: np.ndarray

    def configured(self, given: Settings) -> "ParameterSet":
        """With what a measurement says of it.

        Raises:
            InputError: for a setting that it does not have, or numbers of another length.
        """
        place, n = given.place, len(self.inits)
        names = {"sigmas": "scale", "factors": "scale"}
        values: dict[str, Any] = {}
        for key, value in given.values.items():
            if key not in _SETTABLE[self.type]:
                place.refuse(f"a {self.type} has no {key}", ", ".join(_SETTABLE[self.type]))
            found = np.full(n, value) if key == "fixed" else value
            if len(found) != n:
                place.refuse(f"{key} has {len(found)} entries, the {self.type} {n}")
            values[names.get(key, key)] = found
        made = replace(self, **values)
        if made.constraint == "poisson" and made.auxdata.min() < 0:
            place.refuse(f"auxdata has {made.auxdata.min():g}", "counts, 0 or above")
        return made

    def complete(self, place: Place) -> None:
        """Refuse a luminosity of which the measurement says too little."""
        given = {"auxdata": self.auxdata, "sigmas": self.scale, "inits": self.inits}
        for key, value in given.items():
            if np.isnan(value).any():
                place.refuse(f"parameter {self.name!r} needs {key} in the measurement")


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One after the other; none are an empty vector."""
    return np.concatenate(parts) if parts else np.zeros(0)


def interpolated(name: str, type_: str) -> ParameterSet:
    """Of a histosys or normsys: Normal(0 | alpha, 1)."""
    zero, one = np.zeros(1), np.ones(1)
    bounds, no = np.array([[-5.0, 5.0]]), np.zeros(1, dtype=bool)
    return ParameterSet(name, type_, zero, bounds, no, "normal", zero, one, True, no)


def unconstrained(name: str, type_: str, size: int) -> ParameterSet:
    """Of a normfactor, or of a shapefactor of so many bins."""
    bounds, no, ones = np.tile([0.0, 10.0], (size, 1)), np.zeros(size, dtype=bool), np.ones(size)
    scalar = type_ == "normfactor"
    return ParameterSet(name, type_, ones, bounds, no, "none", ones, ones, scalar, no)


def luminosity() -> ParameterSet:
    """Of a lumi: the measurement says it all."""
    bounds, no = np.array([[-np.inf, np.inf]]), np.zeros(1, dtype=bool)
    unset = np.full(1, np.nan)
    return ParameterSet("lumi", "lumi", unset, bounds, no, "normal", unset, unset, True, no)


def of_bins(
    name: str, type_: str, scale: np.ndarray, auxdata: np.ndarray, without_error: np.ndarray
) -> ParameterSet:
    """Of a staterror or a shapesys, one a bin; those without an error are fixed."""
    kind: Constraint = "normal" if type_ == "staterror" else "poisson"
    bounds, ones = np.tile([1e-10, 10.0], (len(scale), 1)), np.ones(len(scale))
    still = without_error
    return ParameterSet(name, type_, ones, bounds, still, kind, auxdata, scale, False, still)


@dataclass(frozen=True, eq=False)
class Parameters:
    """All sets, in the order in which pyhf has them in its vector."""

    sets: tuple[ParameterSet, ...]

    def __len__(self) -> int:
        return sum(len(s.inits) for s in self.sets)

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Where a name has its parameters in the vector."""
        ends = np.cumsum([0, *(len(s.inits) for s in self.sets)]).tolist()
        return {s.name: slice(*ends[i : i + 2]) for i, s in enumerate(self.sets)}

    @property
    def names(self) -> tuple[str, ...]:
        """One a parameter: `mu`, `mc[0]`, `mc[1]`."""
        return tuple(
            s.name if s.scalar else f"{s.name}[{i}]" for s in self.sets for i in range(len(s.inits))
        )

    @property
    def inits(self) -> np.ndarray:
        """Initial values, shape (parameters,)."""
        return self._joined("inits", ())

    @property
    def bounds(self) -> np.ndarray:
        """Lower and upper bounds, shape (parameters, 2)."""
        return self._joined("bounds", (2,))

    @property
    def fixed(self) -> np.ndarray:
        """Mask of those that are meant to stay at their initial values, shape (parameters,)."""
        return self._joined("fixed", ()).astype(bool)

    def vector(self, values: Mapping[str, Any], where: str) -> np.ndarray:
        """Parameters by name, the others at their initial values, shape (parameters,).

        Args:
            values: a number of a name, a list where it has one parameter a bin.
            where: the file with the values, for messages.

        Raises:
            InputError: for an unknown name, or values of another length.
        """
        found, place = self.inits.copy(), Place(where)
        for name, value in values.items():
            if name not in self.slices:
                place.refuse(f"no parameter {name!r}", f"one of {', '.join(self.slices)}")
            at = self.slices[name]
            given = value if isinstance(value, list) else [value]
            found[at] = place.numbers(given, name, size=at.stop - at.start, of="the parameter has")
        return found

    def by_name(self, vector: np.ndarray) -> dict[str, float | list[float]]:
        """The reverse of `vector`."""
        parts = {s.name: vector[self.slices[s.name]].tolist() for s in self.sets}
        return {s.name: parts[s.name][0] if s.scalar else parts[s.name] for s in self.sets}

    @cached_property
    def constraints(self) -> Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each kind: indices of its parameters, their auxiliary data and scales."""
        where = np.arange(len(self))
        found = {}
        for kind in ("normal", "poisson"):
            sets = [s for s in self.sets if s.constraint == kind]
            at = [where[self.slices[s.name]] for s in sets]
            auxdata, scales = [s.auxdata for s in sets], [s.scale for s in sets]
            found[kind] = _joined(at).astype(int), _joined(auxdata), _joined(scales)
        return found

    def log_constraints(
        self, vector: Float[Array | np.ndarray, " parameters"], auxdata: Any = None, xp: Any = jnp
    ) -> Scalar:
        """ln of the constraint terms.

        Args:
            vector: the parameters.
            auxdata: in the place of those of the measurement, shape (parameters,); entries of
                parameters without a constraint do not matter.
            xp: jax.numpy, or numpy.
        """
        centre, per_width, norm = self._normals
        if auxdata is not None:
            centre = xp.where(per_width > 0, auxdata, 0.0)
        total = -0.5 * xp.sum(((centre - vector) * per_width) ** 2) - norm
        at, given, scale = self.constraints["poisson"]
        if len(at):
            (rates,) = self._counted.of(vector, xp)
            total = total + poisson(given if auxdata is None else auxdata[at], scale * rates, xp)
        return total

    @cached_property
    def _normals(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Of all parameters: centre and 1/width, both 0 without a normal; ln of the norms."""
        at, given, scale = self.constraints["normal"]
        centre, per_width = np.zeros(len(self)), np.zeros(len(self))
        centre[at], per_width[at] = given, 1 / scale
        norm = float(np.log(scale).sum() + 0.5 * np.log(2 * np.pi) * len(at))
        return centre, per_width, norm

    @cached_property
    def _counted(self) -> Pieces:
        """Picks the parameters with a Poisson term."""
        return Pieces(len(self), (self.constraints["poisson"][0],))

    def _joined(self, field: str, shape: tuple[int, ...]) -> np.ndarray:
        parts = [getattr(s, field) for s in self.sets]
        return np.concatenate(parts) if parts else np.zeros((0, *shape))
