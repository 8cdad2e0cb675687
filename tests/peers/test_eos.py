"""Branching ratios, spectra and F_L against EOS 1.0.21, in one process, SM and new physics."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables.branching import branching_fraction, dbr_dq2, longitudinal_fraction_at
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Universal

oracles = pytest.importorskip("oracles", reason="needs flavio and EOS: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

RTOL = 1e-10
FRACTIONS = np.array([0.003, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.999])  # of q2_max
INPUTS = load_inputs("eos")


def _points() -> list[dict[str, complex]]:
    """The SM, then ten draws of five complex coefficients of the size of c_VL^SM."""
    rng = np.random.default_rng(20260419)
    draws = rng.normal(scale=5.0, size=(10, 5, 2))
    sm = complex(Universal.standard_model(INPUTS).cVL)
    new = [dict(zip(oracles.EOS_COEFFICIENTS, d[:, 0] + 1j * d[:, 1], strict=True)) for d in draws]
    return [{"cVL": sm}, *new]


POINTS = pytest.mark.parametrize(
    "coefficients", _points(), ids=["sm", *(f"np{i}" for i in range(10))]
)


def test_standard_model_coefficient() -> None:
    ours = Universal.standard_model(INPUTS).cVL
    assert oracles.eos_mode("B+->K+").standard_model == pytest.approx(complex(ours), rel=RTOL)


@pytest.mark.parametrize("mode", oracles.MODES)
def test_q2_max(mode: str) -> None:
    state = Universal.standard_model(INPUTS)
    q2 = oracles.eos_mode(mode).q2_max * np.array([1 - 1e-12, 1 + 1e-12])
    inside, outside = (dbr_dq2(mode, [state], INPUTS, x) for x in q2)
    assert inside > 0
    assert outside == 0


@POINTS
@pytest.mark.parametrize("mode", oracles.MODES)
def test_branching_ratio(mode: str, coefficients: dict[str, complex]) -> None:
    ours = jax.jit(lambda c: branching_fraction(mode, [Universal(**c)], INPUTS))(coefficients)
    np.testing.assert_allclose(ours, oracles.eos_br(mode, coefficients), rtol=RTOL)


@POINTS
@pytest.mark.parametrize("mode", oracles.MODES)
def test_spectrum(mode: str, coefficients: dict[str, complex]) -> None:
    q2 = FRACTIONS * oracles.eos_mode(mode).q2_max
    ours = jax.vmap(lambda x: dbr_dq2(mode, [Universal(**coefficients)], INPUTS, x))(q2)
    np.testing.assert_allclose(ours, oracles.eos_spectrum(mode, q2, coefficients), rtol=RTOL)


@POINTS
@pytest.mark.parametrize("mode", oracles.VECTOR_MODES)
def test_longitudinal_fraction_of_vector_terms(mode: str, coefficients: dict[str, complex]) -> None:
    vector = {k: v for k, v in coefficients.items() if k in ("cVL", "cVR")}
    q2 = FRACTIONS * oracles.eos_mode(mode).q2_max
    state = Universal(**vector)
    ours = jax.vmap(lambda x: longitudinal_fraction_at(mode, [state], INPUTS, x))(q2)
    np.testing.assert_allclose(ours, oracles.eos_fl(mode, q2, vector), rtol=RTOL)


@POINTS
@pytest.mark.parametrize("mode", oracles.VECTOR_MODES)
def test_longitudinal_fraction_as_eos_defines_it(
    mode: str, coefficients: dict[str, complex]
) -> None:
    # EOS keeps the vector terms alone in the numerator, all terms in the denominator.
    full = Universal(**coefficients)
    vector = Universal(coefficients["cVL"], coefficients.get("cVR", 0))

    def fraction(q2: jax.Array) -> jax.Array:
        longitudinal = rates.kernels(mode, vector, INPUTS, q2, longitudinal=True)
        numerator = rates.contract(vector.invariants(INPUTS), longitudinal)
        return numerator / rates.dgamma_dq2(mode, full, INPUTS, q2)

    q2 = FRACTIONS * oracles.eos_mode(mode).q2_max
    expected = oracles.eos_fl(mode, q2, coefficients)
    np.testing.assert_allclose(jax.vmap(fraction)(q2), expected, rtol=RTOL)


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
