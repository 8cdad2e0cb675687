"""What paper, slides and Belle II state, from data/claims.yaml, and rows that fill it in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.reproduce.row import Row, spread

_CLAIMS = packaged("reproduce", "claims.yaml")
# By number of the claim where it is stated, and what.
STATEMENTS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {number: (claim["where"], claim["states"]) for number, claim in _CLAIMS.items()}
)


def row(
    claim: int,
    name: str,
    value: Any,
    error: Any = None,
    agrees: Any = None,
    /,
    *,
    said: bool = True,
    why: str | None = None,
    **words: Any,
) -> Row:
    """One line of the table of claims, with the texts of data/claims.yaml.

    Args:
        claim: number of the claim.
        name: of its row in the file.
        value: as computed.
        error: its uncertainty, (up, down), or draws whose spread it is.
        agrees: whether the statement holds; None if it can neither hold nor fail.
        said: whether the text states anything for this number; if not, `agrees` does not count.
        why: in place of the reason of the file.
        words: fill the texts.

    >>> row(2, "eta", 0.63218, 0.0301, True).computed
    '0.632 +- 0.030'
    """
    texts = _CLAIMS[claim]["rows"][name]
    holds = None if agrees is None or not said else bool(agrees)
    if why is None:
        key = {None: "unstated", True: "agrees", False: "differs"}[holds]
        why = texts.get(key, texts.get("remark", "")).format(**words)
    return Row(
        claim,
        texts.get("where") or _CLAIMS[claim]["at"],
        texts["quantity"].format(**words),
        texts.get("stated", "").format(**words) if said else "",
        value if isinstance(value, int) else float(value),
        spread(error) if np.ndim(error) and not isinstance(error, tuple) else error,
        texts.get("unit", "").format(**words),
        holds,
        why,
    )
