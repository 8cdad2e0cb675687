"""Rows of statements about leptoquarks and Z' models that no figure shows."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.models.matching import Pi
from bsnunu_jax.observables import bs_mixing
from bsnunu_jax.observables.branching import eta
from bsnunu_jax.observables.charged_current import ratio_to_sm as r_d
from bsnunu_jax.reproduce.row import Row, row, spread
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import InvisibleState, Neutrinos
from bsnunu_jax.states.sectors import Sectors

_DRAWS = 500
# The statement about S0 is that of R_K = R_K* ~ 2.7, and r_D* = 1.12.
_R, _R_DSTAR = 2.7, 1.12
# Shifts of Delta M_s that are allowed.
_SHIFTS = (0.1, 0.2)


def uv_models(settings: Settings) -> Sequence[Row]:
    """Claims 10, 11 and 13."""
    groups = ("ckm", "electroweak", "charged", "mixing", "B->K*")
    found = settings.drawn(_numbers, "uv_models", _DRAWS, groups)
    central = {k: float(v[0]) for k, v in found.items()}
    sigma = {k: spread(v[1:]) for k, v in found.items()}
    return [*_s0(central, sigma), *_triplets(central, sigma), *_z_prime(central, sigma)]


def _numbers(inputs: Inputs) -> dict[str, Scalar]:
    found = _of_s0(inputs)
    for name, factor in (("S1", 1.0), ("V1", -1.0)):
        for kind, value in _of_triplet(name, factor, inputs).items():
            found[f"{name} {kind}"] = value
    return found | _of_z_prime(inputs)


def _ratio(state: InvisibleState, inputs: Inputs) -> Scalar:
    """R_K; R_K* too if one chirality of quarks is there: a ratio without form factors."""
    of_sm = Neutrinos().invariants(inputs)["vector"]
    return state.invariants(inputs)["vector"] / of_sm


def _with_c(name: str, couplings: dict[str, complex | Scalar], inputs: Inputs) -> Sectors:
    built = get_model(name).build(couplings, inputs)
    assert isinstance(built, Sectors)
    return built


def _of_s0(inputs: Inputs) -> dict[str, Scalar]:
    """S0 with C_L^tautau alone and |lam_3tau| << |lam_2tau|: r_D(*) and R are functions of C_L.

    With Vcb of a unitary matrix, or V_tb V_ts^* V_cs/V_cb would not be what it is.
    """
    unitary = jnp.asarray(inputs.values["Vcb"]) * jnp.sqrt(1 - inputs.values["Vus"] ** 2)
    inputs = eqx.tree_at(lambda i: i.values["VtbVts_abs"], inputs, unitary)
    # One coupling is large, the other small: the other terms of the current vanish.
    large = 1e4
    pi = Pi(inputs) * 1e-6  # TeV^2
    c_sm = inputs.C_L_SM

    def at(c_l: Scalar) -> Sectors:
        return _with_c(
            "S0", {"M": 1.0, "lam_2tau": large, "lam_3tau": 2 * c_l / pi / large}, inputs
        )

    def slope() -> Scalar:
        return at(jnp.asarray(-1.0)).current.CVL[2, 2].real / -1.0

    def enhancement(c_l: Scalar) -> Scalar:
        return r_d(at(c_l).current) - 1

    root = jnp.sqrt(1 + 3 * (_R - 1))
    low, high = c_sm * (-1 + root), c_sm * (-1 - root)
    of_r_d = (jnp.sqrt(_R_DSTAR) - 1) / slope()
    # The text's numbers: V_tb V_ts^* = +V_cb, V_cs = 1.
    wrong = inputs.role("alpha_hamiltonian") / (2 * jnp.pi)
    of_wrong = (jnp.sqrt(_R_DSTAR) - 1) / wrong

    def R(c_l: Scalar) -> Scalar:
        return _ratio(at(c_l).invisible[0], inputs)

    return {
        "s0 low": enhancement(low),
        "s0 high": enhancement(high),
        "s0 R": R(of_r_d),
        "s0 wrong": (1 + wrong * high) ** 2 - 1,
        "s0 R wrong": R(of_wrong),
    }


def _of_triplet(name: str, factor: float, inputs: Inputs) -> dict[str, Scalar]:
    """R at C_9^mumu = C_9^ee = -1: one leptoquark a flavour, one for both, tau as well."""
    strength = -1.0 / (factor * Pi(inputs) * 1e-6)  # M = 1 TeV

    def c_l(*leptons: str) -> Array:
        couplings: dict[str, complex | Scalar] = {"M": 1.0}
        couplings |= {f"lam_2{i}": strength for i in leptons}
        couplings |= dict.fromkeys((f"lam_3{i}" for i in leptons), 1.0)
        (state,) = _with_c(name, couplings, inputs).invisible
        assert isinstance(state, Neutrinos)
        return state.CL

    e, mu, tau = (c_l(i) for i in ("e", "mu", "tau"))
    states = {"apart": e + mu, "single": c_l("e", "mu"), "universal": e + mu + tau}
    return {kind: _ratio(Neutrinos(CL=C), inputs) for kind, C in states.items()}


def _of_z_prime(inputs: Inputs) -> dict[str, Scalar]:
    """R_K = R_K* of one chirality in the left-right model, bounded by Delta M_s, at X = 1."""
    c_sm = inputs.C_L_SM
    pi = Pi(inputs) * 1e-6

    def shift(p: dict[str, float]) -> Scalar:
        return bs_mixing.delta_m_ratio(_with_c("zprime", {"MZp": 1.0, **p}, inputs), inputs) - 1

    per_square = shift({"gR": 1e-3}) * 1e6
    g_over_mw = jnp.sqrt(jnp.sqrt(2.0) * inputs.values["GF"]) * 1000.0  # g/(2 M_W) [1/TeV]
    found = {}
    for allowed in _SHIFTS:
        g = jnp.sqrt(allowed / per_square)
        state = _with_c("zprime", {"MZp": 1.0, "gR": g, "gN": -g_over_mw}, inputs).invisible[0]
        percent = round(100 * allowed)
        found[f"z R {percent}"] = _ratio(state, inputs)
        # What a coupling to N without a bound would need.
        found[f"z gN {percent}"] = jnp.sqrt(2.6 * 3) * jnp.abs(c_sm / (pi * g))
    # Both chiralities: g_L^2 + g_R^2 - kappa g_L g_R = 0 frees Delta M_s, at R_K = 3.6.
    kappa = (2e-6 * per_square - shift({"gL": 1e-3, "gR": 1e-3})) / (1e-6 * per_square)
    x = (kappa - jnp.sqrt(kappa**2 - 4)) / 2
    axial, vector = (1 - x) ** 2, (1 + x) ** 2
    weight = (1 + eta(inputs)) / 2
    found["z tuned"] = 1 + 2.6 * (weight * axial + (1 - weight) * vector) / vector
    return found


def _s0(value: dict[str, float], sigma: dict[str, float]) -> list[Row]:
    # Scale of what the text states, and the number; None where it states nothing.
    stated = {
        "s0 low": (100.0, 6.0),
        "s0 high": (100.0, None),
        "s0 R": (1.0, 14.0),
        "s0 wrong": (100.0, 6.0),
        "s0 R wrong": (1.0, 14.0),
    }
    rows = []
    for key, (scale, number) in stated.items():
        found, error = scale * value[key], scale * sigma[key]
        agrees = None if number is None else bool(np.isclose(np.round(found), number))
        rows.append(row(10, key, found, error, agrees))
    return rows


def _triplets(value: dict[str, float], sigma: dict[str, float]) -> list[Row]:
    rows = []
    for name, largest in (("S1", 1.1), ("V1", 1.5)):
        for kind, label in (
            ("apart", "one leptoquark a flavour"),
            ("single", "one leptoquark for e and mu"),
            ("universal", "tau with the same coupling"),
        ):
            found, error = value[f"{name} {kind}"], sigma[f"{name} {kind}"]
            words: dict[str, Any] = {"name": name, "label": label, "largest": largest}
            rows.append(row(11, "triplet", found, error, found <= largest + 0.05, **words))
    return rows


def _z_prime(value: dict[str, float], sigma: dict[str, float]) -> list[Row]:
    percents = [round(100 * allowed) for allowed in _SHIFTS]
    found: dict[str, tuple[str, dict[str, Any]]] = {
        f"z R {p}": ("largest", {"percent": p}) for p in percents
    }
    found |= {"z gN 10": ("gN", {}), "z tuned": ("tuned", {})}
    return [
        row(13, name, value[key], sigma[key], value[key] <= 2.05, said=name != "gN", **words)
        for key, (name, words) in found.items()
    ]
