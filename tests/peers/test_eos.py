"""Branching ratios, spectra and F_L against EOS 1.0.21, in one process, SM and new physics."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, Universal

oracles = pytest.importorskip("oracles", reason="needs flavio and EOS: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

RTOL = 1e-10
FRACTIONS = np.array([0.003, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.999])  # of q2_max
INPUTS = load_inputs("eos")
VECTORS = ("cVL", "cVR")


def _points() -> dict[str, dict[str, complex]]:
    """The SM, then ten draws of five complex coefficients of the size of c_VL^SM."""
    rng = np.random.default_rng(20260419)
    draws = rng.normal(scale=5.0, size=(10, 5, 2))
    sm = complex(Universal.standard_model(INPUTS).cVL)
    new = [dict(zip(oracles.EOS_COEFFICIENTS, d[:, 0] + 1j * d[:, 1], strict=True)) for d in draws]
    return {"sm": {"cVL": sm}} | {f"np{i}": c for i, c in enumerate(new)}


POINTS = _points()
FEW = ("sm", "np0", "np1", "np2", "np3")


def _cases(modes: tuple[str, ...], *, vectors: bool = False) -> pytest.MarkDecorator:
    """Modes at points: all of B -> K(*), five of others; of baryons EOS reads cVL and cVR alone."""
    cases = {}
    for mode in modes:
        for point in POINTS if mode in oracles.MODES else FEW:
            some = vectors or mode in oracles.EOS_BARYONS
            given = {k: v for k, v in POINTS[point].items() if not some or k in VECTORS}
            cases[f"{mode}-{point}"] = mode, given
    return pytest.mark.parametrize(("mode", "coefficients"), cases.values(), ids=cases.keys())


def _q2(mode: str) -> np.ndarray:
    return FRACTIONS * oracles.eos_mode(mode).q2_max


def test_standard_model_coefficient() -> None:
    ours = Universal.standard_model(INPUTS).cVL
    assert oracles.eos_mode("B+->K+").standard_model == pytest.approx(complex(ours), rel=RTOL)


@pytest.mark.parametrize("mode", oracles.EOS_DECAYS)
def test_q2_max(mode: str) -> None:
    q2 = oracles.eos_mode(mode).q2_max * np.array([1 - 1e-12, 1 + 1e-12])
    inside, outside = programs.dbr_dq2(mode, [Universal.standard_model(INPUTS)], INPUTS, q2)
    assert inside > 0
    assert outside == 0


@_cases(tuple(oracles.EOS_DECAYS))
def test_branching_ratio(mode: str, coefficients: dict[str, complex]) -> None:
    ours = programs.branching_fraction(mode, [Universal(**coefficients)], INPUTS)
    np.testing.assert_allclose(ours, oracles.eos_br(mode, coefficients), rtol=RTOL)


@_cases(tuple(oracles.EOS_DECAYS))
def test_spectrum(mode: str, coefficients: dict[str, complex]) -> None:
    q2 = _q2(mode)
    ours = programs.dbr_dq2(mode, [Universal(**coefficients)], INPUTS, q2)
    np.testing.assert_allclose(ours, oracles.eos_spectrum(mode, q2, coefficients), rtol=RTOL)


@_cases(tuple(oracles.EOS_DECAYS), vectors=True)
def test_neutrinos_have_the_other_sign(mode: str, coefficients: dict[str, complex]) -> None:
    """c_VL = -C_L with the SM, c_VR = -C_R, of three equal flavours."""
    left = -coefficients["cVL"] - INPUTS.C_L_SM
    right = -coefficients.get("cVR", 0)
    state = Neutrinos(left * jnp.eye(3), right * jnp.eye(3))
    ours = programs.dbr_dq2(mode, [state], INPUTS, _q2(mode))
    expected = oracles.eos_spectrum(mode, _q2(mode), coefficients)
    np.testing.assert_allclose(ours, expected, rtol=RTOL)


@_cases((*oracles.EOS_VECTORS, *oracles.EOS_BARYONS), vectors=True)
def test_longitudinal_fraction_of_vector_terms(mode: str, coefficients: dict[str, complex]) -> None:
    q2 = _q2(mode)
    ours = programs.longitudinal_fraction_at(mode, [Universal(**coefficients)], INPUTS, q2)
    np.testing.assert_allclose(ours, oracles.eos_fl(mode, q2, coefficients), rtol=RTOL)


@partial(jax.jit, static_argnums=0)
def _vector_fraction(mode: str, full: Universal, inputs: Inputs, q2: jax.Array) -> jax.Array:
    """EOS keeps the vector terms alone in the numerator, all terms in the denominator."""
    vector = Universal(full.cVL, full.cVR)

    def fraction(q2: jax.Array) -> jax.Array:
        longitudinal = rates.kernels(mode, vector, inputs, q2, longitudinal=True)
        numerator = rates.contract(vector.invariants(inputs), longitudinal)
        return numerator / rates.dgamma_dq2(mode, full, inputs, q2)

    return jax.vmap(fraction)(q2)


@_cases(oracles.EOS_VECTORS)
def test_longitudinal_fraction_as_eos_defines_it(
    mode: str, coefficients: dict[str, complex]
) -> None:
    q2 = _q2(mode)
    ours = _vector_fraction(mode, Universal(**coefficients), INPUTS, q2)
    np.testing.assert_allclose(ours, oracles.eos_fl(mode, q2, coefficients), rtol=RTOL)


@pytest.mark.parametrize("mode", oracles.EOS_DECAYS)
def test_native_totals(mode: str) -> None:
    """What EOS itself integrates."""
    ours = programs.branching_fraction(mode, [Universal.standard_model(INPUTS)], INPUTS)
    assert float(ours) == pytest.approx(oracles.eos_br_native(mode, {}), rel=1e-5, abs=0)


def test_scalar_and_tensor_terms_of_baryons_are_missing_in_eos() -> None:
    mode, given = "Lambdab->Lambda", POINTS["np0"]
    vector = {k: given[k] for k in VECTORS}
    assert oracles.eos_br(mode, given) == oracles.eos_br(mode, vector)
    ours = [programs.branching_fraction(mode, [Universal(**c)], INPUTS) for c in (given, vector)]
    assert ours[0] > 1.5 * ours[1]


def test_integrated_longitudinal_fraction_of_baryons_is_one_in_eos() -> None:
    mode = oracles.eos_mode("Lambdab->Lambda")
    mode.set({})
    assert mode.fl_observable.evaluate() == 1
    assert (mode.fl([1.0, 10.0, 20.0]) < 0.99).all()


def test_form_factors_that_eos_has_by_default() -> None:
    """None of eta and eta'; of Lambda_b -> Lambda others, with three times the rate."""
    for mode in ("Bs->eta", "Bs->etaprime"):
        assert oracles.EosMode(mode, own_form_factors=True).br() == 0
    other = oracles.EosMode("Lambdab->Lambda", own_form_factors=True).br()
    assert 2.9 < other / oracles.eos_br("Lambdab->Lambda", {}) < 3.3


