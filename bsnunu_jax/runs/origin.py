"""What a run began with, the identity that follows from it, and what its manifest says."""

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Protocol

from bsnunu_jax.experiments.catalogue import own_files as data_files
from bsnunu_jax.experiments.catalogue import published_checksums
from bsnunu_jax.experiments.records.record import sha256_of
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.seals import read_json, write_json
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import tables
from bsnunu_jax.inputs.sets import form_factor_set, own_files, placed

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "numpyro", "arviz", "xarray")
# Of what the files of a folder look like: those of another one are not taken up.
_FORMAT = 2
_ELSEWHERE = "choose another --out"


class FolderCard(Protocol):
    """What a result folder belongs to: one card or several."""

    @property
    def resolved(self) -> str:
        """With all defaults spelled out."""

    @property
    def cards(self) -> "Sequence[StatedCard]":
        """One a file."""

    @property
    def warnings(self) -> Sequence[str]:
        """Where a model leaves its domain, or partons their reach."""


class StatedCard(FolderCard, Protocol):
    """A card that states a model with data."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def content(self) -> Any:
        """What it says: title, seed, data, likelihood, ..."""

    @property
    def stated(self) -> Problem:
        """Model, inputs and data."""


@dataclass(frozen=True)
class Origin:
    """What a run began with.

    Attributes:
        card: its text, with all defaults spelled out, seed included.
        data_sha256: checksums of all data files.
        settings: of the command, beside the card.
        versions: of the packages that numbers depend on.
        resumed: other versions under which it was resumed, in turn.
    """

    card: str
    data_sha256: Mapping[str, str]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    resumed: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, card: FolderCard, settings: Mapping[str, Any]) -> "Origin":
        """Of a run that begins now."""
        plain = json.loads(json.dumps(settings))
        return cls(card.resolved, checksums(card), plain, versions())

    @property
    def identity(self) -> str:
        """SHA-256 of all that it began with."""
        stated = [
            _FORMAT,
            self.card,
            dict(self.data_sha256),
            dict(self.settings),
            dict(self.versions),
        ]
        return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Leave all but the card in a JSON file."""
        write_json(
            path,
            {
                "run": self.identity,
                "data_sha256": dict(self.data_sha256),
                "versions": dict(self.versions),
                "settings": dict(self.settings),
                "resumed": [dict(v) for v in self.resumed],
            },
        )

    @classmethod
    def read(cls, path: Path, card: str) -> "Origin":
        """What `write` left.

        Raises:
            InputError: if the file is not there, damaged, of another card or of an older version.
        """
        if not path.is_file():
            raise InputError(
                "is missing: it says what the run of the folder began with",
                where=str(path),
                allowed=_ELSEWHERE,
            )
        found = read_json(path, _ELSEWHERE)
        if "run" not in found and "versions" in found:
            raise InputError(
                "the folder was begun by an older version, whose files do not say of which run "
                "they are",
                where=str(path.parent),
                allowed=_ELSEWHERE,
            )
        try:
            origin = cls(
                card,
                dict(found["data_sha256"]),
                dict(found["settings"]),
                dict(found["versions"]),
                tuple(dict(v) for v in found["resumed"]),
            )
            if origin.identity == found["run"]:
                return origin
        except (KeyError, TypeError, ValueError):
            pass
        raise InputError(
            "is damaged or not that of card.yaml beside it", where=str(path), allowed=_ELSEWHERE
        )

    def resumed_under(self, now: Mapping[str, str]) -> "Origin":
        """With these versions noted, if they are new to it."""
        known = (self.versions, *self.resumed)
        return self if now in known else replace(self, resumed=(*self.resumed, now))


def manifest(card: FolderCard, origin: Origin) -> dict[str, Any]:
    """Of a finished run: versions at its start and now, and `about` of every card."""
    (first, *others) = card.cards
    alone = not others and first is card
    return {
        "run": origin.identity,
        **(about(first) if alone else {"cards": [about(one) for one in card.cards]}),
        "warnings": list(card.warnings),
        "versions": versions(),
        "versions_at_start": dict(origin.versions),
        "versions_of_resumes": [dict(v) for v in origin.resumed],
    }


def about(card: StatedCard) -> dict[str, Any]:
    """Settings, checksums of all data in use, and what to cite."""
    problem = card.stated
    inputs = problem.nuisances.inputs
    sets = [form_factor_set(t, name) for t, name in inputs.named_sets.items()]
    cite = {f"arXiv:{s.arxiv}": f"{s.transition} form factors" for s in sets}
    for name, number in tables.numbers(inputs.preset).items():
        for arxiv in re.findall(r"arXiv:\d{4}\.\d{4,5}", number.source):
            cite[arxiv] = f"{cite[arxiv]}, {name}" if arxiv in cite else name
    cite |= {source: m.title for m in problem.measurements for source in m.sources}
    return {
        "title": card.content.title,
        "seed": card.content.seed,
        "preset": inputs.preset,
        "form_factors": inputs.named_sets,
        "time_integrated": inputs.time_integrated,
        "versions": versions(),
        "platform": platform.platform(),
        "data_sha256": checksums(card),
        "cite": cite,
        "tree_tau": {m.name: m.tree_tau for m in problem.measurements},
    }


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What differs, by name: "before -> now"."""
    return {
        k: f"{then.get(k, 'none')} -> {now.get(k, 'none')}"
        for k in dict.fromkeys((*then, *now))
        if then.get(k) != now.get(k)
    }


def versions() -> dict[str, str]:
    """Of this package, Python and the packages that numbers depend on."""
    ours = {"bsnunu_jax": __version__, "python": platform.python_version()}
    return ours | {name: metadata.version(name) for name in _PACKAGES}


def checksums(card: FolderCard) -> dict[str, str]:
    """SHA-256 of every data file of the package and of the card's own data files."""
    found = dict(_of_package())
    for one in card.cards:
        if one.content.likelihood:
            found |= published_checksums(one.content.data)
        for name, path in data_files(one.content.data, one.path.parent).items():
            key = name if len(card.cards) == 1 else f"{one.path.stem}: {name}"
            found[key] = sha256_of(path)
        for path in own_files(placed(one.content.inputs.form_factors, one.path.parent)):
            found[f"form factors/{path.name}"] = sha256_of(path)
    return found


@cache
def _of_package() -> Mapping[str, str]:
    found = {}
    for room in ("hadrons", "inputs", "experiments"):
        root = resources.files(f"bsnunu_jax.{room}") / "data"
        with resources.as_file(root) as data:
            for path in sorted(Path(data).rglob("*.yaml")):
                found[f"{room}/{path.relative_to(data)}"] = sha256_of(path)
    return found
