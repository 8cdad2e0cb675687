"""Figures for print, each with the numbers behind it in a file beside it."""

from collections.abc import Mapping
from pathlib import Path

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.inference.fits.best_fit import BestFit
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.report.draws import reported, unfolded
from bsnunu_jax.report.figures.corner import corner_data, corner_figure
from bsnunu_jax.report.figures.coupling_plane import is_plane, plane_data, plane_figure
from bsnunu_jax.report.figures.scale_plane import (
    grid_of_jumps,
    is_scale_plane,
    scale_plane_data,
    scale_plane_figure,
)
from bsnunu_jax.report.figures.spectrum import spectrum_data, spectrum_figure
from bsnunu_jax.report.figures.style import save, styled, write_columns, write_json


def write_figures(
    folder: Path,
    problem: Problem,
    chains: Chains,
    best_fit: BestFit,
    *,
    posterior: Predictive,
    best: Predictive,
    sm: Predictive,
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Write corner, spectrum and, where they apply, coupling_plane and scale_plane with numbers.

    Args:
        folder: made if absent.
        problem: what was fitted.
        chains: draws of the posterior.
        best_fit: all minima.
        posterior: predictions of the draws.
        best: those of the best fit, one row.
        sm: rows whose SM part is drawn from the uncertainty of the inputs alone.
        remarks: on predictions, by name.
    """
    minimum = best_fit.best
    with styled():
        corner = corner_data(problem.parameters, reported(problem, chains), minimum.values)
        save(corner_figure(corner), folder / "corner")
        write_json(folder / "corner.json", corner.numbers())

        binned = [m for m in problem.measurements if isinstance(m, BinnedMeasurement)]
        spectrum = spectrum_data(binned[0] if binned else None, posterior, best, sm)
        beside = spectrum_data(None, posterior, best, sm, mode="B0->K*0")
        save(spectrum_figure(spectrum, beside, remarks), folder / "spectrum")
        write_columns(folder / "spectrum.csv", spectrum.columns())
        write_columns(folder / "spectrum_Kstar0.csv", beside.columns())
        if spectrum.panels:
            write_columns(folder / "spectrum_counts.csv", spectrum.count_columns())

        if is_plane(problem.parameters):
            plane = plane_data(problem.parameters, unfolded(problem, chains), minimum.values)
            save(plane_figure(plane), folder / "coupling_plane")
            write_columns(folder / "coupling_plane.csv", plane.columns())
            write_json(folder / "coupling_plane.json", plane.numbers())

        if is_scale_plane(problem.parameters):
            scale = scale_plane_data(
                problem, reported(problem, chains), best_fit.minima, grid_of_jumps(folder.parent)
            )
            save(scale_plane_figure(scale), folder / "scale_plane")
            write_json(folder / "scale_plane.json", scale.numbers())
