"""Rates of decays to a hadron and nu nubar as computed by flavio 2.7.1 and EOS 1.0.21."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import eos
import flavio
import flavio.math.integrate
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from bsnunu_jax.inputs.sets import form_factor_set

FloatArray = NDArray[np.float64]

MODES = ("B+->K+", "B0->K0", "B+->K*+", "B0->K*0")
"""The decays that both programs have."""

EOS_COEFFICIENTS = ("cVL", "cVR", "cSL", "cSR", "cTL")
"""Lepton-universal coefficients of EOS (sector sbnunu at mu = 4.2 GeV, sign opposite to C_L)."""

FLAVIO_SCALE = 4.8
"""Scale (GeV) at which flavio evaluates alpha_e and the b -> s nu nubar coefficients."""

_EPSREL = 1e-10
_LEPTONS = ("e", "mu", "tau")


@dataclass(frozen=True)
class FlavioDecay:
    """A decay in flavio: its name there, its mesons, and the quarks in names of coefficients."""

    name: str
    heavy: str
    light: str
    quarks: str = "bs"


FLAVIO_DECAYS = {
    "B+->K+": FlavioDecay("B+->Knunu", "B+", "K+"),
    "B0->K0": FlavioDecay("B0->Knunu", "B0", "K0"),
    "B+->K*+": FlavioDecay("B+->K*nunu", "B+", "K*+"),
    "B0->K*0": FlavioDecay("B0->K*nunu", "B0", "K*0"),
    "B+->pi+": FlavioDecay("B+->pinunu", "B+", "pi+", "bd"),
    "B0->pi0": FlavioDecay("B0->pinunu", "B0", "pi0", "bd"),
    "B+->rho+": FlavioDecay("B+->rhonunu", "B+", "rho+", "bd"),
    "B0->rho0": FlavioDecay("B0->rhonunu", "B0", "rho0", "bd"),
}
FLAVIO_VECTORS = ("B+->K*+", "B0->K*0", "B+->rho+", "B0->rho0")


@dataclass(frozen=True)
class EosDecay:
    """A decay in EOS: its process, hadrons and options there.

    `longitudinal` is how F_L at one q2 is spelt, "" if there is none. `form_factors` (prefix of
    EOS's parameters, transition, set) are those of ours where EOS's own are zero or rounded.
    """

    process: str
    heavy: str
    light: str
    options: Mapping[str, str]
    longitudinal: str = ""
    form_factors: tuple[str, str, str] | None = None


_BSZ = {"form-factors": "BSZ2015"}
EOS_DECAYS = {
    "B+->K+": EosDecay("B->Knunu", "B_u", "K_u", _BSZ),
    "B0->K0": EosDecay("B->Knunu", "B_d", "K_d", _BSZ),
    "B+->K*+": EosDecay("B->K^*nunu", "B_u", "K_u^*", _BSZ | {"q": "u", "I": "1/2"}, "F_L(q2)"),
    "B0->K*0": EosDecay("B->K^*nunu", "B_d", "K_d^*", _BSZ | {"q": "d", "I": "1/2"}, "F_L(q2)"),
    "Bs->phi": EosDecay("B_s->phinunu", "B_s", "phi", _BSZ, "F_L(q2)"),
    "Bs->eta": EosDecay(
        "B_s->etanunu", "B_s", "eta", _BSZ, form_factors=("B_s->eta", "Bs->eta", "mr2025")
    ),
    "Bs->etaprime": EosDecay(
        "B_s->eta_primenunu",
        "B_s",
        "eta_prime",
        _BSZ,
        form_factors=("B_s->eta_prime", "Bs->etaprime", "mr2025"),
    ),
    "Lambdab->Lambda": EosDecay(
        "Lambda_b->Lambdanunu",
        "Lambda_b",
        "Lambda",
        {"form-factors": "DM2016"},
        "F_L(q^2)",
        ("Lambda_b->Lambda", "Lambdab->Lambda", "dm2016_nominal"),
    ),
}
EOS_VECTORS = ("B+->K*+", "B0->K*0", "Bs->phi")
EOS_BARYONS = ("Lambdab->Lambda",)

# EOS's names of the form factors of 1/2 -> 1/2.
_EOS_BARYONIC = {
    "f0": "time^V",
    "f+": "long^V",
    "fperp": "perp^V",
    "g0": "time^A",
    "g+": "long^A",
    "gperp": "perp^A",
    "h+": "long^T",
    "hperp": "perp^T",
    "ht+": "long^T5",
    "htperp": "perp^T5",
}


def integrate_spectrum(function: Callable[[float], float], q2_max: float) -> float:
    """Integral of a spectrum over 0 < q2 < q2_max (GeV^2) to a relative accuracy of 1e-9.

    The map q2 = q2_max (1 - u^2) makes the square-root threshold at q2_max analytic.
    """
    value, _ = quad(
        lambda u: 2.0 * q2_max * u * function(q2_max * (1.0 - u * u)),
        0.0,
        1.0,
        epsabs=0.0,
        epsrel=_EPSREL,
        limit=200,
    )
    return float(value)


# flavio ------------------------------------------------------------------------------------------


def flavio_wilson(c_l: ArrayLike, c_r: ArrayLike, quarks: str = "bs") -> flavio.WilsonCoefficients:
    """Flavio coefficients at 4.8 GeV for NP matrices C_L^{ij}, C_R^{ij}, i = barred neutrino.

    H = -(4GF/sqrt2) VtbVts* alpha/(4pi) sum C^{ij} (s g P_{L,R} b)(nubar_i g (1-g5) nu_j) with
    alpha = alpha_e(4.8 GeV); flavio's CL_bsnu{a}nu{b} is C_L^{ba}. With d for s if `quarks` is
    "bd".
    """
    values: dict[str, complex] = {}
    for name, matrix in (("CL", np.asarray(c_l, complex)), ("CR", np.asarray(c_r, complex))):
        for i, barred in enumerate(_LEPTONS):
            for j, unbarred in enumerate(_LEPTONS):
                values[f"{name}_{quarks}nu{unbarred}nu{barred}"] = complex(matrix[i, j])
    coefficients = flavio.WilsonCoefficients()
    coefficients.set_initial(values, scale=FLAVIO_SCALE, eft="WET", basis="flavio")
    return coefficients


def flavio_parameters() -> dict[str, float]:
    """Central values of all flavio default parameters (GeV; lifetimes in 1/GeV)."""
    return dict(flavio.default_parameters.get_central_all())


def flavio_q2_max(mode: str) -> float:
    """End point in GeV^2 with flavio's masses."""
    parameters = flavio_parameters()
    decay = FLAVIO_DECAYS[mode]
    return float((parameters[f"m_{decay.heavy}"] - parameters[f"m_{decay.light}"]) ** 2)


def flavio_spectrum(mode: str, q2: ArrayLike, c_l: ArrayLike, c_r: ArrayLike) -> FloatArray:
    """Return dBR/dq2 in GeV^-2 from flavio's defaults, summed over the nine neutrino pairs."""
    observable = flavio.Observable[f"dBR/dq2({FLAVIO_DECAYS[mode].name})"]
    return _flavio_at_q2(mode, observable.prediction_par, q2, c_l, c_r)


def flavio_fl(mode: str, q2: ArrayLike, c_l: ArrayLike, c_r: ArrayLike) -> FloatArray:
    """Longitudinal fraction F_L(q2), q2 in GeV^2, of a K* or rho from flavio's defaults.

    It is an observable of K* alone; the function behind it takes any vector.
    """
    decay = FLAVIO_DECAYS[mode]
    of = flavio.physics.bdecays.bvnunu.fl_summed(decay.heavy, decay.light)
    return _flavio_at_q2(mode, lambda par, wc, q2: of(wc, par, q2), q2, c_l, c_r)


def flavio_br(mode: str, c_l: ArrayLike, c_r: ArrayLike) -> float:
    """Branching ratio: flavio's own dBR/dq2 integrated to 1e-9 (flavio itself asks for 5e-3)."""
    decay = FLAVIO_DECAYS[mode]
    observable = flavio.Observable[f"dBR/dq2({decay.name})"]
    parameters = flavio_parameters()
    coefficients = flavio_wilson(c_l, c_r, decay.quarks)
    return integrate_spectrum(
        lambda q2: observable.prediction_par(parameters, coefficients, q2), flavio_q2_max(mode)
    )


def flavio_br_native(
    mode: str, c_l: ArrayLike, c_r: ArrayLike, epsrel: float | None = None
) -> float:
    """Branching ratio from flavio's BR observable, optionally at another epsrel than its 5e-3."""
    decay = FLAVIO_DECAYS[mode]
    observable = flavio.Observable[f"BR({decay.name})"]
    coefficients = flavio_wilson(c_l, c_r, decay.quarks)
    with _flavio_epsrel(epsrel):
        return float(observable.prediction_par(flavio_parameters(), coefficients))


def flavio_form_factors(transition: str, q2: float) -> dict[str, float]:
    """All form factors of a transition ("Lambdab->Lambda") at one q2 [GeV^2], by flavio's names."""
    quantity = flavio.classes.AuxiliaryQuantity[f"{transition} form factor"]
    found = quantity.prediction(par_dict=flavio_parameters(), wc_obj=None, q2=q2)
    return {name: float(value) for name, value in found.items()}


def flavio_tree(hadron: str) -> float:
    """BR(B+ -> tau nu) BR(tau -> hadron nu), hadron "pi" or "K", at Born level.

    The electroweak corrections that flavio puts into the coefficients of both are taken out.
    """
    product = 1.0
    for name, kind, flavours in (
        ("BR(B+->taunu)", "bll", 5),
        (f"BR(tau->{hadron}nu)", "taudecays", 4),
    ):
        scale = flavio.config["renormalization scale"][kind]
        corrected = flavio.physics.bdecays.wilsoncoefficients.get_CVLSM(
            flavio_parameters(), scale, nf=flavours
        )
        product *= flavio.sm_prediction(name) / corrected**2
    return float(product)


def _flavio_at_q2(
    mode: str,
    function: Callable[[Mapping[str, float], flavio.WilsonCoefficients, float], float],
    q2: ArrayLike,
    c_l: ArrayLike,
    c_r: ArrayLike,
) -> FloatArray:
    parameters = flavio_parameters()
    coefficients = flavio_wilson(c_l, c_r, FLAVIO_DECAYS[mode].quarks)
    points = np.asarray(q2, float)
    values = [function(parameters, coefficients, float(x)) for x in points.flat]
    return np.array(values, float).reshape(points.shape)


@contextmanager
def _flavio_epsrel(epsrel: float | None) -> Iterator[None]:
    """Change the relative tolerance of flavio's quadrature inside a with block."""
    original = flavio.math.integrate.nintegrate
    if epsrel is not None:

        def nintegrate(f: Callable[[float], float], a: float, b: float, **_: Any) -> float:
            return float(original(f, a, b, epsrel=epsrel, limit=200))

        flavio.math.integrate.nintegrate = nintegrate
    try:
        yield
    finally:
        flavio.math.integrate.nintegrate = original


# EOS ---------------------------------------------------------------------------------------------


class EosMode:
    """One mode in EOS with its own parameter set: model WET.

    model=WET reads the coefficients sbnunu::{Re,Im}{c} (cVL is the total, SM included) and the CKM
    elements from CKM::abs(V_tb), CKM::abs(V_ts); model=SM recomputes cVL and ignores the rest.
    m_b, m_s of the scalar terms are MSbar at sbnunu::mu = 4.2 GeV: 4.169889249562193 and
    0.0796169427862923 GeV.  Normalisation of each coefficient: (4GF/sqrt2) VtbVts* alpha/(2pi)
    (s Gamma b)(nu Gamma' P_L nu), alpha = 1/133, three equal flavours; scalar and tensor rates are
    twice those of (s P b)(nu P N) and (s sigma P b)(nu sigma P N) with distinct nu, N.  EOS 1.0.21
    registers B->Knunu with q=u forced, so B0 -> K0 is obtained by setting mass::B_u, mass::K_u and
    life_time::B_u to the values of B_d, K_d; B->K^*nunu takes the option q=u or q=d. Lambda_b ->
    Lambda reads cVL and cVR alone.
    """

    def __init__(self, mode: str, *, own_form_factors: bool = False) -> None:
        """Build the observables of a mode from EOS's default parameters.

        With `own_form_factors` also those of the decays that EOS has none or rounded ones of.
        """
        self.mode = mode
        self.decay = EOS_DECAYS[mode]
        self.parameters = eos.Parameters.Defaults()
        if mode == "B0->K0":
            for target, source in (
                ("mass::B_u", "mass::B_d"),
                ("mass::K_u", "mass::K_d"),
                ("life_time::B_u", "life_time::B_d"),
            ):
                self.parameters.set(target, self.parameters[source].evaluate())
        if self.decay.form_factors and not own_form_factors:
            self._set_form_factors(*self.decay.form_factors)
        mesons = self.decay.heavy, self.decay.light
        masses = [self.parameters[f"mass::{meson}"].evaluate() for meson in mesons]
        self.q2_max = float((masses[0] - masses[1]) ** 2)
        """End point in GeV^2."""
        self.handles = {
            name: tuple(self.parameters[f"sbnunu::{part}{{{name}}}"] for part in ("Re", "Im"))
            for name in EOS_COEFFICIENTS
        }
        self.standard_model = complex(self.handles["cVL"][0].evaluate())
        """EOS's default cVL."""
        options = {"model": "WET", **self.decay.options}
        if own_form_factors:
            del options["form-factors"]
        process, longitudinal = self.decay.process, self.decay.longitudinal
        self._kinematics = eos.Kinematics(q2=1.0)
        self._q2 = self._kinematics["q2"]
        self._spectrum = self._make(f"{process}::dBR/dq2", self._kinematics, options)
        whole = eos.Kinematics(q2_min=0.0, q2_max=self.q2_max)
        self.br_observable = self._make(f"{process}::BR", whole, options)
        """EOS's own integrated branching ratio (QAGS, epsrel 5e-4)."""
        self.fl_observable = self._make(f"{process}::F_L", whole, options) if longitudinal else None
        """EOS's own F_L, integrated over q2."""
        self._fl = (
            self._make(f"{process}::{longitudinal}", self._kinematics, options)
            if longitudinal
            else None
        )

    def _set_form_factors(self, prefix: str, transition: str, name: str) -> None:
        """Give EOS the coefficients of one of our sets."""
        table = form_factor_set(transition, name)
        for parameter, value in zip(table.parameters, table.central, strict=True):
            order, _, form_factor = parameter.partition("_")
            if table.parametrisation == "BSZ":
                key = f"{prefix}::alpha^{form_factor}_{order[1:]}@BSZ2015"
            else:
                key = f"{prefix}::{order[0]}_{order[1:]}_{_EOS_BARYONIC[form_factor]}@DM2016"
            self.parameters.set(key, float(value))

    def _make(self, name: str, kinematics: eos.Kinematics, options: Mapping[str, str]) -> Any:
        return eos.Observable.make(name, self.parameters, kinematics, eos.Options(**options))

    def set(self, coefficients: Mapping[str, complex]) -> None:
        """Set the coefficients; those left out are zero, a missing cVL is EOS's SM value."""
        unknown = set(coefficients) - set(EOS_COEFFICIENTS)
        if unknown:
            raise KeyError(f"unknown EOS coefficients: {sorted(unknown)}")
        for name, (real, imaginary) in self.handles.items():
            default = self.standard_model if name == "cVL" else 0.0
            value = complex(coefficients.get(name, default))
            real.set(value.real)
            imaginary.set(value.imag)

    def _at(self, observable: Any, q2: float) -> float:
        self._q2.set(q2)
        return float(observable.evaluate())

    def spectrum(self, q2: ArrayLike) -> FloatArray:
        """Return dBR/dq2 in GeV^-2 at the current coefficients."""
        points = np.asarray(q2, float)
        values = [self._at(self._spectrum, float(x)) for x in points.flat]
        return np.array(values).reshape(points.shape)

    def fl(self, q2: ArrayLike) -> FloatArray:
        """EOS's F_L(q2); of mesons its numerator keeps the vector terms only, see `eos_fl`."""
        if self._fl is None:
            raise ValueError(f"{self.mode} has no longitudinal fraction")
        points = np.asarray(q2, float)
        values = [self._at(self._fl, float(x)) for x in points.flat]
        return np.array(values).reshape(points.shape)

    def br(self) -> float:
        """Branching ratio: EOS's dBR/dq2 integrated to 1e-9."""
        return integrate_spectrum(lambda q2: self._at(self._spectrum, q2), self.q2_max)


@cache
def eos_mode(mode: str) -> EosMode:
    """Return the shared `EosMode` of a mode."""
    return EosMode(mode)


def eos_spectrum(mode: str, q2: ArrayLike, coefficients: Mapping[str, complex]) -> FloatArray:
    """Return EOS's dBR/dq2 in GeV^-2 for universal total coefficients cVL, cVR, cSL, cSR, cTL."""
    oracle = eos_mode(mode)
    oracle.set(coefficients)
    return oracle.spectrum(q2)


def eos_fl(mode: str, q2: ArrayLike, coefficients: Mapping[str, complex]) -> FloatArray:
    """EOS's F_L(q2); of mesons scalar and tensor terms enter its denominator only."""
    oracle = eos_mode(mode)
    oracle.set(coefficients)
    return oracle.fl(q2)


def eos_br(mode: str, coefficients: Mapping[str, complex]) -> float:
    """EOS's branching ratio, its dBR/dq2 integrated to 1e-9."""
    oracle = eos_mode(mode)
    oracle.set(coefficients)
    return oracle.br()


def eos_br_native(mode: str, coefficients: Mapping[str, complex]) -> float:
    """EOS's BR observable with its own QAGS quadrature (epsrel 5e-4, off by less than 1e-6)."""
    oracle = eos_mode(mode)
    oracle.set(coefficients)
    return float(oracle.br_observable.evaluate())
