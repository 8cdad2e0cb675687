"""`bsnunu scan`: all paths give the same numbers, stores survive a kill, errors are one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from scipy.stats import kstest, qmc

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import Predictions, log_likelihoods
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics.sobol import DIMENSIONS, sobol
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.scan import open_scan
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.design import Axis, Design
from bsnunu_jax.scan.plan import Plan, Source, make_plan
from bsnunu_jax.scan.run import run_scan
from bsnunu_jax.scan.store import on_grid, variable

ROOT = Path(__file__).parents[1]
SYMMETRIC = yaml.safe_load((ROOT / "fits" / "scan_cr.yaml").read_text())
UNIFORM = {"uniform": [-20, 20]}
# The package of this checkout, whatever the working directory.
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
BRS = ["R_K_nunu", "BR(B+->K+inv)", "BR(B0->K*0inv)"]


def card(path: Path, **changes) -> ScanCard:
    """The card of the symmetric C_R scan with other keys."""
    content = {k: v for k, v in (SYMMETRIC | changes).items() if v is not None}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return ScanCard(path)


def design(points: int | None = None, sampling: str = "random", **parameters):
    found = {"sampling": sampling, "parameters": parameters}
    return found if points is None else found | {"points": points}


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


def one_by_one(c: ScanCard, columns: dict[str, np.ndarray], k: int) -> dict[str, float]:
    """The numbers of one point as the library gives them to anyone, from its stored coordinates."""
    study = c.study
    named = dict(study.fixed)
    for p in study.scanned:
        parts = [columns[a][k] * (1j if a.startswith("Im(") else 1) for a in p.axes]
        named |= dict.fromkeys((p.name, *p.also), sum(parts))
    z = jnp.array([columns[f"z[{n}]"][k] for n in study.nuisance_names])
    size = study.nuisances.size
    inputs = study.nuisances.shift(z[:size])
    states = get_model(c.content.model).build(named, inputs)
    found = {n: float(get_observable(n).function(states, inputs)) for n in study.observables}
    if study.log_likelihood:
        own = sum(len(m.nuisance_names) for m in study.measurements)
        of_data = z[size:] if study.drawn else jnp.zeros(own)
        terms = log_likelihoods(study.measurements, Predictions(states, inputs), of_data)
        found["log_likelihood"] = float(sum(terms.values()))
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
    for k in (37, c.design.number - 1):
        for name, expected in one_by_one(c, found, k).items():
            assert found[name][k] == pytest.approx(expected, rel=1e-12), name


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


def test_selection_is_that_of_numpy_on_all_columns(tmp_path):
    small = SYMMETRIC["design"] | {"points": 50_000}
    for store in ("all", "selected"):
        c = card(tmp_path / f"{store}.yaml", design=small, store=store, chunk=17_000)
        text = run_scan(c, tmp_path / store, quiet=True)
    with open_scan(tmp_path / "all") as every, open_scan(tmp_path / "selected") as some:
        R_K, R_Kstar = every["R_K_nunu"].values, every["R_Kstar_nunu"].values
        in_K = (R_K >= 3.6) & (R_K <= 7.0)
        blue, red = in_K & (R_Kstar <= 2.7), in_K & (R_Kstar <= 1.9)
        assert 0 < red.sum() < blue.sum() < 1000
        np.testing.assert_array_equal(every["blue"], blue)
        np.testing.assert_array_equal(every["red"], red)
        np.testing.assert_array_equal(some["index"], np.flatnonzero(blue))
        for name in every:
            np.testing.assert_array_equal(some[name], every[name].values[blue], err_msg=name)
        assert some.attrs["count_red"] == red.sum()
        assert some.attrs["seed"] == 1
        assert "CR_etau" in some.attrs["card"]
        assert "jax" in json.loads(some.attrs["versions"])
        assert every["R_K_nunu"].attrs["units"] == "1"
    assert f"blue: {blue.sum():,}" in text


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


def files(folder: Path) -> dict[str, bytes]:
    kept = [*folder.glob("points/*"), folder / "scan.nc", folder / "card.yaml"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


def test_a_killed_scan_goes_on_to_the_same_bytes(tmp_path):
    many = SYMMETRIC["design"] | {"points": 1_000_000}
    c = card(tmp_path / "card.yaml", design=many, store="all", chunk=5_000)
    run_scan(c, tmp_path / "whole", quiet=True)
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "bsnunu_jax", "scan", str(c.path), "--out", str(out)]
    process = subprocess.Popen([*command, "--quiet"], env=ENVIRONMENT)
    while len(list(out.glob("points/*.nc"))) < 3:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= len(list(out.glob("points/*.nc"))) < 200
    with pytest.raises(InputError, match="holds no finished scan"):
        open_scan(out)
    with pytest.raises(InputError, match="add --resume"):
        run_scan(c, out, quiet=True)
    # What a kill while a file is written leaves: it is written again.
    (out / "points" / "000000199.nc.partial").write_bytes(b"half")
    run_scan(c, out, resume=True, quiet=True)
    assert files(out) == files(tmp_path / "whole")
    before = files(out)
    run_scan(c, out, resume=True, quiet=True)  # nothing left to do
    assert files(out) == before


def test_chunks_may_be_missing_anywhere(tmp_path):
    small = SYMMETRIC["design"] | {"points": 20_000}
    c = card(tmp_path / "card.yaml", design=small, chunk=3_000)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    for name in ("points/000000001.nc", "points/000000006.nc", "scan.nc"):
        (tmp_path / "out" / name).unlink()
    run_scan(c, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


def test_a_damaged_chunk_is_named(tmp_path):
    small = SYMMETRIC["design"] | {"points": 2_000}
    c = card(tmp_path / "card.yaml", design=small, chunk=1_000)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    damaged = tmp_path / "out" / "points" / "000000001.nc"
    damaged.write_bytes(before["points/000000001.nc"][:100])
    with pytest.raises(InputError, match=r"000000001\.nc: is damaged; delete it"):
        run_scan(c, tmp_path / "out", resume=True, quiet=True)
    damaged.unlink()
    run_scan(c, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


def test_other_cards_and_runs_are_refused(tmp_path):
    small = SYMMETRIC["design"] | {"points": 1000}
    c = card(tmp_path / "a.yaml", design=small)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    other = card(tmp_path / "b.yaml", design=SYMMETRIC["design"] | {"points": 1001})
    for one in (other, ScanCard(c.path, seed=5)):
        with pytest.raises(InputError, match="another card, seed or setting"):
            run_scan(one, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


PARAMETERS = SYMMETRIC["design"]["parameters"]
BAD = {
    "unknown observable 'R_X'": {"observables": ["R_X"]},
    "'dBR/dq2(B+->K+inv)' is a spectrum": {"observables": ["dBR/dq2(B+->K+inv)"]},
    "'R_K_nunu' stands twice": {"observables": ["R_K_nunu", "R_K_nunu"]},
    "no number is asked for": {"observables": [], "select": None, "store": None},
    "got 0": {"design": {"points": 0, "parameters": PARAMETERS}},
    "key 'points' is missing": {"design": {"parameters": PARAMETERS}},
    "a grid of 0 points": {"design": design(CR_ee={"linspace": [0, 1, 0]})},
    "whole number of points": {"design": design(CR_ee={"linspace": [0, 1, 2.5]})},
    "logspace needs 0 < low": {"design": design(CR_ee={"logspace": [0, 1, 2]})},
    "give exactly one of": {"design": design(CR_ee={"linspace": [0, 1, 2], **UNIFORM})},
    "drop it": {"design": design(5, CR_ee={"linspace": [0, 1, 2]})},
    "sobol is for 1 to": {"design": design(None, "sobol", CR_ee={"linspace": [0, 1, 2]})},
    "at most 1e+15": {"design": design(10**15, CR_ee=UNIFORM, CR_emu={"linspace": [0, 1, 2]})},
    "unknown parameter 'CR_xy'": {"design": design(5, CR_xy=UNIFORM)},
    "is set by 'CR_ee' and by 'CR_mumu'": {
        "design": design(5, CR_ee=UNIFORM, CR_mumu={**UNIFORM, "also": ["CR_ee"]})
    },
    "both scanned and fixed": {"design": design(5, CR_ee=UNIFORM), "fixed": {"CR_ee": 1}},
    "nothing is called 'R_Y'": {"select": {"a": {"R_Y": {"max": 1}}}},
    "min 2 is above max 1": {"select": {"a": {"R_K_nunu": {"min": 2, "max": 1}}}},
    "a column is called 'CR_ee'": {"select": {"CR_ee": {"R_K_nunu": {"min": 2}}}},
    "nothing is selected": {"select": None},
    "log_likelihood: true and data go together": {"log_likelihood": True},
    "unknown key 'priors'": {"priors": {}},
    "unknown measurement": {"log_likelihood": True, "data": ["belle3"]},
    "'m' is complex": {"model": "scalar-pair", "design": design(5, m={"im": UNIFORM}, S=UNIFORM)},
    "unknown preset": {"inputs": {"preset": "best"}},
    "expected a whole number": {"chunk": 1.5},
    "raise chunk": {"chunk": 1, "design": {"points": 10**7, "parameters": PARAMETERS}},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_cards_are_one_line_and_nothing_is_written(message, tmp_path, capsys):
    path, out = tmp_path / "card.yaml", tmp_path / "out"
    changed = {k: v for k, v in (SYMMETRIC | BAD[message]).items() if v is not None}
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    with pytest.raises(SystemExit) as caught:
        main(["scan", str(path), "--out", str(out)])
    printed, error = capsys.readouterr()
    assert (caught.value.code, printed) == (2, "")
    assert error.startswith(f"bsnunu: error: {path}:")
    assert error.count("\n") == 1
    assert message in error
    assert not out.exists()


def test_cards_of_other_commands_are_named(tmp_path):
    with pytest.raises(InputError, match=r"a scan card has a `design`.*bsnunu fit"):
        ScanCard(ROOT / "fits" / "belle2_cr.yaml")
    with pytest.raises(InputError, match=r"scan_cr\.yaml:\d+ \(design\).*bsnunu scan"):
        Card(ROOT / "fits" / "scan_cr.yaml")


def test_a_full_disk_is_one_line(tmp_path):
    small = SYMMETRIC["design"] | {"points": 40_000}
    c = card(tmp_path / "card.yaml", design=small, store="all", chunk=20_000)
    limited = f"ulimit -f 900; exec '{sys.executable}' -m bsnunu_jax scan {c.path} --quiet"
    done = subprocess.run(
        ["bash", "-c", f"{limited} --out {tmp_path / 'out'}"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "000000000.nc: cannot be written (File too large)" in done.stderr
    assert not list((tmp_path / "out" / "points").iterdir())


def test_a_scan_that_the_disk_cannot_hold_does_not_begin(tmp_path):
    huge = SYMMETRIC["design"] | {"points": 10**12}
    c = card(tmp_path / "card.yaml", design=huge, store="all")
    with pytest.raises(InputError, match=r"9\.8e\+04 GB are needed and .* GB free"):
        run_scan(c, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "points").exists()


# Not getrusage, whose peak starts with that of the process that forked.
MEMORY = """
from pathlib import Path
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan
for name in ("warm", "small", "large"):
    run_scan(ScanCard(Path(name + ".yaml")), Path(name), quiet=True)
    print([l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")][0])
"""


def test_memory_does_not_grow_with_the_number_of_points(tmp_path):
    for name, points in {"warm": 500_000, "small": 1_000_000, "large": 10_000_000}.items():
        card(tmp_path / f"{name}.yaml", design=SYMMETRIC["design"] | {"points": points})
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    _, small, large = map(int, done.stdout.split())
    assert large < 1.05 * small


def test_progress_is_on_stderr(tmp_path, capsys):
    path = tmp_path / "card.yaml"
    card(path, design=SYMMETRIC["design"] | {"points": 1000})
    with pytest.raises(SystemExit) as caught:
        main(["scan", str(path), "--out", str(tmp_path / "out"), "--seed", "3"])
    printed, error = capsys.readouterr()
    assert not caught.value.code
    assert printed.startswith("1,000 points\nblue: ")
    assert "points/s" in error
    assert "kernels integrated once" in error
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["seed"], manifest["points"]) == (3, 1000)
    assert any("arXiv" in source for source in manifest["cite"])
