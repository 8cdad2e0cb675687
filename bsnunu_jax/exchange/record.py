"""Records written: from arrays, from another record, from a measurement of this package."""

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.pyhf import published_workspace, record_of
from bsnunu_jax.exchange.workspace import workspace_of
from bsnunu_jax.experiments.catalogue import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.experiments.records.folder import Record, is_record
from bsnunu_jax.experiments.records.layout import FILE
from bsnunu_jax.experiments.records.record import PACKAGED, likelihood_folder
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import cannot_write
from bsnunu_jax.foundation.located_yaml import as_yaml

WORKSPACE = "workspace.json"


@dataclass(frozen=True)
class SignalTable:
    """The joint number density of one signal sample in one channel.

    Attributes:
        channel: its name.
        sample: its name.
        mode: e.g. "B+->K+".
        edges: of the bins of true q2 [GeV^2], shape (q2 + 1,).
        events: expected from the null model, shape (bins, q2).
        null: BR of the null model in the bins of true q2, shape (q2,).
        underflow: events without a true q2, shape (bins,); none if absent.
        polarisation: "longitudinal" or "transverse"; "" for both.
    """

    channel: str
    sample: str
    mode: str
    edges: np.ndarray
    events: np.ndarray
    null: np.ndarray
    underflow: np.ndarray | None = None
    polarisation: str = ""


def write_record(
    folder: Path,
    workspace: Mapping[str, Any],
    signals: Sequence[SignalTable],
    *,
    id: str,
    title: str,
    samples: Sequence[str],
    **about: Any,
) -> list[Path]:
    """Write a record: record.yaml, workspace, densities, null models, with checksums.

    Args:
        folder: a new folder, or an empty one.
        workspace: pyhf's JSON, with one measurement if `about` names none.
        signals: one for each signal sample, channel, mode and polarisation.
        id: name in cards and lists.
        title: of the measurement.
        samples: names of the data that went in.
        about: further keys of record.yaml, e.g. drop=["mu"], luminosity=1.0; None is left out.

    Returns:
        the files.

    Raises:
        InputError: if the folder has files, or for what does not fit: nothing is written then.
    """
    if not signals:
        raise InputError("no signal", where=str(folder), allowed="a SignalTable at least")
    texts = {WORKSPACE: json.dumps(workspace, indent=1) + "\n"}
    entries: list[dict[str, Any]] = []
    for i, s in enumerate(signals):
        columns = s.events if s.underflow is None else np.column_stack([s.underflow, s.events])
        null = next((n for n, text in texts.items() if text == _csv(s.null)), f"null_{i}.csv")
        texts |= {f"density_{i}.csv": _csv(columns), null: _csv(s.null)}
        entry = {
            "channel": glob.escape(s.channel),
            "sample": s.sample,
            "mode": s.mode,
            "polarisation": s.polarisation or None,
            "density": f"density_{i}.csv",
            "underflow": s.underflow is not None,
            "q2": {"edges": np.asarray(s.edges, dtype=float).tolist()},
            "null": {"spectrum": null},
        }
        entries.append({k: v for k, v in entry.items() if v is not None})
    sums = {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    stated = {"record": 1, "id": id, "title": title, "samples": list(samples)}
    beside = {"workspace": WORKSPACE, "signals": entries, "checksums": sums}
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in about.items() if v is not None}
    texts[FILE] = as_yaml(stated | given | beside)
    return _written(folder, texts)


def record_of_measurement(m: Reweighted, folder: Path, *, id: str | None = None) -> list[Path]:
    """Write a measurement whose systematics are its model's, e.g. a compact form.

    Args:
        m: the measurement.
        folder: see `write_record`.
        id: of the record, the measurement's if absent.

    Raises:
        InputError: for one with other coordinates, or as `write_record`.
    """
    if m.coordinates is not None:
        raise InputError(
            "its parameters are more than the systematics of its model",
            where=m.name,
            allowed="export the record that it came from",
        )
    content, entries = workspace_of(m.model)
    return write_record(
        folder,
        content,
        _tables(m, entries),
        id=id or m.name,
        title=m.title,
        samples=m.samples,
        sources=_sources(m),
        luminosity=m.luminosity,
        tree_tau=m.tree_tau,
        labels=m.labels,
    )


