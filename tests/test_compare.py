"""`bsnunu compare`: cards, Gram matrices, scans and evidence against independent calculations."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import simpson

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.evidence.lines import PairLikelihood
from bsnunu_jax.inference.evidence.mass_curve import MassScan
from bsnunu_jax.inference.evidence.operators import PairComparison
from bsnunu_jax.inference.evidence.pairs import PairOperator, families
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.fits.sm import sm_fit
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.models import MODELS
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.report.compare_table import compare_table
from bsnunu_jax.runs.compare import run_compare

approx = pytest.approx
DARK_SECTOR = Path(__file__).parents[1] / "fits" / "dark_sector.yaml"
MINE = """\
measurements:
- {id: br, title: mine, observable: BR(B+->K+inv), value: 1.5e-5, errors: [[4.0e-6, -4.0e-6]]}
- {id: ratio, title: mine, observable: R_Kstar_nunu, value: 1.2, errors: [[0.5, -0.5]]}
- {id: bs, title: mine, observable: BR(Bs->inv), value: 0.0, errors: [[2.0e-4, -2.0e-4]]}
"""
HEAD = """\
title: two pairs and a signal strength
inputs: {nuisances: %s}
data: %s
variants:
"""
SCALAR = """\
- model: scalar-pair
  fixed: {operator: V}
  parameters: {m: {prior: {uniform: [0, 2.35]}}, Lambda: {prior: {log_uniform: [0.7, 21]}}}
"""
FERMION = """\
- model: fermion-pair
  name: axial
  fixed: {operator: A2}
  parameters: {m: {prior: {uniform: [0, 2.35]}}, Lambda: {prior: {log_uniform: [1, 30]}}}
"""
STRENGTH = """\
- model: signal-strength
  parameters: {mu: {prior: {uniform: [-10, 10]}}}
