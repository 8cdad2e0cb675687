"""Workspaces of all seven types of modifiers, alone and in pairs, have pyhf's density and order."""

import copy

import jax
import numpy as np
import pytest
from workspaces import (
    ALONE,
    LUMI,
    MU,
    PAIRS,
    all_pairs,
    channel,
    histosys,
    magnitude,
    modifier,
    normsys,
    ours,
    random_points,
    sample,
    small,
    staterror,
    their_gradients,
    theirs,
    workspace,
)

POINTS = 20
TWO = [40.0, 22.0]


def one_sample(*modifiers, data=(30.0, 20.0)) -> dict:
    """A background of two bins with these modifiers."""
    background = sample("background", list(data), *modifiers)
    return workspace([channel("SR", sample("signal", [4.0, 2.0], MU), background)], {"SR": TWO})


def two_channels(first, second, parameters=()) -> dict:
    """Backgrounds of three and two bins in channels whose names are not in order."""
    channels = [
        channel("Z", sample("signal", [1.0, 2.0, 3.0], MU), sample("b", [9.0, 8.0, 7.0], *first)),
        channel("A", sample("b", [6.0, 5.0], *second), sample("signal", [2.0, 1.0], MU)),
    ]
    return workspace(channels, {"A": [7.0, 8.0], "Z": [11.0, 9.0, 8.0]}, parameters)


def shared_mc() -> dict:
    """One staterror name in two samples and two channels, and another one beside it."""
    made = two_channels(
        [staterror("mc", [1.0, 0.8, 0.0]), staterror("more", [0.5, 0.4, 0.3])],
        [staterror("mc", [0.7, 0.6])],
    )
    for c in made["channels"]:
        signal = next(s for s in c["samples"] if s["name"] == "signal")
        signal["modifiers"].append(staterror("mc", [0.1, 0.2, 0.0][: len(signal["data"])]))
    return made


def configured() -> dict:
    """Every setting that a measurement has."""
    settings = [
        {"name": "mu", "inits": [0.7], "bounds": [[-3.0, 5.0]], "fixed": True},
        {"name": "a", "inits": [0.3], "auxdata": [0.2], "bounds": [[-1.0, 2.0]]},
        {"name": "mc", "sigmas": [0.1, 0.2], "auxdata": [1.1, 0.9], "fixed": True},
        {"name": "u", "auxdata": [90.0, 70.0], "factors": [100.0, 80.0], "inits": [1.1, 0.9]},
        {"name": "f", "inits": [1.5, 0.5], "bounds": [[0.1, 3.0], [0.0, 2.0]]},
        LUMI | {"auxdata": [1.01]},
        {"name": "nobody", "inits": [4.0]},
    ]
    kinds = [("shapesys", "u", [3.0, 4.0]), ("shapefactor", "f", None), ("lumi", "lumi", None)]
    made = one_sample(normsys("a", 1.1, 0.8), staterror("mc", [1.0, 2.0]))
    made["channels"][0]["samples"].append(
        sample("other", [12.0, 9.0], *(modifier(*kind) for kind in kinds))
    )
    made["measurements"][0]["config"]["parameters"] = settings
    return made


def wide() -> dict:
    """Channels of 60, 25 and 1 bins with 3, 2 and 1 samples, and many modifiers of a sample."""
    channels, counts = [], {}
    for name, bins, samples in (("w", 60, 3), ("v", 25, 2), ("u", 1, 1)):
        rising = np.linspace(5.0, 30.0, bins)
        made = [
            sample(
                f"s{i}",
                (rising + i).tolist(),
                MU,
                *(normsys(f"a{k}", 1.05 + 0.01 * i, 0.9) for k in range(2 + i)),
                histosys("h", (rising + i + 2).tolist(), (0.9 * rising).tolist()),
                staterror(f"mc_{name}", (0.1 * rising).tolist()),
            )
            for i in range(samples)
        ]
        channels.append(channel(name, *made))
        counts[name] = np.round(samples * rising).tolist()
    return workspace(channels, counts)


