"""POPxf and WCxf files: what they hold is what the package computes, and bad files are refused."""

import ast
import json
import re
import shlex
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from bsnunu_jax import InputError, Nuisances, load_inputs
from bsnunu_jax.cli import main
from bsnunu_jax.exchange import (
    load_wcxf,
    names,
    quadratic_polynomials,
    read_wcxf,
    write_popxf,
    write_wcxf,
)
from bsnunu_jax.exchange.popxf import block_name
from bsnunu_jax.exchange.write import coefficients
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
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
        point = draw(names.LEFT_HANDED, seed)
        expected = exact({names.FROM_WCXF[k]: ratio * c for k, c in point.items()})
        np.testing.assert_allclose(values(files[0], point), expected, rtol=1e-12)


def test_file_follows_the_format(files, found):
    content = json.loads(files[0].read_text(encoding="utf-8"))
    meta, data = content["metadata"], content["data"]
    assert content["$schema"] == "https://json.schemastore.org/popxf-1.0.json"
    assert meta["observable_names"] == list(OBSERVABLES)  # as they were asked for
    assert meta["basis"] == {"wcxf": {"eft": "WET", "basis": "flavio", "sectors": ["sbnunu"]}}
    assert meta["parameters"] == sorted(names.LEFT_HANDED)
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
    inputs, point = load_inputs(), draw(names.LEFT_HANDED, 8)
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


# WCxf --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["default", "flavio", "eos"])
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_round_trip_of_neutrinos(preset, suffix, tmp_path):
    inputs = load_inputs(preset)
    given = draw([n for n in names.TO_WCXF if not n.startswith(("CLp", "CRp"))], 4)
    write_wcxf(tmp_path / f"a.{suffix}", given, inputs=inputs)
    back = load_wcxf(tmp_path / f"a.{suffix}", inputs)
    assert set(back) == set(given)
    for name, c in given.items():
        assert abs(back[name] - c) <= 1e-15 * abs(c)
    written = yaml.safe_load((tmp_path / f"a.{suffix}").read_text())
    assert (written["eft"], written["basis"], float(written["scale"])) == ("WET", "flavio", 4.8)
    assert "CL_bsnutaunumu" in written["values"]


def test_flavours_are_transposed_and_alpha_is_that_of_4p8_GeV(tmp_path):
    inputs = load_inputs()
    found = write_wcxf(tmp_path / "a.json", {"CL_etau": 1.0}, inputs=inputs)
    # nubar_e ... nu_tau is CL_bsnutaunue.
    assert found.values == {"CL_bsnutaunue": pytest.approx(132.116 / 127.944, rel=1e-4)}


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("scalar-pair", {"m": 0.6, "S": 1e-8 + 3e-9j, "V": 2e-8}),
        ("scalar-pair", {"m": 0.6, "real": True, "P": 1e-8}),
        ("fermion-pair", {"m1": 0.6, "m2": 1.1, "S1": 1e-8, "T2": -2e-9j}),
        ("fermion-pair", {"m": 0.6, "majorana": True, "V2": 1e-8}),
        ("vector-pair", {"m": 0.3, "V3": 1e-8, "T1": 2e-9j, "V2": 3e-9}),
        ("sterile-neutrino", {"mN": 0.6, "V_LR": 1e-8j, "T_LL": 1e-9}),
        ("sterile-neutrino", {"mN": 0.6, "pair": "nuN", "V_LR": 1e-8j, "S_RL": 1e-9}),
        ("neutrinos", {"CLp_mutau": 2.0, "CR_ee": 1j}),
    ],
)
def test_round_trip_in_our_basis(model, given, tmp_path):
    inputs = load_inputs()
    write_wcxf(tmp_path / "a.yaml", given, model=model, inputs=inputs)
    back = read_wcxf(tmp_path / "a.yaml", inputs)
    assert back.model == model
    for name, c in given.items():
        if isinstance(c, bool | str):
            assert back.parameters[name] == c
        else:
            assert abs(back.parameters[name] - c) <= 1e-15 * abs(c)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("vector-pair", {"m": 0.3, "operator": "V3", "Lambda": 5.0}),
        ("fermion-pair", {"m": 0.6, "operator": "T1", "Lambda": 8.0, "scale": 100.0}),
        ("vlq-dm", {"m": 0.6, "C_ss": 1e-4, "r_q": 1e-3}),
        ("S1", {"M": 2.0, "lam_2mu": 0.1 + 0.2j, "lam_3mu": 0.5}),
        ("zprime", {"MZp": 3.0, "gL": 0.01, "gN": 0.5, "gnu_emu": 0.2j}),
    ],
)
def test_the_states_of_the_file_are_those_of_the_model(model, given, tmp_path):
    inputs = load_inputs()
    write_wcxf(tmp_path / "a.json", given, model=model, inputs=inputs)
    back = read_wcxf(tmp_path / "a.json", inputs)
    first = tuple(get_model(model).build(given, inputs))
    second = tuple(get_model(back.model).build(back.parameters, inputs))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=0)


