"""Let flavio and jelli be imported where warnings are errors."""

import contextlib
import warnings

collect_ignore = [
    "eos_dilepton.py",
    "oracles.py",
    "standard_model.py",
]  # no tests, and they import the peers

# The SWIG types of rundec, which flavio and jelli need, warn while they are made; an exception at
# that place ends the interpreter with a segmentation fault. Load them once with no such warning.
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.filterwarnings("ignore", "builtin type .* has no __module__", DeprecationWarning)
    import rundec  # noqa: F401
