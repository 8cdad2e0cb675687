"""What cards of a model have in common: a file with inputs and data, parameters, held values."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from bsnunu_jax.experiments import Measurement, load_measurements
from bsnunu_jax.experiments.measurement import Hypothetical, decays_of, has_envelope, observables_of
from bsnunu_jax.experiments.quoted.shape_systematic import with_shape_systematic
from bsnunu_jax.experiments.records.record import likelihood_folder
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, as_yaml, located
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs, tables
from bsnunu_jax.inputs.nuisances import DETECTOR
from bsnunu_jax.inputs.sets import form_factor_set, placed
from bsnunu_jax.models import get_model
from bsnunu_jax.models.values import LIFETIMES
from bsnunu_jax.observables.catalogue import get_numbers, get_observable
from bsnunu_jax.observables.inclusive import beyond_reach, is_inclusive
from bsnunu_jax.observables.observable import need_form_factors, uncertain

# Where between the ends of its parameters a model is looked at; at an end itself it may not be.
_WITHIN = (0.001, 0.5, 1.0)


class CardFile:
    """A card on disk.

    Attributes:
        path: the card.
        file: its keys and their lines.
        content: what it says, checked key by key.
        warnings: where its parameters leave the domain of the model.
        parameters_at: the keys under which it has its parameters, and what is done with them.
        first: keys that the resolved card begins with.
    """

    parameters_at: ClassVar[tuple[str, ...]] = ("parameters",)
    done: ClassVar[str] = "fitted"
    first: ClassVar[tuple[str, ...]] = ()
    path: Path
    file: LocatedYaml
    content: Any
    warnings: Sequence[str]

    @property
    def cards(self) -> list[Self]:
        """The card alone."""
        return [self]

    @property
    def resolved(self) -> str:
        """The card with all defaults spelled out, as YAML."""
        content = self.content.model_dump(mode="json", exclude_none=True)
        inputs = self._inputs
        content["inputs"]["form_factors"] = inputs.named_sets
        content["inputs"]["nuisances"] = list(self.groups)
        return as_yaml({k: content[k] for k in (*self.first, *content) if k in content})

    @property
    def fixed(self) -> dict[str, Any]:
        """Parameters and settings of the model that are held at a value.

        Raises:
            InputError: for a value that the model does not allow.
        """
        model = get_model(self.content.model)
        return {
            name: model.read(name, value, self.file.where(("fixed", name)))
            for name, value in self.content.fixed.items()
        }

    @property
    def nuisances(self) -> Nuisances:
        """The inputs and which of them vary.

        Raises:
            InputError: for an unknown preset or form-factor set.
        """
        return Nuisances(self._inputs, self.groups)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of inputs that vary: those that the card names, or that it reads.

        Envelopes of detectors are among them if something may decay in one.

        Raises:
            InputError: if its data are not there, or do not fit.
        """
        content = self.content
        if (named := content.inputs.nuisances) is not None:
            return tuple(named)
        of_data = [decay for m in self.measurements for decay in decays_of(m)]
        names = [name for m in self.measurements for name in observables_of(m)]
        names += getattr(content, "predictions", ())
        found = uncertain(map(get_observable, names), of_data)
        if not self.decays or not any(map(has_envelope, self.measurements)):
            return found
        return (*found, DETECTOR)

    @property
    def decays(self) -> bool:
        """Whether the card gives lifetimes."""
        given = (*getattr(self.content, "parameters", ()), *self.content.fixed)
        return not {*LIFETIMES}.isdisjoint(given)

    @property
    def _inputs(self) -> Inputs:
        section, where = self.content.inputs, self.file.where
        with located(where(("inputs", "preset"))):
            tables.preset(section.preset)
        for transition, name in self._form_factors.items():
            with located(where(("inputs", "form_factors", transition))):
                form_factor_set(transition, name)
        return load_inputs(
            section.preset, self._form_factors, time_integrated=section.time_integrated
        )

    @property
    def _form_factors(self) -> dict[str, str]:
        """The sets that the card names, files beside the card."""
        return placed(self.content.inputs.form_factors, self.path.parent)

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """The data.

        Raises:
            InputError: if they are not there, do not fit or exclude each other.
        """
        content, where, folder = self.content, self.file.where, self.path.parent
        inputs = self._inputs
        for i, name in enumerate(content.data):  # one by one: errors name the line
            alone = load_measurements([name], where(("data", i)), folder=folder, whole=False)
            with located(where(("data", i))):
                need_form_factors((d for m in alone for d in decays_of(m)), inputs)
        published = likelihood_folder(content.likelihood, folder) if content.likelihood else None
        of_all = where(("data",))
        found = load_measurements(content.data, of_all, folder=folder, likelihood=published)
        if content.shape_systematic is None:
            return found
        with located(where(("shape_systematic",))):
            return with_shape_systematic(found, content.shape_systematic)

    def need_measured(self) -> None:
        """Refuse data that nobody has measured: they are for projections.

        Raises:
            InputError: naming the first.
        """
        for m in self.measurements:
            if isinstance(m, Hypothetical):
                raise self.file.error(
                    ("data",), f"nobody has measured {m.name!r}", "drop it, or use `bsnunu project`"
                )

    def _set(self, seen: dict[str, str], key: str, name: str) -> None:
        """Note that the parameter `key` sets what the model calls `name`, alone."""
        if name in seen:
            raise InputError(
                f"{name!r} is set by {seen[name]!r} and by {key!r}",
                where=self.file.where((*self.parameters_at, key)),
                allowed="set it once",
            )
        seen[name] = key

    def _check_fixed(self, seen: Mapping[str, str]) -> None:
        """Names of held values, which no parameter may set."""
        model, where = get_model(self.content.model), self.file.where
        for name in self.content.fixed:
            model.check((name,), where(("fixed", name)))
            if name in seen:
                raise InputError(
                    f"{name!r} is both {self.done} and fixed",
                    where=where(("fixed", name)),
                    allowed="keep one",
                )

    def _check_values(
        self, ranges: Mapping[str, tuple[Any, Any]], seen: Mapping[str, str], *, fit: bool
    ) -> None:
        """Refuse values that the model does not allow; note those that it is not to be trusted at.

        Args:
            ranges: of what parameters set, by name.
            seen: the parameter that sets each of them.
            fit: as `Model.check_values`.
        """
        model = get_model(self.content.model)
        every = {**ranges, **{name: (value, value) for name, value in self.fixed.items()}}

        def place(name: str) -> str:
            keys = (*self.parameters_at, seen[name]) if name in seen else ("fixed", name)
            return self.file.where(keys)

        model.check_values(every, place, fit=fit)
        self.warnings = model.check_domain(every, place, self.content.domain)
        self._ends = every

    def check_reach(
        self,
        measurements: Iterable[Measurement],
        observables: Iterable[str],
        ends: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> None:
        """Note inclusive decays among these in which the model is beyond the reach of partons.

        At both ends and in the middle of the ranges of all parameters, those of the card if `ends`
        gives no others.

        Raises:
            InputError: there, if the card's `domain` says so.
        """
        modes = [decay for m in measurements for decay in decays_of(m)]
        modes += [get_observable(name).mode for name in observables]
        if not any(map(is_inclusive, modes)):
            return
        inputs, model = self._inputs, get_model(self.content.model)
        ranges = self._ends if ends is None else ends
        points = [
            model.build({k: _between(*pair, x) for k, pair in ranges.items()}, inputs)
            for x in _WITHIN
        ]
        with located(self.file.where(("model",))):
            lines = beyond_reach(modes, points, inputs, model.name, self.content.domain)
        self.warnings = tuple(dict.fromkeys((*self.warnings, *lines)))

    def _check_numbers(self, key: str) -> None:
        """The observables under a key are different numbers."""
        where, inputs = self.file.where, self._inputs
        found = get_numbers(getattr(self.content, key), lambda i: where((key, i)))
        for i, o in enumerate(found):
            with located(where((key, i))):
                need_form_factors((o.mode or o.reads,), inputs)


def _between(low: Any, high: Any, x: float) -> Any:
    """What lies between two ends: settings are what they are, open ranges of the size of 1."""
    if isinstance(low, bool | str):
        return low
    first, last = (value if np.isfinite(value) else np.sign(value) * 1.0 for value in (low, high))
    return first + x * (last - first)
