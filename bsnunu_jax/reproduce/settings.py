"""What all items share: constraints, seed, draws of the inputs, and results made once."""

import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.reproduce.constraints import Constraints, constraints

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
