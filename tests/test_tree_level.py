"""The tree-level tau contribution is a chain of two two-body decays with a fixed helicity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force_tree import Chain, dgamma_dcos

from bsnunu_jax import InputError, branching_fraction, get_observable, load_inputs
from bsnunu_jax.cli import main
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.observables import tree_level
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.states import Neutrinos

TREES = pytest.mark.parametrize("mode", tree_level.TREE_MODES)
TOTAL = jax.jit(tree_level.branching_fraction, static_argnums=0)
SPECTRUM = jax.jit(jax.vmap(tree_level.dbr_dq2, (None, None, 0)), static_argnums=0)


def chain(mode, inputs):
    v = {k: float(x) for k, x in inputs.values.items()}
    decay, tree = MODES[mode], MODES[mode].tree
    return Chain(
        v[decay.m_B],
        v["m_tau"],
        v[decay.m_K],
        *(v[name] for name in (*tree.decay_constants, *tree.ckm)),
        v["GF"],
        1 / float(inputs.lifetime("tau_tau")),
        decay.vector,
    )


def test_the_modes():
    assert tree_level.TREE_MODES == ("B+->K+", "B+->K*+", "B+->pi+", "B+->rho+")


@TREES
def test_total_and_spectrum_of_the_amplitude(mode, inputs):
    """The amplitude is linear in the cosine: two nodes integrate it."""
    tau_B = float(inputs.lifetime("tau_B_plus"))
    nodes, weights = np.polynomial.legendre.leggauss(2)
    of = chain(mode, inputs)
    total = tau_B * sum(w * dgamma_dcos(of, c)[0] for c, w in zip(nodes, weights, strict=True))
    assert float(TOTAL(mode, inputs)) == pytest.approx(total, rel=1e-12, abs=0)
    end = dgamma_dcos(of, -1.0)[1]
    cosines = np.array([-0.99, -0.3, 0.4, 0.97])
    rates, q2 = np.array([dgamma_dcos(of, c) for c in cosines]).T
    found = SPECTRUM(mode, inputs, jnp.asarray(q2))
    np.testing.assert_allclose(found, tau_B * rates * 2 / end, rtol=1e-12)
    beyond = SPECTRUM(mode, inputs, jnp.array([-0.1, end + 1e-9, 25.0]))
    assert (np.asarray(beyond) == 0).all()


@TREES
def test_spectrum_integrates_to_the_total(mode, inputs):
    grid = jnp.linspace(0, 26, 200_001)
    total = np.trapezoid(SPECTRUM(mode, inputs, grid), grid)
    assert total == pytest.approx(float(TOTAL(mode, inputs)), rel=1e-4, abs=0)


# Of the tau, PDG: pi, K, pi pi0 (the rho, nearly), K*.
MEASURED = {"B+->pi+": 0.1082, "B+->K+": 0.00696, "B+->rho+": 0.2549, "B+->K*+": 0.0120}


@TREES
def test_beside_measured_decays_of_the_tau(mode, inputs):
    """B+ -> tau nu is common to all; narrow vectors and decay constants are good to 4 %."""
    reference = "B+->pi+"
    found = float(TOTAL(mode, inputs) / TOTAL(reference, inputs))
    assert found == pytest.approx(MEASURED[mode] / MEASURED[reference], rel=0.04)


@pytest.mark.parametrize(
    ("mode", "share", "within"),
    [("B+->pi+", 0.97, 0.02), ("B+->K+", 0.12, 0.02), ("B+->K*+", 0.14, 0.05)],
)
def test_share_of_the_total_as_published(mode, share, within, inputs):
    """Abstract of arXiv:0908.1174; the form factors and |Vub| of 2009 are others."""
    tree = float(TOTAL(mode, inputs))
    short = float(branching_fraction(mode, Neutrinos(), inputs))
    assert tree / (tree + short) == pytest.approx(share, abs=within)


@TREES
def test_outputs_name_it_where_it_is_larger_than_the_sm(mode, inputs):
    tree = float(TOTAL(mode, inputs))
    larger = tree > float(branching_fraction(mode, Neutrinos(), inputs))
    assert MODES[mode].tree.larger == larger
    name = f"BR({mode}inv)"
    lines = [line for line in predict([name]).get("remarks", []) if "tau nu" in line]
    assert len(lines) == larger
    for line in lines:
        meson = MODES[mode].meson
        assert line == (
            f"B+ -> tau nu, tau -> {meson} nu at tree level, BR {tree:.1e}: "
            "not included, --tree-tau adds it"
        )
    with_it = predict([name], tree_tau=True)
    assert not [line for line in with_it.get("remarks", []) if "tau nu" in line]


@TREES
def test_the_switch_of_predict_adds_it(mode):
    for kind, options in (("BR", {}), ("dBR/dq2", {"q2": "1.5,15"})):
        part = "BR_tree" if kind == "BR" else "dBR_tree/dq2"
        names = [f"{kind}({mode}inv)", f"{part}({mode}inv)"]
        without = predict(names, **options)["observables"]
        with_it = predict(names, tree_tau=True, **options)["observables"]
        expected = np.sum(list(without.values()), axis=0)
        np.testing.assert_allclose(with_it[names[0]], expected, rtol=1e-14)
        assert with_it[names[1]] == without[names[1]]


def test_what_the_switch_says(capsys):
    with pytest.raises(SystemExit) as done:
        main(["predict", "BR(B+->pi+inv)", "dBR/dq2(B+->K*+inv)", "--q2", "3", "--tree-tau"])
    assert not done.value.code
    out = capsys.readouterr().out
    assert "B+ -> tau nu, tau -> pi+, K*+ nu at tree level: included" in out


@pytest.mark.parametrize("preset", ["default", "paper", "hpqcd", "flavio"])
def test_every_preset_that_is_named_has_it(preset):
    found = predict([f"BR_tree({mode}inv)" for mode in tree_level.TREE_MODES], preset=preset)
    expected = [5.76e-7, 9.80e-7, 8.81e-6, 2.14e-5]
    assert list(found["observables"].values()) == pytest.approx(expected, rel=0.01, abs=0)


def test_refusals():
    with pytest.raises(InputError, match="preset 'eos' has no f_Bplus"):
        predict(["BR_tree(B+->K+inv)"], preset="eos")
    remarks = predict(["BR(B+->pi+inv)"], preset="eos")["remarks"]
    assert "at tree level: not included (preset 'eos' has no f_Bplus)" in remarks[-1]
    with pytest.raises(InputError, match=r"applies to none of BR\(B0->pi0inv\); .* of B\+->K\+, "):
        predict(["BR(B0->pi0inv)"], tree_tau=True)
    with pytest.raises(InputError, match="unknown observable"):
        get_observable("BR_tree(B0->pi0inv)")
    with pytest.raises(InputError, match="B0->pi0 has no tree-level part"):
        tree_level.branching_fraction("B0->pi0", load_inputs())


def test_value_used_by_belle2(inputs):
    """Belle II subtracts 0.61e-6; ours differs by the inputs, |Vub| = 3.64e-3 foremost."""
    assert float(TOTAL("B+->K+", inputs)) == pytest.approx(6.1e-7, rel=0.1, abs=0)
