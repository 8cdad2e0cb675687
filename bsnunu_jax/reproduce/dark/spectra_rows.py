"""Claims 17, 18 and 20: where spectra peak, how they match the excess, and omega(m)."""

from collections.abc import Mapping

import numpy as np

from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.likelihood import FITTED, Matches
from bsnunu_jax.reproduce.dark.shapes import (
    CASES,
    EXCESS,
    MASSES,
    SCAN,
    Case,
    Shapes,
    peak,
    share_of,
    vertex,
)
from bsnunu_jax.reproduce.row import Row, spread, with_uncertainty

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


def _row(
    claim: int,
    where: str,
    quantity: str,
    draws: np.ndarray,
    unit: str = "",
    stated: str = "",
    agrees: bool | None = None,
    why: str = "",
) -> Row:
    error = spread(draws[1:]) if len(draws) > 1 else None
    return Row(claim, where, quantity, stated, float(draws[0]), error, unit, agrees, why)


def spectrum_rows(found: Shapes) -> list[Row]:
    """Claim 17."""
    rows, shares = [], []
    for i, case in enumerate(CASES):
        top, mixed = peak(found.new[:, i]), peak(found.mixed(found.sm, found.new[:, i]))
        named = case in NAMED
        inside = bool(EXCESS[0] <= top[0] <= EXCESS[1])
        rows.append(
            _row(
                17,
                "Fig. 7",
                f"{case.name}: peak of the spectrum of the new part",
                top,
                "GeV^2",
                f"more closely matches {_RANGE}" if named else "",
                inside if named else None,
                f"with the SM the peak is at {_text(mixed)} GeV^2",
            )
        )
        share = found.at(found.new_share, case)
        shares.append(float(share[0]))
        rows.append(
            _row(
                17,
                "Fig. 7",
                f"{case.name}: share of the new part in {_RANGE}",
                share,
                why=f"with the SM {_text(found.mixed(found.sm_share, share))}",
            )
        )
    rows.append(_row(17, "Fig. 7", f"SM: share of the spectrum in {_RANGE}", found.sm_share))
    rows.append(_rank(17, "Fig. 7", f"share of the new part in {_RANGE}", -np.array(shares)))
    what = f"mass with the largest share of the new part in {_RANGE}"
    return rows + _best_masses(17, "Fig. 7", what, SCAN, found.new_share)


def _best_masses(
    claim: int, where: str, what: str, masses: np.ndarray, goodness: Mapping[str, np.ndarray]
) -> list[Row]:
    """The best mass; the text tries 300 and 700 MeV."""
    rows = []
    for case in NAMED:
        name, i = case.index
        best = np.atleast_1d(1e3 * vertex(masses, goodness[name][..., i]))
        tried = 1e3 * np.array(MASSES["scalar"])
        nearest = float(tried[np.argmin(np.abs(tried - best[0]))])
        agrees = bool(abs(best[0] - 1e3 * case.mass) < _NEAR * 1e3 * case.mass)
        rows.append(
            _row(
                claim,
                where,
                f"{name} {case.operator}: {what}",
                best,
                "MeV",
                f"~{1e3 * case.mass:.0f} MeV",
                agrees,
                f"of the two masses that the text tries {nearest:.0f} MeV is the nearer one"
                if agrees
                else f"the text tries 300 and 700 MeV only, of which {nearest:.0f} MeV "
                "is the nearer one",
            )
        )
    return rows


def _rank(claim: int, where: str, what: str, badness: np.ndarray, why: str = "") -> Row:
    """Whether the three named cases are the best three of all."""
    order = [CASES[i] for i in np.argsort(badness)]
    worst = max(order.index(case) + 1 for case in NAMED)
    agrees = worst == len(NAMED)
    before = ", ".join(c.name for c in order[:worst] if c not in NAMED)
    if not agrees:
        why = f"{before} {'comes' if worst == len(NAMED) + 1 else 'come'} before the last of them"
    return Row(
        claim,
        where,
        f"last rank of {_THREE} among {len(CASES)} cases, by {what}",
        "the best three",
        worst,
        None,
        "",
        agrees,
        why,
    )


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
        rows.append(_row(18, "Fig. 8", f"{case.name}: {what}", share, why=fit))
    sm = share_of(found.histogram(found.sm_centres))
    rows.append(
        _row(
            18,
            "Fig. 8",
            f"SM: {what}",
            sm,
            why=f"Delta chi2 = {fits.delta_sm:.2f} with its strength free",
        )
    )
    deltas = np.array([fits.at(case)[0] for case in CASES])
    named = np.array([case in NAMED for case in CASES])
    behind = deltas[~named].min() - deltas[named].max()
    rows += [
        _rank(18, "text", what, -np.array([s[0] for s in seen])),
        _rank(
            18,
            "text",
            "Delta chi2 with Belle II's counts",
            deltas,
            f"the next case is behind by {behind:.2g} only",
        ),
    ]
    goodness = {name: -delta for name, delta in fits.delta.items()}
    what_mass = "mass with the smallest Delta chi2 with Belle II's counts"
    rows += _best_masses(18, "text", what_mass, FITTED, goodness)
    return rows + _vectors(what, seen, fits)


def _vectors(what: str, seen: list[np.ndarray], fits: Matches) -> list[Row]:
    """Whether vectors can match: the abstract against text and slides."""
    families = [c.family for c in CASES]
    named = np.min([s for s, c in zip(seen, CASES, strict=True) if c in NAMED], axis=0)
    vector = np.max([s for s, f in zip(seen, families, strict=True) if f == "vector"], axis=0)
    cannot = bool(vector[0] < named[0])
    # The abstract speaks of vector currents.
    current = [o.startswith("V") for o in FAMILIES["vector"].operators]
    best = float(fits.delta["vector"][:, current].min())
    gap = best - max(fits.at(case)[0] for case in NAMED)
    return [
        _row(
            18,
            "slides, text",
            f"best vector case minus the last of {_THREE}, {what}",
            vector - named,
            "",
            "vectors cannot match (< 0)",
            cannot,
            "" if cannot else "a vector case does as well as those of the text",
        ),
        Row(
            18,
            "abstract",
            "Delta chi2 with Belle II's counts, best vector current of a vector "
            f"pair (0.1 to 0.9 GeV) minus the last of {_THREE}",
            "as good (<= 0)",
            gap,
            None,
            "",
            gap <= 0,
            f"{best:.2f} against the SM; the SM spectrum with its strength free has "
            f"{fits.delta_sm:.2f}"
            + ("" if gap <= 0 else ": the abstract's vector should read fermion, as in the text"),
        ),
    ]


def omega_rows(found: Shapes) -> list[Row]:
    """Claim 20."""
    rows = []
    for m in _OMEGA:
        draws = found.omega[:, int(np.argmin(np.abs(SCAN - m)))]
        up = float(np.sqrt(draws[0]))
        rows.append(
            _row(
                20,
                "slides",
                f"omega of scalars with S at m = {1e3 * m:g} MeV",
                draws,
                why="the coefficient that is needed moves "
                f"{'up' if up > 1 else 'down'} by sqrt(omega) "
                f"= {up:.3g}",
            )
        )
    return rows
