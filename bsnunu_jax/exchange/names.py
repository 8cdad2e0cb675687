"""Names and normalisations of the WCxf bases: `flavio` of the WET, and our own `bsnunu`.

The basis `flavio` has the operators of `Neutrinos` with the flavours transposed, C_L^{ij} =
CL_bsnu{j}nu{i}, and e^2/(16 pi^2) where ours has alpha/(4 pi) with the alpha of the preset. That e
is taken at 4.8 GeV, as the code flavio does: C of the basis is alpha_hamiltonian/alpha(4.8 GeV)
times ours for the same operator.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jaxtyping import Array, Float

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs, tables
from bsnunu_jax.models import Model
from bsnunu_jax.models.pairs import PAIRS, PairModel
from bsnunu_jax.states.neutrinos import COEFFICIENTS, FLAVOURS, MATRICES

FLAVIO = ("WET", "flavio")
OWN = ("WET-dark", "bsnunu")
# Scale [GeV] of the files; vectors do not run, scalars and tensors are written at `mu_b`.
SCALE = 4.8
NEUTRINOS = "sbnunu"


# WCxf names of the neutrino coefficients by ours.
TO_WCXF: Mapping[str, str] = {
    f"{m}_{i}{j}": f"{m}_bsnu{j}nu{i}" for m in MATRICES for i in FLAVOURS for j in FLAVOURS
}
FROM_WCXF: Mapping[str, str] = {theirs: ours for ours, theirs in TO_WCXF.items()}
# Those of the basis flavio, which has left-handed neutrinos alone.
LEFT_HANDED = tuple(TO_WCXF[name] for name in COEFFICIENTS if not name.startswith(("CLp", "CRp")))


@dataclass(frozen=True)
class Sector:
    """One dark sector of the basis `bsnunu`.

    Attributes:
        name: of the sector.
        model: the model of this package that its coefficients are parameters of.
        suffix: of the names of coefficients.
        pair: NN or nuN of sterile neutrinos.
    """

    name: str
    model: str
    suffix: str
    pair: str = ""

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
    for s in (
        Sector("sbphiphi", "scalar-pair", "bsphiphi"),
        Sector("sbchichi", "fermion-pair", "bschichi"),
        Sector("sbXX", "vector-pair", "bsXX"),
        Sector("sbNN", "sterile-neutrino", "bsNN", "NN"),
        Sector("sbnuN", "sterile-neutrino", "bsnuN", "nuN"),
    )
}


def sector_of(state: Any) -> Sector:
    """The dark sector of a pair."""
    of = [s for s in SECTORS.values() if s.of_model.state is type(state)]
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
            f"C[LR]_(?:bd|sd){_NU}{{2}}",
            f"(?:C[SV][LR]|CT)_(?:bc|bu|sc|su|dc|du){_LEPTON}{_NU}",
            f"CV(?:LL|LR)_{_NU}{{2}}(?:{_LEPTON}{{2}}|uu|cc|dd|ss|bb)",
            f"(?:C[SV][LR]{{2}}|CTLL|CTRR)_{_CHARGED}{{4}}",
            f"(?:C[SV][LR]{{2}}t|CTLLt|CTRRt|CS[18]RR|CV[18][LR]{{2}})_{_QUARK}{{4}}",
        )
    )
)


def of_another_sector(name: str) -> bool:
    """Whether a name follows the basis `flavio` of the WET outside of its sector sbnunu.

    >>> [of_another_sector(n) for n in ("C9_bsmumu", "CL_sdnuenue", "CL_sbnuenue", "CL_tautau")]
    [True, True, False, False]
    """
    return name not in FROM_WCXF and _OTHER.fullmatch(name) is not None


def wcxf_over_ours(inputs: Inputs) -> Float[Array, ""]:
    """C of the basis flavio over ours for the same strength of an operator.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [round(float(wcxf_over_ours(load_inputs(p))), 4) for p in ("default", "flavio")]
    [1.0325, 1.0]
    """
    return inputs.role("alpha_hamiltonian") / inputs.values["alpha_em_mb_4p8"]


@cache
def definitions() -> Mapping[str, str]:
    r"""LaTeX of the operators of the basis `bsnunu` by name, from `bsnunu.basis.yaml`.

    >>> print(definitions()["S_bsphiphi"])
    (\bar s b)(\phi^\dagger \phi)
    """
    text = resources.files("bsnunu_jax.exchange").joinpath("bsnunu.basis.yaml").read_text()
    sectors = tables.load_yaml(text)["sectors"]
    return {name: entry["tex"] for sector in sectors.values() for name, entry in sector.items()}


def variables_of(
    model: Model, fixed: Mapping[str, Any], wanted: Sequence[str] | None
) -> dict[str, str]:
    """Names of the model's parameters by names in the file, alphabetically.

    Args:
        model: the model.
        fixed: its parameters and settings that are no variables.
        wanted: the variables, None for all that the model suggests.

    Raises:
        InputError: for unknown names, or a model that suggests none.
    """
    pair = fixed.get("pair", "NN")
    of_model = [s for s in SECTORS.values() if s.model == model.name]
    sector = next((s for s in of_model if pair in s.settings.get("pair", (pair,))), None)
    if model.name == "neutrinos":
        if fixed:
            raise InputError(
                f"{next(iter(fixed))!r} cannot be fixed",
                where="--set",
                allowed="all coefficients of neutrinos are variables",
            )
        known = dict(FROM_WCXF)
        default = list(LEFT_HANDED)
    elif sector:
        known = sector.names()
        vanish = _vanishing(model, fixed)
        default = [n for n, o in known.items() if o not in vanish]
    else:
        known = {p: p for p in model.parameters}
        default = list(known) if model.name == "universal" else []
    if wanted is None and not default:
        raise InputError(
            f"model {model.name!r} has no variables of its own",
            where="--parameters",
            allowed=f"name some of {', '.join(known)}",
        )
    default = [name for name in default if known[name] not in fixed]
    short = {ours: name for name, ours in known.items()}
    found = []
    for name in default if wanted is None else wanted:
        if name not in known and name not in short:
            raise InputError(
                f"unknown parameter {name!r} of model {model.name!r}",
                where="--parameters",
                allowed=f"allowed: {', '.join(known)}",
            )
        found.append(name if name in known else short[name])
        if known[found[-1]] in fixed:
            raise InputError(
                f"{name!r} is both fixed and a variable", where="--parameters", allowed="keep one"
            )
    if not found or len(set(found)) < len(found):
        raise InputError("a parameter is missing or stands twice", where="--parameters")
    return {name: known[name] for name in sorted(found)}


def _vanishing(model: Model, fixed: Mapping[str, Any]) -> list[str]:
    """Operators that the rules of the model refuse with these settings."""
    given = {k: (v, v) for k, v in fixed.items()}
    found = []
    for o in model.parameters:
        refusal = model.rules(given | {o: (1.0, 1.0)}, False)
        if refusal and "vanishes" in refusal.what:
            found.append(o)
    return found


def kind(model: Model, fixed: Mapping[str, Any], variables: Mapping[str, str], name: str) -> str:
    """The letter C for a parameter that may be complex, R for one that must be real."""
    ranges = {k: (v, v) for k, v in fixed.items()}
    ranges |= {k: (1.0, 1.0) for k in variables.values()} | {name: (1j, 1j)}
    refusal = model.rules(ranges, False)
    return "R" if refusal and refusal.parameter == name and "complex" in refusal.what else "C"


def check(model: Model, fixed: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    """Refuse what the model has no use for.

    Raises:
        InputError: naming the option.
    """
    ranges = {k: (v, v) for k, v in fixed.items()} | {k: (1.0, 1.0) for k in variables.values()}
    model.check_values(
        ranges, lambda n: "--parameters" if n in variables.values() else f"--set {n}"
    )