CASES = {
    "channels of many widths": wide,
    "settings": configured,
    "one name for normsys and histosys": lambda: one_sample(
        normsys("a", 1.3, 0.9), histosys("a", [31.0, 25.0], [28.0, 19.0])
    ),
    "normsys twice: the last": lambda: one_sample(normsys("a", 1.1, 0.9), normsys("a", 1.2, 0.85)),
    "histosys twice: the last": lambda: one_sample(
        histosys("a", [31.0, 25.0], [28.0, 19.0]), histosys("a", [33.0, 21.0], [27.0, 18.0])
    ),
    "staterror twice: the last": lambda: one_sample(
        staterror("s", [9.0, 1]), staterror("s", [3, 2])
    ),
    "normfactor twice: once": lambda: one_sample(MU, MU),
    "two staterrors": lambda: one_sample(staterror("s", [3.0, 2.0]), staterror("t", [1.0, 4.0])),
    "staterror without error": lambda: one_sample(staterror("s", [0.0, 2.0])),
    "staterror without events": lambda: one_sample(staterror("s", [1.0, 2.0]), data=[0.0, 20.0]),
    "staterrors over channels of other widths": shared_mc,
    "shapesys without error or events": lambda: one_sample(
        modifier("shapesys", "u", [0.0, 2.0]), data=[5.0, 0.0]
    ),
    "shapefactor over a narrower channel": lambda: two_channels(
        [], [modifier("shapefactor", "f")], []
    ),
    "shapefactor over two channels of a width": lambda: workspace(
        [
            channel(n, sample("signal", [2.0, 1.0], MU), sample("b", [5.0, 6.0], free))
            for n in "BA"
            for free in [modifier("shapefactor", "f")]
        ],
        {"A": [7.0, 6.0], "B": [9.0, 8.0]},
    ),
    "lumi on everything": lambda: two_channels(
        [modifier("lumi", "lumi")], [modifier("lumi", "lumi"), normsys("a", 1.2, 0.9)], [LUMI]
    ),
    "hundreds of normsys": lambda: one_sample(
        *(normsys(f"a{i}", 1 + 0.001 * (i % 7), 1 - 0.002 * (i % 5)) for i in range(150))
    ),
    "variations below 0": lambda: one_sample(histosys("a", [31.0, 25.0], [-1.0, 19.0])),
    "counts that are not whole": lambda: workspace(
        [channel("SR", sample("signal", [4.0], MU))], {"SR": [3.7]}
    ),
    "nothing expected, nothing seen": lambda: workspace(
        [channel("SR", sample("signal", [4.0, 0.0], MU))], {"SR": [3.0, 0.0]}
    ),
    "no parameter of interest": lambda: workspace(
        [channel("SR", sample("signal", [4.0], normsys("a", 1.1, 0.9)))], {"SR": [3.0]}, poi=""
    ),
}


def compare(density, peer, data, points) -> None:
    for vector in points:
        found = float(density.log_density(vector, xp=np))
        expected = float(peer.logpdf(vector, data)[0])
        assert abs(found - expected) < 1e-12 * magnitude(density, vector)


def compare_parameters(density, config) -> None:
    parameters = density.parameters
    assert list(parameters.slices) == config.par_order
    assert list(parameters.names) == config.par_names
    assert parameters.inits.tolist() == config.suggested_init()
    assert parameters.bounds.tolist() == [list(b) for b in config.suggested_bounds()]
    assert parameters.fixed.tolist() == config.suggested_fixed()
    auxdata = [a for n in config.auxdata_order for a in config.param_set(n).auxdata]
    mine = {s.name: s.auxdata.tolist() for s in parameters.sets if s.constraint != "none"}
    assert [a for n in config.auxdata_order for a in mine[n]] == auxdata
    assert density.poi == config.poi_name


@pytest.mark.parametrize("kinds", [*ALONE, *PAIRS], ids="-".join)
def test_types_alone_and_in_pairs(kinds, rng):
    density, (peer, data) = ours(small(kinds)), theirs(small(kinds))
    compare_parameters(density, peer.config)
    compare(density, peer, data, random_points(density, rng, POINTS))


@pytest.mark.parametrize("case", CASES)
def test_special_cases(case, rng):
    content = CASES[case]()
    density, (peer, data) = ours(content), theirs(copy.deepcopy(content))
    compare_parameters(density, peer.config)
    compare(density, peer, data, random_points(density, rng, POINTS))


@pytest.fixture(scope="module")
def many():
    """A workspace of a channel for each of them, and its density with gradient, compiled."""
    content = all_pairs()
    density = ours(content)
    return content, density, jax.jit(jax.value_and_grad(density.log_density))


def test_values_and_gradients_of_all_pairs(many, rng):
    content, density, compiled = many
    peer, data = theirs(content)
    points = random_points(density, rng, POINTS)
    for vector, slopes in zip(points, their_gradients(content, points), strict=True):
        value, gradient = compiled(vector)
        expected = float(peer.logpdf(vector, data)[0])
        assert abs(float(value) - expected) < 1e-12 * magnitude(density, vector)
        np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-9 * np.abs(slopes).max())


