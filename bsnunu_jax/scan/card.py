"""Scan cards: a card with a `design` of points, and the study that it states."""

from functools import cached_property
from pathlib import Path
from typing import Any

from bsnunu_jax.cards.stated import CardFile
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics.sobol import DIMENSIONS
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.scan.design import Axis, Design
from bsnunu_jax.scan.schema import MAX_CHUNKS, MAX_POINTS, ScanSchema
from bsnunu_jax.scan.study import LOG_LIKELIHOOD, Scanned, Study


class ScanCard(CardFile):
    """A scan card on disk: its validated content, its points and what is computed there."""

    parameters_at = ("design", "parameters")
    done = "scanned"
    content: ScanSchema

    def __init__(self, path: Path, *, seed: int | None = None) -> None:
        """Read a card; `seed` replaces the card's own.

        Raises:
            InputError: with file, line and key for anything that does not fit.
        """
        self.path = path
        self.file = LocatedYaml(path)
        if "variants" in self.file.data or (
            "parameters" in self.file.data and "design" not in self.file.data
        ):
            raise self.file.error(
                (),
                "a scan card has a `design` of points",
                "run cards are for `bsnunu fit`, comparisons for `bsnunu compare`",
            )
        content = self.file.validate(ScanSchema)
        self.content = content.model_copy(update={"seed": content.seed if seed is None else seed})
        self._check_design()
        self._check_model()
        self._check_asked()

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The coordinates of the points."""
        parameters = self.content.design.parameters
        return tuple(axis for name, p in parameters.items() for axis in p.axes(name))

    @cached_property
    def design(self) -> Design:
        """The points."""
        d = self.content.design
        nuisances = len(self.study.nuisance_names)
        return Design(self.axes, d.points or 1, d.sampling == "sobol", self.content.seed, nuisances)

    @property
    def stated(self) -> Problem:
        """Model, inputs and data, without parameters to fit: what a manifest names."""
        study = self.study
        return Problem(study.model, (), study.nuisances, study.measurements)

    @cached_property
    def study(self) -> Study:
        """What is computed at every point.

        Raises:
            InputError: if data or inputs are not there or exclude each other.
        """
        c = self.content
        if c.data:
            self.need_measured()
        measurements = self.measurements if c.data else ()
        self.check_reach(measurements, c.observables)
        return Study(
            get_model(c.model),
            self.fixed,
            tuple(
                Scanned(name, tuple(a.name for a in p.axes(name)), p.also)
                for name, p in c.design.parameters.items()
            ),
            self.nuisances,
            measurements,
            self.observables,
            c.log_likelihood,
            c.data_nuisances == "drawn",
        )

    @property
    def observables(self) -> tuple[str, ...]:
        """Their names, aliases resolved."""
        return tuple(get_observable(name).name for name in self.content.observables)

    def _check_design(self) -> None:
        d = self.content.design
        drawn = [a for a in self.axes if not a.size]
        with_draws = (
            drawn or self.content.inputs.nuisances or (self.content.data_nuisances == "drawn")
        )
        if drawn and d.points is None:
            raise self.file.error(
                ("design",), "key 'points' is missing", "the number of points that are drawn"
            )
        if d.points is not None and not with_draws:
            raise self.file.error(
                ("design", "points"), "nothing is drawn, all parameters are on a grid", "drop it"
            )
        if d.sampling == "sobol" and not 0 < len(drawn) <= DIMENSIONS:
            raise self.file.error(
                ("design", "sampling"),
                f"{len(drawn)} parameters are drawn",
                f"sobol is for 1 to {DIMENSIONS}",
            )
        number = Design(self.axes, d.points or 1, False, 0).number
        if number > MAX_POINTS:
            raise self.file.error(("design",), f"{number:.1e} points", f"at most {MAX_POINTS:.0e}")
        if number > MAX_CHUNKS * self.content.chunk:
            raise self.file.error(
                ("chunk",),
                f"{number / self.content.chunk:.1e} chunks, each a file",
                f"at most {MAX_CHUNKS:.0e}: raise chunk",
            )

    def _check_model(self) -> None:
        c, where = self.content, self.file.where
        model = get_model(c.model, where(("model",)))
        seen: dict[str, str] = {}
        ranges: dict[str, tuple[Any, Any]] = {}
        for key, p in c.design.parameters.items():
            place = where(("design", "parameters", key))
            ends = [
                (a.low, a.high) if a.name[:3] != "Im(" else (1j * a.low, 1j * a.high)
                for a in p.axes(key)
            ]
            for name in (key, *p.also):
                model.check((name,), place)
                if name in model.settings:
                    raise InputError(
                        f"{name!r} is not a number", where=place, allowed="set it under fixed"
                    )
                self._set(seen, key, name)
                ranges[name] = (sum(e[0] for e in ends), sum(e[1] for e in ends))
        self._check_fixed(seen)
        # A resonance of width 0 is another state, not a point of a range of widths.
        self._check_values(ranges, seen, fit="width" in seen)

    def _check_asked(self) -> None:
        c = self.content
        self._check_numbers("observables")
        if not c.observables and not c.log_likelihood:
            raise self.file.error(
                (), "no number is asked for", "give observables, or log_likelihood: true"
            )
        if c.log_likelihood != bool(c.data):
            raise self.file.error(
                ("data",) if c.data else ("log_likelihood",),
                "log_likelihood: true and data go together",
                "give both or none",
            )
        if c.store == "selected" and not c.select:
            raise self.file.error(
                ("store",), "nothing is selected", "give regions under select, or store: all"
            )
        known = [a.name for a in self.axes] + list(self.observables)
        known += [LOG_LIKELIHOOD] * c.log_likelihood
        for region, cuts in c.select.items():
            if region in (*known, "index", "point"):
                raise self.file.error(
                    ("select", region), f"a column is called {region!r} already", "rename it"
                )
            for name in cuts:
                if self.column(name) not in known:
                    raise self.file.error(
                        ("select", region, name),
                        f"nothing is called {name!r}",
                        f"one of {', '.join(known)}",
                    )

    def column(self, name: str) -> str:
        """The column that a cut means."""
        if name in {a.name for a in self.axes} | {LOG_LIKELIHOOD}:
            return name
        try:
            return get_observable(name).name
        except InputError:
            return name
