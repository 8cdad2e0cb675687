"""Claims 25 to 27: published results from Belle II's likelihood beside those computed here."""

import math
from collections.abc import Mapping

from bsnunu_jax.reproduce.belle2.resonance import Resonances
from bsnunu_jax.reproduce.belle2.strength import Strength
from bsnunu_jax.reproduce.belle2.wet import Wet
from bsnunu_jax.reproduce.row import Row

MU, WET, TWO_BODY = "arXiv:2311.14647", "arXiv:2507.12393", "arXiv:2602.09666"
# Stated: mu or BR [1e-5], statistical and systematic errors (up, down).
STRENGTHS = {
    "combined": ("4.6 +- 1.0 +- 0.9", 4.6, (1.0, 1.0), (0.9, 0.9)),
    "ITA": ("(2.7 +- 0.5 +- 0.5)e-5", 2.7, (0.5, 0.5), (0.5, 0.5)),
    "HTA": ("(1.1 +0.9 -0.8 +0.8 -0.5)e-5", 1.1, (0.9, 0.8), (0.8, 0.5)),
}
SIGNIFICANCES = {"combined": (3.5, 2.7), "ITA": (None, 2.9), "HTA": (None, 0.6)}
WET_MODE = (11.3, 0.0, 8.21)
WET_ENDS = {"cVL": (1.86, 16.2), "cSL": (0.0, 15.4), "cTL": (0.0, 11.2)}
RESONANCE_MASS, RESONANCE_BR = (2.1, 0.2, 0.1), (9.2e-6, 1.8e-6, 3.4e-6)
RESONANCE_SIGMAS = 3.0
_NAMES = {"cVL": "|C_VL + C_VR|", "cSL": "|C_SL + C_SR|", "cTL": "|C_TL|"}
_ROUNDING = 0.05


def strength_rows(found: Mapping[str, Strength], sm: float) -> list[Row]:
    """Claim 25.

    Args:
        found: by tag.
        sm: BR(B+->K+ nu nubar) that mu multiplies.
    """
    rows = []
    for tag, s in found.items():
        text, value, statistical, systematic = STRENGTHS[tag]
        scale, what = (1.0, "signal strength mu") if tag == "combined" else (sm, "BR(B+->K+nunu)")
        unit = 1.0 if tag == "combined" else 1e-5
        stated = [math.hypot(a, b) for a, b in zip(statistical, systematic, strict=True)]
        ours = [scale * e / unit for e in (s.up, s.down)]
        agrees = abs(scale * s.mu / unit - value) <= _ROUNDING and all(
            abs(a - b) <= 2 * _ROUNDING * max(1.0, a) for a, b in zip(ours, stated, strict=True)
        )
        rows.append(
            Row(
                25,
                MU,
                f"{what}, {tag}",
                text,
                scale * s.mu,
                (scale * s.up, scale * s.down),
                "",
                agrees,
                ""
                if agrees
                else f"total errors +{ours[0]:.2f} -{ours[1]:.2f} of the "
                f"likelihood, +{stated[0]:.2f} -{stated[1]:.2f} of the stated ones in quadrature",
            )
        )
        for name, error, given, why in (
            (
                "statistical error",
                s.statistical,
                statistical,
                "every count fluctuates by its root and all is fitted anew",
            ),
            ("systematic error", s.systematic, systematic, "the rest, in quadrature"),
        ):
            mine = scale * error / unit
            rows.append(
                Row(
                    25,
                    MU,
                    f"{name} of {what}, {tag}",
                    _stated_errors(list(dict.fromkeys(given)), "e-5" * (tag != "combined")),
                    scale * error,
                    None,
                    "",
                    min(given) - _ROUNDING <= mine <= max(given) + _ROUNDING,
                    why,
                )
            )
        if tag == "combined":
            rows.append(
                Row(
                    25,
                    MU,
                    "error of mu with all nuisances held at their best values",
                    "",
                    s.frozen,
                    None,
                    "",
                    None,
                    "smaller than the statistical error: the normalisations of the "
                    "backgrounds are nuisances that the counts determine",
                )
            )
        for over, q, sigmas in zip(
            ("no signal", "the SM"), (s.q_0, s.q_1), SIGNIFICANCES[tag], strict=True
        ):
            root = math.sqrt(q)
            rows.append(
                Row(
                    25,
                    MU,
                    f"standard deviations above {over}, {tag}",
                    "" if sigmas is None else f"{sigmas}",
                    root,
                    None,
                    "",
                    None if sigmas is None else abs(root - sigmas) <= _ROUNDING,
                )
            )
    return rows


