"""Rates of all pairs of arXiv:2309.12741, at many masses and for draws of the inputs.

Integrals over q2 are quadratic forms of the form-factor coefficients (`rates.forms`), one a mass
and an operator, so that a draw of the inputs costs a matrix product.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import MODES, REPORTED, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.numerics.quadrature import BIN_NODES, MORE_BIN_NODES
from bsnunu_jax.observables.branching import branching_fraction, branching_fraction_bins, dbr_dq2
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import by_state, forms
from bsnunu_jax.rates.tabulated import Request
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos

# Draws of the inputs; points of spectra in a call.
DRAWS, _POINTS = 200, 16384


class DarkRates:
    """Rates of the families with the inputs of some settings; one instance a `Settings`.

    The first of the draws are the central inputs. Rates are those at Lambda = 1 TeV.
    """

    def __init__(self, settings: Settings) -> None:
        """Draw."""
        self.nuisances = settings.nuisances()
        drawn = np.asarray(settings.draws("dark matter", DRAWS))
        self._z = np.concatenate([np.zeros((1, drawn.shape[1])), drawn])
        self._drawn = partial(settings.drawn, name="dark matter", n=DRAWS)
        # Of every draw what a form is contracted with, the lifetime included.
        self._products = self._drawn(_products)
        self._forms = cache(self._compiled)

    @property
    def closing(self) -> float:
        """The mass at which B+ -> K+ pair closes [GeV]."""
        values, mode = self.nuisances.inputs.values, MODES["B+->K+"]
        return float(values[mode.m_B] - values[mode.m_K]) / 2

    def totals(
        self, modes: tuple[str, ...], masses: np.ndarray, draws: int
    ) -> dict[str, dict[str, np.ndarray]]:
        """BR_NP by mode and family, shape (draws, masses, operators)."""
        found = self._integrated([(mode, None) for mode in modes], masses, draws)
        return dict(zip(modes, found, strict=True))

    def bins(
        self, mode: str, masses: np.ndarray, edges: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """BR_NP in bins of q2, by family, shape (draws, masses, bins, operators)."""
        (found,) = self._integrated([(mode, edges.tobytes())], masses, draws)
        return {name: a.swapaxes(2, 3) for name, a in found.items()}

    def spectra(
        self, mode: str, masses: np.ndarray, q2: np.ndarray, draws: int
    ) -> dict[str, np.ndarray]:
        """dBR_NP/dq2 [GeV^-2] at points [GeV^2], by family, (draws, masses, points, operators)."""

        def one(m: Scalar, q2: Scalar, z: Array) -> dict[str, Array]:
            inputs = self.nuisances.shift(z)
            tau = inputs.lifetime(get_mode(mode).tau_B)
            found = {}
            for name, family in FAMILIES.items():
                pairs = family.pairs(m, inputs)
                (sums,) = by_state(pairs, inputs, lambda p: [rates.kernels(mode, p, inputs, q2)])
                found[name] = tau * sums
            return found

        d, i, k = (a.ravel() for a in np.indices((draws, masses.size, q2.size)))
        found = Batched(one, width=_POINTS, together=True)(masses[i], q2[k], self._z[d])
        return {n: a.reshape(draws, masses.size, q2.size, -1) for n, a in found.items()}

    def sm_totals(self, modes: tuple[str, ...], draws: int) -> dict[str, np.ndarray]:
        """BR_SM of the modes, shape (draws,)."""

        def of_sm(inputs: Inputs) -> dict[str, Scalar]:
            return {mode: branching_fraction(mode, Neutrinos(), inputs) for mode in modes}

        return {mode: br[:draws] for mode, br in self._drawn(of_sm).items()}

    def sm_bins(self, mode: str, edges: np.ndarray, draws: int) -> Float[np.ndarray, "d bins"]:
        """BR_SM in bins of q2."""
        binned = partial(branching_fraction_bins, mode, Neutrinos(), edges=jnp.asarray(edges))
        nodes = BIN_NODES + MORE_BIN_NODES
        found: np.ndarray = self._drawn(lambda inputs: binned(inputs, nodes=nodes))
        return found[:draws]

    def sm_spectrum(self, mode: str, q2: np.ndarray, draws: int) -> Float[np.ndarray, "d n"]:
        """dBR_SM/dq2 [GeV^-2] at points of q2 [GeV^2]; curves begin with 0 at q2 = 0."""

        def of_sm(inputs: Inputs) -> Array:
            return jax.vmap(lambda s: dbr_dq2(mode, Neutrinos(), inputs, s))(jnp.asarray(q2))

        found: np.ndarray = np.where(q2 > 0, self._drawn(of_sm), 0.0)
        return found[:draws]

    def _integrated(
        self, requests: Sequence[Request], masses: np.ndarray, draws: int
    ) -> list[dict[str, np.ndarray]]:
        """BR_NP of every request by family, shape (draws, masses, operators) and bins, if any."""
        known = self._forms(tuple(requests))(masses)
        return [
            {
                name: np.tensordot(self._products[mode][:draws], of_family[k], (1, 2))
                for name, of_family in known.items()
            }
            for k, (mode, _) in enumerate(requests)
        ]

    def _compiled(self, requests: tuple[Request, ...]) -> Batched:
        """The forms of every operator at a mass, by family and in the order of the requests."""
        inputs = self.nuisances.inputs

        def one(m: Scalar) -> dict[str, list[Array]]:
            return {
                name: by_state(
                    family.pairs(m, inputs),
                    inputs,
                    lambda pair: [found.arrays for found in _ordered(pair, inputs, requests)],
                )
                for name, family in FAMILIES.items()
            }

        return Batched(one, together=True)


def _ordered(pair: Any, inputs: Inputs, requests: Sequence[Request]) -> list[Any]:
    found = forms(pair, inputs, requests)
    return [found[request] for request in requests]


def _products(inputs: Inputs) -> dict[str, Array]:
    """Lifetime times the products of form-factor coefficients, by mode."""
    b = {transition: ff.linear for transition, ff in inputs.form_factors.items()}
    return {
        m.name: inputs.lifetime(m.tau_B) * jnp.outer(b[m.transition], b[m.transition]).ravel()
        for m in (MODES[name] for name in REPORTED)
    }


def dark_rates(settings: Settings) -> DarkRates:
    """Through `settings.once`."""
    return DarkRates(settings)
