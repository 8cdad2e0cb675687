"""Mediators in the s channel: explicit propagators, contact and narrow-width limits, J = 0."""

from functools import partial

import brute_force as bf
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from brute_force_mediators import spectrum
from brute_force_pairs import scalar_currents
from brute_force_vectors import vector_currents
from pair_comparison import form_factors, meson_masses

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.models import get_model
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates import mixing
from bsnunu_jax.states import (
    FermionPair,
    Mediated,
    MediatedNeutrinos,
    Neutrinos,
    ScalarPair,
    VectorLine,
    VectorPair,
)
from bsnunu_jax.states.conjugated import conjugated
from bsnunu_jax.states.mediated import partial_width
from bsnunu_jax.states.parity_odd import parity_odd

MASSES = 0.4, 0.9
# Spin, currents of the pair, the pair, its operators by the dark current, the dark couplings.
CASES = {
    "Z' fermions": (1, bf.fermion_currents, FermionPair, {"V": "1", "A": "2"}, (0.7, -1.1)),
    "Z' scalars": (1, scalar_currents, ScalarPair, {"V": ""}, (0.8,)),
    "Z' vectors": (1, vector_currents, VectorPair, {"X2": "2", "X5": "5"}, (0.6, 0.9)),
    "S fermions": (0, bf.fermion_currents, FermionPair, {"S": "1", "P": "2"}, (0.7, -1.1)),
    "S scalars": (0, scalar_currents, ScalarPair, {"S": ""}, (0.8,)),
    "S vectors": (0, vector_currents, VectorPair, {"XS": ""}, (0.8,)),
}
QUARKS = 0.3 - 0.2j, 0.5 + 0.6j


