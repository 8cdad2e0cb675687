"""Particles with a lifetime: P_inv thrown and summed, what data see, limits, slopes, refusals."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flown import boosted, one, outside, rotated, to_laboratory

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.tabulate import reads
from bsnunu_jax.inputs.detectors import detector
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.escape import P_inv, share_seen
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.report.lost import lost_in_flight
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.states import (
    FermionPair,
    Neutrinos,
    Resonance,
    ScalarPair,
    SterileNeutrino,
    TwoBody,
    Unstable,
)

K = "B+->K+"
INNER = detector("belle2_inner")


def with_ctau(kind, m, ctau):
    made = {
        "line": lambda: TwoBody(m, S=1e-8, P=1e-8),
        "wide": lambda: Resonance(m, 0.3, S=1e-8, P=1e-8),
        "scalars": lambda: ScalarPair(m, S=1e-8, P=1e-8),
        "fermions": lambda: FermionPair(m, V1=1e-8, A2=1e-8),
        "two": lambda: FermionPair(m, 0.9, S1=1e-8),
        "nuN": lambda: SterileNeutrino(m, pair="nuN", V_LL=1e-8),
    }[kind]()
    return Unstable(made, None, ctau) if kind == "nuN" else Unstable(made, ctau)


def moved(inputs, z):
    return replace(inputs, values=inputs.values | {"envelope": jnp.asarray(z)})


@pytest.fixture(scope="module")
def share(inputs):
    """P_inv of a kind of states in a detector as a program of mass, lifetime and envelope."""

    @cache
    def program(kind, name="belle2"):
        where = detector(name)
        return jax.jit(
            lambda m, ctau, z: share_seen(K, with_ctau(kind, m, ctau), moved(inputs, z), where)
        )

    return program


@pytest.mark.parametrize(
    ("name", "m", "expected"),
    [
        ("belle2_inner", 0.3, ".1883 .8444 .9832 .9983"),
        ("belle2_inner", 1.0, ".0037 .5588 .9432 .9942"),
        ("belle2_inner", 2.0, ".000005 .2693 .8756 .9868"),
        ("belle2_outer", 0.3, ".0242 .6762 .9614 .9961"),
        ("belle2_outer", 1.0, ".000015 .2645 .8733 .9865"),
        ("belle2_outer", 2.0, ".0000000005 .0565 .7368 .9697"),
    ],
)
def test_table(share, name, m, expected):
    """To its digits, through the observable of a line."""
    for ctau, text in zip((0.1, 1.0, 10.0, 100.0), expected.split(), strict=True):
        found = float(share("line", name)(m, ctau, 0.0))
        assert abs(found - float(text)) < 0.51 * 10.0 ** -(len(text) - 1)


@pytest.mark.parametrize("kind", ["line", "scalars"])
def test_envelope(share, kind):
    """Its ends are the two sizes, the middle lies between."""
    inner, middle, outer = (float(share(kind)(0.8, 1.0, z)) for z in (-40.0, 0.0, 40.0))
    for found, name in ((inner, "belle2_inner"), (outer, "belle2_outer")):
        assert found == pytest.approx(float(share(kind, name)(0.8, 1.0, 0.0)), rel=1e-12)
    assert outer < middle < inner


@pytest.mark.parametrize("kind", ["line", "scalars"])
def test_limits(share, kind):
    """Nothing is left of what decays at once, all of what is stable."""
    found = share(kind)
    assert float(found(0.8, 0.0, 0.0)) == 0
    assert float(found(0.8, 1e12, 0.0)) == pytest.approx(1, abs=1e-11)
    assert float(found(0.8, jnp.inf, 0.0)) == pytest.approx(1, rel=1e-13)


def test_nothing_that_decays(share, inputs):
    assert float(P_inv(K, [Neutrinos(), ScalarPair(0.5, S=1e-8)], inputs)) == 1
    assert np.isinf(float(share("line")(4.9, 1.0, 0.0)))


@pytest.fixture(scope="module")
def slopes_of_a_line(share):
    return jax.jit(jax.grad(share("line"), argnums=(0, 1, 2)))


@pytest.mark.parametrize("m", [0.3, 2.0, 4.45, 4.7])
def test_slopes_of_a_line(share, slopes_of_a_line, m):
    """In mass, lifetime and envelope; fast ones meet corners of the cylinder, slow ones do not."""
    at = (m, 0.9, 0.4)
    for i, slope in enumerate(slopes_of_a_line(*at)):
        h = 1e-5
        up, down = (
            float(share("line")(*(x + s * h * (i == j) for j, x in enumerate(at)))) for s in (1, -1)
        )
        assert float(slope) == pytest.approx((up - down) / (2 * h), rel=2e-6, abs=1e-9)
    assert all(np.isfinite(slopes_of_a_line(m, 0.0, 0.0)))


def test_slopes_of_a_pair(share):
    """Once, and twice as fits need them."""
    at = (0.7, 0.9, 0.4)

    @jax.jit
    def three(*x):
        value, first = jax.value_and_grad(share("scalars"), argnums=(0, 1, 2))(*x)
        return value, jnp.stack(first)

    second = jnp.stack(jax.jit(jax.jacfwd(lambda *x: three(*x)[1], argnums=(0, 1, 2)))(*at))
    first, h = three(*at)[1], 1e-4
    for i in range(3):
        (up, slopes_up), (down, slopes_down) = (
            three(*(x + s * h * (i == j) for j, x in enumerate(at))) for s in (1, -1)
        )
        assert float(first[i]) == pytest.approx(float(up - down) / (2 * h), rel=1e-5)
        differences = np.asarray(slopes_up - slopes_down) / (2 * h)
        np.testing.assert_allclose(second[i], differences, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["scalars", "two", "nuN", "wide"])
def test_is_the_mean_over_the_spectrum(kind, inputs):
    """P by sums over directions at every q2, averaged with dGamma/dq2."""
    m, ctau = (2.0, 0.8) if kind == "wide" else (0.6, 0.8)
    state = with_ctau(kind, m, ctau)
    m_B, m_K = (float(inputs.values[k]) for k in ("m_B_plus", "m_K_plus"))
    masses = {"scalars": (m, m), "two": (m, 0.9), "nuN": (0.0, m), "wide": (0.0, 0.0)}[kind]
    low, high = sum(masses) ** 2, (m_B - m_K) ** 2
    # Dense where the integrand has roots at both ends.
    x, w = np.polynomial.legendre.leggauss(400 if kind == "wide" else 80)
    angle = np.pi / 4 * (1 + x)
    q2 = low + (high - low) * np.sin(angle) ** 2
    weights = w * np.pi / 4 * (high - low) * np.sin(2 * angle)
    inside = jax.jit(jax.vmap(lambda s: rates.dgamma_dq2(K, state, inputs, s)))
    spectrum = weights * np.asarray(inside(q2))
    p_q = np.sqrt((m_B**2 - m_K**2 - q2) ** 2 - 4 * m_K**2 * q2) / (2 * m_B)
    shape = INNER.inner
    if kind == "wide":
        keep = spectrum > 1e-4 * spectrum.max()
        escapes = np.zeros_like(q2)
        for k in np.flatnonzero(keep):
            escapes[k] = one(shape, INNER.boost, np.sqrt(q2[k]), p_q[k], ctau)[0]
        tolerance = 2e-3
    else:
        escapes, tolerance = both(shape, masses, ctau, q2, p_q), 5e-5
    found = float(jax.jit(lambda: share_seen(K, state, inputs, INNER))())
    assert found == pytest.approx(float(spectrum @ escapes / spectrum.sum()), rel=tolerance)


def both(shape, masses, ctau, q2, p_q):
    """Averages over the direction of a pair; a massless one leaves."""
    root, E_q = np.sqrt(q2), np.hypot(np.sqrt(q2), p_q)
    x, w = np.polynomial.legendre.leggauss(40)
    found = np.ones((q2.size, x.size))
    for m, other, sign in ((masses[0], masses[1], 1), (masses[1], masses[0], -1)):
        if m == 0:
            continue
        rest = (q2 + m**2 - other**2) / (2 * root)
        k = np.sqrt(rest**2 - m**2)
        energy = (E_q * rest)[:, None] / root[:, None] + sign * np.outer(p_q * k / root, x)
        p = np.sqrt(energy**2 - m**2)
        grid = np.linspace(0, 1, 400) ** 2 * p.max()
        table = one(shape, INNER.boost, m, np.maximum(grid, 1e-9), ctau)
        found *= np.interp(p, grid, table)
    return found @ w / 2


def test_thrown_lines(inputs, rng):
    """Y(4S) -> B Bbar, B -> K X, X -> anything: the momentum of the B is worth 0.3 %."""
    n, ctau = 400_000, 0.8
    m_B, m_K = (float(inputs.values[k]) for k in ("m_B_plus", "m_K_plus"))
    for m in (0.3, 2.0):
        energy = np.full(n, (m_B**2 + m**2 - m_K**2) / (2 * m_B))
        momentum = np.sqrt(energy**2 - m**2) * rotated(rng, n)
        flying, _ = to_laboratory(rng, momentum, energy, m_B, INNER.boost)
        seen = outside(rng, flying, m, ctau, INNER.inner).mean()
        found = float(P_inv(K, with_ctau("line", m, ctau), inputs, name="belle2_inner"))
        error = np.sqrt(found * (1 - found) / n)
        assert abs(seen - found) < 4 * error + 0.004 * found


def test_thrown_pairs(inputs, rng):
    """Both of a pair fly together: correlated directions are worth 0.6 %."""
    n, m, ctau = 400_000, 0.6, 0.8
    state = with_ctau("scalars", m, ctau)
    m_B, m_K = (float(inputs.values[k]) for k in ("m_B_plus", "m_K_plus"))
    grid = np.linspace(4 * m**2, (m_B - m_K) ** 2, 4001)
    spectrum = jax.jit(jax.vmap(lambda s: rates.dgamma_dq2(K, state, inputs, s)))(grid)
    below = np.concatenate([[0], np.cumsum((spectrum[1:] + spectrum[:-1]) / 2)])
    q2 = np.interp(rng.uniform(0, below[-1], n), below, grid)
    root = np.sqrt(q2)
    E_q = (m_B**2 + q2 - m_K**2) / (2 * m_B)
    of_pair = np.sqrt(E_q**2 - q2) / root * rotated(rng, n)
    k = np.sqrt(q2 / 4 - m**2) * rotated(rng, n)
    both_p = [boosted(sign * k, root / 2, of_pair) for sign in (1, -1)]
    # Both from one B.
    before, flying = rng.bit_generator.state, []
    for p, e in both_p:
        rng.bit_generator.state = before
        flying.append(to_laboratory(rng, p, e, m_B, INNER.boost)[0])
    left = [outside(rng, p, m, ctau, INNER.inner) for p in flying]
    seen = (left[0] & left[1]).mean()
    found = float(P_inv(K, state, inputs, name="belle2_inner"))
    assert abs(seen - found) < 4 * np.sqrt(found / n) + 0.008 * found


def test_bins_of_a_line(inputs):
    """All of it in the bin with low <= m^2 < high, with P at the line; edges cut nothing."""
    made = with_ctau("line", 2.0, 0.8)
    edges = np.array([0.0, 3.9, 4.0, 4.2, 9.0])
    bins = {
        name: np.asarray(rates.gamma_bins(K, s, inputs, jnp.asarray(edges)))
        for name, s in (("made", made), ("seen", rates.seen_in(made, INNER, inputs)))
    }
    share = float(P_inv(K, made, inputs, name="belle2_inner"))
    assert (np.flatnonzero(bins["made"]) == [2]).all()
    np.testing.assert_allclose(bins["seen"], share * bins["made"], rtol=1e-13)


@pytest.mark.parametrize("kind", ["scalars", "wide"])
def test_bins_add_up(kind, inputs):
    made = with_ctau(kind, 0.7 if kind == "scalars" else 2.0, 0.8)
    seen = rates.seen_in(made, INNER, inputs)
    bins = rates.gamma_bins(K, seen, inputs, jnp.linspace(0, 23, 40))
    total = rates.gamma(K, seen, inputs)
    assert float(bins.sum()) == pytest.approx(float(total), rel=1e-6)


def test_what_data_see(inputs):
    """Quoted values, counts and bins: their detector's share; all where there is no detector."""
    states = Neutrinos(), with_ctau("line", 1.2, 0.7)
    predictions = Predictions(states, inputs)
    names = ("belle2_2023_br", "belle_2017_Kplus", "babar_2013_Kplus", "average_2023_br")
    sm = float(predictions.sm.branching_fraction(K))
    new = float(predictions.branching_fraction(K)) - sm
    assert float(predictions.observable("BR(B+->K+inv)")) == pytest.approx(sm + new, rel=1e-12)
    for m in (load_measurements([name])[0] for name in names):
        behind = m.behind(predictions)
        share = 1.0 if m.detector is None else float(share_seen(K, states, inputs, m.detector))
        assert (m.detector is None) == (m.name == "average_2023_br")
        assert float(behind.branching_fraction(K)) == pytest.approx(sm + share * new, rel=1e-12)
        observed = float(behind.observable("BR(B+->K+inv)"))
        assert observed == pytest.approx(sm + share * new, rel=1e-12)
    (binned,) = load_measurements(["belle2_knunu_2023"])
    z = jnp.zeros(len(binned.nuisance_names))
    share = float(P_inv(K, states, inputs))
    line, whole = (
        np.asarray(binned.counts(Predictions(s, inputs), z)[0] - binned.counts(sm_only, z)[0])
        for sm_only in [Predictions((Neutrinos(),), inputs)]
        for s in (states, (Neutrinos(), states[1].state))
    )
    np.testing.assert_allclose(line, share * whole, rtol=1e-9, atol=1e-9)


