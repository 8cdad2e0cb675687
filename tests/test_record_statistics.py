"""MC statistics of records: the collapse is the integral over all of them, or is refused."""

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, poisson
from toy_record import toy_record
from workspaces import staterror

from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.states import Universal

STATE = Universal(cVL=5.0, cVR=-3.0, cSL=2.0, cTL=1.0)


def both(tmp_path, change=None):
    """The toy with MC statistics marginal and sampled, its workspace changed."""
    found = []
    for kind in ("marginal", "sampled"):
        toy_record(tmp_path / kind, mc_statistics=kind)
        path = tmp_path / kind / "workspace.json"
        if change is not None:
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
        found += load_measurements([kind], folder=tmp_path)
    return found


def integral(sampled, predictions, z) -> float:
    """ln of the likelihood, every parameter of MC statistics integrated adaptively, bin by bin.

    A bin depends on the parameters of its own alone: those that move it.
    """
    c, density = sampled.coordinates, sampled.coordinates.density
    vector = np.asarray(c.start + c.matrix @ z)
    weights = np.asarray(sampled.predicted(predictions))
    seen = np.asarray(sampled.observed)
    total = 0.0
    sigma = {}
    for s in density.parameters.sets:
        if s.type == "staterror":
            at = density.parameters.slices[s.name]
            sigma |= dict(zip(range(at.start, at.stop), s.scale, strict=True))
    for gamma, width in sigma.items():
        at = {x: vector.copy() for x in (0.0, 1.0)}
        for x, v in at.items():
            v[gamma] = x
        low, high = (np.asarray(density.bin_rates(v, weights, np)) for v in at.values())
        (b,) = np.flatnonzero(high != low)

        def integrand(g, b=b, low=low, high=high, width=width):
            rate = low[b] + g * (high - low)[b]
            return poisson.pmf(seen[b], rate) * norm.pdf((g - 1) / width) / width

        ends = (max(0.0, 1 - 9 * width), 1 + 9 * width)
        total += np.log(quad(integrand, *ends, epsabs=0, epsrel=1e-12, points=[1.0], limit=200)[0])
    return total


def test_marginal_is_the_integral_over_sampled_ones(tmp_path, inputs, rng):
    marginal, sampled = both(tmp_path)
    predictions = Predictions((STATE,), inputs)
    for z in rng.normal(0, 0.5, (3, 30)):
        wanted = np.asarray(marginal.coordinates.vector(z))
        expected = integral(sampled, predictions, _at(sampled, wanted))
        ours = float(marginal.log_likelihood(predictions, z))
        assert ours == pytest.approx(expected, abs=1e-8)


def _at(sampled, vector) -> np.ndarray:
    """Coordinates of the sampled form at a vector: the rotations differ."""
    c = sampled.coordinates
    found, *_ = np.linalg.lstsq(c.matrix, vector - c.start)
    np.testing.assert_allclose(c.start + c.matrix @ found, vector, atol=1e-12)
    return found


def two_of_an_entry(content):
    sample = content["channels"][0]["samples"][1]
    sample["modifiers"].append(staterror("more", [0.1 * x for x in sample["data"]]))


def elsewhere(content):
    settings = content["measurements"][0]["config"]["parameters"]
    settings.append({"name": "mc_CR", "auxdata": [1.0, 1.1, 1.0]})


def held(content):
    settings = content["measurements"][0]["config"]["parameters"]
    settings.append({"name": "mc_CR", "fixed": True})


@pytest.mark.parametrize("change", [two_of_an_entry, elsewhere, held])
def test_what_does_not_collapse_is_refused_and_sampled(tmp_path, change, inputs):
    line = r"MC statistics are not one Gaussian a bin .*; mc_statistics: sampled"
    with pytest.raises(InputError, match=line):
        both(tmp_path, change)
    toy_record(tmp_path / "sampled", mc_statistics="sampled")
    path = tmp_path / "sampled" / "workspace.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    (m,) = load_measurements(["sampled"], folder=tmp_path)
    z = np.zeros(len(m.nuisance_names))
    assert np.isfinite(float(m.log_likelihood(Predictions((STATE,), inputs), z)))
