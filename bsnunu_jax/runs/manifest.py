"""manifest.json: what a result was made with, and what to cite."""

import platform
import re
from typing import Any

from bsnunu_jax.inputs import tables
from bsnunu_jax.runs.origin import FolderCard, Origin, StatedCard, checksums, versions


def manifest(card: FolderCard, origin: Origin) -> dict[str, Any]:
    """Of a finished run: versions at its start and now, and `about` of every card."""
    (first, *others) = card.cards
    alone = not others and first is card
    return {
        "run": origin.identity,
        **(about(first) if alone else {"cards": [about(one) for one in card.cards]}),
        "versions": versions(),
        "versions_at_start": dict(origin.versions),
        "versions_of_resumes": [dict(v) for v in origin.resumed],
    }


def about(card: StatedCard) -> dict[str, Any]:
    """Settings, checksums of all data in use, and what to cite."""
    problem = card.stated
    inputs = problem.nuisances.inputs
    sets = [tables.form_factor_set(t, name) for t, name in inputs.sets]
    cite = {f"arXiv:{s.arxiv}": f"{s.transition} form factors" for s in sets}
    for name, number in tables.numbers(inputs.preset).items():
        for arxiv in re.findall(r"arXiv:\d{4}\.\d{4,5}", number.source):
            cite[arxiv] = f"{cite[arxiv]}, {name}" if arxiv in cite else name
    cite |= {source: m.title for m in problem.measurements for source in m.sources}
    return {
        "title": card.content.title,
        "seed": card.content.seed,
        "preset": inputs.preset,
        "form_factors": dict(inputs.sets),
        "versions": versions(),
        "platform": platform.platform(),
        "data_sha256": checksums(card),
        "cite": cite,
        "tree_tau": {m.name: m.tree_tau for m in problem.measurements},
    }
