"""Records that a user has added: copies in the user's data folder, named by their ids."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bsnunu_jax.experiments.records.folder import Record, is_record
from bsnunu_jax.experiments.records.record import DATA_SETS, PACKAGED, DataSet, user_folder
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.files import write_whole


def added() -> dict[str, Path]:
    """Folders of the user's records by id, none where there is no home."""
    with suppress(InputError, OSError):
        return {p.name: p for p in sorted(user_folder("records").iterdir()) if is_record(p)}
    return {}


def known_records() -> dict[str, Record | InputError]:
    """The records of the package and of the user by id; what is wrong with one that is damaged."""
    found: dict[str, Record | InputError] = {}
    for name in PACKAGED:
        data = next((d for d in DATA_SETS.values() if d.measurement == name), None)
        folder = Path()
        with suppress(InputError):  # no home
            folder = data.place if data else folder
        found[name] = Record.packaged(name, folder)
    for name, folder in added().items():
        try:
            found[name] = Record.read(folder)
        except InputError as error:
            found[name] = error
    return found


def get_data_set(name: str) -> DataSet:
    """What `bsnunu data get` downloads under a name: a data set's, or the id of a record.

    Raises:
        InputError: naming those that there are.

    >>> get_data_set("belle2-knunu").doi
    '10.17182/hepdata.166082'
    """
    every = dict(DATA_SETS)
    by_id = {d.measurement: d for d in every.values()}
    for record in (r for r in known_records().values() if isinstance(r, Record)):
        if not record.published and record.data_set is not None:
            every[record.content.id] = record.data_set
    found = every.get(name) or by_id.get(name)
    if found is None and name in added():
        raise InputError(
            f"the record {name!r} names no files to download (hepdata)",
            allowed="it is used as it is; `bsnunu data check` verifies it",
        )
    if found is None:
        raise InputError(f"unknown data set {shown(name)}", allowed=f"one of {', '.join(every)}")
    return found


def add(folder: Path, taken: tuple[str, ...], *, replace: bool = False) -> Path:
    """Copy the files of a record into the user's folder; nothing is there before all of them are.

    Args:
        folder: of the record, whose files have been checked.
        taken: names that cards know already.
        replace: whether a record of this id makes place.

    Returns:
        where it is.

    Raises:
        InputError: for a name that is taken, or a folder that cannot be written.
    """
    record = Record.read(folder)
    name = record.content.id
    target = user_folder("records") / name
    if name in taken:
        raise record.file.error(("id",), f"the package has a {name!r} already", "another id")
    if target.exists() and not replace:
        raise InputError(
            f"{name!r} was added already", where=str(target), allowed="another id, or --replace"
        )
    try:
        there = [n for n in record.files if n not in record.missing]
        contents = {file: (folder / file).read_bytes() for file in there}
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as beside:
            made, before = Path(beside) / "new", Path(beside) / "old"
            for file, content in contents.items():
                (made / file).parent.mkdir(parents=True, exist_ok=True)
                write_whole(made / file, content)
            if target.exists():
                target.rename(before)
            os.rename(made, target)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(target)) from None
    return target
