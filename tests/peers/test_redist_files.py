"""redist's saved models: redist loads what we write; what it saved is a record of its density."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.exchange.redist import bridge
from bsnunu_jax.exchange.redist_files import read_redist, record_of_redist, save_redist
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.records.folder import Record
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.states import Universal

HINT = "needs pyhf and redist: pip install '.[test,belle2]'"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyhf = pytest.importorskip("pyhf", reason=HINT)
    modifier = pytest.importorskip("redist.modifier", reason=HINT)

pytestmark = pytest.mark.peers

ABOUT = {"id": "saved", "title": "Saved by redist", "samples": ["saved data"]}
INPUTS = load_inputs("eos", {"B->K": "flag2021_hpqcd2022"})
POINT = {"cVL": 9.0, "cSL": 3.0, "cTL": 4.0}


@pytest.fixture(scope="module", autouse=True)
def numpy_backend():
    pyhf.set_backend("numpy")


@pytest.fixture(scope="module")
def bridged(likelihood_dir):
    couplings = {name: (value, (0.0, 20.0)) for name, value in POINT.items()}
    return bridge(likelihood_dir, "universal", couplings, inputs=INPUTS, nuisances=())


@pytest.fixture(scope="module")
def saved(bridged, tmp_path_factory):
    path = tmp_path_factory.mktemp("redist") / "model.json"
    save_redist(path, bridged)
    return path


@pytest.fixture(scope="module")
def record(saved, bridged, likelihood_dir):
    """The saved model as a record; the null model's rates are those that redist integrates."""
    folder = saved.parent / "record"
    null = {m.name: np.asarray(m.null_binned)[1:] for m in bridged.modifiers}
    record_of_redist(saved, folder, "B+->K+", null, **ABOUT, luminosity=0.362)
    return folder


def test_redist_loads_what_we_write(saved, bridged):
    again, data = modifier.load(
        saved, bridged.spectrum, bridged.null, return_data=True, poi_name=None
    )
    pars = np.array(again.config.suggested_init())
    assert again.config.par_order == bridged.model.config.par_order
    full = np.array(data + again.config.auxdata)
    assert float(again.logpdf(pars, full)[0]) == float(
        bridged.model.logpdf(pars, np.array(bridged.data))[0]
    )


def test_the_record_has_redist_s_density(record, bridged):
    (measurement,) = load_measurements([f"{record}/"])
    density = Record.read(record).workspace()
    states = (Universal(**POINT),)
    weights = np.asarray(jax.jit(lambda: measurement.predicted(Predictions(states, INPUTS)))())
    config = bridged.model.config
    assert set(config.par_order) - set(density.parameters.slices) == set(POINT)
    rng = np.random.default_rng(5)
    normals = {
        s.name: s.auxdata + 0.3 * s.scale * rng.normal(size=len(s.scale))
        for s in density.parameters.sets
    }
    for values in ({}, normals):
        named = {s.name: s.inits for s in density.parameters.sets} | values | POINT
        pars = np.concatenate([np.atleast_1d(named[n]) for n in config.par_order])
        vector = np.concatenate([np.atleast_1d(named[s.name]) for s in density.parameters.sets])
        expected = float(bridged.model.logpdf(pars, np.asarray(bridged.data))[0])
        found = float(density.log_density(jnp.asarray(vector), jnp.asarray(weights)))
        # The last bin of q2 ends where the null spectrum falls like a root, see test_redist.py.
        assert found == pytest.approx(expected, abs=1e-6)
        assert density.model.observed.sum() == sum(
            bridged.data[: sum(config.channel_nbins.values())]
        )


def test_the_record_is_belle2(record, likelihood_dir):
    (found,) = load_measurements([f"{record}/"])
    (published,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    assert sorted(found.model.alphas) == sorted(published.model.alphas)
    assert found.density.sum() == pytest.approx(published.density.sum(), rel=1e-13)
    assert found.underflow.sum() == pytest.approx(published.underflow.sum(), rel=1e-13)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda d: d.pop("data"), "has no observed counts"),
        (lambda d: d.pop("map"), "'map' is missing"),
        (lambda d: d.update(weight_bound=[2.0, None, None]), "weight_bound is 2.0"),
        (lambda d: d["bins"].__setitem__(0, d["bins"][0] * 2), "has 2 kinematic variables"),
        (lambda d: d["map"].__setitem__(1, d["map"][1][:1]), "'regB': map has 1 rows"),
        (lambda d: d.update(data=[1.0]), "data has 1 counts, the channels 30 bins"),
    ],
)
def test_what_is_no_saved_model_is_refused(saved, tmp_path, change, line):
    content = json.loads(saved.read_text())
    change(content)
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=line):
        read_redist(tmp_path / "bad.json", "B+->K+", np.ones(100))
