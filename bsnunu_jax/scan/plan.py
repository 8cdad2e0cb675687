"""How the numbers of a scan are computed, chosen by what the integrated kernels depend on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments import Predictions
from bsnunu_jax.inference.problem.tabulate import depends
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.rates.kernels import Request
from bsnunu_jax.scan.design import Axis, Design, Index
from bsnunu_jax.scan.forms import QuadraticForms, quadratic_forms
from bsnunu_jax.scan.study import LOG_LIKELIHOOD, Coordinates, Study, Tables

# Most rows of a table of kernels over masses.
_ROWS = 20_000
# Points in flight: what of a point stays in the cache. Quadratures have many nodes.
_BLOCK_OF_NODES, _BLOCK = 128, 1024

# State by state, in the order of the requests.
Kernels = list[list[dict[str, Array]]]


class Source(Enum):
    """Where the integrated kernels of a state come from."""

    FIXED = "integrated once"
    GRID = "integrated once for every mass of the grid"
    POINT = "integrated at every point"


@dataclass(frozen=True, eq=False)
class Plan:
    """The way that was chosen.

    Attributes:
        study: what is computed.
        design: at which points.
        requests: the integrated kernels that are read, state by state.
        sources: where those of every state come from.
        grid: the axes that a table of kernels runs over.
        kernels: those that are known; for GRID with the rows of the table first.
        forms: numbers that are polynomials of the parameters then.
    """

    study: Study
    design: Design
    requests: tuple[tuple[Request, ...], ...]
    sources: tuple[Source, ...]
    grid: tuple[str, ...]
    kernels: Kernels
    forms: QuadraticForms | None

    @property
    def path(self) -> str:
        """One line for people."""
        if self.forms and set(self.forms.names) == set(self.study.names):
            return "polynomials of the parameters, kernels integrated once"
        worst = max(self.sources, key=list(Source).index, default=Source.FIXED)
        if worst is Source.POINT and self.study.nuisances.size:
            return "kernels integrated at every point, with inputs of its own"
        return f"kernels {worst.value}"

    @property
    def known(self) -> tuple[Nuisances, Kernels, QuadraticForms | None]:
        """What `columns` takes beside the index: arguments, or XLA would fold them for long."""
        return self.study.nuisances, self.kernels, self.forms

    def columns(self, known: Any, index: Index) -> dict[str, Float[Array, " n"]]:
        """All columns at these points: coordinates, nuisances, numbers."""
        nuisances, kernels, forms = known
        x, z = self.design.values(index), self.design.normals(index)
        found = x | {f"z[{n}]": z[:, k] for k, n in enumerate(self.study.nuisance_names)}
        numbers = forms([x[a.name] for a in self.design.axes]) if forms else {}
        others = [n for n in self.study.names if n not in numbers]
        if others:
            rows = self.design.row(self.grid, index).astype(int)

            def point(x: Coordinates, z: Array, row: Array) -> dict[str, Array]:
                return self.study.numbers(nuisances, x, z, self.tables(kernels, row), others)

            block = _BLOCK_OF_NODES if Source.POINT in self.sources else _BLOCK
            if jax.default_backend() != "cpu":
                block = len(index)
            numbers |= chunked_vmap(point, x, z, rows, chunk=block)
        return found | {n: numbers[n] for n in self.study.names}

    def tables(self, kernels: Kernels, row: Array) -> Tables:
        """The known kernels of one point."""
        found = []
        for source, asked, k in zip(self.sources, self.requests, kernels, strict=True):
            own = jax.tree.map(lambda table: table[row], k) if source is Source.GRID else k
            found.append(dict(zip(asked, own, strict=bool(own))))
        return found

    def per_point(self) -> "Plan":
        """The same numbers from a quadrature at every point."""
        nothing: Kernels = [[] for _ in self.sources]
        points = (Source.POINT,) * len(self.sources)
        return replace(self, sources=points, grid=(), kernels=nothing, forms=None)


def make_plan(study: Study, design: Design) -> Plan:
    """Choose: the one place where a scan decides how it computes.

    Kernels that depend on no coordinate are integrated once; those that depend on axes of a grid
    alone (masses) once for every point of that grid; all others at every point. Where all of them
    are fixed, numbers that are quadratic in the parameters are polynomials.
    """
    x = {a.name: jnp.asarray((a.low + a.high) / 2) for a in design.axes}
    requests = tuple(tuple(sorted(r, key=repr)) for r in study.requests(x))
    found: list[Source] = []
    needed: set[str] = set()
    for state, asked in enumerate(requests):
        axes = _dependence(study, design.axes, x, state, asked)
        on_grid = {a.name for a in design.axes if a.size and a.name in axes}
        rows = np.prod([a.size for a in design.axes if a.name in needed | on_grid])
        if not axes:
            found.append(Source.FIXED)
        elif on_grid == axes and rows <= min(_ROWS, design.number):
            needed |= on_grid
            found.append(Source.GRID)
        else:
            found.append(Source.POINT)
    grid = tuple(a.name for a in design.axes if a.name in needed)
    plan = Plan(study, design, requests, tuple(found), grid, [], None)
    plan = replace(plan, kernels=_integrated(plan, x))
    return replace(plan, forms=_forms(plan))


def _kernels(
    study: Study,
    nuisances: Nuisances,
    x: Coordinates,
    z: Array,
    state: int,
    requests: Sequence[Request],
) -> list[dict[str, Array]]:
    """Integrated kernels of one state at one point."""
    invisible = study.sectors(nuisances, x, z).invisible[state]
    predictions = Predictions((invisible,), nuisances.shift(z[: nuisances.size]))
    return [predictions.kernels(r)[0] for r in requests]


def _dependence(
    study: Study, axes: Sequence[Axis], x: Coordinates, state: int, requests: Sequence[Request]
) -> set[str]:
    """The axes that the kernels of this state depend on, "z" for drawn inputs."""
    z = jnp.zeros(len(study.nuisance_names))

    def kernels(at: Coordinates) -> list[dict[str, Array]]:
        own = {k: v for k, v in at.items() if k != "z"}
        return _kernels(study, study.nuisances, own, at["z"], state, requests)

    given = {**x, "z": z}
    candidates = [a.name for a in axes] + ["z"] * (study.nuisances.size > 0)
    if not depends(kernels, given, set(candidates)):
        return set()
    return {name for name in candidates if depends(kernels, given, {name})}


def _integrated(plan: Plan, x: Coordinates) -> Kernels:
    """The kernels that do not depend on the point, and the tables over masses."""
    study, grid = plan.study, [a for a in plan.design.axes if a.name in plan.grid]

    def of(source: Source, nuisances: Nuisances, x: Coordinates) -> Kernels:
        z = jnp.zeros(len(study.nuisance_names))
        return [
            _kernels(study, nuisances, x, z, i, asked) if s is source else []
            for i, (s, asked) in enumerate(zip(plan.sources, plan.requests, strict=True))
        ]

    once = jax.jit(lambda n, x: of(Source.FIXED, n, x))(study.nuisances, x)
    table: Kernels = [[] for _ in once]
    if grid:
        sub = Design(tuple(grid), 1, False, 0)
        masses = sub.values(jnp.arange(sub.number, dtype=jnp.uint64))
        table = jax.jit(
            lambda n, x, masses: chunked_vmap(
                lambda m: of(Source.GRID, n, {**x, **m}), masses, chunk=_BLOCK_OF_NODES
            )
        )(study.nuisances, x, masses)
    return [fixed or masses for fixed, masses in zip(once, table, strict=True)]


def _forms(plan: Plan) -> QuadraticForms | None:
    study, axes = plan.study, plan.design.axes
    names = [n for n in study.names if n != LOG_LIKELIHOOD]
    if not names or study.nuisances.size or set(plan.sources) - {Source.FIXED}:
        return None
    z = jnp.zeros(len(study.nuisance_names))

    def numbers(x: Float[Array, " d"]) -> Float[Array, " names"]:
        at = {a.name: x[k] for k, a in enumerate(axes)}
        tables = plan.tables(plan.kernels, jnp.zeros((), dtype=int))
        found = study.numbers(study.nuisances, at, z, tables, names)
        return jnp.stack([found[n] for n in names])

    low, high = (np.array([getattr(a, end) for a in axes]) for end in ("low", "high"))
    return quadratic_forms(numbers, names, low, high)
