"""Rates of all pairs of arXiv:2309.12741, at many masses and for draws of the inputs.

A rate is a sum over hadronic rows. Their hadronic half knows q2 and the inputs, the dark half q2,
mass and operator: each half is one small program for points of any number, the sum over nodes is
NumPy.
"""

from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics import quadrature
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.base import MasslessPair

# Draws of the inputs; points of q2 in a lane of the hadronic program, lanes in a call.
DRAWS, _POINTS, _LANES = 200, 1024, 16
# What K and K* see.
_SEEN = {"B->K": ("S", "V0", "V", "E"), "B->K*": ("V", "A", "E", "F")}
_ROWS = ("S", "V0", "V", "A", "E", "F")
_NODES = round(quadrature.PAIR_NODES * quadrature.NODES)
_BIN_NODES = quadrature.BIN_NODES + quadrature.MORE_BIN_NODES


# Nodes and weights [GeV^2] of every mass, shapes (masses, nodes) and (masses, bins, nodes).
_pair_rule = jax.jit(
    jax.vmap(lambda m, end: quadrature.pair_rule(m, m, end, _NODES), in_axes=(0, None))
)
_pair_bins = jax.jit(
    jax.vmap(
        lambda m, edges, end: quadrature.pair_bin_rule(edges, m, m, end, _BIN_NODES),
        in_axes=(0, None, None),
    )
)
_sm_dark = jax.jit(jax.vmap(Neutrinos().dark_rows))


class _EachRow(MasslessPair):
    """A final state whose kernels are the hadronic rows times their phase space."""

    def invariants(self, inputs: object) -> dict[str, Scalar]:
        return dict.fromkeys(_ROWS, jnp.ones(()))

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        return {row: {row: jnp.ones(())} for row in _ROWS}


