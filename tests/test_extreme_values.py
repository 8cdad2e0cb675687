"""Numbers at the ends of what can be typed: right values, their limits, or a refusal."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from bsnunu_jax.exchange.names import of_another_sector
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.hypotest import asymptotic_cls, local_significance
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction, branching_fraction_bins, dbr_dq2
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import (
    FermionPair,
    Neutrinos,
    Resonance,
    ScalarPair,
    SterileNeutrino,
    TwoBody,
    VectorPair,
)
from bsnunu_jax.states.sectors import ChargedCurrent, ChargedLeptons

K = "B+->K+"


@pytest.mark.parametrize("gain", [9.0, 1479.0, 1600.0, 1e4, 1e8])
def test_local_significance_of_any_gain(gain: float):
    one, by_cls = local_significance(gain, 1)
    assert one == pytest.approx(np.sqrt(gain), rel=1e-12)
    assert one - 0.3 < by_cls < one
    # ln of the tail of chi2 with three degrees of freedom, for large gains
    three = local_significance(gain, 3)[0]
    assert three < one
    if gain > 1000:
        assert three == pytest.approx(one - np.log(gain) / one, abs=0.5 / one)


def test_cls_of_hypotheses_beyond_all_numbers():
    clsb, clb, cls = asymptotic_cls(np.array([5000.0, 4.0]), np.array([100.0, 4.0]))
    assert np.isfinite(cls).all()
    assert cls[1] == pytest.approx(clsb[1] / clb[1], rel=1e-12)


@pytest.fixture(scope="module")
def resonance(inputs):
    def total(x):
        return rates.gamma(K, Resonance(x[0], x[1], S=1.0), inputs)

    return jax.jit(jax.value_and_grad(total))


@pytest.fixture(scope="module")
def line(inputs):
    return jax.jit(jax.value_and_grad(lambda m: rates.gamma(K, TwoBody(m, S=1.0), inputs)))


@pytest.mark.parametrize("width", [1e-12, 1e-150, 1e-200])
def test_slopes_of_a_narrow_resonance_are_those_of_the_line(width: float, resonance, line):
    value, slopes = resonance(jnp.array([2.1, width]))
    of_line, slope_of_line = line(jnp.array(2.1))
    assert float(value) == pytest.approx(float(of_line), rel=1e-10)
    assert float(slopes[0]) == pytest.approx(float(slope_of_line), rel=1e-8)
    # the tails cost a share of the width, the same for all of these
    at = [float(resonance(jnp.array([2.1, w]))[0]) for w in (1e-5, 2e-5)]
    assert float(slopes[1]) == pytest.approx((at[1] - at[0]) / 1e-5, rel=1e-3)


def test_a_light_resonance_is_half_in_the_phase_space(resonance, inputs):
    """Of a peak at q2 = 0 one half, and m/(pi width) of what the mass moves in."""
    line = float(programs.gamma(K, TwoBody(0.0, S=1.0), inputs))
    value, slopes = resonance(jnp.array([1e-9, 0.1]))
    assert float(value) == pytest.approx(line / 2, rel=1e-8)
    assert float(slopes[0]) == pytest.approx(line / (np.pi * 0.1), rel=5e-3)
    value, slopes = resonance(jnp.array([1e-9, 1e-9]))  # arctan(m/width)/pi more
    assert float(value) == pytest.approx(0.75 * line, rel=1e-8)
    assert float(slopes[0]) == pytest.approx(line / (2 * np.pi * 1e-9), rel=1e-6)
    assert float(slopes[1]) == pytest.approx(-line / (2 * np.pi * 1e-9), rel=1e-6)


@pytest.mark.parametrize("x", [(1e160, 0.1), (2.0, 1e160), (1e200, 1e200)])
def test_a_resonance_beyond_everything_has_no_rate(x: tuple[float, float], resonance):
    value, slopes = resonance(jnp.array(x))
    assert [float(value), *map(float, slopes)] == [0, 0, 0]


PAIRS = {
    "scalar": lambda m: ScalarPair(m, S=1.0, V=1.0),
    "scalars": lambda m: ScalarPair(m, 0.1, S=1.0, V=1.0),
    "fermion": lambda m: FermionPair(m, S1=1.0, V2=1.0, T1=1.0),
    "vector": lambda m: VectorPair(m, S=1.0, V3=1.0, T2=1.0, V6=1.0),
    "sterile": lambda m: SterileNeutrino(m, pair="nuN", V_LL=1.0, T_LL=1.0),
}


HEAVY = [10.0, 1e100, 1e160, 1e300, 1.7e308, float("inf")]


@pytest.mark.parametrize("kind", PAIRS)
def test_heavy_pairs_have_no_rate(kind: str, inputs):
    edges = jnp.array([0.0, 5.0, 23.0])

    @jax.jit
    @jax.vmap
    def found(m):
        def total(m):
            return rates.gamma(K, PAIRS[kind](m), inputs)

        state = PAIRS[kind](m)
        bins = rates.gamma_bins(K, state, inputs, edges)
        return jnp.append(
            bins,
            jnp.stack([*jax.value_and_grad(total)(m), rates.dgamma_dq2(K, state, inputs, 3.0)]),
        )

    assert (np.asarray(found(jnp.array(HEAVY))) == 0).all()


@pytest.mark.parametrize("m", HEAVY)
def test_a_heavy_line_has_no_rate(m: float, line):
    assert [float(x) for x in line(jnp.array(m))] == [0, 0]


def test_vectors_without_mass_are_refused_or_infinite(inputs):
    for m in (0.0, 1e-200):
        with pytest.raises(InputError, match="not above 0"):
            VectorPair(m, S=1.0)
    rate = jax.jit(lambda m: rates.gamma(K, VectorPair(m, S=m**2 / 1e9), inputs))
    assert float(rate(0.0)) == np.inf
    assert np.isfinite(float(rate(1e-3)))
    state = get_model("vector-pair").build({"m": 0.0, "Lambda": 1.0, "operator": "S"}, inputs)[1]
    assert float(programs.gamma(K, state, inputs)) == pytest.approx(float(rate(1e-3)), rel=1e-4)


@pytest.mark.parametrize(
    "edges", [[], [1.0], [0.0, np.nan], [0.0, np.inf], [[0.0, 1.0]], [2.0, 1.0], 3.0, "ab", None]
)
def test_edges_that_are_none(edges, inputs):
    with pytest.raises(InputError, match="increasing numbers"):
        branching_fraction_bins(K, Neutrinos(), inputs, edges)


def test_edges_may_be_a_list_or_traced(inputs):
    array = jnp.array([0.0, 4.0, 9.0])

    def bins(edges):
        return branching_fraction_bins(K, Neutrinos(), inputs, edges)

    expected = jax.jit(bins)(array)
    np.testing.assert_allclose(bins([0, 4, 9]), expected, rtol=1e-12)
    slope = jax.jit(jax.grad(lambda e: bins(e)[0]))(array)
    assert float(slope[1]) == pytest.approx(float(dbr_dq2(K, Neutrinos(), inputs, 4.0)), rel=1e-6)


def test_a_q2_that_is_no_number_gives_none(inputs):
    assert np.isnan(float(dbr_dq2(K, Neutrinos(), inputs, np.nan)))
    assert float(dbr_dq2(K, Neutrinos(), inputs, -1.0)) == 0


@pytest.mark.parametrize("m", [-0.5, np.nan])
@pytest.mark.parametrize("kind", [*PAIRS, "line"])
def test_masses_below_zero(kind: str, m: float):
    with pytest.raises(InputError):
        TwoBody(m, S=1.0) if kind == "line" else PAIRS[kind](m)


MATRICES = {
    "CR": lambda c: Neutrinos(CR=c),
    "CLp": lambda c: Neutrinos(CLp=c),
    "C9": lambda c: ChargedLeptons(C9=c),
    "C10p": lambda c: ChargedLeptons(C10p=c),
    "CVL": lambda c: ChargedCurrent(CVL=c),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("c", [-11.0, 1j, np.float64(2), np.nan, jnp.asarray(3.0)])
def test_numbers_are_no_flavour_matrices(name: str, c):
    with pytest.raises(InputError, match=rf"{name} is a number.*jnp.eye\(3\) \* c"):
        MATRICES[name](c)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("c", [np.ones(3), np.ones((2, 2)), np.ones((5, 3, 3))])
def test_nor_are_other_shapes(name: str, c):
    with pytest.raises(InputError, match=name):
        MATRICES[name](c)


def test_matrices_may_be_zero_or_traced():
    assert not np.asarray(Neutrinos(CR=0).CR).any()
    assert not np.asarray(ChargedLeptons(C9=0.0).C9).any()
    batch = jax.vmap(lambda c: Neutrinos(CR=jnp.eye(3) * c).CR)(jnp.arange(3.0))
    assert batch.shape == (3, 3, 3)
    with pytest.raises(InputError, match="is a number"):
        jax.jit(lambda c: Neutrinos(CR=c).CR)(0.0)


@pytest.mark.parametrize(
    "name", ["CL_sbnumunumu", "CR_dbnuenue", "CVLL_bsnuenue", "CS_bsnuenue", "C9_sbmumu"]
)
def test_names_that_no_sector_of_the_basis_has(name: str):
    assert not of_another_sector(name)


def test_a_line_at_a_fixed_mass_may_be_fitted():
    model = get_model("resonance")
    fixed = {"m": (1.0, 1.0), "width": (0.0, 0.0), "BR": (0.0, 1e-4)}
    model.check_values(fixed, str, fit=True)
    for ranges in (fixed | {"m": (1.0, 2.0)}, fixed | {"width": (0.0, 0.1)}):
        with pytest.raises(InputError, match="needs a width > 0"):
            model.check_values(ranges, str, fit=True)


@pytest.mark.parametrize("low", [-1e-3, -5.0, -1e3, -1e300])
@pytest.mark.parametrize(
    "state",
    [Neutrinos(), Resonance(1.0, 0.1, S=1e-8), FermionPair(0.5, V1=1e-8), TwoBody(1.0, S=1e-8)],
)
def test_nothing_lies_below_0(inputs, state, low):
    edges = jnp.array([low, 0.0, 30.0]), jnp.array([low, 30.0])
    total = float(programs.branching_fraction(K, [state], inputs))
    bins, one = (branching_fraction_bins(K, [state], inputs, e) for e in edges)
    assert float(bins[0]) == 0
    assert float(bins[1]) == pytest.approx(total, rel=1e-9)
    assert float(one[0]) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(
    ("m", "width"),
    [(1.0, 1e-320), (1e-300, 1e-300), (1e-290, 1e-300), (1e-150, 1e-300), (5e-324, 1.0)],
)
def test_resonances_next_to_nothing(inputs, m, width):
    """Of a line at q2 = m^2 -> 0 what is not below 0: 1/2 + arctan(m/Gamma)/pi of its rate."""
    br = programs.branching_fraction
    found = float(br(K, [Resonance(m, width, S=1e-8)], inputs))
    if width < 1e-100:
        line = float(br(K, [TwoBody(m, S=1e-8)], inputs))
        right = line * (0.5 + np.arctan(m / width) / np.pi)
    else:
        right = float(br(K, [Resonance(1e-20, width, S=1e-8)], inputs))
    assert found == pytest.approx(right, rel=1e-9)


def test_slopes_of_a_resonance_next_to_nothing(inputs):
    """They grow like a logarithm of the mass; below 1e-100 GeV they are those there."""

    def rate(m):
        return branching_fraction("B+->K+", [Resonance(m, 1.0, S=1e-8)], inputs)

    slope = jax.jit(jax.grad(rate))
    at = {k: float(slope(10.0**-k)) for k in (20, 40, 80, 100, 150, 300)}
    step = at[40] - at[20]
    assert step > 0
    assert at[80] - at[40] == pytest.approx(2 * step, rel=1e-6)
    assert at[150] == at[300] == pytest.approx(at[100], rel=1e-12)


@pytest.mark.parametrize("nodes", [0, -1, 1.5])
def test_numbers_of_nodes(inputs, nodes):
    with pytest.raises(InputError, match="nodes"):
        branching_fraction_bins("B+->K+", Resonance(1.0, 0.1, S=1), inputs, [0, 4], nodes=nodes)


@pytest.mark.parametrize("mass", [-1.0, float("nan")])
def test_vectors_of_no_mass_below_0(mass):
    with pytest.raises(InputError, match="m = "):
        VectorPair.goldstone(mass, {"S": 1e-8})


def test_single_coefficients_are_numbers():
    with pytest.raises(InputError, match="CR_tautau"):
        Neutrinos.named({"CR_tautau": np.ones(2)})
