"""NUTS in blocks: chains side by side on XLA devices, every finished block on disk.

A block is one compiled program, the same for warm-up and sampling, from a saved state to the next
one. A run that was killed goes on from its last block and repeats the lost steps exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

from bsnunu_jax.foundation.seals import load_block, save_block
from bsnunu_jax.inference.sampling.jump_grid import JumpGrid
from bsnunu_jax.inference.sampling.jumps import HILL, Jumps

Progress = Callable[[int, int, int, bool], None]
Energies = Callable[[np.ndarray], tuple[Any, Any]]


@dataclass(frozen=True)
class Sampler:
    """Settings of a run; `draws` are kept per chain, `block` steps are written at a time.

    `jumps` names the parameters that are not moved by NUTS, see `jumps.py`.
    """

    chains: int = 4
    warmup: int = 1000
    draws: int = 1500
    target_accept: float = 0.95
    max_tree_depth: int = 10
    block: int = 250
    jumps: tuple[str, ...] | None = None

    @property
    def blocks(self) -> int:
        """Number of blocks of the whole run."""
        return -(-self.warmup // self.block) + -(-self.draws // self.block)


@dataclass(frozen=True)
class Chains:
    """Draws in the coordinates of the problem and what the sampler did, chain by chain.

    `jumped`, if parameters jump: whether they moved across the grid and nearby, last axis.
    """

    theta: np.ndarray
    potential: np.ndarray
    diverging: np.ndarray
    accept_prob: np.ndarray
    steps: np.ndarray
    jumped: np.ndarray | None = None


@dataclass(frozen=True)
class Branches:
    """Gaussian approximations of separate regions of the posterior, and lines it is flat along.

    In coordinates y in which ranges are -1 .. 1 and flat priors flat: y = tanh(x/2) where x has a
    range, else x. A region that fills its range is no Gaussian in x.

    Attributes:
        centres: shape (branches, n).
        roots: lower roots of the covariances, shape (branches, n, n).
        lines: directions, shape (lines, n).
        bounded: which components have a range, shape (n,); none if absent.
    """

    centres: np.ndarray
    roots: np.ndarray
    lines: np.ndarray | None = None
    bounded: np.ndarray | None = None

    @property
    def moves(self) -> int:
        """Moves a step: one between regions, if there are several, and one along every line."""
        return int(len(self.centres) > 1) + (0 if self.lines is None else len(self.lines))


def sample(
    potential: Callable[[jax.Array], jax.Array],
    initial: np.ndarray,
    sampler: Sampler,
    *,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
    branches: Branches | None = None,
    energies: Energies | None = None,
    scale: np.ndarray | None = None,
    program: "Program | None" = None,
    jumps: Jumps | None = None,
    grid: JumpGrid | None = None,
) -> Chains:
    """Draw from exp(-potential), writing each block to `folder` and taking up what is there.

    Args:
        potential: -ln density of a flat vector.
        initial: one start a chain, shape (chains, n); with `jumps` in s, shape (chains, d).
        sampler: settings; warm-up and draws are rounded up to whole blocks.
        seed: seed of the run.
        folder: where the blocks are, made if absent.
        progress: called after each block with (steps done, steps in all, divergences, warm-up?).
        branches: regions between which the chains also jump, and lines that they move along.
        energies: potential and gradient at many points, if there is a compiled function for it;
            an approximation does, the start is no draw.
        scale: expected standard deviations, the sampler's first guess; 1 if absent.
        program: the compiled sampler of these arguments, if it is there already.
        jumps: parameters that jump, given the others; the grid has to be there then.
        grid: from which they jump.
    """
    folder.mkdir(parents=True, exist_ok=True)
    warmup_blocks = -(-sampler.warmup // sampler.block)
    program = program or Program(potential, sampler, branches, jumps)
    paths = [folder / f"block_{i:04d}.npz" for i in range(sampler.blocks)]
    finished = next((i for i, p in enumerate(paths) if not p.exists()), len(paths))
    keys = jax.random.split(jax.random.PRNGKey(seed), sampler.chains)
    state = None
    found: list[dict[str, np.ndarray]] = []
    for i, path in enumerate(paths):
        if i < finished:
            saved = load_block(path)
        else:
            if state is None:
                if grid is not None:
                    state = program.start((initial, keys), grid)
                else:
                    energies = energies or jax.jit(jax.vmap(jax.value_and_grad(potential)))
                    state = program.start(_first(initial, energies, scale, keys), grid)
                if finished:
                    state = _restore(state, load_block(paths[finished - 1]))
            state, record = program.block((state,), grid)
            saved = {k: np.asarray(v) for k, v in record.items()}
            leaves = jax.tree.leaves(state)
            save_block(path, saved | {f"state_{k}": np.asarray(x) for k, x in enumerate(leaves)})
        found.append(saved)
        if progress and i >= finished - 1:
            divergences = sum(int(b["diverging"].sum()) for b in found[warmup_blocks:])
            total = sampler.blocks * sampler.block
            progress((i + 1) * sampler.block, total, divergences, i < warmup_blocks)
    kept = found[warmup_blocks:]
    names = (f.name for f in fields(Chains) if f.name in kept[0])
    return Chains(**{n: np.concatenate([b[n] for b in kept], axis=1) for n in names})


def _first(initial: np.ndarray, energies: Energies, scale: np.ndarray | None, keys: Any) -> tuple:
    """Arguments of `Program.start` without jumps."""
    scale = np.ones(initial.shape[1]) if scale is None else scale
    energy, gradient = energies(initial)
    # So high that the first step leaves it: from there on all energies are exact.
    return initial, energy + HILL, gradient, np.tile(scale**2, (len(initial), 1)), keys


class Program:
    """The sampler as two compiled functions over all chains: start, and one block of steps.

    Both take the arguments of all chains, and the grid that they share, None without jumps.
    """

    def __init__(
        self,
        potential: Callable[[jax.Array], jax.Array],
        sampler: Sampler,
        branches: Branches | None = None,
        jumps: Jumps | None = None,
    ) -> None:
        """Functions that compile when they are first called, or with `compile`."""
        self._chains, self._jumps = sampler.chains, jumps
        settings: dict[str, Any] = {
            "num_warmup": -(-sampler.warmup // sampler.block) * sampler.block,
            "step_size": 0.1,
            "target_accept_prob": sampler.target_accept,
            "max_tree_depth": sampler.max_tree_depth,
        }
        start: Any
        step: Any
        start, step = (jumps.start, jumps.step) if jumps else _joint(potential, branches)

        def block(state: Any, grid: JumpGrid | None) -> tuple[Any, dict[str, jax.Array]]:
            return jax.lax.scan(
                lambda state, _: step(state, grid), state, None, length=sampler.block
            )

        # One chain a device where the devices allow it: vmapped chains wait for one another at
        # every leap and run both branches of every condition.
        devices = max(d for d in range(1, len(jax.devices()) + 1) if sampler.chains % d == 0)
        mesh = Mesh(np.array(jax.devices()[:devices]), ("chain",))
        self.start = _over_chains(partial(start, **settings), mesh)
        self.block = _over_chains(block, mesh)

    def compile(self, size: int) -> "Program":
        """Compile now, for points with `size` components; returns itself."""
        points = jax.ShapeDtypeStruct((self._chains, size), float)
        energies = jax.ShapeDtypeStruct((self._chains,), float)
        keys = jax.random.split(jax.random.PRNGKey(0), self._chains)
        grid = None
        if self._jumps is None:
            state = jax.eval_shape(self.start, (points, energies, points, points, keys), grid)
        else:
            grid = JumpGrid.shaped(len(self._jumps.jumping), self._jumps.others)
            s = jax.ShapeDtypeStruct((self._chains, len(self._jumps.jumping)), float)
            state = jax.eval_shape(self.start, (s, keys), grid)
        self.block = self.block.lower((state,), grid).compile()
        return self


def _joint(
    potential: Callable[[jax.Array], jax.Array], branches: Branches | None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Start and step of one chain with NUTS over all coordinates."""
    init_kernel, step_kernel = hmc(potential, algo="NUTS")

    def start(
        theta: jax.Array,
        energy: jax.Array,
        gradient: jax.Array,
        variance: jax.Array,
        key: jax.Array,
        _: None,
        **settings: Any,
    ) -> Any:
        return init_kernel(
            ParamInfo(theta, energy, gradient),
            inverse_mass_matrix=variance,
            rng_key=key,
            **settings,
        )

    def step(state: Any, _: None) -> tuple[Any, dict[str, jax.Array]]:
        state = step_kernel(state)
        if branches is not None:
            state = _moved(potential, state, branches)
        return state, {
            "theta": state.z,
            "potential": state.potential_energy,
            "diverging": state.diverging,
            "accept_prob": state.accept_prob,
            "steps": state.num_steps,
        }

    return start, step


