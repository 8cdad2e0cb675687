"""Published data that users fetch themselves: where they lie, copies from a folder, checks.

The files of Belle II's B+ -> K+ nu nubar likelihood, and the measurement that they are.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, null_br
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.archives import MOST_BYTES
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole

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
    folder: Path, template: Reweighted, checksums: Mapping[str, str] = CHECKSUMS
) -> Reweighted:
    """The published likelihood in a folder; name, labels and data samples as in the compact form.

    Args:
        folder: the files of the HEPData record.
        template: the compact form.
        checksums: SHA-256 of every file.

    Raises:
        InputError: for a file that is missing or altered, or bins that do not match the densities.
    """
    check_files(folder, checksums)
    model = read_workspace(folder / WORKSPACE, drop=DROPPED).model
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
        spectra=(replace(template.spectra[0], edges=tuple(edges.tolist())),),
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


@dataclass(frozen=True)
class DataSet:
    """A HEPData record and the files that are wanted of it.

    Attributes:
        record: the record in HEPData's addresses, `ins` and its INSPIRE number.
        files: SHA-256 of every file by name.
        measurement: the measurement of the package that they stand for.
        elsewhere: where the authors keep the same files.
        site: address of HEPData.
        sizes: the bytes of every file by name, where they are known.
    """

    name: str
    doi: str
    record: str
    files: Mapping[str, str]
    measurement: str
    elsewhere: str
    site: str = "https://www.hepdata.net"
    sizes: Mapping[str, int] = field(default_factory=dict)

    def most(self, name: str) -> int:
        """The bytes that a file may have."""
        return self.sizes.get(name, MOST_BYTES)


DATA_SETS = {
    "belle2-knunu": DataSet(
        name="belle2-knunu",
        doi="10.17182/hepdata.166082",
        record="ins2947386",
        files=CHECKSUMS,
        sizes=SIZES,
        measurement="belle2_knunu_2023",
        elsewhere="https://github.com/lorenzennio/knunu-reinterpretation-mini (scripts/data)",
    )
}


def get_data_set(name: str) -> DataSet:
    """The data set called `name`.

    Raises:
        InputError: naming the data sets that there are.

    >>> get_data_set("belle2-knunu").doi
    '10.17182/hepdata.166082'
    """
    if name not in DATA_SETS:
        raise InputError(f"unknown data set {name!r}", allowed=f"one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def user_folder(name: str) -> Path:
    """The user's folder of a data set, in $XDG_DATA_HOME or ~/.local/share.

    Raises:
        InputError: if the user has no home.
    """
    home = Path(os.environ.get("XDG_DATA_HOME", ""))
    # the XDG base directory specification: relative paths are to be ignored
    try:
        root = home if home.is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError:  # a container whose user has no name
        raise InputError(
            "there is no home folder to look for it in",
            where=name,
            allowed="set HOME or XDG_DATA_HOME, or name the folder itself",
        ) from None
    return root / "bsnunu_jax" / name


def likelihood_folder(given: str, beside: Path) -> Path:
    """The folder that `given` names: relative to `beside`, or the user's folder of a data set.

    >>> likelihood_folder("absent", Path("cards")).as_posix()
    'cards/absent'
    """
    path = beside / given
    return user_folder(given) if given in DATA_SETS and not path.is_dir() else path


def is_right(path: Path, checksum: str) -> bool:
    """Whether a file is there with this SHA-256."""
    return path.is_file() and sha256_of(path) == checksum


def copy(data: DataSet, source: Path, folder: Path) -> dict[str, str]:
    """Copy the files of a data set that `folder` lacks from `source` or a folder in it.

    Nothing is written before every file has been found and checked.

    Returns:
        what became of each file: "kept" or "copied".

    Raises:
        InputError: for a file that is missing or altered, or a folder that cannot be written.
    """
    try:
        there = source.is_dir()
    except OSError as error:  # a name that is too long
        raise InputError(f"cannot be read ({error.strerror})", where=str(source)) from None
    if not there:
        raise InputError("no such folder", where=str(source), allowed="name the folder of a copy")
    try:
        wanted = {n: sha for n, sha in data.files.items() if not is_right(folder / n, sha)}
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(folder)) from None
    contents = {}
    for name, sha in wanted.items():
        path = _in(source, name, sha)
        check_files(path.parent, {name: sha})
        contents[name] = path.read_bytes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    return {name: "copied" if name in wanted else "kept" for name in data.files}


def _in(source: Path, name: str, checksum: str) -> Path:
    """Where a file lies in a folder or a folder in it: the right one, or one that is there."""
    places = [source / name, *sorted(source.glob(f"*/{name}"))]
    there = [p for p in places if p.is_file()] or places
    for path in there:
        with suppress(OSError):  # one that may not be read
            if is_right(path, checksum):
                return path
    return there[0]
