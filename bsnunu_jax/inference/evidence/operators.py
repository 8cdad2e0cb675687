"""Pair operators side by side: one likelihood, one program a kind of pair, a scan an operator."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bsnunu_jax.inference.evidence.laplace import against
from bsnunu_jax.inference.evidence.lines import PairLikelihood
from bsnunu_jax.inference.evidence.mass_and_scale import pair_evidence
from bsnunu_jax.inference.evidence.mass_curve import MassScan, Point, mass_grid
from bsnunu_jax.inference.evidence.pairs import PairFamily, PairOperator, families
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.inference.problem.problem import Problem

# Masses of a curve.
MASSES = 48


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
        pulls = float(np.sum(best.nuisances**2)), float(np.sum(sm.nuisances**2))
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
