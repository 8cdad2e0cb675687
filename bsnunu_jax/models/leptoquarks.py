"""The leptoquarks of Eqs. (13)-(14) of arXiv:2309.12741.

`lam_{k}{l}` couples the quark of generation k to the lepton l; doublets are aligned with the down
quarks, q_k = ((V^dagger u)_k, d_k), so c couples through the CKM matrix. Tree level, one particle
of mass M: matrices of rank 1. Mixing of the Bs is the box of scalars (`boxes`); that of vectors is
not a number without the rest of their gauge theory, and is left out.

The model `rpv` is R-parity violating supersymmetry, W = lamp_{ijk} L_i Q_j D^c_k with squarks that
are leptoquarks: a left-handed squark doublet of generation j is S2tilde with lam_{ki} = lamp_{ijk},
a right-handed down squark of generation k is S0 with lam_{ji} = lamp_{ijk}. Sums over generations
lift rank 1. Sneutrinos, which would mix the Bs at tree level, are taken as decoupled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import boxes
from bsnunu_jax.models.matching import (
    LEPTONS,
    PER_TEV2,
    array,
    charged_current,
    charged_leptons,
    ckm,
    flat,
    neutrino_coefficient,
    real_value,
)
from bsnunu_jax.models.values import (
    Domain,
    Ranges,
    Refusal,
    Rules,
    above_reach,
    all_of,
    first_of,
    perturbative,
    positive,
    real,
)
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import BsMixing, Sectors

Matrix = Complex[Array, "3 3"]
_GENERATIONS = (1, 2, 3)
_TEV = 1000.0


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
        boxes: sum of |coupling of a component of the doublet|^4 over lam^4 in boxes of down quarks;
            None for vectors.
    """

    name: str
    neutrinos: float
    charged: float
    current: float
    right: bool
    direct: bool
    boxes: float | None = None

    @property
    def couplings(self) -> tuple[tuple[str, ...], ...]:
        """Names by generation; of the first one only the u matters, which V mixes with the c."""
        generations = (2, 3) if self.right else _GENERATIONS
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

    def bs(self, lam: Matrix) -> Matrix:
        """The flavour structure of b -> s of couplings [generation, lepton]."""
        return self._product(lam[1], lam[2])

    def bc(self, lam: Matrix, inputs: Inputs) -> Matrix:
        """The same of b -> c."""
        V = ckm(inputs)[1]
        return self._product(V @ lam if self.direct else jnp.conj(V) @ lam, lam[2])

    def _product(self, light: Array, heavy: Array) -> Matrix:
        bar, other = (heavy, light) if self.direct else (light, heavy)
        return jnp.outer(jnp.conj(bar), other)

    def build(self, parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
        """Coefficients at mass M [TeV]; parameters that `rules` lets pass."""
        lam = array(parameters, [[f"lam_{k}{i}" for i in LEPTONS] for k in _GENERATIONS])
        per_m2 = PER_TEV2 / real_value(parameters, "M") ** 2
        bs = per_m2 * self.bs(lam)
        C, K = neutrino_coefficient(self.neutrinos * bs, inputs), self.charged * bs
        return Sectors(
            (Neutrinos(CR=C) if self.right else Neutrinos(CL=C),),
            charged_leptons(inputs, RL=K) if self.right else charged_leptons(inputs, LL=K),
            charged_current(self.current * per_m2 * self.bc(lam, inputs), inputs),
            self.mixing(lam, _TEV * real_value(parameters, "M")),
        )

    def mixing(self, lam: Matrix, mass: Scalar) -> BsMixing | None:
        """Bs mixing at the mass [GeV]; None for vectors."""
        if self.boxes is None:
            return None
        C = self.boxes * boxes.coefficient(*self.lines(lam[None]), mass[None])
        return BsMixing(C_VRR=C, mu=mass) if self.right else BsMixing(C_VLL=C, mu=mass)

    def lines(self, lam: Complex[Array, "scalars 3 3"]) -> tuple[Array, Array]:
        """Couplings of s and b on a lepton line, shape (scalars, 3)."""
        light, heavy = lam[:, 1], lam[:, 2]
        return (light, heavy) if self.direct else (jnp.conj(light), jnp.conj(heavy))


S0 = Leptoquark("S0", 1 / 2, 0.0, -1 / 2, False, False, boxes=1.0)
S1 = Leptoquark("S1", 1 / 2, 1.0, 1 / 2, False, False, boxes=5.0)
V1 = Leptoquark("V1", -2.0, -1.0, 1.0, False, True)
S2TILDE = Leptoquark("S2tilde", -1 / 2, -1 / 2, 0.0, True, True, boxes=2.0)
V2 = Leptoquark("V2", 1.0, 1.0, 0.0, True, False)
LEPTOQUARKS = (S0, S1, V1, S2TILDE, V2)

_COUPLINGS = tuple(
    tuple(f"lamp_{i}{j}{k}" for j in _GENERATIONS for k in _GENERATIONS) for i in _GENERATIONS
)
_NEEDED = ("m_sdL", "m_sdR")
_SQUARKS = tuple(f"{name}{g}" for name in ("m_sdL", "m_suL", "m_sdR") for g in _GENERATIONS)
RPV = (*_SQUARKS, *flat(_COUPLINGS))

domain_rpv = all_of(perturbative(flat(_COUPLINGS)), above_reach(*_SQUARKS))
_rpv = first_of(real(*_SQUARKS), *(positive(m, "mass", "TeV", "2", needed=False) for m in _SQUARKS))


def refuse_rpv(ranges: Ranges, fit: bool) -> Refusal | None:
    """Masses above 0, at least one of them of a squark that couples to neutrinos."""
    if found := _rpv(ranges, fit):
        return found
    for g in _GENERATIONS:
        if f"m_suL{g}" in ranges and f"m_sdL{g}" not in ranges:
            return Refusal(
                f"m_suL{g}",
                f"'m_suL{g}' without 'm_sdL{g}'",
                f"give m_sdL{g}; m_suL{g} is equal to it by default",
            )
    if not any(name.startswith(_NEEDED) for name in ranges):
        return Refusal(
            "m_sdL3",
            "no squark mass is given",
            f"give one of {', '.join(m for m in _SQUARKS if m.startswith(_NEEDED))}"
            " in TeV, e.g. m_sdR3 = 2",
        )
    return None


def build_rpv(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """Coefficients; a squark without a mass is decoupled, m_suL is m_sdL by default."""
    # Axes: lepton, generation of Q, generation of D^c.
    lamp = array(parameters, _COUPLINGS).reshape(3, 3, 3)
    doublets = {g: lamp[:, g - 1, :].T for g in _GENERATIONS if f"m_sdL{g}" in parameters}
    singlets = {g: lamp[:, :, g - 1].T for g in _GENERATIONS if f"m_sdR{g}" in parameters}

    def per_m2(name: str, default: str | None = None) -> Float[Array, ""]:
        given = name if name in parameters or default is None else default
        return PER_TEV2 / real_value(parameters, given) ** 2

    zero = jnp.zeros((3, 3), dtype=complex)
    of_neutrinos = sum((per_m2(f"m_sdL{g}") * S2TILDE.bs(x) for g, x in doublets.items()), zero)
    of_charged = sum(
        (per_m2(f"m_suL{g}", f"m_sdL{g}") * S2TILDE.bs(x) for g, x in doublets.items()), zero
    )
    left = sum((per_m2(f"m_sdR{g}") * S0.bs(x) for g, x in singlets.items()), zero)
    current = sum((per_m2(f"m_sdR{g}") * S0.bc(x, inputs) for g, x in singlets.items()), zero)
    return Sectors(
        (
            Neutrinos(
                CL=neutrino_coefficient(S0.neutrinos * left, inputs),
                CR=neutrino_coefficient(S2TILDE.neutrinos * of_neutrinos, inputs),
            ),
        ),
        charged_leptons(inputs, RL=S2TILDE.charged * of_charged),
        charged_current(S0.current * current, inputs),
        _squark_boxes(parameters, doublets, singlets),
    )


def _squark_boxes(
    parameters: Mapping[str, Any], doublets: Mapping[int, Matrix], singlets: Mapping[int, Matrix]
) -> BsMixing:
    """Boxes of squarks: doublets with neutrinos, and with charged leptons, and singlets."""

    def box(kind: Leptoquark, couplings: Mapping[int, Matrix], *names: str) -> tuple[Array, list]:
        """The coefficient, and the masses [GeV]; of each squark the first name that is given."""
        if not couplings:
            return jnp.zeros((), complex), []
        given = [next(n for n in names if f"{n}{g}" in parameters) + str(g) for g in couplings]
        masses = [_TEV * real_value(parameters, name) for name in given]
        lines = kind.lines(jnp.stack(list(couplings.values())))
        return boxes.coefficient(*lines, jnp.stack(masses)), masses

    down = box(S2TILDE, doublets, "m_sdL")
    up = box(S2TILDE, doublets, "m_suL", "m_sdL")
    single = box(S0, singlets, "m_sdR")
    scale = boxes.mean_mass([*down[1], *up[1], *single[1]])
    return BsMixing(C_VLL=single[0], C_VRR=down[0] + up[0], mu=scale)
