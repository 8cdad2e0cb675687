"""B -> X_s + invisible by M(X_s): the line of the K*, motion of the b quark, regions, windows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parton_spectrum import closed_form
from scipy.integrate import quad

from bsnunu_jax.hadrons.kstar_width import KstarShape, with_s_wave
from bsnunu_jax.hadrons.transitions import TRANSITIONS
from bsnunu_jax.inputs import GROUPS, Nuisances, form_factor_sets, load_inputs
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables import branching, inclusive, kpi_window
from bsnunu_jax.observables.catalogue import OBSERVABLES, get_observable
from bsnunu_jax.rates import kernels
from bsnunu_jax.rates.hadronic_mass import FermiMotion, ShapeFunction, fraction_below
from bsnunu_jax.runs.predict import uncertain
from bsnunu_jax.states import Neutrinos, ScalarPair

LINE = KstarShape(0.8955, 0.0473, 0.4937, 0.13957, 3.0)

WINDOWS = {
    (0.8955 - 0.075, 0.8955 + 0.075): "0.8013",
    (0.8955 - 0.1, 0.8955 + 0.1): "0.846",
    (0.0, 1.0): "0.866",
    (0.0, 1.6): "0.967",
}


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_of_the_line(window):
    printed = WINDOWS[window]
    found = float(LINE.fraction(*window))
    assert f"{found:.{len(printed) - 2}f}" == printed
    low = max(window[0], float(LINE.threshold))
    density = jax.jit(lambda m: LINE.density(m))
    expected = quad(
        lambda m: 2 * m * float(density(jnp.asarray(m))),
        low,
        window[1],
        points=[0.85, 0.94],
        epsabs=1e-12,
        limit=200,
    )[0]
    assert found == pytest.approx(expected, abs=1e-9)


def test_running_width():
    """Gamma_0 at the peak, k^3 at the threshold, 0 below it, finite slopes everywhere."""
    assert float(LINE.running_width(jnp.asarray(0.8955))) == pytest.approx(0.0473, rel=1e-13)
    threshold = float(LINE.threshold)
    above = LINE.running_width(threshold + jnp.asarray([1e-6, 4e-6]))
    assert float(above[1] / above[0]) == pytest.approx(8.0, rel=1e-3)
    assert float(LINE.running_width(jnp.asarray(threshold - 1e-9))) == 0
    assert float(LINE.fraction(0.3, threshold)) == 0
    slope = jax.jit(
        jax.grad(lambda width, m: eqx.tree_at(lambda s: s.width, LINE, width).density(m), (0, 1))
    )
    for m in (0.5, threshold, 0.8955, 1.4):
        assert np.isfinite(slope(0.0473, m)).all()
    of = jax.jit(lambda width: eqx.tree_at(lambda s: s.width, LINE, width).fraction(0.0, 1.0))
    difference = (of(0.0474) - of(0.0472)) / 2e-4
    assert float(jax.grad(of)(0.0473)) == pytest.approx(float(difference), rel=1e-5)


def test_a_narrow_kstar_is_a_line():
    narrow = KstarShape(0.8955, 1e-6, 0.4937, 0.13957, 3.0)
    assert float(narrow.fraction(0.85, 0.94)) == pytest.approx(1.0, abs=2e-5)
    assert float(narrow.average(lambda m: m**3, 0.85, 0.94)) == pytest.approx(0.8955**3, rel=3e-5)


def test_a_wide_kstar_in_the_standard_model(inputs):
    """Relative to narrow x window: below 1 % within 100 MeV; F_L moves by 0.002 at most."""

    @jax.jit
    def at(m, fixed):
        """Rate and its longitudinal part at mass m, A12 or h_0 = 8 m_B m A12 fixed."""
        there = eqx.tree_at(lambda i: i.values["m_Kstar_0"], inputs, m)
        ff = inputs.form_factors["B->K*"]

        def scaled(q2):
            found = ff(q2)
            m_0 = inputs.values["m_Kstar_0"]
            return found | {"A12": found["A12"] * jnp.where(fixed, m_0 / m, 1.0)}

        there = eqx.tree_at(lambda i: i.form_factors["B->K*"], there, scaled)
        parts = (
            kernels.integrated_kernels("B0->K*0", Neutrinos(), there, longitudinal=long)["axial"]
            for long in (False, True)
        )
        full, long = parts
        vector = kernels.integrated_kernels("B0->K*0", Neutrinos(), there)["vector"]
        return jnp.stack([full + vector, long])

    shape = kpi_window.kstar_shape("B0->K*0", inputs)
    m_0 = float(inputs.values["m_Kstar_0"])
    narrow = at(m_0, False)
    for fixed, sign in ((False, 1), (True, -1)):
        found = shape.average(lambda m, f=fixed: at(m, f), m_0 - 0.1, m_0 + 0.1)
        inside = shape.fraction(m_0 - 0.1, m_0 + 0.1)
        change = float(found[0] / (narrow[0] * inside)) - 1
        assert abs(change) < 0.005
        F_L = float(found[1] / found[0])
        assert abs(F_L - float(narrow[1] / narrow[0])) < 0.0025
        wide = shape.average(lambda m, f=fixed: at(m, f), 0.0, 1.6)
        change = float(wide[0] / (narrow[0] * shape.fraction(0.0, 1.6))) - 1
        assert 0.003 < sign * change < 0.03


def test_regions_of_mass(inputs):
    """K; the K* up to 1.0 GeV with its S wave; the rest, so that all three are the total."""

    @jax.jit
    def of(state, s_wave):
        there = eqx.tree_at(lambda i: i.values["F_S_Kpi"], inputs, jnp.asarray(s_wave))
        return inclusive.mass_regions("B0->Xs", state, there)

    sm = of(Neutrinos(), 0.0)
    assert sum(map(float, sm)) == pytest.approx(3.35e-5, rel=1e-13, abs=0)
    kaon = float(branching.branching_fraction("B0->K0", Neutrinos(), inputs))
    kstar = float(branching.branching_fraction("B0->K*0", Neutrinos(), inputs))
    assert float(sm.kaon) == pytest.approx(kaon, rel=1e-14, abs=0)
    assert float(sm.kstar / kstar) == pytest.approx(0.866, abs=5e-4)
    assert f"{kaon / 3.35e-5:.2f}" == "0.14"
    assert f"{(kaon + kstar) / 3.35e-5:.2f}" == "0.40"
    wave = of(Neutrinos(), 0.05)
    assert float(wave.kstar) == pytest.approx(float(sm.kstar) / 0.95, rel=1e-14, abs=0)
    assert float(wave.rest + wave.kstar) == pytest.approx(float(sm.rest + sm.kstar), rel=1e-13)
    assert float(with_s_wave(jnp.asarray(0.9), 0.1)) == pytest.approx(1.0, rel=1e-15)
    both = of((Neutrinos(), ScalarPair(0.1, V=1e-8)), 0.0)
    assert all(float(a) > float(b) for a, b in zip(both, sm, strict=True))
    slope = jax.jit(jax.grad(lambda c: of(ScalarPair(0.3, P=c), 0.05).rest))(1e-8)
    assert np.isfinite(float(slope))


# Fractions below 0.6, 1.0, 1.1 and 1.8 GeV of an independent program.
CUTS = (0.6, 1.0, 1.1, 1.8)
FRACTIONS = [
    (FermiMotion(5.28, 0.1, 0.15, 0.3), (0.114, 0.46, 0.55, 0.95)),
    (FermiMotion(5.28, 0.1, 0.15, 0.41), (0.099, 0.37, 0.45, 0.88)),
    (FermiMotion(5.28, 0.1, 0.15, 0.5), (0.090, 0.33, 0.40, 0.82)),
    (ShapeFunction(5.28, 0.55, 0.3), (0.042, 0.28, 0.37, 0.89)),
    (ShapeFunction(5.28, 0.65, 0.45), (0.037, 0.24, 0.32, 0.84)),
    (ShapeFunction(5.28, 0.75, 0.5), (0.017, 0.16, 0.23, 0.77)),
]
below = jax.jit(jax.vmap(fraction_below, (None, 0, None, None)))


@pytest.mark.parametrize(("motion", "printed"), FRACTIONS)
def test_fractions_below_a_mass(motion, printed, inputs):
    found = np.asarray(below(motion, jnp.asarray(CUTS), Neutrinos(), inputs))
    for value, expected in zip(found, printed, strict=True):
        assert value == pytest.approx(expected, abs=0.0006 if expected < 0.12 else 0.006)


def test_motion_against_four_vectors(inputs, rng):
    """A Monte Carlo of quarks in motion: M(X) from the momenta of s and spectator."""
    n, m_B, m_s, m_sp, p_F = 400_000, 5.28, 0.1, 0.15, 0.41
    p = np.linalg.norm(rng.normal(scale=p_F / np.sqrt(2), size=(n, 3)), axis=1)
    E_sp = np.hypot(p, m_sp)
    W = np.sqrt(m_B**2 + m_sp**2 - 2 * m_B * E_sp)
    q2 = rng.uniform(0, 1, n) * (W - m_s) ** 2
    lam = ((W - m_s) ** 2 - q2) * ((W + m_s) ** 2 - q2)
    C, weight = float(inputs.C_L_SM), (W - m_s) ** 2 * W / (m_B - E_sp)
    weight *= closed_form(q2, W, m_s, C**2, 0.0, 0.0)
    k, cosine = np.sqrt(lam) / (2 * W), rng.uniform(-1, 1, n)
    # The s quark in the frame of b, boosted along the momentum of b, and the spectator against it.
    gamma_b, along = (m_B - E_sp) / W, p / W
    E_s = gamma_b * np.hypot(k, m_s) + along * k * cosine
    z_s = gamma_b * k * cosine + along * np.hypot(k, m_s)
    t2 = k**2 * (1 - cosine**2)
    mass = np.sqrt((E_s + E_sp) ** 2 - (z_s - p) ** 2 - t2)
    motion = FermiMotion(m_B, m_s, m_sp, p_F)
    found = below(motion, jnp.asarray(CUTS), Neutrinos(), inputs)
    for cut, value in zip(CUTS, found, strict=True):
        inside = (mass < cut) * weight
        error = np.sqrt(np.var(inside)) / np.sqrt(n) / weight.mean()
        assert float(value) == pytest.approx(inside.sum() / weight.sum(), abs=4 * error + 3e-4)


def test_slopes_of_motion(inputs):
    @jax.jit
    def one(p_F):
        return fraction_below(FermiMotion(5.28, 0.1, 0.15, p_F), 1.0, Neutrinos(), inputs)

    found = float(jax.jit(jax.grad(one))(0.41))
    difference = (float(one(0.42)) - float(one(0.40))) / 0.02
    assert found == pytest.approx(difference, rel=0.05)
    assert found < 0


def test_observables_of_regions(inputs):
    """Names, sums, the mean of both charges, and the S wave that is in them by default."""
    state = [Neutrinos(), ScalarPair(0.3, V=3e-9)]
    values = {
        name: float(get_observable(name).function(state, inputs))
        for name in OBSERVABLES
        if "Xsinv)" in name and name.startswith("BR(")
    }
    regions = ("[0,0.6]", "[0.6,1.0]", "[1.0,inf]")
    assert len(values) == 3 * 4
    for mode in ("B0->Xs", "B+->Xs", "B->Xs"):
        parts = [values[f"BR({mode}inv){region}"] for region in regions]
        assert sum(parts) == pytest.approx(values[f"BR({mode}inv)"], rel=1e-12, abs=0)
    for region in ("", *regions):
        of = {m: values[f"BR({m}inv){region}"] for m in ("B0->Xs", "B+->Xs", "B->Xs")}
        mean = (of["B0->Xs"] + of["B+->Xs"]) / 2
        assert of["B->Xs"] == pytest.approx(mean, rel=1e-13, abs=0)
    narrow = float(branching.branching_fraction("B0->K*0", state, inputs))
    inside = float(kpi_window.kstar_shape("B0->K*0", inputs).fraction(0.6, 1.0))
    expected = narrow * inside / 0.95
    assert values["BR(B0->Xsinv)[0.6,1.0]"] == pytest.approx(expected, rel=1e-12, abs=0)


def test_window_of_kpi(inputs):
    """Its part of the line and the S wave; the width counts for sum rules alone."""
    name, narrow = "BR_window(B0->K*0inv)", "BR(B0->K*0inv)"

    def value(name, inputs):
        return float(get_observable(name).function(Neutrinos(), inputs))

    assert value(name, inputs) / value(narrow, inputs) == pytest.approx(0.846 / 0.95, abs=1e-3)
    for sets, exponent in (("gkvd2018_lcsr", 1), ("gkvd2018_lcsrlattice", 0)):
        of = load_inputs(form_factors={"B->K*": sets})
        raised = eqx.tree_at(lambda i: i.values["norm_width_Kstar"], of, jnp.asarray(1.2))
        change = value(name, raised) / value(name, of)
        assert change == pytest.approx(1.2**exponent, rel=1e-13)
        assert value(narrow, raised) == value(narrow, of)
    assert uncertain([get_observable(narrow)]) == DEFAULT_GROUPS
    assert uncertain([get_observable(name)]) == tuple(
        g for g in GROUPS if g in (*DEFAULT_GROUPS, "Kpi")
    )
    assert Nuisances(inputs, ["Kpi"]).names == ("F_S_Kpi", "norm_width_Kstar")
    wider = eqx.tree_at(lambda i: i.values["F_S_Kpi"], inputs, jnp.asarray(0.1))
    assert value(name, wider) / value(name, inputs) == pytest.approx(0.95 / 0.9, rel=1e-13)


def test_sets_of_sum_rules_alone() -> None:
    """They have no lattice in their name."""
    for transition in TRANSITIONS:
        for name in form_factor_sets(transition):
            alone = name.endswith("_lcsr") or name == "mr2025"
            assert form_factor_set(transition, name).sum_rules is alone
