"""Running in QCD and Bs mixing: known values, exact solutions, limits on couplings of a Z'."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs, running
from bsnunu_jax.models import get_model
from bsnunu_jax.observables import bs_mixing
from bsnunu_jax.states.sectors import BsMixing, Sectors

FLAVIO = load_inputs("flavio")
ZPRIME = get_model("zprime")


@jax.jit
def _ratio(gL: complex, gR: complex, M: float, xi: float) -> jax.Array:
    return bs_mixing.ratio(ZPRIME.build({"gL": gL, "gR": gR, "MZp": M, "xi": xi}, FLAVIO), FLAVIO)


def ratio(gL: complex, gR: complex, M: float, xi: float = 0.0) -> complex:
    """M12/M12_SM of a Z' of M [TeV]; one compiled program."""
    return complex(_ratio(complex(gL), complex(gR), float(M), float(xi)))


def test_alpha_s_solves_the_equation() -> None:
    """d alpha/d ln mu^2 = -alpha^2 (b0 + b1 alpha) at fixed nf, integrated numerically."""
    v = {k: float(x) for k, x in FLAVIO.values.items()}
    marks = {4: (v["mb_mb_MSbar"], 2.0), 5: (v["m_Z"], v["mb_mb_MSbar"]), 6: (v["m_t_MSbar"], 1e4)}

    def slope(nf: int):
        b0, b1 = (11 - 2 * nf / 3) / (4 * np.pi), (102 - 38 * nf / 3) / (16 * np.pi**2)
        return lambda _, a: -2 * a**2 * (b0 + b1 * a)

    for nf, (start, end) in marks.items():
        first = float(running.alpha_s(start, FLAVIO))
        found = solve_ivp(slope(nf), (np.log(start), np.log(end)), [first], rtol=1e-11, atol=1e-13)
        assert float(running.alpha_s(end, FLAVIO)) == pytest.approx(found.y[0, -1], rel=1e-9)
    assert float(running.alpha_s(v["m_Z"], FLAVIO)) == pytest.approx(0.1184, rel=1e-12)
    # RunDec at four loops, as flavio calls it: 0.2255, 0.0887.
    assert float(running.alpha_s(4.2, FLAVIO)) == pytest.approx(0.22553, rel=5e-3)
    assert float(running.alpha_s(1000.0, FLAVIO)) == pytest.approx(0.088736, rel=1e-3)


def test_factors_from_1_tev() -> None:
    """Scalar 1.64 (as m_b), tensor 0.85; there and back is 1; a product over any way point."""
    scalar, tensor = (
        float(running.factor(a, 1000.0, 4.2, FLAVIO)) for a in (running.SCALAR, running.TENSOR)
    )
    assert round(scalar, 2) == 1.64
    assert round(tensor, 2) == 0.85
    back = running.factor(running.SCALAR, 4.2, 1000.0, FLAVIO)
    assert float(back) == pytest.approx(1 / scalar, rel=1e-12)
    parts = [(1000.0, 300.0), (300.0, 20.0), (20.0, 4.2)]
    product = np.prod([running.factor(running.SCALAR, *p, FLAVIO) for p in parts])
    assert product == pytest.approx(scalar, rel=1e-12)


def test_running_of_the_operators() -> None:
    """At 1 TeV: VLL 0.781, VLR 0.884; VLR into SLR -1.200 with alpha_s(mZ) 3e-4 lower."""
    start = BsMixing(1.0, 1.0, 1.0, 1000.0)
    c = bs_mixing.run(start, 4.2, FLAVIO)
    assert round(float(c.C_VLL.real), 3) == 0.781
    assert round(float(c.C_VRR.real), 3) == 0.781
    assert round(float(c.C_VLR.real), 3) == 0.884
    assert float(c.C_SLR.real) == pytest.approx(-1.200, rel=5e-3)
    back = bs_mixing.run(bs_mixing.run(start, 60.0, FLAVIO), 1000.0, FLAVIO)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(start), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_matrix_elements() -> None:
    np.testing.assert_allclose(
        bs_mixing.matrix_elements(FLAVIO), [0.07837, -0.14026, 0.12906], atol=5e-6
    )


def test_sm() -> None:
    assert f"{float(bs_mixing.M12_SM(FLAVIO)):.2e}" == "5.71e-12"
    states = Sectors(())
    assert round(float(bs_mixing.delta_m(states, FLAVIO)), 2) == 17.34
    assert float(bs_mixing.delta_m_ratio(states, FLAVIO)) == 1.0
    assert float(bs_mixing.phase(states, FLAVIO)) == 0.0


