r"""The model `vlq-dm`: a real scalar phi as dark matter, vector-like quarks Q and D (2403.12485).

Couplings are given one by one, `yq_s`, `yq_b`, `yd_s`, `yd_b` (complex), or by ratios and phases
beside |yq_s| and |yd_s|:

    r_q = |yq_b|/|yq_s|, r_d = |yd_b|/|yd_s|, C_ss = 2 c cos(rho), |C^{S,P}_sb| = c |r_d +- r_q
    exp(i theta)|, c = |yq_s yd_s y1| v/(sqrt(2) m_Q m_D)

with yq real, yd_s ~ exp(-i rho), yd_b ~ exp(-i (theta - rho)). `C_ss` [GeV^-1] may take the place
of `y1`. Without a value m_Q = m_D = 3 TeV and yq_s = yd_s = 2, as on the slides; others are 0.
Neglected: kappa phi^2 H^dagger H, the first generation, loops (B_s mixing is a box of Q, D and phi:
there is no contribution at tree level), running of the coefficients.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.couplings import PERTURBATIVE, largest
from bsnunu_jax.models.values import Ranges, Refusal, Settings, lowest, real
from bsnunu_jax.models.vlq_matching import (
    Couplings,
    down_coefficients,
    strange_product,
    up_charm_coefficients,
)
from bsnunu_jax.states import Neutrinos, ScalarPair
from bsnunu_jax.states.sectors import DarkScalar, Sectors

_RATIOS = ("r_q", "r_d", "theta", "rho")
PARAMETERS = ("m", "mQ", "mD", "yq_s", "yq_b", "yd_s", "yd_b", "y1", *_RATIOS, "C_ss")
SETTINGS: Settings = {"mass_terms": (True, False)}
_DEFAULTS = {"mQ": 3.0, "mD": 3.0, "yq_s": 2.0, "yd_s": 2.0}
_REAL = ("m", "mQ", "mD", *_RATIOS, "C_ss")
_GEV = 1000.0  # of a TeV
_LEAST_QUARK_MASS = 1.5  # TeV
_CONTROLLED = (0.5, 0.9)  # GeV
_VEV = 246.22  # GeV


def couplings(parameters: Mapping[str, Any], inputs: Inputs) -> Couplings:
    """The couplings; parameters that `refuse` lets pass."""
    p = _DEFAULTS | dict(parameters)
    number = {k: jnp.asarray(p.get(k, 0.0)) for k in PARAMETERS}
    number |= {k: jnp.real(number[k]) for k in _REAL}
    q, d = number["yq_s"] + 0j, number["yd_s"] + 0j
    if any(k in p for k in _RATIOS):
        rho, theta = number["rho"], number["theta"]
        y_q = q, q * number["r_q"]
        y_d = d * jnp.exp(-1j * rho), d * number["r_d"] * jnp.exp(-1j * (theta - rho))
    else:
        y_q, y_d = (q, number["yq_b"] + 0j), (d, number["yd_b"] + 0j)
    m_Q, m_D = _GEV * number["mQ"], _GEV * number["mD"]
    found = Couplings(m_Q, m_D, jnp.stack(y_q), jnp.stack(y_d), number["y1"] + 0j)
    if "C_ss" not in p:
        return found
    y_1 = strange_product(number["C_ss"], found, inputs)
    return Couplings(m_Q, m_D, found.y_q, found.y_d, y_1)


def build(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """SM neutrinos, phi phi and dark matter.

    >>> from bsnunu_jax import load_inputs
    >>> found = build({"m": 0.6, "C_ss": 1e-4, "r_q": 1e-3}, load_inputs())
    >>> f"{float(jnp.abs(found.invisible[1].coefficients['S'])):.1e}"
    '2.5e-08'
    """
    c = couplings(parameters, inputs)
    with_masses = parameters.get("mass_terms", True)
    m = jnp.real(jnp.asarray(parameters["m"]))
    S, P = down_coefficients(c, inputs, "s", "b", mass_terms=with_masses)
    strange, _ = down_coefficients(c, inputs, "s", "s", mass_terms=with_masses)
    uc_S, uc_P = up_charm_coefficients(c, inputs)
    # L = (1/2) C (sbar b) phi^2, and `ScalarPair` has no 1/2.
    pair = ScalarPair(m, S=S / 2, P=P / 2, real=True)
    of_charm = ScalarPair(m, S=uc_S / 2, P=uc_P / 2, real=True, quarks="c->u")
    return Sectors((Neutrinos(), pair, of_charm), dark=DarkScalar(m, C_ss=jnp.real(strange)))


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """m, mQ, mD above 0; either couplings or ratios, y1 or C_ss."""
    found = real(*_REAL)(ranges, fit)
    if found:
        return found
    if "m" not in ranges:
        return Refusal("m", "the mass 'm' is missing", "give it in GeV, e.g. m = 0.6")
    for name in ("m", "mQ", "mD"):
        if lowest(ranges, name, 1.0) <= 0:
            return Refusal(name, f"the mass {name!r} can be 0 or below", "keep it above 0")
    for name in ("r_q", "r_d"):
        if lowest(ranges, name) < 0:
            return Refusal(name, f"{name!r} can be below 0", "its sign is in theta and rho")
    ratios = [name for name in _RATIOS if name in ranges]
    for name in ("yq_b", "yd_b"):
        if ratios and name in ranges:
            return Refusal(
                name,
                f"{name!r} and {ratios[0]!r} both set couplings of b",
                "keep one of the two ways",
            )
    return _refuse_strange(ranges, bool(ratios), fit)


def _reaches_no_product(ranges: Ranges) -> bool:
    """Whether cos(rho) can be 0."""
    low, high = (complex(x).real / math.pi - 0.5 for x in ranges.get("rho", (0.0, 0.0)))
    return math.ceil(low - 1e-9) <= high + 1e-9


def _refuse_strange(ranges: Ranges, ratios: bool, fit: bool) -> Refusal | None:
    by_product = "C_ss" in ranges
    if by_product and "y1" in ranges:
        return Refusal("C_ss", "'C_ss' and 'y1' both set the coupling of s", "keep one")
    if by_product and _reaches_no_product(ranges):
        return Refusal("rho", "cos(rho) can be 0: no y1 gives C_ss", "give y1 in place of C_ss")
    for name in ("yq_s", "yd_s"):
        if ratios or by_product:
            complex_one = real(name)(ranges, fit)
            if complex_one:
                return Refusal(name, complex_one.what, "its phase is rho")
            if lowest(ranges, name, 1.0) <= 0:
                return Refusal(name, f"{name!r} can be 0 or below", "keep it above 0")
    return None


def _sizes(ranges: Ranges) -> Iterator[tuple[str, str, float]]:
    """What is given, the coupling that it sets, and the largest size of that."""
    given = {k: (v, v) for k, v in _DEFAULTS.items()} | dict(ranges)
    for name in ("yq_s", "yq_b", "yd_s", "yd_b", "y1"):
        yield name, name, largest(given, name)
    for ratio, light, heavy in (("r_q", "yq_s", "yq_b"), ("r_d", "yd_s", "yd_b")):
        yield ratio, heavy, largest(given, ratio) * largest(given, light)
    if "C_ss" in ranges:
        masses = largest(given, "mQ") * largest(given, "mD") * _GEV**2
        least = min(abs(complex(x)) for x in given["yq_s"]) * min(
            abs(complex(x)) for x in given["yd_s"]
        )
        cosine = min(abs(math.cos(complex(x).real)) for x in given.get("rho", (0.0,)))
        strength = 2 * _VEV * least * cosine
        yield "C_ss", "y1", largest(ranges, "C_ss") * math.sqrt(2) * masses / max(strength, 1e-300)


def domain(ranges: Ranges) -> tuple[Refusal, ...]:
    """Bounds on vector-like quarks, perturbativity, and where chiral perturbation may be used."""
    found = []
    for name in ("mQ", "mD"):
        if lowest(ranges, name, _DEFAULTS[name]) < _LEAST_QUARK_MASS:
            found.append(
                Refusal(
                    name,
                    f"{name!r} is or can be below {_LEAST_QUARK_MASS} TeV",
                    "vector-like quarks are excluded there (arXiv:2212.05263, 2209.07327)",
                )
            )
    for name, coupling, size in _sizes(ranges):
        if size >= PERTURBATIVE:
            found.append(
                Refusal(
                    name,
                    f"|{coupling}| reaches {size:.3g}, beyond perturbation theory",
                    f"|{coupling}| < sqrt(4 pi) = {PERTURBATIVE:.2f}",
                )
            )
    low, high = (complex(x).real for x in ranges.get("m", _CONTROLLED))
    if low < _CONTROLLED[0] or high > _CONTROLLED[1]:
        found.append(
            Refusal(
                "m",
                f"m is or can be outside {_CONTROLLED[0]} to {_CONTROLLED[1]} GeV",
                "below, kaons are closed; above, other channels open and chiral perturbation theory"
                " ends: Omega_h2 and sigmav mean little",
            )
        )
    return tuple(found)
