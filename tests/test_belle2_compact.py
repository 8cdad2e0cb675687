"""The compact Belle II likelihood: made from the published files, and as good as them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from profile_grid import profile_grid
from scipy.integrate import quad

from bsnunu_jax.cli import main
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.histfactory.compact_table import as_yaml, compacted, read_table
from bsnunu_jax.experiments.histfactory.compaction import compact as compact_model
from bsnunu_jax.experiments.histfactory.compaction import profile_strength
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.record import WORKSPACE
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.tables import load_yaml
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction_bins
from bsnunu_jax.states import Neutrinos, Universal

NAME = "belle2_knunu_2023"
STRENGTHS = list(range(11))


@pytest.fixture(scope="module")
def compact() -> Reweighted:
    (measurement,) = load_measurements([NAME])
    assert isinstance(measurement, Reweighted)
    return measurement


@pytest.fixture(scope="module")
def published(likelihood_dir: Path) -> Reweighted:
    (measurement,) = load_measurements([NAME], likelihood=likelihood_dir)
    assert isinstance(measurement, Reweighted)
    return measurement


def test_size(compact: Reweighted) -> None:
    assert compact.form == "compact"
    assert len(compact.labels) == compact.observed.size == 30
    assert len(compact.nuisance_names) == 26
    assert compact.density.shape == (18, 50)
    np.testing.assert_allclose(compact.rotation @ compact.rotation.T, np.eye(26), atol=1e-12)


def test_strength_of_the_signal(compact: Reweighted) -> None:
    """mu = 4.60 +- 1.33, q(0) = 11.97 and q(1) = 7.38 of the published workspace.

    It has three form-factor systematics on top, which widen the upper error a little.
    """
    strengths = [0.0, 1.0, 4.6 - 1.334, 4.59, 4.6, 4.61, 4.6 + 1.334]
    q = profile_strength(compact.model, compact.signal, strengths)
    assert q[0] == pytest.approx(11.973, rel=0.005)
    assert q[1] == pytest.approx(7.377, rel=0.005)
    assert q[2] == pytest.approx(1, abs=0.02)
    assert q[6] == pytest.approx(1, abs=0.03)
    assert q[3:6].max() < 1e-3


def test_strength_is_that_of_the_published_files(
    compact: Reweighted, published: Reweighted
) -> None:
    expected, found = (profile_strength(m.model, m.signal, STRENGTHS) for m in (published, compact))
    np.testing.assert_allclose(found, expected, rtol=0.005)


def test_strength_with_the_form_factor_systematics_of_the_workspace(
    compact: Reweighted, likelihood_dir: Path
) -> None:
    """The same compaction of the complete workspace, corr_ff included."""
    model = read_workspace(likelihood_dir / WORKSPACE, drop=("mu",)).model
    made = compact_model(model, compact.signal, 19)
    expected, found = (profile_strength(m, compact.signal, STRENGTHS) for m in (model, made))
    assert expected[:2] == pytest.approx([11.973, 7.377], abs=2e-3)
    np.testing.assert_allclose(found, expected, rtol=0.01)


def wet(measurement: Reweighted, inputs: Inputs) -> Problem:
    parameters = tuple(Parameter(c, Uniform(0, 20), c) for c in ("cVL", "cSL", "cTL"))
    nothing = Nuisances(inputs, ())
    return tabulate(Problem(get_model("universal"), parameters, nothing, (measurement,)))


def test_wet_posterior(compact: Reweighted, published: Reweighted, inputs: Inputs) -> None:
    """-2 ln L, nuisances profiled, over the region that holds the posterior of three couplings."""
    axes = [np.linspace(0.5, 16, 8), np.linspace(0.1, 14, 7), np.linspace(0.1, 11, 8)]
    expected, found = (
        profile_grid(wet(m, inputs), axes).profile.ravel() for m in (published, compact)
    )
    posterior = expected - expected.min() < 8
    assert posterior.sum() > 100
    difference = (found - expected)[posterior]
    assert np.std(difference) < 0.02
    assert np.abs(difference - difference.mean()).max() < 0.1


def test_the_table_is_what_the_command_makes(published: Reweighted, compact: Reweighted) -> None:
    """Numbers that no choice of signs and order of the combinations changes."""
    made = compacted(published)
    table = read_table(load_yaml(as_yaml(made)))
    for model in (made.model, table["model"]):
        ours = compact.model
        np.testing.assert_allclose(model.nominal, ours.nominal, rtol=2e-4, atol=2e-4)
        np.testing.assert_array_equal(model.observed, ours.observed)
        squares = [m.symmetric.T @ m.symmetric for m in (model, ours)]
        np.testing.assert_allclose(*squares, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(table["density"], compact.density, rtol=1e-5)


def test_command_writes_the_table(
    likelihood_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.yaml"
    with pytest.raises(SystemExit) as exit_:
        main(["data", "compact", "belle2-knunu", "--from", str(likelihood_dir), "--out", str(out)])
    assert exit_.value.code == 0
    assert "26 systematics here" in capsys.readouterr().err
    assert read_table(load_yaml(out.read_text()))["density"].shape == (18, 50)
    with pytest.raises(SystemExit) as exit_:
        main(["data", "compact", "belle2-knunu", "--from", str(tmp_path)])
    assert exit_.value.code == 2


def test_density_is_the_published_one_merged_by_two(
    compact: Reweighted, published: Reweighted
) -> None:
    merged = published.density[:, ::2] + published.density[:, 1::2]
    np.testing.assert_allclose(compact.density, merged, rtol=1e-5)
    np.testing.assert_allclose(compact.underflow, published.underflow, rtol=1e-5)
    np.testing.assert_allclose(compact.q2_edges, published.q2_edges[::2], rtol=1e-5)
    np.testing.assert_array_equal(compact.observed, published.observed)


def null_model(q2: float) -> float:
    """dBR/dq2 of the null model of the published densities (arXiv:2402.08417, HPQCD 2022)."""
    G_F, alpha, X_t, sin2, V = 1.1663787e-5, 1 / 127.952, 1.468, 0.23124, 0.04185
    hbar, tau, m_B, m_K = 6.582119569e-25, 1.638e-12, 5.279495, 0.495644
    m_pole, log_factor = 5.4158, 1.304
    root, root_0 = np.sqrt((m_B + m_K) ** 2 - q2), m_B + m_K
    z = (root - root_0) / (root + root_0)
    series = 0.2545 - 0.71 * (z - z**3 / 3) + 0.32 * (z**2 + 2 * z**3 / 3)
    f_plus = log_factor * series / (1 - q2 / m_pole**2)
    momentum = np.sqrt(((m_B - m_K) ** 2 - q2) * ((m_B + m_K) ** 2 - q2)) / (2 * m_B)
    prefactor = (G_F * alpha * X_t / sin2 * V) ** 2 * tau / hbar / (32 * np.pi**5)
    return float(prefactor * momentum**3 * f_plus**2)


def in_bins(spectrum: Callable[[float], float], edges: np.ndarray) -> np.ndarray:
    return np.array(
        [quad(spectrum, low, high, epsabs=0, epsrel=1e-13)[0] for low, high in pairwise(edges)]
    )


def test_null_model(compact: Reweighted) -> None:
    np.testing.assert_allclose(compact.null_br, in_bins(null_model, compact.q2_edges), rtol=1e-12)
    assert compact.null_br.sum() == pytest.approx(4.966e-6, abs=0.0005e-6)


def test_signal_is_reweighted_bin_by_bin(compact: Reweighted, rng: np.random.Generator) -> None:
    factors = rng.uniform(0, 3, size=compact.null_br.size)
    weights = np.asarray(compact.weights(jnp.asarray(factors * compact.null_br)))
    events = compact.underflow + (compact.density * factors).sum(axis=1)
    nominal = compact.underflow + compact.density.sum(axis=1)
    np.testing.assert_allclose(weights[compact.signal], events / nominal, rtol=1e-13)
    np.testing.assert_array_equal(weights[~compact.signal], 1)


def br_in_bins(spectrum: str, edges: np.ndarray, inputs: Inputs) -> np.ndarray:
    states = {"SM": Neutrinos(), "scalar": Universal(0, cSL=5.0), "tensor": Universal(0, cTL=3.0)}
    if spectrum in states:
        bins = jax.jit(lambda e: branching_fraction_bins("B+->K+", [states[spectrum]], inputs, e))
        return np.asarray(bins(jnp.asarray(edges)))
    shapes = {"low q2": lambda q2: np.exp(-q2 / 3), "high q2": lambda q2: (q2 / 22.9) ** 2}
    return in_bins(lambda q2: null_model(q2) * shapes[spectrum](q2), edges)


@pytest.mark.parametrize("spectrum", ["SM", "scalar", "tensor", "low q2", "high q2"])
def test_half_the_bins_in_true_q2_are_enough(
    spectrum: str, compact: Reweighted, published: Reweighted, inputs: Inputs
) -> None:
    """Yields within 3 % of those of the published bins.

    Fit bins with less than 1e-3 of the signal are left out: with mu = 5 they hold below one of
    about 850 signal events and change no fit, and a handful of simulated events makes them up.
    """
    found, expected = (
        np.asarray(m.weights(jnp.asarray(br_in_bins(spectrum, m.q2_edges, inputs))))[m.signal]
        * (m.underflow + m.density.sum(axis=1))
        for m in (compact, published)
    )
    relevant = expected > 1e-3 * expected.sum()
    assert relevant.sum() >= 15
    np.testing.assert_allclose(found[relevant], expected[relevant], rtol=0.03)


@pytest.mark.parametrize("method", ["log_likelihood", "profile_log_likelihood"])
def test_gradient_is_finite(compact: Reweighted, inputs: Inputs, method: str) -> None:
    """In couplings and nuisances, also far out, where mean rates are negative."""

    @jax.jit
    def derivatives(c: jax.Array, z: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        def function(c: jax.Array, z: jax.Array) -> jax.Array:
            state = Universal(c[0], cVR=c[1], cSL=c[2], cTL=c[3])
            return getattr(compact, method)(Predictions([state], inputs), z)

        return jax.value_and_grad(function, argnums=(0, 1))(c, z)

    for scale in (0.0, 0.3, 8.0):
        value, gradient = derivatives(jnp.array([6.4, 1.0, 3.0, 0.0]), scale * jnp.ones(26))
        assert np.isfinite(value)
        assert all(np.all(np.isfinite(g)) for g in gradient)