def _stated_errors(given: list[float], power: str) -> str:
    """One number, or +up -down."""
    if len(given) == 1:
        return f"{given[0]:g}{power}"
    return f"+{given[0]:g}{power} -{given[1]:g}{power}"


def wet_rows(found: Wet) -> list[Row]:
    """Claim 26."""
    rows = []
    for (name, label), stated in zip(_NAMES.items(), WET_MODE, strict=True):
        value, error = found.best.values[name], found.best.errors[name] or math.nan
        agrees = abs(value - stated) <= 0.1 * error
        rows.append(
            Row(
                26,
                WET,
                f"{label}, best fit",
                f"{stated:.3g} (mode)",
                value if value > 1e-6 else 0.0,
                error,
                "",
                agrees,
                f"-2 ln L at the stated mode is {found.rise:.3f} above the minimum",
            )
        )
    for name, label in _NAMES.items():
        for end, which in enumerate(("lower", "upper")):
            stated, value = WET_ENDS[name][end], found.ends[name][end]
            error = found.errors[name][end]
            # Both are ends of samples: theirs have Monte-Carlo errors too, of unknown size.
            half = 0.5 * 10.0 ** (math.floor(math.log10(stated)) - 2) if stated else 0.005
            agrees = abs(value - stated) <= half + 2 * math.sqrt(2) * error
            rows.append(
                Row(
                    26,
                    WET,
                    f"{which} end of the 95 % HDI of {label}",
                    f"{stated:.3g}",
                    value,
                    error,
                    "",
                    agrees,
                    ""
                    if agrees
                    else "beyond twice the Monte-Carlo errors of two samples "
                    "of this size: MC statistics are integrated over positive rates here",
                )
            )
    return rows


def resonance_rows(found: Resonances) -> list[Row]:
    """Claim 27."""
    m, br, rise = found.best
    posterior = found.posterior()
    modes, regions = posterior.mode, posterior.hdi()
    profiles = found.mass_interval(), found.br_interval()
    rows = []
    for k, (what, text, stated, unit) in enumerate(
        (
            ("m_X", "2.1 +0.2 -0.1 GeV", RESONANCE_MASS, "GeV"),
            ("B(B -> K X) P_inv", "(9.2 +1.8 -3.4)e-6", RESONANCE_BR, ""),
        )
    ):
        for how, value, (low, high) in (
            ("profile likelihood", (m, br)[k], profiles[k]),
            ("posterior with flat priors, 68 % HDI", modes[k], regions[k]),
        ):
            # Within a quarter of what is quoted: the same data, other intervals and form factors.
            agrees = abs(value - stated[0]) <= 0.25 * max(stated[1:])
            ends = f"[{stated[0] - stated[2]:.3g}, {stated[0] + stated[1]:.3g}]"
            rows.append(
                Row(
                    27,
                    TWO_BODY,
                    f"{what}, {how}",
                    text,
                    value,
                    (high - value, value - low),
                    unit,
                    agrees,
                    f"from {low:.3g} to {high:.3g}, stated {ends}",
                )
            )
    local = found.local
    for how, why in (
        ("CLs", "tail probability of the SM over that of the best fit, two parameters"),
        ("Wilks", "chi2 with two parameters, though the mass means nothing without a signal"),
        ("mass given", "one parameter, as if the mass had been known: no look elsewhere"),
    ):
        agrees = abs(local[how] - RESONANCE_SIGMAS) <= _ROUNDING
        rows.append(
            Row(
                27,
                TWO_BODY,
                f"local standard deviations above the SM, {how}",
                "3.0",
                local[how],
                None,
                "",
                agrees,
                f"-2 ln L falls by {-rise:.2f}; {why}",
            )
        )
    return rows
