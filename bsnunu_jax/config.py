"""Run cards: the schema of fits/*.yaml and the problem that a card states."""

import math
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import yaml
from jaxtyping import Array
from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments import Measurement, load_measurements
from bsnunu_jax.experiments.data_sets import DATA_SETS, likelihood_folder
from bsnunu_jax.experiments.shape_systematic import with_shape_systematic
from bsnunu_jax.inference.nuts import Sampler
from bsnunu_jax.inference.parameters import LogUniform, Normal, Parameter, Prior, Uniform
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.inference.tabulate import tabulate
from bsnunu_jax.inputs import Nuisances, load_inputs, tables
from bsnunu_jax.located_yaml import LocatedYaml, Section, located, pair
from bsnunu_jax.models import get_model

MAX_STEPS = 1_000_000
# Labels such as C_R^{\tau\tau}: no need of half a second for the parser of matplotlib.
_ATOM = r"(?:[A-Za-z0-9]|\\(?:alpha|eta|theta|lambda|mu|nu|tau|phi|chi|omega|Lambda)(?![a-z]))"
_SCRIPT = rf"(?:{_ATOM}|\{{{_ATOM}+\}})"
_SCRIPTS = rf"(?:_{_SCRIPT}(?:\^{_SCRIPT})?|\^{_SCRIPT}(?:_{_SCRIPT})?)?"
_PLAIN_LABEL = re.compile(rf"(?:{_ATOM}{_SCRIPTS})+")

Interval = Annotated[tuple[float, float], pair("[low, high]")]
MeanStd = Annotated[tuple[float, float], pair("[mean, std]")]
Group = Literal["ckm", "electroweak", "lifetimes", "masses", "Bs", "B->K", "B->K*"]


# Numbers, true and false, names of operators: the model knows which.
FixedValue = StrictBool | StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=True)] | str


class PriorSection(Section):
    """Exactly one of uniform: [low, high], log_uniform: [low, high], normal: [mean, std]."""

    uniform: Interval | None = None
    log_uniform: Interval | None = None
    normal: MeanStd | None = None

    @field_validator("uniform", "log_uniform")
    @classmethod
    def _ordered(cls, interval: Interval | None) -> Interval | None:
        if interval is not None and not interval[0] < interval[1]:
            raise ValueError(f"prior low {interval[0]:g} is not below high {interval[1]:g}")
        return interval

    @field_validator("log_uniform")
    @classmethod
    def _positive(cls, interval: Interval | None) -> Interval | None:
        if interval is not None and interval[0] <= 0:
            raise ValueError("log_uniform needs 0 < low")
        return interval

    @field_validator("normal")
    @classmethod
    def _width(cls, normal: MeanStd | None) -> MeanStd | None:
        if normal is not None and normal[1] <= 0:
            raise ValueError(f"normal needs std > 0, got {normal[1]:g}")
        return normal

    @model_validator(mode="after")
    def _one(self) -> "PriorSection":
        if sum(v is not None for v in (self.uniform, self.log_uniform, self.normal)) != 1:
            raise ValueError("give exactly one of uniform, log_uniform, normal")
        return self

    def build(self, mirror: bool) -> Prior:
        """The prior, unfolded for a mirrored parameter."""
        if self.uniform:
            return Uniform(-self.uniform[1] if mirror else self.uniform[0], self.uniform[1])
        if self.log_uniform:
            return LogUniform(*self.log_uniform)
        assert self.normal is not None
        return Normal(*self.normal)


