"""R_K and R_K* as a contraction: what of form factors and electroweak inputs enters is two numbers.

Both chiralities of the quark current add up in R_K = V and in R_K* = (1 - eta)/2 V + (1 + eta)/2 A,
with V, A = sum |C_L +- C_R|^2 over flavours and chiralities of the neutrino, in units of the SM:
Eqs. (10)-(12) of arXiv:2309.12741 in another order. Numpy, for millions of points.

In the plane of C_R^tautau and an off-diagonal C_R, R_K and R_K* are constant on circles: with t =
C_R^tautau, w = sqrt(weight) C_R^off and C = C_L^SM, Eq. (10) reads (t + C)^2 + w^2 = C^2 (3 R_K -
2) and (t - eta C)^2 + w^2 = C^2 (3 R_K* - 3 + eta^2). The weight is 2 for C_R^mutau = C_R^taumu, 1
for one of them alone. A range of R_K with a limit on R_K* is a ring cut by a disc.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables.branching import branching_fraction, eta
from bsnunu_jax.report.figures.coupling_regions import Cuts, margin
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos

Numbers = np.ndarray
# The entries of a symmetric matrix in flavour space, and how often each is there.
ENTRIES = ("ee", "mumu", "tautau", "emu", "etau", "mutau")
DIAGONAL, WEIGHTS = np.array([1.0, 1, 1, 0, 0, 0]), np.array([1.0, 1, 1, 2, 2, 2])
DRAWS = 2000


@dataclass(frozen=True)
class RatioKernels:
    """R_K and R_K* for given inputs; both numbers may be arrays, one entry a draw.

    Attributes:
        eta: F_-/F_+ of Eq. (11) of arXiv:2309.12741.
        C_SM: C_L^SM of Eq. (9).
    """

    eta: float | Numbers
    C_SM: float | Numbers

    @property
    def S(self) -> float | Numbers:
        """3 |C_L^SM|^2, the SM value of V and A."""
        return 3 * self.C_SM**2

    def of_squares(self, V: Numbers, A: Numbers) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of V and A in units of the SM."""
        return V, (1 - self.eta) / 2 * V + (1 + self.eta) / 2 * A

    def full(self, CL: Numbers, CR: Numbers, CLp: Numbers, CRp: Numbers) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of complex matrices, shapes (..., 3, 3)."""
        CL = CL + self.C_SM * np.eye(3)
        V, A = (
            np.sum(abs(CL + s * CR) ** 2 + abs(CLp + s * CRp) ** 2, axis=(-2, -1)) / self.S
            for s in (1, -1)
        )
        return self.of_squares(V, A)

    def symmetric(
        self, CL: Numbers, CR: Numbers, *, primed: bool = False
    ) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of real `ENTRIES`, shapes (..., 6); primed: of right-handed neutrinos."""
        CL = CL if primed else CL + self.C_SM * DIAGONAL
        V, A = (((CL + s * CR) ** 2 @ WEIGHTS) / self.S for s in (1, -1))
        return self.of_squares(V + 1, A + 1) if primed else self.of_squares(V, A)

    def plane(self, tautau: Numbers, off: Numbers, weight: float = 2) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of C_R^tautau and `weight` equal off-diagonal C_R."""
        square, linear = (tautau**2 + weight * off**2) / self.S, 2 * tautau / (3 * self.C_SM)
        return 1 + linear + square, 1 - self.eta * linear + square


@dataclass(frozen=True)
class Drawn:
    """The SM at the central inputs and at draws of them.

    Attributes:
        central: kernels at the central inputs.
        draws: kernels at the draws, arrays.
        BR: SM branching fractions by mode, at the central inputs.
        BR_draws: the same at the draws.
    """

    central: RatioKernels
    draws: RatioKernels
    BR: dict[str, float]
    BR_draws: dict[str, Numbers]


def drawn(settings: Settings) -> Drawn:
    """The SM state of the settings; call through `settings.once`."""

    def at(inputs: Inputs) -> dict[str, Array]:
        modes = {m: branching_fraction(m, Neutrinos(), inputs) for m in ("B+->K+", "B0->K*0")}
        return modes | {"eta": eta(inputs), "C_SM": inputs.C_L_SM}

    found = settings.drawn(at, "ratio kernels", DRAWS)
    eta_, C_SM = found.pop("eta"), found.pop("C_SM")
    return Drawn(
        RatioKernels(float(eta_[0]), float(C_SM[0])),
        RatioKernels(eta_[1:], C_SM[1:]),
        {k: float(v[0]) for k, v in found.items()},
        {k: v[1:] for k, v in found.items()},
    )


def eta_draws(settings: Settings) -> dict[str, Numbers]:
    """Draws of eta with the correlations of the B -> K* form factors and, wrongly, without."""
    transition = "B->K*"
    inputs = settings.inputs
    covariance = form_factor_set(transition, dict(inputs.sets)[transition]).covariance
    sigma = jnp.asarray(np.sqrt(np.diag(covariance)))
    nuisances = Nuisances(inputs, (transition,))
    z = nuisances.draw(settings.key("eta"), DRAWS)

    @jax.jit
    @jax.vmap
    def of(shift: Float[Array, " n"]) -> Array:
        central = inputs.form_factors[transition]
        moved = eqx.tree_at(lambda f: f.coefficients, central, central.coefficients + shift)
        return eta(eqx.tree_at(lambda i: i.form_factors[transition], inputs, moved))

    shifts = {"correlated": z @ nuisances.roots[transition].T, "uncorrelated": z * sigma[None, :]}
    return {name: np.asarray(of(shift)) for name, shift in shifts.items()}


def cuts(settings: Settings) -> Cuts:
    """The cuts of the settings as figures take them."""
    c = settings.constraints
    return Cuts(c.R_K["new"], c.R_K["average"], c.R_Kstar["loose"], c.R_Kstar["tight"])


def generator(settings: Settings, name: str) -> np.random.Generator:
    """Numpy's random numbers that seed and name determine."""
    return np.random.default_rng(np.asarray(jax.random.key_data(settings.key(name))))


