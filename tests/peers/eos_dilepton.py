"""dGamma/dq2 of B -> K(*) chi chibar with massive fermions from EOS 1.0.21, as B -> K(*) l l.

EOS's observables B->Kll and B->K^*ll with the `Naive` amplitudes become those of ten local
four-fermion operators when c1..c8 are 0 and the mass of the lepton is that of chi.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import eos

OBSERVABLES = {
    "B0->K0": ("mass::K_d", "B->Kll::dBR/ds", None),
    "B0->K*0": ("mass::K_d^*", "B->K^*ll::dBR/ds", "B->K^*ll::F_L(q2)"),
}
# Form factors in terms of A2 take A12 with these two masses, whatever the kinematics.
MASSES = {"mass::B_d": 5.279, "mass::K_d^*": 0.896}


def wilson_coefficients(operators: Mapping[str, complex]) -> dict[str, complex]:
    """EOS's coefficients for those of S1, ..., T2 in units of (4 GF/sqrt2) VtbVts* alpha/(4 pi).

    O9 = (s g P_L b)(l g l), O10 with g g5, OS = (s P_R b)(l l), OP with g5, primes exchange L, R;
    OT = (s sig b)(l sig l).  With OT5 = (s sig b)(l sig g5 l).
    """
    c = {
        name: complex(operators.get(name, 0))
        for name in ("S1", "S2", "P1", "P2", "V1", "V2", "A1", "A2", "T1", "T2")
    }
    # P_R = (1 - i x i g5)/2 and g5 = -i x i g5.
    pairs = {
        "c9": (c["V1"], -c["A1"]),
        "c10": (c["V2"], -c["A2"]),
        "cS": (c["S1"], 1j * c["P1"]),
        "cP": (1j * c["S2"], -c["P2"]),
    }
    found = {"cT": c["T1"], "cT5": c["T2"]}
    for name, (even, odd) in pairs.items():
        found |= {name: even + odd, f"{name}'": even - odd}
    return found


class EosDilepton:
    """One neutral mode at one mass of the lepton in GeV."""

    def __init__(self, mode: str, mass: float) -> None:
        """Build the observables and set to 0 what is not a four-fermion operator."""
        self.parameters = eos.Parameters.Defaults()
        for name in ("c1", "c2", "c3", "c4", "c5", "c6", "c8", "c8'"):
            self.parameters.set(f"b->s::{name}", 0.0)
        for name in ("Re{c7}", "Im{c7}", "Re{c7'}", "Im{c7'}"):
            self.parameters.set(f"b->s::{name}", 0.0)
        for name, value in MASSES.items():
            self.parameters.set(name, value)
        self.parameters.set("mass::mu", mass)
        self.quark_masses = tuple(
            self.parameters[f"mass::{name}"].evaluate() for name in ("b(MSbar)", "s(2GeV)")
        )
        meson, spectrum, fraction = OBSERVABLES[mode]
        self.m_B, self.m_K = (self.parameters[n].evaluate() for n in ("mass::B_d", meson))
        self._kinematics = eos.Kinematics(q2=1.0)
        self._spectrum, self._fraction = self._make(spectrum), fraction and self._make(fraction)
        names = "life_time::B_d", "QM::hbar"
        lifetime, hbar = (self.parameters[name].evaluate() for name in names)
        self._width = hbar / lifetime

    def _make(self, name: str) -> Any:
        options = {"model": "WET", "form-factors": "BSZ2015", "tag": "Naive", "l": "mu", "q": "d"}
        return eos.Observable.make(name, self.parameters, self._kinematics, eos.Options(**options))

    def at(self, q2: float, operators: Mapping[str, complex]) -> tuple[float, float | None]:
        """dGamma/dq2 in GeV^-1 at q2 in GeV^2 and, for K*, the longitudinal fraction."""
        for name, value in wilson_coefficients(operators).items():
            self.parameters.set(f"b->smumu::Re{{{name}}}", value.real)
            self.parameters.set(f"b->smumu::Im{{{name}}}", value.imag)
        self._kinematics["q2"].set(q2)
        fraction = self._fraction and float(self._fraction.evaluate())
        return self._width * float(self._spectrum.evaluate()), fraction


@cache
def eos_dilepton(mode: str, mass: float) -> EosDilepton:
    """Return the shared `EosDilepton` of a mode."""
    return EosDilepton(mode, mass)
