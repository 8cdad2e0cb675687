"""Claims 25 to 27: published results from Belle II's likelihood beside those computed here."""

import math
from collections.abc import Mapping
from typing import Any

from bsnunu_jax.reproduce.belle2.resonance import Resonances
from bsnunu_jax.reproduce.belle2.strength import Strength
from bsnunu_jax.reproduce.belle2.wet import Wet
from bsnunu_jax.reproduce.row import Row, row

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
        words: dict[str, Any] = {"what": what, "tag": tag, "ours": ours, "theirs": stated}
        errors = scale * s.up, scale * s.down
        rows.append(row(25, "strength", scale * s.mu, errors, agrees, text=text, **words))
        for name, error, given in (
            ("statistical error", s.statistical, statistical),
            ("systematic error", s.systematic, systematic),
        ):
            mine = scale * error / unit
            inside = min(given) - _ROUNDING <= mine <= max(given) + _ROUNDING
            text = _stated_errors(list(dict.fromkeys(given)), "e-5" * (tag != "combined"))
            rows.append(row(25, name, scale * error, None, inside, text=text, **words))
        if tag == "combined":
            rows.append(row(25, "held", s.frozen))
        for over, q, sigmas in zip(
            ("no signal", "the SM"), (s.q_0, s.q_1), SIGNIFICANCES[tag], strict=True
        ):
            root = math.sqrt(q)
            near = None if sigmas is None else abs(root - sigmas) <= _ROUNDING
            words = {"over": over, "tag": tag, "sigmas": sigmas}
            rows.append(row(25, "above", root, None, near, said=sigmas is not None, **words))
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
        shown = value if value > 1e-6 else 0.0
        words: dict[str, Any] = {"label": label, "mode": stated, "rise": found.rise}
        rows.append(row(26, "best", shown, error, agrees, **words))
    for name, label in _NAMES.items():
        for end, which in enumerate(("lower", "upper")):
            stated, value = WET_ENDS[name][end], found.ends[name][end]
            error = found.errors[name][end]
            # Both are ends of samples: theirs have Monte-Carlo errors too, of unknown size.
            half = 0.5 * 10.0 ** (math.floor(math.log10(stated)) - 2) if stated else 0.005
            agrees = abs(value - stated) <= half + 2 * math.sqrt(2) * error
            words = {"which": which, "label": label, "end": stated}
            rows.append(row(26, "end", value, error, agrees, **words))
    return rows


def resonance_rows(found: Resonances) -> list[Row]:
    """Claim 27."""
    m, br, rise = found.best
    posterior = found.posterior()
    modes, regions = posterior.mode, posterior.hdi()
    profiles = found.mass_interval(), found.br_interval()
    rows = []
    for k, (what, stated) in enumerate(
        (("m_X", RESONANCE_MASS), ("B(B -> K X) P_inv", RESONANCE_BR))
    ):
        ends = f"[{stated[0] - stated[2]:.3g}, {stated[0] + stated[1]:.3g}]"
        for how, value, (low, high) in (
            ("profile likelihood", (m, br)[k], profiles[k]),
            ("posterior with flat priors, 68 % HDI", modes[k], regions[k]),
        ):
            # Within a quarter of what is quoted: the same data, other intervals and form factors.
            agrees = abs(value - stated[0]) <= 0.25 * max(stated[1:])
            errors = high - value, value - low
            words: dict[str, Any] = {"what": what, "how": how, "ends": ends}
            rows.append(row(27, what, value, errors, agrees, low=low, high=high, **words))
    for how in ("CLs", "Wilks", "mass given"):
        sigmas = found.local[how]
        agrees = abs(sigmas - RESONANCE_SIGMAS) <= _ROUNDING
        rows.append(row(27, f"local {how}", sigmas, None, agrees, how=how, rise=-rise))
    return rows
