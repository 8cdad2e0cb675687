"""A toy record's density by pyhf: its workspace with the signal reweighted in numpy."""

import json
from pathlib import Path

import numpy as np
from toy_record import POLARISATIONS, null_bins
from workspaces import pyhf


def reweighted(folder: Path, name: str, bins) -> dict:
    """The workspace with the signal reweighted in numpy, its mu and form factors gone."""
    content = json.loads((folder / name / "workspace.json").read_text())
    null, weights = null_bins(), {}
    for region in ("SR", "CR"):
        events = nominal = 0.0
        for kind, br in zip(POLARISATIONS, bins, strict=True):
            table = np.loadtxt(folder / name / f"density_{region}_{kind}.csv", delimiter=",")
            nominal = nominal + table.sum(axis=1)
            for q2 in range(len(br)):
                events = events + table[:, 1 + q2] * br[q2] / null[kind][q2]
            events = events + table[:, 0]
        weights[region] = events / nominal
    split = {"SR_low": weights["SR"][:5], "SR_high": weights["SR"][5:], "CR": weights["CR"]}
    for c in content["channels"]:
        for s in c["samples"]:
            s["modifiers"] = [m for m in s["modifiers"] if m["name"] not in ("mu", "ff_1")]
            if s["name"] == "signal":
                s["weight"] = split[c["name"]]
    return content


def pyhf_log_density(content: dict):
    """A function of pyhf's parameters: rates of every sample by pyhf, the signal's weighted.

    A weight multiplies yields with their shifts and no relative error: MC statistics are in the
    bins' own parameters, whose widths stay. Poisson and constraint terms are pyhf's.
    """
    spec = {"channels": [], "parameters": content["measurements"][0]["config"]["parameters"]}
    for c in content["channels"]:
        samples = [{k: v for k, v in s.items() if k != "weight"} for s in c["samples"]]
        spec["channels"].append({"name": c["name"], "samples": samples})
    model = pyhf.Model(spec, poi_name=None, validate=False)
    samples, where = model.config.samples, model.config.channel_slices
    weights = np.ones((len(samples), sum(model.config.channel_nbins.values())))
    for c in content["channels"]:
        for s in c["samples"]:
            weights[samples.index(s["name"]), where[c["name"]]] = s.get("weight", 1.0)
    counts = {o["name"]: o["data"] for o in content["observations"]}
    seen = np.concatenate([counts[n] for n in model.config.channels])

    def log_density(values: dict[str, np.ndarray]) -> float:
        vector = np.array([x for n in model.config.par_order for x in np.atleast_1d(values[n])])
        parts = np.asarray(model.main_model.expected_data(vector, return_by_sample=True))
        counted = pyhf.probability.Poisson((parts * weights).sum(axis=0)).log_prob(seen).sum()
        auxiliary = model.constraint_logpdf(np.array(model.config.auxdata), vector)
        return float(counted + auxiliary)

    return log_density


def values_of(measurement, z) -> dict[str, np.ndarray]:
    """pyhf's parameters at coordinates."""
    found = measurement.coordinates
    vector = np.asarray(found.vector(z))
    return {n: vector[at] for n, at in found.density.parameters.slices.items()}
