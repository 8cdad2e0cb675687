"""B -> K(*) l l', Bs -> l l' and R_D against amplitudes; conventions, thresholds, derivatives."""

import dataclasses

import brute_force_charged as brute
import brute_force_mixing as mixing
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from pair_comparison import form_factors, meson_masses

from bsnunu_jax import Neutrinos, get_observable
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs, numbers
from bsnunu_jax.observables.charged_catalogue import ALIASES, WINDOWS, charged_observables
from bsnunu_jax.observables.charged_current import R_D, R_Dstar, ratio_to_sm
from bsnunu_jax.observables.charged_leptons import (
    branching_fraction,
    branching_fraction_bs,
    dgamma_dq2,
)
from bsnunu_jax.states.neutrinos import FLAVOURS
from bsnunu_jax.states.sectors import ChargedCurrent, ChargedLeptons, Sectors

CHARGED = {o.name: o for o in charged_observables()}
PAIRS = [(a, b) for a in FLAVOURS for b in FLAVOURS]
TOLERANCE = 1e-10


def drawn(rng: np.random.Generator) -> np.ndarray:
    """Random complex C9, C10, C9', C10', [name, i, j]."""
    return rng.normal(scale=5, size=(4, 3, 3)) + 1j * rng.normal(scale=5, size=(4, 3, 3))


def entry(matrices: np.ndarray, minus: str, plus: str) -> np.ndarray:
    """C^{ij} of B -> K minus^- plus^+: the barred lepton is the one that is positive here."""
    return matrices[:, FLAVOURS.index(plus), FLAVOURS.index(minus)]


def sm(inputs: Inputs) -> np.ndarray:
    """SM values of C9, C10, C9', C10', C7 with the alpha of these inputs."""
    v = {k: float(x) for k, x in inputs.values.items()}
    ratio = v["alpha_em_mb_4p8"] / float(inputs.role("alpha_hamiltonian"))
    c9, c7 = (v[f"{c}_re"] + 1j * v[f"{c}_im"] for c in ("C9eff", "C7eff"))
    return ratio * np.array([c9, v["C10_SM"], 0, 0, c7])


def rate(form: np.ndarray, new: np.ndarray, inputs: Inputs, *, same: bool) -> float:
    """Of Bbar for two flavours; the mean of B and Bbar for one."""
    N_0 = float(inputs.N_0)
    if not same:
        return N_0**2 * brute.rate(form[:4, :4], new)
    coefficients = [sm(inputs) + np.append(c, 0) for c in (new, new.conj())]
    return N_0**2 * sum(brute.rate(form, c) for c in coefficients) / 2


def form_at(mode: str, minus: str, plus: str, q2: float, inputs: Inputs) -> np.ndarray:
    masses = (float(inputs.values[f"m_{flavour}"]) for flavour in (plus, minus))
    return brute.quadratic_form(
        q2,
        *meson_masses(inputs, mode),
        form_factors(inputs, mode, q2),
        *masses,
        float(inputs.values["mb_MSbar_4p8"]),
        vector=MODES[mode].vector,
    )


