"""The table of quark transitions, hadronic transitions and decay modes: data/transitions.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged

# What a coefficient belongs to where nothing else is said.
USUAL_QUARKS = "b->s"


@dataclass(frozen=True)
class Quarks:
    """A quark transition; `ckm`, `heavy` and `light` are roles or keys of `Inputs.values`.

    Attributes:
        name: "b->s".
        heavy, light: masses of the quarks.
        ckm: CKM factor of N_0; "" where coefficients of neutrinos have no normalisation.
        sm: kind of the SM coefficient of neutrinos; "" where the SM is taken as 0.
        letters: what names of its coefficients carry, "bd" in CL_bd_tautau.
        scale: number of the inputs, the scale of the masses and of scalar coefficients; "" for that
            of the preset's m_b.
    """

    name: str
    heavy: str
    light: str
    ckm: str = ""
    sm: str = ""
    letters: str = ""
    scale: str = ""


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
        polarisation: of the decaying baryon, a key of `Inputs.values`; "" where there is none.
        flavio, eos: how these programs spell the decay to neutrinos, or "".
        reported: reports and comparisons give it whether or not the data ask for it.
        charged: decays to charged leptons are offered.
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
    polarisation: str = ""
    flavio: str = ""
    eos: str = ""
    reported: bool = False
    charged: bool = False

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
class Annihilation:
    """A meson that goes into the invisible pair alone; names are keys of `Inputs.values`."""

    name: str
    m_B: str
    tau_B: str
    f_B: str
    latex: str
    quarks: str = USUAL_QUARKS
    reported: bool = False


_TABLE = packaged("hadrons", "transitions.yaml")

QUARKS: Mapping[str, Quarks] = MappingProxyType(
    {name: Quarks(name, **row) for name, row in _TABLE["quarks"].items()}
)

# Those of a decay that shares its form factors with no other stand in its row.
_OWN = ("quarks", "spin", "file", "usual")

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
    renamed = {"masses", "lifetime", "hadron", "numbers", "exclusive", *_OWN}
    rest = {"transition": name} | {key: row[key] for key in row if key not in renamed}
    rest["exclusive"] = tuple(row.get("exclusive", ()))
    return Mode(name=name, meson=row["hadron"], m_B=m_B, m_K=m_K, tau_B=row["lifetime"], **rest)


def _annihilation(name: str, row: Mapping[str, Any]) -> Annihilation:
    return Annihilation(
        name,
        row["mass"],
        row["lifetime"],
        row["decay_constant"],
        row["latex"],
        row["quarks"],
        row.get("reported", False),
    )


MODES: Mapping[str, Mode] = MappingProxyType(
    {name: _mode(name, row) for name, row in _TABLE["modes"].items()}
)

ANNIHILATIONS: Mapping[str, Annihilation] = MappingProxyType(
    {name: _annihilation(name, row) for name, row in _TABLE["annihilations"].items()}
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
    """The mode or annihilation called `name`.

    Raises:
        InputError: for an unknown name.

    >>> get_decay("Bs->inv").f_B
    'f_Bs'
    """
    if name in ANNIHILATIONS:
        return ANNIHILATIONS[name]
    if name not in MODES:
        known = (*MODES, *ANNIHILATIONS)
        near = get_close_matches(name, known, 2, 0.8)
        meant = f"perhaps {' or '.join(near)}; " if near else ""
        raise InputError(f"unknown mode {name!r}", allowed=f"{meant}modes: {', '.join(known)}")
    return MODES[name]
