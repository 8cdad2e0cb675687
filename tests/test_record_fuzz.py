"""Mutated records: one line that refuses them, or a finite density, never a traceback."""

import copy
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mutated_documents import mutate
from workspaces import LUMI, channel, histosys, modifier, normsys, sample, staterror, workspace

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.foundation.errors import InputError

# By hand: BSNUNU_FUZZ=2000 pytest tests/test_record_fuzz.py
EXAMPLES = int(os.environ.get("BSNUNU_FUZZ", "200"))
WORKSPACE = workspace(
    [
        channel(
            "SR",
            sample(
                "signal",
                [6.0, 4.0],
                modifier("normfactor", "mu"),
                modifier("lumi", "lumi"),
                staterror("mc", [0.3, 0.2]),
            ),
            sample(
                "background",
                [20.0, 10.0],
                normsys("a", 1.2, 0.85),
                histosys("b", [22.0, 11.0], [19.0, 9.5]),
                staterror("mc", [1.0, 0.7]),
            ),
        )
    ],
    {"SR": [27.0, 12.0]},
    [LUMI],
)
RECORD = {
    "record": 1,
    "id": "mine",
    "title": "Mine",
    "sources": ["2402.08417"],
    "samples": ["mine"],
    "luminosity": 1.0,
    "workspace": "workspace.json",
    "measurement": "m",
    "drop": ["mu"],
    "signals": [
        {
            "channel": "S*",
            "sample": "signal",
            "mode": "B0->K*0",
            "polarisation": kind,
            "density": f"{kind}.csv",
            "underflow": True,
            "q2": {"edges": [0.0, 8.0, 19.0]},
        }
        for kind in ("longitudinal", "transverse")
    ],
    "null": {"spectrum": "null.csv"},
    "share": {"a": {"belle2_knunu_2023": "mu_bkg_mixed", "correlation": 0.5}},
    "mc_statistics": "marginal",
    "labels": ["SR 0", "SR 1"],
}
TABLES = {
    "longitudinal.csv": "0.5,2,0.5\n0.5,1,0.5\n",
    "transverse.csv": "0.5,1.5,1\n0.5,1,0.5\n",
    "null.csv": "4e-6,2e-6\n",
}
WORDS = ["", ",", "x", "nan", "inf", "-1", "1e400", "#", "\n", "1_0", "\x00", "\ufeff", "0", "2e-6"]
# More of what a record may say.
MORE = [
    ("mc_statistics", "sampled"),
    ("null", {"model": {"name": "neutrinos"}}),
    ("null", {"constants": {"GF": 1.0}}),
    ("share", {"lumi": {"mine": "lumi"}}),
    ("share", {}),
    ("drop", []),
    ("drop", ["mu", "a"]),
    ("patch", {"file": "longitudinal.csv"}),
    ("checksums", {"null.csv": "0" * 64}),
    ("hepdata", {"record": "10.17182/hepdata.1", "files": {"null.csv": 12}}),
    ("labels", []),
]


class AtTheNull:
    """Predictions that are what the densities were made with."""

    def __init__(self, measurement):
        self.known, first = {}, 0
        for s in measurement.spectra:
            n = len(s.edges) - 1
            self.known[s] = measurement.null_br[first : first + n]
            first += n

    def behind(self, detector):
        return self

    def bins(self, mode, edges, polarisation=""):
        (found,) = (
            v
            for s, v in self.known.items()
            if (s.mode, s.polarisation, s.edges) == (mode, polarisation, tuple(edges))
        )
        return found


@st.composite
def records(draw) -> dict[str, str]:
    """Files of a record, one or two of them changed."""
    record, content = copy.deepcopy(RECORD), copy.deepcopy(WORKSPACE)
    files = dict(TABLES)
    if draw(st.booleans()):
        key, value = draw(st.sampled_from(MORE))
        record[key] = copy.deepcopy(value)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        what = draw(st.sampled_from(["record", "record", "workspace", "table"]))
        if what == "record":
            mutate(draw, record)
        elif what == "workspace":
            mutate(draw, content)
        else:
            name = draw(st.sampled_from(sorted(files)))
            text = files[name]
            at = draw(st.integers(0, len(text)))
            files[name] = text[:at] + draw(st.sampled_from(WORDS)) + text[at + 1 :]
    text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True)
    return {**files, "record.yaml": text, "workspace.json": json.dumps(content)}


@seed(20260601)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(records())
def test_mutated_records(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        try:
            found = load_measurements([f"{folder}/"])
        except InputError as error:
            line = str(error)
            assert "\n" not in line
            assert folder in line or "mine" in line
            return
    (m,) = found
    z = np.zeros(len(m.nuisance_names))
    at = AtTheNull(m)
    for value in (m.log_likelihood(at, z), m.profile_log_likelihood(at, z)):
        assert np.isfinite(float(value))
    assert len(m.labels) == len(m.observed)
