"""Pair operators side by side: one likelihood, one program a kind of pair, a scan an operator.

The evidence of one, over its mass and Lambda, is Z = int dm dlnLambda L(m, Lambda)/(width in m x
width in ln Lambda), nuisances integrated in the Laplace approximation at every point; that of the
SM is the same at infinite Lambda.
"""

import math
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from bsnunu_jax.inference.evidence.laplace import against
from bsnunu_jax.inference.evidence.lines import PairLikelihood
from bsnunu_jax.inference.evidence.mass_curve import Lines, MassScan, Point, mass_grid
from bsnunu_jax.inference.evidence.pairs import PairFamily, PairOperator, families
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.inference.problem.problem import Problem

# Masses of a curve.
MASSES = 48
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


class PairComparison:
    """Operators with the same inputs and data."""

    def __init__(
        self, base: Problem, operators: Mapping[str, PairOperator], *, masses: int = MASSES
    ) -> None:
        """Tabulate the SM.

        Args:
            base: inputs, nuisances and data.
            operators: by name of the variant.
            masses: points of a curve, at least 4.

        Raises:
            InputError: if these inputs or data need quadratures at every point.
        """
        self.likelihood, self.operators = PairLikelihood(base), dict(operators)
        self._masses = masses
        sorted_in = families(
            tuple(self.operators.values()), base.nuisances.inputs, self.likelihood.requests
        )
        self._family = {id(op): family for family in sorted_in for op in family.operators}
        self._grams: dict[tuple[int, tuple[float, float]], list[np.ndarray]] = {}
        self._lock = threading.Lock()

    @property
    def preparations(self) -> list[Callable[[], Any]]:
        """What compiles, all independent of each other: run these before the scans."""
        at = self.likelihood
        jobs: list[Callable[[], Any]] = [lambda: at.sm, lambda: at.sm_line]
        one_a_family = {id(self._family[id(op)]): op for op in self.operators.values()}
        jobs += [partial(self._grid, op) for op in one_a_family.values()]
        return jobs

    def result(self, name: str) -> dict[str, Any]:
        """Best fits, evidence and curve of one operator as plain numbers."""
        operator = self.operators[name]
        scan = MassScan(self.likelihood, self._family[id(operator)], operator)
        masses, grams = self._grid(operator)
        lines, points = scan.lines(masses, grams)
        minima = scan.minima(points)
        best, sm = minima[0], self.likelihood.sm
        at_sm, _ = self.likelihood.at(self.likelihood.closed, 0.0, sm.nuisances[0])
        at_best, fractions = self.likelihood.at(
            scan.grams(np.array([best.mass])), best.strength, best.nuisances
        )
        mask = self.likelihood.problem.constrained
        pulls = float(np.sum(best.nuisances[mask] ** 2)), float(np.sum(sm.nuisances[:, mask] ** 2))
        return {
            "method": "scan",
            "sm_minus_2_log_likelihood": float(sm.objective[0]),
            "best": self._point(operator, best),
            "minima": [self._point(operator, p) for p in minima],
            "significance": local_significance(-best.delta, 2)[0],
            "parameters": 2,
            "data_sets": {name: against(at_best[name], at_sm[name]) for name in at_best},
            "nuisance_terms": against(*pulls),
            "BR_NP": fractions,
            "evidence": pair_evidence(operator, lines),
            "unconverged": sum(not p.converged for p in (*points, *minima)),
            "curve": {
                "mass": operator.mass.name,
                operator.mass.name: [p.mass for p in points],
                operator.scale.name: [p.scale for p in points],
                "delta_chi2": [p.delta for p in points],
            },
        }

    def _grid(self, operator: PairOperator) -> tuple[np.ndarray, list[np.ndarray]]:
        """The masses of the curve and the Grams of the family there, worked out once."""
        family: PairFamily = self._family[id(operator)]
        closings = family.closings(self.likelihood.read)
        masses = mass_grid(*operator.masses, self._masses, closings)
        key = id(family), operator.masses
        if key not in self._grams:
            found = family.grams(masses)
            with self._lock:
                self._grams[key] = found
        return masses, self._grams[key]

    def _point(self, operator: PairOperator, p: Point) -> dict[str, Any]:
        return {
            "values": {operator.mass.name: p.mass, operator.scale.name: p.scale},
            "delta_chi2": p.delta,
            "at_edge": list(p.edges),
        }
