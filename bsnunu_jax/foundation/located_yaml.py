"""YAML files checked against a pydantic model; every error names the file, line and key."""

import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bsnunu_jax.foundation.bounded_yaml import NotTaken, compose, construct
from bsnunu_jax.foundation.errors import InputError, shown, worded
from bsnunu_jax.foundation.plain_numbers import REAL

ModelT = TypeVar("ModelT", bound="Section")

# Of a file that a person wrote; the longest one of the package has 20 kB.
MAX_BYTES = 2**20

_LINES = "`key: value` lines"
_EXPECTED = {  # by pydantic's error type or its first word
    "bool": "true or false",
    "complex": "a number, real or complex as in 1+2j",
    "dict": _LINES,
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "mapping": _LINES,
    "model": _LINES,
    "string": "text",
    "string_pattern_mismatch": "letters, digits and _ + * - only",
    "tuple": "a list",
}


def _modest(number: float) -> float:
    if abs(number) > 1e100:
        raise ValueError(f"must be between -1e+100 and 1e+100, got {number:g}")
    return number


# A finite number, no text and no true or false; squares and cubes of it are finite too.
Number = Annotated[float, Field(strict=True), AfterValidator(_modest)]


class Section(BaseModel):
    """Base of all file sections: unknown keys, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def pair(form: str) -> BeforeValidator:
    """Two entries that mean `form`, e.g. "[low, high]"."""

    def check(raw: Any) -> Any:
        if isinstance(raw, list | tuple) and len(raw) == 2:
            return raw
        raise ValueError(f"expected 2 numbers {form}, got {shown(raw)}")

    return BeforeValidator(check)


def once(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, none of which stands twice.

    Raises:
        ValueError: naming one that does.
    """
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{shown(name)} stands twice; keep one")
        seen.add(name)
    return names


Names = Annotated[tuple[str, ...], AfterValidator(once)]


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put a place in front of the message of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error), where=where) from None


def read_text(path: Path) -> str:
    """The text of a file that a person wrote.

    Raises:
        InputError: if it is missing, not a file, not UTF-8 or larger than `MAX_BYTES`.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise InputError("is a directory", where=str(path), allowed="name a file")
        if not stat.S_ISREG(found.st_mode):  # a pipe may wait and a device may go on for ever
            raise InputError(
                "is a pipe or a device", where=str(path), allowed="name a file on the disk"
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(
                f"has {max(found.st_size, len(content)):,} bytes",
                where=str(path),
                allowed=f"at most {MAX_BYTES:,}",
            )
        return content.decode("utf-8")
    except FileNotFoundError:
        raise InputError("no such file", where=worded(str(path), most=500)) from None
    except UnicodeDecodeError:
        raise InputError(
            "cannot be read: not UTF-8", where=str(path), allowed="save the file as UTF-8"
        ) from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read ({reason})", where=worded(str(path), most=500)) from None


class LocatedYaml:
    """A parsed file that remembers where each key stands."""

    def __init__(self, path: Path) -> None:
        """Read and parse a file.

        Raises:
            InputError: if it is missing, not a file, malformed, too large, empty or has a key
                twice.
        """
        self.path = path
        text = read_text(path)
        kind = "JSON" if path.suffix == ".json" else "YAML"
        try:
            self.node = compose(text)
            self.data = construct(self.node)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = error.problem or error.context
            what = problem if isinstance(error, NotTaken) else f"malformed {kind} ({problem})"
            raise InputError(f"{what}", where=f"{path}:{line}") from None
        except yaml.YAMLError as error:  # a character that YAML does not allow
            problem = str(error).splitlines()[0]
            raise InputError(f"malformed {kind} ({problem})", where=str(path)) from None
        if not isinstance(self.data, dict):
            raise InputError(f"expected {_LINES} at the top level", where=str(path))

    def where(self, keys: Sequence[str | int]) -> str:
        """File, line and key path of an entry, as far as it exists."""
        node, names = self.node, []
        line = node.start_mark.line if node else 0
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                # The last one: what `<<` has merged stands before it.
                pairs = (p for p in reversed(node.value) if p[0].value == str(key))
                pair = next(pairs, None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                if key >= len(node.value):
                    break
                node = node.value[key]
                line = node.start_mark.line
            else:
                break
            name = str(key) if len(str(key)) < 60 else f"{str(key)[:57]}..."
            names.append(name if name.isprintable() else repr(name))
        place = f"{self.path}:{line + 1}"
        return f"{place} ({'.'.join(names)})" if names else place

    def error(self, keys: Sequence[str | int], what: str, allowed: str = "") -> InputError:
        """What is wrong with an entry, with its place."""
        return InputError(what, where=self.where(keys), allowed=allowed)

    def validate(self, model: type[ModelT], keys: Sequence[str | int] = ()) -> ModelT:
        """The content, or the part of it under `keys`, as `model`.

        Raises:
            InputError: for the first thing that does not fit.
        """
        part: Any = self.data
        for key in keys:
            part = part[key]
        try:
            return model.model_validate(part)
        except ValidationError as error:
            # A misspelt key is also a missing one: the misspelling is what helps.
            first = min(
                error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden"
            )
            place = self.where((*keys, *first["loc"]))
            raise InputError(_message(first, model), where=place) from None


def _message(error: Any, model: type[BaseModel]) -> str:
    """One line in plain words from a pydantic error."""
    key = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_fields_at(model, error["loc"][:-1]))
        return f"unknown key {shown(key)}" + (f"; allowed: {allowed}" if allowed else "")
    if error["type"] == "missing":
        return f"key {key!r} is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    given = error["input"]
    if error["type"] == "too_short":
        least = error["ctx"]["min_length"]
        entries = "one entry" if least == 1 else f"{least} entries"
        return f"expected at least {entries}, got {shown(given)}"
    expected = _EXPECTED.get(error["type"]) or _EXPECTED.get(error["type"].partition("_")[0])
    message = f"expected {expected}" if expected else error["msg"].replace("Input should", "must")
    return f"{message[0].lower()}{message[1:]}, got {shown(given)}{_hint(error['type'], given)}"


def _hint(kind: str, given: Any) -> str:
    """What helps if text stands where a number is wanted, or a number where text is."""
    wants_number = kind.startswith(("float", "int", "finite"))
    if wants_number and isinstance(given, str):
        if REAL.fullmatch(given.strip()):
            return "; drop the quotes"
        if given[:1] in set("0123456789+-."):
            return "; write digits, a point and an exponent only, e.g. 31 or 1.5e-4"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "; put it in quotes"
    return ""


def _fields_at(model: Any, keys: Sequence[str | int]) -> list[str]:
    """Field names of the section at this place, if it is one."""
    for key in keys:
        fields = getattr(model, "model_fields", {})
        if key in fields:
            model = fields[key].annotation
        arguments = [a for a in getattr(model, "__args__", ()) if hasattr(a, "model_fields")]
        model = arguments[-1] if arguments else model
    return list(getattr(model, "model_fields", {}))


def as_yaml(content: Mapping[str, Any], *more: Mapping[str, Any]) -> str:
    """YAML documents that `LocatedYaml` reads as they were."""
    return yaml.dump_all([content, *more], Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Quotes text that would be read as a number."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"(?:{REAL.pattern})$"), list("-+.0123456789")
)
