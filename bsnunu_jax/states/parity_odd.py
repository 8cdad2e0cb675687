"""What of a final state a spin of the hadrons sees: products of opposite parity of the quarks.

Unpolarised rates have |C|^2 and interferences of operators whose quark bilinears have the same
parity. A baryon's spin, weighted with its sign, sees the others instead. The pair does not know of
gamma_5 between the quarks: where V stands for A in one of two operators, dark factor and phase stay
and only the hadronic row changes, VE -> AE, SV -> SA0 and so on.
"""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import Around, InvisibleState, in_integrals
from bsnunu_jax.states.fermion_pair import FermionPair
from bsnunu_jax.states.massive_pair import DarkRows, MassivePair
from bsnunu_jax.states.mediated import Mediated
from bsnunu_jax.states.mediated_neutrinos import MediatedNeutrinos, parts
from bsnunu_jax.states.neutrinos import Neutrinos
from bsnunu_jax.states.resonance import Resonance, TwoBody
from bsnunu_jax.states.scalar_pair import ScalarPair
from bsnunu_jax.states.scaled import Scaled
from bsnunu_jax.states.sterile_neutrino import SterileNeutrino
from bsnunu_jax.states.universal import Universal
from bsnunu_jax.states.unstable import Unstable
from bsnunu_jax.states.vector_line import VectorLine
from bsnunu_jax.states.vector_pair import VectorPair

_PARTNER = {"V": "A", "A": "V", "S": "P", "P": "S"}
# Rows once the vector or axial operator of an interference is the other one.
_ROWS = {"SV": "SA0", "PA": "PV0", "VE": "AE", "AF": "VF", "V": "VA", "A": "VA"}
_SQUARES = {"V": "VA", "V0": "V0A0"}


def parity_odd(state: InvisibleState) -> InvisibleState:
    """The state whose invariants and dark rows are those that a polarisation sees.

    Its rows are those of `hadrons.rows.polarised_rows`; its rules of integration are those
    of the state.

    Raises:
        InputError: for a final state whose interferences of opposite parity are not known here.

    >>> from bsnunu_jax import load_inputs
    >>> odd = parity_odd(FermionPair(0.3, S1=1.0, P1=1j, A1=2.0))
    >>> sorted(odd.invariants(load_inputs()))
    ['S1*P1']
    """
    if isinstance(state, Scaled):
        return Scaled(parity_odd(state.state), state.factor)
    if isinstance(state, Unstable):
        found: InvisibleState = state.around(parity_odd(state.state))
        return found
    if isinstance(state, SterileNeutrino):
        return OddPair(state.state)
    if isinstance(state, Mediated):
        return state.of(parity_odd(state.state))
    if isinstance(state, FermionPair | ScalarPair | VectorPair):
        return OddPair(state)
    if isinstance(state, Neutrinos):
        return OddNeutrinos(state)
    if isinstance(state, Universal):
        return OddUniversal(state)
    if isinstance(state, Resonance | TwoBody):
        return OddScalar(state)
    if isinstance(state, VectorLine):
        return OddVector(state)
    if isinstance(state, MediatedNeutrinos):
        return OddMediated(state)
    raise InputError(
        f"no polarisation is known for the final state {type(state).__name__}",
        allowed="neutrinos, pairs of fermions, scalars or vectors, sterile neutrinos, a scalar or"
        " vector X",
    )


class _Odd(Around):
    """Coefficients of one quark transition, that of the state."""

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Its own in decays of that transition."""
        mine = getattr(self.state, "quarks", USUAL_QUARKS) == quarks
        return self.invariants(inputs) if mine else {}

    def rows_in(self, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Its own rows in decays of that transition."""
        return self.dark_rows(q2) if getattr(self.state, "quarks", USUAL_QUARKS) == quarks else {}


