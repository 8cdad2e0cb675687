"""The published files of Belle II's B+ -> K+ nu nubar likelihood as a measurement."""

import errno
import hashlib
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.histfactory.reweighted import Belle2Likelihood, null_br
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError

WORKSPACE = "combined_likelihood.json"
# SHA-256 of the files of the HEPData record 10.17182/hepdata.166082.
CHECKSUMS = {
    WORKSPACE: "9ec0d563197912e03e31de202f04fea10babe39a10de99b9770d9292df285ab3",
    "number_density_ita_regA.csv": (
        "f3f39c5c2747031a96f9100905c544936802afa62ecf25f3a02fc4bf2e447925"
    ),
    "number_density_ita_regB.csv": (
        "22f6ce34723ef24624aa7755a048f2ad940c666646ea7eee0b3e8e549765f254"
    ),
    "number_density_hta.csv": "2ef413de554d4d5553557e31c0f55e0f1afa01a52aafacc820d09dc72c41b4bb",
}
# Their sizes in bytes: a download is never longer.
SIZES = {
    WORKSPACE: 421_572,
    "number_density_ita_regA.csv": 22_725,
    "number_density_ita_regB.csv": 7_575,
    "number_density_hta.csv": 15_150,
}
# Number densities: file, first letters of the channel, sample.
_DENSITIES = (
    ("number_density_ita_regA.csv", "A__", "signal"),
    ("number_density_ita_regB.csv", "B__", "signal"),
    ("number_density_hta.csv", "sgn1_had", "sgn_1_had"),
)
DROPPED = ("mu", "corr_ff_c1", "corr_ff_c2", "corr_ff_c3")
_Q2_END, _Q2_BINS = 22.885, 100


def load_published(
    folder: Path, template: Belle2Likelihood, checksums: Mapping[str, str] = CHECKSUMS
) -> Belle2Likelihood:
    """The published likelihood in a folder; name, labels and data samples as in the compact form.

    Args:
        folder: the files of the HEPData record.
        template: the compact form.
        checksums: SHA-256 of every file.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    check_files(folder, checksums)
    model = read_workspace(folder / WORKSPACE, drop=DROPPED)
    channels = [channel for channel, _ in model.entries]
    signal = np.zeros(len(channels), dtype=bool)
    densities = []
    for name, prefix, sample in _DENSITIES:
        here = model.selects(sample) & np.array([c.startswith(prefix) for c in channels])
        table = np.loadtxt(folder / name, delimiter=",", ndmin=2)
        if table.shape != (int(here.sum()), _Q2_BINS + 1):
            raise InputError(
                f"shape {table.shape}, the workspace has {int(here.sum())} signal bins and "
                f"{_Q2_BINS} + 1 bins of q2",
                where=str(folder / name),
            )
        densities.append(table)
        signal |= here
    density = np.concatenate(densities)
    edges = np.linspace(0, _Q2_END, _Q2_BINS + 1)
    null = null_br(edges, template.null_model)
    return replace(
        template,
        form="published likelihood",
        title=f"{template.title}, published likelihood",
        model=model,
        signal=signal,
        density=density[:, 1:],
        underflow=density[:, 0],
        q2_edges=edges,
        null_br=null,
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read piece by piece.

    Raises:
        OSError: for a file that is not there or cannot be read, a device or a pipe among them.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(folder: Path, checksums: Mapping[str, str] = CHECKSUMS) -> None:
    """Compare the files of the record with their checksums.

    Raises:
        InputError: naming the first that is missing or altered, expected and found checksum.
    """
    for name, expected in checksums.items():
        path = folder / name
        try:
            found = sha256_of(path)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                "no such file",
                where=str(path),
                allowed="`bsnunu data get belle2-knunu` downloads the HEPData record "
                "10.17182/hepdata.166082, its --out names the folder",
            ) from None
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
        if found != expected:
            raise InputError(
                f"checksum {found}, expected {expected}",
                where=str(path),
                allowed="download the file again",
            )
