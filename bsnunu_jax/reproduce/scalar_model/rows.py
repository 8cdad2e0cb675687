"""What the slides state about the scalar model, claims 19 and 21 to 24, beside what is computed."""

import math
from typing import Any

import numpy as np

from bsnunu_jax.models.values import PERTURBATIVE
from bsnunu_jax.observables.dark_matter.annihilation import CM3_PER_S
from bsnunu_jax.reproduce.row import Row, row, spread
from bsnunu_jax.reproduce.scalar_model import rates
from bsnunu_jax.reproduce.scalar_model.plane import (
    MASS,
    QUARKS,
    STRANGE,
    Plane,
    benchmark,
    largest_ratio,
    largest_rho,
)
from bsnunu_jax.reproduce.settings import Settings

# The slides' numbers: |C^S_sb| [1/TeV], <sigma v> [cm^3/s, GeV^-2], ratio, BR, |C|/m_c [TeV^-2].
C_SB = (3e-5, 8e-5)
SIGMA_V_CM3, SIGMA_V = 2.4e-26, 2.2e-9
RATIO, BR_BS = 1e3, 4e-5
CHARM = {"D0->pi0": 2.06, "D0->inv": 0.25}
LEAST_QUARK = 1.5  # TeV
# Half a unit of the last digit, and what "about" leaves room for.
_HALF, _ABOUT = 0.5e-5, 0.25
_SHOWN = (0, 2, 4)


def scalar_rows(
    settings: Settings, found: rates.Lanes, known: rates.Relic, plane: Plane
) -> list[Row]:
    """All rows.

    Args:
        settings: constraints and inputs.
        found: `scalar_rates.drawn`.
        known: what freeze-out needs.
        plane: of r_d and r_q.
    """
    central = rates.decays(settings, np.array(rates.MASSES))
    return [
        *_needed(settings, central, found),
        *_relic(settings, central, found, known),
        *_bs(settings, central, found),
        *_charm(settings, central, found),
        *_plane(settings, central, found, known, plane),
    ]


def _needed(settings: Settings, central: rates.Lanes, found: rates.Lanes) -> list[Row]:
    """Claim 19: |C^S_sb|."""
    rows, per_tev = [], rates.UNIT / rates.PER_TEV

    def of(br: float, i: int, weighted: bool = False) -> tuple[float, float]:
        """|C^S_sb| [1/TeV] and its uncertainty."""
        value, draws = (
            per_tev * rates.of_branching_fraction(lanes, br, weighted=weighted)[i]
            for lanes in (central, found)
        )
        return float(value), spread(draws)

    for window, (low, high) in settings.constraints.window.items():
        words: dict[str, Any] = {"window": window, "br": (low + high) / 2}
        for weighted, i in ((w, i) for w in (False, True) for i in _SHOWN):
            value, error = of(words["br"], i, weighted)
            words |= {"m": rates.MASSES[i], "weighted": ", with omega(m)" * weighted}
            agrees = C_SB[0] - _HALF <= value <= C_SB[1] + _HALF
            why = f"omega = {central['omega'][i]:.2f} moves the band up by its root"
            rows.append(
                row(19, "middle", value, error, agrees, why=why if weighted else None, **words)
            )
        for br, i, edge, name in ((low, 0, C_SB[0], "lower"), (high, -1, C_SB[1], "upper")):
            value, error = of(br, i)
            other = float(central["B+->K+"][i]) * (edge / per_tev) ** 2
            words = {"name": name, "window": window, "m": rates.MASSES[i], "edge": edge, "br": br}
            agrees = abs(value - edge) <= max(_HALF, error)
            rows.append(row(19, "end", value, error, agrees, other=other, **words))
    return rows


def _relic(
    settings: Settings, central: rates.Lanes, found: rates.Lanes, known: rates.Relic
) -> list[Row]:
    """Claim 21: freeze-out, the hierarchy of couplings, the CMB."""
    in_gev = SIGMA_V_CM3 / CM3_PER_S
    rows = [row(21, "units", in_gev, None, abs(in_gev - SIGMA_V) <= 0.05e-9)]
    target, error = known.target
    for m in (0.6, 0.8):
        i, at = rates.MASSES.index(m), known.at(m)
        sigma_v = float(known.sigma_v[at])
        agrees = abs(sigma_v - SIGMA_V) <= 0.1 * SIGMA_V
        dense = float(rates.density(settings, np.array([m]), known.of_sigma_v(SIGMA_V)[[at]])[0])
        words: dict[str, Any] = {"m": m, "target": target, "dense": dense}
        rows.append(row(21, "sigma_v", sigma_v, sigma_v * error / target, agrees, **words))
        C_ss = rates.drawn_C_ss(settings, found, m, i)
        for window, (low, high) in settings.constraints.window.items():
            br = (low + high) / 2
            value = float(
                known.C_ss[at] / (rates.UNIT * rates.of_branching_fraction(central, br)[i])
            )
            drawn = C_ss / (rates.UNIT * rates.of_branching_fraction(found, br)[i])
            same_order = round(math.log10(value)) == round(math.log10(RATIO))
            rows.append(row(21, "hierarchy", value, drawn, same_order, window=window, m=m))
    limit = float(settings.inputs.values["p_ann_Planck"])
    for m in (0.48, 0.6, 0.8):
        p_ann = float(known.p_ann[known.at(m)])
        below = p_ann < limit
        if p_ann == 0:
            rows.append(row(21, "no p_ann", p_ann, None, below, m=m))
        else:
            words = {"m": m, "limit": limit, "f_eff": limit / p_ann}
            rows.append(row(21, "p_ann", p_ann, p_ann * error / target, below, **words))
    return rows


