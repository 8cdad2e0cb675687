r"""The model `vlq-dm`: a real scalar phi as dark matter, vector-like quarks Q and D (2403.12485).

Couplings are given one by one, `yq_s`, `yq_b`, `yd_s`, `yd_b` (complex), or by ratios and phases
beside |yq_s| and |yd_s|:

    r_q = |yq_b|/|yq_s|, r_d = |yd_b|/|yd_s|, C_ss = 2 c cos(rho), |C^{S,P}_sb| = c |r_d +- r_q
    exp(i theta)|, c = |yq_s yd_s y1| v/(sqrt(2) m_Q m_D)

with yq real, yd_s ~ exp(-i rho), yd_b ~ exp(-i (theta - rho)). `C_ss` [GeV^-1] may take the place
of `y1`. Without a value m_Q = m_D = 3 TeV and yq_s = yd_s = 2, as on the slides; others are 0.
Neglected: kappa phi^2 H^dagger H, the first generation, loops (B_s mixing is a box of Q, D and phi:
there is no contribution at tree level).

    L = y_q^p qbar_Lp Q_R phi + y_d^p Dbar_L d_Rp phi + y_1 Qbar_L D_R H + h.c. - m_Q Qbar Q - m_D
    Dbar D,   <H> = v/sqrt(2),   q_p = ((V^dagger u)_p, d_p)

is the Lagrangian of arXiv:2403.12485 with the sign of y_1 for which its formulas hold (its
own sign in L gives -y_1). After Q and D are integrated out

    L_eff = (1/2) [C^S_ij (dbar_i d_j) + C^P_ij (dbar_i i gamma_5 d_j)] phi^2,

    C^S_ij + i C^P_ij = sqrt(2) y_q^i y_d^j y_1 v/(m_Q m_D)
                        + y_q^i y_q^j* m_j/m_Q^2 + y_d^i* y_d^j m_i/m_D^2,

the same for up quarks with V y_q in place of y_q and without y_d. Corrections are v^2/m_Q^2. y_2
Qbar_R D_L H enters at that order. Couplings belong to the scale (m_Q m_D)^(1/2), C_sb to that of
the preset's m_b, C_ss to 2 GeV, C_uc to m_c. Scalar coefficients grow as quark masses, by 1.71 from
3 TeV to 4.8 GeV and by 1.17 from there to 2 GeV; quark masses in the other terms are those of the
scale. With `running: false` nothing runs, as in the paper: y_1 belongs to the scale of each
coefficient, and C_ss and C_sb stand at one.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.running import SCALAR, factor, mu_b
from bsnunu_jax.models.matching import mixing_angles, standard_ckm
from bsnunu_jax.models.values import PERTURBATIVE, Ranges, Refusal, Settings, largest, lowest, real
from bsnunu_jax.states import Neutrinos, ScalarPair
from bsnunu_jax.states.sectors import DarkScalar, Sectors

ComplexScalar = Complex[Array, ""]
_QUARKS = {"s": 0, "b": 1}


class Couplings(eqx.Module):
    """Masses of Q and D [GeV] and Yukawa couplings; those of the first generation are 0.

    Attributes:
        y_q: couplings of s_L and b_L, shape (2,).
        y_d: couplings of s_R and b_R, shape (2,).
        to_b: what QCD multiplies scalar coefficients by from (m_Q m_D)^(1/2) to the scale of m_b.
        to_s: from there to 2 GeV.
    """

    m_Q: Scalar
    m_D: Scalar
    y_q: Complex[Array, "2"]
    y_d: Complex[Array, "2"]
    y_1: ComplexScalar
    to_b: Scalar
    to_s: Scalar


def vacuum_expectation(inputs: Inputs) -> Scalar:
    """v = (sqrt(2) GF)^(-1/2) [GeV]."""
    return (jnp.sqrt(2.0) * inputs.values["GF"]) ** -0.5


def mixing_strength(c: Couplings, inputs: Inputs) -> ComplexScalar:
    """y_1 v/(sqrt(2) m_Q m_D) [GeV^-1], at the scale of the couplings."""
    return c.y_1 * vacuum_expectation(inputs) / (jnp.sqrt(2.0) * c.m_Q * c.m_D)


def chirality_flip(
    c: Couplings, inputs: Inputs, i: str, j: str, *, mass_terms: bool = True
) -> ComplexScalar:
    """C^S_ij + i C^P_ij [GeV^-1] of (1/2)(dbar_Li d_Rj) phi^2 at the scale of m_b; i, j: "s", "b".

    Args:
        mass_terms: include those with the mass of a light quark.
    """
    a, b = _QUARKS[i], _QUARKS[j]
    found = 2 * c.to_b * mixing_strength(c, inputs) * c.y_q[a] * c.y_d[b]
    if mass_terms:
        masses = inputs.role("m_s"), inputs.role("m_b")
        found += c.y_q[a] * jnp.conj(c.y_q[b]) * masses[b] / c.m_Q**2
        found += jnp.conj(c.y_d[a]) * c.y_d[b] * masses[a] / c.m_D**2
    return found


def down_coefficients(
    c: Couplings, inputs: Inputs, i: str, j: str, *, mass_terms: bool = True
) -> tuple[ComplexScalar, ComplexScalar]:
    """C^S_ij and C^P_ij [GeV^-1] of down quarks at the scale of m_b."""
    to_right = chirality_flip(c, inputs, i, j, mass_terms=mass_terms)
    to_left = jnp.conj(chirality_flip(c, inputs, j, i, mass_terms=mass_terms))
    return (to_right + to_left) / 2, (to_right - to_left) / 2j


def strange_coefficient(c: Couplings, inputs: Inputs, *, mass_terms: bool = True) -> Scalar:
    """C_ss [GeV^-1] at 2 GeV; all its terms, quark masses too, run there from the scale of m_b."""
    return c.to_s * jnp.real(down_coefficients(c, inputs, "s", "s", mass_terms=mass_terms)[0])


def up_charm_coefficients(c: Couplings, inputs: Inputs) -> tuple[ComplexScalar, ComplexScalar]:
    """C^S_uc and C^P_uc [GeV^-1] at m_c."""
    v = inputs.values
    rows = ckm_up_charm(inputs)
    u, charm = rows @ c.y_q
    product = u * jnp.conj(charm) / (2 * c.m_Q**2)
    m_u, m_c = v["m_u_mc_MSbar"], v["m_c_mc_MSbar"]
    return product * (m_u + m_c), product * (m_c - m_u) / 1j


def ckm_up_charm(inputs: Inputs) -> Complex[Array, "2 2"]:
    """V of u, c and s, b from |V_us|, |V_ub|, |V_cb| and gamma, standard phases."""
    return standard_ckm(mixing_angles(inputs), inputs.values["gamma"])[:2, 1:]


def dipole(c: Couplings, inputs: Inputs) -> tuple[ComplexScalar, ComplexScalar]:
    """New C_7 and C_7' of b -> s gamma from the loop of phi and Q, D, at leading order, m_phi = 0.

    L = C_R (sbar sigma P_R b) F with C_R = e Q_d/(64 pi^2) y_q^s y_d^b (M^-1)_QD; the overall sign
    depends on that of the covariant derivative. Of order 1e-3, 0.3 % of the SM: no constraint.
    """
    unit = 4 * inputs.values["GF"] / jnp.sqrt(2.0) * inputs.values["VtbVts_abs"]
    strength = mixing_strength(c, inputs) / (-3 * 4 * inputs.role("m_b") * unit)
    return (strength * c.y_q[0] * c.y_d[1], jnp.conj(strength * c.y_q[1] * c.y_d[0]))


def strange_product(C_ss: ArrayLike, c: Couplings, inputs: Inputs) -> ComplexScalar:
    """y_1 that gives C_ss at 2 GeV its value through the leading term, real."""
    per_y1 = 2 * c.to_b * c.to_s * vacuum_expectation(inputs) / (jnp.sqrt(2.0) * c.m_Q * c.m_D)
    return jnp.asarray(C_ss / (per_y1 * jnp.real(c.y_q[0] * c.y_d[0])) + 0j)


_RATIOS = ("r_q", "r_d", "theta", "rho")
PARAMETERS = ("m", "mQ", "mD", "yq_s", "yq_b", "yd_s", "yd_b", "y1", *_RATIOS, "C_ss")
SETTINGS: Settings = {"mass_terms": (True, False), "running": (True, False)}
_DEFAULTS = {"mQ": 3.0, "mD": 3.0, "yq_s": 2.0, "yd_s": 2.0}
_REAL = ("m", "mQ", "mD", *_RATIOS, "C_ss")
_GEV = 1000.0  # of a TeV
_LEAST_QUARK_MASS = 1.5  # TeV
_CONTROLLED = (0.5, 0.9)  # GeV
_VEV = 246.22  # GeV
_STRANGE_SCALE = 2.0  # GeV, where the condensate is
_GROWTH = 2.0  # from TeV to 2 GeV, to 7 % for quarks between 1.5 and 10 TeV


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
    to_b = to_s = jnp.ones(())
    if p.get("running", True):
        to_b = factor(SCALAR, jnp.sqrt(m_Q * m_D), mu_b(inputs), inputs)
        to_s = factor(SCALAR, mu_b(inputs), _STRANGE_SCALE, inputs)
    y_1 = number["y1"] + 0j
    found = Couplings(m_Q, m_D, jnp.stack(y_q), jnp.stack(y_d), y_1, to_b, to_s)
    if "C_ss" not in p:
        return found
    y_1 = strange_product(number["C_ss"], found, inputs)
    return eqx.tree_at(lambda c: c.y_1, found, y_1)


def build(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """SM neutrinos, phi phi and dark matter.

    >>> from bsnunu_jax import load_inputs
    >>> found = build({"m": 0.6, "C_ss": 1e-4, "r_q": 1e-3}, load_inputs())
    >>> f"{float(jnp.abs(found.invisible[1].coefficients['S'])):.1e}"
    '2.2e-08'
    """
    c = couplings(parameters, inputs)
    with_masses = parameters.get("mass_terms", True)
    m = jnp.real(jnp.asarray(parameters["m"]))
    S, P = down_coefficients(c, inputs, "s", "b", mass_terms=with_masses)
    strange = strange_coefficient(c, inputs, mass_terms=with_masses)
    uc_S, uc_P = up_charm_coefficients(c, inputs)
    # L = (1/2) C (sbar b) phi^2, and `ScalarPair` has no 1/2.
    pair = ScalarPair(m, S=S / 2, P=P / 2, real=True)
    of_charm = ScalarPair(m, S=uc_S / 2, P=uc_P / 2, real=True, quarks="c->u")
    return Sectors((Neutrinos(), pair, of_charm), dark=DarkScalar(m, C_ss=strange))


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """m, mQ, mD above 0; either couplings or ratios, y1 or C_ss."""
    if found := real(*_REAL)(ranges, fit):
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
        runs = all(given.get("running", (True,)))
        strength = 2 * _VEV * least * cosine * (_GROWTH if runs else 1.0)
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
