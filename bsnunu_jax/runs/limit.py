"""From a card to limits.json: limit or interval of one parameter, significance, goodness of fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.owned import CARD
from bsnunu_jax.foundation.plain_numbers import finite
from bsnunu_jax.foundation.plain_text import counted
from bsnunu_jax.foundation.progress import bar
from bsnunu_jax.foundation.seals import run_of, sealed, write_json
from bsnunu_jax.inference.hypotheses.goodness import goodness_of_fit, posterior_predictive
from bsnunu_jax.inference.hypotheses.hypotest import BANDS, choose, of_observed, scan, significance
from bsnunu_jax.inference.hypotheses.limits import Interval, interval, upper_limits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.hypotheses.toys import (
    Ensemble,
    Fraction,
    above,
    crossing,
    run_ensemble,
    toy_tests,
)
from bsnunu_jax.runs.folder import ORIGIN, run
from bsnunu_jax.runs.origin import Origin, changes, checksums
from bsnunu_jax.runs.subject import held

# What of a card a posterior must share with the likelihood to be checked against its data.
_SAME = ("model", "inputs", "parameters", "fixed", "data", "likelihood", "shape_systematic")


def run_limit(
    card: Card,
    folder: Path,
    *,
    parameter: str | None = None,
    null: float = 0.0,
    cl: float = 0.95,
    tested: tuple[float, ...] = (),
    settings: Mapping[str, str] | None = None,
    toys: int = 0,
    posterior: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Limits and significance of one parameter of a card; leaves limits.json and a figure.

    Args:
        card: what to fit.
        folder: result folder; must not hold a result unless `resume`.
        parameter: of interest; may be left out where the card has one.
        null: its value without a signal.
        cl: confidence level.
        tested: values whose significance is given besides that of the null.
        settings: values, as text, of parameters that are held and of settings.
        toys: number of toys of every hypothesis; 0 for asymptotic formulas alone.
        posterior: result folder of `bsnunu fit` with the same card.
        resume: go on with the toys in `folder`.
        quiet: no progress on stderr.

    Returns:
        the content of limits.json.

    Raises:
        InputError: for a parameter or null that does not fit, or a folder with another run.
        RunError: if the folder goes while the run works.
    """
    if settings and posterior:
        raise InputError(
            "the posterior is of the card as it stands", where="--set", allowed="drop --posterior"
        )
    draws = _draws(card, posterior) if posterior else None
    problem = card.ready(held(card, settings)) if settings else card.problem
    # That of a card with one; with more the fit refuses.
    name = parameter or problem.parameters[0].name
    options: dict[str, Any] = {"parameter": name, "null": null, "cl": cl}
    # Only where they are given: folders of before know nothing of them.
    options |= {"set": dict(settings)} if settings else {}
    likelihood = ProfileLikelihood(
        problem, parameter, null=null, starts=card.content.best_fit.starts, seed=card.content.seed
    )
    _check_tested(likelihood, tested)
    with run(folder, card, resume=resume, quiet=quiet, settings=options) as ours:
        parameters = counted(problem.size, "parameter")
        ours.say(f"{card.content.title}: best fit of {parameters}, then scans")
        likelihood.need_seen()
        result = _asymptotic(card, likelihood, cl, tested)
        if toys:
            result |= _with_toys(card, likelihood, result, folder, toys, quiet)
        if draws:
            p, number = posterior_predictive(problem, *draws, seed=card.content.seed)
            result["posterior_predictive"] = {"p": p, "draws": number}
        # Matplotlib takes a second that errors in a card need not wait for.
        from bsnunu_jax.report.draws import axis_label
        from bsnunu_jax.report.figures.limit import write_limit_figure

        label = axis_label(problem.parameters[likelihood.index])
        write_limit_figure(folder / "figures", result, label)
        write_json(folder / "limits.json", result)
    return result


def _check_tested(likelihood: ProfileLikelihood, tested: tuple[float, ...]) -> None:
    """Refuse values beyond the prior, where the model need not make sense."""
    for x in tested:
        # An open end of the range is a limit, not a value.
        if not (np.isfinite(x) and likelihood.low <= x <= likelihood.high):
            raise InputError(
                f"{likelihood.name} = {x:g} is outside its range "
                f"[{likelihood.low:g}, {likelihood.high:g}]",
                where="--test",
                allowed="give a value inside, or widen the prior",
            )