def test_form_factors_fitted_to_lattice_points() -> None:
    """The set flag2021_hpqcd2022 is the least-squares fit to EOS's tables of the two sources."""
    import eos
    import yaml

    table = form_factor_set("B->K", "flag2021_hpqcd2022")
    function = load_inputs("eos", {"B->K": table.name}).form_factors["B->K"]

    def value(coefficients: jax.Array, name: str, q2: float) -> jax.Array:
        return dataclasses.replace(function, coefficients=coefficients)(jnp.asarray(q2))[name]

    names = {f"B->K::f_0+f_++f_T@{name}" for name in ("FLAG:2021A", "HPQCD:2022A")}
    found = [yaml.safe_load(c.serialize()) for name, c in eos.Constraints() if str(name) in names]
    assert len(found) == 2
    information, pull, residuals = np.zeros((8, 8)), np.zeros(8), 0.0
    for c in found:
        at = [
            (f"f{o.partition('f_')[2][0]}", float(k["q2"]))
            for o, k in zip(c["observables"], c["kinematics"], strict=True)
        ]
        rows = np.array([jax.grad(value)(function.coefficients, *point) for point in at])
        means = np.array(c["means"], dtype=float)
        if "covariance" in c:
            covariance = np.array(c["covariance"], dtype=float)
        else:
            sigma = np.array(c["sigma-stat-hi"], dtype=float)
            covariance = np.array(c["correlations"], dtype=float) * np.outer(sigma, sigma)
        weighted = np.linalg.solve(covariance, rows)
        information += rows.T @ weighted
        pull += weighted.T @ means
        rest = means - rows @ table.central
        residuals += rest @ np.linalg.solve(covariance, rest)
    covariance = np.linalg.inv(information)
    sigma = np.sqrt(np.diag(covariance))
    assert np.abs(covariance @ pull - table.central).max() < 1e-9 * sigma.min()
    assert np.abs((covariance - table.covariance) / np.outer(sigma, sigma)).max() < 1e-9
    assert residuals == pytest.approx(4.84, abs=0.005)
