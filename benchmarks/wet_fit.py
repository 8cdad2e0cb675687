"""The WET best fit of arXiv:2507.12393 from a cold start: this package, or redist with EOS.

`python -m benchmarks.wet_fit ours|bridge|redist DIR` prints times and result as JSON; one fit a
process, so that nothing is compiled before. The clock starts after the imports.
"""
# ruff: noqa: E402

from __future__ import annotations

import os

from benchmarks import peers

peers.pin_to_core(max(os.sched_getaffinity(0)))  # before jax counts the cores

import json
import logging
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, null_dbr_dq2
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.models import get_model

FORM_FACTORS = "flag2021_hpqcd2022"
BOUND = 20.0
COUPLINGS = ("cVL", "cSL", "cTL")
SM = 6.613
NORMAL = np.log(2 * np.pi)

Result = Mapping[str, Any]


def ours(folder: Path) -> Result:
    """Native likelihood, MC statistics profiled, one start beside the SM, BFGS, Hessian errors."""
    start = time.perf_counter()
    inputs = load_inputs("eos", {"B->K": FORM_FACTORS})
    measurements = load_measurements(["belle2_knunu_2023"], likelihood=folder)
    # Rates see |c|: both signs are searched and the absolute value is reported.
    prior = Uniform(-BOUND, BOUND)
    problem = tabulate(
        Problem(
            model=get_model("universal"),
            parameters=tuple(Parameter(name, prior, name, mirror=True) for name in COUPLINGS),
            nuisances=Nuisances(inputs, ["B->K"]),
            measurements=measurements,
        )
    )
    # On the planes cSL = 0 and cTL = 0 the slope across is 0: start beside them.
    point = np.zeros(problem.size)
    point[:3] = np.arcsin(np.array([SM, 0.1, 0.1]) / BOUND)
    built = time.perf_counter()
    landscape = Landscape(problem, width=1)

    def gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = landscape.descent(x[None])
        return value[0], slope[0]

    gradient(point)
    compiled = time.perf_counter()
    found = scipy.optimize.minimize(
        gradient, point, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}
    )
    step = 1e-4
    slopes = [
        (gradient(found.x + e)[1] - gradient(found.x - e)[1]) / (2 * step)
        for e in step * np.eye(found.x.size)
    ]
    covariance = 2 * np.linalg.inv(np.array(slopes))
    jacobian = BOUND * np.cos(found.x[:3])
    done = time.perf_counter()
    normals = problem.nuisances.size
    return {
        "build": built - start,
        "compile": compiled - built,
        "fit": done - compiled,
        "values": np.abs(BOUND * np.sin(found.x[:3])).tolist(),
        "errors": (jacobian * np.sqrt(np.diag(covariance)[:3])).tolist(),
        "minus_2_log_density": float(found.fun - 2 * measurements[0].constant + normals * NORMAL),
        "evaluations": int(found.nfev),
    }


def bridged(folder: Path) -> Result:
    """The rates of this package in pyhf and redist, JAX backend, SLSQP; it gives no errors."""
    import pyhf

    from bsnunu_jax.exchange.redist import bridge

    start = time.perf_counter()
    pyhf.set_backend("jax", "scipy", precision="64b")
    starts = {"cVL": SM, "cSL": 0.1, "cTL": 0.1}
    model = bridge(folder, "universal", {k: (v, (0.0, BOUND)) for k, v in starts.items()})
    built = time.perf_counter()
    return {"build": built - start} | _fit(pyhf, model.model, model.data, maxiter=1000)


