"""What `bsnunu data check` verifies of published files and of records."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.catalogue import load_measurements, measurement_names
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.experiments.records.added import known_records
from bsnunu_jax.experiments.records.folder import Record
from bsnunu_jax.experiments.records.record import DataSet, check_files
from bsnunu_jax.experiments.records.sharing import share
from bsnunu_jax.foundation.errors import InputError


def load_data_set(data: DataSet, folder: Path) -> Reweighted:
    """The measurement of the files in a folder.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    return Record.packaged(data.measurement, folder, data.files).measurement()


def check_data_set(data: DataSet, folder: Path) -> list[str]:
    """One line a file with its checksum, one on the bins, which must match the densities.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    check_files(folder, data.files)
    model = load_data_set(data, folder)
    lines = [f"{name}: sha256 {sha}, as expected" for name, sha in data.files.items()]
    signal, q2 = model.density.shape
    return [
        *lines,
        f"{len(model.observed)} bins; densities of {signal} signal bins in {q2} bins of q2 match",
    ]


def check_record(folder: Path) -> list[str]:
    """One line a file of a record with its checksum, then on bins, null model and data.

    Raises:
        InputError: for what does not fit.
    """
    record = Record.read(folder)
    lines = [f"{name}: sha256 {sha}" for name, sha in record.check().items()]
    m = record.measurement()
    known = known_records()
    share((m,), known)
    signal, q2 = m.density.shape
    nominal = m.model.nominal[m.signal]
    stated = m.underflow + m.density.sum(axis=1)
    off = np.abs(np.divide(stated, nominal, out=np.full(signal, np.inf), where=nominal > 0) - 1)
    off[(nominal == 0) & (stated == 0)] = 0
    channel, sample = m.model.entries[int(np.flatnonzero(m.signal)[int(off.argmax())])]
    shared = [
        f"{name} ({', '.join(both)})"
        for name, samples in _samples(known, m.name).items()
        if (both := sorted({*samples} & {*m.samples}))
    ]
    return [
        *lines,
        f"{len(m.observed)} bins; densities of {signal} signal bins in {q2} bins of q2 match",
        f"nominal signal of the null model: largest relative deviation {off.max():.3g} "
        f"({sample} in {channel})",
        *(f"shares {s.name} with {s.there} of {s.other}, {s.correlation:g}" for s in m.share),
        f"data in common with: {'; '.join(shared) or 'none'}",
    ]


def _samples(known: Mapping[str, Record | InputError], name: str) -> Mapping[str, tuple[str, ...]]:
    """The data that measurements of the package, and records of the user but this one, contain."""
    records = {
        key: record.content.samples
        for key, record in known.items()
        if isinstance(record, Record) and key != name
    }
    return records | {n: load_measurements([n])[0].samples for n in measurement_names()}
