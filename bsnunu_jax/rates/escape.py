r"""Probability that a particle leaves a detector before it decays.

X has the momentum p in the rest frame of the decaying meson, which is taken to rest in the
centre-of-mass frame; that frame moves along the beam, z, with beta gamma = b. With X isotropic
there and c the cosine of its angle,

    p_z = gamma p c + b E,  p_T = p sqrt(1 - c^2),  P = 1/2 int dc exp(-(m/ctau) D(c)),

and D = min(R/p_T, z/|p_z|) for a cylinder of radius R that ends at z_f ahead and z_b behind,
D = R/|p_lab| for a sphere. The kinks, where X meets an edge of the cylinder, are ends of the
intervals that are integrated: the rule is exact to rounding and has derivatives in masses,
lifetimes and sizes. What decays inside is lost to a search for missing energy; that it may fill
another is not counted.

Neglected: the momentum of 0.33 GeV of the meson, which raises probabilities by at most 0.3 % where
they exceed 0.15 for m <= 2 GeV and by a few per cent where they are below 0.01.

`seen_in` makes of a final state with lifetimes the one whose rates are those of what leaves a
detector.
"""

from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.detectors import ENVELOPE, Detector
from bsnunu_jax.numerics.few_arguments import of_few
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import masses_at
from bsnunu_jax.states.unstable import Unstable, unstable

_NODES = 32  # per interval: 1e-13 for ends at 0.4 to 3 radii, 2e-6 at 10
# Of each of a pair, 1e-11, and of its direction: 3e-4 where one can come to rest, else 1e-13.
_NODES_OF_PAIR, _DIRECTIONS = 12, 16
_AT_REST = 1e-20  # GeV^2, so that a root has a derivative
_AT_ONCE = 1e-9  # m, so that 1/ctau has one


class Cylinder(eqx.Module):
    """A detector around the beam.

    Attributes:
        radius, forward, backward: from the interaction point to the wall and to both ends [m].
        boost: beta gamma of the centre-of-mass frame.
    """

    radius: Scalar = eqx.field(converter=as_scalar)
    forward: Scalar = eqx.field(converter=as_scalar)
    backward: Scalar = eqx.field(converter=as_scalar)
    boost: Scalar = eqx.field(converter=as_scalar)

    def intervals(self, p: Scalar, energy: Scalar) -> tuple[Array, Scalar]:
        """Ends in c of three intervals, and how far the end of the detector is for the first.

        X leaves through an end in the first, the backward one unless it is slow, through the wall
        in the second, through the forward end in the last.
        """
        gamma = jnp.sqrt(1 + self.boost**2)
        # p_z = gamma p (c + g); slow particles, g > 1, all go forward.
        g = self.boost * energy / (gamma * p)
        fast = g < 1
        first = jnp.where(fast, self.backward, self.forward)
        low, _ = _edges(gamma * self.radius / first, g)
        _, high = _edges(gamma * self.radius / self.forward, g)
        # All of them leave through the forward end: the two meet anywhere.
        none = (~fast) & (_discriminant(gamma * self.radius / self.forward, g) <= 0)
        low, high = (jnp.where(none, 0.0, c) for c in (low, high))
        one = jnp.ones_like(low)
        return jnp.stack([-one, low, high, one]), first

    def paths(self, p: Scalar, energy: Scalar, nodes: int) -> tuple[Array, Array]:
        """c-weights and path lengths over momentum [m/GeV] at so many nodes an interval."""
        x, weights_of_x = _rule(nodes)
        ends, first = self.intervals(p, energy)
        found = []
        for k, end in ((0, first), (2, self.forward)):
            half = (ends[k + 1] - ends[k]) / 2
            p_z, _ = _lab(p, energy, ends[k] + half * (1 + x), self.boost)
            found.append((half * weights_of_x / 2, end / jnp.abs(p_z)))
        # In y = artanh(c), since the wall is far in c -> +-1, where p_T is a root.
        low, high = jnp.arctanh(ends[1:3])
        half = (high - low) / 2
        y = low + half * (1 + x)
        found.append((half * weights_of_x / (2 * jnp.cosh(y) ** 2), self.radius / p * jnp.cosh(y)))
        weights, paths = zip(*found, strict=True)
        return jnp.concatenate(weights), jnp.concatenate(paths)


class Sphere(eqx.Module):
    """A detector of one radius [m] in all directions; beta gamma of the centre-of-mass frame."""

    radius: Scalar = eqx.field(converter=as_scalar)
    boost: Scalar = eqx.field(converter=as_scalar)

    def paths(self, p: Scalar, energy: Scalar, nodes: int) -> tuple[Array, Array]:
        """c-weights and path lengths over momentum [m/GeV] at all nodes."""
        x, weights = _rule(nodes)
        p_z, p_T = _lab(p, energy, x, self.boost)
        return weights / 2, self.radius / jnp.sqrt(p_z**2 + p_T**2)


