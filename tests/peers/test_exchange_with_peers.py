"""Files for other codes, read by these codes: jelli 0.1, flavio 2.7.1, wilson 2.5.2."""

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.exchange import names, quadratic_polynomials, write_popxf, write_wcxf
from bsnunu_jax.exchange.polynomials import Polynomials
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.states import FermionPair, Neutrinos

pytestmark = [
    pytest.mark.peers,
    # scipy's and pandas' business inside wilson.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

FLAVIO = load_inputs("flavio")
LEFT_HANDED = [n for n in names.LEFT_HANDED if "_bs" in n]
MODES = {
    "BR(B+->Knunu)": "B+->K+",
    "BR(B0->Knunu)": "B0->K0",
    "BR(B+->K*nunu)": "B+->K*+",
    "BR(B0->K*nunu)": "B0->K*0",
}
OBSERVABLES = (*MODES, "R_K_nunu", "R_Kstar_nunu")


@pytest.fixture(scope="module")
def polynomials() -> Polynomials:
    return quadratic_polynomials(OBSERVABLES, inputs=FLAVIO, errors=200)


@pytest.fixture
def wide_ranks() -> Iterator[None]:
    """Jelli broadcasts between ranks."""
    with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def coefficients(seed: int, of: Sequence[str] = LEFT_HANDED) -> dict[str, complex]:
    rng = np.random.default_rng(seed)
    c = rng.normal(scale=5, size=(2, len(of)))
    return dict(zip(of, (c[0] + 1j * c[1]).tolist(), strict=True))


def exact(given: dict[str, complex]) -> np.ndarray:
    ratio = float(names.wcxf_over_ours(FLAVIO))
    state = Neutrinos.named({names.FROM_WCXF[k]: c / ratio for k, c in given.items()})
    return np.array([float(get_observable(o).function([state], FLAVIO)) for o in OBSERVABLES])


def quiet_import() -> tuple[type, type, type, Callable]:
    """Jelli's classes; rgevolve talks while it makes a cache."""
    pytest.importorskip("jelli", reason="needs jelli: pip install '.[test,peers]'")
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        from jelli.core.custom_basis import CustomBasis
        from jelli.core.observable_sector import ObservableSector
        from jelli.core.theory_correlations import TheoryCorrelations
        from jelli.utils.par_helpers import get_wc_basis_from_wcxf
    return ObservableSector, TheoryCorrelations, CustomBasis, get_wc_basis_from_wcxf


def jelli_values(name: str, order: list, point: dict[str, complex], basis: tuple, scale: float):
    sectors = quiet_import()[0]
    x = np.array(
        [(point.get(n, 0.0).real if part == "R" else point.get(n, 0.0).imag) for n, part in order]
    )
    predict = sectors.get_class_prediction_function([name])
    data = sectors.get_class_prediction_data(*basis, [name])
    return np.asarray(predict(jnp.asarray(x), scale, data))


@pytest.mark.parametrize(("dialect", "errors"), [("popxf-1.0", False), ("jelli-0.1", True)])
def test_jelli_predicts_the_same(dialect, errors, polynomials, tmp_path, wide_ranks):
    sectors, _, _, full_basis = quiet_import()
    found = polynomials if errors else quadratic_polynomials(OBSERVABLES, inputs=FLAVIO)
    write_popxf(tmp_path / f"knunu_{errors}.json", found, dialect=dialect)
    sectors.load(str(tmp_path / f"knunu_{errors}.json"))
    order = full_basis("WET", "flavio")
    for seed in range(3):
        point = coefficients(seed)
        # At every scale: the sector does not run.
        for scale in (4.8, 5.0, 91.1876):
            theirs = jelli_values(f"knunu_{errors}", order, point, ("WET", "flavio"), scale)
            np.testing.assert_allclose(theirs, exact(point), rtol=1e-12)


def test_jelli_reads_the_covariance(polynomials, tmp_path, wide_ranks):
    """Of observables at a point: that of the draws."""
    sectors, correlations, _, _ = quiet_import()
    write_popxf(tmp_path / "knunu_cov.json", polynomials, dialect="jelli-0.1")
    sectors.load(str(tmp_path / "knunu_cov.json"))
    correlations.load(str(tmp_path / "knunu_cov_correlations.hdf5"))
    sector = sectors.get("knunu_cov")
    std = sector.observable_uncertainties
    found = correlations.get_data(sector.observable_names, sector.observable_names)
    covariance = found * np.einsum("ki,lj->ijkl", std, std)
    point = coefficients(5)
    monomials = np.array(
        [
            np.prod(
                [
                    1.0 if not n else point[n].real if part == "R" else point[n].imag
                    for n, part in zip(key[:2], key[2], strict=True)
                ]
            )
            for key in sector.keys_coeff_observable
        ]
    )
    theirs = np.einsum("ijkl,k,l->ij", covariance, monomials, monomials)
    draws = np.einsum("nki,k->ni", polynomials.draws, monomials)
    np.testing.assert_allclose(theirs, np.cov(draws.T), rtol=1e-9, atol=1e-24)


def test_jelli_in_the_basis_of_a_dark_pair(tmp_path, wide_ranks):
    sectors, _, custom, _ = quiet_import()
    found = quadratic_polynomials(
        ["BR(B+->K+inv)", "BR(B0->K*0inv)", "BR(Bs->inv)"], model="fermion-pair", fixed={"m": 0.6}
    )
    write_popxf(tmp_path / "pair.json", found)
    basis = json.loads((tmp_path / "pair.json").read_text())["metadata"]["basis"]["custom"]
    made = custom(basis["name"], {k: v["type"] for k, v in basis["parameters"].items()})
    sectors.load(str(tmp_path / "pair.json"))
    rng = np.random.default_rng(1)
    c = 1e-8 * (rng.normal(size=10) + 1j * rng.normal(size=10))
    point = dict(zip(found.parameters, c.tolist(), strict=True))
    theirs = jelli_values("pair", made.get_parameter_basis(), point, (None, None), 4.8)
    known = names.SECTORS["sbchichi"].names()
    state = FermionPair(0.6, **{known[k]: v for k, v in point.items()})
    ours = [
        float(get_observable(o).function([Neutrinos(), state], found.inputs))
        for o in found.observables
    ]
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("neutrinos", {"CR_tautau": -11.0, "CL_mutau": 3 + 2j, "CR_emu": -2j}),
        ("S0", {"M": 2.0, "lam_2mu": 0.1 + 0.2j, "lam_3tau": 0.5}),
        ("V2", {"M": 2.0, "lam_2tau": 0.1j, "lam_3tau": 0.7, "lam_3e": 0.3}),
    ],
)
def test_flavio_reads_the_coefficients(model, parameters, tmp_path):
    """BR from the file with wilson's reader: our number in the preset `flavio`."""
    oracles = pytest.importorskip("oracles", reason="needs flavio and EOS")
    import flavio
    from wilson import Wilson, wcxf

    path = tmp_path / "wc.json"
    write_wcxf(path, parameters, model=model, inputs=FLAVIO)
    with path.open() as stream:
        wc = wcxf.WC.load(stream)
    wc.validate()
    states = get_model(model).build(parameters, FLAVIO)
    for name, mode in MODES.items():
        observable = flavio.Observable[f"dBR/dq2({name[3:-1]})"]
        theirs = oracles.integrate_spectrum(
            lambda q2, o=observable: o.prediction_par(
                oracles.flavio_parameters(), Wilson.from_wc(wc), q2
            ),
            oracles.flavio_q2_max(mode),
        )
        ours = float(get_observable(name).function(states, FLAVIO))
        assert ours == pytest.approx(theirs, rel=1e-10)


