"""The HistFactory density is pyhf's, in both interpolation modes, and its collapse is exact."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from workspaces import (
    CODES,
    MU,
    histosys,
    magnitude,
    normsys,
    ours,
    random_points,
    sample,
    staterror,
    their_gradients,
    theirs,
    workspace,
)

from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson

# One channel, one name that is a normsys here and a histosys there, a gamma without error.
PLAIN = [
    {
        "name": "one",
        "samples": [
            sample(
                "signal",
                [5.0, 8.0, 3.0],
                MU,
                histosys("a", [6.0, 8.5, 3.0], [4.2, 7.9, 2.5]),
                normsys("b", 1.2, 0.9),
                staterror("s", [0.5, 0.7, 0.0]),
            ),
            sample(
                "background",
                [50.0, 40.0, 30.0],
                normsys("a", 1.1, 0.7),
                normsys("c", 0.8, 1.3),
                histosys("d", [55.0, 41.0, 33.0], [44.0, 38.0, 28.0]),
                staterror("t", [3.0, 2.0, 1.5]),
            ),
        ],
    }
]
# Two channels that share systematics; in the second both samples share one gamma a bin.
SHARED = [
    *PLAIN,
    {
        "name": "two",
        "samples": [
            sample(
                "signal",
                [2.0, 1.0],
                MU,
                {"name": "k", "type": "normfactor", "data": None},
                staterror("u", [0.3, 0.2]),
            ),
            sample(
                "other",
                [20.0, 0.0],
                histosys("d", [22.0, 0.5], [19.0, 0.0]),
                normsys("b", 0.95, 1.1),
                staterror("u", [1.0, 0.4]),
            ),
        ],
    },
]
OBSERVED = {"one": [61.0, 44.0, 35.0], "two": [25.0, 2.0]}
TOYS = {"plain": PLAIN, "shared": SHARED}


@pytest.fixture(scope="module", params=[*TOYS, "published"])
def content(request):
    if request.param == "published":
        folder = request.getfixturevalue("likelihood_dir")
        return json.loads((folder / "combined_likelihood.json").read_text())
    channels = TOYS[request.param]
    return workspace(channels, {c["name"]: OBSERVED[c["name"]] for c in channels})


@pytest.mark.parametrize("codes", CODES, ids="-".join)
def test_density_is_pyhf_s(content, codes, rng):
    density, (peer, data) = ours(content, codes), theirs(content, codes)
    compiled = jax.jit(density.log_density)
    for vector in random_points(density, rng, 100):
        expected = float(peer.logpdf(vector, data)[0])
        assert abs(float(compiled(vector)) - expected) < 1e-12 * magnitude(density, vector)


@pytest.mark.parametrize("codes", CODES, ids="-".join)
def test_gradient_is_pyhf_s(content, codes, rng):
    density = ours(content, codes)
    gradient = jax.jit(jax.grad(density.log_density))
    points = random_points(density, rng, 3)
    for vector, slopes in zip(points, their_gradients(content, points, codes), strict=True):
        found = np.asarray(gradient(vector))
        np.testing.assert_allclose(found, slopes, rtol=0, atol=1e-9 * np.abs(slopes).max())


def test_published_reference_points(likelihood_dir):
    density = read_workspace(likelihood_dir / "combined_likelihood.json")
    assert len(density.parameters) == 232
    assert density.poi == "mu"
    assert density.collapses
    assert len(density.model.observed) == 30
    for mu, expected in {
        1.0: -127.21182488859057,
        0.5: -136.724765413002,
        1.5: -118.74875703814962,
    }.items():
        vector = density.parameters.vector({"mu": mu}, "here")
        assert float(density.log_density(vector)) == pytest.approx(expected, abs=1e-10)


def test_collapse_is_the_profile(content, rng):
    """At fixed bin rates the gammas' penalty has its minimum sum of pulls^2 = t^2."""
    density = ours(content)
    model = density.model
    assert density.collapses == model.gamma_of_one_entry
    if not density.collapses:
        pytest.skip("a gamma is shared between entries: no collapse is claimed")
    full_norm = -np.log(model.gamma_sigma).sum() - 0.5 * np.log(2 * np.pi) * len(model.gamma_sigma)
    t_norm = -0.5 * np.log(2 * np.pi) * len(model.observed)
    sigma = np.append(model.gamma_sigma, 0.0)[model.gammas]
    for vector in random_points(density, rng, 5):
        alpha, factors = vector[density.alpha_at], vector[density.factor_at]
        t = rng.normal(size=len(model.observed))
        m = np.asarray(model.entry_rates(alpha, factors))
        spread = np.sqrt(np.asarray(model.bin_rates((m * sigma) ** 2)))
        # Lagrange: each pull is proportional to m_e sigma_e
        pulls = m * sigma / spread[model.bins] * t[model.bins]
        gamma = np.ones(len(model.gamma_sigma))
        has = model.gammas < len(gamma)
        gamma[model.gammas[has]] = 1 + (sigma * pulls)[has]
        full = float(density.log_density(density.vector(alpha, factors, gamma))) - full_norm
        short = float(model.collapsed_log_density(alpha, factors, jnp.asarray(t))) - t_norm
        assert short == pytest.approx(full, abs=1e-9)


