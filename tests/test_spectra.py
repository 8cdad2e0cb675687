"""Normalised spectra, their histogram through Belle II's efficiency, and omega."""

import json
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from commands import run
from scipy.integrate import quad

from bsnunu_jax import (
    FermionPair,
    InputError,
    Neutrinos,
    Nuisances,
    Resonance,
    ScalarPair,
    Scaled,
    TwoBody,
    Universal,
)
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.hadrons.kinematics import q2_max
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.observables.spectra import (
    efficiency_weighted_at,
    efficiency_weighted_spectrum,
    ita_efficiency,
    normalised_spectrum,
    omega,
)
from bsnunu_jax.rates import kernels as rates

SM = Neutrinos()
EDGES = np.arange(0.0, 25.0, 2.0)
# Belle II's inclusive tag in the 2 GeV^2 bins up to 22 GeV^2, above which nothing is selected.
EFFICIENCY = np.array(
    [
        0.164,
        0.1577,
        0.1337,
        0.1025,
        0.07232,
        0.04598,
        0.02538,
        0.01162,
        0.003999,
        0.0009122,
        0.0001222,
        0.0,
    ]
)
NEW = {
    "scalars": ScalarPair(0.3, V=1e-8),
    "heavy scalars": ScalarPair(1.6, S=1e-7),
    "fermions": FermionPair(0.7, V2=1e-8),
    "massless, scalar current": Universal(cVL=0.0, cSL=2.0),
    "broad resonance": Resonance(2.1, 0.4, S=3e-8),
}


def end(mode):
    values = load_inputs().values
    return float(q2_max(values[MODES[mode].m_B], values[MODES[mode].m_K]))


def thresholds(state):
    """Where quad should look closely."""
    if isinstance(state, Resonance):
        return [float(state.m**2)]
    return [4 * float(state.m) ** 2] if hasattr(state, "m") else []


SPECTRUM = jax.jit(rates.dgamma_dq2, static_argnums=0)
HISTOGRAM, OMEGA = jax.jit(efficiency_weighted_spectrum), jax.jit(omega)
NORMALISED = jax.jit(normalised_spectrum, static_argnums=0)


def bins(state, inputs, mode="B+->K+"):
    """Rates in the bins by adaptive quadrature in q2."""

    def scaled(q2):
        return float(SPECTRUM(mode, state, inputs, q2)) / 1e-18

    found = []
    for low, high in zip(EDGES[:-1], np.minimum(EDGES[1:], end(mode)), strict=True):
        points = [low, *(x for x in thresholds(state) if low < x < high), high]
        pieces = [
            quad(scaled, *ends, epsabs=1e-12, epsrel=1e-10, limit=200)[0]
            for ends in pairwise(points)
        ]
        found.append(1e-18 * sum(pieces))
    return np.array(found)


