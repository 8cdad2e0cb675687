"""Programs that problems share: those that differ in their arrays alone are compiled once.

What varies between problems of a kind (held values, quadratic forms, data) are JAX arrays in the
tree of a `Problem` and become arguments; everything else (names, priors, NumPy arrays, the central
inputs) is a constant that the compiler folds.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model

T = TypeVar("T")
# Kinds of problems of which the programs of one maker are kept.
_KEPT = 6
Arrays = Any
# The problem with these arrays in the place of its own.
Whole = Callable[[Arrays], Problem]


def arguments(model: Model, fixed: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Held values that may differ between problems of a kind: numbers as arrays.

    Settings stay, and 0: what is not there need not be computed.

    Args:
        model: says which numbers it must know when programs are compiled.
        fixed: parameters and settings by name.
    """
    numbers = (int, float, complex)
    return tuple(
        (name, jnp.asarray(x, dtype=complex if isinstance(x, complex) else float))
        if isinstance(x, numbers) and not isinstance(x, bool) and x and name not in model.constants
        else (name, x)
        for name, x in fixed.items()
    )


class Shared(Generic[T]):
    """What is made for the first problem of a kind and kept for those that follow."""

    def __init__(self, make: Callable[..., T]) -> None:
        """What to make, of a `Whole`, arrays for their shapes, and what else tells kinds apart."""
        self._make = make
        self._made: OrderedDict[Any, tuple[Any, T]] = OrderedDict()
        self._lock = threading.Lock()
        self._last: tuple[Any, ...] = ()

    def of(self, problem: Problem, *more: Any) -> tuple[T, Arrays]:
        """What the kind of this problem has, and the arrays of the problem."""
        if (last := self._last)[:2] == (problem, more):
            return last[2]
        # NumPy arrays are constants.
        given, constants = eqx.partition(
            problem, lambda x: isinstance(x, jax.Array), is_leaf=_is_constant
        )
        # Flat: a call of a program would take longer to flatten the tree than to run.
        arrays, tree = jax.tree.flatten(given)
        leaves, structure = jax.tree.flatten(constants, is_leaf=_is_constant)
        shapes = tuple((a.shape, str(a.dtype)) for a in arrays)

        def whole(flat: Arrays) -> Problem:
            return eqx.combine(jax.tree.unflatten(tree, flat), constants)

        key = structure, tuple(map(_identity, leaves)), shapes, more
        with self._lock:
            if key not in self._made:
                # The leaves are kept with the programs: no other object takes their identity.
                self._made[key] = leaves, self._make(whole, arrays, *more)
            self._made.move_to_end(key)
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
            self._last = problem, more, (self._made[key][1], arrays)
            return self._made[key][1], arrays


# Decorates a maker of programs.
shared = Shared


def program(function: Callable[..., T]) -> Callable[..., T]:
    """A function of a problem and of arrays, compiled once for all problems of a kind."""

    @shared
    def compiled(whole: Whole, _: Arrays) -> Any:
        return jax.jit(lambda arrays, *given: function(whole(arrays), *given))

    @wraps(function)
    def call(problem: Problem, *given: Any) -> T:
        run, arrays = compiled.of(problem)
        found: T = run(arrays, *given)
        return found

    return call


def numbers(problem: Problem) -> Hashable:
    """Equal for problems whose arrays are equal: for programs that have them as constants."""
    return tuple(map(_identity, jax.tree.leaves(eqx.filter(problem, eqx.is_array))))


def _is_constant(x: Any) -> bool:
    return isinstance(x, Nuisances)


def _identity(leaf: Any) -> Any:
    """Numbers, names and arrays are equal by value, other objects if they say so."""
    if isinstance(leaf, Nuisances):
        leaves, structure = jax.tree.flatten(leaf)
        return structure, tuple(map(_identity, leaves))
    if isinstance(leaf, np.ndarray | jax.Array):
        array = np.asarray(leaf)
        return array.shape, array.dtype.str, blake2b(array.tobytes()).digest()
    try:
        hash(leaf)
    except TypeError:
        return id(leaf)
    return type(leaf), leaf
