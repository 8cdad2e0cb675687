"""The HistFactory density is pyhf's, in both interpolation modes, and its collapse is exact."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.experiments.histfactory.workspace import build, read_workspace
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson
from bsnunu_jax.foundation.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyhf = pytest.importorskip("pyhf", reason="needs pyhf: pip install '.[test]'")

CODES = [("code4", "code4p"), ("code1", "code0")]


def sample(name, data, *modifiers):
    return {"name": name, "data": data, "modifiers": list(modifiers)}


def histosys(name, high, low):
    return {"name": name, "type": "histosys", "data": {"hi_data": high, "lo_data": low}}


def normsys(name, high, low):
    return {"name": name, "type": "normsys", "data": {"hi": high, "lo": low}}


def staterror(name, data):
    return {"name": name, "type": "staterror", "data": data}


MU = {"name": "mu", "type": "normfactor", "data": None}

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


def workspace(channels) -> dict:
    return {
        "channels": channels,
        "observations": [{"name": c["name"], "data": OBSERVED[c["name"]]} for c in channels],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@pytest.fixture(scope="module", params=[*TOYS, "published"])
def content(request):
    if request.param == "published":
        folder = request.getfixturevalue("likelihood_dir")
        return json.loads((folder / "combined_likelihood.json").read_text())
    return workspace(TOYS[request.param])


def ours(content, codes) -> HistFactory:
    observed = {o["name"]: o["data"] for o in content["observations"]}
    return build(content["channels"], observed, "test", norm_code=codes[0], histo_code=codes[1])


def theirs(content, codes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = pyhf.Workspace(content)
        model = space.model(
            modifier_settings={
                "normsys": {"interpcode": codes[0]},
                "histosys": {"interpcode": codes[1]},
            }
        )
        return model, np.asarray(space.data(model))


def gamma_slots(content, model: HistFactory, peer) -> list[tuple[int, int]]:
    """(our gamma, pyhf's parameter) of every gamma that varies."""
    found, start = {}, 0
    for channel in content["channels"]:
        for s in channel["samples"]:
            for m in s["modifiers"]:
                if m["type"] == "staterror":
                    first = peer.config.par_slice(m["name"]).start
                    for i in range(len(s["data"])):
                        gamma = int(model.gammas[start + i])
                        if gamma < len(model.gamma_sigma):
                            found[gamma] = first + i
            start += len(s["data"])
    return sorted(found.items())


def random_points(content, model, peer, rng, n):
    """n points with every parameter displaced, and rates that stay positive."""
    slots = gamma_slots(content, model, peer)
    while n:
        alpha = 1.2 * rng.normal(size=len(model.alphas))
        factors = rng.uniform(0.2, 5, size=len(model.factors))
        gamma = 1 + model.gamma_sigma * rng.normal(size=len(model.gamma_sigma))
        rates = model.entry_rates(alpha, factors) * jnp.append(gamma, 1.0)[model.gammas]
        if np.min(model.bin_rates(rates)) <= 0:
            continue
        pars = np.array(peer.config.suggested_init())
        for name, value in zip((*model.alphas, *model.factors), (*alpha, *factors), strict=True):
            pars[peer.config.par_slice(name)] = value
        for mine, other in slots:
            pars[other] = gamma[mine]
        n -= 1
        yield (jnp.asarray(alpha), jnp.asarray(factors), jnp.asarray(gamma)), pars


def magnitude(model: HistFactory, alpha, factors, gamma) -> float:
    """Sum of the magnitudes of the terms of the log-density."""
    rates = model.entry_rates(alpha, factors) * jnp.append(gamma, 1.0)[model.gammas]
    rate, n = np.asarray(model.bin_rates(rates)), model.observed
    terms = n * np.abs(np.log(rate)) + rate + gammaln(n + 1)
    pulls = (np.asarray(gamma) - 1) / model.gamma_sigma
    return float(terms.sum() + 0.5 * (alpha**2).sum() + 0.5 * (pulls**2).sum())


@pytest.mark.parametrize("codes", CODES, ids="-".join)
def test_density_is_pyhf_s(content, codes, rng):
    model, (peer, data) = ours(content, codes), theirs(content, codes)
    density = jax.jit(model.log_density)
    for point, pars in random_points(content, model, peer, rng, 100):
        expected = float(peer.logpdf(pars, data)[0])
        assert abs(float(density(*point)) - expected) < 1e-12 * magnitude(model, *point)


@pytest.mark.parametrize("codes", CODES, ids="-".join)
def test_gradient_is_pyhf_s(content, codes, rng):
    model = ours(content, codes)
    gradient = jax.jit(jax.grad(model.log_density, argnums=(0, 1, 2)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyhf.set_backend("jax", precision="64b")
            peer, data = theirs(content, codes)
            slots = gamma_slots(content, model, peer)
            with jax.numpy_rank_promotion("allow"):
                other = jax.jit(jax.grad(lambda p: peer.logpdf(p, jnp.asarray(data))[0]))
                points = list(random_points(content, model, peer, rng, 3))
                expected = [np.asarray(other(jnp.asarray(pars))) for _, pars in points]
    finally:
        pyhf.set_backend("numpy")
    for (point, _), theirs_ in zip(points, expected, strict=True):
        alpha, factors, gamma = (np.asarray(g) for g in gradient(*point))
        scale = np.abs(theirs_).max()
        for name, value in zip((*model.alphas, *model.factors), (*alpha, *factors), strict=True):
            assert abs(value - theirs_[peer.config.par_slice(name)][0]) < 1e-9 * scale, name
        for mine, slot in slots:
            assert abs(gamma[mine] - theirs_[slot]) < 1e-9 * scale


def test_published_reference_points(likelihood_dir):
    model = read_workspace(likelihood_dir / "combined_likelihood.json")
    assert len(model.alphas) + len(model.factors) + len(model.gamma_sigma) == 232
    assert len(model.observed) == 30
    ones = jnp.ones(len(model.gamma_sigma))
    for mu, expected in {
        1.0: -127.21182488859057,
        0.5: -136.724765413002,
        1.5: -118.74875703814962,
    }.items():
        found = float(model.log_density(*model.named({"mu": mu}), ones))
        assert found == pytest.approx(expected, abs=1e-10)


def test_collapse_is_the_profile(content, rng):
    """At fixed bin rates the gammas' penalty has its minimum sum of pulls^2 = t^2."""
    model, peer = ours(content, CODES[0]), theirs(content, CODES[0])[0]
    if not model.gamma_of_one_entry:
        pytest.skip("a gamma is shared between entries: no collapse is claimed")
    full_norm = -np.log(model.gamma_sigma).sum() - 0.5 * np.log(2 * np.pi) * len(model.gamma_sigma)
    t_norm = -0.5 * np.log(2 * np.pi) * len(model.observed)
    sigma = np.append(model.gamma_sigma, 0.0)[model.gammas]
    for (alpha, factors, _), _ in random_points(content, model, peer, rng, 5):
        t = rng.normal(size=len(model.observed))
        m = np.asarray(model.entry_rates(alpha, factors))
        spread = np.sqrt(np.asarray(model.bin_rates(jnp.asarray((m * sigma) ** 2))))
        # Lagrange: each pull is proportional to m_e sigma_e
        pulls = m * sigma / spread[model.bins] * t[model.bins]
        gamma = np.ones(len(model.gamma_sigma))
        has = model.gammas < len(gamma)
        gamma[model.gammas[has]] = 1 + (sigma * pulls)[has]
        full = float(model.log_density(alpha, factors, jnp.asarray(gamma))) - full_norm
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
    model = build([channel], {"one": [14.0]}, "test")
    x, w = np.polynomial.hermite_e.hermegauss(60)
    none = jnp.zeros(0)
    norm = np.log(model.gamma_sigma).sum()
    gammas = 1 + model.gamma_sigma * np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    full = jax.vmap(lambda g: model.log_density(none, none, g))(jnp.asarray(gammas)) + norm
    short = jax.vmap(lambda t: model.collapsed_log_density(none, none, t[None]))(jnp.asarray(x))
    # hermegauss carries exp(-x^2/2): take the Gaussian terms of the densities out again
    weights = np.outer(w * np.exp(x**2 / 2), w * np.exp(x**2 / 2)).ravel()
    two = float(np.sum(weights * np.exp(np.asarray(full))))
    one = float(np.sum(w * np.exp(x**2 / 2) * np.exp(np.asarray(short))))
    assert one == pytest.approx(two, rel=1e-10)


def test_weights_scale_a_sample(content):
    model = ours(content, CODES[0])
    alpha, factors = model.named({"mu": 1.0})
    signal = "signal" if model.selects("signal").any() else "sgn_1_had"
    weights = jnp.where(model.selects(signal), 2.5, 1.0)
    gamma = jnp.ones(len(model.gamma_sigma))
    scaled = model.log_density(alpha, factors, gamma, weights)
    entries = model.entry_rates(alpha, factors) * weights
    expected = model.log_density(alpha, factors, gamma) + (
        poisson(model.observed, model.bin_rates(entries))
        - poisson(model.observed, model.bin_rates(model.entry_rates(alpha, factors)))
    )
    assert float(scaled) == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: w["channels"][0]["samples"][0]["modifiers"].append(
                {"name": "x", "type": "shapesys", "data": [1, 1, 1]}
            ),
            "'x'.*'shapesys'.*supported",
        ),
        (lambda w: w["observations"][0]["data"].pop(), "3 bins, its observation 2"),
        (lambda w: w["channels"][0]["samples"][1]["data"].pop(), "has 2 bins, the channel 3"),
        (lambda w: w.pop("channels"), "no pyhf workspace"),
    ],
)
def test_flawed_workspaces_are_refused(tmp_path, change, message):
    content = json.loads(json.dumps(workspace(PLAIN)))
    change(content)
    path = tmp_path / "workspace.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_workspace(path)
    assert str(path) in str(caught.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_workspace(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="no pyhf workspace"):
        read_workspace(tmp_path / "broken.json")
