"""The transitions and the decay modes: mesons, lifetime, form factors or decay constant."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bsnunu_jax.foundation.errors import InputError


@dataclass(frozen=True)
class Transition:
    """What the modes of one transition share.

    Attributes:
        file: what the names of the files of its form factors begin with.
        form_factors: their names.
        vector: the final meson has spin 1.
        usual: the set of form factors where a preset names none; "" if every preset names one.
    """

    file: str
    form_factors: tuple[str, ...]
    vector: bool
    usual: str = ""


_SPIN_0 = ("f+", "f0", "fT")
_SPIN_1 = ("V", "A0", "A1", "A12", "T1", "T2", "T23")

TRANSITIONS: Mapping[str, Transition] = MappingProxyType(
    {
        "B->K": Transition("BK", _SPIN_0, vector=False),
        "B->K*": Transition("BKstar", _SPIN_1, vector=True),
    }
)


@dataclass(frozen=True)
class Mode:
    """One B -> K(*) mode; the fields are keys of `Inputs.values` and `Inputs.form_factors`."""

    name: str
    meson: str
    m_B: str
    m_K: str
    tau_B: str
    transition: str
    latex: str

    @property
    def vector(self) -> bool:
        """The final meson has spin 1."""
        return TRANSITIONS[self.transition].vector


_MODES = (
    Mode("B+->K+", "K+", "m_B_plus", "m_K_plus", "tau_B_plus", "B->K", r"B^+ \to K^+"),
    Mode("B0->K0", "K0", "m_B_0", "m_K_0", "tau_B_0", "B->K", r"B^0 \to K^0"),
    Mode("B+->K*+", "K*+", "m_B_plus", "m_Kstar_plus", "tau_B_plus", "B->K*", r"B^+ \to K^{*+}"),
    Mode("B0->K*0", "K*0", "m_B_0", "m_Kstar_0", "tau_B_0", "B->K*", r"B^0 \to K^{*0}"),
)


@dataclass(frozen=True)
class Annihilation:
    """A B meson that goes into the invisible pair alone; the fields are keys of `Inputs.values`."""

    name: str
    m_B: str
    tau_B: str
    f_B: str
    latex: str


_BS = Annihilation("Bs->inv", "m_B_s", "tau_B_s", "f_Bs", r"B_s \to \mathrm{inv}")

ANNIHILATIONS: Mapping[str, Annihilation] = MappingProxyType({_BS.name: _BS})

MODES: Mapping[str, Mode] = MappingProxyType({mode.name: mode for mode in _MODES})


def get_mode(name: str) -> Mode:
    """The mode called `name`, e.g. "B+->K+".

    Raises:
        InputError: for an unknown name, or a decay without a meson in the final state.

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
        allowed = ", ".join((*MODES, *ANNIHILATIONS))
        raise InputError(f"unknown mode {name!r}", allowed=f"modes: {allowed}")
    return MODES[name]
