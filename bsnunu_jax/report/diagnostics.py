"""Convergence of the chains: rank-normalised R-hat, bulk and tail effective sample size."""

import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Diagnostic:
    """R-hat and effective sample sizes of one quantity; NaN where it does not vary."""

    r_hat: float
    ess_bulk: float
    ess_tail: float


def diagnostics(values: Mapping[str, Float[np.ndarray, "chains draws"]]) -> dict[str, Diagnostic]:
    """R-hat (maximum of bulk and tail, arXiv:1903.08008) and ESS of every quantity.

    Args:
        values: draws by name, as reported: folded if the parameter is mirrored.
    """
    arviz = import_arviz()
    found = {}
    for name, draws in values.items():
        numbers = (np.nan, np.nan, np.nan)
        if np.ptp(draws) > 0 and draws.shape[1] >= 4:
            # R-hat compares chains.
            r_hat = arviz.rhat(draws, method="rank") if len(draws) > 1 else np.nan
            bulk = arviz.ess(draws, method="bulk")
            tail = arviz.ess(draws, method="tail", prob=(0.05, 0.95))
            numbers = (r_hat, bulk, tail)
        found[name] = Diagnostic(*(float(x) for x in numbers))
    return found


def import_arviz() -> ModuleType:
    """ArviZ, imported late: it takes a second; 0.23 announces its successor once a day.

    When it did so last it notes below the user's home, without which it cannot be imported.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*ArviZ is undergoing", FutureWarning)
        try:
            return import_module("arviz")
        except (OSError, RuntimeError):  # no home, or one that cannot be written
            from unittest.mock import patch

            with (
                tempfile.TemporaryDirectory() as home,
                patch.dict(os.environ, HOME=home, XDG_CACHE_HOME=home),
            ):
                return import_module("arviz")
