"""The decay modes: which mesons, which lifetime, which form factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bsnunu_jax.errors import InputError


@dataclass(frozen=True)
class Mode:
    """One B -> K(*) mode; the fields are keys of `Inputs.values` and `Inputs.form_factors`."""

    name: str
    meson: str
    m_B: str
    m_K: str
    tau_B: str
    transition: str
    vector: bool
    latex: str


_MODES = (
    Mode("B+->K+", "K+", "m_B_plus", "m_K_plus", "tau_B_plus", "B->K", False, r"B^+ \to K^+"),
    Mode("B0->K0", "K0", "m_B_0", "m_K_0", "tau_B_0", "B->K", False, r"B^0 \to K^0"),
    Mode("B+->K*+", "K*+", "m_B_plus", "m_Kstar_plus", "tau_B_plus", "B->K*", True,
         r"B^+ \to K^{*+}"),
    Mode("B0->K*0", "K*0", "m_B_0", "m_Kstar_0", "tau_B_0", "B->K*", True, r"B^0 \to K^{*0}"),
)  # fmt: skip

MODES: Mapping[str, Mode] = MappingProxyType({mode.name: mode for mode in _MODES})


def get_mode(name: str) -> Mode:
    """The mode called `name`, e.g. "B+->K+".

    Raises:
        InputError: for an unknown name.

    >>> get_mode("B0->K*0").transition
    'B->K*'
    """
    if name not in MODES:
        raise InputError(f"unknown mode {name!r}", allowed=f"modes: {', '.join(MODES)}")
    return MODES[name]