def redist_eos(folder: Path) -> Result:
    """The published procedure (arXiv:2507.12393): EOS's dBR/dq2 in redist, Minuit on numpy.

    The form factors' means and covariance are given; the authors sample them first.
    """
    import pyhf
    from redist import modifier

    start = time.perf_counter()
    pyhf.set_backend("numpy", "minuit")
    table = form_factor_set("B->K", FORM_FACTORS)
    free: dict[str, Any] = {
        name: {"inits": (init,), "bounds": ((0.0, BOUND),), "paramset_type": "unconstrained"}
        for name, init in zip(COUPLINGS, (SM, 0.0, 0.0), strict=True)
    }
    free["BK"] = {
        "inits": tuple(table.central.tolist()),
        "bounds": (),
        "cov": table.covariance.tolist(),
        "paramset_type": "constrained_by_normal",
    }
    content = json.loads((folder / "combined_likelihood.json").read_text())
    for sample in (s for c in content["channels"] for s in c["samples"]):
        sample["modifiers"] = [
            m
            for m in sample["modifiers"]
            if m["name"] != "mu" and not m["name"].startswith("corr_ff")
        ]
    edges = np.linspace(0, 22.885, 101)
    null = _null()
    kinds = {}
    for name, file, prefix, signal in (
        ("regA", "number_density_ita_regA.csv", "A__", "signal"),
        ("regB", "number_density_ita_regB.csv", "B__", "signal"),
        ("hta", "number_density_hta.csv", "sgn1_had", "sgn_1_had"),
    ):
        density = np.loadtxt(folder / file, delimiter=",", ndmin=2)
        weight = modifier.Modifier(
            free,
            EosSpectrum(),
            null,
            density,
            [[-1.0, *edges.tolist()]],
            name=name,
            cutoff=((0.0, 22.885),),
        )
        kinds |= weight.expanded_pyhf
        (channel,) = (c for c in content["channels"] if c["name"].startswith(prefix))
        (sample,) = (s for s in channel["samples"] if s["name"] == signal)
        sample["modifiers"].append(
            {"name": f"{name}_theory", "type": name, "data": {"expr": f"{name}_weight_fn"}}
        )
    spec = {"channels": content["channels"]}
    model = pyhf.Model(spec, validate=False, modifier_set=kinds, poi_name=None)
    counts = {o["name"]: o["data"] for o in content["observations"]}
    data = [n for c in model.config.channels for n in counts[c]] + model.config.auxdata
    built = time.perf_counter()
    return {"build": built - start} | _fit(pyhf, model, data, return_uncertainties=True)


class EosSpectrum:
    """EOS's dBR/dq2 of B+ -> K+ at an array of q2 for couplings and eight BSZ coefficients."""

    def __init__(self) -> None:
        import eos

        parameters = eos.Parameters.Defaults()
        kinematics = eos.Kinematics(q2=1.0)
        options = eos.Options(**{"form-factors": "BSZ2015", "model": "WET"})
        names = [f"sbnunu::Re{{{name}}}" for name in COUPLINGS]
        names += [f"B->K::alpha^{n[3:]}_{n[1]}@BSZ2015" for n in peers.BK_NAMES]
        self.set = [parameters[name].set for name in names]
        self.set_q2 = kinematics["q2"].set
        self.evaluate = eos.Observable.make(
            "B->Knunu::dBR/dq2", parameters, kinematics, options
        ).evaluate

    def __call__(self, q2: Any, *values: float) -> np.ndarray:
        for set_value, value in zip(self.set, values, strict=True):
            set_value(value)
        found = []
        for x in np.ravel(q2).tolist():
            self.set_q2(x)
            found.append(self.evaluate())
        return np.reshape(found, np.shape(q2))


def _null() -> Any:
    (template,) = load_measurements(["belle2_knunu_2023"])
    assert isinstance(template, Reweighted)
    constants = template.null_model
    return lambda q2: null_dbr_dq2(q2, constants)


def _fit(pyhf: Any, model: Any, data: list[float], **options: Any) -> Result:
    """pyhf's maximum-likelihood fit; what it compiles is part of it."""
    start = time.perf_counter()
    best, depth, details = pyhf.infer.mle.fit(
        data, model, return_fitted_val=True, return_result_obj=True, **options
    )
    done = time.perf_counter()
    best = np.asarray(best)[[model.config.par_slice(name).start for name in COUPLINGS]]
    values, errors = best.T if best.ndim == 2 else (best, np.array([]))
    return {
        "compile": 0.0,
        "fit": done - start,
        "values": values.tolist(),
        "errors": errors.tolist(),
        "minus_2_log_density": float(depth),
        "evaluations": int(details.nfev),
    }


FITS = {"ours": ours, "bridge": bridged, "redist": redist_eos}


def main() -> None:
    """Run one fit and print it."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    name, folder = sys.argv[1:]
    if name != "ours":
        import pyhf  # noqa: F401
        import redist.modifier  # noqa: F401
    if name == "redist":
        import eos  # noqa: F401
    print(json.dumps(FITS[name](Path(folder))))


if __name__ == "__main__":
    main()
