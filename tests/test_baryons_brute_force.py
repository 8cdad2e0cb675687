"""Lambda_b -> Lambda + pair: all operators, the rate and both spins, against explicit spinors."""

import brute_force as bf
import brute_force_baryons as bfb
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force_pairs import FERMIONS
from pair_cases import DISTINCT, IDENTICAL
from pair_comparison import form_factors, meson_masses, random_couplings, rates_of, restricted

from bsnunu_jax.hadrons.form_factors import FORM_FACTORS
from bsnunu_jax.rates import kernels, of_rows
from bsnunu_jax.rates.baryons import Baryons, of_mode
from bsnunu_jax.states import Neutrinos, TwoBody, Universal
from bsnunu_jax.states.parity_odd import parity_odd

M, m = 5.6196, 1.115683
QUARKS = {"m_b": 4.1, "m_s": 0.09}
END = (M - m) ** 2
CASES = DISTINCT | IDENTICAL
NAMES = FORM_FACTORS["1/2"]
# Of the rate, with which products of opposite parity are compared too.
TOLERANCE = 1e-12
PARTS = {"rate": bfb.rate, "decaying": bfb.slope, "daughter": bfb.helicity}


class Given(eqx.Module):
    """Form factors that are the same at every q2."""

    values: dict

    def __call__(self, q2):
        return self.values


def baryons(values):
    return Baryons(M, m, *QUARKS.values(), Given(values))


def drawn(rng):
    """Form factors of any sign."""
    return dict(zip(NAMES, rng.uniform(0.2, 0.9, 10) * rng.choice([-1, 1], 10), strict=True))


def parts(hadrons, state, inputs, q2):
    """The rate and what both spins see, as `PARTS`."""
    odd = parity_odd(state)
    return {
        part: of_rows.dgamma_dq2(hadrons.seen(part), state if part == "rate" else odd, inputs, q2)
        for part in PARTS
    }


compiled_parts = jax.jit(parts)


def compare(found, forms, weights, rates):
    """Every part to TOLERANCE of the rate: `weights` contracts a form with the couplings."""
    for part, of in PARTS.items():
        deviation = np.abs(np.asarray(found[part]) - weights(of(forms))) / rates
        assert deviation.max() < TOLERANCE, (part, int(np.argmax(deviation)), deviation.max())


def test_a_free_quark_has_form_factors_1():
    """ubar(p') Gamma u(p) with the Dirac matrices alone: all six structures, tensors whole."""
    for q2, m_b, m_s in ((6.0, 4.75, 0.1), (1.3, 4.2, 0.9), (0.3, 5.0, 1.1)):
        assert bfb.free_quark_deviation(q2, m_b, m_s) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_pairs(name, inputs, rng):
    """Operators alone, every two and all of them: the rate, the slope, the helicity of Lambda."""
    case = CASES[name]
    masses = case.draw_masses(rng)

    @jax.jit
    @jax.vmap
    def package(q2, masses, couplings, values):
        def one(c):
            state = case.state(*masses, **dict(zip(case.operators, c, strict=True)))
            return parts(baryons(values), state, inputs, q2)

        return jax.vmap(one)(couplings)

    points = []
    for pair in masses:
        threshold = sum(pair) ** 2
        q2, ff = threshold + rng.uniform(0.02, 0.98) * (END - threshold), drawn(rng)
        forms = bfb.quadratic_forms(q2, M, m, ff | QUARKS, case.amplitudes, *pair)
        forms = restricted(case, forms)
        couplings, _ = random_couplings(bfb.rate(forms), rng)
        points.append((q2, pair, couplings, ff, forms))
    q2, pairs, couplings, ff, forms = zip(*points, strict=True)
    values = {k: np.array([f[k] for f in ff]) for k in NAMES}
    found = package(np.array(q2), np.array(pairs), np.array(couplings), values)
    for i, form in enumerate(forms):
        at = {k: v[i] for k, v in found.items()}
        rate = rates_of(bfb.rate(form), couplings[i])
        compare(at, form, lambda g, i=i: rates_of(g, couplings[i]), rate)
        # An interference of spins would give a term beside 1 and cos.
        assert np.abs(form[0, 1].sum(axis=0)).max() < TOLERANCE * np.abs(form[0, 0]).max()


@pytest.mark.parametrize("name", ["fermions", "N N"])
def test_the_mode_of_the_table(name, inputs, rng):
    """Its masses and form factors, at a q2 on each side of where the lattice begins."""
    case, mode = DISTINCT[name], "Lambdab->Lambda"
    hadrons, pair = of_mode(mode, inputs), case.draw_masses(rng)[-1]

    @jax.jit
    @jax.vmap
    def package(couplings, q2):
        state = case.state(*pair, **dict(zip(case.operators, couplings, strict=True)))
        rate = kernels.dgamma_dq2(mode, state, inputs, q2)
        return parts(hadrons, state, inputs, q2) | {"rate": rate}

    for q2 in (sum(pair) ** 2 + 1.0, 17.0):
        ff = form_factors(inputs, mode, q2)
        forms = bfb.quadratic_forms(q2, *meson_masses(inputs, mode), ff, case.amplitudes, *pair)
        forms = restricted(case, forms)
        couplings, _ = random_couplings(bfb.rate(forms), rng)
        found = package(couplings, np.full(len(couplings), q2))
        rate = rates_of(bfb.rate(forms), couplings)
        compare(found, forms, lambda g, c=couplings: rates_of(g, c), rate)


