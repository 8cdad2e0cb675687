r"""B -> K(*) l l' and Bs -> l l': the rates that go with C_9, C_10, C_9', C_10'.

B -> K(*) l^- l'^+, with an anti-b quark, goes with C^{l' l}: B+ -> K+ mu- tau+ with C^{tau mu}. The
conjugate, Bbar -> Kbar l_i^- l_j^+, goes with C^{ij}, whose first index is the barred lepton.

For two different flavours there is new physics only. For one flavour the SM is added with constants
C_9^eff, C_7, C_10 in place of flavio's one- and two-loop functions: total rates of tau tau agree
with it to 0.2 % (K) and 2 % (K*) of the sum of the rate and its SM value, which counts where C_9^SM
and C_9 + C_9' cancel; in q2 > 15 GeV^2 to 0.5 % and 0.8 %. They are short-distance rates:
psi(2S) -> tau tau, which exceeds them in the SM, and broad resonances are left out. Totals of e e
and mu mu, which reach down to the photon pole and over the narrow charmonia, are refused.

The rates are averages over B and Bbar, which differ if C_9 has a phase; Bs -> phi tau tau and Bs ->
tau tau are integrated over time, Bs into two flavours is instantaneous. A pair of leptons is a
final state like any other massive pair: its rates, windows and derivatives are those of `rates`.
"""

from collections.abc import Mapping

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, get_decay, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.mixing import time_integrated
from bsnunu_jax.states.lepton_pair import LeptonPair
from bsnunu_jax.states.sectors import ChargedLeptons

_BS = ANNIHILATIONS["Bs->inv"]


def dgamma_dq2(
    mode: str, minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, q2: ArrayLike
) -> Scalar:
    """Spectrum of B -> K(*) minus^- plus^+ at one q2 [GeV^2] in GeV^-1; 0 where closed."""
    state, invariants = _pair(mode, minus, plus, charged, inputs, both=False)
    return rates.contract(invariants, rates.kernels(mode, state, inputs, q2))


def dbr_dq2(
    mode: str, minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, q2: ArrayLike
) -> Scalar:
    """The same as dBR/dq2 [GeV^-2]."""
    rate = dgamma_dq2(mode, minus, plus, charged, inputs, q2)
    return inputs.lifetime(get_mode(mode).tau_B) * rate


def branching_fraction(
    mode: str,
    minus: str,
    plus: str,
    charged: ChargedLeptons,
    inputs: Inputs,
    *,
    both: bool = False,
    window: tuple[float, float] | None = None,
) -> Scalar:
    """BR(B -> K(*) minus^- plus^+), e.g. of "B+->K+" with "mu" and "tau".

    Args:
        mode: the kaon, one of `modes.MODES`.
        minus: flavour of the negative lepton.
        plus: flavour of the positive lepton.
        charged: new-physics coefficients.
        inputs: numbers.
        both: add the other assignment of charges.
        window: range of q2 [GeV^2] in place of all of it.

    Raises:
        InputError: for e e or mu mu.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> sm = ChargedLeptons()
    >>> f"{float(branching_fraction('B+->K+', 'tau', 'tau', sm, load_inputs('flavio'))):.2e}"
    '1.59e-07'
    """
    if minus == plus and minus != "tau":
        raise InputError(
            f"B -> K(*) {minus} {plus} needs the photon pole and the charmonia, which are left out",
            allowed="tau tau, or two different leptons",
        )
    state, invariants = _pair(mode, minus, plus, charged, inputs, both)
    if window is None:
        kernel = rates.integrated_kernels(mode, state, inputs)
    else:
        bins = rates.binned_kernels(mode, state, inputs, jnp.asarray(window))
        kernel = {name: values[0] for name, values in bins.items()}
    return inputs.lifetime(get_mode(mode).tau_B) * rates.contract(invariants, kernel)


def branching_fraction_bs(
    minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, *, both: bool = False
) -> Scalar:
    """BR(Bs -> minus^- plus^+): instantaneous for two flavours, time-integrated for one.

    Time-integrated, as measured, it is larger by (1 + A y)/(1 - y^2) with y = DeltaGamma/(2 Gamma)
    and A = Re P^2/|P|^2, P = C_10 - C_10' (arXiv:1204.1735).

    >>> from bsnunu_jax.inputs import load_inputs
    >>> sm = ChargedLeptons()
    >>> f"{float(branching_fraction_bs('tau', 'tau', sm, load_inputs('flavio'))):.2e}"
    '7.70e-07'
    """
    state, invariants = _pair(_BS.name, minus, plus, charged, inputs, both)
    kernel = rates.annihilation_kernels(_BS, state, inputs)
    return inputs.lifetime(_BS.tau_B) * rates.contract(invariants, kernel)


def _pair(
    mode: str, minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, both: bool
) -> tuple[LeptonPair, Mapping[str, Scalar]]:
    """The pair and its invariants, those of the other assignment of charges added for `both`.

    One flavour has those of a rate that is integrated over time, as measured, in all presets.
    """
    state = LeptonPair(plus, minus, charged, inputs)
    found = state.invariants(inputs)
    decay = get_decay(mode)
    if minus == plus and decay.mixing:
        return state, time_integrated(decay, found, state.mixing_invariants(inputs), inputs)
    if both:
        other = LeptonPair(minus, plus, charged, inputs).invariants(inputs)
        found = {name: value + other[name] for name, value in found.items()}
    return state, found
