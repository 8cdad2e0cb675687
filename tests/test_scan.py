"""Scans: all paths to the kernels give the same numbers; points depend on seed and index alone."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scan_cards import UNIFORM, card, design
from scipy.stats import kstest, qmc

from bsnunu_jax.experiments import Predictions, log_likelihoods
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics.sobol import DIMENSIONS, sobol
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.scan import open_scan
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.design import Axis, Design
from bsnunu_jax.scan.plan import Plan, Source, make_plan
from bsnunu_jax.scan.run import run_scan
from bsnunu_jax.scan.store import on_grid, variable

BRS = ["R_K_nunu", "BR(B+->K+inv)", "BR(B0->K*0inv)"]

# What varies decides where the kernels come from: one entry a path, numbers and states.
CASES = {
    "coefficients": (
        {
            "design": design(300, CR_tautau=UNIFORM, CL_emu={"re": UNIFORM, "im": UNIFORM}),
            "observables": [*BRS, "BR_NP(B+->K*+inv)"],
            "select": None,
            "store": None,
        },
        # BR_NP is cut off where it is rounding
        (Source.FIXED,),
        set(BRS),
    ),
    "coefficients, not all quadratic": (
        {
            "design": design(300, "sobol", CR_tautau=UNIFORM, CR_mutau=UNIFORM),
            "observables": [*BRS, "F_L(B0->K*0inv)"],
            "log_likelihood": True,
            "data": ["belle_2017_Kstar0"],
            "select": None,
            "store": None,
        },
        (Source.FIXED,),
        set(BRS),
    ),
    "pair of fixed mass": (
        {
            "model": "scalar-pair",
            "fixed": {"m": 0.7},
            "design": design(300, S={"log_uniform": [1e-9, 1e-7]}, V={"uniform": [-1e-8, 1e-8]}),
            "observables": BRS,
            "select": None,
            "store": None,
        },
        (Source.FIXED, Source.FIXED),
        set(BRS),
    ),
    "masses on a grid": (
        {
            "model": "fermion-pair",
            "fixed": {"operator": "V1"},
            "design": design(m={"linspace": [0, 2.35, 20]}, Lambda={"logspace": [1, 30, 16]}),
            "observables": BRS,
            "log_likelihood": True,
            "data": ["belle2_knunu_2023"],
            "select": None,
            "store": None,
        },
        (Source.FIXED, Source.GRID),
        set(),
    ),
    "masses drawn": (
        {
            "model": "fermion-pair",
            "fixed": {"operator": "V1"},
            "design": design(300, m={"uniform": [0, 2.35]}, Lambda={"log_uniform": [1, 30]}),
            "observables": BRS,
            "select": None,
            "store": None,
        },
        (Source.FIXED, Source.POINT),
        set(),
    ),
    "inputs drawn": (
        {
            "design": design(300, CR_tautau=UNIFORM),
            "observables": BRS,
            "select": None,
            "store": None,
            "inputs": {"nuisances": ["ckm", "B->K", "B->K*"]},
            "log_likelihood": True,
            "data": ["belle2_knunu_2023"],
            "data_nuisances": "drawn",
        },
        (Source.POINT,),
        set(),
    ),
}


def evaluated(plan: Plan, index: np.ndarray) -> dict[str, np.ndarray]:
    found = jax.jit(plan.columns)(plan.known, jnp.asarray(index, dtype=jnp.uint64))
    return {k: np.asarray(v) for k, v in found.items()}


def library(c: ScanCard) -> Callable[..., dict[str, jax.Array]]:
    """The numbers of one point as the library gives them to anyone, from its stored coordinates."""
    study, size = c.study, c.study.nuisances.size

    @jax.jit
    def found(point: dict[str, jax.Array]) -> dict[str, jax.Array]:
        named = dict(study.fixed)
        for p in study.scanned:
            parts = [point[a] * (1j if a.startswith("Im(") else 1) for a in p.axes]
            named |= dict.fromkeys((p.name, *p.also), sum(parts))
        z = jnp.array([point[f"z[{n}]"] for n in study.nuisance_names])
        inputs = study.nuisances.shift(z[:size])
        states = get_model(c.content.model).build(named, inputs)
        numbers = {n: get_observable(n).function(states, inputs) for n in study.observables}
        if study.log_likelihood:
            own = sum(len(m.nuisance_names) for m in study.measurements)
            of_data = z[size:] if study.drawn else jnp.zeros(own)
            terms = log_likelihoods(study.measurements, Predictions(states, inputs), of_data)
            numbers["log_likelihood"] = sum(terms.values())
        return numbers

    return found


@pytest.mark.parametrize("case", CASES)
def test_every_path_gives_the_same_numbers(case, tmp_path):
    changes, sources, polynomials = CASES[case]
    c = card(tmp_path / "card.yaml", **changes)
    plan = make_plan(c.study, c.design)
    assert plan.sources == sources
    assert set(plan.forms.names if plan.forms else ()) == polynomials
    index = np.arange(c.design.number)
    found, plain = evaluated(plan, index), evaluated(plan.per_point(), index)
    assert set(found) == set(plain)
    for name in c.study.names:
        np.testing.assert_allclose(found[name], plain[name], rtol=1e-12, err_msg=name)
    alone = library(c)
    for k in (37, c.design.number - 1):
        for name, expected in alone({a: column[k] for a, column in found.items()}).items():
            assert found[name][k] == pytest.approx(float(expected), rel=1e-12), name


def test_a_table_over_masses_is_the_quadrature_also_where_masses_are_the_fast_axis(tmp_path):
    grid = {"Lambda": {"logspace": [1, 30, 7]}, "m": {"linspace": [0, 2.35, 9]}}
    c = card(tmp_path / "c.yaml", **CASES["masses on a grid"][0] | {"design": design(**grid)})
    plan = make_plan(c.study, c.design)
    assert plan.grid == ("m",)
    found = evaluated(plan, np.arange(63))
    plain = evaluated(plan.per_point(), np.arange(63))
    np.testing.assert_allclose(found["R_K_nunu"], plain["R_K_nunu"], rtol=1e-12)
    assert found["m"][:9].tolist() == np.linspace(0, 2.35, 9).tolist()
    assert set(found["Lambda"][-9:]) == {30.0}


def test_sobol_points_are_those_of_scipy():
    n = 1024
    found = sobol(jnp.arange(n, dtype=jnp.uint64), n, DIMENSIONS, None)
    expected = qmc.Sobol(DIMENSIONS, scramble=False, bits=52).random(n)
    np.testing.assert_array_equal(np.stack(found, axis=1), expected)


def test_scrambled_sobol_points_are_even():
    n = 1024
    index = jnp.arange(n, dtype=jnp.uint64)
    found = np.stack(sobol(index, n, 6, 3), axis=1)
    for column in found.T:  # one point in each of n equal intervals
        assert sorted((column * n).astype(int)) == list(range(n))
    random = np.random.default_rng(1).random((n, 6))
    assert qmc.discrepancy(found) < qmc.discrepancy(random) / 20
    assert not np.allclose(found, np.stack(sobol(index, n, 6, 4), axis=1))


@pytest.mark.parametrize("quasi", [False, True])
def test_points_are_a_function_of_seed_and_index(quasi):
    axes = (Axis("a", 0, 1), Axis("g", 1, 10, True, 4), Axis("b", -2, 3))
    d = Design(axes, 100, quasi, 7, nuisances=2)
    assert d.number == 400
    index = jnp.arange(400, dtype=jnp.uint64)
    whole, z = d.values(index), d.normals(index)
    part = slice(150, 190)
    for name, column in d.values(index[part]).items():
        np.testing.assert_array_equal(column, whole[name][part])
    np.testing.assert_array_equal(d.normals(index[part]), z[part])
    assert not np.allclose(Design(axes, 100, quasi, 8).values(index)["b"], whole["b"])
    assert set(np.asarray(whole["g"][:100])) == {1.0}
    assert set(np.asarray(whole["g"][300:])) == {10.0}


def test_random_numbers_are_uniform_and_independent():
    d = Design((Axis("a", 0, 1), Axis("b", 0, 1)), 20_000, False, 1, nuisances=1)
    index = jnp.arange(20_000, dtype=jnp.uint64)
    a, b, z = *(np.asarray(v) for v in d.values(index).values()), np.asarray(d.normals(index))[:, 0]
    assert min(kstest(a, "uniform").pvalue, kstest(b, "uniform").pvalue) > 1e-3
    assert kstest(z, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef([a, b, z, np.roll(a, 1)])[np.triu_indices(4, 1)]).max() < 0.03
    far = d.values(index + np.uint64(2**40))["a"]
    assert kstest(np.asarray(far), "uniform").pvalue > 1e-3


def test_a_grid_has_its_shape_and_units(tmp_path):
    c = card(tmp_path / "c.yaml", **CASES["masses on a grid"][0], chunk=99)
    run_scan(c, tmp_path / "out", quiet=True)
    with open_scan(tmp_path / "out") as scan:
        assert on_grid(scan, "m").shape == (20, 16)
        np.testing.assert_allclose(on_grid(scan, "m")[:, 3], np.linspace(0, 2.35, 20))
        np.testing.assert_allclose(on_grid(scan, "Lambda")[5], np.geomspace(1, 30, 16), rtol=1e-14)
        assert (scan["m"].attrs["units"], scan["Lambda"].attrs["units"]) == ("GeV", "TeV")


def test_constants_are_columns(tmp_path):
    changes = CASES["coefficients"][0] | {"observables": ["r_D", "BR(B+->K+mu-tau+)"]}
    run_scan(card(tmp_path / "c.yaml", **changes), tmp_path / "out", quiet=True)
    with open_scan(tmp_path / "out") as scan:
        np.testing.assert_array_equal(scan[variable("r_D")], 1.0)  # constants, also 0
        np.testing.assert_array_equal(scan["BR(B+->K+mu-tau+)"], 0.0)
