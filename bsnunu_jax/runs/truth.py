"""The truth of a forecast as the command line states it: today's best fit, the SM, a point."""

from collections.abc import Mapping
from dataclasses import dataclass

from bsnunu_jax.experiments.measurement import measured
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.plain_numbers import real_number
from bsnunu_jax.inference.hypotheses.truths import expecting, expecting_sm
from bsnunu_jax.inference.problem.problem import Problem

BEST, SM = "best-fit", "SM"
_FORMS = f"{BEST}, {SM}, or NAME=VALUE,... of all fitted parameters"


@dataclass(frozen=True)
class Truth:
    """What is taken to be true.

    Attributes:
        name: "best-fit", "SM", or "" for a point.
        values: of the fitted parameters at that point.
        stated: False if it follows from the data alone.
    """

    name: str
    values: Mapping[str, float]
    stated: bool = True

    @property
    def plain(self) -> str | dict[str, float]:
        """For JSON."""
        return self.name or dict(self.values)

    def of(self, problem: Problem) -> Problem:
        """The problem with the data that this truth expects today.

        Raises:
            InputError: for a point that does not have all parameters, or is outside their range,
                or a best fit of what nobody has measured.
        """
        if self.name == BEST:
            if not measured(problem.measurements):
                raise InputError(
                    "none of the data is measured yet: there is no best fit",
                    where="--truth",
                    allowed=f"{SM} or NAME=VALUE,...",
                )
            return problem
        if self.name == SM:
            return expecting_sm(problem)
        self.check(problem)
        return expecting(problem, self.values)

    def check(self, problem: Problem) -> None:
        """Refuse a point that is none of this problem.

        Raises:
            InputError: see `of`.
        """
        ranges = {p.name: p.range for p in problem.parameters}
        if self.name:
            return
        for name in self.values:
            if name not in ranges:
                raise InputError(
                    f"{shown(name)} is not fitted", where="--truth", allowed=", ".join(ranges)
                )
        for name, (low, high) in ranges.items():
            if name not in self.values:
                raise InputError(
                    f"no value of {name!r}", where="--truth", allowed=f"add {name}=VALUE"
                )
            if not low <= self.values[name] <= high:
                raise InputError(
                    f"{name} = {self.values[name]:g} is outside its range [{low:g}, {high:g}]",
                    where="--truth",
                    allowed="give a value inside, or widen the prior",
                )


def read_truth(text: str | None, problem: Problem) -> Truth:
    """The truth that a text states; of none the best fit, or the SM where nothing is measured.

    Raises:
        InputError: for a text that states none.
    """
    if text is None:
        return Truth(BEST if measured(problem.measurements) else SM, {}, stated=False)
    if text in (BEST, SM):
        return Truth(text, {})
    values: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (x.strip() for x in part.partition("="))
        if not equals or not name:
            raise InputError(f"{shown(text)} is no truth", where="--truth", allowed=_FORMS)
        if name in values:
            raise InputError(f"{name!r} stands twice", where="--truth", allowed="keep one")
        try:
            values[name] = real_number(number)
        except ValueError as error:
            raise InputError(
                f"{name}: {shown(number)} {error}", where="--truth", allowed=_FORMS
            ) from None
    return Truth("", values)
