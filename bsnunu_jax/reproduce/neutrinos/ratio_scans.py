"""Random points of symmetric C_L, C_R, laid out so that the reachable R_K and R_K* are filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv

from bsnunu_jax.report.figures.coupling_regions import margin
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import DIAGONAL, WEIGHTS, Numbers, RatioKernels
from bsnunu_jax.reproduce.row import counted

# R_K and R_K* are drawn from 0 to here, in these bins.
TOP = 9.0
EDGES = np.linspace(0, TOP, 181)
_UNIVERSAL, _TAU = DIAGONAL / np.sqrt(3), np.array([0.0, 0, 1, 0, 0, 0])
_OFF_DIAGONAL = (3, 4, 5)


@dataclass(frozen=True)
class Scan:
    """Points of a scan: R_K and R_K*, and what gives them, shapes (n,) and (n, 6).

    Attributes:
        R_K: over the SM.
        R_Kstar: over the SM.
        coefficients: `ratio_kernels.ENTRIES` by matrix.
    """

    R_K: Numbers
    R_Kstar: Numbers
    coefficients: Mapping[str, Numbers]

    def histogram(self, inside: Numbers | None = None) -> Numbers:
        """Points in bins of (R_K, R_K*), those with `inside` if it is given."""
        chosen = slice(None) if inside is None else inside
        return counted(self.R_K[chosen], self.R_Kstar[chosen], EDGES)

    def inside(self, R_K: tuple[float, float], limit: float) -> Numbers:
        """Which points are in the range of R_K and below the limit on R_K*."""
        return margin(self.R_K, self.R_Kstar, R_K, limit) >= 0


def _isotropic(rng: np.random.Generator, n: int, dimension: int) -> Numbers:
    x = rng.normal(size=(n, dimension))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _across(rng: np.random.Generator, n: int, axis: Numbers) -> Numbers:
    """Isotropic directions orthogonal to one."""
    x = rng.normal(size=(n, len(axis)))
    x -= (x @ axis)[:, None] * axis
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _entries(whitened: Numbers) -> Numbers:
    """Matrix entries of coordinates in which the sum of squares of the matrix is a plain one."""
    return whitened / np.sqrt(WEIGHTS)


def both_chiralities(
    rng: np.random.Generator, n: int, kernels: RatioKernels, *, primed: bool = False
) -> Scan:
    """Twelve parameters: C_L +- C_R isotropic, with squares that are flat."""
    low = 1.0 if primed else 0.0
    # A_top is where R_K* leaves the figure, at the lowest V.
    A_top = (TOP - (1 - kernels.eta) / 2 * low) * 2 / (1 + kernels.eta)
    plus, minus = (
        _entries(np.sqrt(kernels.S * rng.uniform(0, top - low, (n, 1))) * _isotropic(rng, n, 6))
        for top in (TOP, A_top)
    )
    sm = 0.0 if primed else kernels.C_SM * DIAGONAL
    CL, CR = (plus + minus) / 2 - sm, (plus - minus) / 2
    names = ("CLp", "CRp") if primed else ("CL", "CR")
    return Scan(*kernels.symmetric(CL, CR, primed=primed), dict(zip(names, (CL, CR), strict=True)))


def left_handed(rng: np.random.Generator, n: int, kernels: RatioKernels) -> Scan:
    """Six parameters C_L, isotropic about -C_SM, with R_K flat."""
    size = np.sqrt(kernels.S * rng.uniform(0, TOP, (n, 1)))
    CL = _entries(size * _isotropic(rng, n, 6)) - kernels.C_SM * DIAGONAL
    return Scan(*kernels.symmetric(CL, np.zeros_like(CL)), {"CL": CL})


def right_handed(
    rng: np.random.Generator, n: int, kernels: RatioKernels, *, tau_only: bool = False
) -> Scan:
    """C_R: square and trace flat, else isotropic.

    Args:
        rng: random numbers.
        n: of points.
        kernels: of the inputs.
        tau_only: C_R^tautau is the only diagonal entry: four parameters in place of six.
    """
    axis = _TAU if tau_only else _UNIVERSAL
    cosine = rng.uniform(-1, 1, (n, 1))
    around = np.zeros((n, 6))
    if tau_only:
        around[:, _OFF_DIAGONAL] = _isotropic(rng, n, 3)
    else:
        around = _across(rng, n, axis)
    size = np.sqrt(kernels.S * rng.uniform(0, TOP, (n, 1)))
    CR = _entries(size * (cosine * axis + np.sqrt(1 - cosine**2) * around))
    return Scan(*kernels.symmetric(np.zeros_like(CR), CR), {"CR": CR})


def off_diagonal(rng: np.random.Generator, n: int, kernels: RatioKernels) -> Scan:
    """C_R without diagonal entries, isotropic, with R_K flat."""
    CR = np.zeros((n, 6))
    CR[:, _OFF_DIAGONAL] = np.sqrt(kernels.S * rng.uniform(0, TOP, (n, 1))) * _isotropic(rng, n, 3)
    CR = _entries(CR)
    return Scan(*kernels.symmetric(np.zeros_like(CR), CR), {"CR": CR})


def lowest_cosine(eta: float | Numbers, R_K: Numbers, limit: float) -> Numbers:
    """The smallest cosine between C_R + C_SM and -universal C_R for which R_K* is below the limit.

    R_K* = R_K + 2 (1 + eta)(1 - sqrt(R_K) cosine), all six C_R.
    """
    return (1 + (R_K - limit) / (2 * (1 + eta))) / np.sqrt(R_K)


def share(
    eta: float | Numbers,
    R_K: tuple[float, float],
    limit: float,
    *,
    parameters: int = 6,
    nodes: int = 400,
) -> Numbers:
    """Part of the volume of C_R at these R_K that R_K* leaves; 6 parameters, or 3 diagonal ones."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    low, high = np.sqrt(R_K[0]), np.sqrt(R_K[1])
    radius = low + (high - low) * (x + 1) / 2
    weight = w * radius ** (parameters - 1)
    least = lowest_cosine(np.asarray(eta)[..., None], radius**2, limit)
    tail = betainc((parameters - 1) / 2, 0.5, np.clip(1 - least**2, 0, 1)) / 2
    part = np.where(least >= 1, 0.0, np.where(least >= 0, tail, 1 - tail))
    return part @ weight / weight.sum()


