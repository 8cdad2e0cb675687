"""Planes of mass and scale with what limits them, and claims 14 to 16 on them.

These say where the bands lie, what the limits leave of them, and which limit it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.dark.families import Family
from bsnunu_jax.reproduce.dark.rates import DRAWS, DarkRates
from bsnunu_jax.reproduce.row import Row, row, spread
from bsnunu_jax.reproduce.settings import Settings, constraints

_CLAIM = {"scalar": 14, "fermion": 15, "vector": 16}
# What the words of the text mean in numbers [TeV].
_MULTI_TEV, _SEVERAL_HUNDRED_GEV = (1.0, 100.0), (0.3, 1.0)
# Almost nothing is left of a tensor's band: less than this part of what is left of the others'.
_ALMOST = 0.25


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


def rows_of_planes(name: str, planes: Planes, settings: Settings) -> list[Row]:
    """The rows of one family."""
    rows = _scales(name, planes.marked) + _shares(name, planes)
    if name == "scalar":
        rows += _scalar_against_vector(planes, settings)
    return rows + _strictest(name, planes.coarse)


def _scales(name: str, marked: Plane) -> list[Row]:
    """Lambda of the centre of the new window."""
    low, high = marked.window["new"]
    centre, bottom, top = (marked.scale(x) for x in ((low + high) / 2, high, low))
    vector = name == "vector"
    unit, factor = ("GeV", 1e3) if vector else ("TeV", 1.0)
    words, text = (
        (_SEVERAL_HUNDRED_GEV, "several hundred GeV") if vector else (_MULTI_TEV, "multi-TeV")
    )
    rows = []
    for i, operator in enumerate(marked.family.operators):
        for m in (0.01, 0.1) if vector else (0.0, 0.7):
            k = AT.index(m)
            at = f"m = {1e3 * m:g} MeV" if m else "m -> 0"
            value = float(centre[0, k, i])
            agrees = words[0] <= value <= words[1]
            edges = " to ".join(f"{factor * x[0, k, i]:.4g}" for x in (bottom, top))
            drawn = factor * spread(centre[1:, k, i])
            names: dict[str, Any] = {"name": name, "operator": operator, "at": at, "text": text}
            names |= {"edges": edges, "unit": unit, "other": _other_scale(vector, operator)}
            claim = 16 if vector else 15
            rows.append(row(claim, "scale", factor * value, drawn, agrees, **names))
        if vector:
            # Whether the scale falls with the mass.
            ratio = centre[:, AT.index(1.5), i] / centre[:, AT.index(0.1), i]
            rows.append(row(16, "weaker", ratio[0], ratio[1:], ratio[0] < 1, operator=operator))
    return rows


def _other_scale(vector: bool, operator: str) -> str:
    if not vector:
        return "C = 1/Lambda is one power of 1/TeV against two, the rate needs a larger scale"
    if operator == "T2":
        return "with the scaling of Eq. (21) its rate still vanishes like m^2"
    return "C = m^2/Lambda^4 has one more power of q/Lambda than C of S, V3 and V6"


def _shares(name: str, planes: Planes) -> list[Row]:
    """What is left of the new band, operator by operator."""
    share, fine = planes.coarse.left().mean(axis=1), planes.fine.left()[0]
    operators = planes.fine.family.operators
    is_tensor = np.array([o.startswith("T") for o in operators])
    others = float(fine.mean(axis=0)[~is_tensor].mean())
    rows = []
    for i, operator in enumerate(operators):
        value = float(fine[:, i].mean())
        few = value < _ALMOST * others
        words: dict[str, Any] = {
            "name": name,
            "operator": operator,
            "text": "almost nothing" if is_tensor[i] else "a viable region",
            "left": _where_left(planes.fine.masses, fine[:, i]),
        }
        agrees, said = few if is_tensor[i] else not few, name != "scalar"
        rows.append(row(_CLAIM[name], "share", value, share[1:, i], agrees, said=said, **words))
    return rows


def _where_left(masses: np.ndarray, share: np.ndarray) -> str:
    open_ = np.flatnonzero(share > 0)
    if not open_.size:
        return "nothing is left at any mass"
    first, last = masses[open_[0]], masses[open_[-1]]
    if open_[0] == 0:
        return f"something is left at all masses up to {last:.2f} GeV"
    return f"something is left for m > {first:.2f} GeV alone, where B -> K* inv nearly closes"


def _scalar_against_vector(planes: Planes, settings: Settings) -> list[Row]:
    """Claim 14 with the SM value of K*0 of the inputs, and with that behind R_K* <= 1.9."""
    paper = constraints("paper")
    # The ratio of the limit to this SM value is the tight limit on R_K*.
    sm = paper.limits["BR(B0->K*0inv)"] / paper.R_Kstar["tight"]
    here = settings.constraints.limits["BR(B0->K*0inv)"]
    rows = []
    for label, limit in (("of these inputs", None), (f"{sm:.3g}, that of R_K* <= 1.9", here - sm)):
        differences = []
        for plane in (planes.coarse, planes.fine):
            limits = dict(plane.limits)
            if limit is not None:
                limits["B0->K*0"] = np.full_like(limits["B0->K*0"], limit)
            share = plane.left(limits=limits).mean(axis=1)
            differences.append(share[:, 0] - share[:, 1])
        value, error = float(differences[1][0]), spread(differences[0][1:])
        near = "; within the uncertainty of the form factors either may be larger"
        close = near if abs(value) < error else ""
        rows.append(row(14, "difference", value, error, value > 0, label=label, close=close))
    low, high = planes.fine.window["new"]
    area = planes.fine.left()[0].mean(axis=0) * np.log(high / low) / planes.fine.family.powers
    drawn = planes.coarse.left()[1:].mean(axis=1) / planes.fine.family.powers
    ratio = float(area[0] / area[1])
    return [*rows, row(14, "ratio", ratio, drawn[:, 0] / drawn[:, 1], ratio > 1)]


def _strictest(name: str, coarse: Plane) -> list[Row]:
    """How often which limit is the strictest one."""
    operators = np.array(coarse.family.operators)
    strictest = coarse.strictest()
    asked: dict[str, list[tuple[str, np.ndarray, tuple[str, ...]]]] = {
        "scalar": [("S and V", np.isin(operators, ("S", "V")), ("B0->K0", "B0->K*0"))],
        "fermion": [
            ("S1, S2, V1 and V2", ~np.isin(operators, ("T1", "T2")), ("B0->K0",)),
            ("T1 and T2", np.isin(operators, ("T1", "T2")), ("B0->K*0",)),
        ],
        "vector": [
            ("all but T1 and T2", ~np.isin(operators, ("T1", "T2")), ("B0->K0",)),
            ("T1 and T2", np.isin(operators, ("T1", "T2")), ("B0->K*0",)),
        ],
    }
    rows = []
    for label, which, modes in asked[name]:
        mine = np.isin(strictest[..., which], [LIMITING.index(m) for m in modes])
        share = mine.mean(axis=(1, 2))
        said = name != "vector" and not label.startswith("T")
        words: dict[str, Any] = {"name": name, "label": label, "modes": " or ".join(modes)}
        mostly = share[0] > 0.5
        rows.append(row(_CLAIM[name], "strictest", share[0], share[1:], mostly, said=said, **words))
    return rows