def _asymptotic(
    card: Card, likelihood: ProfileLikelihood, cl: float, tested: tuple[float, ...]
) -> dict[str, Any]:
    kind = choose(likelihood, None)
    null = likelihood.null
    why = (
        f"the range of {likelihood.name} begins at the null {null:g}: signals have one sign"
        if kind == "qtilde"
        else f"{likelihood.name} may lie on both sides of the null {null:g}"
    )
    found: dict[str, Any] = {
        "title": card.content.title,
        "parameter": likelihood.name,
        "null": null,
        "range": [finite(likelihood.low), finite(likelihood.high)],
        "confidence_level": cl,
        "test_statistic": kind,
        "why": why,
        "shape_systematic": card.content.shape_systematic,
        "assume_sm_spectrum": [m.name for m in card.stated.measurements if m.sm_spectrum],
        "not_seen": [f.sentence for f in likelihood.minima.flat if likelihood.name in f.parameters],
        "best_fit": {
            "value": float(likelihood.best.value[0]),
            "minus_2_log_likelihood": float(likelihood.best.objective[0]),
            "interval_68": _interval(interval(likelihood, cl=float(1 - 2 * norm.sf(1)))),
        },
        "discovery": _named(vars(significance(likelihood))),
        "tested": [_named(vars(significance(likelihood, x))) for x in tested],
        "goodness_of_fit": _named(vars(goodness_of_fit(likelihood))),
    }
    if kind == "t":
        region = interval(likelihood, cl=cl)
        curve = {"values": region.values.tolist(), "t": region.t.tolist()}
        return found | {"interval": _interval(region), "scan": curve}
    limits = upper_limits(likelihood, cl=cl)
    for entry in found["tested"]:
        if entry["value"] > null:
            at = scan(likelihood, np.array([entry["value"]]))
            entry |= {
                "qtilde": float(at.statistic[0]),
                "CLsb": float(at.clsb[0]),
                "CLb": float(at.clb[0]),
                "CLs": float(at.cls[0]),
                "CLs_expected": at.expected[:, 0].tolist(),
            }
    curve = {
        "values": limits.scan.values.tolist(),
        "observed": limits.scan.cls.tolist(),
        "CLsb": limits.scan.clsb.tolist(),
        "CLb": limits.scan.clb.tolist(),
        "expected": limits.scan.expected.tolist(),
    }
    return found | {
        "upper_limit": {
            "observed": finite(limits.observed),
            "expected": [finite(x) for x in limits.expected],
            "bands_sigma": list(BANDS),
        },
        "scan": curve,
    }


def _with_toys(
    card: Card,
    likelihood: ProfileLikelihood,
    result: dict[str, Any],
    folder: Path,
    number: int,
    quiet: bool,
) -> dict[str, Any]:
    kind, null = result["test_statistic"], likelihood.null
    values = _toy_values(likelihood, result)
    seeds = np.random.SeedSequence(card.content.seed).generate_state(len(values) + 2)
    root = folder / "toys"

    with bar("toys", "toy", quiet=quiet, total=number * (len(values) + 2)) as shown:
        done: dict[str, int] = {}

        def progress(name: str, so_far: int) -> None:
            done[name] = so_far
            shown.set_description(f"toys: {name}", refresh=False)
            shown.update(sum(done.values()) - shown.n)

        def ensemble(name: str, truth: Any, tested: np.ndarray, seed: np.uint32) -> Ensemble:
            return run_ensemble(
                likelihood,
                truth,
                tested,
                number,
                seed=int(seed),
                path=root / name,
                progress=progress,
            )

        at_null = likelihood.profile(np.array([null]))
        background = ensemble("null", at_null, np.append(values, null), seeds[0])
        best = ensemble("best_fit", likelihood.best, np.zeros(0), seeds[1])
        signal = [
            ensemble(f"value_{i}", likelihood.profile(values[i : i + 1]), values[i : i + 1], seed)
            for i, seed in enumerate(seeds[2:])
        ]
    observed = of_observed(likelihood, kind, values)
    t = toy_tests(kind, observed, signal, background)
    discovery: Fraction = above(
        background.statistic("q0" if kind == "qtilde" else "t", len(values)),
        result["discovery"]["t"] if result["discovery"]["Z"] > 0 or kind == "t" else 0.0,
    )
    found: dict[str, Any] = {
        "number": number,
        "failed": sum(e.failed for e in (background, best, *signal)),
        "discovery": _fraction(discovery),
        "goodness_of_fit": _fraction(above(best.saturated, result["goodness_of_fit"]["statistic"])),
        "values": values.tolist(),
        "CLsb": [_fraction(f) for f in t.clsb],
    }
    if kind == "qtilde":
        level = 1 - result["confidence_level"]
        found |= {
            "CLb": [_fraction(f) for f in t.clb],
            "CLs": [finite(x) for x in t.cls],
            "CLs_error": [finite(x) for x in t.cls_error],
            "CLs_expected": t.expected.tolist(),
            "upper_limit": {
                "observed": finite(crossing(values, t.cls, level)),
                "expected": [finite(crossing(values, row, level)) for row in t.expected],
            },
        }
    return {"toys": found}


