r"""Rates of the scalar model per coefficient, and what freeze-out needs, at many masses.

L = (1/2) [C^S_sb (sbar b) + C^P_sb (sbar i gamma_5 b) + C_ss (sbar s) + ...] phi^2 with a real phi,
arXiv:2403.12485. A branching fraction is |C|^2 times a function of the mass, so that coefficients
follow from one program for the decays and one for freeze-out, each compiled once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import newton

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.quoted.values import GaussianMeasurement
from bsnunu_jax.hadrons.transitions import get_decay
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.observables.dark_matter.annihilation import annihilation_parameter
from bsnunu_jax.observables.dark_matter.catalogue import X_FREEZE_OUT
from bsnunu_jax.observables.dark_matter.relic_density import omega_h2
from bsnunu_jax.observables.dark_matter.thermal import thermal_average
from bsnunu_jax.observables.spectra import omega
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos, ScalarPair
from bsnunu_jax.states.sectors import DarkScalar

# What the coefficients of the b are measured in: 1e-5/TeV, in GeV^-1.
UNIT = 1e-8
PER_TEV = 1e-3
PER_TEV2 = 1e-6
# The masses of the rows [GeV]: 500 to 900 MeV on the slides.
MASSES = (0.5, 0.6, 0.7, 0.8, 0.9)
SCALAR_MODES, PSEUDOSCALAR_MODES = ("B+->K+", "B0->K0"), ("B+->K*+", "B0->K*0", "Bs->inv")
CHARM_MODES = ("D0->inv", "D0->pi0")
GROUPS = (*DEFAULT_GROUPS, "Bs", "charm", "D->pi")
DRAWS = 300
# The limit on each mode, by its name in the constraints.
LIMITS = {
    "B0->K0": "BR(B0->K0inv)",
    "B+->K*+": "BR(B+->K*+inv)",
    "B0->K*0": "BR(B0->K*0inv)",
    "Bs->inv": "BR(Bs->inv)",
    "D0->inv": "BR(D0->inv)",
    "D0->pi0": "BR(D0->pi0inv)",
}
_LANES = 256
_RELIC_LANES = 32

Lanes = Mapping[str, np.ndarray]


def decays(settings: Settings, m: np.ndarray, z: np.ndarray | None = None) -> Lanes:
    """Branching fractions at n masses.

    Args:
        settings: the inputs.
        m: masses of phi [GeV], shape (n,).
        z: coordinates of `GROUPS`, shape (n, size); 0 if absent.

    Returns:
        shape (n,): by mode, for |C^S| = |C^P| = `UNIT` and |C_uc| = m_c/TeV^2; "SM " and a mode;
        "omega", the efficiency weight; "B", the condensate of chiral perturbation theory.
    """
    z = np.zeros((len(m), settings.nuisances(GROUPS).size)) if z is None else z
    return settings.once(_decay_program)(np.asarray(m, dtype=float), z)


def drawn(settings: Settings) -> Lanes:
    """`decays` at `MASSES` for draws of the inputs, shape (masses, draws)."""
    z = np.asarray(settings.draws("scalar model", DRAWS, GROUPS))
    lanes = decays(settings, np.repeat(MASSES, len(z)), np.tile(z, (len(MASSES), 1)))
    return {name: values.reshape(len(MASSES), -1) for name, values in lanes.items()}


def of_limit(settings: Settings, found: Lanes, mode: str) -> np.ndarray:
    """The coefficient at which a mode reaches its limit, SM included; inf where it is closed.

    In `UNIT` for decays of the B, |C_uc|/m_c [TeV^-2] for those of the D0.
    """
    room = settings.constraints.limits[LIMITS[mode]] - found.get(f"SM {mode}", 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(np.maximum(room, 0.0) / found[mode]))


def of_branching_fraction(
    found: Lanes, br: float | np.ndarray, *, weighted: bool = False
) -> np.ndarray:
    """|C^S_sb| [`UNIT`] that gives BR_NP(B+->K+inv); `weighted`: times omega(m)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = found["omega"] if weighted else 1.0
        return np.asarray(np.sqrt(br * weight / found["B+->K+"]))