def test_stable_particles_cost_nothing(inputs):
    """The same program, with a detector or without."""
    for name in ("belle2_knunu_2023", "belle_2017_Kplus", "belle2_2023_br"):
        (m,) = load_measurements([name])
        z = jnp.zeros(len(m.nuisance_names))

        def log_likelihood(mass, m=m, z=z):
            states = get_model("scalar-pair").build({"m": mass, "S": 1e-8}, inputs)
            return m.log_likelihood(Predictions(states, inputs), z)

        def without(mass, m=m, z=z):
            return log_likelihood(mass, m=replace(m, detector=None), z=z)

        made = [str(jax.make_jaxpr(f)(0.5)) for f in (log_likelihood, without)]
        assert made[0] == made[1]


CARD = {
    "title": "t",
    "model": "resonance",
    "fixed": {"m": 2.0, "width": 0},
    "parameters": {"BR": {"prior": {"uniform": [0, 1.0e-4]}}},
    "data": ["belle2_knunu_2023", "na62_2024_Kpinunu"],
}


INPUTS = {"nuisances": ["ckm"]}


def card(tmp_path, **changes):
    path = tmp_path / "card.yaml"
    content = CARD | changes
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return Card(path)


def test_the_envelope_is_a_nuisance(tmp_path):
    """Where something may decay in one, and the card does not say which inputs vary."""
    lifetime = {"fixed": CARD["fixed"] | {"ctau": 1.0}}
    stable, decaying = card(tmp_path), card(tmp_path, **lifetime)
    assert "envelope" not in stable.nuisances.names
    assert decaying.nuisances.names == (*decaying.nuisances.names[:8], *stable.nuisances.names[7:])
    assert "envelope" in decaying.nuisances.names
    assert "detector" in yaml.safe_load(decaying.resolved)["inputs"]["nuisances"]
    told = card(tmp_path, inputs=INPUTS, **lifetime)
    assert "envelope" not in told.nuisances.names
    alone = card(tmp_path, data=["na62_2024_Kpinunu"], **lifetime)
    assert "envelope" not in alone.nuisances.names


