r"""B -> K(*) l l' and Bs -> l l': the rates that go with C_9, C_10, C_9', C_10'.

B -> K(*) l^- l'^+, with an anti-b quark, goes with C^{l' l}: B+ -> K+ mu- tau+ with C^{tau mu}. The
conjugate, Bbar -> Kbar l_i^- l_j^+, goes with C^{ij}, whose first index is the barred lepton.

For two different flavours there is new physics only. For one flavour the SM is added with constants
C_9^eff, C_7, C_10 in place of flavio's one- and two-loop functions: total rates of tau tau agree
with it to 0.2 % (K) and 2 % (K*) of the sum of the rate and its SM value, which counts where C_9^SM
and C_9 + C_9' cancel; in q2 > 15 GeV^2 to 0.5 % and 0.8 %. They are short-distance rates:
psi(2S) -> tau tau, which exceeds them in the SM, and broad resonances are left out. Totals of e e
and mu mu, which reach down to the photon pole and over the narrow charmonia, are refused.

The rates are averages over B and Bbar, which differ if C_9 has a phase. A pair of leptons is a
final state like any other massive pair: its rates, windows and derivatives are those of `rates`.
"""

from typing import ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from bsnunu_jax import rates
from bsnunu_jax.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible.massive_pair import DarkRows, Interferences, MassivePair
from bsnunu_jax.invisible.neutrinos import FLAVOURS
from bsnunu_jax.modes import ANNIHILATIONS, get_mode
from bsnunu_jax.sectors import ChargedLeptons

Scalar = Float[Array, ""]
_BS = ANNIHILATIONS["Bs->inv"]


