"""The model bridged to pyhf and redist has the density and gradient of the native path."""

import logging
import re
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from bsnunu_jax.exchange.redist import bridge
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.record import DROPPED, WORKSPACE
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.states import Universal

HINT = "needs pyhf and redist: pip install '.[test,belle2]'"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyhf = pytest.importorskip("pyhf", reason=HINT)
    modifier = pytest.importorskip("redist.modifier", reason=HINT)

pytestmark = pytest.mark.peers

COUPLINGS = {
    name: (start, (0.0, 20.0)) for name, start in {"cVL": 6.6, "cSL": 0.5, "cTL": 0.5}.items()
}
INPUTS = load_inputs("eos", {"B->K": "flag2021_hpqcd2022"})
NUISANCES = Nuisances(INPUTS, ["B->K"])


@pytest.fixture(scope="module", params=["numpy", "jax"])
def backend(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyhf.set_backend(request.param, precision="64b")
    yield request.param
    pyhf.set_backend("numpy")


@pytest.fixture(scope="module")
def published(likelihood_dir):
    (measurement,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    return measurement


@pytest.fixture(scope="module")
def bridged(backend, likelihood_dir):
    logging.getLogger("pyhf").setLevel(logging.WARNING)
    return bridge(likelihood_dir, "universal", COUPLINGS, inputs=INPUTS)


@pytest.fixture(scope="module", autouse=True)
def pyhf_broadcasts():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def order(bridged, published):
    """Index in pyhf's vector of the couplings, form factors, systematics, MC statistics of ours."""
    config, statistics, start = bridged.model.config, {}, 0
    for channel in bridged.model.spec["channels"]:
        for sample in channel["samples"]:
            (name,) = {m["name"] for m in sample["modifiers"] if m["type"] == "staterror"}
            for i in range(len(sample["data"])):
                statistics[int(published.model.gammas[start + i])] = (
                    config.par_slice(name).start + i
                )
            start += len(sample["data"])
    names = (*COUPLINGS, *NUISANCES.names, *published.model.alphas)
    gammas = range(len(published.model.gamma_sigma))
    return np.array([*(config.par_slice(n).start for n in names), *(statistics[g] for g in gammas)])


@pytest.fixture(scope="module")
def native(published, likelihood_dir):
    """ln of the same density, and the rates of the bins, at a vector in the order of `order`."""
    whole = read_workspace(likelihood_dir / WORKSPACE, drop=DROPPED)
    model, ends = published.model, np.cumsum([3, NUISANCES.size, len(published.model.alphas)])

    def weights(point):
        couplings, z = jnp.split(point, ends)[:2]
        state = Universal(**dict(zip(COUPLINGS, couplings, strict=True)))
        predictions = Predictions((state,), NUISANCES.shift(z))
        return published.weights(predictions.bins(published.mode, published.q2_edges))

    def density(point):
        _, z, alpha, gamma = jnp.split(point, ends)
        prior = -0.5 * jnp.sum(z**2) - 0.5 * np.log(2 * np.pi) * z.size
        vector = whole.vector(alpha, jnp.zeros(0), gamma)
        return whole.log_density(vector, weights(point)) + prior

    def rates(point):
        _, _, alpha, gamma = jnp.split(point, ends)
        entries = model.entry_rates(alpha, jnp.zeros(0)) * jnp.append(gamma, 1.0)[model.gammas]
        return model.bin_rates(entries * weights(point))

    return jax.jit(jax.value_and_grad(density)), jax.jit(rates)


@pytest.fixture(scope="module")
def points(native, published):
    """Points with everything displaced and positive rates, and the magnitude of the density."""
    rng, found = np.random.default_rng(20260419), []
    sigma, observed = published.model.gamma_sigma, published.observed
    while len(found) < 10:
        normals = rng.normal(size=NUISANCES.size + len(published.model.alphas))
        gamma = 1 + sigma * rng.normal(size=len(sigma))
        point = np.concatenate([rng.uniform(0, 14, size=3), normals, gamma])
        rate = np.asarray(native[1](point))
        if rate.min() > 0:
            terms = observed * np.abs(np.log(rate)) + rate + gammaln(observed + 1)
            pulls = (gamma - 1) / sigma
            found.append((point, terms.sum() + 0.5 * (normals**2).sum() + 0.5 * (pulls**2).sum()))
    return found


def test_every_parameter_of_pyhf_has_its_native_one(bridged, order):
    assert sorted(order) == list(range(bridged.model.config.npars))
    assert not {"mu", "corr_ff_c1"} & set(bridged.model.config.par_order)


def test_density(bridged, order, native, points):
    for point, magnitude in points:
        pars = np.zeros(len(order))
        pars[order] = point
        theirs = float(bridged.model.logpdf(pars, np.asarray(bridged.data))[0])
        assert abs(float(native[0](point)[0]) - theirs) < 1e-12 * magnitude


@pytest.mark.parametrize("backend", ["jax"], indirect=True)
def test_gradient(bridged, order, native, points):
    data = jnp.asarray(bridged.data)
    gradient = jax.jit(jax.grad(lambda pars: bridged.model.logpdf(pars, data)[0]))
    for point, _ in points:
        pars = jnp.zeros(len(order)).at[order].set(point)
        theirs, ours = np.asarray(gradient(pars))[order], np.asarray(native[0](point)[1])
        assert np.abs(ours - theirs).max() < 1e-12 * np.abs(theirs).max()
        assert np.abs(theirs[:3]).min() > 0


def test_weights(bridged, published):
    """The last bin ends 2e-4 GeV^2 below the end of the null spectrum, which falls like a root."""
    point = {"cVL": 11.0, "cSL": 5.0, "cTL": 8.0} | dict.fromkeys(NUISANCES.names, 0.0)
    predictions = Predictions((Universal(11.0, 0, 5.0, 0, 8.0),), INPUTS)
    expected = predictions.bins(published.mode, published.q2_edges) / published.null_br
    for m in bridged.modifiers:
        weights = np.asarray(m.get_weights(point))
        assert weights[0] == 1  # events without a matched q2
        np.testing.assert_allclose(weights[1:-1], expected[:-1], rtol=1e-11)
        np.testing.assert_allclose(weights[-1], expected[-1], rtol=2e-7)


def test_model_survives_a_file(bridged, order, points, tmp_path):
    path, (point, _) = tmp_path / "model.json", points[0]
    modifier.save(path, bridged.model.spec, bridged.modifiers)
    again = modifier.load(path, bridged.spectrum, bridged.null, poi_name=None)
    assert again.config.par_order == bridged.model.config.par_order
    pars = np.zeros(len(order))
    pars[order] = point
    data = np.asarray(bridged.data)
    assert float(again.logpdf(pars, data)[0]) == float(bridged.model.logpdf(pars, data)[0])


def test_example_of_the_documentation(likelihood_dir):
    """Its fit is that of redist with EOS and Minuit, see tests/test_belle2_profile.py."""
    text = (Path(__file__).parents[2] / "docs" / "cards.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"<!-- bridge -->\n```python\n(.*?)```", text, re.DOTALL)
    names = {}
    try:
        exec(code.replace("DIR", str(likelihood_dir)), names)
    finally:
        pyhf.set_backend("numpy")
    config = names["wet"].model.config
    found = [float(names["best"][config.par_slice(c).start]) for c in COUPLINGS]
    assert found == pytest.approx([11.43, 0.0, 8.42], abs=0.02)
    assert float(names["minus_2_log_density"]) == pytest.approx(-16.0297, abs=1e-3)