@pytest.mark.parametrize(("mode", "charge_parity"), [("Bs->phi", -1)])
def test_tau_pairs_are_integrated_over_time(
    mode: str, charge_parity: int, inputs: Inputs, rng: np.random.Generator
) -> None:
    """Strong phases of C_9^eff and C_7 stay, weak ones of new physics change sign."""
    matrices, width = drawn(rng), jnp.asarray(0.6)
    wide = eqx.tree_at(lambda i: i.values["DeltaGamma_over_Gamma_Bs"], inputs, width)
    c = ChargedLeptons(*matrices)
    for q2 in (13.0, 17.5):
        expected = float(inputs.N_0) ** 2 * mixing.leptons(
            q2,
            *meson_masses(inputs, mode),
            form_factors(inputs, mode, q2),
            float(inputs.values["m_tau"]),
            float(inputs.values["mb_MSbar_4p8"]),
            sm(inputs),
            np.append(entry(matrices, "tau", "tau"), 0),
            vector=True,
            charge_parity=charge_parity,
            y=0.3,
        )
        found = float(dgamma_dq2(mode, "tau", "tau", c, wide, jnp.asarray(q2)))
        assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_phi_beside_flavio() -> None:
    """flavio 2.7.1: dBR/dq2 of Bs -> phi tau tau integrated, and from 15 GeV^2 on."""
    flavio = load_inputs("flavio", {"Bs->phi": "bsz2015v2_lcsrlattice"})
    published = {"": (1.3579e-7, 0.02), "[15,19]": (9.0319e-8, 0.008)}
    for window, (value, accuracy) in published.items():
        found = get_observable(f"BR(Bs->phitau+tau-){window}").function(Neutrinos(), flavio)
        assert float(found) == pytest.approx(value, rel=accuracy, abs=0)


def limits(mode: str, minus: str, plus: str, inputs: Inputs) -> tuple[float, float]:
    threshold = sum(float(inputs.values[f"m_{flavour}"]) for flavour in (minus, plus)) ** 2
    return threshold, float(kinematics.q2_max(*meson_masses(inputs, mode)))