class _OddMassless(_Odd):
    """Neutrinos, which are there in several transitions."""

    state: Neutrinos | Universal

    def rows_in(self, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Its own rows in b -> s; elsewhere those of massless chiral pairs."""
        if quarks == USUAL_QUARKS:
            return self.dark_rows(q2)
        return {f"{quarks} handed": _handed_rows(q2)} if get_quarks(quarks).sm else {}

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Its own in b -> s; elsewhere those of massless chiral pairs."""
        if quarks == USUAL_QUARKS:
            return self.invariants(inputs)
        if not get_quarks(quarks).sm:
            return {}
        matrices = self.state.matrices_in(quarks, inputs)
        return {f"{quarks} handed": _handed(inputs.normalisation(quarks), *matrices)}


class OddNeutrinos(_OddMassless, eqx.Module):
    """Massless neutrinos: a spin measures |C_R|^2 - |C_L|^2, primed ones included."""

    state: Neutrinos

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2 sum over flavours of |C_R|^2 - |C_L|^2 + |C_R'|^2 - |C_L'|^2, SM in C_L.

        Of Re (C_L + C_R)(C_R - C_L)^* the cross terms cancel.
        """
        s = self.state
        CL = s.CL + inputs.C_L_SM * jnp.eye(3)
        return {"handed": _handed(inputs.N_0, CL, s.CR, s.CLp, s.CRp)}

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """Massless chiral pairs."""
        return {"handed": _handed_rows(q2)}


class OddUniversal(_OddMassless, eqx.Module):
    """The set of EOS: right-handed minus left-handed quarks, of the tensor left-handed ones."""

    state: Universal

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """3 N_0^2 times |cVR|^2 - |cVL|^2, |cSR|^2 - |cSL|^2, |cTL|^2."""
        s, norm = self.state, 3 * inputs.N_0**2
        return {
            "vector": norm * (squared(s.cVR) - squared(s.cVL)),
            "scalar": norm * (squared(s.cSR) - squared(s.cSL)),
            "tensor": norm * squared(s.cTL),
        }

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """Massless chiral pairs."""
        return {
            "vector": _handed_rows(q2),
            "scalar": {"SP": -4 * q2},
            "tensor": {"EF": 64 * q2 / 3},
        }


def _handed(N_0: Scalar, CL: Array, CR: Array, CLp: Array, CRp: Array) -> Scalar:
    """N_0^2 sum |C_R|^2 - |C_L|^2 over flavours and chiralities."""
    right, left = (jnp.sum(squared(c)) + jnp.sum(squared(p)) for c, p in ((CR, CRp), (CL, CLp)))
    return N_0**2 * (right - left)


def _handed_rows(q2: Scalar) -> dict[str, Scalar]:
    """The transverse current, weight 2 q2/3, in an interference."""
    return {"VA": 4 * q2 / 3}


class OddScalar(_Odd, eqx.Module):
    """A scalar X with couplings S and P."""

    state: Resonance | TwoBody

    @property
    def in_integrals(self) -> InvisibleState:
        """That of the state."""
        return parity_odd(in_integrals(self.state))

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Im S P^*: P goes with i gamma_5."""
        return {"S*P": (self.state.S * jnp.conj(self.state.P)).imag}

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """The factor of the line or peak."""
        return {"S*P": {"SP": -2 * self.state.dark_rows(q2)["scalar"]["S"]}}


class OddVector(_Odd, eqx.Module):
    """A vector X with couplings V and A."""

    state: VectorLine

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Re V A^*."""
        return {"V*A": (self.state.V * jnp.conj(self.state.A)).real}

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """The factor of the line."""
        vector, _, both = self.state.rows
        return {"V*A": {both: 2 * self.state.dark_rows(q2)["vector"][vector]}}


class OddMediated(_Odd, eqx.Module):
    """What a mediator adds to massless neutrinos: right- minus left-handed quarks."""

    state: MediatedNeutrinos

    @property
    def in_integrals(self) -> InvisibleState:
        """That of the state."""
        return parity_odd(in_integrals(self.state))

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Of the three parts of C_R minus those of C_L."""
        N_0, a, b = self.state.matrices(inputs)
        left, right = (parts(*of) for of in zip(a, b, strict=True))
        return {f"{k} handed": N_0**2 * (right[k] - left[k]) for k in left}

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """Those of the state, in an interference."""
        plain = self.state.dark_rows(q2)
        return {
            f"{k.removesuffix(' vector')} handed": {"VA": 2 * rows["V"]}
            for k, rows in plain.items()
            if "V" in rows
        }


class OddPair(_Odd, eqx.Module):
    """A massive pair."""

    state: MassivePair

    @property
    def _products(self) -> dict[str, tuple[str, str, str]]:
        """Operators a, b and Re or Im of every product that a spin sees, by name."""
        s = self.state
        found = {}
        for a in s.operators:
            if a[0] in "SVT" and a != "T2":
                part = "Im" if a[0] == "S" or (a == "T1" and _hermitian_tensors(s)) else "Re"
                found[f"{a}*{_partner(a)}"] = a, _partner(a), part
        for (a, b), part in s.interferences.items():
            if s._interfere(a, b):
                found[_odd_name(f"{a}*{b}")] = *_flipped(a, b), part
        return found

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Re or Im of C_a C_b^* of every product of opposite parity whose operators were given."""
        c, factor, found = self.state.coefficients, 2.0 if self.state.identical else 1.0, {}
        for name, (a, b, part) in self._products.items():
            if a in c and b in c:
                product = c[a] * jnp.conj(c[b])
                found[name] = factor * (product.real if part == "Re" else product.imag)
        return found

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """Those of the pair, each in an interference of opposite parity; 0 below the threshold."""
        given = self.state.coefficients
        every = dict.fromkeys(self.state.operators, jnp.zeros((), complex))
        dark = eqx.tree_at(lambda s: s.coefficients, self.state, every).dark_rows(q2)
        found: DarkRows = {}
        for invariant, rows in dark.items():
            if "*" in invariant:
                found[_odd_name(invariant)] = {_ROWS[k]: w for k, w in rows.items()}
            elif invariant[0] == "V":
                odd = {_SQUARES[k]: 2 * w for k, w in rows.items()}
                found[f"{invariant}*{_partner(invariant)}"] = odd
            elif invariant[0] == "S":
                found[f"{invariant}*{_partner(invariant)}"] = {"SP": -2 * rows["S"]}
            elif invariant == "T1":
                sign = 2 if _hermitian_tensors(self.state) else -2
                found["T1*T2"] = {"EF": sign * (rows["E"] + rows["F"])}
        products = self._products
        return {
            k: v for k, v in found.items() if products[k][0] in given and products[k][1] in given
        }


def _hermitian_tensors(pair: MassivePair) -> bool:
    """Of vectors T1 and T2 are i/2 sigma and 1/2 sigma gamma_5: their ratio has another phase."""
    return isinstance(pair, VectorPair)


def _partner(operator: str) -> str:
    """The operator with gamma_5 between the quarks, or without it."""
    if operator[0] == "T":
        return "T2" if operator == "T1" else "T1"
    return _PARTNER[operator[0]] + operator[1:]


def _flipped(a: str, b: str) -> tuple[str, str]:
    """The two operators with the vector or axial one, the second of two, as the other."""
    return (a, _partner(b)) if b[0] in "VA" else (_partner(a), b)


def _odd_name(invariant: str) -> str:
    return "*".join(_flipped(*invariant.split("*")))
