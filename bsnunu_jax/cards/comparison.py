"""Comparison cards: one set of inputs and data, and a list of models to set side by side."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cards.schema import ModelSchema, SharedSchema
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, as_yaml
from bsnunu_jax.foundation.plain_text import Drawn

# Letters of a file's name without its suffix.
_MOST = 100


class VariantSection(ModelSchema):
    """A model of a comparison card; `name` and `panel` are for table and figure."""

    name: Drawn = ""
    panel: Drawn = ""


class ComparisonSchema(SharedSchema):
    """A comparison card: a run card with `variants` in place of one model."""

    variants: tuple[VariantSection, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Variant:
    """One model of a comparison.

    Attributes:
        name: what it is called in the output.
        panel: panel of the figure.
        card: the run card that it amounts to.
    """

    name: str
    panel: str
    card: Card

    @property
    def file_name(self) -> str:
        """The name with ASCII letters, digits, _ + - only, and a checksum of all it had besides.

        >>> Variant("S1, real", "", None).file_name
        'S1_real'
        """
        plain = re.sub(r"[^\w+-]+", "_", self.name)
        if plain.isascii() and len(plain) <= _MOST:
            return plain
        checksum = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9_+-]+', '_', plain)[:_MOST]}-{checksum}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """All models that are compared, in order."""

    variants: tuple[Variant, ...]

    @property
    def cards(self) -> list[Card]:
        """One run card a file."""
        return list({v.card.path: v.card for v in self.variants}.values())

    @property
    def warnings(self) -> list[str]:
        """Those of all variants."""
        return list(dict.fromkeys(line for v in self.variants for line in v.card.warnings))

    @property
    def resolved(self) -> str:
        """Every variant as a run card with all defaults spelled out: YAML documents."""
        documents = [{"name": v.name} | yaml.safe_load(v.card.resolved) for v in self.variants]
        return as_yaml(*documents)


class _Part(LocatedYaml):
    """One variant as a run card; its keys stand where the variant stands."""

    def __init__(self, whole: LocatedYaml, index: int) -> None:
        """Share everything but the variants."""
        self.path, self.node, self._index = whole.path, whole.node, index
        own = whole.data["variants"][index]
        self.data = {k: v for k, v in whole.data.items() if k != "variants"} | {
            k: v for k, v in own.items() if k in ModelSchema.model_fields
        }

    def where(self, keys: Sequence[str | int]) -> str:
        """File, line and key path of an entry, as far as it exists."""
        if keys and keys[0] in ModelSchema.model_fields:
            return super().where(("variants", self._index, *keys))
        return super().where(keys)


def load_comparison(
    paths: Sequence[Path], *, seed: int | None = None, likelihood: Path | None = None
) -> Comparison:
    """The models of run cards and comparison cards, one after the other.

    Args:
        paths: the cards.
        seed: in place of the cards' own.
        likelihood: folder with Belle II's published likelihood, in place of the cards' own.

    Raises:
        InputError: with file, line and key for anything that does not fit.
    """
    found: list[Variant] = []
    for path in paths:
        file = LocatedYaml(path)
        if "variants" not in file.data:
            card = Card(path, seed=seed, likelihood=likelihood, file=file)
            entries = [(Variant(path.stem, card.content.model, card), str(path))]
        else:
            content = file.validate(ComparisonSchema)
            entries = []
            for i, section in enumerate(content.variants):
                card = Card(path, seed=seed, likelihood=likelihood, file=_Part(file, i))
                variant = Variant(
                    section.name or _name(section), section.panel or section.model, card
                )
                entries.append((variant, file.where(("variants", i))))
        for variant, where in entries:
            if any(variant.file_name == other.file_name for other in found):
                raise InputError(
                    f"two variants are called {variant.name!r}",
                    where=where,
                    allowed="give one of them another name",
                )
            found.append(variant)
    return Comparison(tuple(found))


def _name(section: ModelSchema) -> str:
    """Model and what is fixed: `fermion-pair V1`, `sterile-neutrino NN V_LR`, `scalar-pair real S`.

    >>> _name(VariantSection(model="scalar-pair", fixed={"real": True, "operator": "S"},
    ...                      parameters={"m": {"prior": {"uniform": (0, 2)}}}))
    'scalar-pair real S'
    """
    words = [section.model]
    for key, value in section.fixed.items():
        if isinstance(value, bool):
            words += [key] * value
        else:
            words.append(value if isinstance(value, str) else f"{key}={value:g}")
    return " ".join(words)
