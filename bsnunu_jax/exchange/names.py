"""Names and normalisations of the WCxf bases: `flavio` of the WET, and our own `bsnunu`.

The basis `flavio` has the operators of `Neutrinos` with the flavours transposed, C_L^{ij} =
CL_bsnu{j}nu{i}, of b -> d CL_bdnu{j}nu{i}, of s -> d CL_sdnu{j}nu{i}, and e^2/(16 pi^2) where ours
has alpha/(4 pi) with the alpha of the preset. That e is taken where the code flavio does, at
4.8 GeV and for s -> d at 2 GeV: C of the basis is alpha_hamiltonian/alpha times ours for the same
operator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS
from bsnunu_jax.inputs import Inputs, tables
from bsnunu_jax.models.pairs import PAIRS, PairModel
from bsnunu_jax.states.neutrinos import FLAVOURS, MATRICES, coefficient

FLAVIO = ("WET", "flavio")
OWN = ("WET-dark", "bsnunu")
# Scale [GeV] of the files; vectors do not run, scalars and tensors are written at `mu_b`.
SCALE = 4.8
# What the names of sectors begin with, where it is not what those of coefficients carry.
_SECTORS = {"b->s": "sb", "b->d": "db"}
# The alpha of e^2 where it is not that of 4.8 GeV.
ALPHA = {"s->d": "alpha_em_2GeV"}


def letters(quarks: str) -> str:
    """What names of coefficients carry.

    >>> letters("b->s"), prefix("b->s"), letters("s->d"), prefix("s->d")
    ('bs', 'sb', 'sd', 'sd')
    """
    return quarks.replace("->", "")


def prefix(quarks: str) -> str:
    """What names of sectors begin with."""
    return _SECTORS.get(quarks, letters(quarks))


# Sectors of neutrinos by quark transition: those in which their coefficients have a normalisation.
NEUTRINOS: Mapping[str, str] = {q.name: f"{prefix(q.name)}nunu" for q in QUARKS.values() if q.sm}
# WCxf names of the coefficients of neutrinos by ours, and the quark transitions by WCxf name.
TO_WCXF: Mapping[str, str] = {
    coefficient(q, m, i, j): f"{m}_{letters(q)}nu{j}nu{i}"
    for q in NEUTRINOS
    for m in MATRICES
    for i in FLAVOURS
    for j in FLAVOURS
}
FROM_WCXF: Mapping[str, str] = {theirs: ours for ours, theirs in TO_WCXF.items()}
QUARKS_OF: Mapping[str, str] = {
    name: q for q in NEUTRINOS for name in FROM_WCXF if name.split("_")[1].startswith(letters(q))
}
# Those of the basis flavio, which has left-handed neutrinos alone.
LEFT_HANDED = tuple(name for name in FROM_WCXF if not name.startswith(("CLp", "CRp")))


@dataclass(frozen=True)
class Sector:
    """One dark sector of the basis `bsnunu`.

    Attributes:
        model: the model of this package that its coefficients are parameters of.
        particles: what names of the sector and of coefficients end with.
        quarks: the quark transition.
        pair: NN or nuN of sterile neutrinos.
    """

    model: str
    particles: str
    quarks: str
    pair: str = ""

    @property
    def name(self) -> str:
        """Of the sector."""
        return prefix(self.quarks) + self.particles

    @property
    def suffix(self) -> str:
        """Of the names of coefficients."""
        return letters(self.quarks) + self.particles

    @property
    def of_model(self) -> PairModel:
        """Operators, masses and statistics."""
        return PAIRS[self.model]

    @property
    def settings(self) -> Mapping[str, tuple[Any, ...]]:
        """What the model needs to know beside the masses, with allowed values."""
        own = {} if self.pair == "nuN" else {self.of_model.statistics: (False, True)}
        return own | ({"pair": (self.pair,)} if self.pair else {})

    def names(self) -> dict[str, str]:
        """Operators by WCxf name."""
        return {f"{o}_{self.suffix}": o for o in self.of_model.operators}


SECTORS: Mapping[str, Sector] = {
    s.name: s
    for quarks in QUARKS
    for s in (
        Sector("scalar-pair", "phiphi", quarks),
        Sector("fermion-pair", "chichi", quarks),
        Sector("vector-pair", "XX", quarks),
        Sector("sterile-neutrino", "NN", quarks, "NN"),
        Sector("sterile-neutrino", "nuN", quarks, "nuN"),
    )
}


def sector_of(state: Any) -> Sector:
    """The dark sector of a pair."""
    of = [
        s for s in SECTORS.values() if s.of_model.state is type(state) and s.quarks == state.quarks
    ]
    return next(s for s in of if s.pair == getattr(state, "pair", ""))


_NU, _LEPTON, _QUARK = "(?:nue|numu|nutau)", "(?:tau|mu|e)", "[udscb]"
_CHARGED = f"(?:{_LEPTON}|{_QUARK})"
# The other sectors of the basis `flavio`, a line a family of operators.
_OTHER = re.compile(
    "|".join(
        (
            "CG|CGtilde",
            f"Cgamma_{_LEPTON}{{2}}|C7_{_LEPTON}{{2}}",
            "C[78]_(?:uu|cc|dd|ss|bb|bd|bs|sd|cu)|C[78]p_(?:bd|bs|sd|cu)",
            f"(?:C9|C10|CS|CP)p?_(?:bs|bd|sd|cu){_LEPTON}{{2}}",
            f"(?:C[SV][LR]|CT)_(?:bc|bu|sc|su|dc|du){_LEPTON}{_NU}",
            f"CV(?:LL|LR)_{_NU}{{2}}(?:{_LEPTON}{{2}}|uu|cc|dd|ss|bb)",
            f"(?:C[SV][LR]{{2}}|CTLL|CTRR)_{_CHARGED}{{4}}",
            f"(?:C[SV][LR]{{2}}t|CTLLt|CTRRt|CS[18]RR|CV[18][LR]{{2}})_{_QUARK}{{4}}",
        )
    )
)


def of_another_sector(name: str) -> bool:
    """Whether a name follows the basis `flavio` of the WET outside of its sectors of neutrinos.

    >>> [of_another_sector(n) for n in ("C9_bsmumu", "CL_sdnuenue", "CL_sbnuenue", "CL_tautau")]
    [True, False, False, False]
    """
    return name not in FROM_WCXF and _OTHER.fullmatch(name) is not None


def alpha_of(quarks: str) -> str:
    """The alpha of e^2 in the basis flavio, a number of the inputs."""
    return ALPHA.get(quarks, "alpha_em_mb_4p8")


def wcxf_over_ours(inputs: Inputs, quarks: str = USUAL_QUARKS) -> Float[Array, ""]:
    """C of the basis flavio over ours for the same strength of an operator.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [round(float(wcxf_over_ours(load_inputs(p))), 4) for p in ("default", "flavio")]
    [1.0325, 1.0]
    >>> [round(float(wcxf_over_ours(load_inputs(p), "s->d")), 4) for p in ("default", "flavio")]
    [1.0418, 1.0]
    """
    return inputs.alpha_of(quarks) / inputs.number(alpha_of(quarks))


@cache
def definitions() -> Mapping[str, str]:
    r"""LaTeX of the operators of the basis `bsnunu` by name, from `bsnunu.basis.yaml`.

    >>> print(definitions()["S_bsphiphi"])
    (\bar s b)(\phi^\dagger \phi)
    """
    text = resources.files("bsnunu_jax.exchange").joinpath("bsnunu.basis.yaml").read_text()
    sectors = tables.load_yaml(text)["sectors"]
    return {name: entry["tex"] for sector in sectors.values() for name, entry in sector.items()}
