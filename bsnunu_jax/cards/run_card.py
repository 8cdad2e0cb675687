"""Run cards: a card of fits/*.yaml and the problem that it states."""

from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.cards.schema import CardSchema as CardSchema
from bsnunu_jax.cards.schema import SamplerSection as SamplerSection
from bsnunu_jax.cards.stated import CardFile
from bsnunu_jax.experiments.measurement import observables_of
from bsnunu_jax.experiments.records.record import DATA_SETS
from bsnunu_jax.foundation.located_yaml import LocatedYaml
from bsnunu_jax.inference.problem.parameters import Parameter
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.inference.problem.symmetries import built_shape
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inference.sampling.nuts import Sampler
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.rates.kernels import all_invariants


class Card(CardFile):
    """A run card on disk: its validated content and the problem that it states."""

    first = ("title", "model", "inputs", "parameters", "fixed", "data")
    content: CardSchema

    def __init__(
        self,
        path: Path,
        *,
        seed: int | None = None,
        chains: int | None = None,
        draws: int | None = None,
        likelihood: Path | None = None,
        file: LocatedYaml | None = None,
    ) -> None:
        """Read a card; seed, chains, draws and likelihood replace the card's own.

        Args:
            path: the card.
            seed: of starts, chains and bands.
            chains: number of chains.
            draws: kept steps a chain.
            likelihood: folder with Belle II's published likelihood.
            file: the card if it is part of a file, see `comparison_card`.

        Raises:
            InputError: with file, line and key for anything that does not fit.
        """
        self.path = path
        self.file = file or LocatedYaml(path)
        if "variants" in self.file.data:
            raise self.file.error(
                ("variants",),
                "a list of variants is for `bsnunu compare`",
                "a run card has one model",
            )
        if "design" in self.file.data:
            raise self.file.error(
                ("design",),
                "a design of points is for `bsnunu scan`",
                "a run card has parameters with priors",
            )
        content = self.file.validate(CardSchema)
        changes = {k: v for k, v in {"chains": chains, "draws": draws}.items() if v is not None}
        sampler = content.sampler.model_dump() | changes
        self.content = content.model_copy(
            update={
                "sampler": SamplerSection(**sampler),
                "seed": content.seed if seed is None else seed,
                "likelihood": content.likelihood if likelihood is None else _absolute(likelihood),
            }
        )
        self._check_names()

    @property
    def sampler(self) -> Sampler:
        """The sampler's settings."""
        return Sampler(**self.content.sampler.model_dump())

    @cached_property
    def problem(self) -> Problem:
        """The problem that the card states, integrated kernels tabulated where they can be.

        Raises:
            InputError: if the data exclude each other or a mirrored parameter is not even.
        """
        self.need_measured()
        self.check_reach(self.measurements, self.content.predictions)
        return self.ready(self.stated)

    def ready(self, problem: Problem) -> Problem:
        """The problem with tabulated kernels, mirrored parameters checked.

        Raises:
            InputError: if a mirrored parameter is not even.
        """
        self._check_dark(problem)
        tabulated = tabulate(problem)
        self._check_mirrors(tabulated)
        return tabulated

    def on(self, other: Problem) -> Problem:
        """The card's model and parameters with the data and inputs of another problem."""
        content = self.content
        model = get_model(content.model)
        about = {name: model.quantity(name) for name in content.parameters}
        parameters = tuple(
            Parameter(
                name,
                p.prior.build(p.mirror),
                p.latex or about[name].latex,
                p.also,
                p.mirror,
                about[name].unit,
            )
            for name, p in content.parameters.items()
        )
        return other.of_model(model, parameters, tuple(self.fixed.items()))

    @cached_property
    def stated(self) -> Problem:
        """The problem that the card states, all kernels integrated at every point.

        Raises:
            InputError: if the data exclude each other.
        """
        model = get_model(self.content.model)
        return self.on(Problem(model, (), self.nuisances, self.measurements))

    def _check_names(self) -> None:
        content, where = self.content, self.file.where
        model = get_model(content.model, where(("model",)))
        seen: dict[str, str] = {}
        for key, section in content.parameters.items():
            model.check((key,), where(("parameters", key)))
            model.check(section.also, where(("parameters", key, "also")))
            for name in (key, *section.also):
                self._set(seen, key, name)
        for key in content.parameters:
            if key in model.settings:
                raise self.file.error(
                    ("parameters", key), f"{key!r} is not a number", "set it under fixed"
                )
        self._check_fixed(seen)
        self._check_numbers("predictions")
        for i, name in enumerate(content.sampler.jumps or ()):
            if name not in content.parameters:
                raise self.file.error(
                    ("sampler", "jumps", i),
                    f"{name!r} is no fitted parameter",
                    f"one of {', '.join(content.parameters)}",
                )
        ranges = {name: content.parameters[key].range for name, key in seen.items()}
        self._check_values(ranges, seen, fit=True)

    def _check_dark(self, problem: Problem) -> None:
        """Observables of dark matter need a model that has it."""
        names = [("predictions", name) for name in self.content.predictions]
        for m in problem.measurements:
            names += [("data", name) for name in observables_of(m)]
        dark = [(key, name) for key, name in names if get_observable(name).dark]
        if not dark or getattr(built_shape(problem), "dark", None) is not None:
            return
        key, name = dark[0]
        raise self.file.error(
            (key,),
            f"{get_observable(name).name} needs a model with scalar dark matter",
            "drop it, or use vlq-dm",
        )

    def _check_mirrors(self, problem: Problem) -> None:
        """A mirrored parameter must leave the density unchanged when its sign flips."""
        mirrored = [i for i, p in enumerate(problem.parameters) if p.mirror]
        if not mirrored:
            return
        free = len(problem.parameters)
        theta = np.full((1 + len(mirrored), problem.size), 0.1)
        theta[:, :free] = np.linspace(-1.3, 1.7, free)
        for row, i in enumerate(mirrored, start=1):
            theta[row, i] *= -1.0
        if _even(problem, theta):
            return
        there, *others = (float(_objective(problem, jnp.asarray(t))) for t in theta)
        for i, back in zip(mirrored, others, strict=True):
            if abs(back - there) > 1e-9 * abs(there):
                name = problem.parameters[i].name
                raise self.file.error(
                    ("parameters", name, "mirror"),
                    f"the density is not even in {name!r} (-2 ln L {there:.4f} against "
                    f"{back:.4f} with the sign flipped)",
                    "drop mirror: true and give the prior both signs",
                )