def _bs(settings: Settings, central: rates.Lanes, found: rates.Lanes) -> list[Row]:
    """Claim 22: B(Bs -> phi phi) for |C^P| = |C^S|."""
    rows = []
    limit = settings.constraints.limits["BR(Bs->inv)"]

    def of(br: float, i: int) -> tuple[float, float]:
        value, draws = (
            lanes["Bs->inv"][i] * rates.of_branching_fraction(lanes, br)[i] ** 2
            for lanes in (central, found)
        )
        return float(value), spread(draws)

    for window, (low, high) in settings.constraints.window.items():
        for i in _SHOWN:
            value, error = of((low + high) / 2, i)
            agrees = abs(value - BR_BS) <= max(_ABOUT * BR_BS, error)
            needed = float(np.sqrt(BR_BS / central["Bs->inv"][i])) * rates.UNIT / rates.PER_TEV
            words: dict[str, Any] = {"window": window, "m": rates.MASSES[i], "needed": needed}
            rows.append(row(22, "middle", value, error, agrees, **words))
        value, error = of(high, -1)
        words = {"window": window, "m": rates.MASSES[-1], "limit": limit}
        rows.append(row(22, "largest", value, error, value < limit, **words))
    return rows


def _charm(settings: Settings, central: rates.Lanes, found: rates.Lanes) -> list[Row]:
    """Claim 23: D0 decays and the mass of the vector-like quarks."""
    rows = []
    for mode, stated in CHARM.items():
        letter, decay = ("P", "D0 -> inv") if mode == "D0->inv" else ("S", "D0 -> pi0 inv")
        for i in (0, 2):
            value = float(rates.of_limit(settings, central, mode)[i])
            error = spread(rates.of_limit(settings, found, mode)[i])
            agrees = abs(value - stated) <= max(error, 0.05 * stated)
            words: dict[str, Any] = {"letter": letter, "decay": decay, "number": stated}
            rows.append(row(23, "charm", value, error, agrees, m=rates.MASSES[i], **words))
    least, drawn = (
        QUARKS * np.sqrt(benchmark(settings) / rates.of_limit(settings, lanes, "D0->inv")[0])
        for lanes in (central, found)
    )
    return [*rows, row(23, "quark", least, drawn, least < LEAST_QUARK, least=LEAST_QUARK)]


def _plane(
    settings: Settings, central: rates.Lanes, found: rates.Lanes, known: rates.Relic, plane: Plane
) -> list[Row]:
    """Claim 24: the couplings, at 3 TeV and |y_d^s| = |y_q^s| = 2."""
    i = rates.MASSES.index(MASS)
    C_ss, drawn = float(known.C_ss[known.at(MASS)]), rates.drawn_C_ss(settings, found, MASS, i)
    quarks = f"m = {MASS} GeV, m_Q = m_D = {QUARKS:g} TeV, |y^s| = {STRANGE:g}"
    here = f"{quarks}, rho = 0"
    rows = []
    for window, (low, high) in settings.constraints.window.items():
        br = (low + high) / 2
        value = 2 * rates.UNIT * rates.of_branching_fraction(central, br)[i] / C_ss
        draws = 2 * rates.UNIT * rates.of_branching_fraction(found, br)[i] / drawn
        points = int((plane.inside(window) & plane.allowed).sum())
        words: dict[str, Any] = {"window": window, "points": points, "n": plane.C_S.size}
        rows.append(row(24, "circle", value, draws, here=here, **words))
    at = {name: values[[i]] for name, values in central.items()}
    largest = largest_ratio(settings, at, C_ss)[0]
    largest_drawn = largest_ratio(
        settings, {name: values[i] for name, values in found.items()}, drawn
    )
    y_1 = plane.y_1
    words = {"below": "below" if y_1 < PERTURBATIVE else "above", "largest": PERTURBATIVE}
    words["perturbative"] = "perturbative" if y_1 < PERTURBATIVE else "not perturbative"
    rhos = np.array([largest_rho(y_1 * x / C_ss) for x in drawn])
    return [
        *rows,
        row(24, "ratio", largest, largest_drawn, here=here),
        row(24, "y_1", y_1, y_1 * spread(drawn) / C_ss, here=here, **words),
        row(24, "rho", largest_rho(y_1), rhos, here=quarks),
    ]
