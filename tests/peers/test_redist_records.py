"""The package's toy records: their density is that of pyhf and redist on the same files."""

import json
import logging
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax import load_inputs
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.records.toys import TOYS, write_toy
from bsnunu_jax.foundation.located_yaml import LocatedYaml
from bsnunu_jax.observables.branching import dbr_dq2, longitudinal_fraction_at
from bsnunu_jax.states import Neutrinos, Universal

pyhf = pytest.importorskip("pyhf")
redist = pytest.importorskip("redist.modifier")
pytestmark = pytest.mark.peers
COUPLINGS = ("cVL", "cVR", "cSL", "cTL")
INPUTS = load_inputs()


def spectrum(mode, polarisation, state_of):
    """dBR/dq2 of a polarisation as redist calls it: q2, then one number a coupling."""

    @jax.jit
    def at(q2, values):
        def one(x):
            states = (state_of(values),)
            rate = dbr_dq2(mode, states, INPUTS, x)
            if not polarisation:
                return rate
            share = longitudinal_fraction_at(mode, states, INPUTS, x)
            return rate * (share if polarisation == "longitudinal" else 1 - share)

        return jax.vmap(one)(q2)

    def called(q2, *values):
        return np.asarray(at(jnp.asarray(q2), jnp.asarray([float(v) for v in values])))

    return called


def universal(values):
    return Universal(**dict(zip(COUPLINGS, values, strict=True)))


def split(folder: Path, content: dict, given: dict) -> tuple[list, dict]:
    """Channels with a sample for each density, and redist's modifiers of these.

    What is relative stays; the MC statistics of a sample are those of its first part.
    """
    free = {
        c: {"inits": (0.0,), "bounds": ((-50.0, 50.0),), "paramset_type": "unconstrained"}
        for c in COUPLINGS
    }
    kinds, channels = {}, []
    first_row = dict.fromkeys((s["density"] for s in given["signals"]), 0)
    for c in content["channels"]:
        samples = []
        for s in c["samples"]:
            s["modifiers"] = [m for m in s["modifiers"] if m["name"] not in given["drop"]]
            mine = [
                e
                for e in given["signals"]
                if e["sample"] == s["name"] and c["name"].startswith(e["channel"].rstrip("*"))
            ]
            if not mine:
                samples.append(s)
                continue
            whole = np.array(s["data"])
            for i, e in enumerate(mine):
                table = np.loadtxt(folder / e["density"], delimiter=",", ndmin=2)
                row = first_row[e["density"]]
                table = table[row : row + len(whole)]
                first_row[e["density"]] += len(whole)
                share = table.sum(axis=1) / whole
                name = f"theory_{c['name']}_{s['name']}_{i}"
                part = {"name": f"{s['name']}_{i}", "data": (whole * share).tolist()}
                part["modifiers"] = [_scaled(m, share, first=not i) for m in s["modifiers"]]
                edges = np.linspace(*e["q2"]["linspace"]).tolist()
                args = e["mode"], e.get("polarisation", "")
                made = redist.Modifier(
                    free,
                    spectrum(*args, universal),
                    spectrum(*args, lambda _: Neutrinos()),
                    table,
                    [[-1.0, *edges]],
                    name=name,
                    cutoff=((edges[0], edges[-1]),),
                    quad="gauss",
                )
                kinds |= made.expanded_pyhf
                part["modifiers"].append(
                    {"name": f"{name}_x", "type": name, "data": {"expr": f"{name}_weight_fn"}}
                )
                samples.append(part)
        channels.append({"name": c["name"], "samples": samples})
    return channels, kinds


def _scaled(m, share, *, first):
    if m["type"] == "histosys":
        data = {k: (np.array(v) * share).tolist() for k, v in m["data"].items()}
        return m | {"data": data}
    if m["type"] == "staterror" and not first:
        return m | {"data": [0.0] * len(share)}
    return m


@pytest.mark.parametrize("toy", TOYS)
def test_density(tmp_path, toy):
    logging.getLogger("pyhf").setLevel(logging.WARNING)
    write_toy(toy, tmp_path)
    given = LocatedYaml(tmp_path / "record.yaml").data
    text = (
        (tmp_path / "record.yaml")
        .read_text()
        .replace("measurement: m", "measurement: m\nmc_statistics: sampled")
    )
    (tmp_path / "record.yaml").write_text(text)
    (ours,) = load_measurements([f"{tmp_path}/"])
    content = json.loads((tmp_path / "workspace.json").read_text())
    channels, kinds = split(tmp_path, content, given)
    parameters = content["measurements"][0]["config"]["parameters"]
    with jax.numpy_rank_promotion("allow"):
        model = pyhf.Model(
            {"channels": channels, "parameters": parameters},
            validate=False,
            modifier_set=kinds,
            poi_name=None,
        )
    counts = {o["name"]: o["data"] for o in content["observations"]}
    data = [n for c in model.config.channels for n in counts[c]] + model.config.auxdata
    rng, c = np.random.default_rng(20260601), ours.coordinates
    slices = c.density.parameters.slices

    @jax.jit
    def log_likelihood(couplings, z):
        return ours.log_likelihood(Predictions((universal(couplings),), INPUTS), z)

    for _ in range(5):
        couplings = rng.uniform(0, 12, len(COUPLINGS))
        z = rng.normal(0, 0.7, len(ours.nuisance_names))
        vector = np.asarray(c.vector(z))
        pars = np.zeros(model.config.npars)
        for name in model.config.par_order:
            at = model.config.par_slice(name)
            pars[at] = (
                couplings[COUPLINGS.index(name)] if name in COUPLINGS else vector[slices[name]]
            )
        with jax.numpy_rank_promotion("allow"):
            theirs = float(model.logpdf(pars, np.asarray(data))[0])
        found = float(log_likelihood(couplings, z)) - z @ z / 2 + ours.constant
        assert np.isfinite(theirs)
        assert found == pytest.approx(theirs, rel=1e-10)