class LeptonPair(MassivePair):
    """The pair l_i^- l_j^+ of a Bbar with C^{ij} of `ChargedLeptons`, SM added for i = j.

    Invariants: |C_9 +- C_9'|^2 (`C9+`, `C9-`), the same of C_10, and for one flavour those of the
    photon, `C7` and its interferences.
    """

    operators: ClassVar[tuple[str, ...]] = ("C9+", "C9-", "C10+", "C10-", "C7")
    interferences: ClassVar[Interferences] = {("C7", "C9+"): "Re", ("C7", "C9-"): "Re"}
    vanishing: ClassVar[tuple[str, ...]] = ()
    why_vanishing: ClassVar[str] = ""

    def __init__(self, i: str, j: str, charged: ChargedLeptons, inputs: Inputs) -> None:
        """Flavours "e", "mu", "tau"; the masses are those of the inputs.

        Raises:
            InputError: for an unknown flavour.
        """
        for flavour in (i, j):
            if flavour not in FLAVOURS:
                raise InputError(
                    f"unknown lepton {flavour!r}", allowed=f"leptons: {', '.join(FLAVOURS)}"
                )
        at = FLAVOURS.index(i), FLAVOURS.index(j)
        C9, C10, C9p, C10p = (
            c[at] for c in (charged.C9, charged.C10, charged.C9p, charged.C10p)
        )  # fmt: skip
        coefficients = {"C9+": C9 + C9p, "C9-": C9 - C9p, "C10+": C10 + C10p, "C10-": C10 - C10p}
        if i == j:
            coefficients["C7"] = _effective(inputs, "C7eff")
        m_i, m_j = inputs.values[f"m_{i}"], inputs.values[f"m_{j}"]
        self._set(m_i, None if i == j else m_j, False, coefficients)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2/4 times the squares [GeV^-4], C_7 in units of 1/(2 m_b), averaged over B and Bbar.

        The phases of C_9^eff and C_7 are strong: they do not change sign from B to Bbar, those of
        the new physics do.
        """
        weight, c = inputs.N_0**2 / 4, self.coefficients
        if "C7" not in c:
            return {name: weight * _squared(value) for name, value in c.items()}
        C9, C10, C7 = _effective(inputs, "C9eff"), _c10_sm(inputs), c["C7"]
        two_m_b = 2 * inputs.values["mb_MSbar_4p8"]
        found = {"C7": weight * two_m_b**2 * _squared(C7)}
        for sign in "+-":
            new = c[f"C9{sign}"]
            product = (C7 * jnp.conj(C9)).real + C7.real * new.real
            found |= {
                f"C9{sign}": weight * (_squared(C9) + 2 * C9.real * new.real + _squared(new)),
                f"C10{sign}": weight * _squared(C10 + c[f"C10{sign}"]),
                f"C7*C9{sign}": weight * two_m_b * product,
            }
        return found

    def _rows(self, q2: Scalar, above: Scalar, below: Scalar) -> DarkRows:
        m_i, m_j = self.masses
        total = m_i + m_j
        difference = jnp.zeros_like(total) if self.m_other is None else m_i - m_j
        vector = 2 * below * (2 * q2 + total**2) / (3 * q2)
        axial = 2 * above * (2 * q2 + difference**2) / (3 * q2)
        vector_0, axial_0 = 2 * difference**2 * above / q2, 2 * total**2 * below / q2
        photon = 2 * vector / jnp.sqrt(q2)
        return {
            "C9+": {"V": vector, "V0": vector_0}, "C10+": {"V": axial, "V0": axial_0},
            "C9-": {"A": vector, "A0": vector_0}, "C10-": {"A": axial, "A0": axial_0},
            "C7": {"E": vector / q2, "F": vector / q2},
            "C7*C9+": {"VE": photon}, "C7*C9-": {"AF": photon},
        }  # fmt: skip


def dgamma_dq2(
    mode: str, minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, q2: ArrayLike
) -> Scalar:
    """Spectrum of B -> K(*) minus^- plus^+ at one q2 [GeV^2] in GeV^-1; 0 where closed."""
    return rates.dgamma_dq2(mode, LeptonPair(plus, minus, charged, inputs), inputs, q2)


def branching_fraction(
    mode: str, minus: str, plus: str, charged: ChargedLeptons, inputs: Inputs, *,
    both: bool = False, window: tuple[float, float] | None = None,
) -> Scalar:  # fmt: skip
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
    state = LeptonPair(plus, minus, charged, inputs)
    invariants = state.invariants(inputs)
    if both:
        invariants = _add(invariants, LeptonPair(minus, plus, charged, inputs).invariants(inputs))
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
    state = LeptonPair(plus, minus, charged, inputs)
    invariants = state.invariants(inputs)
    if both:
        invariants = _add(invariants, LeptonPair(minus, plus, charged, inputs).invariants(inputs))
    if minus == plus:
        # |P|^2 (1 + A y) without a division by |P|^2, which may be 0.
        y = inputs.values["DeltaGamma_over_Gamma_Bs"] / 2
        P = _c10_sm(inputs) + state.coefficients["C10-"]
        P2 = _squared(P) + y * (P.real**2 - P.imag**2)
        invariants |= {"C10-": inputs.N_0**2 / 4 * P2 / (1 - y**2)}
    kernel = rates.annihilation_kernels(_BS, state, inputs)
    return inputs.lifetime(_BS.tau_B) * rates.contract(invariants, kernel)


def _add(a: dict[str, Scalar], b: dict[str, Scalar]) -> dict[str, Scalar]:
    return {name: a[name] + b[name] for name in a}


def _squared(c: Complex[Array, ""]) -> Scalar:
    return c.real**2 + c.imag**2


def _alpha_ratio(inputs: Inputs) -> Scalar:
    """Alpha that goes with the SM constants over that of the Hamiltonian, as in `C_L_SM`."""
    return inputs.values["alpha_em_mb_4p8"] / inputs.role("alpha_hamiltonian")


def _effective(inputs: Inputs, name: str) -> Complex[Array, ""]:
    values = inputs.values
    return _alpha_ratio(inputs) * (values[f"{name}_re"] + 1j * values[f"{name}_im"])


def _c10_sm(inputs: Inputs) -> Scalar:
    return _alpha_ratio(inputs) * inputs.values["C10_SM"]
