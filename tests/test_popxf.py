"""POPxf files hold the polynomials that the package computes, with their covariance."""

import ast
import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax import InputError, Nuisances, load_inputs
from bsnunu_jax.exchange import names, quadratic_polynomials, write_popxf
from bsnunu_jax.exchange.popxf import block_name
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable

LEFT_HANDED = [n for n in names.LEFT_HANDED if "_bs" in n]
OBSERVABLES = ("BR(B+->K+inv)", "BR(B0->K*nunu)", "R_K_nunu", "R_Kstar_nunu", "BR_NP(B0->K0inv)")


def values(path: Path, point: dict[str, complex], field: str = "observable_central") -> np.ndarray:
    """A reading of POPxf that shares nothing with the writer."""
    content = json.loads(path.read_text(encoding="utf-8"))
    total = np.zeros(len(content["metadata"]["observable_names"]))
    for key, row in content["data"][field].items():
        first, second, parts = ast.literal_eval(key)
        monomial = 1.0
        for name, part in ((first, parts[0]), (second, parts[1])):
            if name:
                monomial *= point[name].real if part == "R" else point[name].imag
        total += monomial * np.array(row)
    return total


def draw(parameters, seed=1, size=5.0):
    c = np.random.default_rng(seed).normal(scale=size, size=(2, len(parameters)))
    return dict(zip(parameters, (c[0] + 1j * c[1]).tolist(), strict=True))


def ours(observables, model, parameters, inputs):
    states = get_model(model).build(parameters, inputs)
    functions = [get_observable(o).function for o in observables]
    return jax.jit(lambda *x: [f(*x) for f in functions])(states, inputs)


@pytest.fixture(scope="module")
def found():
    return quadratic_polynomials(OBSERVABLES, errors=60, seed=3)


@pytest.fixture(scope="module")
def files(found, tmp_path_factory):
    return write_popxf(tmp_path_factory.mktemp("popxf") / "knunu.json", found)


def test_polynomials_are_the_observables(files):
    inputs = load_inputs()
    # C of the file has alpha(4.8 GeV), ours alpha(m_Z): 1.0325.
    ratio = float(inputs.values["alpha_em_mb_4p8"] / inputs.values["alpha_em_mZ"])
    functions = [get_observable(o).function for o in OBSERVABLES]
    build = get_model("neutrinos").build
    exact = jax.jit(lambda p: [f(build(p, inputs), inputs) for f in functions])
    for seed in range(10):
        point = draw(LEFT_HANDED, seed)
        expected = exact({names.FROM_WCXF[k]: ratio * c for k, c in point.items()})
        np.testing.assert_allclose(values(files[0], point), expected, rtol=1e-12)


def test_file_follows_the_format(files, found):
    content = json.loads(files[0].read_text(encoding="utf-8"))
    meta, data = content["metadata"], content["data"]
    assert content["$schema"] == "https://json.schemastore.org/popxf-1.0.json"
    assert meta["observable_names"] == list(OBSERVABLES)  # as they were asked for
    assert meta["basis"] == {"wcxf": {"eft": "WET", "basis": "flavio", "sectors": ["sbnunu"]}}
    assert meta["parameters"] == sorted(LEFT_HANDED)
    assert meta["scale"] == 4.8
    assert list(data) == ["observable_central", "observable_uncertainties"]
    keys = [ast.literal_eval(k) for k in data["observable_central"]]
    assert keys == sorted(keys)
    assert all(a <= b and re.fullmatch("[RI]{2}", t) for a, b, t in keys)
    assert list(data["observable_uncertainties"]["total"]) == list(data["observable_central"])
    # 1, 6 interferences with the SM, 36 squares, 18 products of C_L and C_R.
    assert len(keys) == 61
    inputs = meta["reproducibility"][0]["inputs"]
    assert inputs["VtbVts_abs"]["mean"] == 0.04185
    (group,) = [v for k, v in inputs.items() if k.startswith("('B->K*: ")]
    assert np.shape(group["corr"]) == (len(group["mean"]),) * 2
    assert meta["misc"]["correlation_file"] == files[1].name


