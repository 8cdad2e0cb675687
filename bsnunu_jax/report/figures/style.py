"""The look of all figures, and how they are saved: same numbers, same bytes."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.report.intervals import MASSES as MASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Petroff, arXiv:2107.02270.
BLUE, ORANGE, RED, PURPLE, GREY, VIOLET = (
    "#5790fc",
    "#f89c20",
    "#e42536",
    "#964a8b",
    "#9c9ca1",
    "#7a21dd",
)
GREEN, LIGHT, DARK = "#009e73", "#dcdcdf", "#404040"
COLUMN, PAGE = 3.4, 7.0  # widths [in]


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save inside this block."""
    from matplotlib import rc_context, rc_params_from_file, rcdefaults, rcParams

    folder = resources.files("bsnunu_jax.report.figures")
    with resources.as_file(folder / "style.mplstyle") as path:
        style = rc_params_from_file(path, use_default_template=False)
    with rc_context():
        rcdefaults()  # whatever the user has set
        rcParams.update(style)
        yield


def mark_level(axes: "Axes", height: float, text: str, *, below: bool = False) -> None:
    """A grey line across, with its name at the right end above or below it."""
    axes.axhline(height, color=GREY, lw=0.6 if below else 0.8)
    axes.annotate(
        text,
        (0.965 if below else 0.99, height),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="top" if below else "bottom",
        fontsize=8,
        color="0.35",
    )


def legend_above(figure: "Figure", handles: Sequence[Any], columns: int, **look: Any) -> None:
    """A legend over the whole width above all panels."""
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, **look)


def note(axes: "Axes", x: float, y: float, text: str, **look: Any) -> None:
    """Text at a place in fractions of the axes."""
    axes.text(x, y, text, transform=axes.transAxes, **look)


def fill_expected(axes: "Axes", x: np.ndarray, bands: Sequence[np.ndarray], what: str = "") -> None:
    """Bands of one and two standard deviations: -2, -1, 0, 1 and 2, of which 0 is not drawn."""
    low2, low1, _, high1, high2 = bands
    axes.fill_between(x, low2, high2, color=ORANGE, alpha=0.45, lw=0, label=rf"{what}$\pm2\sigma$")
    axes.fill_between(x, low1, high1, color="white", lw=0)
    axes.fill_between(x, low1, high1, color=BLUE, alpha=0.55, lw=0, label=rf"{what}$\pm1\sigma$")


def new_figure(width: float, height: float, *, free: bool = False) -> "Figure":
    """An empty figure of this size [in], tied to no window; `free` to place the axes by hand."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=None if free else "constrained")


def save(figure: "Figure", stem: Path) -> list[Path]:
    """Write stem.pdf and stem.png without dates or versions; returns the two paths."""
    nothing: dict[str, dict[str, Any]] = {
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        ".png": {"Software": None},
    }
    for _ in range(2):  # the first pass does not know the sizes of all texts
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for every file
    paths = []
    for suffix, metadata in nothing.items():
        path = stem.with_name(stem.name + suffix)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata)
        write_whole(path, buffer.getvalue())
        paths.append(path)
    return paths


@contextmanager
def drawn(stem: Path, width: float, height: float) -> Iterator["Figure"]:
    """A new figure of this size [in], saved at the end of the block."""
    with styled():
        figure = new_figure(width, height)
        yield figure
        save(figure, stem)


def write_columns(path: Path, columns: Mapping[str, np.ndarray | list[str]]) -> None:
    """Write columns of equal length as CSV, numbers with seven digits."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([x if isinstance(x, str) else f"{x:.7g}" for x in row])
    write_whole(path, file.getvalue())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write nested numbers as JSON, seven digits, arrays as lists."""
    write_whole(path, json.dumps(_plain(content)) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.7g}")
    return value
