"""`bsnunu reproduce`: items are computed beside each other, each is on disk when it is done."""

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import netcdf, write_whole
from bsnunu_jax.foundation.owned import CARD, owner
from bsnunu_jax.foundation.progress import say_on_stderr, silent
from bsnunu_jax.foundation.seals import write_json
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.reproduce.items import Item
from bsnunu_jax.reproduce.row import Grid, Product
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.runs.folder import locked
from bsnunu_jax.runs.listing import inputs_json
from bsnunu_jax.runs.origin import versions

# Items at the same time: most of an item is compilation, one thread each.
_BESIDE = 2
REMEDY = (
    "needs Belle II's published likelihood: `bsnunu data get belle2-knunu`, then --likelihood "
    "belle2-knunu"
)


def run_reproduce(items: Sequence[Item], settings: Settings, folder: Path) -> str:
    """Make items and write each to a folder of its own.

    Args:
        items: what to make.
        settings: how.
        folder: gets one folder an item; what is there is replaced item by item.

    Returns:
        one line an item; the table of claims if that is the only item.

    Raises:
        InputError: if the folder cannot be written, another run writes there, or it holds the run
            of a card.
        RunError: if the folder goes while the run works.
    """
    say = silent if settings.quiet else say_on_stderr
    lines: dict[str, str] = {}
    products: dict[str, Product] = {}
    with locked(folder) as ours:
        if (folder / CARD).exists():
            raise InputError(
                "the folder holds the run of a card",
                where=str(folder),
                allowed="choose another --out",
            )
        skipped = [i for i in items if i.published and settings.likelihood is None]
        for item in skipped:
            print(f"bsnunu: {item.name} is skipped: it {REMEDY}", file=sys.stderr)
            lines[item.name] = f"skipped, {REMEDY}"
        wanted = [item for item in items if item not in skipped]
        pool = ThreadPoolExecutor(_BESIDE)
        try:
            started = {pool.submit(_timed, item, settings): item for item in wanted}
            for done in as_completed(started):
                item = started[done]
                product, seconds = done.result()
                write_product(item, product, settings, folder_of(folder, item, settings))
                products[item.name] = product
                lines[item.name] = f"{folder_of(folder, item, settings)}"
                say(f"{item.name}: {item.title}, {seconds:.1f} s")
        finally:
            # A compilation cannot be stopped: nobody waits for it.
            pool.shutdown(wait=False, cancel_futures=True)
        ours.complete()
    if [item.name for item in items] == ["claims"]:
        return products["claims"].summary
    width = max(map(len, lines))
    return "\n".join(f"{i.name:<{width}}  {lines[i.name]}" for i in items)


def folder_of(folder: Path, item: Item, settings: Settings) -> Path:
    """Of one item: its name, and the year of the data if not the paper's."""
    data = settings.constraints.name
    return folder / (item.name if data == "paper" else f"{item.name}-{data}")


def _timed(item: Item, settings: Settings) -> tuple[Product, float]:
    start = time.perf_counter()
    return item.make(settings), time.perf_counter() - start


def write_product(item: Item, product: Product, settings: Settings, folder: Path) -> None:
    """Write figures, numbers and rows; inputs.json, the last one, says what is there.

    The files that an earlier inputs.json names go: those of other settings must not stay beside.
    """
    from bsnunu_jax.report.figures.style import save, styled, write_columns
    from bsnunu_jax.report.figures.style import write_json as write_numbers

    _clear(folder)
    with styled():
        for stem, draw in product.figures.items():
            save(draw(), folder / stem)
    for stem, columns in product.tables.items():
        write_columns(folder / f"{stem}.csv", columns)
    for stem, grid in product.grids.items():
        _write_grid(folder / f"{stem}.nc", grid, item.title)
    if product.rows:
        write_numbers(folder / "rows.json", {"rows": [row.as_dict() for row in product.rows]})
    if product.summary:
        write_whole(folder / f"{item.name}.md", product.summary)
    ours = owner(folder)
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(ours.written if ours else ())
        if path.parent == folder
    }
    write_json(folder / "inputs.json", _inputs(item, product, settings) | {"files": files})


def _clear(folder: Path) -> None:
    path = folder / "inputs.json"
    try:
        names = list(json.loads(path.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        names = []
    path.unlink(missing_ok=True)
    for name in names:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def _inputs(item: Item, product: Product, settings: Settings) -> dict[str, Any]:
    c = settings.constraints
    return {
        "item": item.name,
        "title": item.title,
        "seed": settings.seed,
        "constraints": {
            "name": c.name,
            "R_K": dict(c.R_K),
            "R_Kstar": dict(c.R_Kstar),
            "NP_window": dict(c.window),
            "sources": dict(c.raw),
        },
        "settings": dict(product.inputs),
        "preset": c.inputs.preset,
        "inputs": json.loads(inputs_json(c.inputs.preset)),
        "versions": versions(),
        "bsnunu_jax": __version__,
    }


def _write_grid(path: Path, grid: Grid, title: str) -> None:
    import xarray as xr

    def about(name: str) -> dict[str, str]:
        return {"units": grid.units.get(name, "1")}

    dataset = xr.Dataset(
        {name: (dims, np.asarray(v), about(name)) for name, (dims, v) in grid.arrays.items()},
        {name: (name, np.asarray(v), about(name)) for name, v in grid.coordinates.items()},
        {"title": title},
    )
    write_whole(path, netcdf({None: dataset}))