def _decay_program(settings: Settings) -> Batched:
    nuisances = settings.nuisances(GROUPS)

    def one(m: jax.Array, z: jax.Array) -> dict[str, jax.Array]:
        inputs = nuisances.shift(z)
        pair = ScalarPair(m, S=UNIT / 2, P=UNIT / 2, real=True)
        found = {"omega": omega([Neutrinos(), pair], inputs), "B": inputs.values["ChPT_B"]}
        for mode in (*SCALAR_MODES, *PSEUDOSCALAR_MODES):
            tau = inputs.lifetime(get_decay(mode).tau_B)
            found[mode] = tau * rates.gamma(mode, pair, inputs)
            if mode != "Bs->inv":
                found[f"SM {mode}"] = tau * rates.gamma(mode, Neutrinos(), inputs)
        charm = PER_TEV2 * inputs.values["m_c_mc_MSbar"]
        dark = ScalarPair(m, S=charm / 2, P=charm / 2, real=True, quarks="c->u")
        found |= {mode: branching_fraction(mode, dark, inputs) for mode in CHARM_MODES}
        return found

    return Batched(one, width=_LANES, together=True)


@dataclass(frozen=True)
class Relic:
    """What gives the measured Omega h^2, at masses [GeV] from 0.45 to 1.

    Attributes:
        m: masses, shape (n,).
        C_ss: coefficient [GeV^-1].
        sigma_v: thermal average at x = m/T = 20 [GeV^-2].
        p_ann: of the CMB for f_eff = 1 [cm^3/s/GeV].
        target: Omega h^2 that was asked for, with its uncertainty.
        reached: Omega h^2 of C_ss.
    """

    m: np.ndarray
    C_ss: np.ndarray
    sigma_v: np.ndarray
    p_ann: np.ndarray
    target: tuple[float, float]
    reached: np.ndarray

    def at(self, m: float) -> int:
        """Index of a mass of the grid."""
        return int(np.argmin(np.abs(self.m - m)))

    def of_sigma_v(self, sigma_v: float) -> np.ndarray:
        """C_ss [GeV^-1] of this <sigma v> [GeV^-2] at x = 20."""
        return np.asarray(self.C_ss * np.sqrt(sigma_v / self.sigma_v))

    def of_cmb(self, p_ann: float, f_eff: float) -> np.ndarray:
        """C_ss [GeV^-1] at which the CMB's limit is reached; inf where nothing annihilates."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.C_ss * np.sqrt(p_ann / (f_eff * self.p_ann)))


def relic(settings: Settings) -> Relic:
    """C_ss of Planck's Omega h^2 by the secant rule in the logarithms, all masses at once."""
    (planck,) = load_measurements(["planck_2018_Omega_h2"])
    assert isinstance(planck, GaussianMeasurement)
    target = np.log(planck.value)
    m = np.linspace(0.45, 1.0, 111)
    program = settings.once(_relic_program)

    x = newton(lambda x: program(m, x)["omega"] - target, np.full(m.size, np.log(1e-4)), tol=1e-11)
    found = program(m, x)
    return Relic(
        m,
        np.exp(x),
        found["sigma_v"],
        found["p_ann"],
        (float(planck.value), float(planck.upper)),
        np.exp(found["omega"]),
    )


def density(settings: Settings, m: np.ndarray, C_ss: np.ndarray) -> np.ndarray:
    """Omega h^2 at masses [GeV] and coefficients [GeV^-1], shapes (n,)."""
    lanes = settings.once(_relic_program)(m, np.log(C_ss))
    return np.exp(lanes["omega"])


def drawn_C_ss(settings: Settings, found: Lanes, m: float, i: int) -> np.ndarray:
    """`Relic.C_ss` at `MASSES[i]` = m for the draws `found`, with Planck's error.

    The cross section knows B C_ss alone, and Omega h^2 is inversely proportional to it.
    """
    known = settings.once(relic)
    central = float(settings.inputs.values["ChPT_B"]) / found["B"][i]
    noise = np.asarray(jax.random.normal(settings.key("Omega_h2"), central.shape))
    value, error = known.target
    return np.asarray(known.C_ss[known.at(m)] * central * (1 + error / value * noise) ** -0.5)


def _relic_program(settings: Settings) -> Batched:
    inputs = settings.inputs

    def one(m: jax.Array, log_c: jax.Array) -> dict[str, jax.Array]:
        dark = DarkScalar(m, C_ss=jnp.exp(log_c))
        return {
            "omega": jnp.log(omega_h2(dark, inputs)),
            "sigma_v": thermal_average(dark, inputs, X_FREEZE_OUT),
            "p_ann": annihilation_parameter(dark, inputs),
        }

    return Batched(one, width=_RELIC_LANES, together=True)