def test_the_covariance_is_that_of_the_draws(files, found):
    """Of observables at a point, against draws of the observables themselves."""
    inputs, point = load_inputs(), draw(LEFT_HANDED, 8)
    content = json.loads(files[1].read_text(encoding="utf-8"))
    (block,) = [v for k, v in content.items() if k != "$schema"]
    assert block_name(OBSERVABLES, OBSERVABLES) in content
    correlations = np.array(block["correlations"]["total"])
    monomials = np.array(
        [
            np.prod(
                [
                    1.0 if not n else point[n].real if p == "R" else point[n].imag
                    for n, p in zip(key[:2], key[2], strict=True)
                ]
            )
            for key in found.keys
        ]
    )
    scaled = found.std * monomials[:, None]
    covariance = np.einsum("ijkl,ki,lj->ij", correlations, scaled, scaled)
    nuisances = Nuisances(inputs)
    model = get_model("neutrinos")

    def at(z):
        i = nuisances.shift(z)
        p = {names.FROM_WCXF[k]: c / names.wcxf_over_ours(i) for k, c in point.items()}
        states = model.build(p, i)
        return jnp.stack([get_observable(o).function(states, i) for o in OBSERVABLES])

    spread = np.asarray(jax.jit(jax.vmap(at))(nuisances.draw(jax.random.key(3), 60)))
    np.testing.assert_allclose(covariance, np.cov(spread.T), rtol=1e-6)
    # SM: R is 1 at every draw.
    assert found.std[0, 2] == 0
    assert found.std[0, 0] == pytest.approx(0.076 * found.central[0, 0], rel=0.25)


def test_dialect_of_jelli(found, tmp_path):
    """Uncertainties without a name of their source; correlations as HDF5."""
    import h5py

    one, two = write_popxf(tmp_path / "a.json", found, dialect="jelli-0.1")
    data = json.loads(one.read_text(encoding="utf-8"))["data"]
    assert list(data["observable_uncertainties"]) == list(data["observable_central"])
    with h5py.File(two) as file:
        group = file[block_name(OBSERVABLES, OBSERVABLES)]
        assert group["data"].shape == (5, 5, 61, 61)
        assert group["row_names"][()].astype(str).tolist() == list(OBSERVABLES)


