"""NUTS in blocks: chains side by side on XLA devices, every finished block on disk.

A block is one compiled program, the same for warm-up and sampling, from a saved state to the next
one. A run that was killed goes on from its last block and repeats the lost steps exactly.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpyro.infer.hmc import hmc

from bsnunu_jax.errors import InputError

Progress = Callable[[int, int, int, bool], None]


@dataclass(frozen=True)
class Sampler:
    """Settings of a run; `draws` are kept per chain, `block` steps are written at a time."""

    chains: int = 4
    warmup: int = 1000
    draws: int = 1500
    target_accept: float = 0.95
    max_tree_depth: int = 10
    block: int = 250

    @property
    def blocks(self) -> int:
        """Number of blocks of the whole run."""
        return -(-self.warmup // self.block) + -(-self.draws // self.block)


@dataclass(frozen=True)
class Chains:
    """Draws in the coordinates of the problem and what the sampler did, chain by chain."""

    theta: np.ndarray
    potential: np.ndarray
    diverging: np.ndarray
    accept_prob: np.ndarray
    steps: np.ndarray


@dataclass(frozen=True)
class Branches:
    """Gaussian approximations of separate regions of the posterior.

    Attributes:
        centres: shape (branches, n).
        roots: lower roots of the covariances, shape (branches, n, n).
    """

    centres: np.ndarray
    roots: np.ndarray

    @classmethod
    def at(cls, potential: Callable[[jax.Array], jax.Array], points: np.ndarray) -> "Branches":
        """Laplace approximations at minima of the potential."""
        hessian = np.asarray(jax.jit(jax.vmap(jax.hessian(potential)))(jnp.asarray(points)))
        values, vectors = np.linalg.eigh(hessian)
        covariance = np.einsum("bik,bk,bjk->bij", vectors, 1 / np.maximum(values, 1e-3), vectors)
        return cls(np.asarray(points), np.linalg.cholesky(covariance))


def sample(
    potential: Callable[[jax.Array], jax.Array], initial: np.ndarray, sampler: Sampler, *,
    seed: int, folder: Path, progress: Progress | None = None,
    branches: Branches | None = None,
) -> Chains:  # fmt: skip
    """Draw from exp(-potential), writing each block to `folder` and taking up what is there.

    Args:
        potential: -ln density of a flat vector.
        initial: one start a chain, shape (chains, n).
        sampler: settings; warm-up and draws are rounded up to whole blocks.
        seed: seed of the run.
        folder: where the blocks are, made if absent.
        progress: called after each block with (steps done, steps in all, divergences, warm-up?).
        branches: separate regions between which the chains also jump.
    """
    folder.mkdir(parents=True, exist_ok=True)
    warmup_blocks = -(-sampler.warmup // sampler.block)
    warmup = warmup_blocks * sampler.block
    start, run_block = _kernel(potential, sampler, warmup, branches)
    paths = [folder / f"block_{i:04d}.npz" for i in range(sampler.blocks)]
    finished = next((i for i, p in enumerate(paths) if not p.is_file()), len(paths))
    keys = jax.random.split(jax.random.PRNGKey(seed), sampler.chains)
    state = None
    found: list[dict[str, np.ndarray]] = []
    for i, path in enumerate(paths):
        if i < finished:
            saved = _load(path)
        else:
            if state is None:
                state = start(jnp.asarray(initial), keys)
                if finished:
                    state = _restore(state, _load(paths[finished - 1]))
            state, record = run_block(state)
            saved = {k: np.asarray(v) for k, v in record.items()}
            leaves = jax.tree.leaves(state)
            _save(path, saved | {f"state_{k}": np.asarray(x) for k, x in enumerate(leaves)})
        found.append(saved)
        if progress and i >= finished - 1:
            divergences = sum(int(b["diverging"].sum()) for b in found[warmup_blocks:])
            total = sampler.blocks * sampler.block
            progress((i + 1) * sampler.block, total, divergences, i < warmup_blocks)
    kept = found[warmup_blocks:]
    names = ("theta", "potential", "diverging", "accept_prob", "steps")
    return Chains(*(np.concatenate([b[n] for b in kept], axis=1) for n in names))


def _kernel(
    potential: Callable[[jax.Array], jax.Array],
    sampler: Sampler,
    warmup: int,
    branches: Branches | None,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The compiled start and block, both over all chains."""
    init_kernel, step_kernel = hmc(potential, algo="NUTS")

    def init(theta: jax.Array, key: jax.Array) -> Any:
        return init_kernel(
            theta, warmup, step_size=0.1, target_accept_prob=sampler.target_accept,
            max_tree_depth=sampler.max_tree_depth, rng_key=key,
        )  # fmt: skip

    def block(state: Any) -> tuple[Any, dict[str, jax.Array]]:
        def step(state: Any, _: None) -> tuple[Any, dict[str, jax.Array]]:
            state = step_kernel(state)
            if branches is not None:
                state = _jump(potential, state, branches)
            return state, {
                "theta": state.z,
                "potential": state.potential_energy,
                "diverging": state.diverging,
                "accept_prob": state.accept_prob,
                "steps": state.num_steps,
            }

        return jax.lax.scan(step, state, None, length=sampler.block)

    # One chain a device where the devices allow it: on a CPU vmapped chains wait for one another
    # at every leap and run both branches of every condition.
    devices = max(d for d in range(1, len(jax.devices()) + 1) if sampler.chains % d == 0)
    mesh = Mesh(np.array(jax.devices()[:devices]), ("chain",))
    spec = PartitionSpec("chain")

    def over_chains(function: Callable[..., Any]) -> Callable[..., Any]:
        def local(*args: Any) -> Any:
            return jax.lax.map(lambda one: function(*one), args)

        sharded = jax.shard_map(local, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
        return jax.jit(sharded, in_shardings=NamedSharding(mesh, spec))

    return over_chains(init), over_chains(block)


def _jump(potential: Callable[[jax.Array], jax.Array], state: Any, branches: Branches) -> Any:
    """A Metropolis step from one branch to another by the map between their Gaussians.

    The ordered pair of branches is drawn without looking at the state and the map of the reverse
    pair is its inverse: with the Jacobian in the acceptance the posterior stays invariant. Where
    the posterior is near Gaussian in each branch most jumps from the right branch are accepted.
    """
    key, pair_key, accept_key = jax.random.split(state.rng_key, 3)
    number = len(branches.centres)
    first = jax.random.randint(pair_key, (), 0, number * (number - 1))
    source, target = first // (number - 1), first % (number - 1)
    target = target + (target >= source)
    centres, roots = jnp.asarray(branches.centres), jnp.asarray(branches.roots)
    standard = jax.scipy.linalg.solve_triangular(
        roots[source], state.z - centres[source], lower=True
    )
    proposal = centres[target] + roots[target] @ standard
    log_volume = jnp.sum(jnp.log(jnp.diagonal(roots, axis1=1, axis2=2)), axis=1)
    energy, gradient = jax.value_and_grad(potential)(proposal)
    log_accept = state.potential_energy - energy + log_volume[target] - log_volume[source]
    accept = jnp.log(jax.random.uniform(accept_key)) < log_accept  # False for a NaN

    def pick(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(accept, new, old)

    return state._replace(
        z=pick(proposal, state.z),
        potential_energy=pick(energy, state.potential_energy),
        z_grad=pick(gradient, state.z_grad),
        rng_key=key,
    )


def _restore(state: Any, saved: dict[str, np.ndarray]) -> Any:
    leaves, structure = jax.tree.flatten(state)
    restored = [
        jax.device_put(saved[f"state_{k}"].astype(x.dtype), x.sharding)
        for k, x in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, restored)


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write whole or not at all: a kill must not leave half a block under its final name."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {k: file[k] for k in file.files}
    except Exception as error:
        raise InputError(
            f"cannot read the sampling block ({error})", where=str(path),
            allowed="delete this and later blocks, then resume",
        ) from None  # fmt: skip
