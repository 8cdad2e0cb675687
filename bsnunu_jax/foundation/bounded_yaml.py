"""YAML with bounds: what aliases expand to, depth and numbers are known before they are built.

Scalars are those of YAML 1.2, as in JSON: `no` is text, 1e-4 a number. Numbers that YAML 1.1 reads
otherwise (010, 0x1F, 1:30, 1_000) are text, which a section that wants a number refuses.
"""

import re
from typing import Any

import yaml
from yaml.composer import Composer

from bsnunu_jax.foundation.plain_numbers import REAL, WHOLE, real_number, whole_number

# Entries of a file, those that aliases repeat counted again; half a second for the most.
MAX_ENTRIES = 30_000
MAX_DEPTH = 40
MAX_TEXT = 20_000

_TAG = "tag:yaml.org,2002:"
_KEPT = ("null", "merge", "timestamp")
# libyaml where PyYAML has it, with the composer in Python, which can count.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Base: Any = _Parser
if not issubclass(_Parser, Composer):
    _Base = type("_Base", (Composer, _Parser), {})


class NotTaken(yaml.MarkedYAMLError):
    """YAML that is well formed and not taken."""


def compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML text, shared where aliases repeat them; None if it is empty.

    Raises:
        NotTaken: for keys that stand twice, tags, aliases within themselves, and more entries,
            depth or text than the bounds of this module.
        yaml.YAMLError: for malformed YAML.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def construct(node: yaml.Node | None) -> Any:
    """What the nodes of `compose` mean.

    Raises:
        NotTaken: for a number that no double holds.
        yaml.YAMLError: for a date that there is not.
    """
    return None if node is None else _Loader("").construct_document(node)


def _refusal(problem: str, node: Any) -> NotTaken:
    return NotTaken(problem=problem, problem_mark=node.start_mark)


def _malformed(problem: str, node: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


class _Loader(_Base):
    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)
        self._sizes: dict[yaml.Node, tuple[int, int]] = {}  # entries and depth
        self._composed = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        event = self.peek_event()
        if getattr(event, "tag", None):
            raise _refusal(f"tags such as {event.tag[:60]} are not taken", event)
        if self._depth > MAX_DEPTH:
            raise _refusal(f"nested deeper than {MAX_DEPTH} levels", event)
        self._depth += 1
        node: yaml.Node = super().compose_node(parent, index)
        self._depth -= 1
        if node not in self._sizes and isinstance(event, yaml.AliasEvent):
            raise _refusal(f"the alias *{event.anchor} stands within itself", event)
        if node not in self._sizes:
            self._sizes[node] = self._measured(node)
        self._composed += 1
        entries, depth = self._sizes[node]
        if self._composed > MAX_ENTRIES or entries > MAX_ENTRIES:
            raise _refusal(f"more than {MAX_ENTRIES:,} entries, those of aliases counted", event)
        if depth > MAX_DEPTH:
            raise _refusal(f"nested deeper than {MAX_DEPTH} levels", event)
        return node

    def _measured(self, node: yaml.Node) -> tuple[int, int]:
        """Entries and depth of a node, its parts being known."""
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) > MAX_TEXT:
                raise _refusal(f"a text of {len(node.value):,} characters", node)
            return 1, 1
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
            _refuse_keys(node)
        sizes = [self._sizes[part] for part in parts]
        return 1 + sum(s for s, _ in sizes), 1 + max((d for _, d in sizes), default=0)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        try:
            value = real_number(node.value)
        except ValueError as error:
            text = node.value if len(node.value) < 40 else f"{node.value[:37]}..."
            raise _refusal(f"{text} {error}", node) from None
        return whole_number(node.value) if WHOLE.fullmatch(node.value) else value

    def construct_not_finite(self, node: yaml.ScalarNode) -> float:
        return float(node.value.replace(".", "").lower())

    def construct_date(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            raise _malformed(str(error), node) from None


def _refuse_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _malformed("a key is a list or has keys itself", key)
        if key.value in seen:
            raise _refusal(f"key {key.value[:60]!r} stands twice; keep one", key)
        seen.add(key.value)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag.removeprefix(_TAG) in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = dict(yaml.SafeLoader.yaml_constructors)
_NUMERAL = list("-+.0123456789")
for _name, _regexp, _first in (
    ("bool", re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", WHOLE, _NUMERAL),
    ("float", REAL, _NUMERAL),
    ("not_finite", re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), _NUMERAL),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_regexp.pattern})$"), _first)
_Loader.add_constructor(_TAG + "int", _Loader.construct_number)
_Loader.add_constructor(_TAG + "float", _Loader.construct_number)
_Loader.add_constructor(_TAG + "not_finite", _Loader.construct_not_finite)
_Loader.add_constructor(_TAG + "timestamp", _Loader.construct_date)
