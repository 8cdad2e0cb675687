"""Sampling in blocks draws from the density given, and stopping anywhere changes no number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.sampling import nuts
from bsnunu_jax.inference.sampling.nuts import Branches, Sampler, sample

COVARIANCE = np.array([[2.0, 0.9], [0.9, 1.0]])
PRECISION = jnp.asarray(np.linalg.inv(COVARIANCE))
SETTINGS = Sampler(chains=2, warmup=300, draws=600, target_accept=0.8, block=100)


def potential(x):
    return 0.5 * x @ PRECISION @ x


def run(folder, sampler=SETTINGS, seed=3):
    return sample(potential, np.zeros((sampler.chains, 2)), sampler, seed=seed, folder=folder)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def test_moments_of_a_gaussian(uninterrupted):
    chains, _ = uninterrupted
    draws = chains.theta.reshape(-1, 2)
    assert chains.theta.shape == (2, 600, 2)
    assert not chains.diverging.any()
    # 1200 nearly independent draws: 5 standard errors
    assert np.abs(draws.mean(0)).max() < 5 * np.sqrt(2.0 / 600)
    assert np.cov(draws.T) == pytest.approx(COVARIANCE, abs=0.45)


def test_chains_of_an_accelerator_run_as_one_batch(tmp_path, monkeypatch):
    """16 chains vectorised draw from the same density."""
    monkeypatch.setattr(nuts.jax, "default_backend", lambda: "gpu")
    chains = run(tmp_path, Sampler(chains=16, warmup=300, draws=300, target_accept=0.8, block=100))
    draws = chains.theta.reshape(-1, 2)
    assert chains.theta.shape == (16, 300, 2)
    assert np.abs(draws.mean(0)).max() < 5 * np.sqrt(2.0 / 2400)
    assert np.cov(draws.T) == pytest.approx(COVARIANCE, abs=0.2)


def test_potential_is_recorded_at_the_draw(uninterrupted):
    chains, _ = uninterrupted
    expected = [potential(x) for x in chains.theta[0, :5]]
    assert chains.potential[0, :5] == pytest.approx(np.array(expected), abs=1e-12)


def test_same_seed_same_numbers_other_seed_other_numbers(uninterrupted, tmp_path):
    chains, _ = uninterrupted
    assert np.array_equal(run(tmp_path / "again").theta, chains.theta)
    assert not np.array_equal(run(tmp_path / "other", seed=4).theta, chains.theta)


@pytest.mark.parametrize("kept", [1, 3, 4, 8])
def test_resumed_run_is_bit_identical(uninterrupted, tmp_path, kept):
    chains, folder = uninterrupted
    for path in sorted(folder.glob("block_*.npz"))[:kept]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / f"block_{kept:04d}.partial").write_bytes(b"half a block")
    resumed = run(tmp_path)
    for name in ("theta", "potential", "diverging", "accept_prob", "steps"):
        assert np.array_equal(getattr(resumed, name), getattr(chains, name)), name


def test_damaged_block_is_named(uninterrupted, tmp_path):
    _, folder = uninterrupted
    for path in sorted(folder.glob("block_*.npz")):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"block_0000\.npz.*delete"):
        run(tmp_path)


def test_progress_counts_every_block(tmp_path):
    seen = []
    settings = Sampler(chains=1, warmup=50, draws=120, block=50)
    sample(
        potential,
        np.zeros((1, 2)),
        settings,
        seed=0,
        folder=tmp_path,
        progress=lambda *a: seen.append(a),
    )
    assert [a[0] for a in seen] == [50, 100, 150, 200]
    assert [a[3] for a in seen] == [True, False, False, False]


def two_peaks(x):
    """Two Gaussians 20 standard deviations apart with shares 3/4 and 1/4."""
    left = -0.5 * jnp.sum((x + 10) ** 2) + jnp.log(3.0)
    right = -0.5 * jnp.sum((x - 10) ** 2 / 4) - x.size * jnp.log(2.0)
    return -jnp.logaddexp(left, right)


def test_jumps_between_branches_give_their_shares(tmp_path):
    centres = np.array([[-10.0, -10.0], [10.0, 10.0]])
    branches = Branches(centres, np.array([np.eye(2), 2 * np.eye(2)]))
    settings = Sampler(chains=2, warmup=300, draws=4000, target_accept=0.8, block=500)
    chains = sample(two_peaks, centres, settings, seed=2, folder=tmp_path, branches=branches)
    left = (chains.theta[..., 0] < 0).mean(axis=1)
    # an independent draw a step would scatter by 0.007, jumps are tried every other step
    assert left == pytest.approx(0.75, abs=0.06)
    peak = chains.theta[chains.theta[..., 0] > 0]
    assert peak.std(axis=0) == pytest.approx(2.0, abs=0.2)


def test_lines_are_walked_along_and_keep_the_density(tmp_path):
    """x and y have flat priors on -1 .. 1, the data see x - y/2 = 0.2(1) alone."""

    def on_a_line(x):
        y = jnp.tanh(x / 2)
        slopes = jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x)
        return 0.5 * ((y[0] - y[1] / 2 - 0.2) / 0.1) ** 2 - jnp.sum(slopes)

    branches = Branches(
        np.zeros((1, 2)), np.eye(2)[None], np.array([[0.5, 1.0]]), np.array([True, True])
    )
    settings = Sampler(chains=2, warmup=200, draws=2000, target_accept=0.8, block=200)
    chains = sample(
        on_a_line, np.zeros((2, 2)), settings, seed=4, folder=tmp_path, branches=branches
    )
    x, y = np.tanh(chains.theta.reshape(-1, 2) / 2).T
    assert x - y / 2 == pytest.approx(np.full(len(x), 0.2), abs=0.6)
    assert (x - y / 2).std() == pytest.approx(0.1, rel=0.1)
    # y is flat: every fifth of its range holds a fifth, to 5 standard deviations of 2000 draws
    assert np.histogram(y, 5, (-1, 1))[0] / len(y) == pytest.approx(np.full(5, 0.2), abs=0.045)
    # and forgotten after a step
    for chain in np.tanh(chains.theta[..., 1] / 2):
        assert abs(np.corrcoef(chain[1:], chain[:-1])[0, 1]) < 0.15
    for path in sorted(tmp_path.glob("block_*.npz"))[5:]:
        path.unlink()
    again = sample(
        on_a_line, np.zeros((2, 2)), settings, seed=4, folder=tmp_path, branches=branches
    )
    assert np.array_equal(again.theta, chains.theta)


def test_without_jumps_a_chain_stays(tmp_path):
    centres = np.array([[-10.0, -10.0], [10.0, 10.0]])
    settings = Sampler(chains=2, warmup=200, draws=400, target_accept=0.8, block=200)
    chains = sample(two_peaks, centres, settings, seed=2, folder=tmp_path)
    assert (chains.theta[0, :, 0] < 0).all()
    assert (chains.theta[1, :, 0] > 0).all()
