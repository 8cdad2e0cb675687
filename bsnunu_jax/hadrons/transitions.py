"""The table of quark transitions, hadronic transitions and decay modes: data/transitions.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged

# What a coefficient belongs to where nothing else is said.
USUAL_QUARKS = "b->s"
# What follows the name of a mode where only longitudinal vector mesons are meant.
LONGITUDINAL = " longitudinal"


@dataclass(frozen=True)
class Quarks:
    """A quark transition; `ckm`, `heavy` and `light` are roles or keys of `Inputs.values`.

    Attributes:
        name: "b->s".
        heavy, light: masses of the quarks.
        ckm: CKM factor of N_0; "" where coefficients of neutrinos have no normalisation.
        phase: that of the CKM factor, in the convention of Vus and Vud real; "" where none counts.
        sm: kind of the SM coefficient of neutrinos, "top", or "top and charm" where it depends on
            the flavour; "" where the SM is taken as 0.
        letters: what names of its coefficients carry, "bd" in CL_bd_tautau.
        scale: that of the masses and of scalar coefficients, in GeV or a number of the inputs; ""
            for that of the preset's m_b.
        uncertain: what varies with the group of its name, the CKM factor if nothing is said.
    """

    name: str
    heavy: str
    light: str
    ckm: str = ""
    phase: str = ""
    sm: str = ""
    letters: str = ""
    scale: float | str = ""
    uncertain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transition:
    """What the modes of one transition share.

    Attributes:
        quarks: name of the quark transition.
        spin: of the final hadron, "0", "1" or "1/2", or "quark": it chooses the rows.
        file: what the names of the files of its form factors begin with.
        usual: the set of form factors where a preset names none; "" if there is none to be used
            without thought.
    """

    quarks: str
    spin: str
    file: str
    usual: str = ""


@dataclass(frozen=True)
class Tree:
    """X+ -> tau+ nu with tau+ -> hadron nubar, the final state of a mode at tree level.

    Attributes:
        decay_constants: of the decaying and of the final hadron, keys of `Inputs.values`.
        ckm: elements of the two decays, keys likewise.
        larger: than the SM rate of the mode.
    """

    decay_constants: tuple[str, str]
    ckm: tuple[str, str]
    larger: bool = False


@dataclass(frozen=True)
class Mode:
    """One decay into a hadron and invisible particles; names are keys of `Inputs.values`.

    Attributes:
        name: "B+->K+".
        meson: the final hadron.
        m_B, m_K: masses of the decaying and of the final hadron.
        tau_B: lifetime.
        transition: whose form factors it has.
        latex: without $.
        factor: in the rate, 1/2 for a pi0.
        stated: the SM branching fraction, a key of `Inputs.values`, in units of which the rate is;
            "" where it is absolute.
        exclusive: modes that are part of this one: where they exceed it, it is out of reach.
        kappa: the SM branching fraction over that of its short-distance factor, a key of
            `Inputs.values`, and a correction to it or "": rates are in units of it.
        conjugate: the decaying meson is this superposition of a hadron and its antiparticle, "KL".
        polarisation: of the decaying baryon, a key of `Inputs.values`; "" where there is none.
        tree: the same final state through a tau at tree level, no part of its rate; None for most.
        flavio, eos: how these programs spell the decay to neutrinos, if they do; EOS in several
            ways, with its options after a semicolon.
        reported: reports and comparisons give it whether or not the data ask for it.
        charged: decays to charged leptons are offered.
        mixing: Delta Gamma/Gamma of the decaying meson, "" where its mixing does not matter.
        charge_parity: of the final hadron, 0 where it tells the meson from its antiparticle.
    """

    name: str
    meson: str
    m_B: str
    m_K: str
    tau_B: str
    transition: str
    latex: str
    factor: float = 1.0
    stated: str = ""
    exclusive: tuple[str, ...] = ()
    kappa: tuple[str, ...] = ()
    conjugate: str = ""
    polarisation: str = ""
    tree: Tree | None = None
    flavio: str = ""
    eos: tuple[str, ...] = ()
    reported: bool = False
    charged: bool = False
    mixing: str = ""
    charge_parity: int = 0
    longitudinal: bool = False

    @property
    def spin(self) -> str:
        """That of the final hadron."""
        return TRANSITIONS[self.transition].spin

    @property
    def quarks(self) -> str:
        """Its quark transition."""
        return TRANSITIONS[self.transition].quarks

    @property
    def vector(self) -> bool:
        """The final hadron has spin 1."""
        return self.spin == "1"


@dataclass(frozen=True)
class Average:
    """The mean of some modes, as measurements of both charges have it."""

    name: str
    of: tuple[str, ...]
    latex: str


@dataclass(frozen=True)
class Annihilation:
    """A meson that goes into the invisible pair alone; names are keys of `Inputs.values`.

    `mixing` and `charge_parity` as those of a `Mode`, the vacuum has +1.
    """

    conjugate: ClassVar[str] = ""

    name: str
    m_B: str
    tau_B: str
    f_B: str
    latex: str
    quarks: str = USUAL_QUARKS
    reported: bool = False
    mixing: str = ""
    charge_parity: int = 0


_TABLE = packaged("hadrons", "transitions.yaml")

QUARKS: Mapping[str, Quarks] = MappingProxyType(
    {
        name: Quarks(name, **row | {"uncertain": tuple(row.get("uncertain", ()))})
        for name, row in _TABLE["quarks"].items()
    }
)

# Those of a decay that shares its form factors with no other stand in its row.
_OWN = ("quarks", "spin", "file", "usual")
_LISTS = ("exclusive", "kappa", "eos")

TRANSITIONS: Mapping[str, Transition] = MappingProxyType(
    {name: Transition(**row) for name, row in _TABLE["transitions"].items()}
    | {
        name: Transition(**{key: row[key] for key in _OWN if key in row})
        for name, row in _TABLE["modes"].items()
        if "transition" not in row
    }
)

# Masses and lifetimes that rows of modes bring with them, as entries of the files of numbers.
NUMBERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {k: n for row in _TABLE["modes"].values() for k, n in row.get("numbers", {}).items()}
)


def _mode(name: str, row: Mapping[str, Any]) -> Mode:
    m_B, m_K = row["masses"]
    renamed = {"masses", "lifetime", "hadron", "numbers", *_LISTS, *_OWN}
    rest = {"transition": name} | {key: row[key] for key in row if key not in renamed}
    rest |= {key: tuple(row.get(key, ())) for key in _LISTS}
    if tree := row.get("tree"):
        f_B, f_K = tree["decay_constants"]
        V_B, V_K = tree["ckm"]
        rest["tree"] = Tree((f_B, f_K), (V_B, V_K), tree.get("larger", False))
    return Mode(name=name, meson=row["hadron"], m_B=m_B, m_K=m_K, tau_B=row["lifetime"], **rest)


def _annihilation(name: str, row: Mapping[str, Any]) -> Annihilation:
    renamed = {"mass": "m_B", "lifetime": "tau_B", "decay_constant": "f_B"}
    return Annihilation(name, **{renamed.get(key, key): value for key, value in row.items()})


MODES: Mapping[str, Mode] = MappingProxyType(
    {name: _mode(name, row) for name, row in _TABLE["modes"].items()}
)

ANNIHILATIONS: Mapping[str, Annihilation] = MappingProxyType(
    {name: _annihilation(name, row) for name, row in _TABLE["annihilations"].items()}
)

AVERAGES: Mapping[str, Average] = MappingProxyType(
    {name: Average(name, tuple(r["of"]), r["latex"]) for name, r in _TABLE["averages"].items()}
)

# What reports, posteriors and comparisons give whether or not the data ask for it.
REPORTED: tuple[str, ...] = tuple(name for name, mode in MODES.items() if mode.reported)
REPORTED_DECAYS: tuple[str, ...] = (*REPORTED, *(n for n, a in ANNIHILATIONS.items() if a.reported))


def get_quarks(name: str) -> Quarks:
    """The quark transition called `name`, e.g. "b->s".

    Raises:
        InputError: for an unknown name.
    """
    if name not in QUARKS:
        raise InputError(
            f"unknown quark transition {name!r}", allowed=f"one of {', '.join(QUARKS)}"
        )
    return QUARKS[name]


def normalised(name: str, where: str = "") -> Quarks:
    """The quark transition, in which coefficients of neutrinos have a normalisation.

    Raises:
        InputError: for one without SM coefficient, or an unknown one.

    >>> normalised("b->d").ckm
    'VtbVtd_abs'
    """
    row = get_quarks(name)
    if not row.ckm:
        raise InputError(
            f"{name} has no SM coefficient, which coefficients of neutrinos refer to",
            where=where,
            allowed=f"neutrinos are known in {', '.join(q.name for q in QUARKS.values() if q.ckm)}",
        )
    return row


def get_mode(name: str) -> Mode:
    """The mode called `name`, e.g. "B+->K+".

    Raises:
        InputError: for an unknown name, or a decay without a hadron in the final state.

    >>> get_mode("B0->K*0").transition
    'B->K*'
    """
    found = get_decay(name)
    if isinstance(found, Annihilation):
        raise InputError(f"{name} has no q2 spectrum", allowed=f"modes: {', '.join(MODES)}")
    return found


def get_decay(name: str) -> Mode | Annihilation:
    """The mode or annihilation called `name`; a mode followed by ` longitudinal` is part of it.

    Raises:
        InputError: for an unknown name, or a part of a mode without a vector meson.

    >>> get_decay("Bs->inv").f_B
    'f_Bs'
    >>> get_decay("B0->K*0 longitudinal").longitudinal
    True
    """
    if name in ANNIHILATIONS:
        return ANNIHILATIONS[name]
    if name.endswith(LONGITUDINAL):
        return _longitudinal(name)
    if name not in MODES:
        known = (*MODES, *ANNIHILATIONS)
        near = get_close_matches(name, known, 2, 0.8)
        meant = f"perhaps {' or '.join(near)}; " if near else ""
        raise InputError(f"unknown mode {name!r}", allowed=f"{meant}modes: {', '.join(known)}")
    return MODES[name]


@cache
def _longitudinal(name: str) -> Mode:
    whole = get_mode(name.removesuffix(LONGITUDINAL))
    if not whole.vector or whole.longitudinal:
        raise InputError(
            f"{whole.name} has no polarisation to choose",
            allowed=f"modes: {', '.join(m.name for m in MODES.values() if m.vector)}",
        )
    return replace(whole, name=name, longitudinal=True, reported=False)
