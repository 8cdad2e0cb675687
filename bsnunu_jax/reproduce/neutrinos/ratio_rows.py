"""Rows about R_K and R_K*: claims 1 to 4 and 9."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.neutrinos.ratio_kernels import (
    DRAWS,
    Numbers,
    RatioKernels,
    drawn,
    eta_draws,
)
from bsnunu_jax.reproduce.neutrinos.ratio_scans import Scan, share
from bsnunu_jax.reproduce.row import Row, row, spread
from bsnunu_jax.reproduce.settings import Settings

# BR(B+->K+nunu) of Belle II and its average, and the SM value they are divided by, as quoted in
# Eqs. (1), (2) and between them, arXiv:2309.12741: value, uncertainty, half of the last digit.
MEASURED = {"new": (2.3e-5, 0.7e-5), "average": (1.3e-5, 0.4e-5)}
QUOTED_SM, QUOTED_SM_ERROR = 4.4e-6, 0.6e-6
_MEASURED_DIGIT, _SM_DIGIT = 0.05e-5, 0.05e-6
STATED_R = {"new": (5.3, 1.7), "average": (3.0, 1.0)}
_STATED_WINDOW = {"new": (1.9e-5, 0.7e-5), "average": (1.0e-5, 0.4e-5)}
_NAMES = {"new": "new measurement", "average": "average"}
# Limit on R_K* of the neutral mode, Eq. (5); how near a rounded number of sigmas must be.
STATED_TIGHT, _SIGMAS = 1.9, 0.25
# Lower end of the new range of R_K, Eq. (4).
STATED_END = 3.6
ROUNDING = 1e-12


def measured(settings: Settings) -> list[Row]:
    """Claim 1: ratios and windows of the quoted numbers and with the SM of the preset."""
    sm = settings.once(drawn)
    words: dict[str, Any] = {"preset": settings.inputs.preset, "sm": QUOTED_SM}
    br, br_error = sm.BR["B+->K+"], spread(sm.BR_draws["B+->K+"])
    rows = [row(1, "SM", br, br_error, abs(br - QUOTED_SM) <= QUOTED_SM_ERROR, **words)]
    for name, (value, error) in MEASURED.items():
        (R, R_error), ratio = STATED_R[name], value / QUOTED_SM
        # What the rounding of the quoted numbers leaves open.
        ends = (
            (value - _MEASURED_DIGIT) / (QUOTED_SM + _SM_DIGIT),
            (value + _MEASURED_DIGIT) / (QUOTED_SM - _SM_DIGIT),
        )
        of_ratio = ratio * float(np.hypot(error / value, QUOTED_SM_ERROR / QUOTED_SM))
        agrees = ends[0] <= R + 0.05 and ends[1] >= R - 0.05
        why = "" if round(ratio, 1) == R else None
        words |= {"which": _NAMES[name], "R": R, "R_error": R_error, "br": value, "ratio": ratio}
        rows.append(row(1, "quoted R_K", ratio, of_ratio, agrees, why=why, **words))
        here = value / br
        of_here = here * float(np.hypot(error / value, br_error / br))
        agrees = abs(here - R) <= R * QUOTED_SM_ERROR / QUOTED_SM
        rows.append(row(1, "R_K", here, of_here, agrees, **words))
    for name, (value, error) in MEASURED.items():
        stated, window = _STATED_WINDOW[name], value - QUOTED_SM
        agrees = abs(window - stated[0]) <= _MEASURED_DIGIT + _SM_DIGIT
        words |= {"which": _NAMES[name], "br": value, "window": window}
        words |= {"stated": stated[0] * 1e5, "stated_error": stated[1] * 1e5}
        of_window = float(np.hypot(error, QUOTED_SM_ERROR))
        rows.append(row(1, "window", window, of_window, agrees, **words))
    above = (MEASURED["new"][0] - QUOTED_SM) / float(np.hypot(MEASURED["new"][1], QUOTED_SM_ERROR))
    rows.append(row(1, "above", above, None, abs(above - 2.7) <= _SIGMAS))
    limit, ratio = settings.constraints.limits["BR(B0->K*0inv)"], STATED_TIGHT
    of_sm = sm.BR["B0->K*0"]
    here, error = limit / of_sm, limit / of_sm * spread(sm.BR_draws["B0->K*0"]) / of_sm
    words |= {"limit": limit, "ratio": ratio, "needed": limit / ratio, "here": of_sm}
    return [*rows, row(1, "limit", here, error, abs(here - ratio) <= 0.05, **words)]


def coefficients(settings: Settings) -> list[Row]:
    """Claim 2: eta and the coefficients of Eq. (10)."""
    sm, etas = settings.once(drawn), settings.once(eta_draws)
    errors = {k: spread(etas[k]) for k in ("correlated", "uncorrelated")}
    value = float(sm.central.eta)
    rows = [row(2, "eta", value, errors["correlated"], abs(value - 0.63) <= errors["correlated"])]
    rows += [
        row(2, name, error, _error_of(error), abs(error - 0.09) <= 0.01)
        for name, error in errors.items()
    ]
    forms: tuple[tuple[str, float, float, Callable[[RatioKernels], Any]], ...] = (
        ("linear", -0.105, 5e-4, lambda kernels: 2 / (3 * kernels.C_SM)),
        ("square", 0.0083, 5e-5, lambda kernels: 1 / kernels.S),
    )
    for name, quoted, digit, function in forms:
        found = float(function(sm.central))
        rows.append(row(2, name, found, function(sm.draws), abs(found - quoted) <= digit))
    return rows


def _error_of(sigma: float) -> float:
    """Of half a 68 % interval of so many normal draws: 1.17 of that of a standard deviation."""
    return sigma * 1.17 / float(np.sqrt(2 * DRAWS))


def lowest(kernels: RatioKernels, R_K: Any, *, primed: bool = False) -> Any:
    """The smallest R_K* that C_L with C_R, or C_L' with C_R', give at this R_K: no axial rate."""
    least = 1.0 if primed else 0.0
    return least + (1 - kernels.eta) / 2 * (R_K - least)


def scans(settings: Settings, primed: Scan, left: Scan) -> list[Row]:
    """Claim 3."""
    sm, c = settings.once(drawn), settings.constraints
    new, (loose, tight) = c.R_K["new"], (c.R_Kstar["loose"], c.R_Kstar["tight"])
    rows = []
    for name, found in (("R_K", primed.R_K), ("R_K*", primed.R_Kstar)):
        rows.append(row(3, "primed", found.min(), None, found.min() >= 1, name=name))
    apart = abs(left.R_K - left.R_Kstar).max()
    in_new, in_average = (
        left.R_Kstar[left.inside(c.R_K[k], np.inf)].min() for k in ("new", "average")
    )
    rows += [
        row(3, "apart", apart, None, apart < ROUNDING),
        row(3, "new", in_new, None, in_new > loose),
        row(3, "average", in_average, None, tight < in_average <= loose),
    ]
    for label, is_primed in (("C_L, C_R", False), ("C_L', C_R'", True)):
        beyond = " beyond that of the SM" if is_primed else ""
        for end, R_K in zip(("lower", "upper"), new, strict=True):
            value, draws = (lowest(k, R_K, primed=is_primed) for k in (sm.central, sm.draws))
            said, low = end == "lower", value <= tight
            words: dict[str, Any] = {"label": label, "end": end, "R_K": R_K, "beyond": beyond}
            rows.append(row(3, "end", value, draws, low, said=said, **words))
    return rows


def right_handed_neutrinos(settings: Settings) -> list[Row]:
    """Claim 9, at the lower end of R_K that the text states and at that of the constraints."""
    sm, rows = settings.once(drawn), []
    for begin in dict.fromkeys((STATED_END, settings.constraints.R_K["new"][0])):
        value = float(lowest(sm.central, begin, primed=True))
        error = spread(lowest(sm.draws, begin, primed=True))
        agrees, said = abs(value - 1.47) <= error, begin == STATED_END
        rows.append(row(9, "lowest", value, error, agrees, said=said, begin=begin))
    return rows


def right_handed(settings: Settings) -> list[Row]:
    """Claim 4: how much of the volume of six C_R the limits leave."""
    sm, c = settings.once(drawn), settings.constraints
    new, rows = c.R_K["new"], []
    blue = share(sm.central.eta, new, c.R_Kstar["loose"])
    for color, name, text in (
        ("blue", "loose", "there is a large region"),
        ("red", "tight", "much harder"),
    ):
        limit = c.R_Kstar[name]
        value, draws = (share(k.eta, new, limit) for k in (sm.central, sm.draws))
        words: dict[str, Any] = {"color": color, "text": text, "limit": limit}
        harder = None if color == "blue" else value < blue / 2
        rows.append(row(4, "share", 100 * value, 100 * spread(draws), harder, **words))
    least, leasts = (lowest_right(k, new) for k in (sm.central, sm.draws))
    return [*rows, row(4, "lowest", least, leasts, least <= c.R_Kstar["tight"])]


def lowest_right(kernels: RatioKernels, R_K: tuple[float, float]) -> float | Numbers:
    """The smallest R_K* of all C_R in a range of R_K: R_K + 2 (1 + eta)(1 - sqrt R_K)."""
    root = np.clip(1 + np.asarray(kernels.eta), *np.sqrt(R_K))
    return root**2 + 2 * (1 + np.asarray(kernels.eta)) * (1 - root)


def rows(settings: Settings, primed: Scan, left: Scan) -> Sequence[Row]:
    """All rows of this module."""
    return [
        *measured(settings),
        *coefficients(settings),
        *scans(settings, primed, left),
        *right_handed_neutrinos(settings),
        *right_handed(settings),
    ]