class DarkRates:
    """Rates of the families with the inputs of some settings; one instance a `Settings`.

    The first of the draws are the central inputs. Rates are those at Lambda = 1 TeV.
    """

    def __init__(self, settings: Settings) -> None:
        """Draw."""
        self.nuisances, values = settings.nuisances(), settings.inputs.values
        drawn = np.asarray(settings.draws("dark matter", DRAWS))
        self._z = np.concatenate([np.zeros((1, drawn.shape[1])), drawn])
        reported = [MODES[name] for name in REPORTED]
        self._meson = {m.name: (float(values[m.m_B]), float(values[m.m_K])) for m in reported}
        self._hadronic = {t: self._of_transition(t) for t in _SEEN}
        self._dark = {name: self._of_family(name) for name in FAMILIES}

        def at(inputs: Inputs) -> dict[str, Array]:
            times = {m.tau_B: inputs.lifetime(m.tau_B) for m in reported}
            return times | Neutrinos().invariants(inputs)

        # Lifetimes [GeV^-1] and couplings of the SM of every draw.
        self._drawn = settings.drawn(at, "dark matter", DRAWS)

    @property
    def closing(self) -> float:
        """The mass at which B+ -> K+ pair closes [GeV]."""
        m_B, m_K = self._meson["B+->K+"]
        return (m_B - m_K) / 2

    def q2_max(self, mode: str) -> float:
        """Endpoint [GeV^2]."""
        return float(kinematics.q2_max(*(jnp.asarray(m) for m in self._meson[mode])))

    def hadronic(self, mode: str, q2: np.ndarray, draws: int) -> Float[np.ndarray, "d n rows"]:
        """tau x hadronic rows x phase space at the first draws; q2 [GeV^2] is flat.

        The lifetime is in it so that sums are branching fractions.
        """
        points = np.pad(q2, (0, -q2.size % _POINTS), mode="edge").reshape(-1, _POINTS)
        lanes = np.repeat(self._z[:draws], len(points), axis=0), np.tile(points, (draws, 1))
        masses = np.broadcast_to(self._meson[mode], (len(lanes[0]), 2))
        rows = self._hadronic[MODES[mode].transition](*lanes, masses)
        times = self._drawn[MODES[mode].tau_B][:draws, None, None]
        return np.asarray(rows.reshape(draws, points.size, -1)[:, : q2.size] * times)

    def totals(
        self, modes: tuple[str, ...], masses: np.ndarray, draws: int
    ) -> dict[str, dict[str, np.ndarray]]:
        """BR_NP by mode and family, shape (draws, masses, operators)."""
        found = {}
        for mode in modes:
            rule = _pair_rule(masses, self.q2_max(mode))
            q2, weights = (np.asarray(a)[:, None] for a in rule)
            sums = self._sums(mode, masses, q2, weights, draws)
            found[mode] = {name: a[:, :, 0] for name, a in sums.items()}
        return found

    def bins(
        self, mode: str, masses: np.ndarray, edges: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """BR_NP in bins of q2, by family, shape (draws, masses, bins, operators)."""
        rule = _pair_bins(masses, edges, self.q2_max(mode))
        q2, weights = (np.asarray(a) for a in rule)
        return self._sums(mode, masses, q2, weights, draws)

    def spectra(
        self, mode: str, masses: np.ndarray, q2: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """dBR_NP/dq2 [GeV^-2] at points [GeV^2], by family, (draws, masses, points, operators)."""
        points = np.broadcast_to(q2[:, None], (masses.size, q2.size, 1))
        return self._sums(mode, masses, points, np.ones(points.shape), draws)

    def _sums(
        self, mode: str, masses: np.ndarray, q2: np.ndarray, weights: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """Sums over the last axis of q2 and weights, shape (masses, sums, nodes)."""
        n, nodes = q2.shape[0] * q2.shape[1], q2.shape[2]
        rows = self.hadronic(mode, q2.ravel(), draws).reshape(draws, n, -1).transpose(1, 0, 2)
        m = np.broadcast_to(masses[:, None, None], q2.shape).ravel()
        used, found = [_ROWS.index(r) for r in _SEEN[MODES[mode].transition]], {}
        for name, program in self._dark.items():
            dark = program(m, q2.ravel())[..., used] * weights.reshape(-1, 1, 1)
            dark = dark.reshape(n, nodes, -1, len(used)).transpose(0, 1, 3, 2)
            sums = np.matmul(rows, dark.reshape(n, nodes * len(used), -1)).transpose(1, 0, 2)
            found[name] = sums.reshape(draws, *q2.shape[:2], -1)
        return found

    def sm_totals(self, modes: tuple[str, ...], draws: int) -> dict[str, np.ndarray]:
        """BR_SM of the modes, shape (draws,)."""
        found = {}
        for mode in modes:
            q2, weights = quadrature.massless_rule(jnp.asarray(self.q2_max(mode)))
            found[mode] = self.sm_spectrum(mode, np.asarray(q2), draws) @ np.asarray(weights)
        return found

    def sm_bins(self, mode: str, edges: np.ndarray, draws: int) -> Float[np.ndarray, "d bins"]:
        """BR_SM in bins of q2."""
        end = jnp.asarray(self.q2_max(mode))
        q2, weights = quadrature.bin_rule(jnp.asarray(edges), end, _BIN_NODES)
        spectrum = self.sm_spectrum(mode, np.asarray(q2).ravel(), draws)
        return np.asarray((spectrum.reshape(draws, *q2.shape) * np.asarray(weights)).sum(axis=2))

    def sm_spectrum(self, mode: str, q2: np.ndarray, draws: int) -> Float[np.ndarray, "d n"]:
        """dBR_SM/dq2 [GeV^-2] at points of q2 [GeV^2]."""
        names, rows = _SEEN[MODES[mode].transition], self.hadronic(mode, q2, draws)
        total = np.zeros(rows.shape[:2])
        for invariant, dark in _sm_dark(q2).items():
            for row, weight in dark.items():
                if row in names:
                    strength = self._drawn[invariant][:draws, None]
                    total += strength * rows[..., names.index(row)] * np.asarray(weight)
        return total

    def _of_transition(self, transition: str) -> Batched:
        """The hadronic rows of a draw z at points of q2, for the masses of B and K."""
        decay = next(m for m in MODES.values() if m.transition == transition)

        def rows(z: Array, q2: Array, masses: Array) -> Array:
            shifted = self.nuisances.shift(z)
            values = shifted.values | {decay.m_B: masses[0], decay.m_K: masses[1]}
            inputs = eqx.tree_at(lambda i: i.values, shifted, values)

            def at(s: Scalar) -> Array:
                found = rates.kernels(decay.name, _EachRow(), inputs, s)
                return jnp.stack([found[name] for name in _SEEN[transition]])

            return jax.vmap(at)(q2)

        return Batched(rows, width=_LANES, together=True)

    def _of_family(self, name: str) -> Batched:
        """Invariants x dark rows at Lambda = 1 TeV of every operator at a mass and a q2."""
        inputs = self.nuisances.inputs

        def dark(m: Scalar, q2: Scalar) -> Array:
            found = []
            for state in FAMILIES[name].pairs(m, inputs):
                strength, sums = state.invariants(inputs), dict.fromkeys(_ROWS, jnp.zeros(()))
                for invariant, rows in state.dark_rows(q2).items():
                    for row, weight in rows.items():
                        sums[row] = sums[row] + strength[invariant] * weight
                found.append(jnp.stack([sums[row] for row in _ROWS]))
            return jnp.stack(found)

        return Batched(dark, width=_POINTS * _LANES, together=True)


def dark_rates(settings: Settings) -> DarkRates:
    """Through `settings.once`; the programs are compiled beside each other."""
    found = DarkRates(settings)
    point = np.array([5.5])
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(found.hadronic, m, point, 1) for m in ("B0->K*0", "B+->K+")]
        waiting += [pool.submit(program, point, point) for program in found._dark.values()]
        for job in waiting:
            job.result()
    return found
