"""What a parameter of a model is: meaning, unit and LaTeX, kept beside the model that has it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FLAVOUR = {"e": "e", "mu": r"\mu", "tau": r"\tau"}


@dataclass(frozen=True)
class Quantity:
    """A parameter of a model.

    Attributes:
        latex: label without $.
        meaning: one line for people.
        unit: e.g. "GeV" or "TeV^-2"; "" for a pure number.
        family: the name that stands for it and its likes in a list, e.g. "CL_ij"; "" for its own.
    """

    latex: str
    meaning: str
    unit: str = ""
    family: str = ""


Quantities = Mapping[str, Quantity]


def flavour(*names: str) -> str:
    r"""LaTeX of lepton flavours side by side.

    >>> flavour("mu", "tau")
    '\\mu\\tau'
    """
    # A letter after a command needs a blank.
    return "".join(_FLAVOUR[name] for name in names).replace("ue", "u e")


def with_flavours(name: str) -> tuple[str, ...]:
    """The flavours that a name ends with.

    >>> with_flavours("CR_mutau"), with_flavours("gl_L_e")
    (('mu', 'tau'), ('e',))
    """
    return tuple(re.findall("mu|tau|e", name.rpartition("_")[2]))


def unit_latex(unit: str) -> str:
    """A unit in a label, powers as superscripts.

    >>> unit_latex("TeV^-2")
    'TeV$^{-2}$'
    """
    return re.sub(r"\^(-?\d+)", r"$^{\1}$", unit)


def spelled(name: str) -> str:
    r"""A name in upright letters, for what no model knows.

    >>> spelled("m_dark")
    '\\mathrm{m\\_dark}'
    """
    return rf"\mathrm{{{name}}}".replace("_", r"\_")