def test_charged_leptons_go_along(tmp_path):
    """S1: C_9 = -C_10 = 2 C_L, in names whose first flavour is the lepton that is not barred."""
    inputs = load_inputs()
    given = {"M": 2.0, "lam_2mu": 0.1 + 0.2j, "lam_3tau": 0.5}
    found = coefficients(given, model="S1", inputs=inputs)
    left = found.values["CL_bsnutaunumu"]
    assert found.values["C9_bstaumu"] == pytest.approx(2 * left, rel=1e-14)
    assert found.values["C10_bstaumu"] == pytest.approx(-2 * left, rel=1e-14)
    assert "CVL_bcmunutau" in found.values
    assert found.left_out == ()
    write_wcxf(tmp_path / "a.json", given, model="S1", inputs=inputs)
    with pytest.warns(UserWarning, match="ignored: C9_bstaumu, C10_bstaumu, CVL_bcmunutau"):
        load_wcxf(tmp_path / "a.json", inputs)
    z = coefficients({"MZp": 3.0, "gL": 0.01, "gnu_mumu": 0.1}, model="zprime", inputs=inputs)
    assert z.left_out == ("Bs mixing, which has another scale",)


def test_scale_of_scalars(tmp_path):
    """A file at another scale is run by the model; vectors are the same at every scale."""
    inputs = load_inputs()
    (tmp_path / "a.yaml").write_text(
        "eft: WET-dark\nbasis: bsnunu\nscale: 91.19\nmetadata: {particle: {m: 0.6}}\n"
        "values: {S1_bschichi: 1e-8}\n"
    )
    found = read_wcxf(tmp_path / "a.yaml", inputs)
    assert found.parameters == {"m": 0.6, "S1": 1e-8, "scale": 91.19}
    text = "eft: WET\nbasis: flavio\nscale: {}\nvalues: {{CR_bsnuenue: {{Re: 1, Im: -1e-1}}}}\n"
    points = []
    for scale in ("2.", "4.8", "91.1876", "160"):
        (tmp_path / "b.yaml").write_text(text.format(scale))
        points.append(load_wcxf(tmp_path / "b.yaml", load_inputs("flavio")))
    assert points == [{"CR_ee": 1 - 0.1j}] * 4


