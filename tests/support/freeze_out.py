"""Relic density by other means: scipy's quadrature, splines and Radau in ln(Y/Y_eq).

Of `bsnunu_jax.observables.dark_matter` nothing enters but the rows of its table.
"""

from itertools import pairwise

import numpy as np
from equation_of_state import logs_and_slope
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import CubicSpline
from scipy.special import k1e, kve

PLANCK_MASS = 1.22089e19
X_SWITCH = 60.0


def gondolo_gelmini(x: float, m: float, m_f: float) -> tuple[float, float]:
    """<sigma v> [GeV^-2] for |M|^2 = S_f = 1 from the integral over s: factor, ln of the rest."""
    low = 4 * max(m, m_f) ** 2
    start = np.sqrt(low) * x / m

    def integrand(t: float) -> float:
        """sigma (s - 4 m^2) sqrt(s) K_1(sqrt(s) x/m) ds/dt with s = low + t^2, over exp(-start)."""
        s = low + t**2
        sigma = np.sqrt((1 - 4 * m_f**2 / s) / (1 - 4 * m**2 / s)) / (16 * np.pi * s)
        w = np.sqrt(s) * x / m
        return sigma * (s - 4 * m**2) * np.sqrt(s) * k1e(w) * np.exp(start - w) * 2 * t

    end = np.sqrt((np.sqrt(low) + 45 * m / x) ** 2 - low)
    gap = np.sqrt(abs(4 * m**2 - 4 * m_f**2))
    inner = sorted({0.3 * gap, gap, 3 * gap, 0.1 * end, 0.4 * end})
    edges = [0.0, *(e for e in inner if 0 < e < end), end]
    total = sum(
        quad(integrand, a, b, epsabs=0, epsrel=1e-10, limit=200)[0] for a, b in pairwise(edges)
    )
    return total * x / (8 * m**5 * kve(2, x) ** 2), 2 * x - start


def log_average(x: float, m: float, c_ss: float, values: dict) -> float:
    """ln <sigma v> [GeV^-2] with B C_ss for kaons and 4/3 of it for the eta."""
    b = float(values["ChPT_B"]) * c_ss
    weights = {"m_K_plus": 1.0, "m_K_0": 1.0, "m_eta": 0.5 * 16 / 9}
    terms = [(w, *gondolo_gelmini(x, m, float(values[k]))) for k, w in weights.items()]
    largest = max(log for _, _, log in terms)
    total = sum(w * factor * np.exp(log - largest) for w, factor, log in terms)
    return float(np.log(b**2 * total) + largest)


def boltzmann(m: float, c_ss: float, values: dict):
    """ln A(x), d ln g_s/d ln T and ln g_s, splined in ln x."""
    x = np.geomspace(1.9, 1e6, 1200)
    coarse = np.geomspace(1.9, 1e6, 120)
    # Without the exponential of the lowest channel, if that is closed.
    closed = max(0.0, float(values["m_K_plus"]) / m - 1)
    smooth = [log_average(c, m, c_ss, values) + 2 * c * closed for c in coarse]
    sv = CubicSpline(np.log(coarse), smooth)
    log_rho, log_s, slope = logs_and_slope(m / x)
    root = np.exp(log_s - log_rho / 2) * (1 + slope / 3)
    rest = CubicSpline(np.log(x), np.log(np.sqrt(np.pi / 45) * PLANCK_MASS * m * root / x**2))

    def log_a(s):
        return rest(s) + sv(s) - 2 * np.exp(s) * closed

    return log_a, CubicSpline(np.log(x), slope), CubicSpline(np.log(x), log_s)


def omega_h2(m: float, c_ss: float, values: dict, x_start: float = 5.0) -> float:
    """Omega h^2, for particles in equilibrium at x_start."""
    log_a, slope, log_s = boltzmann(m, c_ss, values)

    def equilibrium(x: float) -> float:
        return 45 * x**2 * kve(2, x) * np.exp(-x - log_s(np.log(x))) / (4 * np.pi**4)

    def derivative(x: float, w: np.ndarray) -> np.ndarray:
        rate = np.exp(log_a(np.log(x))) * equilibrium(x)
        return -2 * rate * np.sinh(w) + kve(1, x) / kve(2, x) - slope(np.log(x)) / x

    found = solve_ivp(derivative, (x_start, X_SWITCH), [0.0], method="Radau", rtol=1e-9, atol=1e-10)
    y = np.exp(found.y[0, -1]) * equilibrium(X_SWITCH)
    edges = np.log(np.geomspace(X_SWITCH, 1e6, 9))
    tail = sum(
        quad(lambda s: np.exp(log_a(s) + s), a, b, epsrel=1e-9, limit=200)[0]
        for a, b in pairwise(edges)
    )
    y_today = 1 / (1 / y + tail + np.exp(log_a(edges[-1]) + edges[-1]))
    return float(m * y_today * 2891.2 / 1.053672e-5)
