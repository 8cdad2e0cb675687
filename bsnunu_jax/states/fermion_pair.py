"""A pair of invisible fermions, Dirac or Majorana."""

from typing import ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.states.massive_pair import DarkRows, Interferences, MassivePair

_UNEQUAL = {("S1", "V1"): "Re", ("P1", "A1"): "Im", ("V2", "T2"): "Re", ("A2", "T1"): "Re"}


class FermionPair(MassivePair):
    """B -> K(*) chi chibar; coefficients in GeV^-2.

    With G the quark and D the dark matrix of (sbar G b)(chibar D chi), names as in Eq. (19) of
    arXiv:2309.12741: S1 = (1, 1), S2 = (1, i g5), V1 = (g^mu, g_mu), V2 = (g^mu, g_mu g5),
    T1 = (sigma, sigma), T2 = (sigma, sigma g5), and P1, P2, A1, A2 with i g5 or g^mu g5 between the
    quarks. With two masses the first is that of the barred field. SM neutrinos are a state of their
    own.

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> br = branching_fraction("B+->K+", FermionPair(0.7, V2=1 / 10000**2), load_inputs())
    >>> f"{float(br):.2e}"
    '1.01e-05'
    """

    operators: ClassVar[tuple[str, ...]] = (
        "S1",
        "S2",
        "P1",
        "P2",
        "V1",
        "V2",
        "A1",
        "A2",
        "T1",
        "T2",
    )
    interferences: ClassVar[Interferences] = {
        ("S2", "V2"): "Im",
        ("P2", "A2"): "Re",
        ("V1", "T1"): "Re",
        ("A1", "T2"): "Re",
        **_UNEQUAL,
    }
    vanishing: ClassVar[tuple[str, ...]] = ("V1", "A1", "T1", "T2")
    why_vanishing: ClassVar[str] = "a Majorana fermion has no vector and no tensor current"
    antihermitian: ClassVar[tuple[str, ...]] = ("T2",)

    def __init__(
        self,
        m: ArrayLike,
        m_other: ArrayLike | None = None,
        *,
        majorana: bool = False,
        quarks: str = USUAL_QUARKS,
        **coefficients: ArrayLike | None,
    ) -> None:
        """Masses in GeV, coefficients by the names of the `operators`, those of `quarks`.

        Raises:
            InputError: for V1, A1, T1, T2 of a Majorana fermion, or two masses of one.
        """
        self._set(m, m_other, majorana, coefficients, quarks)

    def _interfere(self, a: str, b: str) -> bool:
        return self.m_other is not None or (a, b) not in _UNEQUAL

    def _rows(self, q2: Scalar, above: Scalar, below: Scalar) -> DarkRows:
        m1, m2 = self.masses
        total, root = m1 + m2, jnp.sqrt(q2)
        difference = jnp.zeros_like(total) if self.m_other is None else m1 - m2
        vector = 2 * below * (2 * q2 + total**2) / (3 * q2)
        axial = 2 * above * (2 * q2 + difference**2) / (3 * q2)
        vector_0, axial_0 = 2 * difference**2 * above / q2, 2 * total**2 * below / q2
        tensor = 8 * below * (q2 + 2 * total**2) / (3 * q2)
        tensor_5 = 8 * above * (q2 + 2 * difference**2) / (3 * q2)
        flip, split = 4 * total * below / root, 4 * difference * above / root
        return {
            "S1": {"S": 2 * above},
            "S2": {"S": 2 * below},
            "P1": {"P": 2 * above},
            "P2": {"P": 2 * below},
            "V1": {"V": vector, "V0": vector_0},
            "V2": {"V": axial, "V0": axial_0},
            "A1": {"A": vector, "A0": vector_0},
            "A2": {"A": axial, "A0": axial_0},
            "T1": {"E": tensor, "F": tensor_5},
            "T2": {"E": tensor_5, "F": tensor},
            "S2*V2": {"SV": -flip},
            "P2*A2": {"PA": flip},
            "V1*T1": {"VE": 2 * flip},
            "A1*T2": {"AF": -2 * flip},
        } | (
            {}
            if self.m_other is None
            else {
                "S1*V1": {"SV": split},
                "P1*A1": {"PA": split},
                "V2*T2": {"VE": 2 * split},
                "A2*T1": {"AF": -2 * split},
            }
        )