@pytest.mark.parametrize("mode", REPORTED)
def test_spectrum(mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    matrices = drawn(rng)

    @jax.jit
    def package(matrices: jax.Array, q2: jax.Array) -> jax.Array:
        c = ChargedLeptons(*matrices)
        one = [jax.vmap(lambda x, p=p: dgamma_dq2(mode, *p, c, inputs, x)) for p in PAIRS]
        return jnp.stack([f(x) for f, x in zip(one, q2, strict=True)])

    ends = np.array([limits(mode, *pair, inputs) for pair in PAIRS])
    q2 = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * np.array([0.01, 0.2, 0.6, 0.99])
    found = np.asarray(package(matrices, q2))
    assert found.shape == q2.shape
    for k, (minus, plus) in enumerate(PAIRS):
        for n, x in enumerate(q2[k]):
            new = entry(matrices, minus, plus)
            form = form_at(mode, minus, plus, float(x), inputs)
            expected = rate(form, new, inputs, same=minus == plus)
            assert found[k, n] == pytest.approx(expected, rel=TOLERANCE, abs=0)


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0"])
def test_totals_and_windows(mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    """The amplitudes integrated: smooth at both ends in q2 = threshold + width sin^2."""
    matrices = drawn(rng)
    window = WINDOWS[MODES[mode].vector]
    cases = [
        ("mu", "tau", None),
        ("tau", "mu", None),
        ("tau", "e", None),
        ("e", "mu", None),
        ("tau", "tau", None),
        ("tau", "tau", window),
    ]

    @jax.jit
    def package(matrices: jax.Array) -> jax.Array:
        c = ChargedLeptons(*matrices)
        return jnp.stack([branching_fraction(mode, a, b, c, inputs, window=w) for a, b, w in cases])

    found = np.asarray(package(matrices))
    tau_B = float(inputs.lifetime(MODES[mode].tau_B))
    for value, (minus, plus, cut) in zip(found, cases, strict=True):
        low, high = limits(mode, minus, plus, inputs)
        # e mu starts at 0.01 GeV^2: stretch the threshold.
        nodes, weights = leggauss(60)
        t, w = (nodes + 1) / 2, weights / 2
        if cut:
            q2, jacobian = cut[0] + (cut[1] - cut[0]) * t, cut[1] - cut[0] + 0 * t
        else:
            scale = np.arcsinh(np.sqrt((high - low) / (4 * 1e-4)))
            v = scale * np.sin(np.pi * t / 2)
            q2 = low + 4e-4 * np.sinh(v) ** 2
            jacobian = 4e-4 * np.sinh(2 * v) * scale * np.pi / 2 * np.cos(np.pi * t / 2)
        new, same = entry(matrices, minus, plus), minus == plus
        rates = [
            rate(form_at(mode, minus, plus, float(x), inputs), new, inputs, same=same) for x in q2
        ]
        expected = tau_B * float((w * jacobian) @ rates)
        assert value == pytest.approx(expected, rel=TOLERANCE, abs=0)


def test_annihilation(inputs: Inputs, rng: np.random.Generator) -> None:
    """Time-integrated for tau tau: |P|^2 (1 + A y)/(1 - y^2) with P = C10 - C10'."""
    matrices = drawn(rng)
    v = {name: float(x) for name, x in inputs.values.items()}
    tau, N_0, y = float(inputs.lifetime("tau_B_s")), float(inputs.N_0), 0.129 / 2
    for minus, plus in PAIRS:
        found = branching_fraction_bs(minus, plus, ChargedLeptons(*matrices), inputs)
        form = brute.annihilation_form(v["m_B_s"], v["f_Bs"], v[f"m_{plus}"], v[f"m_{minus}"])
        c, factor = entry(matrices, minus, plus), 1.0
        if minus == plus:
            c = c + sm(inputs)[:4]
            P = c[1] - c[3]
            factor = (1 + (P**2).real / abs(P) ** 2 * y) / (1 - y**2)
        expected = factor * tau * N_0**2 * brute.rate(form, c)
        assert float(found) == pytest.approx(expected, rel=TOLERANCE, abs=0)


def test_bs_without_amplitude(inputs: Inputs) -> None:
    """C10' cancels C10: 0 and not 0/0, with a derivative."""
    cancelled = ChargedLeptons(C10p=np.diag([0, 0, sm(inputs)[1]]))
    value, slope = jax.value_and_grad(
        lambda x: branching_fraction_bs(
            "tau", "tau", ChargedLeptons(C10p=cancelled.C10p + x), inputs
        )
    )(0.0)
    assert float(value) == float(slope) == 0


# models.md: coefficients of |C9+-C9'|^2, |C10+-C10'|^2, and the rate of C9' = -C10' = 1.
CONSTANTS = {
    "BR(B+->K+mu-tau+)": (1.120e-8, 1.165e-8, 2.285e-8),
    "BR(Bs->mu-tau+)": (0.955e-8, 1.248e-8, 2.203e-8),
    "BR(B0->K*0mu-tau+)": (None, None, 3.984e-8),
}


def test_flavour_violating_constants() -> None:
    """B -> K mu- tau+ goes with C^{tau mu}, barred lepton first, with the preset flavio."""
    inputs = load_inputs("flavio")
    names = list(CONSTANTS)
    unit = np.zeros((3, 3))
    unit[2, 1] = 1
    sets = np.array(
        [
            [unit, 0 * unit, 0 * unit, 0 * unit],
            [0 * unit, unit, 0 * unit, 0 * unit],
            [0 * unit, 0 * unit, unit, -unit],
            [u.T for u in (0 * unit, 0 * unit, unit, -unit)],
        ]
    )

    @jax.jit
    def every(matrices: jax.Array) -> jax.Array:
        sectors = Sectors((Neutrinos(),), ChargedLeptons(*matrices))
        return jnp.stack([CHARGED[name].function(sectors, inputs) for name in names])

    found = np.asarray(jax.vmap(every)(sets))
    for k, name in enumerate(names):
        for n, expected in enumerate(CONSTANTS[name]):
            if expected is not None:
                assert float(found[n, k]) == pytest.approx(expected, abs=0.5e-11, rel=0)
        assert found[3, k] == 0


def test_sums_of_charges(inputs: Inputs, rng: np.random.Generator) -> None:
    sectors = Sectors((Neutrinos(),), ChargedLeptons(*drawn(rng)))
    for mode in ("B0->K*0", "Bs->"):
        both, one, other = (
            float(CHARGED[f"BR({mode}{pair})"].function(sectors, inputs))
            for pair in ("mu+-tau-+", "mu-tau+", "mu+tau-")
        )
        assert one != pytest.approx(other, rel=0.01)
        assert both == pytest.approx(one + other, rel=1e-14, abs=0)


# models.md, at the printed precision.
SM = {
    "BR(B+->K+tau+tau-)": (1.59e-7, 0.005e-7),
    "BR(B+->K+tau+tau-)[15,22]": (1.21e-7, 0.005e-7),
    "BR(B0->K*0tau+tau-)[15,19]": (0.95e-7, 0.005e-7),
    "BR(Bs->tau+tau-)": (7.70e-7, 0.005e-7),
    # The accuracy of the constants.
    "BR(B0->K*0tau+tau-)": (1.40e-7, 0.02 * 1.40e-7),
}


@jax.jit
def sm_rates(inputs: Inputs) -> dict[str, jax.Array]:
    return {name: CHARGED[name].function(Neutrinos(), inputs) for name in SM}


def test_sm_rates_do_not_depend_on_the_alpha_of_the_prefactor() -> None:
    inputs = load_inputs("flavio")
    roles = tuple((dict(inputs.roles) | {"alpha_hamiltonian": "alpha_em_mZ"}).items())
    found, other = sm_rates(inputs), sm_rates(dataclasses.replace(inputs, roles=roles))
    for name in SM:
        assert float(found[name]) == pytest.approx(float(other[name]), rel=1e-14, abs=0)


def test_standard_model_rates() -> None:
    found = sm_rates(load_inputs("flavio"))
    for name, (expected, precision) in SM.items():
        assert float(found[name]) == pytest.approx(expected, abs=precision, rel=0)


def test_derivatives(inputs: Inputs, rng: np.random.Generator) -> None:
    """With respect to couplings, masses and form factors; each is a polynomial or smooth."""
    names = ("BR(B+->K+tau+tau-)", "BR(B0->K*0mu-tau+)", "BR(Bs->tau+tau-)", "BR(Bs->e+-tau-+)")
    matrices = drawn(rng)
    direction = rng.normal(size=matrices.shape)
    keys = ("m_tau", "m_mu", "m_B_plus", "m_Kstar_0", "C9eff_re", "C7eff_im", "f_Bs")

    def every(step: jax.Array) -> jax.Array:
        values = inputs.values | {k: inputs.values[k] * (1 + step) for k in keys}
        moved = dataclasses.replace(inputs, values=values)
        sectors = Sectors((Neutrinos(),), ChargedLeptons(*(matrices + step * direction)))
        return jnp.stack([CHARGED[name].function(sectors, moved) for name in names])

    h = 1e-4
    both = jax.jit(lambda t: (every(t), jax.jacfwd(every)(t)))
    central, slope = both(0.0)
    ahead, behind, far, back = (np.asarray(both(k * h)[0]) for k in (1, -1, 2, -2))
    numerical = (8 * (ahead - behind) - (far - back)) / (12 * h)
    assert np.isfinite(np.asarray(slope)).all()
    np.testing.assert_allclose(np.asarray(slope), numerical, rtol=1e-7, atol=1e-9 * central.max())


def test_closed_channels(inputs: Inputs) -> None:
    """Below the threshold and beyond the endpoint: 0, and so are the derivatives."""
    charged = ChargedLeptons(*(np.full((3, 3), c) for c in (3, 1j, 1)))
    low, high = limits("B+->K+", "mu", "tau", inputs)
    spectrum = jax.jit(
        jax.value_and_grad(lambda q2: dgamma_dq2("B+->K+", "mu", "tau", charged, inputs, q2))
    )
    for q2 in (0.0, 0.5 * low, low, high, 1.1 * high):
        assert [float(x) for x in spectrum(q2)] == [0, 0]
    assert float(spectrum(1.01 * low)[0]) > 0

    @jax.jit
    def heavy(m: jax.Array) -> tuple[jax.Array, jax.Array]:
        def total(m: jax.Array) -> jax.Array:
            moved = dataclasses.replace(inputs, values=inputs.values | {"m_tau": m})
            totals = [
                branching_fraction(mode, "tau", "tau", charged, moved)
                for mode in ("B+->K+", "B0->K*0")
            ]
            totals += [
                branching_fraction("B+->K+", "e", "tau", charged, moved, window=(1.0, 9.0)),
                branching_fraction_bs("tau", "tau", charged, moved),
            ]
            return jnp.stack(totals)

        return total(m), jax.jacfwd(total)(m)

    for mass in (3.1, 6.0):  # of tau tau, and of e tau, closed
        value, slope = np.asarray(heavy(mass))
        assert (value == 0).all()
        assert (slope == 0).all()
    assert np.isfinite(np.asarray(heavy(1.7))).all()


def test_no_new_physics_has_a_finite_gradient(inputs: Inputs) -> None:
    every = jnp.ones((3, 3))

    @jax.jit
    @jax.grad
    def slope(x: jax.Array) -> jax.Array:
        sectors = Sectors((Neutrinos(),), ChargedLeptons(C9=x * every), ChargedCurrent(x * every))
        names = ("BR(B+->K+mu-tau+)", "BR(Bs->mu+tau-)", "R_D", "R_Dstar")
        return sum(CHARGED[name].function(sectors, inputs) for name in names)

    assert np.isfinite(float(slope(0.0)))


def test_light_pairs_and_unknown_leptons_are_refused(inputs: Inputs) -> None:
    for flavour in ("e", "mu"):
        with pytest.raises(InputError, match="charmonia"):
            branching_fraction("B+->K+", flavour, flavour, ChargedLeptons(), inputs)
    with pytest.raises(InputError, match="unknown lepton 'nu'"):
        dgamma_dq2("B+->K+", "mu", "nu", ChargedLeptons(), inputs, 5.0)


def test_r_d(inputs: Inputs) -> None:
    CVL = np.zeros((3, 3), dtype=complex)
    CVL[2] = 0.3j, -0.2, 0.05
    ratio = 1.05**2 + 0.3**2 + 0.2**2
    assert float(ratio_to_sm(ChargedCurrent(CVL))) == pytest.approx(ratio, rel=1e-14)
    assert float(R_D(ChargedCurrent(CVL), inputs)) == pytest.approx(0.296 * ratio, rel=1e-14)
    assert float(R_Dstar(ChargedCurrent(CVL), inputs)) == pytest.approx(0.254 * ratio, rel=1e-14)
    assert float(ratio_to_sm(ChargedCurrent(np.diag([0.1, 0.1, 0.1])))) == pytest.approx(1.0)
    assert float(CHARGED["R_D"].function(Neutrinos(), inputs)) == pytest.approx(0.296, rel=1e-14)


def test_nuisances(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, groups=["charged"])
    assert nuisances.names == ("R_D_SM", "R_Dstar_SM", "DeltaGamma_over_Gamma_Bs", "Vcb")
    shifted = nuisances.shift(jnp.array([1.0, 0.0, 0.0, 0.0]))
    assert float(CHARGED["R_D"].function(Neutrinos(), shifted)) == pytest.approx(0.3, rel=1e-14)


def test_names() -> None:
    assert len(CHARGED) == len(charged_observables())
    assert set(ALIASES.values()) <= set(CHARGED)
    assert not set(ALIASES) & set(CHARGED)
    assert ALIASES["BR(B+->Kmutau)"] == "BR(B+->K+mu-tau+)"
    assert "C_taumu" in CHARGED["BR(B+->K+mu-tau+)"].description
    assert all(MODES[o.mode].charged for o in CHARGED.values() if o.differential)
    table = numbers("default")
    new = ("C9eff_re", "C9eff_im", "C7eff_re", "C7eff_im", "C10_SM", "R_D_SM", "R_Dstar_SM")
    assert all(type(table[name].value) is float and table[name].source for name in new)
