"""Exchange of predictions and coefficients with other codes: POPxf and WCxf files."""

from bsnunu_jax.exchange.polynomials import quadratic_polynomials as quadratic_polynomials
from bsnunu_jax.exchange.popxf import write_popxf as write_popxf
from bsnunu_jax.exchange.read import load_wcxf as load_wcxf
from bsnunu_jax.exchange.read import read_wcxf as read_wcxf
from bsnunu_jax.exchange.write import write_wcxf as write_wcxf

__all__ = ["load_wcxf", "quadratic_polynomials", "read_wcxf", "write_popxf", "write_wcxf"]
