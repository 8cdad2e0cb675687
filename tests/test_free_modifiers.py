"""Free normalisations and bins and shapesys that stay in a record: density, profile, prior."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from record_peers import pyhf_log_density, reweighted, values_of
from scipy.optimize import minimize
from scipy.stats import norm
from toy_record import EDGES, MODE, POLARISATIONS, STRENGTH, toy_record
from workspaces import modifier

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.states import Neutrinos

FREE = {"norm_bkg": 1, "shape_bkg": 4, "bins": 3}


def free_record(folder: Path, fixed=(), inits=None, **changes) -> None:
    """The toy with a free background normalisation, free bins of a background, and a shapesys."""
    toy_record(folder, **changes)
    path = folder / "workspace.json"
    content = json.loads(path.read_text())
    for c in content["channels"]:
        for s in c["samples"]:
            if s["name"] == "continuum":
                s["modifiers"].append(modifier("normfactor", "norm_bkg"))
                if c["name"] == "SR_high":
                    s["modifiers"].append(modifier("shapefactor", "shape_bkg"))
            if s["name"] == "charged" and c["name"] == "CR":
                errors = [0.1 * x for x in s["data"]]
                s["modifiers"].append(modifier("shapesys", "bins", errors))
    settings = content["measurements"][0]["config"]["parameters"]
    settings += [{"name": n, "fixed": True, "inits": (inits or {})[n]} for n in fixed]
    settings.append({"name": "norm_bkg", "inits": [1.0], "bounds": [[0.2, 3.0]]})
    path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("free")
    free_record(made / "toy")
    free_record(made / "sampled", mc_statistics="sampled")
    (made / "card.yaml").write_text(STRENGTH)
    return made


def loaded(folder: Path, name: str):
    (found,) = load_measurements([name], folder=folder)
    return found


@pytest.fixture(scope="module")
def sampled(folder):
    return loaded(folder, "sampled/")


@pytest.fixture(scope="module")
def bins(inputs):
    """BR of the SM by polarisation."""
    predictions = Predictions((Neutrinos(),), inputs)
    return [np.asarray(predictions.bins(MODE, EDGES, p)) for p in POLARISATIONS]


def test_density_is_that_of_pyhf(folder, sampled, inputs, bins, rng):
    log_density = pyhf_log_density(reweighted(folder, "sampled", bins))
    predictions = Predictions((Neutrinos(),), inputs)
    n = len(sampled.nuisance_names)
    assert n == 24 + 5 + 1 + 12 + sum(FREE.values())
    assert (~sampled.constrained).sum() == sum(FREE.values())
    start = values_of(sampled, np.zeros(n))
    for name, size in FREE.items():
        np.testing.assert_allclose(start[name], np.ones(size), rtol=1e-14)
    for z in rng.normal(0, 0.7, (5, n)):
        expected = log_density(values_of(sampled, z))
        pulls = z[sampled.constrained]
        ours = float(sampled.profile_log_likelihood(predictions, z)) + sampled.constant
        assert ours - pulls @ pulls / 2 == pytest.approx(expected, rel=1e-10)


def test_priors_of_samplers_are_flat_between_the_bounds(sampled, inputs, rng):
    """In z a standard normal and what `log_likelihood` has beside the likelihood."""
    predictions = Predictions((Neutrinos(),), inputs)
    n, free = len(sampled.nuisance_names), sampled.free
    heights = []
    for z in (np.zeros(n), *rng.normal(size=(4, n))):
        own = z[~sampled.constrained]
        prior = float(
            sampled.log_likelihood(predictions, z) - sampled.profile_log_likelihood(predictions, z)
        )
        slopes = (free.high - free.low) * norm.pdf(free.offset + own)
        heights.append(prior + norm.logpdf(own).sum() - np.log(slopes).sum())
    np.testing.assert_allclose(heights, heights[0], rtol=1e-10)
    low, high = (np.asarray(free.values(np.full(len(free), x))) for x in (-40.0, 40.0))
    np.testing.assert_allclose([low, high], [free.low, free.high], atol=1e-12)


def test_a_profile_is_that_of_all_parameters_of_the_workspace(folder, bins):
    """Minimised by scipy inside the bounds, MC statistics among the parameters."""
    problem = Card(folder / "card.yaml").problem
    (measurement,) = problem.measurements
    density = measurement.coordinates.density
    fits = ProfileLikelihood(problem, "mu", starts=2).profile(np.array([0.5, 3.0]))
    assert fits.converged.all()
    loose = ~density.parameters.fixed
    start = density.parameters.inits

    @jax.jit
    @jax.value_and_grad
    def cost(free, mu):
        weights = measurement.weights(mu * jnp.asarray(measurement.null_br))
        vector = jnp.asarray(start).at[np.flatnonzero(loose)].set(free)
        return -2 * density.log_density(vector, weights)

    for mu, ours in zip((0.5, 3.0), fits.objective, strict=True):
        found = minimize(
            lambda x, mu=mu: [np.asarray(a, dtype=float) for a in cost(jnp.asarray(x), mu)],
            start[loose],
            jac=True,
            method="L-BFGS-B",
            bounds=density.parameters.bounds[loose],
            options={"maxiter": 5000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-7},
        )
        theirs = found.fun + 2 * measurement.constant
        assert ours == pytest.approx(theirs, abs=2e-5)


def test_auxiliary_counts_are_data(sampled, inputs):
    predictions = Predictions((Neutrinos(),), inputs)
    z = np.zeros(len(sampled.nuisance_names))
    data = np.asarray(sampled.data)
    np.testing.assert_allclose(data[:12], sampled.observed)
    np.testing.assert_allclose(data[12:], 100.0)
    expected = np.asarray(sampled.expected_data(predictions, z))
    np.testing.assert_allclose(expected[12:], 100.0)
    drawn = jax.vmap(lambda k: sampled.sample_data(predictions, z, k))(
        jax.random.split(jax.random.key(1), 400)
    )
    assert drawn.shape == (400, 15)
    np.testing.assert_allclose(np.asarray(drawn).mean(axis=0), expected, rtol=0.05)
    other = sampled.with_data(data + 1.0)
    np.testing.assert_allclose(other.data, data + 1.0)
    change = other.profile_log_likelihood(predictions, z) - sampled.profile_log_likelihood(
        predictions, z
    )
    shifted = np.log(expected) - np.log(data + 1.0)
    assert float(change) == pytest.approx(shifted.sum(), rel=1e-10)


def test_held_factors_stay_what_they_are(tmp_path, inputs):
    at = {"shape_bkg": [2.0] * 4, "bins": [1.0] * 3}
    free_record(tmp_path / "toy", fixed=tuple(at), inits=at)
    free_record(tmp_path / "free")
    held, free = loaded(tmp_path, "toy/"), loaded(tmp_path, "free/")
    assert len(held.nuisance_names) == len(free.nuisance_names) - 7
    predictions = Predictions((Neutrinos(),), inputs)
    backgrounds = [
        np.asarray(m.counts(predictions, np.zeros(len(m.nuisance_names)))[1]) for m in (held, free)
    ]
    continuum = [s == "continuum" for _, s in held.model.entries]
    more = held.model.bin_rates(held.model.nominal * continuum, np)
    np.testing.assert_allclose(backgrounds[0][:5], backgrounds[1][:5])
    np.testing.assert_allclose((backgrounds[0] - backgrounds[1])[5:9], more[5:9])


def test_a_limit(folder, tmp_path, capsys):
    """From YAML alone; where the profile crosses, all else is tested above."""
    with pytest.raises(SystemExit) as exit_:
        main(["limit", str(folder / "card.yaml"), "--out", str(tmp_path), "--json", "--quiet"])
    assert exit_.value.code == 0
    found = json.loads(capsys.readouterr().out)["upper_limit"]
    bands = found["expected"]
    assert 0 < bands[0] < bands[2] < bands[4] < 20
    assert 0 < found["observed"] < 20


def test_starts_outside_of_their_bounds_are_refused(tmp_path):
    free_record(tmp_path / "toy")
    path = tmp_path / "toy" / "workspace.json"
    path.write_text(path.read_text().replace("[[0.2, 3.0]]", "[[2.0, 3.0]]"))
    with pytest.raises(
        InputError, match=r"'norm_bkg' \(normfactor\) starts at 1, its bounds are 2"
    ):
        loaded(tmp_path, "toy/")