@pytest.mark.parametrize(("M", "kappa"), [(0.5, 8.36), (1, 9.11), (3, 10.34), (10, 11.74)])
def test_left_times_right(M: float, kappa: float) -> None:
    """M12/M12_SM = 1 + (LL/2 M12_SM) [gL^2 + gR^2 - kappa gL gR]/M^2."""
    g = 1e-3
    left, right, both = (ratio(*x, M) - 1 for x in ((g, 0), (0, g), (g, g)))
    assert left.real > 0
    assert left == pytest.approx(right, rel=1e-12)
    # kappa goes with alpha_s at m_b: 0.2 to 0.7 % at the one of these inputs.
    assert 2 - (both / left).real == pytest.approx(kappa, rel=8e-3)
    assert ratio(g * np.exp(0.4j), 0, M) - 1 == pytest.approx(left * np.exp(0.8j))


def test_size_of_one_chirality() -> None:
    """LL = 0.0612 GeV^3 at 1 TeV; 10 % (20 %) at |g/M| = 4.3e-3 (6.1e-3)/TeV."""
    per_coupling2 = (ratio(1e-3, 0, 1.0).real - 1) / 1e-6  # M = 1 TeV
    LL = 2 * float(bs_mixing.M12_SM(FLAVIO)) * per_coupling2 * 1e6
    assert round(LL, 4) == 0.0612
    assert round(np.sqrt(0.1 / per_coupling2), 4) == 0.0043
    assert round(np.sqrt(0.2 / per_coupling2), 4) == 0.0061


def test_cancellation_of_both_chiralities() -> None:
    """gR/gL = 0.111 at 1 TeV leaves Delta M_s alone."""
    g = 0.1
    roots = np.linspace(0.10, 0.12, 201)
    shifts = np.array([abs(ratio(g, g * x, 1.0) - 1) for x in roots])
    assert roots[int(shifts.argmin())] == pytest.approx(0.111, abs=6e-4)
    assert shifts.min() < 2e-3 * abs(ratio(g, 0, 1.0) - 1)


def test_mixing_with_the_z() -> None:
    """Exchange of the Z alone: 10 % at |xi g| = 3.8e-4, and the coefficient there is 10."""
    per_2 = (ratio(1e-3, 0, 1e6, 1.0) - 1).real / 1e-6
    limit = np.sqrt(0.1 / per_2)
    assert round(limit, 5) == pytest.approx(3.8e-4, abs=1e-5)
    s = ZPRIME.build({"gL": limit, "MZp": 1e6, "xi": 1.0}, FLAVIO)
    assert abs(complex(s.invisible[0].CL[0, 0])) == pytest.approx(10, abs=0.5)
    both = ratio(0.001, 0.002, 2.0, 0.3) - 1
    apart = (ratio(0.001, 0.002, 2.0, 0.0) - 1) + (ratio(0.0003, 0.0006, 1e6, 1.0) - 1)
    assert both == pytest.approx(apart, rel=1e-6)


def test_gradients_and_nuisances(inputs: Inputs) -> None:
    """Finite derivatives, at zero couplings too; the group varies Delta M_s by some percent."""

    def delta(p: dict[str, float], i: Inputs) -> jax.Array:
        s = ZPRIME.build(p | {"MZp": 2.0}, i)
        return bs_mixing.delta_m(s, i) + bs_mixing.phase(s, i)

    slopes = jax.jit(jax.grad(delta, argnums=(0, 1)))({"gL": 0.0, "gR": 0.0, "xi": 0.0}, inputs)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))
    nuisances = Nuisances(inputs, ("mixing",))
    assert nuisances.names == ("f_Bs", "B1_Bs", "B4_Bs", "B5_Bs", "alpha_s_mZ", "m_t_MSbar")
    draws = nuisances.draw(jax.random.key(1), 400)
    values = jax.jit(jax.vmap(lambda z: bs_mixing.delta_m(Sectors(()), nuisances.shift(z))))(draws)
    # B1 3.5 %, f_Bs twice 0.6 %, m_t 0.6 %.
    assert float(jnp.std(values) / jnp.mean(values)) == pytest.approx(0.038, abs=0.005)


def test_observables() -> None:
    found = {o.name: o for o in bs_mixing.mixing_observables()}
    s = ZPRIME.build({"gL": 0.004 + 0.001j, "MZp": 1.0}, FLAVIO)
    r = ratio(0.004 + 0.001j, 0.0, 1.0)
    values = {name: float(o.function(s, FLAVIO)) for name, o in found.items()}
    assert values["DeltaMs"] == pytest.approx(17.339 * abs(r), rel=1e-3)
    assert values["r_DeltaMs"] == pytest.approx(abs(r), rel=1e-12)
    assert values["phi_s_NP"] == pytest.approx(np.angle(r), rel=1e-12)
