"""B -> K(*) l l', Bs -> l l' and R_D(*) against flavio 2.7.1 at 14 points of complex couplings."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.observables.charged_catalogue import ALIASES, charged_observables
from bsnunu_jax.observables.charged_leptons import dgamma_dq2
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import ChargedCurrent, ChargedLeptons, Sectors

flavio = pytest.importorskip("flavio", reason="needs flavio: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

INPUTS = load_inputs("flavio")
CHARGED = {o.name: o for o in charged_observables()}
LEPTONS = ("e", "mu", "tau")
PAIRS = [(a, b) for a in LEPTONS for b in LEPTONS if a != b]
MESONS = {
    "B+->K+": ("B+", "K+", "B+->K"),
    "B0->K0": ("B0", "K0", "B0->K"),
    "B+->K*+": ("B+", "K*+", "B+->K*"),
    "B0->K*0": ("B0", "K*0", "B0->K*"),
}
SCALE = 4.8  # GeV
# flavio asks its quadrature for 5e-3 and does better.
QUADRATURE = 1e-5


def _points() -> list[np.ndarray]:
    """[C9, C10, C9', C10'][i, j]: the SM, C_9' = -C_10' of tau tau, complex matrices."""
    found = [np.zeros((4, 3, 3), dtype=complex)]
    for right in (-13.2, -5.0, -4.0, -2.0, 3.0, 10.0, 20.0):
        matrices = np.zeros((4, 3, 3), dtype=complex)
        matrices[2, 2, 2], matrices[3, 2, 2] = right, -right
        found.append(matrices)
    draws = np.random.default_rng(20260419).normal(scale=5, size=(6, 2, 4, 3, 3))
    return [*found, *(draws[:, 0] + 1j * draws[:, 1])]


POINTS = _points()
FLAVOURED = range(8, 14)  # points with all flavours on


@cache
def parameters() -> dict[str, float]:
    return dict(flavio.default_parameters.get_central_all())


def wilson(values: dict[str, complex]) -> "flavio.WilsonCoefficients":
    found = flavio.WilsonCoefficients()
    found.set_initial({k: v for k, v in values.items() if v}, SCALE, eft="WET", basis="flavio")
    return found


@cache
def coefficients(point: int) -> "flavio.WilsonCoefficients":
    """C^{ij}, barred lepton first, is C_bs{j}{i}."""
    return wilson(
        {
            f"{name}_bs{b}{a}": complex(matrix[i, j])
            for name, matrix in zip(("C9", "C10", "C9p", "C10p"), POINTS[point], strict=True)
            for i, a in enumerate(LEPTONS)
            for j, b in enumerate(LEPTONS)
        }
    )


def flavio_value(name: str, point: int, *args: float) -> float:
    return float(flavio.Observable[name].prediction_par(parameters(), coefficients(point), *args))


@cache
def ours() -> dict[str, np.ndarray]:
    """Every total at every point."""
    names = [name for name, o in CHARGED.items() if not o.differential]

    def one(matrices: jax.Array) -> jax.Array:
        sectors = Sectors((Neutrinos(),), ChargedLeptons(*matrices))
        return jnp.stack([CHARGED[name].function(sectors, INPUTS) for name in names])

    found = np.asarray(jax.jit(jax.vmap(one))(np.array(POINTS)))
    return dict(zip(names, found.T, strict=True))


def integrated(function: Callable[[float], float], low: float, high: float) -> float:
    """In q2 = low + width sin^2, which has no root at either end."""
    nodes, weights = leggauss(24)
    angle = np.pi / 4 * (nodes + 1)
    jacobian = np.pi / 4 * (high - low) * np.sin(2 * angle)
    q2 = low + (high - low) * np.sin(angle) ** 2
    return float((weights * jacobian) @ [function(float(x)) for x in q2])


@pytest.mark.parametrize(
    "peer", [name for name in ALIASES if name.startswith("BR(") and "tautau" not in name]
)
def test_branching_fractions(peer: str) -> None:
    """All names that flavio shares, with its own quadrature."""
    exact = peer.startswith("BR(Bs")
    for point in FLAVOURED:
        expected = flavio_value(peer, point)
        found = ours()[ALIASES[peer]][point]
        assert found == pytest.approx(expected, rel=1e-13 if exact else QUADRATURE, abs=0)


def flavio_spectrum(mode: str, minus: str, plus: str, point: int, q2: float) -> float:
    """BR of the Bbar with l_plus^- l_minus^+ per GeV^2."""
    meson, kaon, _ = MESONS[mode]
    par = parameters()
    found = coefficients(point).get_wc(f"bs{minus}{plus}", SCALE, par)
    if not MODES[mode].vector:
        function = flavio.physics.bdecays.bpll_lfv.bpll_dbrdq2
        return float(function(q2, found, par, meson, kaon, minus, plus))
    bvll = flavio.physics.bdecays.bvll
    rate = bvll.lfv.bvlilj_obs(bvll.observables.dGdq2, q2, found, par, meson, kaon, minus, plus)
    return float(par[f"tau_{meson}"] * rate)


@pytest.mark.parametrize("mode", REPORTED)
def test_flavour_violating_spectra(mode: str) -> None:
    """Pointwise: no quadrature of either."""
    meson, kaon, _ = MESONS[mode]
    par = parameters()
    high = (par[f"m_{meson}"] - par[f"m_{kaon}"]) ** 2
    low = np.array([(par[f"m_{a}"] + par[f"m_{b}"]) ** 2 for a, b in PAIRS])[:, None]
    q2 = low + (high - low) * np.array([0.003, 0.05, 0.3, 0.6, 0.9, 0.997])

    @jax.jit
    def one(matrices: jax.Array) -> jax.Array:
        c = ChargedLeptons(*matrices)
        rates = [jax.vmap(lambda x, p=p: dgamma_dq2(mode, *p, c, INPUTS, x)) for p in PAIRS]
        found = jnp.stack([f(x) for f, x in zip(rates, q2, strict=True)])
        return INPUTS.lifetime(MODES[mode].tau_B) * found

    for point in FLAVOURED:
        found = np.asarray(one(POINTS[point]))
        expected = [
            [flavio_spectrum(mode, *pair, point, float(x)) for x in q2[k]]
            for k, pair in enumerate(PAIRS)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("mode", REPORTED)
def test_flavour_violating_totals(mode: str) -> None:
    """flavio's spectrum under our own rule, mu tau."""
    meson, kaon, _ = MESONS[mode]
    par = parameters()
    ends = (par["m_mu"] + par["m_tau"]) ** 2, (par[f"m_{meson}"] - par[f"m_{kaon}"]) ** 2
    for point in FLAVOURED:
        expected = integrated(lambda x, p=point: flavio_spectrum(mode, "mu", "tau", p, x), *ends)
        found = ours()[f"BR({mode}mu-tau+)"][point]
        assert found == pytest.approx(expected, rel=1e-8, abs=0)