def test_flavio_reads_coefficients_of_b_to_d_and_s_to_d(tmp_path):
    """The file at 4.8 GeV, brought to 2 GeV by wilson; K_L of flavio is right where C_ij = C_ji."""
    flavio = pytest.importorskip("flavio", reason="needs flavio and EOS")
    oracles = pytest.importorskip("oracles", reason="needs flavio and EOS")
    from wilson import Wilson

    c = {"emu": -2j, "ee": 3 + 2j, "tautau": -4 + 1j}
    given = {f"CL_{q}_{f}": v for q in ("bd", "sd") for f, v in c.items()}
    given |= {"CL_sd_mue": -2j, "CR_bd_mue": 1.5, "CR_sd_tautau": 2 - 1j}
    wilson = Wilson.from_wc(written(given, FLAVIO, tmp_path))
    states = get_model("neutrinos").build(given, FLAVIO)
    for name in ("BR(K+->pinunu)", "BR(KL->pinunu)"):
        theirs = flavio.np_prediction(name, wilson)
        ours = float(get_observable(name).function(states, FLAVIO))
        assert ours == pytest.approx(theirs, rel=1e-9, abs=0)
    for name, mode in (("BR(B+->pinunu)", "B+->pi+"), ("BR(B0->rhonunu)", "B0->rho0")):
        observable = flavio.Observable[f"dBR/dq2({name[3:-1]})"]
        theirs = oracles.integrate_spectrum(
            lambda q2, o=observable: o.prediction_par(oracles.flavio_parameters(), wilson, q2),
            oracles.flavio_q2_max(mode),
        )
        ours = float(get_observable(name).function(states, FLAVIO))
        assert ours == pytest.approx(theirs, rel=1e-9, abs=0)


