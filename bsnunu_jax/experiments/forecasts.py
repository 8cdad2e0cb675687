"""Entries of measurement files for measurements that nobody has made."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bsnunu_jax.experiments.entry import Entry, NotNegative, Positive, matrix_of, number, parts_of
from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.experiments.quoted.growing import ALL_STATISTICAL
from bsnunu_jax.experiments.quoted.hypothetical import ProjectedMeasurement
from bsnunu_jax.foundation.located_yaml import Number, Section


class ProjectedSection(Section):
    """What an experiment is expected to reach: errors, no values."""

    observables: tuple[str, ...] = Field(min_length=1)
    relative_errors: tuple[Positive, ...] = ()
    errors: tuple[Positive, ...] = ()
    systematic: tuple[NotNegative, ...] = ()
    correlation: tuple[tuple[Number, ...], ...] = ()
    of: Literal["SM", "truth"] = "SM"

    @field_validator("correlation")
    @classmethod
    def _matrix(
        cls, rows: tuple[tuple[float, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[float, ...], ...]:
        return matrix_of(rows, len(info.data.get("observables", rows))) if rows else rows

    @model_validator(mode="after")
    def _complete(self) -> Self:
        n, given = len(self.observables), self.relative_errors or self.errors
        if bool(self.relative_errors) == bool(self.errors):
            raise ValueError("give relative_errors or errors, one of them")
        if len(given) != n:
            raise ValueError(f"{n} observables need {n} errors, got {len(given)}")
        if self.errors and "of" in self.model_fields_set:
            raise ValueError("`of` says what relative_errors are relative to; errors are absolute")
        if self.systematic:
            parts_of(self.systematic, given)
        return self


class ProjectedEntry(Entry):
    """A measurement that nobody has made: its values are those of a truth, see `bsnunu project`."""

    projected: ProjectedSection

    def measurement(self, **about: Any) -> Measurement:
        """Errors without values."""
        own = self.projected
        n = len(own.observables)
        if not own.systematic:
            about["assumed"] = ALL_STATISTICAL
        return ProjectedMeasurement(
            tuple(map(number, own.observables)),
            own.relative_errors or own.errors,
            own.correlation or tuple(tuple(float(i == j) for j in range(n)) for i in range(n)),
            own.of if own.relative_errors else "unit",
            own.systematic,
            **about,
        )