def of_case(name: str, M: float, width: float) -> tuple[Mediated, tuple[float, float]]:
    """The state of a case and its masses."""
    spin, _, pair, ends, dark = CASES[name]
    letters, sign = ("VA", -1) if spin else ("SP", 1)
    c = {
        f"{x}{end}": sign * g * d / M**2
        for x, g in zip(letters, QUARKS, strict=True)
        for end, d in zip(ends.values(), dark, strict=True)
    }
    masses = (MASSES[1],) * 2 if pair is VectorPair else MASSES
    state = pair(masses[0], **c) if pair is VectorPair else pair(*masses, **c)
    return Mediated.pair(state, M, width, spin=spin), masses


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0", "B+->rho+"])
@pytest.mark.parametrize("name", CASES)
def test_spectrum_has_both_vertices_and_the_propagator(name: str, mode: str, every_set) -> None:
    spin, currents, _, ends, dark = CASES[name]
    letters = "VA" if spin else "SP"
    q2 = np.array([4.0, 5.3, 9.0, 16.0])
    for M, width in ((2.3, 0.05), (3.1, 1.5), (6.0, 0.0)):
        state, masses = of_case(name, M, width)
        quarks = MODES[mode].quarks
        if quarks != "b->s":
            pair = type(state.state)
            args = masses[:1] if pair is VectorPair else masses
            made = pair(*args, quarks=quarks, **given(state.state))
            state = Mediated.pair(made, M, width, spin=spin)
        found = programs.spectrum(mode, state, every_set, jnp.asarray(q2))
        expected = [
            spectrum(
                x,
                *meson_masses(every_set, mode),
                form_factors(every_set, mode, x),
                currents,
                masses,
                (M, width),
                dict(zip(letters, QUARKS, strict=True)),
                dict(zip(ends, dark, strict=True)),
                vector=MODES[mode].vector,
            )
            for x in q2
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def given(pair) -> dict[str, complex]:
    """Coefficients as the constructor takes them."""
    powers = getattr(pair, "powers", {})
    return {k: complex(c * pair.m ** powers.get(k, 0)) for k, c in pair.coefficients.items()}


CL, CR = 3 * np.random.default_rng(3).normal(size=(2, 3, 3, 2)).view(complex)[..., 0]
SHIFT = {"CL": 2.0 * CR, "CR": 1j * CL}


def beside_of(quarks: str, matrices: dict[str, np.ndarray]) -> Neutrinos:
    return Neutrinos(**matrices) if quarks == "b->s" else Neutrinos(elsewhere={quarks: matrices})


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0", "K+->pi+"])
def test_neutrinos_interfere_with_the_sm(mode: str, inputs) -> None:
    """C(q2) = a + b pi in place of C, one q2 at a time."""
    quarks = MODES[mode].quarks
    M, width = (2.3, 0.2) if quarks == "b->s" else (0.2, 0.03)
    beside = beside_of(quarks, SHIFT)
    state = MediatedNeutrinos(CL, CR, M, width, beside, quarks)
    for x in (0.3 * M**2, 1.1 * M**2):
        pi = 1 / (1 - x / M**2 - 1j * width / M)
        total = beside_of(quarks, {"CL": SHIFT["CL"] + pi * CL, "CR": SHIFT["CR"] + pi * CR})
        own = sum(float(programs.dgamma_dq2(mode, s, inputs, x)) for s in (beside, state))
        expected = float(programs.dgamma_dq2(mode, total, inputs, x))
        assert own == pytest.approx(expected, rel=1e-12, abs=0)


def test_interference_of_a_meson_that_mixes(inputs) -> None:
    """C^ij of one meson and C^ji* of the other, with the same propagator in both."""
    M, width, x, mode = 2.3, 0.2, 4.0, "Bs->phi"
    pi = 1 / (1 - x / M**2 - 1j * width / M)
    beside = beside_of("b->s", SHIFT)
    state = MediatedNeutrinos(CL, CR, M, width, beside)
    y = float(inputs.number(MODES[mode].mixing)) / 2
    found = dict(mixing.invariants(mode, beside, inputs))
    new = mixing.invariants(mode, state, inputs)
    sm = float(inputs.C_L_SM) * np.eye(3)
    for name, sign in (("vector", 1), ("axial", -1)):
        a, b = SHIFT["CL"] + sm + sign * SHIFT["CR"], CL + sign * CR
        own, other = a + pi * b, a + np.conj(pi) * b
        plain = np.sum(np.abs(own) ** 2)
        both = sign * np.sum((own * other.T).real)
        expected = float(inputs.N_0) ** 2 * (plain - MODES[mode].charge_parity * y * both)
        weights = abs(pi) ** 2 * np.array([1, 1 - x / M**2, width / M])
        parts = [float(new[f"{k} {name}"]) for k in ("mediated", "real", "imaginary")]
        total = float(found[name]) + weights @ parts
        assert total == pytest.approx(expected / (1 - y**2), rel=1e-12, abs=0)


def test_interference_that_a_k_long_sees(inputs) -> None:
    """(C^ij - C^ji*)/2 of a and b, with the same propagator."""
    M, width, x = 0.2, 0.03, 0.03
    pi = 1 / (1 - x / M**2 - 1j * width / M)
    beside = beside_of("s->d", SHIFT)
    state = MediatedNeutrinos(CL, CR, M, width, beside, "s->d")
    own = sum(float(programs.dgamma_dq2("KL->pi0", s, inputs, x)) for s in (beside, state))
    alone = float(programs.dgamma_dq2("KL->pi0", beside, inputs, x))
    phase = np.exp(1j * float(inputs.number("VtsVtd_arg")))
    sm = np.diag(np.asarray(inputs.sm_coefficient("s->d")))
    a, b = (
        (c - c.conj().T) / 2 for c in (phase * (SHIFT["CL"] + sm + SHIFT["CR"]), phase * (CL + CR))
    )
    ratio = np.sum(np.abs(a + pi * b) ** 2) / np.sum(np.abs(a) ** 2)
    assert own / alone == pytest.approx(ratio, rel=1e-12)


def test_the_phase_of_the_propagator_is_no_cp_phase(inputs) -> None:
    """What a K_L sees of a real C is 0 with any propagator: C -> C pi in both amplitudes."""
    C = jnp.diag(jnp.array([1.0, 2.0, 3.0])) * jnp.exp(-1j * inputs.number("VtsVtd_arg"))
    state = conjugated(MediatedNeutrinos(C, C, 0.2, 0.05, quarks="s->d"))
    assert abs(float(state.invariants(inputs)["mediated vector"])) < 1e-30
    pair = conjugated(Mediated.pair(FermionPair(0.05, V1=1.0, quarks="s->d"), 0.2, 0.05, spin=1))
    assert float(pair.invariants(inputs)["V1"]) == 0.0


CONTACT = [(name, "B0->K*0") for name in CASES] + [
    ("Z' fermions", mode) for mode in ("B+->K+", "Bs->phi", "Lambdab->Lambda", "Bs->inv")
]


@pytest.mark.parametrize(("name", "mode"), CONTACT)
def test_contact_limit(name: str, mode: str, inputs) -> None:
    state, _ = of_case(name, 1e8, 0.3)
    pair = jax.tree.map(lambda x: x, state.state)
    for width in (0.0, 0.3):
        far = Mediated.pair(pair, 1e8, width, spin=state.spin)
        found, contact = (float(programs.branching_fraction(mode, s, inputs)) for s in (far, pair))
        assert found == pytest.approx(contact, rel=1e-12, abs=0)
    assert mode == "Bs->inv" or contact > 0


def test_polarisation_of_the_contact_limit(inputs) -> None:
    """And of a finite mass at one q2: all that a spin sees has |pi|^2."""
    pair = FermionPair(0.5, V1=1.0, V2=0.4j, A1=0.3 - 1j, A2=0.7)
    for M, width in ((1e8, 0.0), (3.0, 0.4)):
        state = parity_odd(Mediated.pair(pair, M, width, spin=1))
        q2 = jnp.asarray(6.0)
        factor = 1 / abs(1 - 6.0 / M**2 - 1j * width / M) ** 2
        for k, rows in parity_odd(pair).dark_rows(q2).items():
            for row, x in rows.items():
                longitudinal = (1 - 6.0 / M**2) ** 2 if "0" in row else 1.0
                found = float(state.dark_rows(q2)[k][row])
                assert found == pytest.approx(float(x) * factor * longitudinal, rel=1e-13)


@partial(jax.jit, static_argnums=0)
def _total(mode, m, M, width, inputs):
    pair = FermionPair(m, V1=-1e-8 / M**2, V2=2e-8 / M**2)
    return rates.gamma(mode, Mediated.pair(pair, M, width, spin=1), inputs)


def test_narrow_width_is_the_two_body_rate_times_the_branching_fraction(inputs) -> None:
    """Linear in Gamma, 0 for Gamma -> 0."""
    M, m = 2.3, 0.6
    part = float(partial_width(FermionPair(m, V1=-1.0, V2=2.0), M, spin=1))
    two_body = float(programs.gamma("B+->K+", VectorLine(M, V=1e-8 / M), inputs))
    off = []
    for width in (1e-4, 1e-3, 1e-2):
        found = float(_total("B+->K+", m, M, width, inputs))
        off.append(found * width / (two_body * part) - 1)
    assert abs(off[0]) < 1e-4
    np.testing.assert_allclose([off[1] / off[0], off[2] / off[1]], 10.0, rtol=0.02)


def test_partial_widths() -> None:
    """Written out: M beta/(12 pi)(gV^2 (1 + 2 m^2/M^2) + gA^2 beta^2), and the others."""
    M, m = 2.3, 0.6
    x = (m / M) ** 2
    beta = np.sqrt(1 - 4 * x)
    vector = M * beta / (12 * np.pi) * (0.09 * (1 + 2 * x) + 0.25 * beta**2)
    into_vectors = M**3 * beta / (64 * np.pi * m**4) * (1 - 4 * x + 12 * x**2)
    for spin, pair, value in (
        (1, FermionPair(m, V1=0.3, V2=0.5), vector),
        (1, ScalarPair(m, V=0.7), 0.49 * M * beta**3 / (48 * np.pi)),
        (0, FermionPair(m, S1=0.3, S2=0.5), M / (8 * np.pi) * (0.09 * beta**3 + 0.25 * beta)),
        (0, ScalarPair(m, S=0.7), 0.49 * beta / (16 * np.pi * M)),
        (0, VectorPair(m, S=0.7), 0.49 * into_vectors),
    ):
        assert float(partial_width(pair, M, spin)) == pytest.approx(value, rel=1e-12, abs=0)
    toy = partial_width(FermionPair(0.6, V1=0.3, V2=0.5), 2.3, 1)
    assert float(toy) == pytest.approx(1.4791701e-2, rel=1e-7)
    assert float(partial_width(FermionPair(1.2, V1=0.3), 2.3, 1)) == 0.0


def test_longitudinal_part_has_no_pole(inputs) -> None:
    """With Gamma = 0 rows V0 and A0 are those of the contact interaction at every q2."""
    pair = FermionPair(0.4, 0.9, V1=1e-8, A2=2e-8)
    state = Mediated.pair(pair, 2.3, 0.0, spin=1)
    for x in (2.0, 2.3**2 * (1 + 1e-12), 9.0):
        contact, found = (s.dark_rows(jnp.asarray(x)) for s in (pair, state))
        for operator, row in (("V1", "V0"), ("A2", "A0")):
            assert float(found[operator][row]) == pytest.approx(
                float(contact[operator][row]), rel=1e-12
            )


def test_gradients_in_masses_and_width(inputs) -> None:
    point = np.array([0.6, 2.3, 0.05])
    gradient = jax.jit(jax.grad(lambda x: jnp.log(_total("B0->K*0", x[0], x[1], x[2], inputs))))(
        jnp.asarray(point)
    )
    for k in range(3):
        step = 1e-6 * np.eye(3)[k]
        high, low = (float(_total("B0->K*0", *(point + s * step), inputs)) for s in (1, -1))
        assert float(gradient[k]) == pytest.approx(np.log(high / low) / 2e-6, rel=1e-6)


REFUSED = [
    ({"m": 0.5, "gV": 1e-8, "dV": 1.0}, "M"),
    ({"M": -1.0, "m": 0.5, "gV": 1e-8, "dV": 1.0}, "M"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8, "dV": 1.0, "width": 1e-3}, "partial width"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8, "dV": 1.0, "width": -1e-3}, "width"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8}, "dark coupling"),
    ({"M": 2.0, "m": 0.5, "dV": 1.0}, "quarks"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8, "dV": 1.0, "identical": True}, "vanishes"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8, "dA": 1.0, "pair": "scalar"}, "scalar pair"),
    ({"M": 2.0, "m": 0.5, "gV": 1e-8, "gnu_tautau": 1.0, "pair": "neutrinos"}, "neutrinos"),
    ({"M": 2.0, "gV": 1e-8, "pair": "neutrinos"}, "neutrinos"),
]


@pytest.mark.parametrize(("parameters", "named"), REFUSED)
def test_bad_parameters_are_one_line(parameters, named: str) -> None:
    ranges = {k: (v, v) for k, v in parameters.items()}
    with pytest.raises(InputError, match=named):
        get_model("vector-mediator").check_values(ranges, lambda name: name)


def test_bad_states_are_refused() -> None:
    with pytest.raises(InputError, match="spin 1"):
        Mediated.pair(FermionPair(0.5, S1=1.0), 2.0, 0.1, spin=1)
    with pytest.raises(InputError, match="spin 0"):
        Mediated.pair(FermionPair(0.5, T1=1.0), 2.0, 0.1, spin=0)
    with pytest.raises(InputError, match="mediator"):
        Mediated.pair(FermionPair(0.5, V1=1.0), 0.0, 0.1, spin=1)
    with pytest.raises(InputError, match="width"):
        MediatedNeutrinos(0, 0, 2.0, -0.1)
