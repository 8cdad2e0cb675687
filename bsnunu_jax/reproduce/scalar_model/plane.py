r"""The plane of r_d = |y_d^b/y_d^s| and r_q = |y_q^b/y_q^s| of the slides.

With C_ss = 2 c cos(rho) from the relic density, c = |y_q^s y_d^s y_1| v/(sqrt(2) m_Q m_D), the
leading terms are |C^{S,P}_sb| = c |r_d +- r_q exp(i theta)|: circles that B -> K sees with one
sign, B -> K* and B_s -> phi phi with the other. Every point goes through the couplings of the
model `vlq-dm`, terms with quark masses included, without running, as in arXiv:2403.12485.
"""

from dataclasses import dataclass

import jax
import numpy as np

from bsnunu_jax.models import vlq_dm
from bsnunu_jax.models.values import PERTURBATIVE
from bsnunu_jax.reproduce.scalar_model import rates
from bsnunu_jax.reproduce.settings import Settings

THETAS = (0.0, np.pi / 2, 3 * np.pi / 4, np.pi)
# Of the plane [GeV], of the slides' quarks [TeV] and of |y_q^s| = |y_d^s|.
MASS, QUARKS, STRANGE = 0.6, 3.0, 2.0
_QUARKS = {"mQ": QUARKS, "mD": QUARKS, "yq_s": STRANGE, "yd_s": STRANGE, "running": False}


@dataclass(frozen=True)
class Plane:
    """A grid of r_d and r_q for every theta.

    Attributes:
        r: both axes, shape (n,).
        thetas: shape (k,).
        C_S, C_P: |C^S_sb| and |C^P_sb| [`UNIT`], shape (k, n, n), r_d along axis 1.
        windows: range of |C^S| for each range of BR_NP(B+->K+inv).
        limits: largest |C^S| (B0->K0) or |C^P| (the others) by mode.
        C_ss: of the relic density [GeV^-1].
        y_1: that gives it.
    """

    r: np.ndarray
    thetas: np.ndarray
    C_S: np.ndarray
    C_P: np.ndarray
    windows: dict[str, tuple[float, float]]
    limits: dict[str, float]
    C_ss: float
    y_1: float

    def inside(self, window: str) -> np.ndarray:
        """Where B -> K is explained, limits aside, shape (k, n, n)."""
        low, high = self.windows[window]
        return np.asarray((low <= self.C_S) & (high >= self.C_S))

    def excluded(self, mode: str) -> np.ndarray:
        """Where a mode is above its limit, shape (k, n, n)."""
        seen = self.C_S if mode in rates.SCALAR_MODES else self.C_P
        return np.asarray(seen > self.limits[mode])

    @property
    def allowed(self) -> np.ndarray:
        """Where no mode is above its limit, shape (k, n, n)."""
        return ~np.any([self.excluded(mode) for mode in self.limits], axis=0)


def plane(settings: Settings, *, mass_terms: bool = True) -> Plane:
    """The plane at `MASS`, as many points for all theta together as the settings have."""
    found = settings.once(rates.relic)
    C_ss = float(found.C_ss[found.at(MASS)])
    at = rates.decays(settings, np.array([MASS]))
    windows = {
        name: (
            float(rates.of_branching_fraction(at, low)[0]),
            float(rates.of_branching_fraction(at, high)[0]),
        )
        for name, (low, high) in settings.constraints.window.items()
    }
    limits = {
        mode: float(rates.of_limit(settings, at, mode)[0])
        for mode in ("B0->K0", "B+->K*+", "B0->K*0", "Bs->inv")
    }
    # Beyond the circle of B -> K* at theta = pi nothing is allowed.
    reach = 1.15 * 2 * rates.UNIT * min(v for k, v in limits.items() if k != "B0->K0") / C_ss
    n = int(np.ceil(np.sqrt(settings.points / len(THETAS))))
    r, thetas = np.linspace(0.0, reach, n), np.array(THETAS)
    C_S, C_P = _coefficients(settings, C_ss, r, thetas, mass_terms)
    return Plane(r, thetas, C_S, C_P, windows, limits, C_ss, needed_y_1(settings, C_ss))


def needed_y_1(settings: Settings, C_ss: float, rho: float = 0.0) -> float:
    """|y_1| of this C_ss [GeV^-1] at m_Q = m_D = 3 TeV and |y_q^s| = |y_d^s| = 2."""
    point = {"m": MASS, "C_ss": C_ss} | _QUARKS
    return abs(complex(vlq_dm.couplings(point, settings.inputs).y_1)) / abs(np.cos(rho))


def largest_rho(y_1: float) -> float:
    """The phase rho at which |y_1| reaches sqrt(4 pi), from its value at rho = 0."""
    return float(np.arccos(min(y_1 / PERTURBATIVE, 1.0)))


def benchmark(settings: Settings) -> float:
    """|C^P_uc|/m_c [TeV^-2] of the slides' quarks without couplings to b; |C^S_uc| is the same."""
    point = {"m": MASS, "y1": 1.0} | _QUARKS
    c = vlq_dm.couplings(point, settings.inputs)
    _, P = vlq_dm.up_charm_coefficients(c, settings.inputs)
    return abs(complex(P)) / float(settings.inputs.values["m_c_mc_MSbar"]) / rates.PER_TEV2


def largest_ratio(settings: Settings, at: rates.Lanes, C_ss: float | np.ndarray) -> np.ndarray:
    """Largest r_d = r_q that B -> K* and B_s -> phi phi leave at theta = pi."""
    tightest = np.min(
        [rates.of_limit(settings, at, m) for m in ("B+->K*+", "B0->K*0", "Bs->inv")], axis=0
    )
    return np.asarray(rates.UNIT * tightest / C_ss)


def _coefficients(
    settings: Settings, C_ss: float, r: np.ndarray, thetas: np.ndarray, mass_terms: bool
) -> tuple[np.ndarray, np.ndarray]:
    """|C^S_sb| and |C^P_sb| on the grid."""
    inputs = settings.inputs

    def one(r_d: jax.Array, r_q: jax.Array, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        point = {"m": MASS, "C_ss": C_ss, "r_d": r_d, "r_q": r_q, "theta": theta} | _QUARKS
        c = vlq_dm.couplings(point, inputs)
        S, P = vlq_dm.down_coefficients(c, inputs, "s", "b", mass_terms=mass_terms)
        return abs(S) / rates.UNIT, abs(P) / rates.UNIT

    grid = np.meshgrid(thetas, r, r, indexing="ij")
    theta, r_d, r_q = (a.ravel() for a in grid)
    S, P = jax.jit(jax.vmap(one))(r_d, r_q, theta)
    shape = grid[0].shape
    return np.asarray(S).reshape(shape), np.asarray(P).reshape(shape)
