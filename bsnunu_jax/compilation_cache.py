"""JAX's persistent compilation cache for the commands: the second start of a fit compiles nothing.

The folder is $BSNUNU_CACHE, or bsnunu_jax/ below $XDG_CACHE_HOME, or ~/.cache/bsnunu_jax;
BSNUNU_CACHE=off switches it off. It may be deleted at any time.
"""

import os
from pathlib import Path

import jax

VARIABLE = "BSNUNU_CACHE"


def cache_folder() -> Path | None:
    """The folder in use, None if switched off."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "bsnunu_jax"


def use_compilation_cache() -> None:
    """Keep compiled programs in `cache_folder`; without it if the folder cannot be written."""
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
