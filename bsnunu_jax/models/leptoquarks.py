"""The leptoquarks of Eqs. (13)-(14) of arXiv:2309.12741.

`lam_{k}{l}` couples the quark of generation k to the lepton l; doublets are aligned with the down
quarks, q_k = ((V^dagger u)_k, d_k), so c couples through the CKM matrix. Tree level, one particle
of mass M: matrices of rank 1. Mixing of the Bs arises at one loop and is not included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.couplings import (
    LEPTONS,
    above_reach,
    all_of,
    array,
    first_of,
    flat,
    perturbative,
    positive,
    real_value,
)
from bsnunu_jax.models.matching import (
    PER_TEV2,
    charged_current,
    charged_leptons,
    ckm,
    neutrino_coefficient,
)
from bsnunu_jax.models.values import Domain, Rules, real
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import Sectors

Couplings = Complex[Array, "3 3"]
Matrix = Complex[Array, "3 3"]


@dataclass(frozen=True)
class Leptoquark:
    """Fierz factors of one leptoquark.

    L = factor lam*_{2i} lam_{3j}/M^2 (sbar gamma P b)(lbar_i gamma P_L l_j), where lam*_{3i}
    lam_{2j} stands if `direct`: the coupling has dbar or qbar and not the conjugated quark.

    Attributes:
        neutrinos: factor of b -> s nu nubar.
        charged: factor of b -> s l l'.
        current: factor of b -> c l nu, with sum_k V_ck lam_k in place of lam_2.
        right: the quarks are right-handed.
    """

    name: str
    neutrinos: float
    charged: float
    current: float
    right: bool
    direct: bool

    @property
    def couplings(self) -> tuple[tuple[str, ...], ...]:
        """Names by generation; of the first one only the u matters, which V mixes with the c."""
        generations = (2, 3) if self.right else (1, 2, 3)
        return tuple(tuple(f"lam_{k}{i}" for i in LEPTONS) for k in generations)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Mass and couplings."""
        return ("M", *flat(self.couplings))

    @property
    def rules(self) -> Rules:
        """A real mass above 0 is needed."""
        return first_of(real("M"), positive("M", "mass", "TeV", "2"))

    @property
    def domain(self) -> Domain:
        """Perturbative couplings, a mass beyond pair production."""
        return all_of(perturbative(flat(self.couplings)), above_reach("M"))

    def bs(self, lam: Couplings) -> Matrix:
        """The flavour structure of b -> s of couplings [generation, lepton]."""
        return self._product(lam[1], lam[2])

    def bc(self, lam: Couplings, inputs: Inputs) -> Matrix:
        """The same of b -> c."""
        V = ckm(inputs)[1]
        return self._product(V @ lam if self.direct else jnp.conj(V) @ lam, lam[2])

    def _product(self, light: Array, heavy: Array) -> Matrix:
        bar, other = (heavy, light) if self.direct else (light, heavy)
        return jnp.outer(jnp.conj(bar), other)

    def build(self, parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
        """Coefficients at mass M [TeV]; parameters that `rules` lets pass."""
        lam = array(parameters, [[f"lam_{k}{i}" for i in LEPTONS] for k in (1, 2, 3)])
        per_m2 = PER_TEV2 / real_value(parameters, "M") ** 2
        bs = per_m2 * self.bs(lam)
        C, K = neutrino_coefficient(self.neutrinos * bs, inputs), self.charged * bs
        return Sectors(
            (Neutrinos(CR=C) if self.right else Neutrinos(CL=C),),
            charged_leptons(inputs, RL=K) if self.right else charged_leptons(inputs, LL=K),
            charged_current(self.current * per_m2 * self.bc(lam, inputs), inputs),
        )


S0 = Leptoquark("S0", 1 / 2, 0.0, -1 / 2, False, False)
S1 = Leptoquark("S1", 1 / 2, 1.0, 1 / 2, False, False)
V1 = Leptoquark("V1", -2.0, -1.0, 1.0, False, True)
S2TILDE = Leptoquark("S2tilde", -1 / 2, -1 / 2, 0.0, True, True)
V2 = Leptoquark("V2", 1.0, 1.0, 0.0, True, False)
LEPTOQUARKS = (S0, S1, V1, S2TILDE, V2)
