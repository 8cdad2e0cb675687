"""Branching fractions as quadratic polynomials in Wilson coefficients, with draws of the inputs.

At fixed masses a rate is a sum of invariants, quadratic in the coefficients, times integrated
kernels. The kernels are made once for all monomials of a draw.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.exchange import names as wcxf
from bsnunu_jax.exchange.variables import check, kind, quarks_of, variables_of
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, get_decay
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.numerics.quadratic import monomials, quadratic
from bsnunu_jax.observables.catalogue import RATIOS, get_observable
from bsnunu_jax.observables.observable import Observable, uncertain
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, each_state

# What a polynomial may differ by from the observable, of the sum of its terms.
_ROUNDING = 1e-11
_PROBES = 3
_CHUNK = 100
_DECAYS = (*(f"{mode}inv" for mode in MODES), *ANNIHILATIONS)
ALLOWED = tuple(
    name for kind in ("BR(%s)", "BR_NP(%s)") for name in (kind % decay for decay in _DECAYS)
) + tuple(RATIOS)
Key = tuple[str, str, str]
Vector = Float[Array, " d"]


@dataclass(frozen=True)
class Polynomials:
    """Observables sum_k coefficient_k monomial_k in real and imaginary parts of parameters.

    Attributes:
        observables: names.
        parameters: name in the file -> "C" for complex ones, "R" for real ones.
        keys: monomials in the order of POPxf, e.g. ("CL_bsnuenue", "CR_bsnuenue", "II").
        central: shape (monomials, observables).
        draws: the same of every draw of the inputs, shape (draws, monomials, observables), if any.
        model: the model.
        fixed: its other parameters.
        inputs: the central inputs.
        nuisances: what the draws vary, if any.
        seed: of the draws.
    """

    observables: tuple[str, ...]
    parameters: Mapping[str, str]
    keys: tuple[Key, ...]
    central: np.ndarray
    draws: np.ndarray | None
    model: str
    fixed: Mapping[str, Any]
    inputs: Inputs = field(repr=False)
    nuisances: Nuisances | None = field(default=None, repr=False)
    seed: int = 1

    @property
    def std(self) -> np.ndarray:
        """Standard deviations over the draws, shape (monomials, observables); rounding is 0."""
        assert self.draws is not None
        found = self.draws.std(axis=0, ddof=1)
        return np.where(found > 1e-13 * np.abs(self.central), found, 0.0)

    @property
    def correlations(self) -> np.ndarray:
        """Shape (observables, observables, monomials, monomials); 0 where a deviation is 0."""
        assert self.draws is not None
        std = self.std
        off = self.draws - self.draws.mean(axis=0)
        scaled = np.where(std > 0, off / np.where(std > 0, std, 1.0), 0.0)
        flat = scaled.reshape(len(off), -1)
        found = (flat.T @ flat / (len(off) - 1)).reshape(*std.shape, *std.shape)
        return np.clip(found.transpose(1, 3, 0, 2), -1.0, 1.0)


def quadratic_polynomials(
    observables: Sequence[str],
    *,
    model: str = "neutrinos",
    fixed: Mapping[str, Any] | None = None,
    parameters: Sequence[str] | None = None,
    inputs: Inputs | None = None,
    errors: int | None = None,
    seed: int = 1,
) -> Polynomials:
    """The polynomials of observables.

    Args:
        observables: BR(...), BR_NP(...), R_K_nunu, R_Kstar_nunu; they keep the spelling given here.
        model: name of the model.
        fixed: parameters and settings that are no variables, by name.
        parameters: variables; by default of the model `neutrinos` the 18 coefficients of the basis
            flavio in each quark transition of the observables, of a pair model all operators.
            Names are the model's, or those of the file.
        inputs: numbers.
        errors: number of draws of the inputs.
        seed: of the draws.

    Raises:
        InputError: for another observable, or one that is not quadratic in the parameters.
    """
    inputs = load_inputs() if inputs is None else inputs
    fixed = dict(fixed or {})
    spelling = {get_observable(name).name: name for name in observables}
    chosen = [get_observable(name) for name in spelling]
    for o in chosen:
        if o.name not in ALLOWED:
            raise InputError(
                f"{o.name} is no polynomial of coefficients", allowed=f"one of {', '.join(ALLOWED)}"
            )
    the_model = get_model(model, "--model")
    of_observables = {o.name: get_decay(o.mode or "").quarks for o in chosen}
    variables = variables_of(the_model, fixed, parameters, list(of_observables.values()))
    _refuse_elsewhere(of_observables, quarks_of(the_model, fixed, variables))
    kinds = {ours: kind(the_model, fixed, variables, ours) for ours in variables.values()}
    check(the_model, fixed, variables)
    coordinates = [
        (name, part)
        for name, ours in variables.items()
        for part in ("RI" if kinds[ours] == "C" else "R")
    ]

    def build(x: Vector, inputs: Inputs) -> Any:
        of_neutrinos = wcxf.QUARKS_OF if model == "neutrinos" else {}
        scale = {
            name: 1 / wcxf.wcxf_over_ours(inputs, quarks)
            for name, quarks in of_neutrinos.items()
            if name in variables
        }
        given = dict(fixed)
        for k, (name, part) in enumerate(coordinates):
            value = scale.get(name, 1.0) * x[k] * (1j if part == "I" else 1.0)
            ours = variables[name]
            real = kinds[ours] == "R"
            given[ours] = value if real else given.get(ours, 0.0) + value
        return the_model.build(given, inputs)

    expand, order = _expansion(chosen, build, len(coordinates))
    nuisances, z = None, np.zeros((1, 0))
    if errors is not None:
        nuisances = Nuisances(inputs, uncertain(chosen))
        z = np.asarray(nuisances.draw(jax.random.key(seed), errors))
        # The central point is one more draw: one program does for all.
        z = np.concatenate([np.zeros((1, z.shape[1])), z])
    shift = nuisances.shift if nuisances else lambda _: inputs
    found = _each(lambda z: expand(shift(z)), z)
    central = found.coefficients[0]
    _check_degree(chosen, found, [name for name, _ in coordinates], order)
    kept = np.flatnonzero((central != 0).any(axis=1))
    keys = [_key(*(coordinates[i] for i in order[k])) for k in kept]
    sort = sorted(range(len(keys)), key=keys.__getitem__)
    kept, keys = kept[sort], [keys[k] for k in sort]
    draws = found.coefficients[1:, kept] if nuisances else None
    return Polynomials(
        tuple(spelling.values()),
        {name: kinds[ours] for name, ours in variables.items()},
        tuple(keys),
        central[kept],
        draws,
        model,
        fixed,
        inputs,
        nuisances,
        seed,
    )


def _refuse_elsewhere(observables: Mapping[str, str], quarks: set[str]) -> None:
    """Every observable is of a quark transition that some variable belongs to."""
    for name, own in observables.items():
        if own not in quarks:
            raise InputError(
                f"{name} is of {own}, the coefficients of the polynomial are of "
                f"{', '.join(sorted(quarks))}",
                where="--parameters",
                allowed=f"observables of these, or coefficients of {own}",
            )


class _Expansion(NamedTuple):
    """An expansion and what checks it.

    Attributes:
        coefficients: shape (monomials, observables).
        probes: the observables at `_PROBES`, shape (probes, observables).
        moved: what the kernels differ by between points, of themselves.
    """

    coefficients: Any
    probes: Any
    moved: Any


def _expansion(
    observables: Sequence[Observable], build: Callable[[Vector, Inputs], Any], d: int
) -> tuple[Callable[[Inputs], _Expansion], list[tuple[int, ...]]]:
    """The expansion at given inputs, and the coordinates of its monomials."""
    mode_of = [o.mode or "" for o in observables]
    modes = list(dict.fromkeys(mode_of))
    over_sm = {m for m, o in zip(mode_of, observables, strict=True) if o.name[:3] != "BR("}
    order = [(), *monomials(d)]
    points = jnp.asarray(_points(d))

    def expand(inputs: Inputs) -> _Expansion:
        def kernels_at(x: Vector) -> dict[str, list[dict[str, Array]]]:
            states = each_state(build(x, inputs))
            return {m: [rates.integrated_kernels(m, s, inputs) for s in states] for m in modes}

        # Kernels are those of all coefficients, unless a mass is a variable.
        several = jax.vmap(kernels_at)(points[:2])
        kernels = jax.tree.map(lambda k: k[0], several)
        moved = [
            jnp.where(k[0] == k[1], 0.0, jnp.abs(k[1] / k[0] - 1)) for k in jax.tree.leaves(several)
        ]
        decays = {m: get_decay(m) for m in modes}
        tau = {m: rates.lifetime(decay, inputs) for m, decay in decays.items()}
        states = each_state(build(points[0], inputs))
        sm = {}
        for m in over_sm:
            same = [k for s, k in zip(states, kernels[m], strict=True) if isinstance(s, Neutrinos)]
            kernel = same[0] if same else rates.integrated_kernels(m, Neutrinos(), inputs)
            sm[m] = tau[m] * rates.contract(rates.invariants(m, Neutrinos(), inputs), kernel)

        def values(x: Vector) -> Array:
            states = each_state(build(x, inputs))
            total = {
                m: tau[m]
                * sum(
                    rates.contract(rates.invariants(m, s, inputs), k)
                    for s, k in zip(states, kernels[m], strict=True)
                )
                for m in decays
            }
            found = []
            for m, o in zip(mode_of, observables, strict=True):
                value = total[m]
                if o.name.startswith("BR_NP"):
                    value = value - sm[m]
                elif o.name.startswith("R_"):
                    value = value / sm[m]
                found.append(value)
            return jnp.stack(found)

        found = quadratic(values, jnp.zeros(d))
        coefficients = jnp.concatenate([found.value[:, None], found.coefficients], axis=1).T
        return _Expansion(
            coefficients,
            jax.vmap(values)(points),
            jnp.stack(moved).max() if moved else jnp.zeros(()),
        )

    return expand, order


def _points(d: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 1, size=(_PROBES, d))


def _each(function: Callable[[Any], _Expansion], z: np.ndarray) -> _Expansion:
    """The function of every row, in equal chunks."""
    chunks = math.ceil(len(z) / _CHUNK)
    return Batched(function, width=math.ceil(len(z) / chunks), together=True)(z)


def _check_degree(
    observables: Sequence[Observable],
    found: _Expansion,
    names: Sequence[str],
    order: Sequence[tuple[int, ...]],
) -> None:
    """Compare with sums of invariants and kernels at some points.

    Raises:
        InputError: if they are no such polynomials.
    """
    x, central = _points(len(names)), found.coefficients[0]
    monomials = np.stack([np.prod(x[:, list(m)], axis=1) for m in order], axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(monomials @ central - found.probes[0])
        size = np.abs(monomials) @ np.abs(central)
        good = np.isfinite(central).all(axis=0) & (off <= _ROUNDING * size).all(axis=0)
    good &= not found.moved[0] > _ROUNDING
    for o, fine in zip(observables, good, strict=True):
        if not fine:
            shown = ", ".join(dict.fromkeys(names))
            raise InputError(
                f"{o.name} is not quadratic in {shown}",
                where="--parameters",
                allowed="fix some with --set",
            )


def _key(*factors: tuple[str, str]) -> Key:
    """The monomial in the order of POPxf: names sorted, padded with 1."""
    a, b = sorted([*factors, *[("", "R")] * (2 - len(factors))])
    return a[0], b[0], a[1] + b[1]