def test_gradient_where_channels_are_wide(rng):
    """Sums over an axis of a channel and factors spread over bins, in place of small matrices."""
    density = ours(wide())
    points = random_points(density, rng, 2)
    gradient = jax.jit(jax.grad(density.log_density))
    for vector, slopes in zip(points, their_gradients(wide(), points), strict=True):
        found = np.asarray(gradient(vector))
        np.testing.assert_allclose(found, slopes, rtol=0, atol=1e-9 * np.abs(slopes).max())
    rates = density.entry_rates(points[0], xp=np)
    regular = density.model.bin_rates(rates, np)
    np.testing.assert_allclose(regular, rates @ density.model.of_bin, rtol=1e-14)
    assert density.model.of_bin.size > 10_000


def test_vmap_and_numpy_are_the_same_function(many, rng):
    _, density, compiled = many
    points = np.array(random_points(density, rng, 3))
    batch = jax.jit(jax.vmap(density.log_density))(points)
    for vector, value in zip(points, batch, strict=True):
        bound = 1e-13 * magnitude(density, vector)
        assert abs(float(value) - float(compiled(vector)[0])) < bound
        assert abs(float(value) - float(density.log_density(vector, xp=np))) < bound


@pytest.mark.parametrize("kinds", ALONE, ids="-".join)
def test_gradient_of_a_type_alone(kinds, rng):
    """Also where there are no systematics, no factors of bins, or no constraints at all."""
    density = ours(small(kinds))
    points = random_points(density, rng, 2)
    gradient = jax.jit(jax.grad(density.log_density))
    for vector, slopes in zip(points, their_gradients(small(kinds), points), strict=True):
        found = np.asarray(gradient(vector))
        np.testing.assert_allclose(found, slopes, rtol=0, atol=1e-9 * np.abs(slopes).max())


TWO_ERRORS = sample("signal", [700.0], MU, staterror("mc1", [9.0]), staterror("mc2", [15.0]))
AUXILIARY = sample("background", [50.0], normsys("jes", 1.1, 0.9))


@pytest.mark.parametrize(
    ("samples", "observed", "at", "expected"),
    [
        ([TWO_ERRORS], 720.0, {"mc1": [1.02], "mc2": [0.97]}, -0.5753),
        ([sample("signal", [5.0], MU), AUXILIARY], 58.0, {"jes": 0.0}, -4.2699),
    ],
    ids=["rate 700 g1 g2 = 692.58", "Normal(0.8 | 0, 1) beside the counts"],
)
def test_known_values(samples, observed, at, expected):
    """Worked out apart from this package and pyhf."""
    settings = [{"name": "jes", "auxdata": [0.8], "inits": [0.8]}]
    density = ours(workspace([channel("A", *samples)], {"A": [observed]}, settings))
    vector = density.parameters.vector(at, "here")
    assert float(density.log_density(vector, xp=np)) == pytest.approx(expected, abs=5e-5)


def test_bins_without_events_contribute_nothing():
    content = workspace(
        [channel("A", sample("signal", [0.0], MU, staterror("mc", [0.0])))], {"A": [0.0]}
    )
    density = ours(content)
    assert float(density.log_counts(density.parameters.inits, xp=np)) == 0.0
    value, gradient = jax.jit(jax.value_and_grad(density.log_counts))(density.parameters.inits)
    assert float(value) == pytest.approx(0.0, abs=1e-14)  # XLA's ln Gamma(1)
    assert np.isfinite(gradient).all()
    assert density.impossible_bin(density.parameters.inits) is None


def test_what_collapses():
    """The gammas of a sampler: one an entry, and around 1."""
    alone = ours(one_sample(staterror("s", [3.0, 2.0])))
    assert alone.collapses
    assert alone.parameters.names[alone.gamma_at[0]] == "s[0]"
    assert not ours(CASES["two staterrors"]()).collapses
    assert not ours(shared_mc()).collapses
    assert not ours(configured()).collapses
    none = ours(one_sample(staterror("s", [0.0, 2.0])))
    assert none.collapses
    assert len(none.gamma_at) == 1


def test_impossible_bins_are_named():
    content = one_sample(histosys("a", [31.0, 25.0], [28.0, 1.0]))
    density = ours(content)
    vector = density.parameters.vector({"a": -3.0, "mu": 0.0}, "here")
    assert density.impossible_bin(vector) == ("bin 1 of channel 'SR' expects -37 events and has 22")
    assert float(density.log_density(vector, xp=np)) == -np.inf
