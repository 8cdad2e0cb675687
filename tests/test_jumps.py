"""Jumps of two parameters given the rest draw from the density given, whatever they jump from."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from profile_grid import profile_grid
from scipy.stats import ks_2samp

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.sampling.jump_grid import JumpGrid, grid_and_starts, jump_grid, spread
from bsnunu_jax.inference.sampling.jumps import Jumps
from bsnunu_jax.inference.sampling.nuts import Program, Sampler, sample
from bsnunu_jax.report.diagnostics import import_arviz
from bsnunu_jax.runs.fit import jumping, run_fit

LEVELS = np.array([0.05, 0.16, 0.5, 0.84, 0.95])
SETTINGS = Sampler(chains=4, warmup=200, draws=2000, target_accept=0.8, block=200)
# Positions of m and the scale in a point, between two of the other coordinates.
JUMPING, OTHERS, SIZE = (3, 1), (0, 2, 4), 5


def log_marginal(s):
    """A mass with an endpoint and a scale: plateau, cliff and a ridge with two peaks."""
    mass, scale = s
    strength = jnp.maximum(1 - mass, 0) ** 2 * jnp.exp(8 * (0.6 - scale))
    peaks = 2 * jnp.exp(-0.5 * ((mass - 0.2) / 0.05) ** 2)
    peaks += 2.5 * jnp.exp(-0.5 * ((mass - 0.65) / 0.04) ** 2)
    return -0.5 * ((strength - 1) / 0.4) ** 2 + peaks * jnp.exp(-0.5 * ((strength - 1) / 0.3) ** 2)


def modes(s):
    """The others follow the scale: the first has a correlation of 0.8 with it."""
    return jnp.array([7.3, 1.0, -0.5]) * (s[1] - 0.6) + jnp.array([0.0, 0.3, 0.0]) * s[0]


def potential(x):
    u = x[jnp.array(JUMPING)]
    s = jax.nn.sigmoid(u)
    pulls = x[jnp.array(OTHERS)] - modes(s)
    jacobian = jnp.sum(jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u))
    return 0.5 * pulls @ pulls - log_marginal(s) - jacobian


def good_grid():
    energies = jax.jit(jax.vmap(jax.value_and_grad(potential)))

    def compiled(points):
        return tuple(np.array(a) for a in energies(points))

    return jump_grid(compiled, JUMPING, np.full(SIZE, 0.5))


def flat_grid():
    """Knows nothing: wrong modes, wrong widths, a density with steps in the wrong places."""
    energy = 2.0 * (np.indices((6, 4)).sum(axis=0) % 2)
    wrong = np.random.default_rng(0).normal(size=(6, 4, len(OTHERS)))
    return JumpGrid.of(energy, wrong, np.diag([0.5, 1.0, 3.0])), energy


def exact():
    """Fine grid of the unit square: centres of cells along an axis, share of every cell."""
    axis = (np.arange(1500) + 0.5) / 1500
    points = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"))
    density = np.exp(np.asarray(jax.jit(jax.vmap(jax.vmap(log_marginal, 1), 1))(points)))
    return axis, density / density.sum()


def exact_draws(number, rng):
    axis, share = exact()
    cells = rng.choice(share.size, number, p=share.ravel())
    s = np.stack([axis[i] for i in np.unravel_index(cells, share.shape)], axis=1)
    s += (rng.random(s.shape) - 0.5) / axis.size
    z = np.asarray(jax.vmap(modes)(jnp.asarray(s))) + rng.standard_normal((number, len(OTHERS)))
    return s, z


JUMPS = Jumps(potential, JUMPING, SIZE)


@cache
def program(settings):
    return Program(potential, settings, jumps=JUMPS)


def run(folder, grid_and_energy, settings=SETTINGS, seed=3):
    grid, energy = grid_and_energy
    starts = spread(energy, settings.chains, np.random.default_rng(seed))
    compiled = program(settings)
    options = {"folder": folder, "jumps": JUMPS, "grid": grid, "program": compiled}
    return sample(potential, starts, settings, seed=seed, **options)


@pytest.fixture(scope="module")
def good():
    return good_grid()


@pytest.fixture(scope="module")
def uninterrupted(good, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return run(folder, good), folder


def parameters(chains):
    return np.asarray(jax.nn.sigmoid(chains.theta[..., list(JUMPING)]))


def agrees(values, expected, levels=LEVELS):
    """Shares of the draws below known quantiles, within 4 errors of that many independent draws."""
    for level, quantile in zip(levels, expected, strict=True):
        below = (values < quantile).astype(float)
        error = np.sqrt(level * (1 - level) / effective_sample_size(below))
        assert below.mean() == pytest.approx(level, abs=4 * error), (level, quantile)


def test_quantiles_are_those_of_the_quadrature(uninterrupted):
    chains, _ = uninterrupted
    axis, share = exact()
    for k, values in enumerate(np.moveaxis(parameters(chains), -1, 0)):
        cumulative = np.cumsum(share.sum(axis=1 - k))
        agrees(values, np.interp(LEVELS, cumulative, axis + 0.5 / axis.size))


def test_every_peak_the_ridge_and_the_plateau_get_their_share(uninterrupted):
    chains, _ = uninterrupted
    axis, share = exact()
    grid_mass, grid_scale = np.meshgrid(axis, axis, indexing="ij")
    mass, scale = np.moveaxis(parameters(chains), -1, 0)
    for region in (
        lambda m, _: np.abs(m - 0.2) < 0.1,
        lambda m, _: np.abs(m - 0.65) < 0.08,
        lambda m, s: (s > 0.75) & (m < 0.7),
        lambda m, s: (1 - m) ** 2 * np.exp(8 * (0.6 - s)) > 1.4,  # the foot of the cliff
    ):
        expected = share[region(grid_mass, grid_scale)].sum()
        inside = region(mass, scale).astype(float)
        error = np.sqrt(expected * (1 - expected) / effective_sample_size(inside))
        assert 0.01 < expected < 0.9
        assert inside.mean() == pytest.approx(expected, abs=4 * error)


def test_others_are_correlated_with_the_scale_as_they_should(uninterrupted):
    chains, _ = uninterrupted
    s, z = exact_draws(100_000, np.random.default_rng(1))
    expected = np.corrcoef(s[:, 1], z[:, 0])[0, 1]
    assert expected == pytest.approx(0.8, abs=0.03)
    found = np.corrcoef(parameters(chains)[..., 1].ravel(), chains.theta[..., OTHERS[0]].ravel())
    assert found[0, 1] == pytest.approx(expected, abs=0.03)
    for k, position in enumerate(OTHERS):
        agrees(chains.theta[..., position], np.quantile(z[:, k], LEVELS))


def test_chains_mix_without_divergences(uninterrupted):
    chains, _ = uninterrupted
    assert not chains.diverging.any()
    assert chains.jumped.shape == (4, 2000, 2)
    assert chains.jumped.mean(axis=(0, 1)).min() > 0.5
    for values in np.moveaxis(parameters(chains), -1, 0):
        assert split_gelman_rubin(values) < 1.01
        assert effective_sample_size(values) > 3000


def test_a_useless_grid_draws_from_the_same_density(tmp_path):
    """The foot of the cliff between grid and density: no share of it may go wrong."""
    chains = run(tmp_path, flat_grid())
    axis, share = exact()
    for k, values in enumerate(np.moveaxis(parameters(chains), -1, 0)):
        cumulative = np.cumsum(share.sum(axis=1 - k))
        agrees(values, np.interp(LEVELS, cumulative, axis + 0.5 / axis.size))


def test_a_step_leaves_exact_draws_exact():
    """Many chains from exact draws: after some steps they still have the density."""
    grid, _ = flat_grid()
    jumps, rng = JUMPS, np.random.default_rng(5)
    s, z = exact_draws(3000, rng)
    centres = np.asarray(jax.vmap(grid.centre)(jnp.asarray(s)))
    w = np.linalg.solve(np.asarray(grid.root), (z - centres).T).T

    def chain(s, w, key):
        state = jumps.start(s, key, grid, num_warmup=0, step_size=0.5, max_tree_depth=5)
        state = state._replace(nuts=state.nuts._replace(z=w))
        _, record = jax.lax.scan(lambda x, _: jumps.step(x, grid), state, None, length=3)
        return record["theta"][-1]

    theta = np.asarray(
        jax.jit(jax.vmap(chain))(s, w, jax.random.split(jax.random.PRNGKey(2), 3000))
    )
    fresh_s, fresh_z = exact_draws(40_000, rng)
    found_s = np.asarray(jax.nn.sigmoid(theta[:, list(JUMPING)]))
    assert (np.abs(found_s - s).max(axis=1) > 0).mean() > 0.7  # they did move
    pairs = [(found_s[:, k], fresh_s[:, k]) for k in range(2)]
    pairs += [(theta[:, p], fresh_z[:, k]) for k, p in enumerate(OTHERS)]
    pairs.append((theta[:, OTHERS[0]] - 5 * found_s[:, 1], fresh_z[:, 0] - 5 * fresh_s[:, 1]))
    for found, fresh in pairs:
        assert ks_2samp(found, fresh).pvalue > 1e-3


def test_potential_is_recorded_at_the_draw(uninterrupted):
    chains, _ = uninterrupted
    expected = jax.vmap(potential)(chains.theta[1, :50])
    assert chains.potential[1, :50] == pytest.approx(np.asarray(expected), abs=1e-9)


@pytest.mark.parametrize("kept", [1, 5])
def test_resumed_run_is_bit_identical(good, uninterrupted, tmp_path, kept):
    chains, folder = uninterrupted
    for path in sorted(folder.glob("block_*.npz"))[:kept]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    resumed = run(tmp_path, good)
    for name in ("theta", "potential", "diverging", "accept_prob", "steps", "jumped"):
        assert np.array_equal(getattr(resumed, name), getattr(chains, name)), name


def test_density_of_the_grid_is_that_of_its_draws(good):
    grid, _ = good
    points = grid.draw(jax.random.PRNGKey(0), 200_000)
    assert points.shape == (200_000, 2)
    # the mean of 1/density over draws is the area, 1
    inverse = np.exp(-np.asarray(jax.vmap(grid.log_density_at)(points)))
    assert inverse.mean() == pytest.approx(1, abs=5 * inverse.std() / np.sqrt(inverse.size))
    cells = np.histogram2d(*np.asarray(points).T, bins=16, range=[[0, 1], [0, 1]])[0] / len(points)
    fine = len(grid.log_density) // 16
    density = np.exp(np.asarray(grid.log_density)).reshape(16, fine, 16, fine)
    shape = density.mean(axis=(1, 3)) / 256
    assert cells == pytest.approx(shape, abs=5 * np.sqrt(shape.max() / len(points)))


def test_grid_finds_modes_and_density(good):
    grid, energy = good
    for s in np.array([[0.2, 0.6], [0.65, 0.35], [0.5, 0.9]]):
        assert np.asarray(grid.centre(jnp.asarray(s))) == pytest.approx(
            np.asarray(modes(s)), abs=0.05
        )
        cell = tuple((s * energy.shape).astype(int))
        centre = (np.array(cell) + 0.5) / energy.shape
        assert energy[cell] == pytest.approx(-float(log_marginal(centre)), abs=0.05)


def two_peaks(x):
    """One parameter with peaks 80 standard deviations apart, shares 3/4 and 1/4, and no others."""
    s = jax.nn.sigmoid(x[0])
    left = jnp.log(3.0) - 0.5 * ((s - 0.1) / 0.01) ** 2
    density = jnp.logaddexp(left, -0.5 * ((s - 0.9) / 0.01) ** 2)
    return -density - jax.nn.log_sigmoid(x[0]) - jax.nn.log_sigmoid(-x[0])


@pytest.mark.parametrize("others", [0, 1])
def test_one_parameter_with_and_without_others(tmp_path, others):
    def potential(x):
        return two_peaks(x) + 0.5 * jnp.sum(x[1:] ** 2)

    energies = jax.jit(jax.vmap(jax.value_and_grad(potential)))
    start = np.full(1 + others, 0.5)
    grid, energy = jump_grid(lambda x: tuple(map(np.array, energies(x))), (0,), start)
    settings = Sampler(chains=2, warmup=100, draws=3000, target_accept=0.8, block=100)
    starts = spread(energy, 2, np.random.default_rng(0))
    jumps = Jumps(potential, (0,), 1 + others)
    chains = sample(potential, starts, settings, seed=1, folder=tmp_path, jumps=jumps, grid=grid)
    left = (chains.theta[..., 0] < 0).astype(float)
    error = np.sqrt(0.75 * 0.25 / effective_sample_size(left))
    assert error < 0.01
    assert left.mean() == pytest.approx(0.75, abs=4 * error)
    peak = jax.nn.sigmoid(chains.theta[..., 0])[left == 1]
    assert float(peak.std()) == pytest.approx(0.01, rel=0.1)
    if others:
        assert chains.theta[..., 1].std() == pytest.approx(1, abs=0.05)


CARD = """\
title: Resonance with a log-uniform branching fraction
model: resonance
inputs: {preset: default, nuisances: [ckm]}
parameters:
  m: {prior: {uniform: [0.5, 3.5]}}
  BR: {prior: {log_uniform: [1.0e-6, 5.0e-5]}}
