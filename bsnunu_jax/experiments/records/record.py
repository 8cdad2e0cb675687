"""Published data that users fetch themselves: where they lie, copies from a folder, checks.

They are the files of records, which say where they are published.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsnunu_jax.experiments.records.archives import MOST_BYTES
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.packaged import packaged_all

# The records that come with the package, as they are written; `RecordSchema` has them checked.
PACKAGED: Mapping[str, Mapping[str, Any]] = {
    raw["id"]: raw for raw in packaged_all("experiments", "records").values()
}
_BELLE2 = PACKAGED["belle2_knunu_2023"]
WORKSPACE: str = _BELLE2["workspace"]
CHECKSUMS: Mapping[str, str] = _BELLE2["checksums"]
DROPPED: tuple[str, ...] = tuple(_BELLE2["drop"])


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read piece by piece.

    Raises:
        OSError: for a file that is not there or cannot be read, a device or a pipe among them.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(
    folder: Path,
    checksums: Mapping[str, str | None] = CHECKSUMS,
    sources: "Iterable[DataSet] | None" = None,
) -> None:
    """Compare the files of a record with their checksums; None for those that state none.

    Args:
        folder: with the files.
        checksums: SHA-256 by name.
        sources: where what is missing can be downloaded; those of the package if absent.

    Raises:
        InputError: naming the first that is missing or altered, expected and found checksum.
    """
    for name, expected in checksums.items():
        path = folder / name
        try:
            found = sha256_of(path)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                "no such file", where=str(path), allowed=_download(name, sources)
            ) from None
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
        if expected is not None and found != expected:
            raise InputError(
                f"checksum {found}, expected {expected}",
                where=str(path),
                allowed="download the file again",
            )


def _download(name: str, sources: "Iterable[DataSet] | None") -> str:
    """How to come by a file, if it is one of HEPData."""
    for data in DATA_SETS.values() if sources is None else sources:
        if name in data.files:
            return (
                f"`bsnunu data get {data.name}` downloads the HEPData record {data.doi}, its --out "
                "names the folder"
            )
    return ""


@dataclass(frozen=True)
class DataSet:
    """A HEPData record and the files that are wanted of it.

    Attributes:
        record: the record in HEPData's addresses, `ins` and its INSPIRE number, or HEPData's own.
        files: SHA-256 of every file by name.
        measurement: the record that they are of.
        elsewhere: where the authors keep the same files.
        site: address of HEPData.
        sizes: the bytes of every file by name, where they are known.
        folder: where they belong, the user's folder of their name if absent.
    """

    name: str
    doi: str
    record: str
    files: Mapping[str, str]
    measurement: str
    elsewhere: str
    site: str = "https://www.hepdata.net"
    sizes: Mapping[str, int] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def place(self) -> Path:
        """Where `bsnunu data get` puts them."""
        return self.folder or user_folder(self.name)

    def most(self, name: str) -> int:
        """The bytes that a file may have."""
        return self.sizes.get(name, MOST_BYTES)


def data_set(raw: Mapping[str, Any], folder: Path | None = None) -> DataSet | None:
    """The files of a record that HEPData has; None if it names none."""
    where = raw.get("hepdata")
    if where is None:
        return None
    return DataSet(
        name=where.get("name") or raw["id"],
        doi=where["record"],
        record=where.get("inspire") or where["record"].split("hepdata.")[1].split(".")[0],
        files={name: raw["checksums"][name] for name in where["files"]},
        sizes=where["files"],
        measurement=raw["id"],
        elsewhere=where.get("elsewhere", ""),
        folder=folder,
    )


DATA_SETS = {data.name: data for raw in PACKAGED.values() if (data := data_set(raw)) is not None}


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
