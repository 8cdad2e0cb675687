"""NetCDF files as bytes: HDF5 does not survive a full disk with a message, memory it does."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray


def netcdf(groups: Mapping[str | None, "xarray.Dataset"]) -> bytes:
    """Datasets as the groups of one NetCDF file; by name, None for the root."""
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for name, dataset in groups.items():
            dataset.dump_to_store(H5NetCDFStore(file, group=name, mode="a"))
    return buffer.getvalue()