Geometry: TypeAlias = Cylinder | Sphere


def between(inner: Geometry, outer: Geometry, outwards: Scalar) -> Geometry:
    """A detector of sizes between those of two of a kind: 0 is the inner, 1 the outer one."""
    found: Geometry = jax.tree.map(lambda a, b: a + outwards * (b - a), inner, outer)
    return found


def geometry_of(detector: Detector, end: str = "inner") -> Geometry:
    """The smallest or the largest size that may count.

    >>> from bsnunu_jax.inputs.detectors import detector
    >>> float(geometry_of(detector("belle2"), "outer").radius)
    3.3
    """
    radius, *ends = map(as_scalar, getattr(detector, end))
    boost = as_scalar(detector.boost)
    return Cylinder(radius, ends[0], ends[1], boost) if ends else Sphere(radius, boost)


class Escaped(Unstable):
    """A final state with lifetimes of which only what leaves a detector is counted.

    What decays inside is lost. Differentiable in masses, lifetimes and sizes.

    Attributes:
        inner: the detector.
        outer: its largest size, None where there is one.
        outwards: which size between the two it has, see `between`.
    """

    inner: Geometry
    outer: Geometry | None
    outwards: Scalar

    def __init__(
        self,
        made: Unstable,
        inner: Geometry,
        outer: Geometry | None = None,
        outwards: ArrayLike = 0.0,
    ) -> None:
        """What is produced, and the detector."""
        self.state, self.ctau = made.state, made.ctau
        self.inner, self.outer, self.outwards = inner, outer, as_scalar(outwards)

    def share(self, q2: Scalar, p_q: Scalar) -> Scalar:
        """Probability that all of it leaves.

        Args:
            q2: mass squared of all that is invisible [GeV^2].
            p_q: its momentum in the rest frame of what decays [GeV].
        """
        masses = masses_at(self.state, q2)
        if len(masses) == 1:
            masses = ()  # that of q2
        elif masses[0] is masses[1] and len(self.ctau) == 1:
            masses = masses[:1]
        given = (self.inner, self.outer, self.outwards, q2, p_q, masses, self.ctau)
        numbers, structure = jax.tree.flatten(given)

        # Quadratures of exponentials: a few numbers move them, fits have many more.
        def of_numbers(*numbers: Array) -> Array:
            return _share(*jax.tree.unflatten(structure, numbers))

        return of_few(of_numbers)(*numbers)


def _share(
    inner: Geometry,
    outer: Geometry | None,
    outwards: Scalar,
    q2: Scalar,
    p_q: Scalar,
    masses: tuple[Scalar, ...],
    ctau: tuple[Scalar | None, ...],
) -> Scalar:
    """The probability, of one particle of mass squared q2 or of two, which may be alike."""
    geometry = inner if outer is None else between(inner, outer, outwards)
    if masses:
        m_1, m_2 = masses if len(masses) == 2 else masses * 2
        ctau_1, ctau_2 = ctau if len(ctau) == 2 else ctau * 2
        return escape_of_pair(geometry, (m_1, m_2), (ctau_1, ctau_2), q2, p_q)
    if ctau[0] is None:
        return jnp.ones_like(q2)
    return escape(geometry, jnp.sqrt(q2), jnp.maximum(p_q, _AT_REST**0.5), ctau[0])


def seen_in(state: InvisibleState, detector: Detector, inputs: Inputs) -> InvisibleState:
    """What a detector sees as missing of a final state: itself, unless it has lifetimes.

    Args:
        state: the final state.
        detector: that it leaves or decays in.
        inputs: of an envelope which size counts, see `inputs.detectors`: Phi(z) of the way out.

    >>> from bsnunu_jax import TwoBody, branching_fraction, load_inputs
    >>> from bsnunu_jax.inputs.detectors import detector
    >>> inputs, made = load_inputs(), Unstable(TwoBody(1.0, S=1e-8), 1.0)
    >>> seen = seen_in(made, detector("belle2_inner"), inputs)
    >>> brs = [branching_fraction("B+->K+", s, inputs) for s in (made, seen)]
    >>> round(float(brs[1] / brs[0]), 4)
    0.5588
    """
    made = unstable(state)
    if made is None:
        return state
    inner = geometry_of(detector)
    if not detector.outer:
        return Escaped(made, inner)
    outwards = jax.scipy.special.ndtr(inputs.number(ENVELOPE))
    return Escaped(made, inner, geometry_of(detector, "outer"), outwards)