def _toy_values(likelihood: ProfileLikelihood, result: dict[str, Any]) -> np.ndarray:
    """Where toys are thrown: around the asymptotic limits, or the ends of the interval."""
    null = likelihood.null
    if result["test_statistic"] == "qtilde":
        limits = result["upper_limit"]
        known = [x for x in (limits["observed"], *limits["expected"]) if x is not None]
        known = known or [likelihood.high]
        beyond = [null + 0.85 * (min(known) - null), null + 1.15 * (max(known) - null)]
        values = np.array([*beyond, *known])
    else:
        ends = [x for piece in result["interval"]["pieces"] for x in piece]
        values = np.array([x + likelihood.scale * s for x in ends for s in (-0.3, 0.0, 0.3)])
    values = np.unique([float(f"{x:.4g}") for x in values])
    return values[(values > likelihood.low) & (values < likelihood.high)]


def _draws(card: Card, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and nuisances of the posterior of a finished fit of the same card."""
    path, stated = folder / "posterior.nc", folder / CARD
    if not path.is_file() or not stated.is_file():
        raise InputError(
            "holds no finished fit",
            where=str(folder),
            allowed="give --posterior the result folder of `bsnunu fit`",
        )
    remedy = "give --posterior the result folder of a finished fit"
    try:
        text = stated.read_text(encoding="utf-8")
        theirs = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        theirs = None
    if not isinstance(theirs, dict):
        raise InputError("is damaged", where=str(stated), allowed=remedy)
    ours = yaml.safe_load(card.resolved)
    other = [key for key in _SAME if theirs.get(key) != ours.get(key)]
    if other:
        raise InputError(
            f"the fit there has other {', '.join(other)}",
            where=str(folder),
            allowed="give the fit of the same card",
        )
    origin = Origin.read(folder / ORIGIN, text)
    if changed := changes(origin.data_sha256, checksums(card)):
        raise InputError(
            f"the data have changed since the fit there ({', '.join(changed)})",
            where=str(folder),
            allowed="fit the card anew",
        )
    sealed(path, remedy)
    if run_of(path) != origin.identity:
        raise InputError("is not of the card beside it", where=str(path), allowed=remedy)
    import xarray

    with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as draws:
        names = [p.name for p in card.problem.parameters]
        values = np.stack([draws[name].values.ravel() for name in names], axis=1)
        nuisances = np.zeros((len(values), 0))
        if "nuisances" in draws:
            stored = draws["nuisances"].values
            nuisances = stored.reshape(len(values), stored.shape[-1])
    return values, nuisances


def _interval(found: Interval) -> dict[str, Any]:
    return {
        "level": found.level,
        "pieces": [list(piece) for piece in found.pieces],
        "ends_of_the_range": [[bool(a), bool(b)] for a, b in found.open],
    }


def _fraction(found: Fraction) -> dict[str, Any]:
    return {"p": finite(found.p), "error": finite(found.error), "k": found.k, "n": found.n}


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: finite(v) if isinstance(v, float) else v for k, v in fields.items()}
