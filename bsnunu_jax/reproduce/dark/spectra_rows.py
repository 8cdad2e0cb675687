"""Claims 17, 18 and 20: where spectra peak, how they match the excess, and omega(m)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.shapes import (
    CASES,
    EXCESS,
    FITTED,
    MASSES,
    SCAN,
    Case,
    Matches,
    Shapes,
    peak,
    share_of,
    vertex,
)
from bsnunu_jax.reproduce.row import Row, row, spread, with_uncertainty

# The cases that the text names.
NAMED = (Case("scalar", "V", 0.3), Case("fermion", "V1", 0.7), Case("fermion", "V2", 0.7))
_RANGE = f"{EXCESS[0]:g} to {EXCESS[1]:g} GeV^2"
# Masses [GeV] of omega in the table.
_OMEGA = (0.001, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.5, 2.0)
_THREE = "scalar V at 300 MeV, fermion V1 and V2 at 700 MeV"
# A best mass is the stated one if it is this near.
_NEAR = 0.25


def _text(draws: np.ndarray) -> str:
    return with_uncertainty(float(draws[0]), spread(draws[1:]))


def spectrum_rows(found: Shapes) -> list[Row]:
    """Claim 17."""
    rows, shares = [], []
    for i, case in enumerate(CASES):
        top, mixed = peak(found.new[:, i]), peak(found.mixed(found.sm, found.new[:, i]))
        inside = EXCESS[0] <= top[0] <= EXCESS[1]
        words: dict[str, Any] = {"case": case.name, "range": _RANGE}
        rows.append(_row(17, "peak", top, inside, said=case in NAMED, mixed=_text(mixed), **words))
        share = found.at(found.new_share, case)
        shares.append(float(share[0]))
        mixed = found.mixed(found.sm_share, share)
        rows.append(_row(17, "share", share, mixed=_text(mixed), **words))
    rows.append(_row(17, "SM", found.sm_share, range=_RANGE))
    rows.append(_rank(17, f"share of the new part in {_RANGE}", -np.array(shares)))
    what = f"mass with the largest share of the new part in {_RANGE}"
    return rows + _best_masses(17, what, SCAN, found.new_share)


def _row(claim: int, name: str, draws: np.ndarray, agrees: Any = None, **words: Any) -> Row:
    """The central value is the first of the draws."""
    return row(claim, name, draws[0], draws[1:] if len(draws) > 1 else None, agrees, **words)


def _best_masses(
    claim: int, what: str, masses: np.ndarray, goodness: Mapping[str, np.ndarray]
) -> list[Row]:
    """The best mass; the text tries 300 and 700 MeV."""
    rows = []
    for case in NAMED:
        name, i = case.index
        mass, best = 1e3 * case.mass, np.atleast_1d(1e3 * vertex(masses, goodness[name][..., i]))
        tried = 1e3 * np.array(MASSES["scalar"])
        nearest = float(tried[np.argmin(np.abs(tried - best[0]))])
        words: dict[str, Any] = {"case": f"{name} {case.operator}", "what": what, "mass": mass}
        agrees = abs(best[0] - mass) < _NEAR * mass
        rows.append(_row(claim, "mass", best, agrees, nearest=nearest, **words))
    return rows


def _rank(claim: int, what: str, badness: np.ndarray, behind: str = "") -> Row:
    """Whether the three named cases are the best three of all."""
    order = [CASES[i] for i in np.argsort(badness)]
    worst = max(order.index(case) + 1 for case in NAMED)
    before = ", ".join(c.name for c in order[:worst] if c not in NAMED)
    before += " comes" if worst == len(NAMED) + 1 else " come"
    words: dict[str, Any] = {"three": _THREE, "n": len(CASES), "what": what}
    agrees = worst == len(NAMED)
    return row(claim, "rank", worst, None, agrees, behind=behind, before=before, **words)


def seen_rows(found: Shapes, fits: Matches) -> list[Row]:
    """Claim 18."""
    what = f"share of the histogram with efficiency in {_RANGE}"
    seen = [share_of(found.case_histogram(case)) for case in CASES]
    rows = []
    for case, share in zip(CASES, seen, strict=True):
        delta, br = fits.at(case)
        fit = (
            f"Delta chi2 = {delta:.2f} against the SM with Belle II's counts, at BR_NP = "
            f"{1e5 * br:.2g}e-5"
            if br
            else "Belle II's counts want none of it"
        )
        rows.append(_row(18, "share", share, case=case.name, what=what, fit=fit))
    sm = share_of(found.histogram(found.sm_centres))
    rows.append(_row(18, "SM", sm, what=what, delta=fits.delta_sm))
    deltas = np.array([fits.at(case)[0] for case in CASES])
    named = np.array([case in NAMED for case in CASES])
    behind = f"the next case is behind by {deltas[~named].min() - deltas[named].max():.2g} only"
    rows += [
        _rank(18, what, -np.array([s[0] for s in seen])),
        _rank(18, "Delta chi2 with Belle II's counts", deltas, behind),
    ]
    goodness = {name: -delta for name, delta in fits.delta.items()}
    what_mass = "mass with the smallest Delta chi2 with Belle II's counts"
    rows += _best_masses(18, what_mass, FITTED, goodness)
    return rows + _vectors(what, seen, fits)


def _vectors(what: str, seen: list[np.ndarray], fits: Matches) -> list[Row]:
    """Whether vectors can match: the abstract against text and slides."""
    families = [c.family for c in CASES]
    named = np.min([s for s, c in zip(seen, CASES, strict=True) if c in NAMED], axis=0)
    vector = np.max([s for s, f in zip(seen, families, strict=True) if f == "vector"], axis=0)
    # The abstract speaks of vector currents.
    current = [o.startswith("V") for o in FAMILIES["vector"].operators]
    best = float(fits.delta["vector"][:, current].min())
    gap = best - max(fits.at(case)[0] for case in NAMED)
    words: dict[str, Any] = {"three": _THREE, "best": best, "sm": fits.delta_sm}
    return [
        _row(18, "vector", vector - named, vector[0] < named[0], what=what, **words),
        row(18, "abstract", gap, None, gap <= 0, **words),
    ]


def omega_rows(found: Shapes) -> list[Row]:
    """Claim 20."""
    rows = []
    for m in _OMEGA:
        draws = found.omega[:, int(np.argmin(np.abs(SCAN - m)))]
        up = float(np.sqrt(draws[0]))
        words: dict[str, Any] = {"m": 1e3 * m, "direction": "up" if up > 1 else "down", "up": up}
        rows.append(_row(20, "omega", draws, **words))
    return rows
