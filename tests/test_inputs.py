"""Every input is a sourced number with a unit; bad names are refused with the allowed ones."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES, QUARKS, REPORTED, TRANSITIONS, get_mode
from bsnunu_jax.inputs import (
    GROUPS,
    Inputs,
    Nuisances,
    form_factor_sets,
    load_inputs,
    numbers,
    presets,
)
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.states import Neutrinos

DATA = resources.files("bsnunu_jax.inputs") / "data"
UNITS = {"GeV", "GeV^-2", "GeV s", "ps", "rad", "1"}
ROLES = {"alpha_hamiltonian", "alpha_sm", "m_b", "m_s"}
# What every rate reads.
NEEDED = {
    "GF",
    "hbar",
    "X_t",
    "sin2thetaW",
    "VtbVts_abs",
    *(getattr(MODES[name], field) for name in REPORTED for field in ("m_B", "m_K", "tau_B")),
}
SETS = [(t, name) for t in TRANSITIONS for name in form_factor_sets(t)]


def read(name: str) -> Any:
    return yaml.safe_load(DATA.joinpath(name).read_text())


def entries() -> Iterator[Any]:
    for file in ("electroweak_ckm.yaml", "masses_lifetimes.yaml", "kaons.yaml"):
        for block, numbers_of_block in read(file).items():
            for key, entry in numbers_of_block.items():
                yield pytest.param(entry, id=f"{block}:{key}")


@pytest.mark.parametrize("entry", list(entries()))
def test_every_number_has_unit_and_source(entry: dict[str, Any]) -> None:
    """YAML reads 1e-5 as text: each value must have arrived as a float."""
    assert set(entry) <= {"value", "uncertainty", "unit", "source", "note", "status"}
    assert type(entry["value"]) is float
    assert entry["uncertainty"] is None or type(entry["uncertainty"]) is float
    assert entry["uncertainty"] is None or 0 < entry["uncertainty"] < abs(entry["value"])
    assert entry["unit"] in UNITS
    assert len(entry["source"]) >= 3


@pytest.mark.parametrize(("transition", "name"), SETS)
def test_form_factor_tables_are_complete(transition: str, name: str) -> None:
    raw = read(f"form_factors/{TRANSITIONS[transition].file}_{name}.yaml")
    assert raw["transition"] == transition
    for row in (raw["central"], raw["masses"].values(), *raw["covariance"]):
        assert all(type(x) is float for x in row)
    assert raw["source"]
    assert raw["arxiv"] or "/handle/" in raw["source"]
    table = form_factor_set(transition, name)
    n = len(table.parameters)
    assert len(set(table.parameters)) == n
    assert table.central.shape == (n,)
    assert table.covariance.shape == (n, n)
    sigma = np.sqrt(np.diag(table.covariance))
    correlation = table.covariance / np.outer(sigma, sigma)
    np.testing.assert_allclose(correlation, correlation.T, rtol=0, atol=1e-12)
    assert np.linalg.eigvalsh(correlation).min() > 0


@pytest.mark.parametrize("preset", presets())
def test_presets_load(preset: str) -> None:
    inputs = load_inputs(preset)
    table = numbers(preset)
    assert set(inputs.values) == set(table)
    assert set(table) >= NEEDED
    assert {getattr(m, f) for m in MODES.values() for f in ("m_B", "m_K", "tau_B")} <= set(table)
    assert {q.ckm for q in QUARKS.values() if q.ckm} <= set(table)
    assert all(float(inputs.values[k]) == table[k].value for k in table)
    assert all(v.dtype == jnp.float64 for v in jax.tree.leaves(inputs))
    of_one = {role for role, _ in inputs.roles if role.partition(" ")[2] in QUARKS}
    assert {role for role, _ in inputs.roles} - of_one == ROLES
    assert all(float(inputs.role(role)) == table[key].value for role, key in inputs.roles)
    assert set(inputs.form_factors) == {"B->K", "B->K*"} | {
        t for t, row in TRANSITIONS.items() if row.usual
    }
    assert -7 < float(inputs.C_L_SM) < -6
    assert presets()[preset]["description"]


def test_later_blocks_of_a_preset_win() -> None:
    assert numbers("paper")["VtbVts_abs"].value == 0.0393
    assert numbers("default")["VtbVts_abs"].value == 0.04185
    assert numbers("paper")["VtbVts_abs"].uncertainty == 0.001
    assert numbers("hpqcd")["m_B_plus"].value == 5.279495108051249
    assert numbers("hpqcd")["m_B_0"].value == 5.279495108051249


def test_numbers_of_the_default_preset() -> None:
    """Literals, so that a change of the tables cannot pass unseen."""
    table = numbers("default")
    assert {k: table[k].value for k in NEEDED} == {
        "GF": 1.1663787e-05,
        "hbar": 6.582119569e-25,
        "X_t": 1.468,
        "sin2thetaW": 0.23124,
        "VtbVts_abs": 0.04185,
        "m_B_plus": 5.27941,
        "m_B_0": 5.27972,
        "m_K_plus": 0.493677,
        "m_K_0": 0.497611,
        "m_Kstar_plus": 0.89167,
        "m_Kstar_0": 0.89555,
        "tau_B_plus": 1.6381581804380287,
        "tau_B_0": 1.5169669437658444,
    }
    assert table["tau_B_plus"].unit == "ps"
    assert table["tau_B_plus"].uncertainty == 0.0040770487318019626


def test_derived_constants(inputs: Inputs) -> None:
    """C_L^SM = -X_t/s_W^2, N_0 = (4 GF/sqrt2) |VtbVts*| alpha/(4 pi), lifetimes in GeV^-1."""
    assert float(inputs.C_L_SM) == pytest.approx(-1.468 / 0.23124, rel=1e-15)
    N_0 = 4 * 1.1663787e-05 / np.sqrt(2) * 0.04185 * 0.007815430786544954 / (4 * np.pi)
    assert float(inputs.N_0) == pytest.approx(N_0, rel=1e-15, abs=0)
    expected = 1.6381581804380287e-12 / 6.582119569e-25
    assert float(inputs.lifetime("tau_B_plus")) == pytest.approx(expected, rel=1e-15)


def test_sm_rate_does_not_depend_on_the_alpha_of_the_prefactor() -> None:
    """The SM coefficient is rescaled with it, new-physics coefficients are not."""
    inputs = load_inputs("flavio")
    assert dict(inputs.roles)["alpha_hamiltonian"] == "alpha_em_mb_4p8"
    roles = tuple((dict(inputs.roles) | {"alpha_hamiltonian": "alpha_em_mZ"}).items())
    other = dataclasses.replace(inputs, roles=roles)
    C = np.full((3, 3), 5.0)
    assert float(other.N_0) != pytest.approx(float(inputs.N_0), rel=1e-2, abs=0)
    for mode in (*REPORTED, "Bs->phi", "B0->pi0"):
        a, b = (float(branching_fraction(mode, [Neutrinos()], i)) for i in (inputs, other))
        assert a == pytest.approx(b, rel=1e-14, abs=0)
        a, b = (
            float(branching_fraction(mode, [Neutrinos(CR=C, elsewhere={"b->d": {"CR": C}})], i))
            for i in (inputs, other)
        )
        assert a != pytest.approx(b, rel=1e-3, abs=0)


BAD_NAMES: dict[str, tuple[Callable[[], object], str]] = {
    "preset": (lambda: load_inputs("pdg"), "default, paper, hpqcd, flavio, eos"),
    "form-factor set": (
        lambda: load_inputs("default", {"B->K*": "bsz"}),
        ", ".join(form_factor_sets("B->K*")),
    ),
    "transition": (lambda: load_inputs("default", {"B->Ks": "x"}), "B->K, B->K*"),
    "nuisance group": (lambda: Nuisances(load_inputs(), groups=["lattice"]), ", ".join(GROUPS)),
    "mode": (lambda: get_mode("B->K"), ", ".join(MODES)),
    "coefficient": (lambda: Neutrinos.named({"CR_33": 1.0}), "CL_ij, CR_ij, CLp_ij, CRp_ij"),
    "model": (lambda: get_model("leptoquark"), "neutrinos, universal"),
    "parameter": (lambda: get_model("universal").check({"CVL": 1}), "cVL, cVR, cSL, cSR, cTL"),
    "observable": (lambda: get_observable("BR(B->Knunu)"), "bsnunu list observables"),
}


@pytest.mark.parametrize("what", BAD_NAMES)
def test_unknown_names_are_refused_with_the_allowed_ones(what: str) -> None:
    call, allowed = BAD_NAMES[what]
    with pytest.raises(InputError, match=f"unknown {what}") as caught:
        call()
    assert allowed in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["0", "false"])
def test_single_precision_is_refused(value: str) -> None:
    """In a fresh interpreter, because the precision is fixed when the package is imported."""
    code = "from bsnunu_jax.inputs import load_inputs; load_inputs()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"JAX_ENABLE_X64": value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode != 0
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("bsnunu_jax.foundation.errors.InputError")
    assert "jax.config.update('jax_enable_x64', True)" in last


def test_nuisances_at_zero_are_the_central_inputs(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, groups=GROUPS)
    shifted = nuisances.shift(jnp.zeros(nuisances.size))
    assert jax.tree.structure(shifted) == jax.tree.structure(inputs)
    for a, b in zip(jax.tree.leaves(shifted), jax.tree.leaves(inputs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_nuisance_moves_one_input_by_its_uncertainty(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, groups=GROUPS)
    assert len(set(nuisances.names)) == nuisances.size
    table = numbers("default")
    scalars = [n for n in nuisances.names if n in table]
    assert {"VtbVts_abs", "X_t", "sin2thetaW", "GF", "tau_B_plus", "m_B_0"} <= set(scalars)
    for name in scalars:
        z = jnp.zeros(nuisances.size).at[nuisances.names.index(name)].set(1.0)
        shifted = nuisances.shift(z)
        moved = {k for k in table if float(shifted.values[k]) != table[k].value}
        assert moved == {name}
        expected = table[name].value + table[name].uncertainty
        assert float(shifted.values[name]) == pytest.approx(expected, rel=1e-15, abs=0)


def test_one_sigma_of_the_ckm_factor(inputs: Inputs) -> None:
    """|VtbVts*| = 0.04185(93): the rate goes with its square."""
    nuisances = Nuisances(inputs, groups=["ckm"])
    assert nuisances.names == ("VtbVts_abs",)
    up, central = (
        float(branching_fraction("B+->K+", [Neutrinos()], nuisances.shift(jnp.array([z]))))
        for z in (1.0, 0.0)
    )
    assert up / central == pytest.approx((0.04278 / 0.04185) ** 2, rel=1e-14)


def test_uncertainties_that_the_source_does_not_give_are_no_nuisances() -> None:
    # Beside every preset, from one source.
    beside = ("charged", "Bs", "mixing", "Kpi", "charm", "detector", "s->d")
    nuisances = Nuisances(load_inputs("eos"), groups=[g for g in GROUPS if g not in beside])
    assert all("->" in name for name in nuisances.names)
