"""Rates of all pairs of arXiv:2309.12741, at many masses and for draws of the inputs.

A rate is a sum over hadronic rows. Their hadronic half knows q2 and the inputs, the dark half q2,
mass and operator: each half is one small program for points of any number, the sum over nodes is
numpy.
"""

from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.numerics import quadrature
from bsnunu_jax.reproduce.dark import programs as programs
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.settings import Settings

# Draws of the inputs; points of q2 in one call of a program, and calls side by side.
DRAWS, _POINTS, _LANES = 200, 1024, 16


class DarkRates:
    """Rates of the families with the inputs of some settings; one instance a `Settings`.

    Attributes:
        nuisances: the uncertain inputs.
        z: the central inputs, then draws, shape (1 + DRAWS, size).
        sm: couplings of the SM and lifetimes at `z`.
    """

    def __init__(self, settings: Settings) -> None:
        """Draw."""
        self.nuisances = settings.nuisances()
        drawn = np.asarray(settings.draws("dark matter", DRAWS))
        self.z = np.concatenate([np.zeros((1, drawn.shape[1])), drawn])
        self.sm = programs.couplings(self.nuisances, self.z)
        values = settings.inputs.values
        self._meson = {k: float(values[k]) for m in MODES.values() for k in (m.m_B, m.m_K)}

    @property
    def closing(self) -> float:
        """The mass at which B+ -> K+ pair closes [GeV]."""
        return (self._meson["m_B_plus"] - self._meson["m_K_plus"]) / 2

    def q2_max(self, mode: str) -> float:
        """Endpoint [GeV^2]."""
        decay = MODES[mode]
        ends = (jnp.asarray(self._meson[k]) for k in (decay.m_B, decay.m_K))
        return float(kinematics.q2_max(*ends))

    def hadronic(self, mode: str, q2: np.ndarray, draws: int) -> Float[np.ndarray, "d n rows"]:
        """tau x hadronic rows x phase space at the first `draws` of `z`; q2 [GeV^2] is flat.

        The lifetime is in it so that sums are branching fractions.
        """
        decay = MODES[mode]
        masses = np.array([self._meson[decay.m_B], self._meson[decay.m_K]])
        chunks = -(-q2.size // _POINTS)
        nodes = _padded(q2, chunks * _POINTS).reshape(chunks, _POINTS)
        lanes = draws * chunks
        total = -(-lanes // _LANES) * _LANES
        which = np.minimum(np.arange(total), lanes - 1)
        found = [
            np.asarray(
                programs.hadronic(
                    decay.transition, self.nuisances, self.z[i // chunks], nodes[i % chunks], masses
                )
            )
            for i in which.reshape(-1, _LANES)
        ]
        rows = np.concatenate(found)[:lanes].reshape(draws, chunks * _POINTS, -1)[:, : q2.size]
        lifetimes: np.ndarray = rows * self.sm[decay.tau_B][:draws, None, None]
        return lifetimes

    def dark(self, family: str, m: np.ndarray, q2: np.ndarray) -> Float[np.ndarray, "n ops rows"]:
        """Dark rows at Lambda = 1 TeV, at points of mass [GeV] and q2 [GeV^2]."""
        chunk = _POINTS * _LANES
        found = []
        for first in range(0, m.size, chunk):
            part = slice(first, first + chunk)
            points = _padded(m[part], chunk), _padded(q2[part], chunk)
            found.append(np.asarray(programs.dark(family, self.nuisances.inputs, *points)))
        return np.concatenate(found)[: m.size]

    def totals(
        self, modes: tuple[str, ...], masses: np.ndarray, draws: int
    ) -> dict[str, dict[str, np.ndarray]]:
        """BR_NP at Lambda = 1 TeV by mode and family, shape (draws, masses, operators)."""
        found = {}
        for mode in modes:
            q2, weights = (np.asarray(a) for a in programs.pair_rule(masses, self.q2_max(mode)))
            found[mode] = self._sums(mode, masses, q2, weights, draws)
        return found

    def bins(self, masses: np.ndarray, edges: np.ndarray, draws: int) -> dict[str, np.ndarray]:
        """BR_NP(B+ -> K+) in bins of q2, by family, shape (draws, masses, bins, operators)."""
        rule = programs.pair_bins(masses, edges, self.q2_max("B+->K+"))
        q2, weights = (np.asarray(a) for a in rule)
        flat = (masses.size * (edges.size - 1), -1)
        at = np.repeat(masses, edges.size - 1)
        sums = self._sums("B+->K+", at, q2.reshape(flat), weights.reshape(flat), draws)
        shape = (draws, masses.size, edges.size - 1, -1)
        return {name: a.reshape(shape) for name, a in sums.items()}

    def _sums(
        self, mode: str, masses: np.ndarray, q2: np.ndarray, weights: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """Sums over the nodes of every mass, q2 and weights of shape (masses, nodes)."""
        n, nodes = q2.shape
        rows = self.hadronic(mode, q2.ravel(), draws).reshape(draws, n, -1)
        m, used = np.repeat(masses, nodes), programs.rows_of(mode)
        found = {}
        for name, family in FAMILIES.items():
            dark = self.dark(name, m, q2.ravel())[..., used] * weights.reshape(-1, 1, 1)
            dark = dark.reshape(n, nodes, len(family.operators), -1).transpose(0, 1, 3, 2)
            dark = dark.reshape(n, -1, len(family.operators))
            found[name] = np.matmul(rows.transpose(1, 0, 2), dark).transpose(1, 0, 2)
        return found

    def sm_totals(self, modes: tuple[str, ...], draws: int) -> dict[str, np.ndarray]:
        """BR_SM of the modes, shape (draws,)."""
        found = {}
        for mode in modes:
            q2, weights = quadrature.massless_rule(jnp.asarray(self.q2_max(mode)))
            found[mode] = self.sm_spectrum(mode, np.asarray(q2), draws) @ np.asarray(weights)
        return found

    def sm_bins(self, edges: np.ndarray, draws: int) -> Float[np.ndarray, "d bins"]:
        """BR_SM(B+ -> K+) in bins of q2."""
        end = jnp.asarray(self.q2_max("B+->K+"))
        q2, weights = quadrature.bin_rule(jnp.asarray(edges), end, programs.BIN_NODES)
        spectrum = self.sm_spectrum("B+->K+", np.asarray(q2).ravel(), draws)
        bins: np.ndarray = (
            (spectrum * np.asarray(weights).ravel()).reshape(draws, edges.size - 1, -1).sum(axis=2)
        )
        return bins

    def sm_spectrum(self, mode: str, q2: np.ndarray, draws: int) -> Float[np.ndarray, "d n"]:
        """dBR_SM/dq2 [GeV^-2] at points of q2 [GeV^2]."""
        names = [programs.ROWS[i] for i in programs.rows_of(mode)]
        rows = self.hadronic(mode, q2, draws)
        total = np.zeros(rows.shape[:2])
        for invariant, dark in programs.sm_dark(jnp.asarray(q2)).items():
            for row, weight in dark.items():
                if row in names:
                    strength = self.sm[invariant][:draws, None]
                    total += strength * rows[..., names.index(row)] * np.asarray(weight)
        return total


def dark_rates(settings: Settings) -> DarkRates:
    """Through `settings.once`; the programs are compiled beside each other."""
    found = DarkRates(settings)
    point = np.array([0.5])
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(found.hadronic, m, 5 + point, 1) for m in ("B0->K*0", "B+->K+")]
        waiting += [pool.submit(found.dark, name, point, 5 + point) for name in FAMILIES]
        for job in waiting:
            job.result()
    return found


def _padded(a: np.ndarray, size: int) -> np.ndarray:
    return np.pad(a, (0, size - a.size), mode="edge")