@program
def _objective(problem: Problem, theta: Array) -> Array:
    return problem.objective(theta)


@program
def _invariants(problem: Problem, theta: Array) -> list[Any]:
    """Everything beside the kernels at many points."""

    def invariants(theta: Array) -> list[Any]:
        predictions = problem.predictions(theta)
        beside = predictions.sectors.given
        return [*(all_invariants(s, predictions.inputs) for s in predictions.states), beside]

    return jax.vmap(invariants)(theta)


def _even(problem: Problem, theta: np.ndarray) -> bool:
    """Whether all points have the invariants of the first: then they have its density too."""
    # Dark rows with parameters in them, e.g. masses, are beyond this: the density decides.
    if not problem.grams or any(None in found for found in problem.grams.values()):
        return False
    found = jax.tree.leaves(_invariants(problem, jnp.asarray(theta)))
    return all(np.allclose(a, a[:1], rtol=1e-12, atol=0) for a in map(np.asarray, found))


def _absolute(likelihood: Path) -> str:
    """A folder given on the command line; the name of a data set stays what it is."""
    name = str(likelihood)
    return name if name in DATA_SETS and not likelihood.is_dir() else str(likelihood.resolve())


def shipped_cards(folder: Path = Path("fits")) -> dict[str, str]:
    """Cards in a folder with their titles."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        content: Any = LocatedYaml(path).data
        found[str(path)] = str(content.get("title", ""))
    return found
