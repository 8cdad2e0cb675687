"""From a card to project.json: expected limits and discovery reach at other luminosities."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments.quoted.growing import Growing
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.plain_numbers import finite
from bsnunu_jax.foundation.progress import bar
from bsnunu_jax.foundation.seals import write_json
from bsnunu_jax.inference.hypotheses.hypotest import BANDS
from bsnunu_jax.inference.hypotheses.limits import interval
from bsnunu_jax.inference.hypotheses.projection import (
    Projection,
    discovery,
    discovery_reach,
    expected_limits,
)
from bsnunu_jax.inference.hypotheses.projection_toys import projected_toys
from bsnunu_jax.runs.expected_posterior import check_systematics, expected_posterior
from bsnunu_jax.runs.folder import run
from bsnunu_jax.runs.growth import Growth, check, growth_of
from bsnunu_jax.runs.subject import Asked, Subject, subject_of
from bsnunu_jax.runs.truth import BEST, SM, Truth, read_truth

_SIGMAS = (3.0, 5.0)
# In errors: nearer to its null a best fit is there, and one of the SM's data.
_ROUNDING, _NEAR = 1e-8, 0.05
_ONE_SIGMA = 0.6826894921370859


@dataclass(frozen=True)
class Toys:
    """How many toys of every hypothesis, their seed and folder, and the bar that counts them."""

    number: int
    seed: int
    path: Path
    progress: Callable[[int], Any]


def run_project(
    card: Card,
    folder: Path,
    *,
    luminosities: Sequence[float] = (),
    factors: Sequence[float] = (),
    truth: str | None = None,
    parameter: str | None = None,
    null: float | None = None,
    true: Sequence[float] = (),
    settings: Mapping[str, Sequence[str]] | None = None,
    systematics: float = 1.0,
    cl: float = 0.95,
    toys: int = 0,
    posterior: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Project one parameter of a card; leaves project.json and a figure.

    Args:
        card: what to fit.
        folder: result folder; must not hold a result unless `resume`.
        luminosities: of the data sets that state theirs [1/ab].
        factors: in place of luminosities: how many times the data of today, for all data sets.
        truth: what data are expected of, see `read_truth`; with one that is stated also the
            expected 68 % interval around it.
        parameter: of interest; may be left out where the card has one that is not set.
        null: its value without a signal, 0 if absent; Lambda has none, it is infinite.
        true: values whose median significance is wanted; that of the best fit to today's data is
            always given.
        settings: values, as text, of parameters that are held and of settings; every combination
            is projected.
        systematics: of the data sets that scale, over those of today.
        cl: confidence level.
        toys: of every hypothesis; 0 for asymptotic formulas alone.
        posterior: sample the posterior of expected data too, one for each luminosity.
        resume: go on with the toys and posteriors in `folder`.
        quiet: no progress on stderr.

    Returns:
        the content of project.json.

    Raises:
        InputError: for a parameter, value or luminosity that does not fit, or a folder with another
            run.
        RunError: if the folder goes while the run works.
    """
    stated = {k: list(v) for k, v in (settings or {}).items()}
    growth = growth_of(card.stated.measurements, luminosities, factors)
    check(growth, systematics)
    stated_truth = read_truth(truth, card.stated)
    options = {
        "luminosities": list(luminosities),
        "parameter": parameter,
        "null": null,
        "true": list(true),
        "set": stated,
        "systematics": systematics,
        "cl": cl,
    }
    # Only where they are given: folders of before know nothing of them.
    options |= {"factors": list(factors)} if factors else {}
    options |= {"truth": truth} if truth is not None else {}
    options |= {"posterior": True} if posterior else {}
    if posterior:
        check_systematics(card.stated, systematics)
    points = [dict(zip(stated, v, strict=True)) for v in itertools.product(*stated.values())]
    # All combinations are looked at before the first is computed.
    asked = Asked(growth.together, systematics, stated_truth)
    subjects = [subject_of(card, point, parameter, null, true, asked) for point in points]
    with (
        run(folder, card, resume=resume, quiet=quiet, settings=options) as ours,
        bar("toys", "toy", quiet=quiet or not toys) as counter,
    ):
        found = []
        for i, subject in enumerate(subjects):
            at = "".join(f", {k} = {v}" for k, v in points[i].items())
            ours.say(f"{card.content.title}{at}: {growth.counted}")
            thrown = Toys(toys, card.content.seed, folder / "toys" / f"point_{i}", counter.update)
            found.append(_point(subject, growth, true, cl, thrown, truth=stated_truth))
            if posterior:
                base = Path("posteriors") / f"point_{i}"
                given = card, subject.stated, stated_truth
                for k, factor in enumerate(subject.factors(growth)):
                    row, place = found[-1]["luminosities"][k], base / f"{growth.name}_{k}"
                    grown = subject.projection.growth(np.array([factor]))[0]
                    expected_posterior(*given, grown, folder / place, ours.say, quiet=quiet)
                    row["posterior"] = str(place)
        first = subjects[0].projection
        result = {
            "title": card.content.title,
            "parameter": subjects[0].name,
            "null": None if subjects[0].is_scale else first.null,
            "confidence_level": cl,
            "limit": "lower"
            if subjects[0].is_scale
            else "upper"
            if first.one_sided
            else "interval",
            "bands_sigma": list(BANDS),
            "truth": stated_truth.plain,
            "scaled_by": growth.name,
            "luminosity_today": first.luminosity,
            "systematics": systematics,
            "data": {m.name: m.title for m in card.stated.measurements},
            "data_not_scaled": list(first.fixed_data),
            "assumed": {
                m.name: m.assumed for m in first.scaling if isinstance(m, Growing) and m.assumed
            },
            "points": found,
        }
        # Matplotlib takes a second that errors in a card need not wait for.
        from bsnunu_jax.report.draws import axis_label, quantity_label
        from bsnunu_jax.report.figures.project import write_project_figure

        model = card.stated.model
        fitted = {p.name: axis_label(p) for p in card.stated.parameters}
        labels = {n: fitted.get(n) or quantity_label(model.quantity(n)) for n in stated}
        write_project_figure(folder / "figures", result, fitted[subjects[0].name], labels)
        write_json(folder / "project.json", result)
    return result


