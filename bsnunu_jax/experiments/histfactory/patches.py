"""Patches of workspaces: JSON Patch (RFC 6902) and pyhf's sets of them, which have names.

A set states the digest of the workspace that it was made for, and another one is refused.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.json_files import read_json

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_DIGESTS = ("md5", "sha256")


def patched(content: Any, path: Path, name: str | None, source: str) -> Any:
    """The content of a workspace with one patch of a file applied.

    Args:
        content: the workspace.
        path: a patch set, or one patch alone: a list of operations.
        name: which of the set; None for a patch alone.
        source: the file of the workspace, for messages.

    Raises:
        InputError: for a name that the set does not have, a set that was made for another
            workspace, or an operation that cannot be done.
    """
    found, where = read_json(path, "patch set"), str(path)
    if isinstance(found, list):
        if name:
            raise InputError(f"has no names, got {shown(name)}", where=where, allowed="FILE alone")
        return apply(content, found, where)
    if not isinstance(found, Mapping) or not isinstance(found.get("patches"), list):
        raise InputError("is no patch set", where=where, allowed="patches, metadata and version")
    by_name: dict[str, Any] = {}
    for i, patch in enumerate(found["patches"]):
        label = _label(patch)
        if label is None or not isinstance(patch.get("patch"), list):
            raise InputError(f"patch {i}: needs metadata with a name, and patch", where=where)
        if label in by_name:
            raise InputError(f"patch {shown(label)} stands twice", where=where)
        by_name[label] = patch["patch"]
    if name is None or name not in by_name:
        what = "which patch?" if name is None else f"no patch {shown(name)}"
        raise InputError(what, where=where, allowed=f"one of {', '.join(by_name)}")
    _verify(content, found.get("metadata"), where, source)
    return apply(content, by_name[name], f"{where}: patch {shown(name)}")


def _label(patch: Any) -> str | None:
    metadata = patch.get("metadata") if isinstance(patch, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else None


def _verify(content: Any, metadata: Any, where: str, source: str) -> None:
    """Compare the digests of a set with those of the workspace, as `pyhf.PatchSet.verify` does."""
    digests = metadata.get("digests") if isinstance(metadata, Mapping) else None
    if not isinstance(digests, Mapping) or not digests or set(digests) - set(_DIGESTS):
        raise InputError(
            "needs metadata.digests of its workspace", where=where, allowed=" or ".join(_DIGESTS)
        )
    text = json.dumps(content, sort_keys=True, ensure_ascii=False).encode(errors="replace")
    for kind, expected in digests.items():
        digest = hashlib.new(kind, text, usedforsecurity=False).hexdigest()
        if not isinstance(expected, str) or digest != expected.lower():
            raise InputError(
                f"was made for another workspace: {kind} {shown(expected, 80)}, that of {source} "
                f"is {digest}",
                where=where,
            )


def apply(content: Any, operations: Sequence[Any], where: str) -> Any:
    """A copy of a document with the operations of a JSON Patch done, RFC 6902.

    Raises:
        InputError: naming the first operation that cannot be done.

    >>> patch = [{"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/a/0"}]
    >>> apply({"a": [1, 2]}, patch, "patch.json")
    {'a': [2, 3]}
    """
    root = [deepcopy(content)]
    for i, operation in enumerate(operations):
        try:
            _do(root, operation)
        except _CannotError as error:
            given = operation if isinstance(operation, Mapping) else {}
            label = f"{given.get('op', '')} {given.get('path', '')}".strip()
            raise InputError(f"operation {i} ({label}): {error}", where=where) from None
    return root[0]


class _CannotError(Exception):
    """What is wrong with an operation."""


def _do(root: list[Any], operation: Any) -> None:
    if not isinstance(operation, Mapping):
        raise _CannotError("is no operation")
    op, path = operation.get("op"), operation.get("path")
    if op not in _OPERATIONS:
        raise _CannotError(f"no operation of JSON Patch; {', '.join(_OPERATIONS)}")
    tokens = _tokens(path)
    if op in ("add", "replace", "test"):
        if "value" not in operation:
            raise _CannotError("needs a value")
        value = deepcopy(operation["value"])
    if op in ("move", "copy"):
        source = _tokens(operation.get("from"))
        value = deepcopy(_at(root, source))
        if op == "move":
            if len(source) < len(tokens) and tokens[: len(source)] == source:
                raise _CannotError("moves a place into itself")
            _remove(root, source)
    if op == "test":
        if not _same(_at(root, tokens), value):
            raise _CannotError(f"is not {shown(value)}")
    elif op == "remove":
        _remove(root, tokens)
    elif op == "replace":
        parent, key = _place(root, tokens)
        parent[key] = value
    else:
        _add(root, tokens, value)


def _tokens(pointer: Any) -> list[str]:
    """The steps of a JSON pointer, RFC 6901."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise _CannotError(f"{shown(pointer)} is no JSON pointer")
    if "~" in pointer.replace("~0", "").replace("~1", ""):
        raise _CannotError(f"{shown(pointer)} has a ~ without 0 or 1")
    return [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]


def _key(parent: Any, token: str, length: int | None = None) -> Any:
    """The key or index of a step: one that is there, or below `length` in a list."""
    if isinstance(parent, dict):
        if token not in parent and length is None:
            raise _CannotError(f"there is no {shown(token)}")
        return token
    if not isinstance(parent, list):
        raise _CannotError(f"{shown(token)} of what has no parts")
    whole = token.isascii() and token.isdigit() and (token == "0" or token[0] != "0")
    if not whole or len(token) > 12 or int(token) >= (len(parent) if length is None else length):
        raise _CannotError(f"there is no {shown(token)} in a list of {len(parent)}")
    return int(token)


def _place(root: list[Any], tokens: Sequence[str]) -> tuple[Any, Any]:
    """What holds a place that is there, and its key."""
    parent, key = root, 0
    for token in tokens:
        parent = parent[key]
        key = _key(parent, token)
    return parent, key


def _at(root: list[Any], tokens: Sequence[str]) -> Any:
    parent, key = _place(root, tokens)
    return parent[key]


def _remove(root: list[Any], tokens: Sequence[str]) -> None:
    if not tokens:
        raise _CannotError("the whole document")
    parent, key = _place(root, tokens)
    del parent[key]


def _add(root: list[Any], tokens: Sequence[str], value: Any) -> None:
    if not tokens:
        root[0] = value
        return
    parent = _at(root, tokens[:-1])
    if isinstance(parent, list):
        last = len(parent) if tokens[-1] == "-" else _key(parent, tokens[-1], len(parent) + 1)
        parent.insert(last, value)
    else:
        parent[_key(parent, tokens[-1], 0)] = value


def _same(a: Any, b: Any) -> bool:
    """Equality of JSON: 1 is 1.0, but true is not 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b
