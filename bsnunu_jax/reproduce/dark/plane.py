"""One plane of mass and scale with what limits it."""

from dataclasses import dataclass

import numpy as np

from bsnunu_jax.reproduce.dark.families import Family
from bsnunu_jax.reproduce.dark.rates import DRAWS, DarkRates
from bsnunu_jax.reproduce.settings import Settings

SIGNAL = "B+->K+"


# The operators of Eqs. (18) to (20) do not reach Bs -> inv: it sees axial currents alone.
LIMITING = ("B0->K0", "B+->K*+", "B0->K*0")


# Bits of the classes in the maps.
BITS = {"new": 1, "average": 2, "B0->K0": 4, "B+->K*+": 8, "B0->K*0": 16}


AT = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Plane:
    """Everything about one family; arrays end in (masses, operators).

    Attributes:
        family: the operators.
        masses: in GeV.
        br: BR_NP at Lambda = 1 TeV by mode, with a leading axis of draws.
        window: ranges of BR_NP(B+ -> K+ inv).
        limits: upper limits on BR_NP of the other modes, shape (draws,).
    """

    family: Family
    masses: np.ndarray
    br: dict[str, np.ndarray]
    window: dict[str, tuple[float, float]]
    limits: dict[str, np.ndarray]

    def scale(self, br: float | np.ndarray, mode: str = SIGNAL) -> np.ndarray:
        """Lambda [TeV] at which BR_NP of the mode has this value, 0 where the mode is closed."""
        at = np.asarray(br, dtype=float).reshape(-1, 1, 1)
        return (self.br[mode] / at) ** (1 / self.family.powers)

    def limit(self, mode: str) -> np.ndarray:
        """The smallest Lambda [TeV] that the limit on a mode allows."""
        return self.scale(self.limits[mode], mode)

    def caps(self, limits: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """The largest BR_NP(B+ -> K+ inv) that the limit on each mode allows."""
        found = {}
        for mode, limit in (limits or self.limits).items():
            at, here, there = limit[:, None, None], self.br[SIGNAL], self.br[mode]
            ratio = here / np.where(there > 0, there, 1.0)
            found[mode] = np.where(there > 0, at * ratio, np.inf)
        return found

    def left(self, band: str = "new", limits: dict[str, np.ndarray] | None = None) -> np.ndarray:
        """Share of a band in ln Lambda that no limit excludes."""
        low, high = self.window[band]
        cap = np.clip(np.min(list(self.caps(limits).values()), axis=0), low, high)
        return np.log(cap / low) / np.log(high / low)

    def strictest(self) -> np.ndarray:
        """Index in `LIMITING` of the mode that allows least."""
        caps = self.caps()
        return np.argmin([caps[m] for m in LIMITING], axis=0)


@dataclass(frozen=True)
class Planes:
    """One family: central inputs on the masses of the maps, and with draws on fewer.

    Attributes:
        fine: central inputs, draws axis of length 1.
        coarse: equidistant masses like `fine`, central inputs first, then draws.
        marked: the masses `AT`, likewise.
    """

    fine: Plane
    coarse: Plane
    marked: Plane


def np_limits(settings: Settings, rates: DarkRates) -> dict[str, np.ndarray]:
    """Limits on BR_NP: those on the total minus BR_SM, central and for draws."""
    sm = rates.sm_totals(LIMITING, 1 + DRAWS)
    limits = settings.constraints.limits
    return {mode: limits[f"BR({mode}inv)"] - sm[mode] for mode in LIMITING}


def scale_range(plane: Plane, i: int) -> tuple[float, float]:
    """What is shown of Lambda [TeV]: bands and limits of one operator, off the endpoint."""
    shown = (plane.masses < 0.9 * plane.masses[-1]) & (plane.masses >= 0.01)
    curves = [plane.scale(x)[0, shown, i] for band in plane.window.values() for x in band]
    top = max(c.max() for c in (*curves, *(plane.limit(m)[0, shown, i] for m in LIMITING)))
    return float(min(c.min() for c in curves) / 1.3), float(1.5 * top)