def write(tmp_path, **changes):
    content = {"eft": "WET", "basis": "flavio", "scale": 4.8, "values": {"CR_bsnuenue": 1.0}}
    path = tmp_path / "wc.json"
    kept = {k: v for k, v in (content | changes).items() if v is not None}
    path.write_text(json.dumps(kept))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eft": "SMEFT", "basis": "Warsaw"}, r"eft SMEFT, basis Warsaw; eft WET with basis fla"),
        ({"basis": "JMS"}, "eft WET, basis JMS"),
        ({"eft": None}, "key 'eft' is missing"),
        ({"scale": 1000}, "scale 1000: no weak effective theory with a b quark; 2 to 163 GeV"),
        ({"scale": 1.0}, "no weak effective theory"),
        ({"scale": None}, "got None"),
        ({"values": None}, "no coefficients"),
        ({"values": {"CR_bsnutaunu": 1}}, "unknown coefficient 'CR_bsnutaunu'"),
        ({"values": {"CR_etau": 1}}, "here it is called CR_bsnutaunue"),
        ({"values": {"CR_bsnuenue": "one"}}, "expected a number, or Re and Im, got 'one'"),
        ({"values": {"CR_bsnuenue": True}}, "got True"),
        ({"values": {"CR_bsnuenue": {"re": 1}}}, "expected a number, or Re and Im"),
        ({"values": {"CR_bsnuenue": float("nan")}}, "nan is not finite"),
        ({"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsYY": 1}}, "unknown coefficient"),
        ({"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsXX": 1}}, "mass of the particle"),
        (
            {"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsXX": 1, "S_bsphiphi": 1}},
            "coefficients of several sectors: sbphiphi, sbXX",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"T1_bsXX": 1e-9},
                "metadata": {"particle": {"m": 0.5, "real": True}},
            },
            "operator T1 vanishes",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"T1_bsXX": 1e-9},
                "metadata": {"particle": {"m": 0.5, "spin": 1}},
            },
            "unknown key 'spin'",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"S_LL_bsNN": 1e-9},
                "metadata": {"particle": {"mN": 0.5, "pair": "nuN"}},
            },
            "pair = nuN with coefficients",
        ),
    ],
)
def test_bad_files_of_coefficients(changes, message, tmp_path):
    with pytest.raises(InputError, match=re.escape(message) if "(" in message else message) as e:
        read_wcxf(write(tmp_path, **changes))
    assert "\n" not in str(e.value)
    assert "wc.json" in str(e.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected `key: value` lines"),
        ("[1]", "no WCxf file"),
        ('{"eft": "WET", "eft": "WET"}', "'eft' stands twice"),
        ("eft: WET\nbasis: flavio\nscale: 4.8\nvalues:\n  CR_bsnuenu: 1\n", r"\.yaml:5 \(values"),
    ],
)
def test_malformed_files(text, message, tmp_path):
    (tmp_path / "wc.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_wcxf(tmp_path / "wc.yaml")
    with pytest.raises(InputError, match="no such file"):
        read_wcxf(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("model", "given", "basis", "message"),
    [
        ("universal", {"cSL": 1.0}, None, "no WCxf basis holds the final states"),
        ("signal-strength", {"mu": 2.0}, None, "no WCxf basis holds the final states"),
        ("resonance", {"m": 2.0, "S": 1e-8}, None, "no WCxf basis holds the final states"),
        ("scalar-pair", {"m": 0.5, "S": 1e-8}, "flavio", "no operators of the pair"),
        ("neutrinos", {"CLp_ee": 1.0}, "flavio", "no operators of right-handed neutrinos"),
        ("vector-pair", {"m": 0.0, "operator": "S", "Lambda": 5.0}, None, "massless vector pair"),
        ("neutrinos", {}, "JMS", "unknown basis 'JMS'"),
    ],
)
def test_models_without_a_basis(model, given, basis, message):
    with pytest.raises(InputError, match=message):
        coefficients(given, model=model, basis=basis)


# The commands and the page -----------------------------------------------------------------------


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_predict_from_a_file(capsys, tmp_path):
    wc = str(tmp_path / "wc.json")
    point = ["--set", "M=2", "--set", "lam_2mu=0.1", "--set", "lam_3tau=0.5"]
    code, out, err = run(capsys, "export", "wcxf", "--model", "S0", *point, "--out", wc)
    assert (code, out, err) == (0, f"{wc}\n", "")
    _, direct, _ = run(capsys, "predict", "BR(B+->K+inv)", "--model", "S0", *point, "--json")
    code, out, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--json")
    assert code == 0
    assert "warning" in err
    assert "CVL_bcmunutau" in err
    first, second = (json.loads(x)["observables"]["BR(B+->K+inv)"] for x in (direct, out))
    assert second == pytest.approx(first, rel=1e-14)
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--set", "CL_taumu=1")
    assert code == 0  # another flavour than the file's CL_mutau
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--set", "CL_mutau=1")
    assert (code, err) == (2, "bsnunu: error: --set: 'CL_mutau' is in the file; drop it\n")
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--model", "S0")
    assert (code, err.count("\n")) == (2, 1)
    assert "a point of model neutrinos" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["popxf", "F_L(B0->K*0inv)", "--out", "a.json"], "no polynomial of coefficients"),
        (["popxf", "R_K_nunu", "--out", "a.txt"], "--out: the suffix '.txt'"),
        (["popxf", "R_K_nunu", "--model", "x", "--out", "a.json"], "unknown model 'x'"),
        (["wcxf", "--set", "CR_ee=1", "--out", "a.txt"], "a.txt: the suffix '.txt'"),
        (["wcxf", "--model", "S0", "--out", "a.json"], "--set M: the mass 'M' is missing"),
        (["wcxf", "--preset", "x", "--out", "a.json"], "--preset: unknown preset 'x'"),
    ],
)
def test_bad_commands(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "export", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_page(capsys, tmp_path, monkeypatch):
    """The commands and the Python of docs/exchange.md, in the order of the page."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(sh|python)\n(.*?)```(?:\n\n<!-- prints: (.*?) -->)?", PAGE, re.DOTALL)
    assert {kind for kind, *_ in blocks} == {"sh", "python"}
    for kind, text, printed in blocks:
        if kind == "python":
            exec(compile(text, "exchange.md", "exec"), {})
            assert capsys.readouterr().out.strip() == printed
            continue
        for line in text.splitlines():
            code, out, _ = run(capsys, *shlex.split(line, comments=True)[1:])
            assert code == 0
            assert out
