"""YAML files checked against a pydantic model; every error names the file, line and key."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bsnunu_jax.errors import InputError

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ModelT = TypeVar("ModelT", bound="Section")

_LINES = "`key: value` lines"
_EXPECTED = {  # by pydantic's error type or its first word
    "bool": "true or false",
    "complex": "a number, real or complex as in 1+2j",
    "dict": _LINES,
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "model": _LINES,
    "string": "text",
    "string_pattern_mismatch": "letters, digits and _ + * - only",
    "too": "at least one entry",
    "tuple": "a list",
}


class Section(BaseModel):
    """Base of all file sections: unknown keys, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def pair(form: str) -> BeforeValidator:
    """Two entries that mean `form`, e.g. "[low, high]"."""

    def check(raw: Any) -> Any:
        if isinstance(raw, list | tuple) and len(raw) == 2:
            return raw
        raise ValueError(f"expected 2 numbers {form}, got {_shown(raw)}")

    return BeforeValidator(check)


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put a place in front of the message of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error), where=where) from None


class LocatedYaml:
    """A parsed file that remembers where each key stands."""

    def __init__(self, path: Path) -> None:
        """Read and parse a file.

        Raises:
            InputError: if it is missing, not a file, malformed, empty or has a key twice.
        """
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError("no such file", where=str(path)) from None
        except IsADirectoryError:
            raise InputError("is a directory", where=str(path), allowed="name a file") from None
        except UnicodeDecodeError:
            raise InputError(
                "cannot be read: not UTF-8", where=str(path), allowed="save the file as UTF-8"
            ) from None
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
        kind = "JSON" if path.suffix == ".json" else "YAML"
        try:
            self.node = yaml.compose(text, Loader=Loader)
            self.data = yaml.load(text, Loader=Loader)  # refuses keys that are no scalars
            self._refuse_duplicates(self.node)
        except InputError:
            raise
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(
                f"malformed {kind} ({error.problem})", where=f"{path}:{line}"
            ) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # no such date, nested deeply
            problem = str(error).splitlines()[0]
            raise InputError(f"malformed {kind} ({problem})", where=str(path)) from None
        if not isinstance(self.data, dict):
            raise InputError(f"expected {_LINES} at the top level", where=str(path))

    def where(self, keys: Sequence[str | int]) -> str:
        """File, line and key path of an entry, as far as it exists."""
        node, shown = self.node, []
        line = node.start_mark.line if node else 0
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                pair = next((p for p in node.value if p[0].value == str(key)), None)
                if pair is None:  # a missing key, or the tag of a union
                    continue
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                if key >= len(node.value):
                    break
                node = node.value[key]
                line = node.start_mark.line
            else:
                break
            shown.append(str(key) if str(key).isprintable() else repr(key))
        place = f"{self.path}:{line + 1}"
        return f"{place} ({'.'.join(shown)})" if shown else place

    def validate(self, model: type[ModelT]) -> ModelT:
        """The content as `model`.

        Raises:
            InputError: for the first thing that does not fit.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            # A misspelt key is also a missing one: the misspelling is what helps.
            first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
            raise InputError(_message(first, model), where=self.where(first["loc"])) from None

    def _refuse_duplicates(self, node: yaml.Node | None) -> None:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    raise InputError(
                        f"key {key.value!r} stands twice",
                        where=f"{self.path}:{key.start_mark.line + 1}", allowed="keep one",
                    )  # fmt: skip
                seen.add(key.value)
                self._refuse_duplicates(value)
        elif isinstance(node, yaml.SequenceNode):
            for child in node.value:
                self._refuse_duplicates(child)


def _message(error: Any, model: type[BaseModel]) -> str:
    """One line in plain words from a pydantic error."""
    key = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_fields_at(model, error["loc"][:-1]))
        return f"unknown key {key!r}" + (f"; allowed: {allowed}" if allowed else "")
    if error["type"] == "missing":
        return f"key {key!r} is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    expected = _EXPECTED.get(error["type"]) or _EXPECTED.get(error["type"].partition("_")[0])
    message = f"expected {expected}" if expected else error["msg"].replace("Input should", "must")
    return f"{message[0].lower()}{message[1:]}, got {_shown(error['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _fields_at(model: Any, keys: Sequence[str | int]) -> list[str]:
    """Field names of the section at this place, if it is one."""
    for key in keys:
        fields = getattr(model, "model_fields", {})
        if key in fields:
            model = fields[key].annotation
        arguments = [a for a in getattr(model, "__args__", ()) if hasattr(a, "model_fields")]
        model = arguments[-1] if arguments else model
    return list(getattr(model, "model_fields", {}))