_ROUNDING = 1e-9
# Columns of the edge of a region.
_EDGE = ("CR_tautau", "CR_mutau_low", "CR_mutau_high")


@dataclass(frozen=True)
class Region:
    """low <= R_K <= high and R_K* <= limit; numbers of all kernels at once if they are arrays."""

    kernels: RatioKernels
    R_K: tuple[float, float]
    limit: float
    weight: float = 2.0

    def ring(self, R_K: float) -> tuple[Numbers, Numbers]:
        """Centre t and radius of the circle of one R_K; radius nan if R_K < 2/3."""
        C = np.asarray(self.kernels.C_SM)
        return -C, abs(C) * np.sqrt(3 * R_K - 2)

    def disc(self) -> tuple[Numbers, Numbers]:
        """Centre t and radius of the circle R_K* = limit."""
        C, eta = np.asarray(self.kernels.C_SM), np.asarray(self.kernels.eta)
        return eta * C, abs(C) * np.sqrt(3 * self.limit - 3 + eta**2)

    def vertex(self, R_K: float) -> tuple[Numbers, Numbers]:
        """(t, off-diagonal >= 0) where this R_K meets the limit; nan where they do not.

        There R_K - R_K* = 2 (1 + eta) t/(3 C), Eq. (12).
        """
        C, eta = np.asarray(self.kernels.C_SM), np.asarray(self.kernels.eta)
        t = 3 * C * (R_K - self.limit) / (2 * (1 + eta))
        centre, radius = self.ring(R_K)
        with np.errstate(invalid="ignore"):
            off = np.sqrt(radius**2 - (t - centre) ** 2) / np.sqrt(self.weight)
        return np.where(np.isfinite(off), t, np.nan), off

    def on_axis(self) -> tuple[Numbers, Numbers]:
        """Range of t without off-diagonal C_R; nan where nothing is allowed.

        It ends at t < 0: where the ring meets t > 0, R_K* > R_K + 2.
        """
        (inner, r_inner), (outer, r_outer) = (self.ring(R) for R in self.R_K)
        centre, radius = self.disc()
        low, high = np.maximum(outer - r_outer, centre - radius), inner - r_inner
        return np.where(low <= high, low, np.nan), np.where(low <= high, high, np.nan)

    def extent(self) -> tuple[Numbers, Numbers, Numbers]:
        """(lowest t, highest t, largest off-diagonal) of the region."""
        points = [self.vertex(R) for R in self.R_K]
        points += [(t, np.zeros_like(t)) for t in self.on_axis()]
        for centre, radius in (self.disc(), self.ring(self.R_K[1])):
            top = radius / np.sqrt(self.weight)
            points += [
                (centre, top),
                (centre + radius, np.zeros_like(top)),
                (centre - radius, np.zeros_like(top)),
            ]
        t, off = (np.stack(x) for x in zip(*points, strict=True))
        with np.errstate(invalid="ignore"):
            R_K, R_Kstar = self.kernels.plane(t, off, self.weight)
            inside = margin(R_K, R_Kstar, self.R_K, self.limit) >= -_ROUNDING
        none = ~inside.any(axis=0)
        low = np.where(inside, t, np.inf).min(axis=0)
        high = np.where(inside, t, -np.inf).max(axis=0)
        widest = np.where(inside, off, -np.inf).max(axis=0)
        low, high, widest = (np.where(none, np.nan, x) for x in (low, high, widest))
        return low, high, widest

    def area(self) -> Numbers:
        """In the plane, both signs of the off-diagonal."""
        disc = self.disc()
        inner, outer = (_overlap(*self.ring(R), *disc) for R in self.R_K)
        return (outer - inner) / np.sqrt(self.weight)

    def boundary(self, points: int = 400) -> dict[str, Numbers]:
        """The edge at many t: smallest and largest off-diagonal >= 0; central kernels only."""
        low, high, _ = (float(x) for x in self.extent())
        if not np.isfinite(low):
            return dict.fromkeys(_EDGE, np.empty(0))
        ends = [low, high, *(float(t) for t in (*self.on_axis(), self.vertex(self.R_K[1])[0]))]
        t = (low + high) / 2 + (high - low) / 2 * np.cos(np.linspace(0, np.pi, points))
        t = np.unique(np.clip([*t, *(x for x in ends if np.isfinite(x))], low, high))
        squares = [r**2 - (t - c) ** 2 for c, r in (self.ring(self.R_K[1]), self.disc())]
        inner, radius = self.ring(self.R_K[0])
        low_off = np.sqrt(np.clip(radius**2 - (t - inner) ** 2, 0, None) / self.weight)
        high_off = np.sqrt(np.clip(np.minimum(*squares), 0, None) / self.weight)
        return dict(zip(_EDGE, (t, low_off, high_off), strict=True))

    def contains(self, tautau: Numbers, off: Numbers) -> Numbers:
        """Which points are in the region."""
        ratios = self.kernels.plane(tautau, off, self.weight)
        return margin(*ratios, self.R_K, self.limit) >= 0

    def lowest_R_Kstar(self) -> tuple[Numbers, Numbers]:
        """The smallest R_K* and its t: the point of the ring next to the centre of the discs.

        On the axis, at the inner edge, unless the region begins beyond that centre.
        """
        C, eta = np.asarray(self.kernels.C_SM), np.asarray(self.kernels.eta)
        low, high = self.on_axis()
        t = np.where(np.isnan(low), np.nan, np.clip(eta * C, low, high))
        return self.kernels.plane(t, np.zeros_like(t), self.weight)[1], t


def _overlap(c1: Numbers, r1: Numbers, c2: Numbers, r2: Numbers) -> Numbers:
    """Area common to two discs with centres on one axis."""
    d = abs(c2 - c1)
    with np.errstate(invalid="ignore", divide="ignore"):
        x1 = (d**2 + r1**2 - r2**2) / (2 * d)
        x2 = d - x1
        found = sum(
            r**2 * np.arccos(np.clip(x / r, -1, 1)) - x * np.sqrt(np.clip(r**2 - x**2, 0, None))
            for x, r in ((x1, r1), (x2, r2))
        )
    smaller = np.minimum(r1, r2)
    return np.where(d >= r1 + r2, 0.0, np.where(d <= abs(r1 - r2), np.pi * smaller**2, found))
