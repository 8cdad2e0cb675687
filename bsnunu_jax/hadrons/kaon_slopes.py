"""Form factors of K -> pi as dispersive representations of K_l3 have them, and a pole for f_T."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.form_factors import Expansion

# Chebyshev polynomials in x = q2/(m_K - m_pi)^2 up to _END, which covers both charges with the
# masses of one: the exponentials are there to rounding.
_TERMS, _END = 12, 1.1
_ANGLES = np.pi * (np.arange(_TERMS) + 0.5) / _TERMS
_NODES = _END / 2 * (1 + np.cos(_ANGLES))
# From values at the nodes to coefficients.
_TRANSFORM = 2 / _TERMS * np.cos(np.outer(np.arange(_TERMS), _ANGLES))
_TRANSFORM[0] /= 2


class KaonSlopes(Expansion):
    """Slopes of K -> pi: exponentials of subtracted dispersion relations for f+ and f0.

    f+ = f+(0) exp[q2/m_pi^2 (Lambda_+ + H)], f0 = f+(0) exp[q2/(m_K^2 - m_pi^2) (lnC - G)] with
    G = x D + (1 - x) d + x (1 - x) k, H = H1 x + H2 x^2, x = q2/(m_K - m_pi)^2: (A.1), (A.3) of
    arXiv:0903.1654, (33), (37) of arXiv:1005.2323. fT = fT(0)/(1 - sT q2), (4) of arXiv:1108.1021.

    Attributes:
        coefficients: shape (10,), in the order of `names`; sT in GeV^-2.
        masses: "m_K", "m_pi" [GeV].
        series: the coefficients are those of Chebyshev polynomials, see `linear` (static).
    """

    z_masses: ClassVar[tuple[str, ...]] = ("m_K", "m_pi")
    known: ClassVar[tuple[str, ...]] = (
        "f+(0)",
        "lnC",
        "Lambda_+",
        "D",
        "d",
        "k",
        "H1",
        "H2",
        "fT(0)",
        "sT",
    )

    series: bool = eqx.field(static=True, default=False)

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """All ten."""
        return cls.known

    @classmethod
    def expected_masses(cls, form_factors: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the mesons: there are no poles."""
        return cls.z_masses

    @property
    def form_factors(self) -> tuple[str, ...]:
        """All of the spin."""
        return ("f+", "f0", "fT")

    @property
    def linear(self) -> Float[Array, " n"]:
        """Coefficients of Chebyshev polynomials, which give the form factors to rounding."""
        if self.series:
            return self.coefficients
        values = self(jnp.asarray(_NODES) * self._end)
        return (_TRANSFORM @ jnp.stack([values[f] for f in self.form_factors]).T).T.ravel()

    def with_linear(self, linear: Float[Array, " n"]) -> "KaonSlopes":
        """The same form factors at other `linear`."""
        return KaonSlopes(linear, self.masses, self.names, self.transition, series=True)

    @property
    def _end(self) -> Scalar:
        return (self.masses["m_K"] - self.masses["m_pi"]) ** 2

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        x = q2 / self._end
        if self.series:
            return self._sums(2 * x / _END - 1)
        m_K, m_pi = self.masses["m_K"], self.masses["m_pi"]
        c = dict(zip(self.names, self.coefficients, strict=True))
        G = x * c["D"] + (1 - x) * (c["d"] + x * c["k"])
        H = x * (c["H1"] + x * c["H2"])
        scalar = q2 / (m_K**2 - m_pi**2) * (c["lnC"] - G)
        return {
            "f+": c["f+(0)"] * jnp.exp(q2 / m_pi**2 * (c["Lambda_+"] + H)),
            "f0": c["f+(0)"] * jnp.exp(scalar),
            "fT": c["fT(0)"] / (1 - c["sT"] * q2),
        }

    def _sums(self, y: Scalar) -> dict[str, Scalar]:
        """The polynomials at y = -1 (q2 = 0) to 1."""
        polynomials = [jnp.ones_like(y), y]
        while len(polynomials) < _TERMS:
            polynomials.append(2 * y * polynomials[-1] - polynomials[-2])
        rows = self.coefficients.reshape(-1, _TERMS) @ jnp.stack(polynomials)
        return dict(zip(self.form_factors, rows, strict=True))
