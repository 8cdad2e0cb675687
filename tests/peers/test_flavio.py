"""Branching ratios, spectra and F_L against flavio 2.7.1, in one process, SM and new physics."""

import jax
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.observables.branching import branching_fraction, dbr_dq2, longitudinal_fraction_at
from bsnunu_jax.states import Neutrinos

oracles = pytest.importorskip("oracles", reason="needs flavio and EOS: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

RTOL = 1e-10
FRACTIONS = np.array([0.003, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.999])  # of q2_max
INPUTS = load_inputs("flavio")


def _points() -> list[tuple[np.ndarray, np.ndarray]]:
    """C_L, C_R: the SM, then ten draws of complex matrices of the size of C_L^SM."""
    rng = np.random.default_rng(20260419)
    draws = rng.normal(scale=5.0, size=(10, 2, 2, 3, 3))
    matrices = np.concatenate([np.zeros((1, 2, 3, 3)), draws[:, 0] + 1j * draws[:, 1]])
    return [(left, right) for left, right in matrices]


POINTS = pytest.mark.parametrize(
    ("c_l", "c_r"), _points(), ids=["sm", *(f"np{i}" for i in range(10))]
)


@pytest.mark.parametrize("mode", oracles.MODES)
def test_q2_max(mode: str) -> None:
    q2 = oracles.flavio_q2_max(mode) * np.array([1 - 1e-12, 1 + 1e-12])
    inside, outside = (dbr_dq2(mode, [Neutrinos()], INPUTS, x) for x in q2)
    assert inside > 0
    assert outside == 0


@POINTS
@pytest.mark.parametrize("mode", oracles.MODES)
def test_branching_ratio(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    ours = jax.jit(lambda *c: branching_fraction(mode, [Neutrinos(*c)], INPUTS))(c_l, c_r)
    np.testing.assert_allclose(ours, oracles.flavio_br(mode, c_l, c_r), rtol=RTOL)


@POINTS
@pytest.mark.parametrize("mode", oracles.MODES)
def test_spectrum(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    q2 = FRACTIONS * oracles.flavio_q2_max(mode)
    ours = jax.vmap(lambda x: dbr_dq2(mode, [Neutrinos(c_l, c_r)], INPUTS, x))(q2)
    np.testing.assert_allclose(ours, oracles.flavio_spectrum(mode, q2, c_l, c_r), rtol=RTOL)


@POINTS
@pytest.mark.parametrize("mode", oracles.VECTOR_MODES)
def test_longitudinal_fraction(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    q2 = FRACTIONS * oracles.flavio_q2_max(mode)
    ours = jax.vmap(lambda x: longitudinal_fraction_at(mode, [Neutrinos(c_l, c_r)], INPUTS, x))(q2)
    np.testing.assert_allclose(ours, oracles.flavio_fl(mode, q2, c_l, c_r), rtol=RTOL)