def test_bs_to_tau_tau() -> None:
    """Time-integrated, the phase of C10 - C10' included."""
    for point in range(len(POINTS)):
        expected = flavio_value("BR(Bs->tautau)", point)
        assert ours()["BR(Bs->tau+tau-)"][point] == pytest.approx(expected, rel=1e-6, abs=0)


# Accuracy of constant C9eff and C7 in and out of the window. With new physics that interferes
# destructively what counts is the SM rate: of the sum of both.
ACCURACY = {
    "B+->K+": (0.002, 0.005),
    "B0->K0": (0.002, 0.005),
    "B+->K*+": (0.02, 0.008),
    "B0->K*0": (0.02, 0.008),
}


@pytest.mark.parametrize("mode", REPORTED)
def test_tau_pairs(mode: str) -> None:
    """Real and complex couplings: flavio's spectrum is the average over B and Bbar too."""
    meson, kaon, peer = MESONS[mode]
    par = parameters()
    ends = 4 * par["m_tau"] ** 2, (par[f"m_{meson}"] - par[f"m_{kaon}"]) ** 2
    window = (15.0, 19.0) if MODES[mode].vector else (15.0, 22.0)
    labels = "", f"[{window[0]:g},{window[1]:g}]"
    for label, limits, accuracy in zip(labels, (ends, window), ACCURACY[mode], strict=True):
        found = ours()[f"BR({mode}tau+tau-){label}"]
        expected = np.array(
            [
                integrated(lambda x, p=p: flavio_value(f"dBR/dq2({peer}tautau)", p, x), *limits)
                for p in range(len(POINTS))
            ]
        )
        deviation, sm = np.abs(found - expected), expected[0]
        assert deviation[0] < accuracy * sm
        assert (deviation < accuracy * (expected + sm)).all()


@pytest.mark.parametrize("kaon", ["B+->K", "B0->K"])
def test_total_of_tau_pairs(kaon: str) -> None:
    """flavio's own total, by its own name."""
    peer = f"BR({kaon}tautau)"
    for point in range(len(POINTS)):
        expected, sm = flavio_value(peer, point), flavio_value(peer, 0)
        deviation = abs(ours()[ALIASES[peer]][point] - expected)
        assert deviation < ACCURACY["B+->K+"][0] * (expected + sm)


@pytest.mark.parametrize("peer", ["Rtaul(B->Dlnu)", "Rtaul(B->D*lnu)"])
def test_r_d(peer: str) -> None:
    """Over the SM values; QED running, 0.7 % of the coefficient, is in flavio alone."""
    observable = flavio.Observable[peer]
    sm = observable.prediction_par(parameters(), wilson({}))
    draws = np.random.default_rng(20260419).normal(scale=0.05, size=(13, 2, 3, 3))
    for CVL in draws[:, 0] + 1j * draws[:, 1]:
        values = {
            f"CVL_bc{a}nu{b}": complex(CVL[i, j])
            for i, a in enumerate(LEPTONS)
            for j, b in enumerate(LEPTONS)
        }
        sectors = Sectors((Neutrinos(),), current=ChargedCurrent(CVL))
        found = float(CHARGED["r_D"].function(sectors, INPUTS))
        expected = float(observable.prediction_par(parameters(), wilson(values)) / sm)
        assert found == pytest.approx(expected, abs=0.01 * 2 * np.abs(CVL).max(), rel=0)
