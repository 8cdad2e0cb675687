"""What a forecast is of: a parameter of a card with some of its values held, at a truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.projection import Projection
from bsnunu_jax.inference.hypotheses.scale_strength import STRENGTH, by_strength
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import arguments
from bsnunu_jax.models import get_model
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.runs.growth import Growth
from bsnunu_jax.runs.truth import BEST, Truth


@dataclass(frozen=True)
class Subject:
    """What is projected: one combination of held values.

    Attributes:
        held: these values.
        name: the parameter of interest.
        projection: its likelihood, or that of the strength if it is Lambda.
        report, fitted: from the fitted number to the reported one and back.
        stated: the problem of the card with these values held, and the data of today.
    """

    held: Mapping[str, Any]
    name: str
    projection: Projection
    report: Callable[[Any], Any]
    fitted: Callable[[Any], Any]
    stated: Problem

    def factors(self, growth: Growth) -> np.ndarray:
        """What is asked for over that of today."""
        return np.array(growth.values) / (self.projection.luminosity or 1.0)

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


def subject_of(
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
    asked.truth.check(problem)
    stated = problem
    problem, own, report, fitted = of_interest(problem, name, null)
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
    return Subject(plain, name or names[0], projection, report, fitted, stated)


def of_interest(
    problem: Problem, name: str | None, null: float | None
) -> tuple[Problem, str | None, Callable[[Any], Any], Callable[[Any], Any]]:
    """What is fitted for a parameter: Lambda by its strength, all others as they are.

    Returns:
        the problem, the name of its parameter, and from fitted numbers to reported ones and back.

    Raises:
        InputError: for a null of Lambda, or a Lambda of which no strength is known.
    """
    if name != SCALE or SCALE not in [p.name for p in problem.parameters]:
        return problem, name, _same, _same
    if null is not None:
        raise InputError(
            "Lambda is infinite without a signal", where="--null", allowed="leave it out"
        )
    problem, strength = by_strength(problem)
    return problem, STRENGTH, strength.scale, strength.strength


def held(card: Card, given: Mapping[str, str], where: str = "--set") -> Problem:
    """The problem of a card with further parameters and settings held at values.

    Args:
        card: the card.
        given: values, as text.
        where: they stand, for messages.

    Raises:
        InputError: for an unknown name, a value that does not fit, or nothing left to fit.
    """
    model, problem = get_model(card.content.model), card.stated
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
    ends = fitted | {n: (v, v) for n, v in fixed.items()}
    model.check_values(ends, lambda _: where, fit=True)
    card.check_reach(problem.measurements, card.content.predictions, ends)
    return replace(problem, parameters=left, fixed=arguments(model, fixed))


def _same(x: Any) -> Any:
    return x
