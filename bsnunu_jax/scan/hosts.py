"""Several processes that share a scan: who they are, and where they wait for each other.

They agree through `jax.distributed`; each computes chunks of its own on its own devices, so that
nothing but these few words travels between hosts. Who starts them is not our business.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax
import numpy as np

from bsnunu_jax.foundation.errors import InputError


@dataclass(frozen=True)
class Hosts:
    """One of `count` processes, the `index`-th."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one owns the folder, shows progress and writes what there is once."""
        return self.index == 0

    def chunks(self, number: int) -> range:
        """The chunks of this process; whatever is finished already, so that all agree.

        >>> list(Hosts(1, 3).chunks(7))
        [1, 4]
        """
        return range(self.index, number, self.count)

    def all_agree(self, fine: bool) -> bool:
        """Whether the first process said that it is fine; waits for it."""
        if self.count == 1:
            return fine
        from jax.experimental.multihost_utils import broadcast_one_to_all

        with _together():
            return bool(broadcast_one_to_all(np.asarray(fine)))

    def wait(self, what: str) -> None:
        """Wait until all processes have come here."""
        if self.count > 1:
            from jax.experimental.multihost_utils import sync_global_devices

            with _together():
                sync_global_devices(what)


class LostProcessError(RuntimeError):
    """Another process has ended before all were done."""


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except jax.errors.JaxRuntimeError:
        raise LostProcessError(
            "another process was lost; what is finished is kept: `--resume` goes on from there"
        ) from None


def join(coordinator: str | None, processes: int | None, process: int | None) -> Hosts:
    """Join the other processes; before the first computation.

    Args:
        coordinator: host:port of the first process; None to ask SLURM or Open MPI.
        processes: how many there are; None likewise.
        process: which one this is; None likewise.

    Raises:
        InputError: if only some are given, they do not fit, or the others are not found.
    """
    given = (coordinator, processes, process)
    if any(x is None for x in given) and any(x is not None for x in given):
        raise InputError(
            "--coordinator, --processes and --process go together",
            where="bsnunu scan",
            allowed="all three, or --distributed alone under SLURM or Open MPI",
        )
    if coordinator is not None and not re.fullmatch(r"\S+:\d+", coordinator):
        raise InputError(
            f"--coordinator {coordinator!r} has no port", where="bsnunu scan", allowed="HOST:PORT"
        )
    if process is not None and processes is not None and not 0 <= process < processes:
        raise InputError(
            f"--process {process} of {processes} processes",
            where="bsnunu scan",
            allowed=f"0 to {processes - 1}",
        )
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the other processes were not found ({str(error).splitlines()[0]})",
            where="bsnunu scan",
            allowed="--coordinator HOST:PORT --processes N --process I, or start under SLURM or "
            "Open MPI",
        ) from None
    return Hosts(jax.process_index(), jax.process_count())
