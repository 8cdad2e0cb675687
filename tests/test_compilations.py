"""Programs are compiled once, not once for every value of a mass or coupling, point or chunk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from jax import monitoring

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.form_factors import FormFactors
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.fits.profile_map import profile_map
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.observables.public import omega
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.runs.project import run_project
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan
from bsnunu_jax.states import FermionPair, Neutrinos, ScalarPair

pytestmark = pytest.mark.usefixtures("no_cache")

EVENT = "/jax/core/compile/backend_compile_duration"
_seen: list[str] = []


def _note(event: str, _duration: float, **_more: object) -> None:
    if event == EVENT:
        _seen.append(event)


@pytest.fixture(scope="module", autouse=True)
def listener() -> Iterator[None]:
    monitoring.register_event_duration_secs_listener(_note)
    yield
    monitoring.unregister_event_duration_listener(_note)


@contextmanager
def compilations() -> Iterator[Callable[[], int]]:
    before = len(_seen)
    yield lambda: len(_seen) - before


def scan_card(path: Path, **design: object) -> ScanCard:
    content = {
        "title": "t",
        "model": "fermion-pair",
        "fixed": {"operator": "V1"},
        "design": design,
        "observables": ["R_K_nunu", "R_Kstar_nunu"],
        "chunk": 50,
    }
    path.write_text(yaml.safe_dump(content))
    return ScanCard(path)


def test_the_listener_counts() -> None:
    with compilations() as count:
        jax.jit(lambda x: x * 3.25 + 1)(jnp.ones(3))
    assert count() > 0


def test_values_of_masses_and_couplings(inputs: Inputs) -> None:
    @jax.jit
    def value(m: jax.Array, c: jax.Array) -> jax.Array:
        states = [Neutrinos(CR=jnp.zeros((3, 3)).at[2, 2].set(c)), FermionPair(m, V1=1e-8)]
        return branching_fraction("B+->K+", states, inputs)

    points = np.linspace(0.1, 2.0, 8)
    value(jnp.asarray(points[0]), jnp.asarray(points[0]))
    arguments = [(jnp.asarray(m), jnp.asarray(-3 * m)) for m in points]
    with compilations() as count:
        for m, c in arguments:
            value(m, c)
    assert count() == 0
    many = jax.jit(lambda m: chunked_vmap(lambda m: value(m, -m), m, chunk=4))
    first, second = jnp.asarray(points), jnp.asarray(points / 2)
    many(first)
    with compilations() as count:
        many(second)
    assert count() == 0


def test_points_and_chunks_of_a_scan(tmp_path: Path) -> None:
    """Two chunks of 4 masses, then ten of 20: the same programs."""
    few = {"m": {"linspace": [0.1, 2.0, 4]}, "Lambda": {"logspace": [2.0, 20.0, 25]}}
    many = {"m": {"linspace": [0.0, 2.3, 20]}, "Lambda": {"logspace": [1.0, 10.0, 25]}}
    numbers = []
    for k, axes in enumerate((few, many)):
        jax.clear_caches()  # both begin with nothing compiled
        card = scan_card(tmp_path / f"{k}.yaml", parameters=axes)
        with compilations() as count:
            run_scan(card, tmp_path / str(k), quiet=True)
        numbers.append(count())
    assert 0 < numbers[1] <= numbers[0]


PLANE = """
title: plane
model: neutrinos
inputs: {preset: default, nuisances: [ckm]}
parameters:
  CR_tautau: {prior: {uniform: [-27, 19]}}
  CR_mutau: {prior: {uniform: [0, 30]}, mirror: true, also: [CR_taumu]}
data: [belle2_2023_br]
best_fit: {starts: 4}
"""


def test_points_of_a_profile_map(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(PLANE)
    problem = Card(path).problem
    fit = best_fit(problem)
    numbers = []
    for n in (3, 6):
        jax.clear_caches()
        axes = [np.linspace(-20.0, 5.0, n), np.linspace(0.0, 12.0, n)]
        with compilations() as count:
            profile_map(problem, ["CR_tautau", "CR_mutau"], axes, fit=fit)
        numbers.append(count())
    assert 0 < numbers[1] <= numbers[0]


PAIR = """
title: pairs
model: scalar-pair
inputs: {preset: default, nuisances: []}
parameters:
  Lambda: {prior: {log_uniform: [1.0, 30.0]}}
fixed: {m: 0.3, operator: V}
data: [belle_2017_Kstar0]
best_fit: {starts: 4}
"""


def test_masses_of_a_projection(tmp_path: Path) -> None:
    """Held values are arguments: further masses compile nothing."""
    path = tmp_path / "card.yaml"
    path.write_text(PAIR)
    card, numbers = Card(path), []
    for k, masses in enumerate((["0.3"], ["0.5", "0.9"])):
        with compilations() as count:
            found = run_project(
                card,
                tmp_path / str(k),
                luminosities=[5.0],
                parameter="Lambda",
                settings={"m": masses},
                quiet=True,
            )
        assert [point["set"]["m"] for point in found["points"]] == [float(m) for m in masses]
        numbers.append(count())
    assert numbers[0] > 0
    assert numbers[1] == 0


def test_a_public_function_is_one_program(inputs: Inputs) -> None:
    states = [Neutrinos(), FermionPair(0.7, V1=1e-8)]
    omega([Neutrinos(), FermionPair(0.6, V1=2e-8), Neutrinos()], inputs)  # constants of the package
    with compilations() as count:
        omega(states, inputs)
    assert count() == 1
    again = [Neutrinos(), FermionPair(0.9, V1=3e-8)]
    with compilations() as count:
        omega(again, inputs)
    assert count() == 0


def test_modes_that_differ_in_numbers_are_traced_once(inputs: Inputs) -> None:
    traced: list[Scalar] = []

    class Counted(eqx.Module):
        given: FormFactors

        def __call__(self, q2: Scalar) -> dict[str, Scalar]:
            traced.append(q2)
            return self.given(q2)

    counted = eqx.tree_at(lambda i: i.form_factors["B->K"], inputs, replace_fn=Counted)
    for m, mode in ((0.3, "B+->K+"), (0.3, "B0->K0"), (0.7, "B+->K+")):
        found = rates.gamma(mode, ScalarPair(m, V=1e-8), counted)
        assert float(found) == float(rates.gamma(mode, ScalarPair(m, V=1e-8), inputs)) > 0
    assert len(traced) == 1
