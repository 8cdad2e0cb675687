"""The schema of run cards: what fits/*.yaml may say, key by key."""

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, StrictBool, StrictInt, field_validator, model_validator

from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.located_yaml import Names, Number, Section, once, pair
from bsnunu_jax.foundation.plain_text import Name, Title, check_drawable
from bsnunu_jax.inference.problem.parameters import LogUniform, Normal, Prior, Uniform
from bsnunu_jax.inputs.nuisances import GROUPS

MAX_STEPS = 1_000_000
# Labels such as C_R^{\tau\tau}: no need of half a second for the parser of matplotlib.
_ATOM = r"(?:[A-Za-z0-9]|\\(?:alpha|eta|theta|lambda|mu|nu|tau|phi|chi|omega|Lambda)(?![a-z]))"
_SCRIPT = rf"(?:{_ATOM}|\{{{_ATOM}+\}})"
_SCRIPTS = rf"(?:_{_SCRIPT}(?:\^{_SCRIPT})?|\^{_SCRIPT}(?:_{_SCRIPT})?)?"
_PLAIN_LABEL = re.compile(rf"(?:{_ATOM}{_SCRIPTS})+")

# A prior narrower than this part of its ends has steps as coarse as rounding.
NARROWEST = 1e-9

Interval = Annotated[tuple[Number, Number], pair("[low, high]")]
MeanStd = Annotated[tuple[Number, Number], pair("[mean, std]")]
if TYPE_CHECKING:
    Group: TypeAlias = str
else:
    Group = Literal[GROUPS]
Groups = Annotated[tuple[Group, ...], AfterValidator(once)]


# Numbers, true and false, names of operators: the model knows which.
def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"expected a number, a name, or true or false, got {shown(value)}")
    return value


FixedValue = Annotated[Any, AfterValidator(_plain)]


def check_width(low: float, high: float) -> None:
    """Refuse a range that rounding leaves no room in."""
    if high - low < max(NARROWEST * max(abs(low), abs(high)), 1e-100):
        raise ValueError(f"{low!r} and {high!r} are too close; make the range wider")


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
        if interval is not None:
            check_width(*interval)
        return interval

    @field_validator("log_uniform")
    @classmethod
    def _positive(cls, interval: Interval | None) -> Interval | None:
        if interval is not None and interval[0] <= 0:
            raise ValueError(f"log_uniform needs 0 < low, got {interval[0]:g}")
        return interval

    @field_validator("normal")
    @classmethod
    def _width(cls, normal: MeanStd | None) -> MeanStd | None:
        if normal is not None and normal[1] <= 0:
            raise ValueError(f"normal needs std > 0, got {normal[1]:g}")
        if normal is not None:
            check_width(normal[0] - normal[1], normal[0] + normal[1])
        return normal

    @model_validator(mode="after")
    def _one(self) -> "PriorSection":
        given = [name for name in PriorSection.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of uniform: [low, high], log_uniform: [low, high], "
                f"normal: [mean, std]; found {' and '.join(given) or 'none'}"
            )
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
    latex: Name = ""
    also: tuple[str, ...] = ()
    mirror: StrictBool = False

    @field_validator("latex")
    @classmethod
    def _typeset(cls, latex: str) -> str:
        if latex and not _PLAIN_LABEL.fullmatch(latex):
            # As figures have it, with and without bars of the modulus.
            for label in (f"${latex}$", f"$|{latex}|$"):
                check_drawable(label, latex, r"write math without $, e.g. C_R^{\tau\tau}")
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
    """Preset, form-factor sets that replace those of the preset, groups of varied inputs.

    Without `nuisances` they are what data and predictions of the card read.

    `time_integrated: false` leaves the mixing of the Bs out of its rates, as some presets do.
    """

    preset: str = "default"
    form_factors: dict[str, str] = Field(default_factory=dict)
    time_integrated: StrictBool | None = None
    nuisances: Groups | None = None


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
    target_accept: Number = Field(0.9, gt=0.5, lt=1)
    max_tree_depth: StrictInt = Field(10, ge=3, le=15)
    block: StrictInt = Field(250, ge=10, le=MAX_STEPS)
    jumps: tuple[str, ...] | None = Field(None, min_length=1)

    @field_validator("jumps")
    @classmethod
    def _few(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names and (len(names) > 2 or len(set(names)) < len(names)):
            raise ValueError(f"one or two different parameters can jump, got {', '.join(names)}")
        return names


class SharedSchema(Section):
    """What a run card and a comparison card have in common: inputs, data, search, seed."""

    title: Title
    inputs: InputsSection = InputsSection()
    data: Names = Field(min_length=1)
    likelihood: str | None = Field(None, min_length=1)
    shape_systematic: float | None = Field(None, ge=0, le=1, strict=True)
    best_fit: BestFitSection = BestFitSection()
    seed: StrictInt = Field(1, ge=0, lt=2**31)


class ModelSchema(Section):
    """A model with its fitted parameters and those held at a value.

    `domain` says what happens if parameters may leave the domain in which the model is trusted.
    """

    model: str
    parameters: dict[str, ParameterSection] = Field(min_length=1)
    fixed: dict[str, FixedValue] = Field(default_factory=dict)
    domain: Literal["warn", "error", "ignore"] = "warn"


class CardSchema(ModelSchema, SharedSchema):
    """A run card; `predictions` are observables that the report lists besides its own."""

    predictions: tuple[str, ...] = ()
    sampler: SamplerSection = SamplerSection()
