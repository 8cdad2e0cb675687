"""Tables of numbers between commas, as densities, null spectra and edges come."""

from pathlib import Path

import numpy as np

from bsnunu_jax.foundation.errors import InputError

# Of a table of numbers; the largest that was published has 23 kB.
_MOST_BYTES = 1 << 27


def numbers(path: Path) -> np.ndarray:
    """A table of finite numbers between commas, shape (rows, columns).

    Raises:
        InputError: naming the file.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"has more than {_MOST_BYTES:,} bytes", where=str(path))
        with path.open(encoding="utf-8-sig") as file:
            lines = [line for line in file if line.partition("#")[0].strip()]
        if not lines:
            raise InputError("has no numbers", where=str(path))
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except ValueError as error:
        what = str(error).partition(";")[0]
        raise InputError(f"is no table of numbers ({what})", where=str(path)) from None
    if not np.isfinite(table).all():
        raise InputError("has a number that is not finite", where=str(path))
    return table