@pytest.mark.parametrize(
    ("model", "fixed", "wanted", "size", "observables"),
    [
        ("fermion-pair", {"m": 0.6}, None, 1e-8, ["BR(B0->K*0inv)", "BR(Bs->inv)"]),
        ("vector-pair", {"m": 0.8, "real": True}, None, 1e-8, ["BR(Bs->inv)"]),
        ("sterile-neutrino", {"mN": 0.4, "pair": "nuN"}, ["V_LR", "S_LL"], 1e-8, ["BR(Bs->inv)"]),
        ("universal", {}, None, 5.0, ["BR(B+->K+inv)"]),
        ("neutrinos", {}, ["CR_tautau", "CLp_bsnuenue"], 5.0, ["BR(B+->K+inv)"]),
        ("S2tilde", {"M": 2.0, "lam_2tau": 0.3}, ["lam_3tau", "lam_3mu"], 1.0, ["BR(B+->K+inv)"]),
        ("signal-strength", {}, ["mu"], 5.0, ["BR(B+->K+inv)"]),
    ],
)
def test_other_models(model, fixed, wanted, size, observables, tmp_path):
    poly = quadratic_polynomials(observables, model=model, fixed=fixed, parameters=wanted)
    (path,) = write_popxf(tmp_path / "a.json", poly)
    point = draw(poly.parameters, size=size)
    point = {k: c if poly.parameters[k] == "C" else c.real + 0j for k, c in point.items()}
    sector = {
        n: o for s in names.SECTORS.values() if s.model == model for n, o in s.names().items()
    }
    known = sector or dict(names.FROM_WCXF)
    ratio = float(names.wcxf_over_ours(poly.inputs)) if model == "neutrinos" else 1.0
    mine = {known.get(k, k): c / ratio for k, c in point.items()}
    expected = ours(observables, model, fixed | mine, poly.inputs)
    np.testing.assert_allclose(values(path, point), expected, rtol=1e-12, atol=1e-30)
    basis = json.loads(path.read_text(encoding="utf-8"))["metadata"]["basis"]["custom"]
    assert model in basis["name"]
    assert basis["fixed"] == fixed
    if model == "fermion-pair":
        assert len(poly.parameters) == 10
        assert "bar\\chi" in basis["parameters"]["V2_bschichi"]["operator"]
    if model == "vector-pair":  # what vanishes for a real vector is no variable
        assert sorted(poly.parameters) == [f"{o}_bsXX" for o in ("A2", "A3", "P", "S", "V2", "V3")]
    if model == "signal-strength":
        assert poly.parameters == {"mu": "R"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observables": ["F_L(B0->K*0inv)"]}, "F_L(B0->K*0inv) is no polynomial"),
        (
            {"model": "S2tilde", "fixed": {"M": 2.0}, "parameters": ["lam_2tau", "lam_3tau"]},
            "BR(B+->K+inv) is not quadratic in lam_2tau, lam_3tau",
        ),
        (
            {"model": "resonance", "fixed": {"S": 1e-8, "width": 0.1}, "parameters": ["m"]},
            "BR(B+->K+inv) is not quadratic in m",
        ),
        ({"model": "S2tilde", "fixed": {"M": 2.0}}, "no variables of its own"),
        ({"model": "fermion-pair", "fixed": {}}, "the mass 'm' is missing"),
        ({"fixed": {"CR_ee": 1.0}}, "--set: 'CR_ee' cannot be fixed"),
        ({"parameters": ["CR_xx"]}, "--parameters: unknown parameter 'CR_xx'"),
        ({"parameters": ["CR_ee", "CR_bsnuenue"]}, "stands twice"),
        (
            {"model": "scalar-pair", "fixed": {"m": 0.5, "S": 1e-8}, "parameters": ["S"]},
            "'S' is both fixed and a variable",
        ),
    ],
)
def test_no_polynomials(arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        quadratic_polynomials(**({"observables": ["BR(B+->K+inv)"]} | arguments))


def test_bad_files_of_polynomials(found, tmp_path):
    with pytest.raises(InputError, match=r"end the name with \.json"):
        write_popxf(tmp_path / "a.yaml", found)
    with pytest.raises(InputError, match="unknown dialect"):
        write_popxf(tmp_path / "a.json", found, dialect="old")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_popxf(tmp_path / "file" / "a.json", found)


def test_each_transition_has_its_coefficients(tmp_path):
    """K_L among them: quadratic in real and imaginary parts of C_ij and C_ji."""
    observables = ["BR(B+->pinunu)", "BR(KL->pinunu)", "BR(K+->pi+inv)", "BR_NP(KL->pi0inv)"]
    poly = quadratic_polynomials(observables)
    (path,) = write_popxf(tmp_path / "a.json", poly)
    meta = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    sectors = ["dbnunu", "sdnunu"]
    assert meta["basis"] == {"wcxf": {"eft": "WET", "basis": "flavio", "sectors": sectors}}
    assert len(poly.parameters) == 36
    point = draw(poly.parameters, 5)
    inputs = load_inputs()
    alpha = {"bd": "alpha_em_mb_4p8", "sd": "alpha_em_2GeV"}
    ratio = {k: float(inputs.values[v] / inputs.values["alpha_em_mZ"]) for k, v in alpha.items()}
    mine = {names.FROM_WCXF[k]: ratio[k.split("_")[1][:2]] * c for k, c in point.items()}
    expected = ours(observables, "neutrinos", mine, inputs)
    np.testing.assert_allclose(values(path, point), expected, rtol=1e-12, atol=0)


def test_pairs_of_other_transitions(tmp_path):
    fixed = {"m": 0.1, "quarks": "s->d"}
    poly = quadratic_polynomials(["BR(K+->pi+inv)"], model="scalar-pair", fixed=fixed)
    (path,) = write_popxf(tmp_path / "a.json", poly)
    assert sorted(poly.parameters) == [f"{o}_sdphiphi" for o in "APSV"]
    point = draw(poly.parameters, size=1e-12)
    mine = {k[0]: c for k, c in point.items()}
    expected = ours(["BR(K+->pi+inv)"], "scalar-pair", fixed | mine, poly.inputs)
    np.testing.assert_allclose(values(path, point), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("observable", "model", "fixed", "parameters", "own"),
    [
        ("BR(KL->pi0inv)", "neutrinos", {}, ["CL_bsnuenue"], "s->d"),
        ("BR(B+->pi+inv)", "neutrinos", {}, ["CL_ee"], "b->d"),
        ("BR(B+->K+inv)", "scalar-pair", {"m": 0.1, "quarks": "s->d"}, None, "b->s"),
    ],
)
def test_a_polynomial_needs_a_coefficient_that_it_sees(observable, model, fixed, parameters, own):
    with pytest.raises(InputError, match=re.escape(f"{observable} is of {own}, the coefficients")):
        quadratic_polynomials([observable], model=model, fixed=fixed, parameters=parameters)
