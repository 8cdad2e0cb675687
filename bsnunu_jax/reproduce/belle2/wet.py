"""Universal vector, scalar and tensor coefficients, as in arXiv:2507.12393: best fit and posterior.

The problem of the card fits/belle2_wet.yaml: Belle II alone, constants and lattice form factors of
EOS, flat priors from 0 to 20 on |C_VL + C_VR|, |C_SL + C_SR| and |C_TL|, sampled on both sides of
0. Chains run one after the other unless JAX has several devices.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from scipy.optimize import minimize

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inference.fits.best_fit import Minimum, best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inference.sampling import nuts
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.report.diagnostics import Diagnostic, diagnostics
from bsnunu_jax.report.intervals import Marginal
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.runs.fit import initial_points

COUPLINGS = {"cVL": r"C_{VL}+C_{VR}", "cSL": r"C_{SL}+C_{SR}", "cTL": r"C_{TL}"}
FORM_FACTORS = "flag2021_hpqcd2022"
LARGEST = 20.0
MASS = 0.95
SAMPLER = nuts.Sampler(chains=4, warmup=500, draws=16000, target_accept=0.65, block=1000)
_STARTS = 8
# Of the bootstrap that gives Monte-Carlo errors: draws that stay together, and replicas.
_TOGETHER, _REPLICAS = 100, 200


@dataclass(frozen=True)
class Wet:
    """Best fit and posterior of the three couplings.

    Attributes:
        problem: what was fitted.
        best: the deepest minimum.
        draws: |coefficient| by name, shape (chains, draws).
        ends: lower and upper end of the 95 % region of highest density, by name.
        errors: their Monte-Carlo errors.
        diagnostics: R-hat and effective sample sizes by name.
        divergences: number of divergent transitions.
        rise: -2 ln L above the minimum at the stated mode, nuisances profiled.
    """

    problem: Problem
    best: Minimum
    draws: Mapping[str, np.ndarray]
    ends: Mapping[str, tuple[float, float]]
    errors: Mapping[str, tuple[float, float]]
    diagnostics: Mapping[str, Diagnostic]
    divergences: int
    rise: float


def wet(
    settings: Settings, stated: tuple[float, float, float], sampler: nuts.Sampler = SAMPLER
) -> Wet:
    """Fit and sample.

    Args:
        settings: with the likelihood.
        stated: couplings at which -2 ln L is compared with its minimum.
        sampler: chains, warm-up and draws.
    """
    problem = wet_problem(settings)
    landscape = Landscape(problem, _STARTS)
    with ThreadPoolExecutor(1) as pool:
        # The sampler compiles beside the best fit.
        program = pool.submit(
            lambda: nuts.Program(problem.potential, sampler).compile(problem.size)
        )
        found = best_fit(problem, starts=_STARTS, seed=settings.seed, landscape=landscape)
        with tempfile.TemporaryDirectory() as folder:
            chains = nuts.sample(
                problem.potential,
                initial_points(problem, found, sampler.chains, settings.seed),
                sampler,
                seed=settings.seed,
                folder=Path(folder),
                energies=landscape.potential,
                scale=np.clip(found.best.theta_std, 1e-3, 1.5),
                program=program.result(),
            )
    reported = jax.jit(jax.vmap(jax.vmap(problem.reported)))(chains.theta)
    draws = {name: np.asarray(values) for name, values in reported.items()}
    return Wet(
        problem,
        found.best,
        draws,
        {name: _ends(x) for name, x in draws.items()},
        {name: _errors(x, settings.seed) for name, x in draws.items()},
        diagnostics(draws),
        int(chains.diverging.sum()),
        _rise(landscape, found.best, stated),
    )


def wet_problem(settings: Settings) -> Problem:
    """What is fitted."""
    inputs = load_inputs("eos", {"B->K": FORM_FACTORS})
    return tabulate(
        Problem(
            model=get_model("universal"),
            parameters=tuple(
                Parameter(name, Uniform(-LARGEST, LARGEST), latex, mirror=True)
                for name, latex in COUPLINGS.items()
            ),
            nuisances=Nuisances(inputs, ["B->K"]),
            measurements=load_measurements(["belle2_knunu_2023"], likelihood=settings.likelihood),
        )
    )


def _ends(draws: np.ndarray) -> tuple[float, float]:
    """Lower and upper end of the region of highest density of |coefficient|."""
    pieces = Marginal(draws, (0.0, LARGEST)).pieces(MASS)
    return pieces[0][0], pieces[-1][1]


def _errors(draws: np.ndarray, seed: int) -> tuple[float, float]:
    """Monte-Carlo errors of both ends: bootstrap of blocks longer than the autocorrelation."""
    length = min(_TOGETHER, draws.shape[1])
    blocks = draws[:, : draws.shape[1] // length * length].reshape(-1, length)
    random = np.random.default_rng(seed)
    found = np.array(
        [_ends(blocks[random.integers(len(blocks), size=len(blocks))]) for _ in range(_REPLICAS)]
    )
    low, high = found.std(axis=0, ddof=1)
    return float(low), float(high)


def _rise(landscape: Landscape, best: Minimum, stated: tuple[float, float, float]) -> float:
    """-2 ln L at fixed couplings above the minimum, with the program of the best fit."""

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = landscape.objective(np.concatenate([stated, z])[None])
        return float(value[0]), gradient[0, len(stated) :]

    start = np.array(best.theta[len(stated) :])
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-5})
    return float(found.fun - best.objective)
