"""Directions in which nothing that is measured can change: scalings and joint changes of sign."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES
from bsnunu_jax.inference.problem.parameters import model_parameters
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import reads
from bsnunu_jax.rates.kernels import all_invariants
from bsnunu_jax.states.sectors import Sectors

# Relative size below which a derivative or a change counts as 0.
_ZERO = 1e-9
_POINTS = 4
_MOST_PARAMETERS = 7


def scalings(problem: Problem) -> list[dict[str, int]]:
    """Powers of a with which parameters can be scaled together: x_i -> a^(power_i) x_i.

    Found from what the model hands to the observables (invariants and kinematics of the final
    states, all other coefficients) at random points: its logarithmic derivatives have the direction
    in their null space everywhere. Whole powers up to 2, for at most seven parameters.
    """
    names, values = [p.name for p in problem.parameters], _points(problem)
    if len(names) < 2 or len(names) > _MOST_PARAMETERS:
        return []

    def content(ln: Float[Array, " n"], signs: Float[Array, " n"]) -> Float[Array, " k"]:
        return _content(problem, signs * jnp.exp(ln))

    logs, signs = jnp.log(jnp.abs(values)), jnp.sign(values)
    slopes = np.asarray(jax.jit(jax.vmap(jax.jacfwd(content)))(logs, signs))
    sizes = np.abs(np.asarray(jax.jit(jax.vmap(content))(logs, signs)))
    matrix = (slopes / np.maximum(sizes, 1e-300)[..., None]).reshape(-1, len(names))
    _, singular, rows = np.linalg.svd(matrix[np.isfinite(matrix).all(axis=1)], full_matrices=True)
    full = np.zeros(len(names))
    full[: singular.size] = singular
    null = rows[full <= _ZERO * max(np.max(full), 1.0)]
    return [dict(zip(names, powers, strict=True)) for powers in _whole(null)]


def reflections(problem: Problem) -> list[tuple[str, ...]]:
    """Smallest sets of parameters whose joint change of sign changes nothing that is measured.

    Parameters on one side of 0 cannot change it; folded ones may follow, without a word.
    """
    found: list[tuple[str, ...]] = []
    free = [
        i
        for i, p in enumerate(problem.parameters)
        if not p.mirror and p.prior.range[0] < 0 < p.prior.range[1]
    ]
    if not free or len(free) > _MOST_PARAMETERS:
        return found
    values = np.asarray(_points(problem))
    content = jax.jit(jax.vmap(lambda v: _content(problem, v)))
    there = np.asarray(content(jnp.asarray(values)))
    folded = [i for i, p in enumerate(problem.parameters) if p.mirror]
    for flipped in _subsets(free):
        names = tuple(problem.parameters[i].name for i in flipped)
        if any(set(known) <= set(names) for known in found):
            continue
        for followers in ((), *_subsets(folded)):
            signs = np.ones(len(problem.parameters))
            signs[[*flipped, *followers]] = -1.0
            here = np.asarray(content(jnp.asarray(values * signs)))
            if np.allclose(here, there, rtol=_ZERO, atol=0):
                found.append(names)
                break
    return found


def built_shape(problem: Problem) -> Any:
    """What the model builds, with shapes in place of numbers."""
    return jax.eval_shape(
        lambda v: problem.model.build(
            dict(problem.fixed) | model_parameters(problem.parameters, v), problem.nuisances.inputs
        ),
        jnp.zeros(len(problem.parameters)),
    )


def is_correlated(problem: Problem) -> bool:
    """Whether the model builds `Sectors`: its couplings enter in products."""
    return isinstance(built_shape(problem), Sectors)


class Symmetries:
    """The scalings of a model whose couplings enter in products; none of other models."""

    def __init__(self, problem: Problem) -> None:
        """Search for them, a second of compilation."""
        self.problem = problem
        self.scalings = scalings(problem) if is_correlated(problem) else []
        self._content = jax.jit(lambda values: _content(problem, values))

    def directions(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, "k n"]:
        """Derivatives of the values along every scaling."""
        powers = [list(s.values()) for s in self.scalings]
        return np.array(powers, dtype=float).reshape(len(powers), len(values)) * values

    def equal(self, one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> bool:
        """Whether two points predict the same to 1 %: they lie on one flat line."""
        if not self.scalings:
            return False
        a, b = (np.asarray(self._content(jnp.asarray(v))) for v in (one, other))
        return bool(np.allclose(a, b, rtol=1e-2, atol=1e-8 * np.abs(a).max()))


def described(problem: Problem, flat: list[dict[str, int]]) -> list[str]:
    """One line for every symmetry of a model whose couplings enter in products.

    Args:
        problem: its model and parameters.
        flat: its scalings.
    """
    if not is_correlated(problem):
        return []
    lines = []
    for powers in flat:
        moved = ", ".join(
            f"{name} -> {name} {'/' if power < 0 else 'x'} a{f'^{abs(power)}' * (abs(power) > 1)}"
            for name, power in powers.items()
            if power
        )
        lines.append(f"Flat direction: {moved} changes nothing; along it the prior alone decides.")
    lines += [
        f"Mirror images: {' and '.join(names)} can change sign{' together' * (len(names) > 1)}; "
        "signs are shown as sampled."
        for names in reflections(problem)
    ]
    return lines


def _points(problem: Problem) -> Float[Array, "points n"]:
    """Random values inside the ranges, none of them 0."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1.5, 1.5, (_POINTS, len(problem.parameters)))
    return jax.vmap(problem.values)(jnp.asarray(u))


def _content(problem: Problem, values: Float[Array, " n"]) -> Float[Array, " k"]:
    """All numbers that the model hands to the observables at the central inputs."""
    predictions = problem.predictions_at(values, jnp.zeros(problem.size - len(values)))
    read = reads(problem)
    beside = {k: c for k, c in predictions.sectors.given.items() if k in read.sectors}
    modes = (*MODES, *ANNIHILATIONS) if read.observed else sorted({m for m, *_ in read.requests})
    states: list[Any] = [all_invariants(s, predictions.inputs, modes) for s in predictions.states]
    rows = [s.dark_rows(jnp.asarray(4.0)) for s in predictions.states if s.has_spectrum]
    leaves = jax.tree.leaves((states, rows, beside))
    parts = [part for x in leaves for part in (jnp.real(x).ravel(), jnp.imag(x).ravel())]
    return jnp.concatenate(parts)


def _subsets(indices: list[int]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(indices) + 1):
        yield from combinations(indices, size)


def _whole(null: np.ndarray) -> list[list[int]]:
    """Independent vectors of small whole numbers in the null space."""
    if not len(null):
        return []
    n = null.shape[1]
    outside = np.eye(n) - null.T @ null
    found: list[list[int]] = []
    grid = np.array(np.meshgrid(*[np.arange(-2, 3)] * n, indexing="ij")).reshape(n, -1).T
    order = np.argsort(np.abs(grid).sum(axis=1), kind="stable")
    for powers in grid[order]:
        first = powers[np.nonzero(powers)[0][:1]]
        if not first.size or first[0] < 0 or np.abs(outside @ powers).max() > 1e-6:
            continue
        if np.linalg.matrix_rank(np.array([*found, powers.tolist()])) > len(found):
            found.append(powers.tolist())
        if len(found) == len(null):
            break
    return found
