"""Rates of the package beside those of the amplitudes, for many couplings at once.

The couplings are every operator alone, every two together and all of them, with random phases and
sizes at which each operator counts as much as any other: an interference that the package lacks,
or has too many, shows.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import brute_force_pairs
import jax
import jax.numpy as jnp
import numpy as np
from brute_force_pairs import Pair

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates import of_rows

Array = np.ndarray

# Of the range of q2: the amplitudes lose digits as 1/lambda at the end and as 1/(q2 - threshold)
# at the beginning.
LOWEST_FRACTION, HIGHEST_FRACTION = 0.01, 0.99
TOLERANCE = 1e-12
Masses = list[tuple[float, float]]  # in GeV
# Mesons; of the form factors of D0 -> pi0 there is only f_0, and of K_L rates have another form.
COMPLETE = tuple(
    name
    for name, mode in MODES.items()
    if mode.spin in ("0", "1") and name != "D0->pi0" and not mode.conjugate
)
# Pairs are drawn for B decays: up to this end of m_B - m_K [GeV] their masses are scaled down.
_ROOM = 4.2


class Case(NamedTuple):
    """A final state: its amplitudes, its constructor from (m1, m2, couplings), its masses."""

    amplitudes: Pair
    state: Callable[..., Any]
    draw_masses: Callable[[np.random.Generator], Masses]
    left_out: tuple[str, ...] = ()

    @property
    def operators(self) -> list[str]:
        """Those of the package."""
        return [name for name in self.amplitudes.operators if name not in self.left_out]


def meson_masses(inputs: Inputs, mode: str) -> tuple[float, float]:
    decay = MODES[mode]
    return float(inputs.values[decay.m_B]), float(inputs.values[decay.m_K])


def draw_masses(case: Case, mode: str, inputs: Inputs, rng: np.random.Generator) -> Masses:
    """Those of the case that the decay has room for."""
    m_B, m_K = meson_masses(inputs, mode)
    scale = min(1.0, (m_B - m_K) / _ROOM)
    return [(scale * m1, scale * m2) for m1, m2 in case.draw_masses(rng)]


def form_factors(inputs: Inputs, mode: str, q2: float) -> dict[str, float]:
    """Form factors and quark masses as the amplitudes want them."""
    values = inputs.form_factors[MODES[mode].transition](jnp.asarray(q2))
    quarks = dict(zip(("m_b", "m_s"), inputs.quark_masses(MODES[mode].quarks), strict=True))
    return {name: float(value) for name, value in (values | quarks).items()}


def quadratic_forms(
    case: Case, mode: str, inputs: Inputs, q2: float, masses: tuple[float, float]
) -> Array:
    """G [K* polarization or 0, a, b] over the operators of the package."""
    forms = brute_force_pairs.quadratic_forms(
        q2,
        *meson_masses(inputs, mode),
        form_factors(inputs, mode, q2),
        case.amplitudes,
        *masses,
        vector=MODES[mode].vector,
    )
    return MODES[mode].factor * restricted(case, forms)


def restricted(case: Case, forms: Array) -> Array:
    """G without the operators that the package does not have."""
    kept = [i for i, name in enumerate(case.amplitudes.operators) if name not in case.left_out]
    return forms[..., kept, :][..., kept]


def random_couplings(form: Array, rng: np.random.Generator) -> tuple[Array, list[tuple[int, ...]]]:
    """[set, operator] for a quadratic form [a, b], and which operators are on in each set."""
    n = len(form)
    on = [(i,) for i in range(n)] + list(combinations(range(n), 2)) + [tuple(range(n))]
    diagonal = np.diag(form).real
    size = 1 / np.sqrt(np.where(diagonal > 0, diagonal, diagonal.max()))
    modulus, phase = rng.uniform(0.5, 1.5, (len(on), n)), rng.uniform(0, 2 * np.pi, (len(on), n))
    mask = np.array([[i in chosen for i in range(n)] for chosen in on])
    return np.where(mask, modulus * np.exp(1j * phase) * size, 0), on


def rates_of(form: Array, couplings: Array) -> Array:
    """sum_ab C_a conj(C_b) G_ab of every set."""
    return np.einsum("sa,sb,ab->s", couplings, couplings.conj(), form).real


def q2_points(drawn: Masses, mode: str, inputs: Inputs, rng: np.random.Generator) -> list[float]:
    """One for each pair of masses: close to both ends, then anywhere."""
    fractions = [LOWEST_FRACTION, HIGHEST_FRACTION]
    fractions += rng.uniform(LOWEST_FRACTION, HIGHEST_FRACTION, len(drawn)).tolist()
    highest = float(kinematics.q2_max(*meson_masses(inputs, mode)))
    return [
        sum(masses) ** 2 + fraction * (highest - sum(masses) ** 2)
        for masses, fraction in zip(drawn, fractions, strict=False)
    ]


def hadrons_at(mode: str, inputs: Inputs, q2: list[float]) -> list[rates.OfMode]:
    """The hadrons at every q2 as arrays, and those with a longitudinal meson alone.

    With form factors as values and without a name: transitions alike share what is compiled.
    """
    transition = MODES[mode].transition

    def at(x: float, longitudinal: bool) -> rates.OfMode:
        values = inputs.form_factors[transition](jnp.asarray(x))
        found = rates.of_mode(MODES[mode], inputs, longitudinal=longitudinal, form_factors=values)
        return replace(found, name="")

    parts = (False, True) if MODES[mode].vector else (False,)
    return [jax.tree.map(lambda *v: np.stack(v), *[at(x, part) for x in q2]) for part in parts]


@partial(jax.jit, static_argnums=(0, 1))
def package_rates(
    constructor: Callable[..., Any],
    operators: tuple[str, ...],
    hadrons: list[rates.OfMode],
    inputs: Inputs,
    q2: jax.Array,
    masses: jax.Array,
    couplings: jax.Array,
) -> list[jax.Array]:
    """dGamma/dq2 and its longitudinal part, [point, set]: one program for modes of a kind."""

    def one(
        hadrons: list[rates.OfMode], q2: jax.Array, masses: jax.Array, couplings: jax.Array
    ) -> list[jax.Array]:
        given = dict(zip(operators, couplings, strict=True))
        state = constructor(masses[0], masses[1], quarks=hadrons[0].quarks, **given)
        return [of_rows.dgamma_dq2(of, state, inputs, q2) for of in hadrons]

    return jax.vmap(jax.vmap(one, (None, None, None, 0)))(hadrons, q2, masses, couplings)


def assert_same(
    found: Array, expected: Array, on: list[tuple[int, ...]], case: Case, *, rounding: float = 0.0
) -> None:
    """Every rate to TOLERANCE of itself, where both are not 0 (up to `rounding`)."""
    vanish = (np.abs(found) <= rounding) & (expected == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(vanish, 0.0, np.abs(found / expected - 1))
    worst = int(np.argmax(deviation))
    names = "+".join(case.operators[i] for i in on[worst])
    assert deviation[worst] < TOLERANCE, f"{names}: {found[worst]!r} != {expected[worst]!r}"


def compare_spectra(case: Case, mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    """All sets of couplings at all masses: the spectrum and, for K*, its longitudinal part."""
    masses = draw_masses(case, mode, inputs, rng)
    q2 = q2_points(masses, mode, inputs, rng)
    forms = [quadratic_forms(case, mode, inputs, *point) for point in zip(q2, masses, strict=True)]
    drawn = [random_couplings(form.sum(axis=0), rng) for form in forms]
    couplings = np.array([c for c, _ in drawn])
    points = hadrons_at(mode, inputs, q2), inputs, np.array(q2), np.array(masses), couplings
    found = [np.asarray(x) for x in package_rates(case.state, tuple(case.operators), *points)]
    for point, form in enumerate(forms):
        on = drawn[point][1]
        parts = [form.sum(axis=0), form[0]][: len(found)]
        for part, values in zip(parts, found, strict=True):
            assert_same(values[point], rates_of(part, couplings[point]), on, case)
