"""A pair of charged leptons beside the kaon."""

from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.massive_pair import DarkRows, Interferences, MassivePair
from bsnunu_jax.states.neutrinos import FLAVOURS
from bsnunu_jax.states.sectors import ChargedLeptons


class LeptonPair(MassivePair):
    """The pair l_i^- l_j^+ of a Bbar with C^{ij} of `ChargedLeptons`, SM added for i = j.

    Invariants: |C_9 +- C_9'|^2 (`C9+`, `C9-`), the same of C_10, and for one flavour those of the
    photon, of either parity of the quarks (`C7+`, `C7-`), and its interferences.
    """

    operators: ClassVar[tuple[str, ...]] = ("C9+", "C9-", "C10+", "C10-", "C7+", "C7-")
    interferences: ClassVar[Interferences] = {("C7+", "C9+"): "Re", ("C7-", "C9-"): "Re"}
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
        C9, C10, C9p, C10p = (c[at] for c in (charged.C9, charged.C10, charged.C9p, charged.C10p))
        coefficients = {"C9+": C9 + C9p, "C9-": C9 - C9p, "C10+": C10 + C10p, "C10-": C10 - C10p}
        if i == j:
            coefficients |= dict.fromkeys(("C7+", "C7-"), _effective(inputs, "C7eff"))
        m_i, m_j = inputs.values[f"m_{i}"], inputs.values[f"m_{j}"]
        self._set(m_i, None if i == j else m_j, False, coefficients)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2/4 times the squares [GeV^-4], C_7 in units of 1/(2 m_b), averaged over B and Bbar.

        The phases of C_9^eff and C_7 are strong: they do not change sign from B to Bbar, those of
        the new physics do.
        """
        if self.m_other is not None:
            weight = inputs.N_0**2 / 4
            return {name: weight * squared(value) for name, value in self.coefficients.items()}
        return self._of_one_flavour(inputs, squared)

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`; none of two flavours, whose conjugate is another state.

        The quark current has the parity of the name: C = -1 for +, +1 for -. The photon's other
        half is antihermitian, which makes up for its C of -1.
        """
        if self.m_other is not None:
            return {}
        found = self._of_one_flavour(inputs, lambda C: (C**2).real)
        return {name: value if name.endswith("+") else -value for name, value in found.items()}

    def _of_one_flavour(
        self, inputs: Inputs, square: Callable[[Array], Scalar]
    ) -> dict[str, Scalar]:
        """The invariants; `square` of what has no strong phase, |C|^2 or Re C^2."""
        weight, c = inputs.N_0**2 / 4, self.coefficients
        C9, C10, C7 = _effective(inputs, "C9eff"), _c10_sm(inputs), c["C7+"]
        two_m_b = 2 * inputs.values["mb_MSbar_4p8"]
        found: dict[str, Scalar] = {}
        for sign in "+-":
            new = c[f"C9{sign}"]
            product = (C7 * jnp.conj(C9)).real + C7.real * new.real
            found |= {
                f"C9{sign}": weight * (squared(C9) + 2 * C9.real * new.real + square(new)),
                f"C10{sign}": weight * square(C10 + c[f"C10{sign}"]),
                f"C7{sign}": weight * two_m_b**2 * squared(C7),
                f"C7{sign}*C9{sign}": weight * two_m_b * product,
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
            "C9+": {"V": vector, "V0": vector_0},
            "C10+": {"V": axial, "V0": axial_0},
            "C9-": {"A": vector, "A0": vector_0},
            "C10-": {"A": axial, "A0": axial_0},
            "C7+": {"E": vector / q2},
            "C7-": {"F": vector / q2},
            "C7+*C9+": {"VE": photon},
            "C7-*C9-": {"AF": photon},
        }


def _alpha_ratio(inputs: Inputs) -> Scalar:
    """Alpha that goes with the SM constants over that of the Hamiltonian, as in `C_L_SM`."""
    return inputs.values["alpha_em_mb_4p8"] / inputs.role("alpha_hamiltonian")


def _effective(inputs: Inputs, name: str) -> Complex[Array, ""]:
    values = inputs.values
    return _alpha_ratio(inputs) * (values[f"{name}_re"] + 1j * values[f"{name}_im"])


def _c10_sm(inputs: Inputs) -> Scalar:
    return _alpha_ratio(inputs) * inputs.values["C10_SM"]
