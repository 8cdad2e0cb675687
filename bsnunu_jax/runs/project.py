"""From a card to project.json: expected limits and discovery reach at other luminosities."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from bsnunu_jax.inference.hypotheses.scale_strength import STRENGTH, by_strength
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import arguments
from bsnunu_jax.models import get_model
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.runs.folder import run
from bsnunu_jax.runs.growth import Growth, check, growth_of
from bsnunu_jax.runs.truth import BEST, Truth, read_truth

_SIGMAS = (3.0, 5.0)
# In errors: nearer to its null a best fit is there.
_ROUNDING = 1e-8
_ONE_SIGMA = 0.6826894921370859


@dataclass(frozen=True)
class Subject:
    """What is projected: one combination of held values.

    Attributes:
        held: these values.
        name: the parameter of interest.
        projection: its likelihood, or that of the strength if it is Lambda.
        report, fitted: from the fitted number to the reported one and back.
    """

    held: Mapping[str, Any]
    name: str
    projection: Projection
    report: Callable[[Any], Any]
    fitted: Callable[[Any], Any]

    @property
    def is_scale(self) -> bool:
        """True for Lambda."""
        return self.name == SCALE


@dataclass(frozen=True)
class Asked:
    """Whether data grow together, their systematics over those of today, and the truth."""

    together: bool
    systematics: float
    truth: Truth


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
        resume: go on with the toys in `folder`.
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
    points = [dict(zip(stated, v, strict=True)) for v in itertools.product(*stated.values())]
    # All combinations are looked at before the first is computed.
    asked = Asked(growth.together, systematics, stated_truth)
    subjects = [_subject(card, point, parameter, null, true, asked) for point in points]
    with (
        run(folder, card, resume=resume, quiet=quiet, settings=options) as ours,
        bar("toys", "toy", quiet=quiet or not toys) as counter,
    ):
        found = []
        for i, subject in enumerate(subjects):
            at = "".join(f", {k} = {v}" for k, v in points[i].items())
            ours.say(f"{card.content.title}{at}: {len(growth.values)} {growth.words}")
            thrown = Toys(toys, card.content.seed, folder / "toys" / f"point_{i}", counter.update)
            found.append(_point(subject, growth, true, cl, thrown, errors=stated_truth.stated))
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


def held(card: Card, given: Mapping[str, str]) -> Problem:
    """The problem of a card with further parameters and settings held at values.

    Raises:
        InputError: for an unknown name, a value that does not fit, or nothing left to fit.
    """
    model, problem, where = get_model(card.content.model), card.stated, "--set"
    model.check(tuple(given), where)
    values = {name: model.read(name, text, where) for name, text in given.items()}
    left = tuple(p for p in problem.parameters if p.name not in values)
    for p in problem.parameters:
        low, high = p.prior.range
        value = values.get(p.name, low)
        if not isinstance(value, complex) and not low <= value <= high:
            raise InputError(
                f"{p.name} = {value:g} is outside its prior [{low:g}, {high:g}]",
                where=where,
                allowed="give a value inside",
            )
    for p in left:
        for name in p.also:
            if name in values:
                raise InputError(
                    f"{name!r} is set by {p.name!r}", where=where, allowed=f"set {p.name!r}"
                )
    if not left:
        raise InputError("nothing is left to fit", where=where, allowed="keep one parameter")
    fixed = dict(problem.fixed) | values
    fixed |= {n: values[p.name] for p in problem.parameters if p.name in values for n in p.also}
    sections = card.content.parameters
    fitted = {n: sections[p.name].range for p in left for n in (p.name, *p.also)}
    model.check_values(fitted | {n: (v, v) for n, v in fixed.items()}, lambda _: where, fit=True)
    return replace(problem, parameters=left, fixed=arguments(model, fixed))


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


def _subject(
    card: Card,
    point: Mapping[str, str],
    parameter: str | None,
    null: float | None,
    true: Sequence[float],
    asked: Asked,
) -> Subject:
    """What a combination of held values projects; names are checked before anything is computed."""
    problem = held(card, point)
    names = [p.name for p in problem.parameters]
    name = names[0] if parameter is None and len(names) == 1 else parameter
    options: dict[str, Any] = {
        "null": 0.0 if null is None else null,
        "systematics": asked.systematics,
        "together": asked.together,
        "starts": card.content.best_fit.starts,
        "seed": card.content.seed,
    }
    own = name
    report: Callable[[Any], Any] = _same
    fitted: Callable[[Any], Any] = _same
    asked.truth.check(problem)
    stated = problem
    if name == SCALE and SCALE in names:
        if null is not None:
            raise InputError(
                "Lambda is infinite without a signal", where="--null", allowed="leave it out"
            )
        (problem, strength), own = by_strength(problem), STRENGTH
        report, fitted = strength.scale, strength.strength
    Projection(problem, own, **options)
    expected = asked.truth.of(stated)
    if asked.truth.name != BEST:
        problem = problem.with_data(expected.data)
    projection = Projection(card.ready(problem), own, **options)
    for x in true:
        if not (x > 0 or name != SCALE) or not projection.low <= fitted(x) <= projection.high:
            low, high = sorted(float(report(end)) for end in (projection.low, projection.high))
            raise InputError(
                f"{name} = {x:g} is outside its range [{low:g}, {high:g}]",
                where="--true",
                allowed="give a value inside, or widen the prior",
            )
    values = {k: card.stated.model.read(k, text) for k, text in point.items()}
    plain = {k: str(x) if isinstance(x, complex) else x for k, x in values.items()}
    return Subject(plain, name or names[0], projection, report, fitted)


def _point(
    subject: Subject, growth: Growth, true: Sequence[float], cl: float, toys: Toys, *, errors: bool
) -> dict[str, Any]:
    """One combination of held values; `errors`: with the expected interval around the truth."""
    projection, report = subject.projection, subject.report
    factors = np.array(growth.values) / (projection.luminosity or 1.0)
    best = float(projection.best.value[0])
    if abs(best - projection.null) < _ROUNDING * projection.scale:
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
        if errors:
            around = interval(projection.observing(projection.best, factor), cl=_ONE_SIGMA)
            pieces = [_numbers(np.sort(report(np.array(piece)))) for piece in around.pieces]
            row["expected_68"] = {"true": finite(report(best)), "pieces": pieces}
        if toys.number:
            row["toys"] = _toys(subject, factor, limits[i], truths, 1 - cl, toys, i)
        rows.append(row)
    return {"set": dict(subject.held), "best_fit_today": finite(report(best)), "luminosities": rows}


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


def _same(x: Any) -> Any:
    return x