def neutrino_form(q2, ff):
    """G of the vector and axial currents of a massless pair, which the chiral ones combine."""
    return bfb.quadratic_forms(q2, M, m, ff | QUARKS, FERMIONS, 0.0, 0.0)


def vectors(C_L, C_R, C_Lp, C_Rp):
    """Couplings of FERMIONS in its order."""
    found = bf.neutrino_couplings(C_L, C_R, C_Lp, C_Rp)
    return np.array([found.get(pair, 0j) for pair in FERMIONS.operators.values()])


def test_neutrinos(inputs, rng):
    """Random complex C_L, C_R, C_L', C_R' with the SM; a spin sees |C_R|^2 - |C_L|^2 alone."""
    for q2 in (0.3, 7.0, 19.0):
        C = rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3))
        C[0] *= 3
        ff = drawn(rng)
        forms, total = neutrino_form(q2, ff), C.copy()
        total[0] += float(inputs.C_L_SM) * np.eye(3)
        sets = np.array([vectors(*c) for c in total.reshape(4, 9).T])

        def weights(form, sets=sets):
            return float(inputs.N_0) ** 2 * rates_of(form, sets).sum()

        found = compiled_parts(baryons(ff), Neutrinos(*C), inputs, jnp.asarray(q2))
        compare(found, forms, weights, weights(bfb.rate(forms)))


def test_universal_set(inputs, rng):
    """cVL, cVR, cSL, cSR, cTL: three flavours, flipping terms twice those of their operators."""
    P, S = {"S": 0.5, "P": 0.5j}, {"S": 0.5, "P": -0.5j}  # P_L and P_R: g5 = -i P
    q2, ff = 6.0, drawn(rng)
    c = dict(zip(("cVL", "cVR", "cSL", "cSR", "cTL"), rng.normal(size=5), strict=True))
    flipping = {}
    for quark, value in ((P, c["cSL"]), (S, c["cSR"])):
        for a, x in quark.items():
            for b, y in P.items():
                flipping[a, b] = flipping.get((a, b), 0j) + 2 * value * x * y
    flipping |= {("T", "T"): 2 * c["cTL"] / 2, ("T", "T5"): -2 * c["cTL"] / 2}
    vector = bf.neutrino_couplings(c["cVL"], c["cVR"])
    sets = [
        np.array([given.get(pair, 0j) for pair in FERMIONS.operators.values()])[None]
        for given in (vector, flipping)
    ]
    forms = neutrino_form(q2, ff)

    def weights(form):
        v, f = (rates_of(form, s).sum() for s in sets)
        return 3 * float(inputs.N_0) ** 2 * (v + 2 * f)

    found = compiled_parts(baryons(ff), Universal(**c), inputs, jnp.asarray(q2))
    compare(found, forms, weights, weights(bfb.rate(forms)))


def test_a_scalar_x(inputs, rng):
    """Two-body Lambda_b -> Lambda X from its amplitudes, and an ALP with derivative couplings."""
    m_X, ff = 2.0, drawn(rng)
    S, P = 0.3 + 0.4j, -0.2 + 0.7j
    event = bf.three_body(m_X**2, M, m, 0.0, 0.0)
    elements = bfb.matrix_elements(event, ff | QUARKS)
    amplitude = np.array([[S * e["S"] + P * e["P"] for e in row] for row in elements])
    squares = np.abs(amplitude) ** 2  # [spin, helicity]
    measure = event.p_K[3] / (8 * np.pi * M**2)
    found = jax.jit(
        lambda hadrons, state: {
            part: of_rows.gamma(
                hadrons.seen(part), state if part == "rate" else parity_odd(state), inputs
            )
            for part in PARTS
        }
    )
    at = found(baryons(ff), TwoBody(m_X, S, P))
    rate = measure * squares.sum() / 2
    assert float(at["rate"]) == pytest.approx(rate, rel=1e-12, abs=0)
    spin = measure * (squares[0].sum() - squares[1].sum()) / 2
    assert float(at["decaying"]) == pytest.approx(spin, abs=1e-12 * rate)
    assert float(at["daughter"]) == pytest.approx(
        measure * (squares[:, 0].sum() - squares[:, 1].sum()) / 2, abs=1e-12 * rate
    )
    # (d_mu a) (s g^mu [g_V + g_A g5] b): q_mu times the currents.
    g_V, g_A = 0.5 - 0.1j, 0.2 + 0.6j
    currents = [
        [1j * bf.dot(event.q, g_V * e["V"] + g_A * e["A"]) for e in row] for row in elements
    ]
    expected = measure * np.sum(np.abs(np.array(currents)) ** 2) / 2
    sums = QUARKS["m_b"] - QUARKS["m_s"], QUARKS["m_b"] + QUARKS["m_s"]
    alp = TwoBody(m_X, 1j * sums[0] * g_V, -sums[1] * g_A)
    assert float(found(baryons(ff), alp)["rate"]) == pytest.approx(expected, rel=1e-12, abs=0)