fixed: {width: 0.1}
data: [belle2_knunu_2023]
best_fit: {starts: 4}
sampler: {chains: 2, warmup: 300, draws: 1500, target_accept: 0.95, block: 300, jumps: [m, BR]}
"""


def card(folder, old="", new=""):
    assert old in CARD
    path = folder / "card.yaml"
    path.write_text(CARD.replace(old, new) if old else CARD)
    return path


@pytest.mark.parametrize(
    ("jumps", "message"),
    [
        (
            "[m, width]",
            r"card\.yaml:10 \(sampler\.jumps\.1\): 'width' is no fitted .*; one of m, BR",
        ),
        ("[m, BR, S]", r"card\.yaml:10 \(sampler\.jumps\): one or two different .* got m, BR, S"),
        ("[m, m]", r"card\.yaml:10 \(sampler\.jumps\): one or two different .* got m, m"),
        ("[]", r"card\.yaml:10 \(sampler\.jumps\): expected at least one entry"),
        ("m", r"card\.yaml:10 \(sampler\.jumps\): expected a list"),
    ],
)
def test_refused_jumps_name_the_line(tmp_path, jumps, message):
    with pytest.raises(InputError, match=message):
        Card(card(tmp_path, "jumps: [m, BR]", f"jumps: {jumps}"))


def test_cards_without_jumps_resolve_as_before(tmp_path):
    without = Card(card(tmp_path, ", jumps: [m, BR]"))
    assert "jumps" not in without.resolved
    assert without.sampler.jumps is None
    assert Card(card(tmp_path)).sampler.jumps == ("m", "BR")


def test_resonance_agrees_with_a_grid(tmp_path):
    """Nuisances marginalised on the grid by importance sampling."""
    loaded = Card(card(tmp_path))
    problem, sampler = loaded.problem, loaded.sampler
    landscape = Landscape(problem, 4)
    fit = best_fit(problem, starts=4, seed=1, landscape=landscape)
    jumps = jumping(problem, sampler)
    grid, starts = grid_and_starts(
        tmp_path / "grid.npz", landscape.potential, jumps.jumping, np.array(fit.best.inside), 2, 1
    )
    chains = sample(
        problem.potential, starts, sampler, seed=1, folder=tmp_path, jumps=jumps, grid=grid
    )
    assert not chains.diverging.any()
    axes = np.linspace(0.5, 3.5, 31), np.exp(np.linspace(np.log(1e-6), np.log(5e-5), 41))
    marginal = profile_grid(problem, axes, samples=64, profiled=False).log_density
    # The density in m and ln BR, trapezoids.
    marginal += np.log(axes[1])
    density = np.exp(marginal - marginal.max())
    density[[0, -1]] /= 2
    density[:, [0, -1]] /= 2
    u = np.moveaxis(chains.theta[..., :2], -1, 0)
    low, width = np.array([0.5, np.log(1e-6)]), np.array([3.0, np.log(50)])
    found = low[:, None, None] + width[:, None, None] / (1 + np.exp(-u))
    for k, (axis, values) in enumerate(zip((axes[0], np.log(axes[1])), found, strict=True)):
        assert split_gelman_rubin(values) < 1.01
        assert effective_sample_size(values) > 1000
        share = density.sum(axis=1 - k)
        cumulative = (np.cumsum(share) - share / 2) / share.sum()
        agrees(values, np.interp(LEVELS, cumulative, axis))


QUICK = """\
title: Signal strength from the quoted value
model: signal-strength
inputs: {preset: default, nuisances: [ckm]}
parameters: {mu: {prior: {uniform: [0, 10]}}}
data: [belle2_2023_br]
best_fit: {starts: 2}
sampler: {chains: 2, warmup: 50, draws: 100, block: 50, jumps: [mu]}
"""


def test_killed_fit_resumes_bit_for_bit(tmp_path):
    path = tmp_path / "quick.yaml"
    path.write_text(QUICK)
    run_fit(Card(path), tmp_path / "whole", quiet=True)
    stats = import_arviz().from_netcdf(tmp_path / "whole" / "posterior.nc").sample_stats
    for name in ("jumped_across", "jumped_nearby"):
        assert stats[name].shape == (2, 100)
        assert 0.4 < float(stats[name].mean()) < 1
    other = tmp_path / "killed"
    (other / "blocks").mkdir(parents=True)
    for name in (
        "card.yaml",
        "origin.json",
        "best_fit.json",
        "blocks/grid.npz",
        "blocks/block_0000.npz",
        "blocks/block_0001.npz",
    ):
        (other / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    run_fit(Card(path), other, resume=True, quiet=True)
    for path in sorted((tmp_path / "whole" / "blocks").glob("block_*.npz")):
        with np.load(path) as whole, np.load(other / "blocks" / path.name) as resumed:
            assert np.array_equal(whole["theta"], resumed["theta"]), path.name
