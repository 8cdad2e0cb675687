"""ln of the evidence of a pair operator, over its mass and Lambda, over that of the SM.

Z = int dm dlnLambda L(m, Lambda)/(width in m x width in ln Lambda), nuisances integrated in the
Laplace approximation at every point; Z_SM is the same at infinite Lambda.
"""

import math
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from bsnunu_jax.inference.evidence.mass_curve import Lines
from bsnunu_jax.inference.evidence.pairs import PairOperator

_PANEL = 8


def pair_evidence(operator: PairOperator, lines: Lines) -> dict[str, Any]:
    """The evidence of an operator from its likelihood on lines that span its range of masses.

    Returns:
        plain numbers: ln(Z/Z_SM) with the prior box, and with twice the width in ln Lambda, the
        upper end moved; the two boxes; the largest change if every other mass or every other
        strength is left out.
    """
    low, high = operator.scales
    doubled = low, high * (high / low)

    def log_ratio(scales: tuple[float, float], masses: np.ndarray, nodes: int) -> float:
        part = Lines(lines.masses[masses], lines.nodes[masses], lines.log_ratio[masses])
        return _over_masses(operator, part, scales, nodes)

    every = np.arange(len(lines.masses))
    best = log_ratio((low, high), every, 1)
    halved = np.unique(np.append(np.arange(0, len(lines.masses), 2), len(lines.masses) - 1))
    coarse = [log_ratio((low, high), halved, 1), log_ratio((low, high), every, 2)]
    box, scale = {operator.mass.name: list(operator.masses)}, operator.scale.name
    return {
        "log_ratio": best,
        "box": box | {scale: [low, high]},
        "log_ratio_doubled": log_ratio(doubled, every, 1),
        "doubled_box": box | {scale: list(doubled)},
        "error": max(abs(c - best) for c in coarse),
        "how": f"flat in the mass and ln {scale}, nuisances by the Laplace approximation",
    }


def _over_masses(
    operator: PairOperator, lines: Lines, scales: tuple[float, float], every: int
) -> float:
    """ln of the mean of L/L_SM over the box."""
    ends = operator.strength.strength(scales[1]), operator.strength.strength(scales[0])
    width = operator.strength.power * math.log(scales[1] / scales[0])
    log_mean = np.array(
        [
            math.log(_over_strengths(s, r, ends, every) / width)
            for s, r in zip(lines.nodes, lines.log_ratio, strict=True)
        ]
    )
    # Monotone between the masses: where a decay closes the mean may jump.
    curve, top = PchipInterpolator(lines.masses, log_mean), log_mean.max()
    mass, weights = _panels(lines.masses)
    total = float(weights @ np.exp(curve(mass) - top))
    return top + math.log(total / (lines.masses[-1] - lines.masses[0]))


def _over_strengths(
    nodes: np.ndarray, log_ratio: np.ndarray, ends: tuple[float, float], every: int
) -> float:
    """int ds/s L/L_SM between the ends; L is 0 beyond the last node that matters."""
    low, high = ends
    finite = np.isfinite(log_ratio) & (np.diff(nodes, prepend=-1.0) > 0)
    s, r = nodes[finite], log_ratio[finite]
    s, r = (np.append(a[:-1:every], a[-1]) for a in (s, r))
    if len(s) < 2:  # a closed channel
        return math.log(high / low)
    high = min(high, float(s[-1]))
    # ds/s (L/L_SM - 1) is smooth down to s = 0.
    spline = CubicSpline(s, r) if len(s) > 3 else CubicSpline(s, r, bc_type="natural")
    x, weights = _panels(np.unique(np.clip(s, low, high)))
    return float(weights @ (np.expm1(spline(x)) / x)) + math.log(high / low)


def _panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights between neighbouring edges."""
    x, w = np.polynomial.legendre.leggauss(_PANEL)
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + width * (x + 1) / 2).ravel(), (width * w / 2).ravel()
