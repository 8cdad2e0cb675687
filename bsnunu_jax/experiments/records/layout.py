"""The keys of a record.yaml: what an experiment states beside its workspace and densities."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, field_validator, model_validator

from bsnunu_jax.experiments.entry import Positive
from bsnunu_jax.experiments.geometry import Geometry
from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.located_yaml import Names, Number, Section

FILE = "record.yaml"
# Bins of q2 that one density may have.
_MOST_BINS = 10_000


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.isprintable() or not path.parts:
        raise ValueError(f"{shown(name)} is no file of the folder; name one in it")
    return name


# The name of a file in the folder of the record.
File = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_inside)]


def _named(raw: Any) -> Any:
    """To YAML the key `null` is no text."""
    if isinstance(raw, dict) and None in raw:
        return {"null" if key is None else key: value for key, value in raw.items()}
    return raw


class Q2Section(Section):
    """Bins of true q2 [GeV^2]: exactly one of linspace: [low, high, edges] and edges."""

    linspace: tuple[Number, Number, StrictInt] | None = None
    edges: tuple[Number, ...] | File | None = None

    @field_validator("linspace")
    @classmethod
    def _range(cls, given: tuple[float, float, int] | None) -> tuple[float, float, int] | None:
        if given and not (0 <= given[0] < given[1] and 2 <= given[2] <= _MOST_BINS):
            raise ValueError(
                f"expected 0 <= low < high and 2 to {_MOST_BINS} edges, got {shown(list(given))}"
            )
        return given

    @field_validator("edges")
    @classmethod
    def _increasing(cls, given: Any) -> Any:
        if isinstance(given, tuple):
            check_edges(given)
        return given

    @model_validator(mode="after")
    def _one(self) -> "Q2Section":
        if (self.linspace is None) == (self.edges is None):
            raise ValueError("give exactly one of linspace: [low, high, number] and edges")
        return self


def check_edges(edges: tuple[float, ...]) -> None:
    """Refuse edges [GeV^2] of no bins.

    Raises:
        ValueError: saying what they should be.
    """
    rising = all(a < b for a, b in pairwise(edges))
    if not 2 <= len(edges) <= _MOST_BINS or edges[0] < 0 or not rising:
        raise ValueError(f"expected 2 to {_MOST_BINS} increasing edges from 0 on")


class NullModelSection(Section):
    """A state of this package: a model, its inputs and its parameters."""

    name: str = "neutrinos"
    preset: str = "default"
    form_factors: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, StrictBool | Number | str] = Field(default_factory=dict)


class NullSection(Section):
    """What a density was made with: exactly one of a spectrum, a model, constants."""

    spectrum: File | None = None
    model: NullModelSection | None = None
    constants: dict[str, Number] | None = None

    @model_validator(mode="after")
    def _one(self) -> "NullSection":
        given = [k for k in NullSection.model_fields if getattr(self, k) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"give exactly one of spectrum, model, constants; found {found}")
        return self


class SignalSection(Section):
    """One density: which sample of which channels, of which mode, in which bins of true q2."""

    channel: str
    sample: str
    mode: str
    polarisation: Literal["longitudinal", "transverse"] | None = None
    density: File
    underflow: StrictBool = False
    q2: Q2Section
    null: NullSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _null(cls, raw: Any) -> Any:
        return _named(raw)


class PatchSection(Section):
    """A patch of the workspace: of a patch set, or a file with one patch and no name."""

    file: File
    name: str | None = None


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    """One record with the name of its nuisance, and a correlation."""
    others = {k: v for k, v in given.items() if k != "correlation"}
    if len(others) != 1 or not all(isinstance(v, str) for v in others.values()):
        raise ValueError(
            f"expected one record and its name there, e.g. {{belle2_knunu_2023: lumi}}, got "
            f"{shown(given)}"
        )
    correlation = given.get("correlation", 1.0)
    number = isinstance(correlation, int | float) and not isinstance(correlation, bool)
    if not number or not 0 < abs(correlation) <= 1:
        raise ValueError(f"correlation is {shown(correlation)}; write -1 to 1 and not 0")
    return given


# A record and the name that a nuisance has in it, and `correlation`, 1 if absent.
Share = Annotated[dict[str, Any], AfterValidator(_shared)]


class HepdataSection(Section):
    """Where `bsnunu data get` downloads the files: their DOI, INSPIRE number, bytes.

    `name` is another name of the data than the record's `id`.
    """

    name: str | None = Field(default=None, pattern=r"^[\w-]+$", max_length=100)
    record: str = Field(pattern=r"^10\.17182/hepdata\.\d+(\.v\d+)?$", max_length=100)
    inspire: str | None = Field(default=None, pattern=r"^ins\d+$", max_length=100)
    files: dict[File, Annotated[StrictInt, Field(gt=0)]] = Field(min_length=1)
    elsewhere: str = ""


class RecordSchema(Section):
    """A record: a published likelihood as the files of a folder."""

    record: StrictInt
    id: str = Field(pattern=r"^\w[\w+*-]*$", max_length=100)
    title: str = Field(min_length=1, max_length=200)
    sources: tuple[str, ...] = ()
    samples: Names = Field(min_length=1)
    luminosity: Positive | None = None
    geometry: Geometry | None = None
    tree_tau: str = "not stated"
    workspace: File
    measurement: str | None = None
    patch: PatchSection | None = None
    drop: Names = ()
    signals: tuple[SignalSection, ...] = Field(min_length=1)
    null: NullSection | None = None
    share: dict[str, Share] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()
    mc_statistics: Literal["marginal", "sampled"] = "marginal"
    checksums: dict[File, str] = Field(default_factory=dict)
    compact: File | None = None
    hepdata: HepdataSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _null(cls, raw: Any) -> Any:
        return _named(raw)

    @field_validator("record")
    @classmethod
    def _known(cls, version: int) -> int:
        if version != 1:
            raise ValueError(f"version {version} of the layout is not known; known: 1")
        return version

    @field_validator("checksums")
    @classmethod
    def _sums(cls, given: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in given.items():
            if len(value) != 64 or set(value) - set("0123456789abcdef"):
                raise ValueError(f"{name}: {shown(value)} is no SHA-256 of 64 digits 0-9a-f")
        return given

    @model_validator(mode="after")
    def _checked(self) -> "RecordSchema":
        """What is downloaded has a checksum."""
        wanted = self.hepdata.files if self.hepdata else {}
        if lacking := [name for name in wanted if name not in self.checksums]:
            raise ValueError(f"hepdata has {lacking[0]}, which has no checksum; add it")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the folder that it names, this one first."""
        nulls = [n for n in (self.null, *(s.null for s in self.signals)) if n is not None]
        named = [
            FILE,
            self.workspace,
            self.patch.file if self.patch else None,
            *(s.density for s in self.signals),
            *(s.q2.edges for s in self.signals if isinstance(s.q2.edges, str)),
            *(n.spectrum for n in nulls),
        ]
        return tuple(dict.fromkeys(name for name in named if name))
