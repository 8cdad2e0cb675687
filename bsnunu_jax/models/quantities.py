"""What a parameter of a model is: meaning, unit and LaTeX, kept beside the model that has it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from string import Template
from typing import Any

from bsnunu_jax.foundation.packaged import packaged

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
_VALUES = dict.fromkeys("ijl", "e|mu|tau") | dict.fromkeys("kabc", "[123]")
_VALUES |= dict.fromkeys("xy", "[LR]")


def texts(model: str) -> Mapping[str, Any]:
    """What data/models.yaml says of a model: description, note if there is one, parameters."""
    return packaged("models", "models.yaml")[model]


def described(model: str, names: Iterable[str]) -> dict[str, Quantity]:
    r"""What parameters of a model are, by name or by the pattern of their family.

    >>> described("zprime", ["gnu_emu"])["gnu_emu"].latex
    'g_\\nu^{e\\mu}'
    """
    known = texts(model)["parameters"]
    families = {key: entry for key, entry in known.items() if len(entry) > 3}
    found = {}
    for name in names:
        if name in known:
            found[name] = Quantity(*known[name])
            continue
        for family, (pattern, latex, meaning, unit) in families.items():
            if values := _pattern(pattern).fullmatch(name):
                words = values.groupdict()
                words["flavours"] = flavour(*(w for w in words.values() if w in _FLAVOUR))
                latex, meaning = (Template(text).substitute(words) for text in (latex, meaning))
                found[name] = Quantity(latex, meaning, unit, family)
    return found


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Of names: CL_$i$j as a regular expression."""
    return re.compile(re.sub(r"\$(\w)", lambda m: f"(?P<{m[1]}>{_VALUES[m[1]]})", text))


def flavour(*names: str) -> str:
    r"""LaTeX of lepton flavours side by side.

    >>> flavour("mu", "tau")
    '\\mu\\tau'
    """
    # A letter after a command needs a blank.
    return "".join(_FLAVOUR[name] for name in names).replace("ue", "u e")


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
