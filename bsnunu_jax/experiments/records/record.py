"""Published data that users fetch themselves: where they lie, copies from a folder, checks."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bsnunu_jax.experiments.records.archives import MOST_BYTES
from bsnunu_jax.experiments.records.published import CHECKSUMS, SIZES, check_files, sha256_of
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole


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
