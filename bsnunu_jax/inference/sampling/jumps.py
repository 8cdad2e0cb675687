"""NUTS over most coordinates, jumps of one or two parameters given them.

For parameters whose posterior has plateaus, cliffs and narrow ridges, where no gradient leads from
one to another. Every step draws the parameters anew, first from a grid over all of their range,
then nearby; both leave the posterior invariant whatever the grid.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.infer.hmc import hmc, momentum_generator
from numpyro.infer.util import ParamInfo

from bsnunu_jax.inference.sampling.jump_grid import JumpGrid

Potential = Callable[[jax.Array], jax.Array]

# Points that a jump chooses from besides where it is; they go through the potential as one batch.
_CANDIDATES = 8
# Range of the scales of local jumps, in s.
_SCALES = 2e-3, 0.2
# Above any energy of interest: left at the first opportunity.
HILL = 1e6


class JumpState(NamedTuple):
    """State of a chain: NUTS in the standardised others, and the jumping parameters."""

    nuts: Any
    s: Float[Array, " d"]


class Jumps:
    """The two kernels of one chain, `start` and `step`, for parameters at these positions."""

    def __init__(self, potential: Potential, jumping: tuple[int, ...], size: int) -> None:
        """For points with `size` components."""
        self.jumping, self.others = jumping, size - len(jumping)
        order = [*jumping, *(i for i in range(size) if i not in jumping)]
        self._place = None if order == sorted(order) else np.argsort(order)
        self._potential = potential
        self._init, self._nuts = hmc(potential_fn_gen=self._given, algo="NUTS")

    def theta(self, s: Float[Array, " d"], grid: JumpGrid) -> Callable[[jax.Array], jax.Array]:
        """The point in the coordinates of the potential, as a function of the w of the others."""
        u = jnp.log(s) - jnp.log1p(-s)
        centre = grid.centre(s)

        def at(w: Float[Array, " k"]) -> Float[Array, " n"]:
            point = jnp.concatenate([u, centre + grid.root @ w])
            return point if self._place is None else point[self._place]

        return at

    def start(
        self, s: Float[Array, " d"], key: Array, grid: JumpGrid, **settings: Any
    ) -> JumpState:
        """State of a chain at these parameters; energies come with the first step."""
        key, place_key = jax.random.split(key)
        w = jax.random.normal(place_key, (self.others,))
        at = ParamInfo(w, jnp.zeros(()), jnp.zeros_like(w))
        nuts = self._init(
            at, model_args=(s, grid), rng_key=key, inverse_mass_matrix=jnp.ones_like(w), **settings
        )
        return JumpState(nuts, s)

    def step(self, state: JumpState, grid: JumpGrid) -> tuple[JumpState, dict[str, Array]]:
        """Jumps, then a NUTS transition of the others."""
        key, jump_key = jax.random.split(state.nuts.rng_key)
        s, moved = self._jump(state.s, state.nuts.z, jump_key, grid)
        nuts = self._move_others(state.nuts._replace(rng_key=key), s, grid)
        return JumpState(nuts, s), {
            "theta": self.theta(s, grid)(nuts.z),
            "potential": nuts.potential_energy,
            "diverging": nuts.diverging,
            "accept_prob": nuts.accept_prob,
            "steps": nuts.num_steps,
            "jumped": moved,
        }

    def _given(self, s: Array, grid: JumpGrid) -> Potential:
        """The potential of the standardised others at these parameters."""
        theta = self.theta(s, grid)
        return lambda w: self._potential(theta(w))

    def _move_others(self, nuts: Any, s: Array, grid: JumpGrid) -> Any:
        """Energy and gradient at the new parameters, then a NUTS transition.

        Both by one kernel, because compiling its gradient is most of the work: at rest and with a
        step of 0 it stays where it is, and from a huge energy it goes over to the exact one.
        """
        key, momentum_key = jax.random.split(nuts.rng_key)
        momentum = momentum_generator(nuts.z, nuts.adapt_state.mass_matrix_sqrt, momentum_key)

        def go(nuts: Any, moves: Array) -> tuple[Any, None]:
            step_size = jnp.where(moves, nuts.adapt_state.step_size, 0.0)
            start = nuts._replace(
                r=jnp.where(moves, momentum, 0.0),
                potential_energy=jnp.where(moves, nuts.potential_energy, HILL),
                adapt_state=nuts.adapt_state._replace(step_size=step_size),
            )
            end = self._nuts(start, model_args=(s, grid))._replace(r=None)
            here = nuts._replace(potential_energy=end.potential_energy, z_grad=end.z_grad)
            return jax.tree.map(lambda a, b: jnp.where(moves, a, b), end, here), None

        return jax.lax.scan(go, nuts._replace(rng_key=key), jnp.array([False, True]))[0]

    def _jump(self, s: Array, w: Array, key: Array, grid: JumpGrid) -> tuple[Array, Array]:
        """Two choices among candidates, from the grid and nearby, at fixed w.

        From the grid: the next point is chosen among this one and independent draws from q with
        weights density/q. Nearby: candidates are scattered around a point that is itself scattered
        around this one, all with the same symmetric kernel, and weights are the density (Tjelmeland
        2004). Both are Gibbs steps for the index of the chain's point in the set. In s at fixed w
        volumes do not change, but for the sigmoid.
        """

        def log_target(s: Array) -> Array:
            sigmoid = jnp.sum(jnp.log(s) + jnp.log1p(-s))
            return -self._given(s, grid)(w) - sigmoid

        def choose(s: Array, x: tuple[Array, Array]) -> tuple[Array, Array]:
            local, key = x
            grid_key, near_key, pick_key = jax.random.split(key, 3)
            far = grid.draw(grid_key, _CANDIDATES)
            points = jnp.concatenate([s[None], jnp.where(local, _nearby(near_key, s), far)])
            correction = jnp.where(local, 0.0, jax.vmap(grid.log_density_at)(points))
            weight = jax.vmap(log_target)(points) - correction
            weight = jnp.where(jnp.isnan(weight), -jnp.inf, weight)
            index = jax.random.categorical(pick_key, weight)
            return points[index], index > 0

        kinds = jnp.array([False, True])
        found: tuple[Array, Array] = jax.lax.scan(choose, s, (kinds, jax.random.split(key)))
        return found


def _nearby(key: Array, s: Float[Array, " d"]) -> Float[Array, "candidates d"]:
    """Candidates around a point near s, reflected at the ends of the range."""
    scale_key, place_key = jax.random.split(key)
    low, high = np.log(_SCALES)
    scale = jnp.exp(jax.random.uniform(scale_key, s.shape, minval=low, maxval=high))
    first, *shifts = jax.random.normal(place_key, (_CANDIDATES + 1, *s.shape))
    centre = _reflected(s + scale * first)
    return jnp.stack([_reflected(centre + scale * shift) for shift in shifts])


def _reflected(s: Array) -> Array:
    """Folded into 0 .. 1."""
    return 1 - jnp.abs(1 - s % 2)