def read_settings(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values of NAME=VALUE,... by name.

    Raises:
        InputError: for anything else.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        parts = tuple(v.strip() for v in values.split(","))
        if not equals or not name or not all(parts):
            raise InputError(f"{text!r}", where="--set", allowed="NAME=VALUE, e.g. m=0.1,0.5")
        if name in found:
            raise InputError(f"{name!r} stands twice", where="--set", allowed=f"{name}=VALUE,VALUE")
        found[name] = parts
    return found


def _point(
    subject: Subject, growth: Growth, true: Sequence[float], cl: float, toys: Toys, *, truth: Truth
) -> dict[str, Any]:
    """One combination of held values; of a stated truth with the expected interval around it."""
    projection, report = subject.projection, subject.report
    projection.need_seen()
    factors = subject.factors(growth)
    best = float(projection.best.value[0])
    if subject.name in truth.values:
        best = float(subject.fitted(truth.values[subject.name]))
    # Marginal counts are most likely a little beside what they expect.
    if abs(best - projection.null) < (_NEAR if truth.name == SM else _ROUNDING) * projection.scale:
        best = projection.null
    truths = np.array([float(subject.fitted(x)) for x in true])
    if best != projection.null:
        truths = np.append(truths, best)
    n, k = len(factors), len(truths)
    sigmas = np.zeros((n, 0))
    if k:
        sigmas = discovery(projection, np.tile(truths, n), np.repeat(factors, k)).reshape(n, k)
    reach = discovery_reach(projection, factors, _SIGMAS)
    limits = np.zeros((n, 0))
    if projection.one_sided:
        limits = expected_limits(projection, factors, cl=cl)
    of_null = projection.profile(np.array([projection.null]))
    rows = []
    for i, factor in enumerate(factors.tolist()):
        row: dict[str, Any] = {"luminosity": None, growth.name: growth.values[i]}
        if projection.one_sided:
            row["expected_limit"] = _numbers(report(limits[i]))
        else:
            region = interval(projection.observing(of_null, factor), cl=cl)
            row["expected_interval"] = [_numbers(piece) for piece in region.pieces]
        row["discovery"] = [
            {"true": finite(report(x)), "Z": float(z)}
            for x, z in zip(truths, sigmas[i], strict=True)
        ]
        row["reach"] = [
            {"sigma": s, "above": finite(report(a)), "below": finite(report(b))}
            for s, a, b in zip(_SIGMAS, reach.above[i], reach.below[i], strict=True)
        ]
        if truth.stated:
            around = interval(_seen(subject, truth, factor), cl=_ONE_SIGMA)
            pieces = [_numbers(np.sort(report(np.array(piece)))) for piece in around.pieces]
            row["expected_68"] = {"pieces": pieces}
        if toys.number:
            row["toys"] = _toys(subject, factor, limits[i], truths, 1 - cl, toys, i)
        rows.append(row)
    return {"set": dict(subject.held), "best_fit_today": finite(report(best)), "luminosities": rows}


def _seen(subject: Subject, truth: Truth, factor: float) -> Projection:
    """The likelihood of the data that a truth expects with so many times the luminosity."""
    projection = subject.projection
    if truth.name == BEST:
        return projection.observing(projection.best, factor)
    growth = projection.growth(np.array([factor]))[0]
    grown = subject.stated.at_luminosity(jnp.asarray(growth))
    return projection.observing_data(truth.of(grown).data, factor)


def _assumed(projection: Projection) -> dict[str, str]:
    """What had to be assumed of the data that scale."""
    own = [m for m in projection.scaling if isinstance(m, Growing)]
    return {m.name: m.assumed for m in own if m.assumed}


def _toys(
    subject: Subject,
    factor: float,
    limits: np.ndarray,
    truths: np.ndarray,
    level: float,
    toys: Toys,
    number: int,
) -> dict[str, Any]:
    """The toys of one luminosity for JSON."""
    done: dict[str, int] = {}

    def progress(name: str, so_far: int) -> None:
        toys.progress(so_far - done.get(name, 0))
        done[name] = so_far

    found = projected_toys(
        subject.projection,
        factor,
        limits[np.isfinite(limits)],
        truths,
        toys.number,
        level=level,
        seed=int(np.random.SeedSequence([toys.seed, number]).generate_state(1)[0]),
        path=toys.path / f"luminosity_{number}",
        progress=progress,
    )
    result: dict[str, Any] = {"number": toys.number, "failed": found.failed}
    if found.limits.size:
        result["expected_limit"] = _numbers(subject.report(found.limits))
    return result | {
        "discovery": [
            {"true": finite(subject.report(x)), "Z": z[1], "Z_68": [z[0], z[2]]}
            for x, z in zip(truths, found.sigmas.tolist(), strict=True)
        ]
    }


def _numbers(values: Any) -> list[float | None]:
    return [finite(x) for x in values]
