"""Rows about R_K and R_K*: claims 1 to 4 and 9 of `claims.STATEMENTS`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.neutrinos.ratio_kernels import DRAWS, RatioKernels, drawn, eta_draws
from bsnunu_jax.reproduce.neutrinos.ratio_scans import Scan, share
from bsnunu_jax.reproduce.row import Row, spread
from bsnunu_jax.reproduce.settings import Settings

Numbers = np.ndarray
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
    br, br_error = sm.BR["B+->K+"], spread(sm.BR_draws["B+->K+"])
    rows = [
        Row(
            1,
            "below Eq. (2)",
            f"BR(B+->K+nunu) of the SM, preset {settings.inputs.preset}",
            "(4.4 +- 0.6)e-6",
            br,
            br_error,
            "",
            abs(br - QUOTED_SM) <= QUOTED_SM_ERROR,
        )
    ]
    for name, (value, error) in MEASURED.items():
        stated, stated_error = STATED_R[name]
        text, ratio = f"{stated:.1f} +- {stated_error:.1f}", value / QUOTED_SM
        # What the rounding of the quoted numbers leaves open.
        ends = (
            (value - _MEASURED_DIGIT) / (QUOTED_SM + _SM_DIGIT),
            (value + _MEASURED_DIGIT) / (QUOTED_SM - _SM_DIGIT),
        )
        exact = round(ratio, 1) == stated
        agrees = ends[0] <= stated + 0.05 and stated - 0.05 <= ends[1]
        rows.append(
            Row(
                1,
                "Eq. (4)",
                f"R_K of the {_NAMES[name]}, quoted numbers",
                text,
                ratio,
                ratio * float(np.hypot(error / value, QUOTED_SM_ERROR / QUOTED_SM)),
                "",
                agrees,
                ""
                if exact or not agrees
                else f"{value:.1e} over {QUOTED_SM:.1e} is {ratio:.2f}, the stated "
                "number is within the "
                "rounding of the two",
            )
        )
        here = value / br
        rows.append(
            Row(
                1,
                "Eq. (4)",
                f"R_K of the {_NAMES[name]}, SM of preset {settings.inputs.preset}",
                text,
                here,
                here * float(np.hypot(error / value, br_error / br)),
                "",
                abs(here - stated) <= stated * QUOTED_SM_ERROR / QUOTED_SM,
            )
        )
    for name, (value, error) in MEASURED.items():
        stated, stated_error = _STATED_WINDOW[name]
        window = value - QUOTED_SM
        agrees = abs(window - stated) <= _MEASURED_DIGIT + _SM_DIGIT
        rows.append(
            Row(
                1,
                "Eq. (17)",
                f"BR_NP(B+->K+inv) of the {_NAMES[name]}, quoted numbers",
                f"({stated * 1e5:.1f} +- {stated_error * 1e5:.1f})e-5",
                window,
                float(np.hypot(error, QUOTED_SM_ERROR)),
                "",
                agrees,
                ""
                if agrees
                else f"the quoted {value:.1e} minus {QUOTED_SM:.1e} is {window:.1e}; "
                "the difference "
                "is small against the uncertainty of the average",
            )
        )
    above = (MEASURED["new"][0] - QUOTED_SM) / float(np.hypot(MEASURED["new"][1], QUOTED_SM_ERROR))
    rows.append(
        Row(
            1,
            "abstract",
            "standard deviations of the new measurement above the SM, quoted numbers",
            "about 2.7",
            above,
            None,
            "",
            abs(above - 2.7) <= _SIGMAS,
            "Gaussian; the likelihood of Belle II itself: claim 25",
        )
    )
    limit, ratio = settings.constraints.limits["BR(B0->K*0inv)"], STATED_TIGHT
    here = limit / sm.BR["B0->K*0"]
    agrees = abs(here - ratio) <= 0.05
    rows.append(
        Row(
            1,
            "Eq. (5)",
            f"limit on R_K* of BR(B0->K*0inv) < {limit:.2g}, SM of preset {settings.inputs.preset}",
            f"{ratio}",
            here,
            here * spread(sm.BR_draws["B0->K*0"]) / sm.BR["B0->K*0"],
            "",
            agrees,
            ""
            if agrees
            else f"the stated limit belongs to BR_SM = {limit / ratio:.3g} of another set"
            f" of form factors; here it is {sm.BR['B0->K*0']:.3g}",
        )
    )
    return rows


def coefficients(settings: Settings) -> list[Row]:
    """Claim 2: eta and the coefficients of Eq. (10)."""
    sm, etas = settings.once(drawn), settings.once(eta_draws)
    kept, ignored = (spread(etas[k]) for k in ("correlated", "uncorrelated"))
    value = float(sm.central.eta)
    where = "below Eq. (11)"

    def same_digit(found: float) -> bool:
        return abs(found - 0.09) <= 0.01

    rows = [
        Row(2, where, "eta", "0.63 +- 0.09", value, kept, "", abs(value - 0.63) <= kept),
        Row(
            2,
            where,
            "uncertainty of eta, correlated form factors",
            "0.09",
            kept,
            _error_of(kept),
            "",
            same_digit(kept),
            ""
            if same_digit(kept)
            else "the correlations of A_1, A_12 and V cancel most of it in the ratio F_-/F_+",
        ),
        Row(
            2,
            where,
            "uncertainty of eta, correlations ignored",
            "0.09",
            ignored,
            _error_of(ignored),
            "",
            same_digit(ignored),
            "the form factors are those of the stated reference, their correlations are published "
            "with them"
            if same_digit(ignored)
            else "another set of B -> K* form factors than that of arXiv:2309.12741",
        ),
    ]
    forms: tuple[tuple[str, str, float, float, Callable[[RatioKernels], Any]], ...] = (
        ("2 C_SM/(3 |C_SM|^2)", "-0.105 +- 0.001", -0.105, 5e-4, _linear),
        ("1/(3 |C_SM|^2)", "0.0083 +- 0.0002", 0.0083, 5e-5, _square),
    )
    for name, text, quoted, digit, function in forms:
        found = float(function(sm.central))
        rows.append(
            Row(
                2,
                where,
                name,
                text,
                found,
                spread(function(sm.draws)),
                "",
                abs(found - quoted) <= digit,
            )
        )
    return rows


def _linear(kernels: RatioKernels) -> Any:
    return 2 / (3 * kernels.C_SM)


def _square(kernels: RatioKernels) -> Any:
    return 1 / kernels.S


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
    (new, average), (loose, tight) = (
        (c.R_K["new"], c.R_K["average"]),
        (c.R_Kstar["loose"], c.R_Kstar["tight"]),
    )
    where = "Fig. 1 left"
    rows = []
    for name, found in (("R_K", primed.R_K), ("R_K*", primed.R_Kstar)):
        least = float(found.min())
        rows.append(
            Row(
                3,
                where,
                f"lowest {name} of the scan of C_L', C_R'",
                ">= 1",
                least,
                None,
                "",
                least >= 1,
            )
        )
    apart = float(abs(left.R_K - left.R_Kstar).max())
    rows.append(
        Row(
            3,
            where,
            "largest |R_K - R_K*| of a scan of C_L alone",
            "0",
            apart,
            None,
            "",
            apart < ROUNDING,
        )
    )
    in_new = float(left.R_Kstar[left.inside(new, np.inf)].min())
    in_average = float(left.R_Kstar[left.inside(average, np.inf)].min())
    between = tight < in_average <= loose
    rows += [
        Row(
            3,
            "text",
            "lowest R_K* of C_L alone in the new range of R_K",
            "above both limits",
            in_new,
            None,
            "",
            in_new > loose,
        ),
        Row(
            3,
            "text",
            "lowest R_K* of C_L alone in the average range of R_K",
            "between the two limits",
            in_average,
            None,
            "",
            between,
            ""
            if between
            else "with these inputs the average range of R_K begins below the "
            "tighter limit on R_K*",
        ),
    ]
    for label, is_primed in (("C_L, C_R", False), ("C_L', C_R'", True)):
        for end, R_K in zip(("lower", "upper"), new, strict=True):
            value = float(lowest(sm.central, R_K, primed=is_primed))
            first = end == "lower"
            rows.append(
                Row(
                    3,
                    where,
                    f"lowest R_K* of {label} at the {end} end of the new range",
                    "below both limits" if first else "",
                    value,
                    spread(lowest(sm.draws, R_K, primed=is_primed)),
                    "",
                    value <= tight if first else None,
                    ""
                    if first
                    else f"R_K = {R_K:.3g}, no axial rate beyond that of the SM"
                    if is_primed
                    else f"R_K = {R_K:.3g}, no axial rate",
                )
            )
    return rows


def right_handed_neutrinos(settings: Settings) -> list[Row]:
    """Claim 9, at the lower end of R_K that the text states and at that of the constraints."""
    sm, rows = settings.once(drawn), []
    for begin in dict.fromkeys((STATED_END, settings.constraints.R_K["new"][0])):
        value = float(lowest(sm.central, begin, primed=True))
        error = spread(lowest(sm.draws, begin, primed=True))
        stated = begin == STATED_END
        rows.append(
            Row(
                9,
                "text",
                f"lowest R_K* of C_L', C_R' for R_K >= {begin:.3g}",
                "1.47" if stated else "",
                value,
                error,
                "",
                abs(value - 1.47) <= error if stated else None,
                "1 + (R_K - 1)(1 - eta)/2",
            )
        )
    return rows


def right_handed(settings: Settings) -> list[Row]:
    """Claim 4: how much of the volume of six C_R the limits leave."""
    sm, c = settings.once(drawn), settings.constraints
    new, rows = c.R_K["new"], []
    blue = float(share(sm.central.eta, new, c.R_Kstar["loose"]))
    for color, name in (("blue", "loose"), ("red", "tight")):
        limit = c.R_Kstar[name]
        value = float(share(sm.central.eta, new, limit))
        rows.append(
            Row(
                4,
                "Fig. 1 right",
                f"{color} share of the volume of six C_R in the new range of R_K",
                "there is a large region" if color == "blue" else "much harder",
                100 * value,
                100 * spread(share(sm.draws.eta, new, limit)),
                "%",
                None if color == "blue" else value < blue / 2,
                f"R_K* <= {limit:.3g}; exact, for real symmetric C_R",
            )
        )
    value = float(lowest_right(sm.central, new))
    rows.append(
        Row(
            4,
            "Fig. 1 right",
            "lowest R_K* of six C_R in the new range of R_K",
            "below both limits",
            value,
            spread(lowest_right(sm.draws, new)),
            "",
            value <= c.R_Kstar["tight"],
            "at equal C_R^ee = C_R^mumu = C_R^tautau",
        )
    )
    return rows


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