class ParameterSection(Section):
    """A fitted parameter: prior, label, further names set to the same value, mirror symmetry."""

    prior: PriorSection
    latex: str = ""
    also: tuple[str, ...] = ()
    mirror: bool = False

    @field_validator("latex")
    @classmethod
    def _typeset(cls, latex: str) -> str:
        if latex and not _PLAIN_LABEL.fullmatch(latex):
            from matplotlib.mathtext import MathTextParser  # slow, and few commands need it

            try:
                MathTextParser("path").parse(f"${latex}$")
            except (ValueError, RecursionError) as error:
                reason = str(error).splitlines()[-1].partition(": ")[2]
                raise ValueError(
                    f"matplotlib cannot set the label {latex!r} ({reason or error}); "
                    r"write math without $, e.g. C_R^{\tau\tau}"
                ) from None
        return latex

    @model_validator(mode="after")
    def _mirror(self) -> "ParameterSection":
        if self.mirror and not (self.prior.uniform and self.prior.uniform[0] == 0):
            raise ValueError("mirror: true needs a prior uniform: [0, high]")
        return self

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value that the sampler can reach."""
        interval = self.prior.uniform or self.prior.log_uniform or (-math.inf, math.inf)
        return (-interval[1] if self.mirror else interval[0], interval[1])


class InputsSection(Section):
    """Preset, form-factor sets that replace those of the preset, groups of varied inputs."""

    preset: str = "default"
    form_factors: dict[str, str] = Field(default_factory=dict)
    nuisances: tuple[Group, ...] = ("ckm", "electroweak", "lifetimes", "B->K", "B->K*")

    @field_validator("nuisances")
    @classmethod
    def _once(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        for group in groups:
            if groups.count(group) > 1:
                raise ValueError(f"{group!r} stands twice; keep one")
        return groups


class BestFitSection(Section):
    """Random starts of the gradient descent."""

    starts: StrictInt = Field(16, ge=1, le=10_000)


class SamplerSection(Section):
    """NUTS: chains, steps, acceptance; `block` steps are written to disk at a time.

    `jumps` names one or two parameters that are moved by jumps in place of NUTS.
    """

    chains: StrictInt = Field(4, ge=1, le=1024)
    warmup: StrictInt = Field(500, ge=50, le=MAX_STEPS)
    draws: StrictInt = Field(1500, ge=10, le=MAX_STEPS)
    target_accept: float = Field(0.9, gt=0.5, lt=1)
    max_tree_depth: StrictInt = Field(10, ge=3, le=15)
    block: StrictInt = Field(250, ge=10, le=MAX_STEPS)
    jumps: tuple[str, ...] | None = Field(None, min_length=1)

    @field_validator("jumps")
    @classmethod
    def _few(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names and (len(names) > 2 or len(set(names)) < len(names)):
            raise ValueError(f"one or two parameters can jump, got {', '.join(names)}")
        return names


class CardSchema(Section):
    """A run card."""

    title: str
    model: str
    inputs: InputsSection = InputsSection()
    parameters: dict[str, ParameterSection] = Field(min_length=1)
    fixed: dict[str, FixedValue] = Field(default_factory=dict)
    data: tuple[str, ...] = Field(min_length=1)
    likelihood: str | None = None
    shape_systematic: float | None = Field(None, gt=0, le=1, strict=True)
    best_fit: BestFitSection = BestFitSection()
    sampler: SamplerSection = SamplerSection()
    seed: StrictInt = Field(1, ge=0, lt=2**31)


class Card:
    """A run card on disk: its validated content and the problem that it states."""

    def __init__(self, path: Path, *, seed: int | None = None, chains: int | None = None,
                 draws: int | None = None, likelihood: Path | None = None) -> None:  # fmt: skip
        """Read a card; seed, chains, draws and likelihood replace the card's own.

        Raises:
            InputError: with file, line and key for anything that does not fit.
        """
        self.path = path
        self.file = LocatedYaml(path)
        content = self.file.validate(CardSchema)
        changes = {k: v for k, v in {"chains": chains, "draws": draws}.items() if v is not None}
        sampler = content.sampler.model_dump() | changes
        self.content = content.model_copy(update={
            "sampler": SamplerSection(**sampler),
            "seed": content.seed if seed is None else seed,
            "likelihood": content.likelihood if likelihood is None else _absolute(likelihood),
        })  # fmt: skip
        self._check_names()

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
    def sampler(self) -> Sampler:
        """The sampler's settings."""
        return Sampler(**self.content.sampler.model_dump())

    @property
    def resolved(self) -> str:
        """The card with all defaults spelled out, as YAML."""
        content = self.content.model_dump(mode="json", exclude_none=True)
        inputs = load_inputs(self.content.inputs.preset, self.content.inputs.form_factors)
        content["inputs"]["form_factors"] = dict(inputs.sets)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

    @cached_property
    def problem(self) -> Problem:
        """The problem that the card states.

        Raises:
            InputError: if the data exclude each other or a mirrored parameter is not even.
        """
        content, where = self.content, self.file.where
        sets = content.inputs.form_factors
        with located(where(("inputs", "preset"))):
            tables.preset(content.inputs.preset)
        for transition, name in sets.items():
            with located(where(("inputs", "form_factors", transition))):
                tables.form_factor_set(transition, name)
        for i, name in enumerate(content.data):  # one by one: errors name the line
            self._check_data(name, where(("data", i)))
        parameters = tuple(
            Parameter(name, p.prior.build(p.mirror), p.latex or name, p.also, p.mirror)
            for name, p in content.parameters.items()
        )
        problem = Problem(
            model=get_model(content.model),
            parameters=parameters,
            nuisances=Nuisances(load_inputs(content.inputs.preset, sets), content.inputs.nuisances),
            measurements=self._measurements(),
            fixed=tuple(self.fixed.items()),
        )
        problem = tabulate(problem)
        self._check_mirrors(problem)
        return problem

    def _check_names(self) -> None:
        content, where = self.content, self.file.where
        model = get_model(content.model, where(("model",)))
        seen: dict[str, str] = {}
        for key, section in content.parameters.items():
            model.check((key,), where(("parameters", key)))
            model.check(section.also, where(("parameters", key, "also")))
            for name in (key, *section.also):
                if name in seen:
                    raise InputError(
                        f"{name!r} is set by {seen[name]!r} and by {key!r}",
                        where=where(("parameters", key)), allowed="set it once",
                    )  # fmt: skip
                seen[name] = key
        for key in content.parameters:
            if key in model.settings:
                raise InputError(
                    f"{key!r} is not a number", where=where(("parameters", key)),
                    allowed="set it under fixed",
                )  # fmt: skip
        for name in content.fixed:
            model.check((name,), where(("fixed", name)))
            if name in seen:
                raise InputError(
                    f"{name!r} is both fitted and fixed", where=where(("fixed", name)),
                    allowed="keep one",
                )  # fmt: skip
        for i, name in enumerate(content.sampler.jumps or ()):
            if name not in content.parameters:
                raise InputError(
                    f"{name!r} is no fitted parameter", where=where(("sampler", "jumps", i)),
                    allowed=", ".join(content.parameters),
                )  # fmt: skip
        fitted = {name: content.parameters[key].range for name, key in seen.items()}
        fixed = {name: (value, value) for name, value in self.fixed.items()}
        model.check_values(
            fitted | fixed,
            lambda name: where(("parameters", seen[name]) if name in seen else ("fixed", name)),
            fit=True,
        )

    def _measurements(self) -> tuple[Measurement, ...]:
        content, where, folder = self.content, self.file.where, self.path.parent
        published = likelihood_folder(content.likelihood, folder) if content.likelihood else None
        found = load_measurements(
            content.data, where(("data",)), folder=folder, likelihood=published
        )
        if content.shape_systematic is None:
            return found
        with located(where(("shape_systematic",))):
            return with_shape_systematic(found, content.shape_systematic)

    def _check_data(self, name: str, where: str) -> None:
        path = self.path.parent / name
        if path.suffix in (".yaml", ".yml") and path.is_dir():
            raise InputError(f"{str(path)!r} is a directory", where=where, allowed="name a file")
        load_measurements([name], where, folder=self.path.parent)

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
        there, *others = (float(problem.compiled(jnp.asarray(t))) for t in theta)
        for i, back in zip(mirrored, others, strict=True):
            if abs(back - there) > 1e-9 * abs(there):
                name = problem.parameters[i].name
                raise InputError(
                    f"the density is not even in {name!r} (-2 ln L {there:.4f} against "
                    f"{back:.4f} with the sign flipped)",
                    where=self.file.where(("parameters", name, "mirror")),
                    allowed="drop mirror: true and give the prior both signs",
                )  # fmt: skip


def _even(problem: Problem, theta: np.ndarray) -> bool:
    """Whether all points have the invariants of the first: then they have its density too."""

    def invariants(theta: Array) -> list[dict[str, Array]]:
        predictions = problem.predictions(theta)
        return [s.invariants(predictions.inputs) for s in predictions.states]

    # Dark rows with parameters in them, e.g. masses, are beyond this: the density decides.
    if not problem.grams or any(None in found for found in problem.grams.values()):
        return False
    found = jax.tree.leaves(jax.jit(jax.vmap(invariants))(jnp.asarray(theta)))
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