def test_fits_of_what_decays(tmp_path):
    """Tabulated where sizes stay, integrated where they do not; SM neutrinos always tabulated."""
    fixed = CARD["fixed"] | {"ctau": 1.0}
    varied = card(tmp_path, fixed=fixed).problem
    held = card(tmp_path, fixed=fixed, inputs=INPUTS).problem
    (request,) = (r for r in reads(held).requests if len(r) == 3)
    assert request[2].name == "belle2"
    assert all(gram is not None for gram in held.grams[request])
    assert [gram is None for gram in varied.grams[request]] == [False, True]
    for problem in (held, varied):
        theta = problem.theta([3e-5])
        plain = replace(problem, grams={}, sm_grams={})
        found, expected = (float(jax.jit(p.objective)(theta)) for p in (problem, plain))
        assert found == pytest.approx(expected)
    lines = lost_in_flight(varied, varied.theta([3e-5]))
    expected = predict([f"P_inv({K}inv)"], model="resonance", settings=["m=2", "BR=1e-5", "ctau=1"])
    share = expected["observables"][f"P_inv({K}inv)"]
    assert f"{K} in belle2 {share:.3g}" in lines[1]
    assert "not described for na62_2024_Kpinunu" in lines[-1]
    assert lost_in_flight(card(tmp_path).problem, []) == []


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        ("resonance", ["m=1", "BR=1e-5", "ctau=-1"], "'ctau' is or can be below 0"),
        ("scalar-pair", ["m=1", "S=1e-8", "ctau=1+1j"], "'ctau' is complex"),
        ("vector-pair", ["m=1", "S=1e-8", "ctau=-1"], "below 0"),
        ("sterile-neutrino", ["mN=1", "V_LL=1e-8", "ctau=-1"], "below 0"),
        ("fermion-pair", ["m1=1", "m2=0.5", "S1=1e-8", "ctau2=-1"], "'ctau2' is or can be below"),
        ("fermion-pair", ["m1=1", "m2=0.5", "S1=1e-8", "ctau=1", "ctau1=1"], "both set a lifetime"),
        ("fermion-pair", ["m=1", "S1=1e-8", "ctau1=1"], "both particles are alike"),
        ("neutrinos", ["ctau=1"], "unknown parameter 'ctau'"),
    ],
)
def test_refused_lifetimes(model, given, message):
    with pytest.raises(InputError, match=message) as error:
        predict([f"BR({K}inv)"], model=model, settings=given)
    assert "\n" not in str(error.value)


