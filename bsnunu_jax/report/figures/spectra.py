"""dBR/dq2 of all further decays that the data or the predictions of a card are of."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from bsnunu_jax.report.figures.bands import Spectrum, draw_spectrum, explain, named, pair
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import PAGE, new_figure

_COLUMNS, _ROW = 3, 1.85  # panels in a row, height of one [in]


def of_fit(fit: Fit) -> Drawn | None:
    """Of fits with decays that the figure `spectrum` does not have."""
    there = pair(fit)
    spectra = [Spectrum.of(fit, mode) for mode in named(fit) if mode not in there]
    if not spectra:
        return None
    return Drawn(spectra_figure(spectra), columns={s.stem: s.columns() for s in spectra})


def spectra_figure(spectra: Sequence[Spectrum]) -> Figure:
    """One panel a decay, each with its own range and unit."""
    rows = -(-len(spectra) // _COLUMNS)
    figure = new_figure(PAGE, 0.6 + _ROW * rows)
    for i, spectrum in enumerate(spectra):
        ax = figure.add_subplot(rows, _COLUMNS, i + 1)
        draw_spectrum(ax, spectrum)
        if i + _COLUMNS < len(spectra):
            ax.set_xlabel("")
    explain(figure, spectra)
    return figure
