"""What all items share: constraints, seed, draws of the inputs, and results made once."""

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.states import Neutrinos

Range = tuple[float, float]
T = TypeVar("T")


class Settings:
    """The choices of one run of `bsnunu reproduce`.

    Attributes:
        constraints: the paper's or those of 2026, with the inputs that go with them.
        seed: of everything that is drawn.
        likelihood: folder of Belle II's published likelihood, None without.
        points: of the scans, at least.
        quiet: no progress on stderr.
    """

    def __init__(
        self,
        data: str = "paper",
        *,
        seed: int = 1,
        likelihood: Path | None = None,
        points: int = 1_000_000,
        quiet: bool = True,
    ) -> None:
        """Choose.

        Raises:
            InputError: for an unknown set of constraints.
        """
        self.constraints: Constraints = constraints(data)
        self.seed = seed
        self.likelihood = likelihood
        self.points = points
        self.quiet = quiet
        self._memo: dict[Any, Any] = {}
        self._locks: dict[Any, Any] = {}
        self._lock = threading.Lock()

    @property
    def inputs(self) -> Inputs:
        """The central inputs."""
        return self.constraints.inputs

    def once(self, function: Callable[["Settings"], T]) -> T:
        """`function(self)`, computed at most once, also if several items ask at the same time."""
        with self._lock:
            lock = self._locks.setdefault(function, threading.Lock())
        with lock:
            if function not in self._memo:
                self._memo[function] = function(self)
            return self._memo[function]

    def key(self, name: str) -> Array:
        """A key for random numbers that only seed and name determine."""
        return jax.random.fold_in(jax.random.key(self.seed), zlib.crc32(name.encode()))

    def nuisances(self, groups: Sequence[str] | None = None) -> Nuisances:
        """The uncertain inputs; the default groups if none are named."""
        return Nuisances(self.inputs) if groups is None else Nuisances(self.inputs, groups)

    def draws(
        self, name: str, n: int = 500, groups: Sequence[str] | None = None
    ) -> Float[Array, "n size"]:
        """Standard-normal coordinates of `nuisances(groups)`."""
        return self.nuisances(groups).draw(self.key(name), n)

    def drawn(
        self,
        function: Callable[[Inputs], Any],
        name: str,
        n: int = 500,
        groups: Sequence[str] | None = None,
    ) -> Any:
        """A function of the inputs at the central ones, then at `draws`: arrays of n + 1 rows."""
        nuisances = self.nuisances(groups)
        z = jnp.concatenate([jnp.zeros((1, nuisances.size)), self.draws(name, n, groups)])
        found = jax.jit(jax.vmap(lambda z: function(nuisances.shift(z))))(z)
        return jax.tree.map(np.asarray, found)


@dataclass(frozen=True)
class Constraints:
    """One set of constraints.

    Attributes:
        name: paper or 2026.
        inputs: the preset that goes with it.
        R_K: ranges of R_K_nunu: new (Belle II 2023) and average.
        R_Kstar: upper limits on R_Kstar_nunu: loose and tight.
        window: ranges of BR_NP(B+->K+inv): new and average.
        limits: upper limits on branching fractions, by observable.
        raw: the entries with their sources.
    """

    name: str
    inputs: Inputs
    R_K: Mapping[str, Range]
    R_Kstar: Mapping[str, float]
    window: Mapping[str, Range]
    limits: Mapping[str, float]
    raw: Mapping[str, Any]


@cache
def constraints(name: str) -> Constraints:
    """The set called paper or 2026.

    Raises:
        InputError: for another name.

    >>> constraints("paper").R_K["new"]
    (3.6, 7.0)
    """
    every = packaged("reproduce", "constraints.yaml")
    if name not in every:
        raise InputError(f"no constraints {name!r}", allowed=f"one of {', '.join(every)}")
    raw = every[name]
    inputs = load_inputs(raw["preset"], time_integrated=False)  # as the publications
    limits = {k: float(v["limit"]) for k, v in raw["limits"].items()}
    R_Kstar = {k: float(v["limit"]) for k, v in raw["R_Kstar"].items()}
    if "BR" not in raw:
        R_K, window = _ranges(raw["R_K"]), _ranges(raw["NP_window"])
        return Constraints(name, inputs, R_K, R_Kstar, window, limits, raw)
    sm = {m: float(branching_fraction(m, Neutrinos(), inputs)) for m in ("B+->K+", "B0->K*0")}
    br, of_sm = _ranges(raw["BR"]), sm["B+->K+"]
    R_Kstar["tight"] = limits["BR(B0->K*0inv)"] / sm["B0->K*0"]
    return Constraints(
        name,
        inputs,
        {k: (low / of_sm, high / of_sm) for k, (low, high) in br.items()},
        R_Kstar,
        {k: (low - of_sm, high - of_sm) for k, (low, high) in br.items()},
        limits,
        raw,
    )


def _ranges(raw: Mapping[str, Any]) -> dict[str, Range]:
    return {k: (float(v["low"]), float(v["high"])) for k, v in raw.items()}
