"""What hypothesis does to a document: another number, something else, nothing, or it again."""

import copy

from hypothesis import strategies as st

NUMBERS = [0, 0.0, 1, 2.5, -1.0, 1e-9, 1e-200, 1e9, 1e300, 10**400, -0.0, float("nan")]
OTHERS = [
    None,
    True,
    "",
    "mu",
    "lumi",
    "lumi",
    "a",
    "staterror",
    "shapesys",
    [],
    [1.0],
    {},
    [[0, 1]],
]


def mutate(draw, content) -> None:
    """Another number in the place of one, or something else anywhere, or nothing, or it again."""
    places = list(places_of(content))
    action = draw(st.sampled_from(["number", "number", "number", "anything", "delete", "again"]))
    if action == "number":
        places = [(p, k) for p, k in places if isinstance(p[k], int | float)] or places
    parent, key = draw(st.sampled_from(places))
    if action == "delete":
        del parent[key]
    elif action == "again" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        values = NUMBERS if action == "number" else OTHERS
        parent[key] = copy.deepcopy(draw(st.sampled_from(values)))


def places_of(value):
    """Everything in a document: what holds it, and its key."""
    for key in sorted(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places_of(value[key])
