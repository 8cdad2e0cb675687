"""The schema of scan cards: what `bsnunu scan` reads, key by key."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
    model_validator,
)

from bsnunu_jax.cards.schema import FixedValue, Groups, InputsSection, Interval, check_width
from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.located_yaml import Names, Number, Section
from bsnunu_jax.foundation.plain_text import Name, Title
from bsnunu_jax.scan.design import Axis

# Counters of the points are 64-bit numbers.
MAX_POINTS = 10**15
# Files of one folder.
MAX_CHUNKS = 10**6


def _grid(raw: Any) -> Any:
    if not isinstance(raw, list | tuple) or len(raw) != 3:
        raise ValueError(f"expected [low, high, number of points], got {shown(raw)}")
    number = raw[2]
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"expected a whole number of points, got {shown(number)}")
    if not 1 <= number <= MAX_POINTS:
        raise ValueError(f"a grid of {shown(number)} points; give 1 to {MAX_POINTS:.0e}")
    return raw


def _ordered(grid: Any) -> Any:
    if grid[1] < grid[0]:
        raise ValueError(f"low {grid[0]:g} is above high {grid[1]:g}")
    if grid[2] == 1 and grid[0] < grid[1]:
        raise ValueError("a grid of 1 point has low = high; or give more points")
    if grid[2] > 1:
        if grid[0] == grid[1]:
            raise ValueError(
                f"{grid[2]} points between {grid[0]:g} and {grid[1]:g} are the same;"
                " set the parameter under fixed"
            )
        check_width(*grid[:2])
    return grid


Grid = Annotated[tuple[Number, Number, int], BeforeValidator(_grid), AfterValidator(_ordered)]


class AxisSection(Section):
    """One of linspace, logspace: [low, high, points], uniform, log_uniform: [low, high]."""

    linspace: Grid | None = None
    logspace: Grid | None = None
    uniform: Interval | None = None
    log_uniform: Interval | None = None

    @property
    def given(self) -> list[str]:
        """What is set of linspace, logspace, uniform, log_uniform."""
        return [name for name in AxisSection.model_fields if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _increasing(self) -> "AxisSection":
        for name in self.given:
            low, high = getattr(self, name)[:2]
            if name.endswith("uniform") and not low < high:
                raise ValueError(f"{name}: low {low:g} is not below high {high:g}")
            if name.endswith("uniform"):
                check_width(low, high)
            if name.startswith("log") and low <= 0:
                raise ValueError(f"{name} needs 0 < low")
        return self

    def axis(self, name: str) -> Axis:
        """The axis with this name."""
        (kind,) = self.given
        low, high, *size = getattr(self, kind)
        return Axis(name, low, high, kind.startswith("log"), *size)


class RealSection(AxisSection):
    """A real or imaginary part."""

    @model_validator(mode="after")
    def _one(self) -> "RealSection":
        if len(self.given) != 1:
            raise ValueError("give exactly one of linspace, logspace, uniform, log_uniform")
        return self


class ParameterSection(AxisSection):
    """A real parameter, or a complex one with `re` and `im`; `also` are set to the same value."""

    re: RealSection | None = None
    im: RealSection | None = None
    also: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> "ParameterSection":
        parts = self.re is not None or self.im is not None
        if len(self.given) + parts != 1:
            raise ValueError(
                "give exactly one of linspace, logspace, uniform, log_uniform, or re and im"
            )
        return self

    def axes(self, name: str) -> tuple[Axis, ...]:
        """One axis, or those of the real and the imaginary part."""
        if self.re is None and self.im is None:
            return (self.axis(name),)
        parts = {f"Re({name})": self.re, f"Im({name})": self.im}
        return tuple(part.axis(key) for key, part in parts.items() if part is not None)


class DesignSection(Section):
    """Parameters on a grid or drawn; `points` is the number drawn, on every cell of the grid."""

    sampling: Literal["random", "sobol"] = "random"
    points: StrictInt | None = Field(None, ge=1, le=MAX_POINTS)
    parameters: Mapping[str, ParameterSection] = Field(min_length=1)


class CutSection(Section):
    """min <= value <= max; one of them may be left out."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "CutSection":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


Region = Annotated[dict[str, CutSection], Field(min_length=1)]


class ScanInputs(InputsSection):
    """Preset, form-factor sets, groups of inputs drawn anew at every point: none if left out."""

    nuisances: Groups = ()


class ScanSchema(Section):
    """A scan card."""

    title: Title
    model: str
    fixed: dict[str, FixedValue] = Field(default_factory=dict)
    domain: Literal["warn", "error", "ignore"] = "warn"
    inputs: ScanInputs = ScanInputs()
    design: DesignSection
    observables: tuple[str, ...] = ()
    log_likelihood: StrictBool = False
    data: Names = ()
    likelihood: str | None = Field(None, min_length=1)
    shape_systematic: float | None = Field(None, gt=0, le=1, strict=True)
    data_nuisances: Literal["fixed", "drawn"] = "fixed"
    select: dict[Name, Region] = Field(default_factory=dict)
    store: Literal["all", "selected"] = "all"
    chunk: StrictInt = Field(1_000_000, ge=1, le=100_000_000)
    seed: StrictInt = Field(1, ge=0, lt=2**31)

    @field_validator("select")
    @classmethod
    def _names(cls, select: dict[str, Region]) -> dict[str, Region]:
        for name in select:
            if not name.isidentifier():
                raise ValueError(f"region {name!r} is no name; use letters, digits and _")
        return select
