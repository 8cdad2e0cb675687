"""Form factors equal, to rounding, those of the papers' own programs, with the same covariance."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from bsnunu_jax.hadrons.form_factors import FORM_FACTORS, Expansion
from bsnunu_jax.hadrons.transitions import TRANSITIONS
from bsnunu_jax.inputs import Nuisances, form_factor_sets, load_inputs
from bsnunu_jax.inputs.sets import form_factor_set

HADRONS = {t: row for t, row in TRANSITIONS.items() if row.spin != "quark"}
NAMES = {t: FORM_FACTORS[row.spin] for t, row in HADRONS.items()} | {"D->pi": ("f0",)}
SETS = [(t, name) for t in NAMES for name in form_factor_sets(t)]
MESONS = [(t, name) for t, name in SETS if TRANSITIONS[t].spin != "1/2" and t != "D->pi"]
PEERS = yaml.safe_load(Path(__file__).parent.joinpath("support/peer_form_factors.yaml").read_text())

# Computed by flavio 2.7.1 or EOS 1.0.21 from the same coefficients and masses, in the order of
# NAMES, at q2 = 0, 5, 15 GeV^2.
PEER_VALUES = {
    ("B->K", "hpqcd2022"): {  # flavio 2.7.1
        0.0: (0.3319319483907317, 0.3319319483907317, 0.33231205321822005),
        5.0: (0.44608479086863495, 0.37847202385809764, 0.44326408637516745),
        15.0: (0.9739137559244877, 0.5375499457227847, 0.9564713406981554),
    },
    ("B->K", "gkvd2018_lcsr"): {  # EOS 1.0.21
        0.0: (0.2655528728950212, 0.2655528728950212, 0.2510192324158927),
        5.0: (0.3510908566402661, 0.2957697359778072, 0.33422638372604163),
        15.0: (0.734366016195785, 0.36795195219376703, 0.7164755169290501),
    },
    ("B->K", "gkvd2018_lcsrlattice"): {  # EOS 1.0.21
        0.0: (0.32908992854636815, 0.32908992854636815, 0.2993831492500477),
        5.0: (0.4385929656119803, 0.3806020042465058, 0.3982783858936721),
        15.0: (0.9378109016873623, 0.5509808688082469, 0.8487292621187438),
    },
    ("B->K", "flag2021_hpqcd2022"): {  # EOS 1.0.21
        0.0: (0.3379744327367157, 0.3379744327367157, 0.32688824063598676),
        5.0: (0.449926923555577, 0.38363741290396924, 0.44000004282742394),
        15.0: (0.9560643042244968, 0.5393288661440139, 0.949521999986793),
    },
    ("B->K", "grvdv2023"): {  # EOS 1.0.21
        0.0: (0.33196382, 0.33196382, 0.32361471),
        5.0: (0.4461465387023663, 0.37823165509144246, 0.4390349657419607),
        15.0: (0.9592702936023493, 0.5358928989454513, 0.9576018017561514),
    },
    ("B->K", "grvdv2023_flavio"): {  # flavio 2.7.1
        0.0: (0.33196382, 0.33196382, 0.32361471),
        5.0: (0.44605222213841794, 0.3782647140494094, 0.43893489477337244),
        15.0: (0.9585185471744114, 0.5361589717290316, 0.9568187975162384),
    },
    ("B->K*", "gkvd2018_lcsr"): {  # EOS 1.0.21
        0.0: (
            0.3245160186497879,
            0.30520084907403083,
            0.25939453444449256,
            0.21829536342538028,
            0.2874948700463931,
            0.2874948700463931,
            0.5798572662094974,
        ),
        5.0: (
            0.42310732737427736,
            0.4085930184265575,
            0.28540052075068056,
            0.24466685364169674,
            0.37662158199344004,
            0.31138655780749597,
            0.6524683163122917,
        ),
        15.0: (
            0.8446380745864873,
            0.893091958070661,
            0.35076611378932665,
            0.31828596361474676,
            0.7648499609748977,
            0.3560635043740171,
            0.8796823073422454,
        ),
    },
    ("B->K*", "gkvd2018_lcsrlattice"): {  # EOS 1.0.21
        0.0: (
            0.3641736466070142,
            0.333565209671414,
            0.28899504979162,
            0.23858301473342886,
            0.31922162296608125,
            0.31922162296608125,
            0.6058860992660229,
        ),
        5.0: (
            0.48891311161895473,
            0.4545914133597337,
            0.32183686772206305,
            0.25983224397250926,
            0.4280655188855481,
            0.3520550452001254,
            0.6767750424278038,
        ),
        15.0: (
            1.107203682976602,
            1.0680418884886265,
            0.4484067476578879,
            0.3291710240153324,
            0.9621458746301129,
            0.4844197055696222,
            0.9392155004281749,
        ),
    },
    ("B->K*", "grvdv2023"): {  # EOS 1.0.21
        0.0: (
            0.36280141,
            0.34213768,
            0.28926565,
            0.24471448694757741,
            0.31924221,
            0.31924221,
            0.62123502,
        ),
        5.0: (
            0.48743202455917495,
            0.46609306483448454,
            0.32207621101578376,
            0.26517223412605606,
            0.42850051645988263,
            0.3524133770625484,
            0.6911360158549199,
        ),
        15.0: (
            1.1101983910841262,
            1.089970750130333,
            0.449292419094022,
            0.331165162008862,
            0.9658712580025224,
            0.48588119353577325,
            0.9456501933111143,
        ),
    },
    ("B->K*", "gkvd2018v1_lcsrlattice_flavio"): {  # flavio 2.7.1
        0.0: (
            0.3815471168511042,
            0.3433920997134539,
            0.3012383696993843,
            0.24577499272505904,
            0.3378196251357424,
            0.3378196251357424,
            0.6454874220120908,
        ),
        5.0: (
            0.5097154283333716,
            0.4678943654481889,
            0.33416628602391857,
            0.2663678171408233,
            0.4437713878468626,
            0.3659831198190413,
            0.7265440037817363,
        ),
        15.0: (
            1.1313020912208351,
            1.0998980653198724,
            0.4584599389981748,
            0.33453695885269025,
            0.9105291177600695,
            0.41842464833052506,
            0.9842994107821873,
        ),
    },
    ("B->K*", "bsz2015v2_lcsrlattice"): {  # flavio 2.7.1
        0.0: (0.376313, 0.369196, 0.29725, 0.2642435405177896, 0.312055, 0.312055, 0.667412),
        5.0: (
            0.5063899966835242,
            0.504714692629305,
            0.33413952290711585,
            0.28863779285182406,
            0.4209810312469045,
            0.3478250417459274,
            0.7339741849270066,
        ),
        15.0: (
            1.1453391436188827,
            1.129944866451137,
            0.4775739798440561,
            0.3673068885488434,
            0.9451153816612353,
            0.49258971285365677,
            1.0068224255643972,
        ),
    },
    ("B->K*", "bsz2015v2_lcsr"): {  # flavio 2.7.1
        0.0: (0.341428, 0.355851, 0.269264, 0.2546921638825879, 0.28235, 0.28235, 0.667768),
        5.0: (
            0.4592974868402961,
            0.47640841512467824,
            0.3030685483726515,
            0.27411684622199023,
            0.380709522480466,
            0.31521284178929254,
            0.725165890490626,
        ),
        15.0: (
            1.0421964104677648,
            1.0505707586796433,
            0.4110065030252472,
            0.32479567695421385,
            0.8669306919478655,
            0.4263863318366046,
            0.9191568349216395,
        ),
    },
}


PEER_VALUES |= {
    (t, name): {q2: tuple(f[n] for n in NAMES[t]) for q2, f in values.items()}
    for t, sets in PEERS.items()
    for name, values in sets.items()
}


def form_factors(transition: str, name: str) -> Expansion:
    return load_inputs("default", {transition: name}).form_factors[transition]


def test_every_set_has_reference_values() -> None:
    assert set(PEER_VALUES) == set(SETS)


@pytest.mark.parametrize(("transition", "name"), SETS)
def test_values_of_the_peers(transition: str, name: str) -> None:
    function = form_factors(transition, name)
    for q2, expected in PEER_VALUES[transition, name].items():
        values = function(jnp.asarray(q2))
        found = [float(values[f]) for f in NAMES[transition]]
        np.testing.assert_allclose(found, expected, rtol=1e-14)


# The check strings of the ancillary file of arXiv:2207.12468, and the values to all digits.
HPQCD_Q2_MAX = 22.885230390201013
HPQCD = {
    ("f+", 0): (0.332, 0.012, 0.3319319483907317),
    ("f0", 0): (0.332, 0.012, 0.3319319483907317),
    ("fT", 0): (0.332, 0.024, 0.33231205321822005),
    ("f0", "max"): (0.849, 0.017, 0.8491684590821454),
    ("f+", "max"): (2.78, 0.11, 2.7824425045119723),
    ("fT", "max"): (2.72, 0.15, 2.717298957559519),
}


@pytest.mark.parametrize(("name", "where"), HPQCD)
def test_hpqcd_quotes_value_and_uncertainty(name: str, where: int | str) -> None:
    """f+(0) = 0.332(12) and so on, the uncertainty by linear propagation of the covariance."""
    function = form_factors("B->K", "hpqcd2022")
    q2 = jnp.asarray(0.0 if where == 0 else HPQCD_Q2_MAX)

    def value(coefficients: jax.Array) -> jax.Array:
        return dataclasses.replace(function, coefficients=coefficients)(q2)[name]

    quoted, uncertainty, exact = HPQCD[name, where]
    found, slope = jax.value_and_grad(value)(function.coefficients)
    sigma = np.sqrt(slope @ form_factor_set("B->K", "hpqcd2022").covariance @ slope)
    assert float(found) == pytest.approx(exact, rel=1e-14, abs=0)
    unit = 0.001 if quoted < 1 else 0.01  # of the last digit quoted
    assert float(found) == pytest.approx(quoted, abs=unit / 2)
    assert float(sigma) == pytest.approx(uncertainty, abs=unit / 2)


@pytest.mark.parametrize(("transition", "name"), MESONS)
def test_constraints_at_zero_hold_for_every_coefficient(
    transition: str, name: str, rng: np.random.Generator
) -> None:
    """f+ = f0; T1 = T2; A12 = A0 (m_B^2 - m_V^2)/(8 m_B m_V): not only at the central values."""
    function = form_factors(transition, name)
    coefficients = rng.normal(size=function.coefficients.shape)
    shifted = dataclasses.replace(function, coefficients=jnp.asarray(coefficients))
    f = {k: float(v) for k, v in shifted(jnp.asarray(0.0)).items()}
    if TRANSITIONS[transition].spin == "0":
        assert f["f+"] == pytest.approx(f["f0"], rel=1e-14, abs=0)
        assert f["fT"] != pytest.approx(f["f+"], rel=1e-3)
    else:
        assert f["T1"] == pytest.approx(f["T2"], rel=1e-14, abs=0)
        m_B, m_V = (float(function.masses[m]) for m in ("m_B", "m_M"))
        kinematic = (m_B**2 - m_V**2) / (8 * m_B * m_V)
        assert f["A12"] == pytest.approx(f["A0"] * kinematic, rel=1e-14, abs=0)
        assert f["T1"] != pytest.approx(f["A0"], rel=1e-3)


@pytest.mark.parametrize("name", form_factor_sets("Lambdab->Lambda"))
def test_constraints_of_baryons(name: str, rng: np.random.Generator) -> None:
    """gperp = g+ and htperp = ht+ at the largest q2, where the Lambda is at rest."""
    function = form_factors("Lambdab->Lambda", name)
    coefficients = jnp.asarray(rng.normal(size=function.coefficients.shape))
    shifted = dataclasses.replace(function, coefficients=coefficients)
    f = shifted((function.masses["m_Lambdab"] - function.masses["m_Lambda"]) ** 2)
    assert float(f["gperp"]) == pytest.approx(float(f["g+"]), rel=1e-14, abs=0)
    assert float(f["htperp"]) == pytest.approx(float(f["ht+"]), rel=1e-14, abs=0)


@pytest.mark.parametrize(("transition", "name"), SETS)
def test_linear_numbers(transition: str, name: str, rng: np.random.Generator) -> None:
    """At `linear` values stay what they are, and sums of `linear` give sums of values."""
    function = form_factors(transition, name)
    n, q2 = function.linear.size, jnp.asarray(0.07 if transition == "K->pi" else 7.0)

    def values(b: jax.Array) -> np.ndarray:
        return np.array([float(v) for v in function.with_linear(b)(q2).values()])

    exact = [float(v) for v in function(q2).values()]
    np.testing.assert_allclose(values(function.linear), exact, rtol=1e-13)
    a, b = (jnp.asarray(rng.normal(size=n)) for _ in range(2))
    np.testing.assert_allclose(values(a + b), values(a) + values(b), rtol=1e-11, atol=1e-13)


def test_linear_numbers_of_kaons_hold_in_the_whole_phase_space() -> None:
    """For both charges, and as far from the central values as nuisances go."""
    inputs = load_inputs()
    nuisances = Nuisances(inputs, groups=["K->pi"])
    q2 = jnp.linspace(0.0, 0.1316, 17)
    for z in (0.0, 4.0, -4.0):
        shifted = nuisances.shift(jnp.full(nuisances.size, z)).form_factors["K->pi"]
        exact, found = shifted(q2), shifted.with_linear(shifted.linear)(q2)
        for name, value in exact.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-13)


# A K -> pi is far from its poles: f+ and f0 have none, and 1/fT is linear in q2.
@pytest.mark.parametrize(("transition", "name"), [s for s in SETS if s[0] != "K->pi"])
def test_poles_are_where_the_set_says(transition: str, name: str) -> None:
    """1/F vanishes at the square of the mass that the set gives for the quantum numbers."""
    function = form_factors(transition, name)
    poles = {
        "f+": "m_R_1-",
        "f0": "m_R_0+",
        "fT": "m_R_1-",
        "V": "m_R_1-",
        "T1": "m_R_1-",
        "A0": "m_R_0-",
        "A1": "m_R_1+",
        "A12": "m_R_1+",
        "T2": "m_R_1+",
        "T23": "m_R_1+",
        "fperp": "m_R_1-",
        "h+": "m_R_1-",
        "hperp": "m_R_1-",
        "g0": "m_R_0-",
        "g+": "m_R_1+",
        "gperp": "m_R_1+",
        "ht+": "m_R_1+",
        "htperp": "m_R_1+",
    }
    branch_point = sum(function.masses[m] for m in function.z_masses[:2]) ** 2
    for f in NAMES[transition]:
        pole = function.masses[poles[f]] ** 2
        if pole < branch_point:
            near = float(function(pole * (1 - 1e-7))[f]) * 1e-7
            nearer = float(function(pole * (1 - 1e-8))[f]) * 1e-8
            assert near == pytest.approx(nearer, rel=1e-4, abs=0)
            assert abs(near) > 1e-3


@pytest.mark.parametrize(("transition", "name"), SETS)
def test_whitened_nuisances_carry_the_covariance(transition: str, name: str) -> None:
    """Coefficients = central + root z with root root^T = covariance, z standard normal."""
    inputs = load_inputs("default", {transition: name})
    nuisances = Nuisances(inputs, groups=[transition])
    table = form_factor_set(transition, name)

    def coefficients(z: jax.Array) -> jax.Array:
        return nuisances.shift(z).form_factors[transition].coefficients

    root = np.asarray(jax.jacobian(coefficients)(jnp.zeros(nuisances.size)))
    sigma = np.sqrt(np.diag(table.covariance))
    difference = (root @ root.T - table.covariance) / np.outer(sigma, sigma)
    assert np.max(np.abs(difference)) < 1e-14
    np.testing.assert_array_equal(coefficients(jnp.zeros(nuisances.size)), table.central)
    z = np.linspace(-2, 2, nuisances.size)
    np.testing.assert_allclose(coefficients(z), table.central + root @ z, rtol=1e-13)


def test_draws_are_standard_normal(inputs: eqx.Module) -> None:
    nuisances = Nuisances(inputs)
    n = 20000
    draws = np.asarray(nuisances.draw(jax.random.key(3), n))
    assert draws.shape == (n, nuisances.size)
    assert np.max(np.abs(draws.mean(axis=0))) < 5 / np.sqrt(n)
    assert np.max(np.abs(np.cov(draws.T) - np.eye(nuisances.size))) < 7 / np.sqrt(n)