def test_a_lifetime_each(inputs):
    """Of two different fermions: the other one is stable."""
    build = get_model("fermion-pair").build
    given = {"m1": 0.4, "m2": 0.9, "S1": 1e-8}
    for lifetimes, ctau in (({"ctau": 0.7}, (0.7,)), ({"ctau2": 0.7}, (None, 0.7))):
        state = build(given | lifetimes, inputs)[1]
        assert tuple(c if c is None else float(c) for c in state.ctau) == ctau
    several = {"ctau": 0.7}, {"ctau1": 0.7, "ctau2": 0.7}, {"ctau2": 0.7}
    states = [build(given | c, inputs) for c in several]
    pairs = jax.jit(lambda: [P_inv(K, s, inputs) for s in states])()
    assert float(pairs[0]) == pytest.approx(float(pairs[1]), rel=1e-12)
    assert pairs[2] > pairs[0]
    assert "ctau" not in str(build(given, inputs)[1])


@pytest.mark.parametrize("state", [Neutrinos(), TwoBody(1.0, S=1e-8)])
def test_states_that_take_no_lifetime(state):
    wrong = (1.0,) if isinstance(state, Neutrinos) else (1.0, 1.0)
    with pytest.raises(InputError, match=r"no particle that decays|2 lifetimes of 1 particles"):
        Unstable(state, *wrong)
    with pytest.raises(InputError, match="ctau = -1"):
        Unstable(TwoBody(1.0, S=1e-8), -1.0)