class TestEfficiency:
    def test_is_the_table(self):
        np.testing.assert_array_equal(ita_efficiency().edges, EDGES)
        np.testing.assert_array_equal(ita_efficiency().values, EFFICIENCY)

    def derived(self, measurement):
        """Selected events over 3.957e8 B mesons x 4.97e-6 x SM fraction, split at the edges."""
        selected = measurement.density[measurement.model.bins[measurement.signal] < 12].sum(axis=0)
        produced = 3.957e8 * 4.97e-6 * measurement.null_br / measurement.null_br.sum()
        cumulative = [np.cumsum([0.0, *counts]) for counts in (selected, produced)]
        found = [np.diff(np.interp(EDGES, measurement.q2_edges, c)) for c in cumulative]
        return found[0] / found[1]

    def test_follows_from_the_published_densities(self, likelihood_dir):
        (published,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
        np.testing.assert_allclose(self.derived(published)[:11], EFFICIENCY[:11], rtol=5e-4)

    def test_follows_from_the_compact_form(self):
        """Whose bins are twice as wide."""
        (compact,) = load_measurements(["belle2_knunu_2023"])
        found = self.derived(compact)
        np.testing.assert_allclose(found[:11], EFFICIENCY[:11], rtol=0.015)
        assert found[11] == 0


class TestNormalisedSpectrum:
    @pytest.mark.parametrize("mode", REPORTED)
    def test_area_is_1(self, inputs, mode):
        def spectrum(q2):
            return float(NORMALISED(mode, SM, inputs, q2))

        area, _ = quad(spectrum, 0, end(mode), epsabs=0, epsrel=1e-10, limit=200)
        assert area == pytest.approx(1, rel=1e-9)

    def test_sm_by_hand(self, inputs):
        """Proportional to lambda^(3/2) f_+^2."""
        m_B, m_K = (float(inputs.values[m]) for m in ("m_B_plus", "m_K_plus"))
        form_factor = jax.jit(lambda q2: inputs.form_factors["B->K"](q2)["f+"])

        def shape(q2):
            kallen = (m_B**2 - m_K**2 - q2) ** 2 - 4 * m_K**2 * q2
            return max(kallen, 0.0) ** 1.5 * float(form_factor(q2)) ** 2

        area, _ = quad(shape, 0, (m_B - m_K) ** 2, epsabs=0, epsrel=1e-11, limit=200)
        for q2 in (0.5, 7.0, 19.0):
            found = float(NORMALISED("B+->K+", SM, inputs, q2))
            assert found == pytest.approx(shape(q2) / area, rel=1e-9)

    @pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0"])
    def test_second_form_of_equation_22(self, inputs, mode):
        """(SM + (R - 1) NP)/R of the normalised spectra of the two parts."""
        pair = ScalarPair(0.6, S=3e-8, A=2e-8)
        gamma = [float(programs.gamma(mode, s, inputs)) for s in (SM, pair)]
        ratio = 1 + gamma[1] / gamma[0]
        for q2 in (0.8, 3.0, 12.0):
            sm, new = (
                float(SPECTRUM(mode, s, inputs, q2)) / g
                for s, g in zip((SM, pair), gamma, strict=True)
            )
            found = float(NORMALISED(mode, [SM, pair], inputs, q2))
            assert found == pytest.approx((sm + (ratio - 1) * new) / ratio, rel=1e-11)

    def test_the_ckm_factor_drops_out(self, inputs):
        shifted = Nuisances(inputs, ["ckm"]).shift(jnp.array([2.0]))
        values = [float(NORMALISED("B+->K+", SM, i, 4.0)) for i in (inputs, shifted)]
        assert values[0] == pytest.approx(values[1], rel=1e-13)

    def test_a_line_has_none(self, inputs):
        with pytest.raises(InputError, match="a two-body decay has no q2 spectrum"):
            normalised_spectrum("B+->K+", [SM, TwoBody(2.0, S=1e-8)], inputs, 3.0)

    def test_no_rate_at_all(self, inputs):
        def spectrum(mu):
            return normalised_spectrum("B+->K+", Scaled(SM, mu), inputs, 3.0)

        value, slope = jax.value_and_grad(spectrum)(0.0)
        assert (float(value), float(slope)) == (np.inf, 0.0)


class TestHistogram:
    @pytest.mark.parametrize("name", ["scalars", "broad resonance"])
    def test_by_hand(self, inputs, name):
        states = [SM, NEW[name]]
        centres = EDGES[:-1] + 1
        seen = EFFICIENCY * [
            sum(float(SPECTRUM("B+->K+", s, inputs, q2)) for s in states) for q2 in centres
        ]
        found = np.asarray(HISTOGRAM(states, inputs))
        np.testing.assert_allclose(found, seen / (2 * seen.sum()), rtol=1e-12)
        assert 2 * found.sum() == pytest.approx(1, rel=1e-14)

    def test_at_a_point_is_its_bin(self, inputs):
        histogram = np.asarray(HISTOGRAM(SM, inputs))
        points = jnp.array([0.0, 1.99, 2.0, 21.0, 22.5, 24.0, -0.1])
        found = jax.vmap(lambda q2: efficiency_weighted_at(SM, inputs, q2))(points)
        expected = [*histogram[[0, 0, 1, 10, 11]], 0.0, 0.0]
        np.testing.assert_allclose(found, expected, rtol=1e-13)

    def test_new_particles_move_it(self, inputs):
        """A pair of 300 MeV with a current is harder than the SM."""
        sm, new = (np.asarray(HISTOGRAM(s, inputs)) for s in (SM, [SM, NEW["scalars"]]))
        mean = [2 * (h * (EDGES[:-1] + 1)).sum() for h in (sm, new)]
        assert mean[0] < mean[1]


class TestOmega:
    @pytest.mark.parametrize("name", NEW)
    def test_by_adaptive_quadrature(self, inputs, name):
        sm, new = bins(SM, inputs), bins(NEW[name], inputs)
        expected = (sm @ EFFICIENCY / sm.sum()) / (new @ EFFICIENCY / new.sum())
        assert float(OMEGA([SM, NEW[name]], inputs)) == pytest.approx(expected, rel=1e-7)

    def test_interference_belongs_to_the_new_part(self, inputs):
        """Universal couplings: total minus SM, of which the vector part is negative here."""
        state = Universal(cVL=5.0, cSL=3.0)
        sm = bins(SM, inputs)
        new = bins(state, inputs) - sm
        expected = (sm @ EFFICIENCY / sm.sum()) / (new @ EFFICIENCY / new.sum())
        assert float(OMEGA(state, inputs)) == pytest.approx(expected, rel=1e-7)

    def test_a_line_is_in_one_bin(self, inputs):
        sm = bins(SM, inputs)
        for m in (1.0, 2.1, 3.0):
            efficiency = EFFICIENCY[int(m**2 / 2)]
            expected = sm @ EFFICIENCY / sm.sum() / efficiency
            found = float(OMEGA([SM, TwoBody(m, S=1e-8)], inputs))
            assert found == pytest.approx(expected, rel=1e-8)

    @pytest.mark.parametrize(
        "state",
        [Neutrinos.named({"CR_tautau": -9.0}), Neutrinos.named({"CL_ee": 2.0}), Scaled(SM, 4.6)],
        ids=["C_R", "C_L", "mu"],
    )
    def test_the_spectrum_of_the_sm_has_1(self, inputs, state):
        assert float(OMEGA(state, inputs)) == pytest.approx(1, rel=1e-11)

    def test_does_not_depend_on_the_coupling(self, inputs):
        weak, strong = (float(OMEGA([SM, ScalarPair(0.7, S=c)], inputs)) for c in (1e-10, 1e-7))
        assert weak == pytest.approx(strong, rel=1e-7)

    @pytest.mark.parametrize(
        "states",
        [
            [SM],
            [SM, ScalarPair(0.7, S=0.0)],
            [SM, ScalarPair(2.5, S=1e-7)],
            [SM, TwoBody(4.73, S=1e-7)],
            [Universal.standard_model(load_inputs())],
        ],
        ids=["SM", "no coupling", "closed", "not selected", "SM in other words"],
    )
    def test_infinite_where_nothing_new_is_seen(self, inputs, states):
        assert float(OMEGA(states, inputs)) == np.inf

    def test_gradients_are_finite(self, inputs):
        def of_scalars(m, c):
            return omega([SM, ScalarPair(m, S=c)], inputs)

        run = jax.jit(jax.value_and_grad(of_scalars, argnums=(0, 1)))
        h = 1e-5
        ends = [float(run(0.7 + s * h, 1e-8)[0]) for s in (1, -1)]
        slope = float(run(0.7, 1e-8)[1][0])
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5)
        for m, c in ((0.7, 0.0), (2.5, 1e-8)):
            assert [float(s) for s in run(m, c)[1]] == [0.0, 0.0]


