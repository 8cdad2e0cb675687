"""Exchange of predictions and coefficients with other codes: POPxf and WCxf files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsnunu_jax.exchange.polynomials import quadratic_polynomials as quadratic_polynomials
    from bsnunu_jax.exchange.popxf import write_popxf as write_popxf
    from bsnunu_jax.exchange.read import load_wcxf as load_wcxf
    from bsnunu_jax.exchange.read import read_wcxf as read_wcxf
    from bsnunu_jax.exchange.write import write_wcxf as write_wcxf

# Imported when asked for: the command line imports this package.
_MODULES = {
    "quadratic_polynomials": "polynomials", "write_popxf": "popxf", "load_wcxf": "read",
    "read_wcxf": "read", "write_wcxf": "write",
}  # fmt: skip
__all__ = ["load_wcxf", "quadratic_polynomials", "read_wcxf", "write_popxf", "write_wcxf"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