def _over_chains(function: Callable[..., Any], mesh: Mesh) -> Any:
    """The function for all chains, spread over the devices, with arguments that they share."""
    spec, everywhere = PartitionSpec("chain"), PartitionSpec()

    def local(of_chains: tuple, shared: Any) -> Any:
        def one(chain: tuple) -> Any:
            return function(*chain, shared)

        # An accelerator has room for all chains at once, so waiting for one another costs less.
        in_turn = jax.default_backend() == "cpu"
        return jax.lax.map(one, of_chains) if in_turn else jax.vmap(one)(of_chains)

    sharded = jax.shard_map(
        local, mesh=mesh, in_specs=(spec, everywhere), out_specs=spec, check_vma=False
    )
    return jax.jit(
        sharded, in_shardings=(NamedSharding(mesh, spec), NamedSharding(mesh, everywhere))
    )


def _moved(potential: Callable[[jax.Array], jax.Array], state: Any, branches: Branches) -> Any:
    """Metropolis steps between the regions and along the lines, one gradient compiled for all.

    Between regions by the map between their Gaussians: the ordered pair is drawn without looking
    at the state and the map of the reverse pair is its inverse. Along a line to any point of it
    inside the ranges with equal probability. With the Jacobians in the acceptance both leave the
    posterior invariant; where it is near Gaussian in each region, or flat on the lines, most are
    accepted.
    """
    size = branches.centres.shape[1]
    bounded = np.zeros(size, bool) if branches.bounded is None else branches.bounded
    lines = jnp.zeros((0, size)) if branches.lines is None else jnp.asarray(branches.lines)
    regions = int(len(branches.centres) > 1)

    def log_slopes(x: jax.Array) -> jax.Array:
        slopes = jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x)
        return jnp.sum(jnp.where(bounded, slopes, 0.0))

    def move(state: Any, kind: jax.Array) -> tuple[Any, None]:
        key, place_key, accept_key = jax.random.split(state.rng_key, 3)
        y = jnp.where(bounded, jnp.tanh(state.z / 2), state.z)
        proposal, log_volume = y, jnp.zeros(())
        if len(lines):
            proposal = _along(place_key, y, lines[jnp.maximum(kind - regions, 0)], bounded)
        if regions:
            there, volume = _across(place_key, y, branches)
            proposal = jnp.where(kind == 0, there, proposal)
            log_volume = jnp.where(kind == 0, volume, 0.0)
        inside = jnp.all(~bounded | (jnp.abs(proposal) < 1))
        safe = jnp.where(inside, proposal, y)
        z = jnp.where(bounded, 2 * jnp.arctanh(jnp.where(bounded, safe, 0.0)), safe)
        energy, gradient = jax.value_and_grad(potential)(z)
        log_accept = state.potential_energy - energy + log_volume
        log_accept += log_slopes(state.z) - log_slopes(z)
        # False for a NaN
        accept = inside & (jnp.log(jax.random.uniform(accept_key)) < log_accept)

        def pick(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(accept, new, old)

        return state._replace(
            z=pick(z, state.z),
            potential_energy=pick(energy, state.potential_energy),
            z_grad=pick(gradient, state.z_grad),
            rng_key=key,
        ), None

    return jax.lax.scan(move, state, jnp.arange(branches.moves))[0]


def _across(key: jax.Array, y: jax.Array, branches: Branches) -> tuple[jax.Array, jax.Array]:
    """The point that corresponds to y in another region, and ln of the ratio of the volumes."""
    number = len(branches.centres)
    first = jax.random.randint(key, (), 0, number * (number - 1))
    source, target = first // (number - 1), first % (number - 1)
    target = target + (target >= source)
    centres, roots = jnp.asarray(branches.centres), jnp.asarray(branches.roots)
    standard = jax.scipy.linalg.solve_triangular(roots[source], y - centres[source], lower=True)
    log_volume = jnp.sum(jnp.log(jnp.diagonal(roots, axis1=1, axis2=2)), axis=1)
    return centres[target] + roots[target] @ standard, log_volume[target] - log_volume[source]


def _along(key: jax.Array, y: jax.Array, line: jax.Array, bounded: np.ndarray) -> jax.Array:
    """Any point of the line through y inside the ranges."""
    moving = bounded & (line != 0)
    step = jnp.where(moving, line, 1.0)
    ends = jnp.stack([(-1 - y) / step, (1 - y) / step])
    back = jnp.max(jnp.where(moving, jnp.min(ends, axis=0), -jnp.inf))
    forth = jnp.min(jnp.where(moving, jnp.max(ends, axis=0), jnp.inf))
    return y + jax.random.uniform(key, (), minval=back, maxval=forth) * line


def _restore(state: Any, saved: dict[str, np.ndarray]) -> Any:
    leaves, structure = jax.tree.flatten(state)
    restored = [
        jax.device_put(saved[f"state_{k}"].astype(x.dtype), x.sharding)
        for k, x in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, restored)