"""
SMALL = HEAD % ("[ckm]", "[babar_2013_Kstar0, babar_2013_K0, mine.yaml]")


def write(folder: Path, text: str) -> Path:
    (folder / "mine.yaml").write_text(MINE)
    path = folder / "card.yaml"
    path.write_text(text)
    return path


def prepared(path: Path, masses: int) -> PairComparison:
    variants = load_comparison([path]).variants
    base = variants[0].card.stated
    return PairComparison(
        base, {v.name: PairOperator.of(v.card.on(base)) for v in variants}, masses=masses
    )


def scan_of(pairs: PairComparison, name: str) -> MassScan:
    operator = pairs.operators[name]
    return MassScan(pairs.likelihood, pairs._family[id(operator)], operator)


def test_all_operators_are_in_the_card_of_the_dark_sector():
    variants = load_comparison([DARK_SECTOR]).variants
    base = variants[0].card.stated
    operators = [PairOperator.of(v.card.on(base)) for v in variants]
    assert all(op is not None and op.scales[1] / op.scales[0] == approx(30) for op in operators)
    for model in ("scalar-pair", "fermion-pair", "vector-pair"):
        names = [op.fixed["operator"] for op in operators if op.model.name == model]
        assert sorted(names) == sorted(MODELS[model].settings["operator"])
    assert [op.fixed["pair"] for op in operators if op.model.name == "sterile-neutrino"] == [
        "NN",
        "nuN",
    ]
    powers = {f"{op.model.name} {op.fixed['operator']}": op.strength.power for op in operators}
    assert (powers["scalar-pair S"], powers["scalar-pair V"]) == (2, 4)
    assert (powers["vector-pair V3"], powers["vector-pair V2"]) == (6, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SMALL + SCALAR.replace("operator: V", "operator: V9"),
            "card.yaml:6 (variants.0.fixed.operator): operator = V9; one of S, P, V, A",
        ),
        (
            SMALL + SCALAR + SCALAR.replace("model", "modle"),
            "card.yaml:8 (variants.1.modle): unknown key 'modle'; allowed: model, "
            "parameters, fixed",
        ),
        (
            SMALL + SCALAR.replace("scalar-pair", "scalars"),
            "card.yaml:5 (variants.0.model): unknown model 'scalars'",
        ),
        (SMALL + SCALAR + SCALAR, "card.yaml:8 (variants.1): two variants are called 'scalar-pair"),
        (SMALL + SCALAR.replace("0.7, 21", "21, 0.7"), "prior low 21 is not below high 0.7"),
        (SMALL.replace("[ckm]", "[kcm]") + SCALAR, "card.yaml:2 (inputs.nuisances.0)"),
        (SMALL.replace("K0, mine", "K9, mine") + SCALAR, "card.yaml:3 (data.1): unknown measure"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, text, message):
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(write(tmp_path, text)), "--out", str(tmp_path / "out"), "--quiet"])
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").glob("*.csv"))


def test_a_comparison_card_is_no_run_card(tmp_path):
    with pytest.raises(InputError, match=r"\(variants\): a list of variants is for .bsnunu comp"):
        Card(write(tmp_path, SMALL + SCALAR))


def test_variants_are_run_cards(tmp_path):
    path = write(tmp_path, SMALL + SCALAR + STRENGTH)
    comparison = load_comparison([path], seed=7)
    assert [v.name for v in comparison.variants] == ["scalar-pair V", "signal-strength"]
    card = comparison.variants[0].card
    assert card.content.seed == 7
    (tmp_path / "one.yaml").write_text(card.resolved)
    assert Card(tmp_path / "one.yaml").resolved == card.resolved
    assert PairOperator.of(card.stated).masses == (0, 2.35)
    assert PairOperator.of(comparison.variants[1].card.stated) is None


@pytest.mark.parametrize(
    ("model", "fixed", "mass"),
    [
        ("vector-pair", "{operator: %s}", "m"),
        ("sterile-neutrino", "{operator: %s, pair: nuN}", "mN"),
    ],
)
def test_grams_give_the_integrated_kernels(tmp_path, rng, model, fixed, mass):
    operators = ("T2", "A4", "P") if model == "vector-pair" else ("V_LR", "S_RL", "T_LL")
    entry = (
        f"- {{model: {model}, fixed: {fixed}, parameters: {{{mass}: {{prior: {{uniform: [0, 4]}}}},"
        " Lambda: {prior: {log_uniform: [1, 30]}}}}\n"
    )
    everything = HEAD % ("[ckm, B->K, B->K*]", "[babar_2013_Kstar0]")
    path = write(tmp_path, everything + "".join(entry % o for o in operators))
    variants = load_comparison([path]).variants
    base = variants[0].card.stated
    ops = [PairOperator.of(v.card.on(base)) for v in variants]
    edges = np.linspace(0, 22.9, 12)
    requests = [("B+->K+", edges.tobytes()), ("B0->K0", None), ("B0->K*0", None), ("Bs->inv", None)]
    (family,) = families(ops, base.nuisances.inputs, requests)
    inputs = base.nuisances.shift(jnp.asarray(rng.normal(size=base.size)))
    masses = np.array([0.0, 0.002, 1.1, 2.1, 3.9])
    grams = family.grams(masses)

    @jax.jit
    def direct(m):
        found = []
        for op in ops:
            state = op.state(m, inputs)
            kernels = [rates.binned_kernels("B+->K+", state, inputs, jnp.asarray(edges), nodes=4)]
            kernels += [rates.integrated_kernels(mode, state, inputs) for mode, _ in requests[1:]]
            modes = [mode for mode, _ in requests]
            invariants = [rates.invariants(mode, state, inputs) for mode in modes]
            found.append(list(map(rates.contract, invariants, kernels)))
        return found

    for i, m in enumerate(masses):
        for k, expected in enumerate(direct(jnp.asarray(m))):
            for (mode, _), gram, value in zip(requests, grams, expected, strict=True):
                part = gram[i, k]
                if mode != "Bs->inv":
                    b = np.asarray(inputs.form_factors["B->K*" if "*" in mode else "B->K"].linear)
                    part = np.outer(b, b).ravel() @ part
                np.testing.assert_allclose(part, value, rtol=0, atol=1e-12 * np.max(np.abs(value)))
    ends = family.closings(requests)
    values = {k: float(v) for k, v in inputs.values.items()}
    factor = 2 if mass == "m" else 1
    assert ends == approx(
        sorted(
            {
                (values["m_B_plus"] - values["m_K_plus"]) / factor,
                values["m_B_s"] / factor,
                (values["m_B_0"] - values["m_K_0"]) / factor,
                (values["m_B_0"] - values["m_Kstar_0"]) / factor,
            }
        )
    )


def test_the_likelihood_is_that_of_the_card(tmp_path, rng):
    """Counting experiments, branching fractions, a ratio and Bs -> inv, all inputs varied."""
    path = write(
        tmp_path,
        (HEAD % ("[ckm, electroweak, lifetimes, B->K, B->K*]", "[babar_2013_Kstar0, mine.yaml]"))
        + FERMION,
    )
    pairs = prepared(path, 4)
    scan, operator = scan_of(pairs, "axial"), pairs.operators["axial"]
    problem = load_comparison([path]).variants[0].card.stated
    z = rng.normal(size=problem.size - 2)

    @jax.jit
    def direct(values):
        predictions = problem.predictions_at(values, jnp.asarray(z))
        theta = jnp.concatenate([jnp.zeros(2), jnp.asarray(z)])
        return problem.log_likelihood_of(predictions, theta)

    for m, scale in ((0.3, 9.0), (2.19, 1.2)):
        found, fractions = pairs.likelihood.at(
            scan.grams(np.array([m])), float(operator.strength.strength(scale)), z
        )
        for name, expected in direct(jnp.array([m, scale])).items():
            assert found[name] == approx(-2 * float(expected), rel=1e-9)
        assert fractions["B+->K+"] == 0
        assert fractions["B0->K*0"] > 0


def test_varied_meson_masses_have_no_grams(tmp_path):
    path = write(tmp_path, SMALL.replace("[ckm]", "[masses]") + SCALAR)
    with pytest.raises(InputError, match="quadratic forms"):
        PairLikelihood(load_comparison([path]).variants[0].card.stated)


def test_evidence_against_brute_force(tmp_path):
    """Rates integrated at every point, sums over mass, ln Lambda and |V_tb V_ts*|."""
    path = write(tmp_path, SMALL + SCALAR)
    found = prepared(path, 95).result("scalar-pair V")["evidence"]
    problem = load_comparison([path]).variants[0].card.stated
    x, w = np.polynomial.legendre.leggauss(12)
    edges = np.array([0.0, 0.8, 1.6, 2.1, 2.1921, 2.194, 2.35])
    width = np.diff(edges)[:, None]
    masses, weights = (edges[:-1, None] + width * (x + 1) / 2).ravel(), (width * w / 2).ravel()
    # The doubled box begins like the box: the first half of its points is the box.
    scales = np.geomspace(0.7, 630, 401)
    z, of_z = np.polynomial.hermite_e.hermegauss(7)

    def log_likelihood(point):
        return -0.5 * problem.deviance(point[:2], point[2:], profiled=False)

    grid = np.stack([a.ravel() for a in np.meshgrid(masses, scales, z, indexing="ij")], axis=1)
    sm = np.stack([np.full(len(z), 1.0), np.full(len(z), 1e9), z], axis=1)
    points = jnp.asarray(np.concatenate([grid, sm]))
    values = np.exp(jax.jit(lambda p: jax.lax.map(log_likelihood, p, batch_size=2048))(points))
    inside = values[: len(grid)].reshape(len(masses), len(scales), len(z)) @ of_z
    for key, number, box in (("", 201, [0.7, 21]), ("_doubled", 401, [0.7, 630])):
        of_m = simpson(inside[:, :number], x=np.log(scales[:number]), axis=1)
        mean = weights @ of_m / 2.35 / np.log(box[1] / box[0])
        expected = math.log(mean / (values[len(grid) :] @ of_z))
        assert found["doubled_box" if key else "box"] == {"m": [0, 2.35], "Lambda": approx(box)}
        assert found[f"log_ratio{key}"] == approx(expected, abs=2e-5)
    assert found["log_ratio"] > 0.5
    assert found["error"] < 1e-3


def test_where_the_data_see_nothing_the_evidence_is_that_of_the_sm(tmp_path):
    far = [
        SCALAR.replace("0.7, 21", box).replace("fixed", f"name: at {i}\n  fixed")
        for i, box in enumerate(("40, 1200", "400, 12000"))
    ]
    head = SMALL.replace("[ckm]", "[]")
    pairs = prepared(write(tmp_path, head + "".join(far)), 12)
    near, beyond = (pairs.result(f"at {i}") for i in range(2))
    assert 1e-6 < abs(near["evidence"]["log_ratio"]) < 1e-3
    assert abs(beyond["evidence"]["log_ratio"]) < 1e-3 * abs(near["evidence"]["log_ratio"])
    assert abs(beyond["evidence"]["log_ratio_doubled"]) < abs(beyond["evidence"]["log_ratio"])
    assert beyond["best"]["delta_chi2"] == approx(0, abs=1e-3)


def test_scans_agree_with_the_general_best_fit(tmp_path):
    """Mass, Lambda and nuisances fitted at once, rates integrated at every point."""
    head = HEAD % ("[ckm]", "[belle2_knunu_2023, babar_2013_Kstar0]")
    path = write(tmp_path, head + SCALAR + FERMION.replace("A2", "V2").replace("axial", "V2"))
    pairs, variants = prepared(path, 16), load_comparison([path]).variants
    base = variants[0].card.stated
    _, sm = sm_fit(base)
    for variant in variants:
        found = pairs.result(variant.name)
        best = best_fit(tabulate(variant.card.on(base)), starts=4, seed=2).best
        assert found["sm_minus_2_log_likelihood"] == approx(sm.objective, abs=1e-6)
        delta = found["best"]["delta_chi2"]
        assert delta < -5
        assert delta == approx(best.objective - sm.objective, abs=1e-6)
        for key, value in best.values.items():
            assert found["best"]["values"][key] == approx(value, rel=2e-4)
        terms = sum(x["delta"] for x in found["data_sets"].values())
        assert terms + found["nuisance_terms"]["delta"] == approx(delta, abs=1e-8)
    # One mass of the curve: Lambda and nuisances alone.
    curve, i = found["curve"], 6
    problem = variants[1].card.on(base)
    held = replace(
        problem, parameters=problem.parameters[1:], fixed=(*problem.fixed, ("m", curve["m"][i]))
    )
    fixed = best_fit(tabulate(held), starts=3).best
    assert curve["delta_chi2"][i] == approx(fixed.objective - sm.objective, abs=1e-6)
    assert curve["Lambda"][i] == approx(fixed.values["Lambda"], rel=1e-4)


def test_the_general_path_against_a_gaussian(tmp_path):
    """-2 ln L is a parabola in mu: the Laplace approximation is exact."""
    ratio = "\n".join(line for line in MINE.splitlines() if "id: b" not in line)
    path = write(tmp_path, (HEAD % ("[]", "[mine.yaml]")) + STRENGTH)
    (tmp_path / "mine.yaml").write_text(ratio)
    result = run_compare(load_comparison([path]), quiet=True)
    (found,) = result["variants"]
    assert found["method"] == "best fit"
    assert found["not_constrained"] == ["B+->K+", "B0->K0", "B+->K*+", "Bs->inv"]
    verdict = result["verdict"]["variants"]["signal-strength"]
    assert (verdict["fit"], verdict["evidence"]) == (
        "no better",
        "moderate for the SM",
    )  # ln Z/Z_SM -2.69
    assert verdict["data_for"] == verdict["data_against"] == []
    assert found["best"]["values"]["mu"] == approx(1.2, abs=1e-7)
    assert found["best"]["delta_chi2"] == approx(-0.16)
    assert found["data_sets"]["ratio"]["delta"] == approx(-0.16)
    assert found["significance"] == approx(0.4)
    for key, box, width in (("", "box", 20), ("_doubled", "doubled_box", 40)):
        expected = math.log(math.sqrt(2 * math.pi) * 0.5 / width) + 0.08
        assert found["evidence"][f"log_ratio{key}"] == approx(expected, abs=1e-6)
        assert np.ptp(found["evidence"][box]["mu"]) == width
    assert found["BR_NP"]["Bs->inv"] == 0
    assert found["BR_NP"]["B+->K+"] == approx(0.2 * 4.97e-6, rel=0.01)


def stated(name, delta, sigma, log_ratio, doubled, **data):
    """A variant with these numbers."""
    return {
        "name": name,
        "best": {"delta_chi2": delta},
        "significance": sigma,
        "parameters": 1,
        "evidence": {"log_ratio": log_ratio, "log_ratio_doubled": doubled},
        "data_sets": {k: {"delta": x} for k, x in data.items()},
    }


def test_words_say_what_the_numbers_say():
    """Thresholds are inclusive and the same in words, JSON and the statement of them."""
    from bsnunu_jax.report.compare_words import in_words

    variants = [
        stated("far", -26.0, 5.0, 5.0, 4.9, a=-27.0, b=1.0, c=0.99),
        stated("near", -25.1, 4.9, 2.5, -1.0, a=-25.0),
        stated("none", 0.0, 0.0, -800.0, 0.9, a=3.0, b=-1.0),
    ]
    found = in_words({"comparable": True, "variants": variants})
    far, near, none = found["variants"].values()
    assert (far["fit"], near["fit"], none["fit"]) == ("far better", "clearly better", "no better")
    assert far["evidence"] == "strong for the model"
    assert far["evidence_doubled_box"] == "moderate for the model"
    assert near["evidence_doubled_box"] == "weak for the SM"
    assert (none["evidence"], none["evidence_doubled_box"]) == ("strong for the SM", "inconclusive")
    assert (far["data_for"], far["data_against"]) == (["a"], ["b"])
    assert (none["data_for"], none["data_against"]) == (["b"], ["a"])
    assert found["best_fit"] == found["highest_evidence"] == "far"
    assert found["as_good"] == ["near"]
    text = " ".join(found["text"])
    assert "Best fit: far, Delta chi2 -26.00 against the SM for 1 parameter, 5.0 sigma" in text
    assert "Highest evidence: far, Z/Z_SM 1.5e+02, ln 5.00, strong for the model." in text
    assert "data against it: a +3.0" in text
    assert "weak from 1, moderate from 2.5, strong from 5" in text
    alone = in_words({"comparable": False, "variants": variants[2:]})
    assert "best_fit" not in alone
    below = in_words({"comparable": True, "variants": [variants[2]] * 2})
    assert "No model has more evidence than the SM; highest: none, ln -800.00" in " ".join(
        below["text"]
    )


def test_a_folder_survives_and_goes_on(tmp_path, capsys, monkeypatch):
    head = HEAD % ("[]", "[mine.yaml, babar_2013_K0]")
    axial = SCALAR.replace("operator: V", "operator: A").replace("fixed", "name: axial\n  fixed")
    path = write(tmp_path, head + SCALAR + axial + STRENGTH)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(path), "--out", str(out), "--json", "--quiet"])
    text, err = capsys.readouterr()
    assert (caught.value.code or 0, err) == (0, "")
    result = json.loads(text)
    assert result == json.loads((out / "compare.json").read_text())
    names = ["scalar-pair V", "axial", "signal-strength"]
    assert [v["name"] for v in result["variants"]] == names
    files = {p.name for p in (out / "variants").iterdir()}
    assert files == {"scalar-pair_V.json", "axial.json", "signal-strength.json"}
    table = np.genfromtxt(out / "compare.csv", delimiter=",", names=True, dtype=None, encoding=None)
    assert table["delta_br"][0] == approx(
        result["variants"][0]["data_sets"]["br"]["delta"], rel=1e-6
    )
    curve = result["variants"][1]["curve"]
    figure = np.genfromtxt(
        out / "figures" / "delta_chi2.csv", delimiter=",", names=True, dtype=None, encoding=None
    )
    shown = figure["delta_chi2"][figure["variant"] == "axial"]
    np.testing.assert_allclose(shown, curve["delta_chi2"], rtol=1e-5, atol=1e-9)
    text = compare_table(result)
    laplace = "Laplace approximation at all minima (signal-strength)"
    boxes = "Lambda 0.7 .. 21", "Lambda 0.7 .. 630", "mu -10 .. 10", "mu -20 .. 20"
    for part in (*boxes, laplace, "half the points"):
        assert part in text
    words = " ".join(result["verdict"]["text"])
    assert words in " ".join(text.split())
    assert f"Best fit: {result['verdict']['best_fit']}, Delta chi2" in words
    models = np.genfromtxt(
        out / "figures" / "models.csv", delimiter=",", names=True, dtype=None, encoding=None
    )
    assert list(models["variant"]) == names
    for row, v in zip(models, result["variants"], strict=True):
        assert row["delta_chi2"] == approx(v["best"]["delta_chi2"], rel=1e-6)
        assert row["log_evidence_ratio"] == approx(v["evidence"]["log_ratio"], rel=1e-6)
    for name in (
        "figures/models.png",
        "figures/delta_chi2.pdf",
        "figures/delta_chi2.png",
        "manifest.json",
        "card.yaml",
    ):
        assert (out / name).stat().st_size > 100

    with pytest.raises(InputError, match="add --resume"):
        run_compare(load_comparison([path]), out, quiet=True)
    with pytest.raises(InputError, match="another card, seed or setting"):
        run_compare(load_comparison([path], seed=2), out, resume=True, quiet=True)
    (out / "variants" / "axial.json").unlink()
    done: list[str] = []
    monkeypatch.setattr(
        PairComparison, "result", lambda self, name: done.append(name) or {"method": "stub"}
    )
    monkeypatch.setattr("bsnunu_jax.report.compare_table.write_comparison", lambda *_: None)
    again = run_compare(load_comparison([path]), out, resume=True, quiet=True)
    assert done == ["axial"]
    assert again["variants"][::2] == result["variants"][::2]