@pytest.mark.parametrize(("letters", "scale"), [("bs", 4.8), ("bd", 4.8), ("sd", 2.0)])
def test_alpha_of_a_coefficient_is_that_of_flavio(letters, scale, tmp_path):
    """C_L^SM of the default preset is flavio's in its file, but for X_t and s_W^2."""
    flavio = pytest.importorskip("flavio", reason="needs flavio and EOS")
    oracles = pytest.importorskip("oracles", reason="needs flavio and EOS")
    inputs = load_inputs()
    name = f"CL_{letters}_ee".replace("_bs", "")
    wc = written({name: float(inputs.C_L_SM)}, inputs, tmp_path)
    par = oracles.flavio_parameters()
    sm = flavio.physics.bdecays.wilsoncoefficients.CL_SM(par, scale)
    v, own = inputs.values, FLAVIO.values
    change = v["X_t"] / v["sin2thetaW"] * v["alpha_em_mZ"]
    change /= own["X_t"] / own["sin2thetaW"] * own["alpha_em_mZ"]
    assert wc.dict[f"CL_{letters}nuenue"] / sm == pytest.approx(float(change), rel=1e-6)


def written(given, inputs, tmp_path):
    """The coefficients of a file that was written, as wilson reads and checks them."""
    from wilson import wcxf

    write_wcxf(tmp_path / "wc.json", given, inputs=inputs)
    with (tmp_path / "wc.json").open() as stream:
        wc = wcxf.WC.load(stream)
    wc.validate()
    return wc


@pytest.mark.parametrize("scale", [4.8, 91.1876])
def test_jelli_predicts_pions_and_kaons(scale, tmp_path, wide_ranks):
    """Several sectors in one file, at every scale."""
    sectors, _, _, full_basis = quiet_import()
    observables = ["BR(B+->pinunu)", "BR(K+->pinunu)", "BR(KL->pinunu)"]
    found = quadratic_polynomials(observables, inputs=FLAVIO)
    name = f"pions_{scale:.0f}"
    write_popxf(tmp_path / f"{name}.json", found)
    sectors.load(str(tmp_path / f"{name}.json"))
    point = coefficients(4, tuple(found.parameters))
    theirs = jelli_values(name, full_basis("WET", "flavio"), point, ("WET", "flavio"), scale)
    state = Neutrinos.named({names.FROM_WCXF[k]: c for k, c in point.items()})
    ours = [float(get_observable(o).function([state], FLAVIO)) for o in observables]
    np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=0)


def test_flavio_gives_the_numbers_of_the_polynomials(polynomials):
    oracles = pytest.importorskip("oracles", reason="needs flavio and EOS")
    point = coefficients(9)
    matrices = np.zeros((2, 3, 3), complex)
    for name, c in point.items():
        stem, flavours = names.FROM_WCXF[name].split("_")
        i, j = divmod(
            [a + b for a in oracles._LEPTONS for b in oracles._LEPTONS].index(flavours), 3
        )
        matrices["LR".index(stem[1]), i, j] = c
    ours = exact(point)
    for k, mode in enumerate(MODES.values()):
        theirs = oracles.flavio_br(mode, *matrices)
        assert ours[k] == pytest.approx(theirs, rel=1e-10)
        # flavio's own quadrature.
        assert ours[k] == pytest.approx(oracles.flavio_br_native(mode, *matrices), rel=1e-5)


def test_our_basis_is_a_wcxf_basis(tmp_path):
    wcxf = pytest.importorskip("wilson", reason="needs wilson").wcxf
    room = Path(names.__file__).parent
    with (room / "wet-dark.eft.yaml").open() as stream:
        wcxf.EFT.load(stream)
    with (room / "bsnunu.basis.yaml").open() as stream:
        basis = wcxf.Basis.load(stream)
    basis.validate(skip_tex=True)
    known = names.FROM_WCXF.keys() | {n for s in names.SECTORS.values() for n in s.names()}
    assert set(basis.all_wcs) == known
    flavio = wcxf.Basis["WET", "flavio"]
    theirs = {n: e for s in names.NEUTRINOS.values() for n, e in flavio.sectors[s].items()}
    assert set(theirs) == set(names.LEFT_HANDED)
    ours = {n: e for s in names.NEUTRINOS.values() for n, e in basis.sectors[s].items()}
    for name, entry in theirs.items():
        plain = [x["tex"].replace("{", "").replace("}", "") for x in (entry, ours[name])]
        assert plain[0] == plain[1]
    for name in flavio.all_wcs:
        assert names.of_another_sector(name) == (name not in names.LEFT_HANDED), name
    path = tmp_path / "wc.yaml"
    write_wcxf(path, {"m": 0.6, "V3": 1e-8 - 2e-8j, "A2": 3e-9}, model="vector-pair")
    with path.open() as stream:
        wc = wcxf.WC.load(stream)
    wc.validate()
    assert wc.dict["V3_bsXX"] == pytest.approx(1e-8 - 2e-8j, rel=1e-15)


def test_the_sector_does_not_run():
    """Why every scale from 2 GeV to m_t is that of the b quark."""
    wilson = pytest.importorskip("wilson", reason="needs wilson")
    point = coefficients(2)
    for high, low in ((91.1876, 4.8), (4.8, 2.0)):
        run = wilson.Wilson(point, high, "WET", "flavio").match_run(
            low, "WET", "flavio", sectors=("sbnunu",)
        )
        for name, c in point.items():
            assert complex(run.dict[name]) == pytest.approx(c, rel=1e-10)
