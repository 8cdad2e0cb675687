"""JAX's persistent compilation cache for the commands: the second start of a fit compiles nothing.

The folder is $BSNUNU_CACHE, or bsnunu_jax/ below $XDG_CACHE_HOME, or ~/.cache/bsnunu_jax;
BSNUNU_CACHE=off switches it off. It may be deleted at any time. Without a folder, or with one that
cannot be written, programs are compiled anew.
"""

import contextlib
import hashlib
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import jax

from bsnunu_jax.foundation.interrupts import finish, unfinished

VARIABLE = "BSNUNU_CACHE"
_DIGEST = hashlib.sha256().digest_size
_PARTIAL = ".partial"
# Age [s] at which a partial file is what a killed process left.
_STALE = 3600.0


def cache_folder() -> Path | None:
    """The folder in use, None if switched off or if the user has no home."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if home.is_absolute():
        return home / "bsnunu_jax"
    try:
        return Path.home() / ".cache" / "bsnunu_jax"
    except RuntimeError:
        return None


def use_compilation_cache() -> None:
    """Keep compiled programs in `cache_folder`, if there is one."""
    folder = cache_folder()
    if folder is None:
        return
    from jax._src import compilation_cache as of_jax

    def checked(path: str) -> Any:
        return CheckedFiles(Path(path)), path

    if hasattr(of_jax, "get_file_cache"):
        # JAX leaves damaged files where they are and writes in place; no option changes that.
        of_jax.get_file_cache = checked
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # A program that cannot be loaded is compiled and written again.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")


class CheckedFiles:
    """One file a program, with a checksum before it; what JAX asks of a cache.

    A damaged file is deleted, so that it is made again. Files are written whole, also by several
    processes at once, and a folder that cannot be written is no error.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is made before the first program is there."""
        self._path = folder  # the name under which JAX shows it
        self._ready = False
        self._machine = _machine()

    def get(self, key: str) -> bytes | None:
        """The program, None if it is not there or damaged."""
        path = self._file(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if content[:_DIGEST] == hashlib.sha256(content[_DIGEST:]).digest():
            return content[_DIGEST:]
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Write a program, in place of what there is."""
        try:
            self._prepare()
            descriptor, name = tempfile.mkstemp(_PARTIAL, dir=self._path)
        except OSError:
            return
        partial = Path(name)
        with contextlib.suppress(OSError), unfinished(partial):
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(hashlib.sha256(value).digest() + value)
                finish(partial, self._file(key))
            finally:
                partial.unlink(missing_ok=True)

    def clear(self) -> None:
        """JAX asks for it when it forgets its caches; files stay."""

    def _file(self, key: str) -> Path:
        return self._path / f"{key}-{self._machine}-cache"

    def _prepare(self) -> None:
        """Make the folder, closed to others: it holds machine code; sweep what kills have left."""
        if self._ready:
            return
        if not self._path.is_dir():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.mkdir(mode=0o700, exist_ok=True)
            self._path.chmod(0o700)  # whatever the umask
        for partial in self._path.glob(f"*{_PARTIAL}"):
            with contextlib.suppress(OSError):
                if time.time() - partial.stat().st_mtime > _STALE:
                    partial.unlink()
        self._ready = True


def _machine() -> str:
    """What the processor can do: a home may be shared by machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    about = next((x for x in lines if x.startswith(("flags", "Features"))), platform.processor())
    return hashlib.sha256(f"{platform.machine()} {about}".encode()).hexdigest()[:8]
