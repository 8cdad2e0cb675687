"""Rates of the decays of the table of transitions, see `of_rows`, and kernels known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.form_factors import FormFactors
from bsnunu_jax.hadrons.rows import NAMES, ROWS, Rows, annihilation_rows
from bsnunu_jax.hadrons.transitions import Annihilation, Mode, get_decay, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.detectors import Detector
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.rates import of_rows
from bsnunu_jax.rates.baryons import free_quark
from bsnunu_jax.rates.escape import Escaped
from bsnunu_jax.rates.escape import seen_in as seen_in
from bsnunu_jax.rates.mixing import Seen as Seen
from bsnunu_jax.rates.mixing import all_invariants as all_invariants
from bsnunu_jax.rates.mixing import invariants as invariants
from bsnunu_jax.rates.mixing import seen as seen
from bsnunu_jax.rates.of_rows import contract as contract
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.base import Around, InvisibleState, rows_in
from bsnunu_jax.states.unstable import Unstable, unstable

# A mode, the edges of its q2 bins as bytes or None for the total, and the detector that something
# may decay in, if there is one.
Request = tuple[str, bytes | None] | tuple[str, bytes | None, Detector]


@dataclass(frozen=True)
class Tabulated(Around):
    """`state` with `kernels`, which `rates` and `Predictions` take in place of a quadrature.

    Not a pytree: make it inside the traced function. Kernels that are not there are integrated.
    """

    state: InvisibleState
    kernels: Mapping[Request, Mapping[str, Any]]

    @property
    def unstable(self) -> Unstable | None:
        """The state, if it may decay: of what is seen no kernels are known."""
        return unstable(self.state)


class OfMode(eqx.Module):
    """The hadrons of a mode as `of_rows` takes them: modes that differ in numbers alone are alike.

    Attributes:
        m_B, m_K: masses of the decaying hadron and of the one that is left [GeV].
        factor: in the rate.
        quark_masses: of the heavy and the light quark [GeV].
        form_factors: a callable of q2, or values at one q2.
        name: that of the hadronic transition (static).
        quarks, spin: the quark transition and the spin of the table (static).
        longitudinal: keep only the longitudinal hadron (static).
    """

    m_B: Scalar
    m_K: Scalar
    factor: Scalar
    quark_masses: tuple[Scalar, Scalar]
    form_factors: FormFactors | Mapping[str, Scalar]
    name: str = eqx.field(static=True)
    quarks: str = eqx.field(static=True)
    spin: str = eqx.field(static=True)
    longitudinal: bool = eqx.field(static=True)

    @property
    def complete(self) -> tuple[str, ...]:
        """The rows of the spin."""
        return () if self.longitudinal else NAMES[self.spin]

    def rows(self, q2: Scalar) -> Rows:
        """Rows at one q2 [GeV^2]."""
        given = self.form_factors
        values = given if isinstance(given, Mapping) else given(q2)
        masses = self.m_B, self.m_K, values, *self.quark_masses
        return ROWS[self.spin](q2, *masses, longitudinal=self.longitudinal)


def of_mode(
    decay: Mode,
    inputs: Inputs,
    *,
    longitudinal: bool = False,
    form_factors: Mapping[str, Scalar] | None = None,
) -> OfMode:
    """Its hadrons with the masses and form factors of the inputs, unless values of these are given.

    The rate of free quarks has the factor that takes their SM rate to the stated one.
    """
    m_B, m_K = inputs.number(decay.m_B), inputs.number(decay.m_K)
    factor = jnp.asarray(decay.factor, dtype=float)
    if decay.stated:
        stated = inputs.number(decay.stated) / inputs.lifetime(decay.tau_B)
        factor *= stated / of_rows.gamma(free_quark(m_B, m_K, decay.quarks), Neutrinos(), inputs)
    return OfMode(
        m_B,
        m_K,
        factor,
        inputs.quark_masses(decay.quarks),
        inputs.form_factors_of(decay.transition) if form_factors is None else form_factors,
        decay.transition,
        decay.quarks,
        decay.spin,
        longitudinal or decay.longitudinal,
    )


def lifetime(decay: Mode | Annihilation, inputs: Inputs) -> Scalar:
    """Branching fractions over rates [GeV^-1].

    Where the mode has a `kappa` it is not the lifetime: kappa of arXiv:0705.2025, from K_l3, brings
    isospin breaking and radiation, and the rate of massless neutrinos its form factors. BR =
    kappa (1 + Delta) (1/3) sum |A|^2 is then met, whatever f+(0), and rates of other final states
    are in units of that.
    """
    if isinstance(decay, Annihilation) or not decay.kappa:
        return inputs.lifetime(decay.tau_B)
    v, (kappa, *corrections) = inputs.values, decay.kappa
    # Of sum |N_0 C|^2 = 1: alpha(m_Z)/sin^2(theta_W) of X and of kappa drop out.
    prefactor = 4 * v["GF"] / jnp.sqrt(2.0) / (4 * jnp.pi)
    unit = v["kappa_sin2thetaW"] / (v["kappa_alpha"] * prefactor)
    br = v[kappa] * unit**2 / (3 * v["Vus"] ** 2 * v["kappa_lambda"] ** 8)
    for name in corrections:
        br *= 1 + v[name]
    kernel = of_rows.integrated_kernels(of_mode(decay, inputs), Neutrinos())
    return br / kernel[f"{decay.quarks} vector"]


def kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    q2: ArrayLike,
    *,
    longitudinal: bool = False,
    form_factors: Mapping[str, Scalar] | None = None,
) -> dict[str, Scalar]:
    """dGamma/dq2 of every invariant of the state taken as 1 [GeV^-1 over its unit], at one q2.

    Outside the phase space value and gradient are exactly 0; at a q2 of NaN they are NaN.
    `form_factors` are values at this q2 in place of those of the inputs.
    """
    decay = get_mode(mode)
    hadrons = of_mode(decay, inputs, longitudinal=longitudinal, form_factors=form_factors)
    return of_rows.kernels(hadrons, state, q2)


def annihilation_kernels(
    decay: Annihilation, state: InvisibleState, inputs: Inputs
) -> dict[str, Scalar]:
    """Gamma(B -> pair) of every invariant of the state taken as 1, all of it at q2 = m_B^2.

    A massless chiral pair has none (helicity); a line at another mass has none either.
    """
    if not state.has_spectrum:
        return {}
    m_B, f_B = inputs.number(decay.m_B), inputs.number(decay.f_B)
    hadronic = annihilation_rows(m_B, f_B, *inputs.quark_masses(decay.quarks))
    found = of_rows.contracted(hadronic, rows_in(state, decay.quarks, m_B**2))
    if isinstance(state, Escaped):
        share = state.share(m_B**2, jnp.zeros(()))
        found = {k: share * v for k, v in found.items()}
    return {k: v / (16 * jnp.pi * m_B) for k, v in found.items()}


def integrated_kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    *,
    nodes: int = NODES,
    longitudinal: bool = False,
) -> dict[str, Scalar]:
    """Kernels integrated over the phase space [GeV over the unit of the invariant].

    At fixed masses and form factors they turn a scan over coefficients into a contraction:
    Gamma = sum_k invariant_k x integrated kernel_k.
    """
    decay = get_decay(mode)
    if isinstance(state, Tabulated):
        known = None if longitudinal or nodes != NODES else state.kernels.get((mode, None))
        if known is not None:
            return dict(known)
        state = state.state
    if isinstance(decay, Annihilation):
        return annihilation_kernels(decay, state, inputs)
    hadrons = of_mode(decay, inputs, longitudinal=longitudinal)
    return of_rows.integrated_kernels(hadrons, state, nodes=nodes)


def binned_kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    edges: Float[Array, " edges"],
    *,
    nodes: int = NODES,
) -> dict[str, Float[Array, " bins"]]:
    """Kernels integrated over bins of q2, edges in GeV^2; BIN_NODES nodes do for narrow bins."""
    decay = get_mode(mode)
    state = state.state if isinstance(state, Tabulated) else state
    return of_rows.binned_kernels(of_mode(decay, inputs), state, edges, nodes=nodes)


def q2_max(decay: Mode, inputs: Inputs) -> Scalar:
    """Largest q2 of the mode [GeV^2]."""
    return kinematics.q2_max(inputs.number(decay.m_B), inputs.number(decay.m_K))


def dgamma_dq2(mode: str, state: InvisibleState, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Differential rate at one q2 [GeV^2] in GeV^-1; exactly 0 outside the phase space.

    Raises:
        InputError: for a two-body state, whose rate is a line.
    """
    if not state.has_spectrum:
        raise InputError(
            "a two-body decay has no q2 spectrum, its rate is a line at q2 = m^2",
            allowed="ask for totals or bins, or give a width > 0",
        )
    return contract(invariants(mode, state, inputs), kernels(mode, state, inputs, q2))


def gamma(mode: str, state: InvisibleState, inputs: Inputs) -> Scalar:
    """Total rate in GeV, time-integrated where the meson mixes."""
    return contract(invariants(mode, state, inputs), integrated_kernels(mode, state, inputs))


def gamma_bins(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    edges: Float[Array, " edges"],
    *,
    nodes: int = NODES,
) -> Float[Array, " bins"]:
    """Rate in bins of q2 (edges in GeV^2) in GeV."""
    kernel = binned_kernels(mode, state, inputs, edges, nodes=nodes)
    return contract(invariants(mode, state, inputs), kernel)
