"""A scan on disk: one NetCDF file a chunk, and scan.nc, which shows all of them as one dataset.

Chunk files are written whole or not at all and never again, each sealed with the run and a
checksum; scan.nc holds no numbers but HDF5 virtual datasets, so that any part of a scan larger than
memory can be read.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bsnunu_jax.foundation.errors import InputError, RunError
from bsnunu_jax.foundation.files import whole
from bsnunu_jax.foundation.owned import identity_of
from bsnunu_jax.foundation.seals import run_of, seal_of, sealed

Columns = Mapping[str, np.ndarray]
INDEX = "scan.nc"
# Attributes: how many points each region has.
_COUNT = "count_"
_REMEDY = "delete it: `--resume` makes it again"
# HDF5 has no netCDF dimensions: a dataset with this name stands for one.
_DIMENSION = "This is a netCDF dimension but not a netCDF variable. {:10d}"


def variable(name: str) -> str:
    """The name of a column in a file, where / means a group.

    >>> variable("R_D/SM")
    'R_D_over_SM'
    """
    return name.replace("/", "_over_")


@dataclass(frozen=True)
class Store:
    """The folder of a scan.

    Attributes:
        folder: with points/ and scan.nc in it.
        columns: type and attributes (units, long_name, latex) of every column by name.
    """

    folder: Path
    columns: Mapping[str, tuple[str, Mapping[str, str]]]

    def path(self, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / "points" / f"{chunk:09d}.nc"

    def finished(self, chunks: int) -> set[int]:
        """Those of so many chunks that are there.

        Raises:
            InputError: for files that no scan of so many chunks leaves.
        """
        found, folder = set(), self.path(0).parent
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            # What a kill while a file is written leaves, and what file systems hide.
            if ".partial" in path.name or path.name.startswith("."):
                continue
            if not re.fullmatch(r"[0-9]{9}\.nc", path.name) or int(path.stem) >= chunks:
                raise InputError(
                    "is no chunk of this scan", where=str(path), allowed="move it away"
                )
            found.add(int(path.stem))
        return found

    def verify(self, chunk: int) -> None:
        """Nothing if a chunk is as it was written, by this run.

        Raises:
            InputError: if not.
        """
        sealed(self.path(chunk), _REMEDY)

    def write(self, chunk: int, columns: Columns, counts: Mapping[str, int]) -> None:
        """Write a chunk; `counts` are attributes.

        Raises:
            InputError: if the folder cannot be written.
            RunError: if the disk is full or the folder has gone.
        """

        def fill(file: h5py.File) -> None:
            for name, (kind, about) in self.columns.items():
                made = file.create_dataset(variable(name), data=columns[name].astype(kind))
                made.attrs.update(about)
            file.attrs.update({_COUNT + name: value for name, value in counts.items()})
            _with_dimension(file, [variable(name) for name in self.columns])

        self._whole(self.path(chunk), fill)

    def finish(self, chunks: int, attributes: Mapping[str, Any]) -> dict[str, int]:
        """Write scan.nc over all chunks; the sums of their counts.

        Raises:
            InputError: as `write`.
            RunError: if a chunk has gone meanwhile.
        """
        counts: dict[str, int] = {}
        sizes = []
        for chunk in range(chunks):
            size, own = self._read(chunk)
            sizes.append(size)
            for name, value in own.items():
                counts[name] = counts.get(name, 0) + value
        ends = np.cumsum(sizes)

        def fill(file: h5py.File) -> None:
            for name, (kind, about) in self.columns.items():
                layout = h5py.VirtualLayout((int(ends[-1]),), dtype=kind)
                layout.dcpl.set_obj_track_times(False)  # the same scan has the same bytes
                for chunk, (size, end) in enumerate(zip(sizes, ends, strict=True)):
                    if size:
                        path = self.path(chunk).relative_to(self.folder)
                        source = h5py.VirtualSource(str(path), variable(name), (size,), kind)
                        layout[int(end) - size : int(end)] = source
                made = file.create_virtual_dataset(variable(name), layout)
                made.attrs.update(about)
            file.attrs.update(attributes)
            file.attrs.update({_COUNT + name: value for name, value in counts.items()})
            _with_dimension(file, [variable(name) for name in self.columns])

        self._whole(self.folder / INDEX, fill)
        return counts

    def _read(self, chunk: int) -> tuple[int, dict[str, int]]:
        """Size and counts of a chunk."""
        path = self.path(chunk)
        if not path.is_file():
            raise RunError(
                "was deleted while the scan ran",
                where=str(path),
                allowed="`--resume` makes it again",
            )
        ours = identity_of(path)
        if ours and run_of(path) != ours:
            raise InputError("is of another run", where=str(path), allowed=_REMEDY)
        try:
            with h5py.File(path) as file:
                counts = {k.removeprefix(_COUNT): int(v) for k, v in file.attrs.items()}
                return file["point"].shape[0], counts
        except (OSError, KeyError):
            raise InputError("is damaged", where=str(path), allowed=_REMEDY) from None

    def _whole(self, path: Path, fill: Any) -> None:
        # In memory first: HDF5 does not survive a full disk with a message.
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            fill(file)
        problem: InputError | RunError | None = None
        try:
            with buffer.getbuffer() as view:
                end = seal_of(path, view)
                # A chunk is large, and a damaged one is told by its seal.
                with whole(path, durable=False) as partial, partial.open("wb") as file:
                    file.write(view)
                    file.write(end)
        except (InputError, RunError) as error:
            problem = error.with_traceback(None)
        # Out here nothing remembers the frame with a view of the buffer, whose collection at exit
        # crashes some Pythons 3.12.
        if problem:
            raise problem


def _with_dimension(file: h5py.File, names: Sequence[str]) -> None:
    """Give all datasets the netCDF dimension `point`."""
    size = file[names[0]].shape[0]
    dimension = file.create_dataset("point", shape=(size,), dtype=">f4")
    dimension.make_scale(_DIMENSION.format(size))
    dimension.attrs["_Netcdf4Dimid"] = np.int32(0)
    for name in names:
        file[name].dims[0].attach_scale(dimension)


def open_scan(folder: str | Path, *, verify: bool = False) -> Any:
    """A finished scan as an `xarray.Dataset` over `point`, read from disk where it is used.

    Columns are the parameters, what was drawn beside them (`z[...]`), the numbers and 0 or 1 for
    every region; with `store: selected` also `index`, the number of the point in the design.
    Attributes: card, seed, versions, counts.

    Args:
        folder: result folder of `bsnunu scan`.
        verify: read all chunks and compare their checksums.

    Raises:
        InputError: if there is no finished scan, a chunk is missing or of another run, or, with
            `verify`, damaged.
    """
    import xarray

    path = Path(folder) / INDEX
    if not path.is_file():
        raise InputError(
            "holds no finished scan",
            where=str(folder),
            allowed="`bsnunu scan CARD --out DIR --resume` finishes one",
        )
    sealed(path, _REMEDY)
    run, remedy = run_of(path), "`bsnunu scan CARD --out DIR --resume` makes it again"
    for chunk in _chunks(path):
        # HDF5 reads zeros where a chunk is missing.
        if run_of(chunk) != run:
            raise InputError(
                "is missing, damaged or of another run", where=str(chunk), allowed=remedy
            )
        if verify:
            sealed(chunk, _REMEDY)
    return xarray.open_dataset(path, engine="h5netcdf")


def _chunks(path: Path) -> list[Path]:
    """The files behind scan.nc that have points."""
    with h5py.File(path) as file:
        virtual = next((d for d in file.values() if d.is_virtual), None)
        sources = virtual.virtual_sources() if virtual else []
        return [path.parent / source.file_name for source in sources]


def on_grid(scan: Any, name: str) -> np.ndarray:
    """A column of a scan of `store: all` in the shape of its grid, one axis a parameter of it."""
    shape = [int(n) for n in np.atleast_1d(scan.attrs["grid_shape"])]
    return np.asarray(scan[variable(name)].values).reshape(shape)