def test_collapse_is_the_marginal():
    """Two gammas of one bin integrated out by quadrature give the integral over t."""
    channel = {
        "name": "one",
        "samples": [
            sample("a", [5.0], staterror("s", [0.5])),
            sample("b", [7.0], staterror("t", [0.9])),
        ],
    }
    density = ours(workspace([channel], {"one": [14.0]}, poi=""))
    model = density.model
    assert density.collapses
    x, w = np.polynomial.hermite_e.hermegauss(60)
    none = jnp.zeros(0)
    norm = np.log(model.gamma_sigma).sum()
    gammas = 1 + model.gamma_sigma * np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    full = jax.vmap(lambda g: density.log_density(density.vector(none, none, g)))(gammas) + norm
    short = jax.vmap(lambda t: model.collapsed_log_density(none, none, t[None]))(jnp.asarray(x))
    # hermegauss carries exp(-x^2/2): take the Gaussian terms of the densities out again
    weights = np.outer(w * np.exp(x**2 / 2), w * np.exp(x**2 / 2)).ravel()
    two = float(np.sum(weights * np.exp(np.asarray(full))))
    one = float(np.sum(w * np.exp(x**2 / 2) * np.exp(np.asarray(short))))
    assert one == pytest.approx(two, rel=1e-10)


def test_weights_scale_a_sample(content):
    density = ours(content)
    model, vector = density.model, density.parameters.inits
    signal = "signal" if model.selects("signal").any() else "sgn_1_had"
    weights = np.where(model.selects(signal), 2.5, 1.0)
    scaled = density.log_density(vector, weights)
    plain = density.log_density(vector)
    expected = plain + (
        poisson(model.observed, density.bin_rates(vector, weights))
        - poisson(model.observed, density.bin_rates(vector))
    )
    assert float(scaled) == pytest.approx(float(expected), rel=1e-13)
    assert float(scaled) != float(plain)


def test_other_counts_and_auxiliary_data(rng):
    """Toys: the density of pyhf at data of which every entry is another one."""
    content = workspace(SHARED, OBSERVED)
    density, (peer, data) = ours(content), theirs(content)
    order = [peer.config.channel_slices[c["name"]] for c in SHARED]
    counts = rng.poisson(30, size=len(density.model.observed)).astype(float)
    split = np.cumsum([s.stop - s.start for s in order])[:-1]
    for s, part in zip(order, np.split(counts, split), strict=True):
        data[s] = part
    auxdata = np.full(len(density.parameters), np.nan)
    first = peer.config.nmaindata
    for name in peer.config.auxdata_order:
        at = peer.config.par_slice(name)
        size = at.stop - at.start
        auxdata[at] = data[first : first + size] = data[first : first + size] + rng.normal(
            size=size
        )
        first += size
    vector = density.parameters.inits
    found = density.log_density(vector, observed=counts, auxdata=auxdata)
    assert float(found) == pytest.approx(float(peer.logpdf(vector, data)[0]), rel=1e-12)