def record_of_record(record: Record, folder: Path, *, id: str | None = None) -> list[Path]:
    """Write a record anew, from what its files mean: patched, one measurement, nulls as numbers.

    Raises:
        InputError: for files that do not fit, or as `write_record`.
    """
    m, c = record.measurement(), record.content
    content, _ = published_workspace(record)
    return write_record(
        folder,
        content,
        _tables(m, m.model.entries),
        id=id or c.id,
        title=c.title,
        samples=c.samples,
        sources=c.sources,
        luminosity=c.luminosity,
        tree_tau=c.tree_tau,
        drop=c.drop,
        mc_statistics=c.mc_statistics,
        labels=m.labels if len(m.labels) == len(m.model.observed) else None,
    )


def export_record(
    source: str, card: Card | None, likelihood: Path | None, folder: Path, *, id: str | None = None
) -> list[Path]:
    """Write the record that a name, a folder or a card stands for.

    Args:
        source: a folder with a record.yaml, a record of the package, or the card.
        card: the card, of whose data the only record is taken.
        likelihood: published files of a record of the package; its compact form without.
        folder: see `write_record`.
        id: of the new record.

    Raises:
        InputError: for others, a card with none or several, or as `write_record`.
    """
    if card is not None:
        stated = card.content.likelihood
        likelihood = likelihood_folder(stated, card.path.parent) if stated else None
        records = [n for n in card.content.data if n in PACKAGED or is_record(card.path.parent / n)]
        if len(records) != 1:
            raise InputError(
                f"has {len(records)} records among its data",
                where=source,
                allowed="one, or name the record itself",
            )
        (source,) = records
        source = source if source in PACKAGED else str(card.path.parent / source)
    if source in PACKAGED and likelihood is None:
        (compact,) = load_measurements([source])
        assert isinstance(compact, Reweighted)
        return record_of_measurement(compact, folder, id=id)
    return record_of_record(record_of(source, likelihood), folder, id=id)


def _sources(m: Reweighted) -> tuple[str, ...]:
    return tuple(s.removeprefix("arXiv:") for s in m.sources)


def _tables(m: Reweighted, entries: Sequence[tuple[str, str]]) -> list[SignalTable]:
    """The densities of a measurement, by channel and sample of its entries."""
    found = []
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, entry in enumerate(np.flatnonzero(m.signal).tolist()):
        rows_of.setdefault(entries[entry], []).append(row)
    ends = np.cumsum([0, *(len(s.edges) - 1 for s in m.spectra)])
    for (channel, sample), rows in rows_of.items():
        under: np.ndarray | None = m.underflow[rows] if m.underflow[rows].any() else None
        columns = [slice(*ends[i : i + 2]) for i in range(len(m.spectra))]
        filled = [i for i, at in enumerate(columns) if m.density[rows, at].any()]
        pairs = {m.spectra[i].mode for i in filled if m.spectra[i].polarisation}
        for i, (spectrum, at) in enumerate(zip(m.spectra, columns, strict=True)):
            if i not in (filled or [0]) and not (spectrum.polarisation and spectrum.mode in pairs):
                continue
            found.append(
                SignalTable(
                    channel,
                    sample,
                    spectrum.mode,
                    np.array(spectrum.edges),
                    m.density[rows, at],
                    m.null_br[at],
                    under,
                    spectrum.polarisation,
                )
            )
            under = None
    return found


def _csv(table: np.ndarray) -> str:
    """Numbers that are read as they were."""
    rows = np.atleast_2d(np.asarray(table, dtype=float)).tolist()
    return "".join(",".join(map(repr, row)) + "\n" for row in rows)


def _written(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """The files in place, after the record that they are has been read."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError("has files", where=str(folder), allowed="name a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, text in texts.items():
                (made / name).write_text(text, encoding="utf-8")
            made.chmod(0o755)
            try:
                Record.read(made).measurement()
            except InputError as error:
                raise InputError(str(error).replace(str(made), str(folder))) from None
            with suppress(FileNotFoundError):
                folder.rmdir()
            os.replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return [folder / name for name in texts]