def escape(
    geometry: Geometry, m: ArrayLike, p: ArrayLike, ctau: ArrayLike, *, nodes: int = _NODES
) -> Scalar:
    """Probability that X leaves the detector.

    Args:
        geometry: the detector.
        m: mass of X [GeV].
        p: its momentum in the rest frame of the decaying meson [GeV], above 0.
        ctau: its proper lifetime [m], 0 or above; infinite for a stable one.
        nodes: of every interval of the rule.

    >>> inner = Cylinder(radius=1.25, forward=1.96, backward=1.02, boost=0.284)
    >>> [round(float(escape(inner, 1.0, 2.5, ctau)), 4) for ctau in (0.1, 1.0, jnp.inf)]
    [0.0035, 0.5562, 1.0]
    """
    m, p, ctau = as_scalar(m), as_scalar(p), as_scalar(ctau)
    weights, paths = geometry.paths(p, jnp.sqrt(m**2 + p**2), nodes)
    survive = jnp.exp(-paths * m / jnp.maximum(ctau, _AT_ONCE))
    return jnp.sum(weights * survive) / jnp.sum(weights)  # a mean: what is stable leaves


def escape_of_pair(
    geometry: Geometry,
    masses: tuple[ArrayLike, ArrayLike],
    ctau: tuple[ArrayLike | None, ArrayLike | None],
    q2: ArrayLike,
    p_q: ArrayLike,
) -> Scalar:
    """Probability that both particles of a pair leave the detector.

    Averaged over their direction in the frame of the pair as for J = 0; each is isotropic in the
    frame of the meson at its energy, as if directions were not correlated (0.6 % for P > 0.05).

    Args:
        geometry: the detector.
        masses: of the two [GeV].
        ctau: their proper lifetimes [m]; None for a stable one.
        q2: mass of the pair squared [GeV^2], above threshold.
        p_q: momentum of the pair in the rest frame of the decaying meson [GeV].

    >>> inner = Cylinder(radius=1.25, forward=1.96, backward=1.02, boost=0.284)
    >>> round(float(escape_of_pair(inner, (0.5, 0.5), (1.0, 1.0), 6.0, 1.5)), 4)
    0.2925
    """
    m_1, m_2 = (as_scalar(m) for m in masses)
    q2, p_q = as_scalar(q2), as_scalar(p_q)
    root, E_q = jnp.sqrt(q2), jnp.sqrt(q2 + p_q**2)
    E_1, E_2 = (q2 + m_1**2 - m_2**2) / (2 * root), (q2 - m_1**2 + m_2**2) / (2 * root)
    k = jnp.sqrt(jnp.maximum(E_1**2 - m_1**2, 0.0))

    def one(m: Scalar, energies: Array, lifetime: ArrayLike | None) -> Array:
        if lifetime is None:
            return jnp.ones_like(energies)
        p = jnp.sqrt(jnp.maximum(energies**2 - m**2, _AT_REST))
        return jax.vmap(lambda p: escape(geometry, m, p, lifetime, nodes=_NODES_OF_PAIR))(p)

    x, weights = np.polynomial.legendre.leggauss(_DIRECTIONS)
    first = one(m_1, (E_q * E_1 + p_q * k * x) / root, ctau[0])
    alike = masses[0] is masses[1] and ctau[0] is ctau[1]
    # Of a pair of equals the other one goes where the first one goes at -x.
    second = first[::-1] if alike else one(m_2, (E_q * E_2 - p_q * k * x) / root, ctau[1])
    return jnp.sum(weights / 2 * first * second)


def _rule(nodes: int) -> tuple[Array, Array]:
    x, weights = np.polynomial.legendre.leggauss(nodes)
    return jnp.asarray(x), jnp.asarray(weights)


def _lab(p: Scalar, energy: Scalar, c: Array, boost: Scalar) -> tuple[Array, Array]:
    """Momentum along the beam and across, in the laboratory."""
    return jnp.sqrt(1 + boost**2) * p * c + boost * energy, p * jnp.sqrt(1 - c**2)


def _discriminant(slope: Scalar, g: Scalar) -> Float[Array, ""]:
    return 1 + slope**2 * (1 - g**2)


def _edges(slope: Scalar, g: Scalar) -> tuple[Scalar, Scalar]:
    """Both c where p_T/|p_z| = R/z, with slope = gamma R/z, if there are any."""
    k, inside = slope**2, _discriminant(slope, g)
    root = jnp.sqrt(jnp.where(inside > 0, inside, 1.0))
    return (-g * k - root) / (1 + k), (-g * k + root) / (1 + k)
