"""NetCDF files as bytes: HDF5 does not survive a full disk with a message, memory it does."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bsnunu_jax.report.atomic import write_whole

if TYPE_CHECKING:
    import xarray


def write_netcdf(path: Path, groups: Mapping[str | None, "xarray.Dataset"]) -> None:
    """Write datasets as the groups of one NetCDF file.

    Args:
        path: the file, replaced whole.
        groups: by name, None for the root; which comes first if it is there.

    Raises:
        InputError: if there can be no such file.
        WriteError: if the disk is full.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for name, dataset in groups.items():
            dataset.dump_to_store(H5NetCDFStore(file, group=name, mode="a"))
    write_whole(path, buffer.getvalue())