def allowed_points(
    rng: np.random.Generator, n: int, kernels: RatioKernels, R_K: tuple[float, float], limit: float
) -> Scan:
    """C_R uniform in the volume where R_K is in the range, cut to a cap with all R_K* <= limit.

    Not all of the n points pass the limit.
    """
    grid = np.linspace(*R_K, 200)
    # A margin, so that draws of eta can be cut out of the same points.
    least = float(np.clip(lowest_cosine(kernels.eta, grid, limit).min() - 0.05, 0, 0.999))
    a = (len(WEIGHTS) - 1) / 2
    sine2 = betaincinv(a, 0.5, rng.uniform(0, betainc(a, 0.5, 1 - least**2), (n, 1)))
    R = rng.uniform(R_K[0] ** 3, R_K[1] ** 3, (n, 1)) ** (1 / 3)
    direction = np.sign(kernels.C_SM) * np.sqrt(1 - sine2) * _UNIVERSAL
    direction = direction + np.sqrt(sine2) * _across(rng, n, _UNIVERSAL)
    CR = _entries(np.sqrt(kernels.S * R) * direction) - kernels.C_SM * DIAGONAL
    return Scan(*kernels.symmetric(np.zeros_like(CR), CR), {"CR": CR})


def slice_points(
    rng: np.random.Generator, n: int, kernels: RatioKernels, limit: float, thin: float
) -> Scan:
    """C_R uniform: C_R^mumu and C_R^tautau over all that the limit on R_K* leaves, others small.

    Args:
        rng: random numbers.
        n: of points.
        kernels: of the inputs.
        limit: of R_K*.
        thin: C_R^ee and the off-diagonal entries are in +-thin.
    """
    CR = rng.uniform(-thin, thin, (n, len(WEIGHTS)))
    # R_K* <= limit is a ball around eta C_SM.
    radius = abs(kernels.C_SM) * np.sqrt(3 * (limit - 1 + kernels.eta**2))
    CR[:, 1:3] = kernels.eta * kernels.C_SM + rng.uniform(-radius, radius, (n, 2))
    return Scan(*kernels.symmetric(np.zeros_like(CR), CR), {"CR": CR})


def quantiles(values: Numbers, at: Sequence[float]) -> list[float]:
    """Quantiles as plain numbers, nan of nothing."""
    return [float(q) for q in np.quantile(values, at)] if values.size else [np.nan] * len(at)
