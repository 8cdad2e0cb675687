"""Published data on disk: loaded and checked."""

from pathlib import Path

from bsnunu_jax.experiments.catalogue import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Belle2Likelihood
from bsnunu_jax.experiments.records.published import check_files, load_published
from bsnunu_jax.experiments.records.record import DataSet


def load(data: DataSet, folder: Path) -> Belle2Likelihood:
    """The measurement of the files in a folder.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    (template,) = load_measurements([data.measurement])
    assert isinstance(template, Belle2Likelihood)
    return load_published(folder, template, checksums=data.files)


def check(data: DataSet, folder: Path) -> list[str]:
    """One line a file with its checksum, one on the bins, which must match the densities.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    check_files(folder, data.files)
    model = load(data, folder)
    lines = [f"{name}: sha256 {sha}, as expected" for name, sha in data.files.items()]
    signal, q2 = model.density.shape
    return [
        *lines,
        f"{len(model.observed)} bins; densities of {signal} signal bins in {q2} bins of q2 match",
    ]