class TestPredict:
    def test_observables(self, capsys, inputs):
        names = ("dGammatilde/dq2(B+->K+inv)", "dGammatilde_eff/dq2(B+->K+inv)", "omega")
        settings = (
            "--model",
            "resonance",
            "--set",
            "m=2.1",
            "--set",
            "width=0.2",
            "--set",
            "S=1e-8",
        )
        code, out, _ = run(capsys, "predict", *names, *settings, "--q2", "1,5.5", "--json")
        assert code == 0
        found = json.loads(out)["observables"]
        states = [SM, Resonance(2.1, 0.2, S=1e-8)]
        histogram = np.asarray(HISTOGRAM(states, inputs))
        spectrum = [float(NORMALISED("B+->K+", states, inputs, q2)) for q2 in (1, 5.5)]
        np.testing.assert_allclose(found[names[0]], spectrum, rtol=1e-12)
        np.testing.assert_allclose(found[names[1]], histogram[[0, 2]], rtol=1e-12)
        assert found["omega"] == pytest.approx(float(OMEGA(states, inputs)), rel=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("omega",), "omega is not finite here; it needs new physics in B+->K+ that is seen"),
            (("omega", "--errors", "5"), "it needs new physics"),
            (
                (
                    "dGammatilde/dq2(B+->K+inv)",
                    "--q2",
                    "3",
                    "--model",
                    "signal-strength",
                    "--set",
                    "mu=0",
                ),
                "it needs a rate that is not 0",
            ),
            (("dGammatilde/dq2(B0->K0inv)",), "is a spectrum; give --q2"),
            (("dGammatilde_eff/dq2(B+->K+inv)", "--q2", "23.5"), "outside the phase space"),
        ],
    )
    def test_bad_input_is_one_line(self, capsys, arguments, message):
        code, out, err = run(capsys, "predict", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
