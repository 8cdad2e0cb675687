"""What a figure of a fit is: a module of this folder whose `of_fit` draws it, where it applies."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from bsnunu_jax.inference.fits.best_fit import BestFit
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.report.figures.style import save, styled, write_columns, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Fit:
    """What a fit found, as figures see it.

    Attributes:
        problem: what was fitted.
        chains: draws of the posterior.
        best_fit: all minima.
        posterior: predictions of the draws.
        best: those of the best fit, one row.
        sm: rows whose SM part is drawn from the uncertainty of the inputs alone.
        folder: of the run, with what else it has left.
        remarks: on predictions, by name.
        asked: observables that the card names.
    """

    problem: Problem
    chains: Chains
    best_fit: BestFit
    posterior: Predictive
    best: Predictive
    sm: Predictive
    folder: Path
    remarks: Mapping[str, str] | None = None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A figure and the numbers behind it.

    Attributes:
        figure: written as the module's name, .pdf and .png.
        numbers: for the JSON file of that name; no file if None.
        columns: of CSV files, by stem.
    """

    figure: "Figure"
    numbers: Mapping[str, Any] | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@cache
def figures_of_fits() -> Mapping[str, Callable[[Fit], Drawn | None]]:
    """`of_fit` of every module of this folder that has one: None where the figure does not apply.

    >>> {"corner", "spectra"} <= set(figures_of_fits())
    True
    """
    return dict(_found())


def _found() -> Iterator[tuple[str, Callable[[Fit], Drawn | None]]]:
    package = __name__.rpartition(".")[0]
    for module in iter_modules([str(Path(__file__).parent)]):
        draw = getattr(import_module(f"{package}.{module.name}"), "of_fit", None)
        if draw is not None:
            yield module.name, draw


def write_figures(folder: Path, fit: Fit) -> None:
    """Write every figure that applies to a fit into a folder, each with its numbers."""
    with styled():
        for name, draw in figures_of_fits().items():
            drawn = draw(fit)
            if drawn is None:
                continue
            save(drawn.figure, folder / name)
            for stem, columns in drawn.columns.items():
                write_columns(folder / f"{stem}.csv", columns)
            if drawn.numbers is not None:
                write_json(folder / f"{name}.json", drawn.numbers)
