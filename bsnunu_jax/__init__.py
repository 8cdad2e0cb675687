"""Differentiable b -> s + missing energy: from couplings to Belle II's likelihood in JAX.

Natural units of GeV inside; branching fractions and rates are free functions of (mode, states,
inputs), so that `jax.grad`, `jax.vmap` and `jax.jit` apply as they are. Importing the package
switches JAX to 64-bit numbers.
"""

from bsnunu_jax.foundation import process as _process

_process.begin_if_command()  # while JAX is imported, too

from bsnunu_jax.foundation.precision import enable_float64

enable_float64()

from bsnunu_jax.foundation import old_names as _old_names

_old_names.install()

from bsnunu_jax.foundation.errors import InputError as InputError
from bsnunu_jax.foundation.version import __version__ as __version__
from bsnunu_jax.hadrons.transitions import MODES as MODES
from bsnunu_jax.inputs import Inputs as Inputs
from bsnunu_jax.inputs import Nuisances as Nuisances
from bsnunu_jax.inputs import load_inputs as load_inputs
from bsnunu_jax.models import get_model as get_model
from bsnunu_jax.numerics.batch import chunked_vmap as chunked_vmap
from bsnunu_jax.observables.catalogue import OBSERVABLES as OBSERVABLES
from bsnunu_jax.observables.catalogue import get_observable as get_observable
from bsnunu_jax.observables.public import branching_fraction as branching_fraction
from bsnunu_jax.observables.public import branching_fraction_bins as branching_fraction_bins
from bsnunu_jax.observables.public import branching_fraction_np as branching_fraction_np
from bsnunu_jax.observables.public import dbr_dq2 as dbr_dq2
from bsnunu_jax.observables.public import (
    efficiency_weighted_spectrum as efficiency_weighted_spectrum,
)
from bsnunu_jax.observables.public import eta as eta
from bsnunu_jax.observables.public import longitudinal_fraction as longitudinal_fraction
from bsnunu_jax.observables.public import longitudinal_fraction_at as longitudinal_fraction_at
from bsnunu_jax.observables.public import normalised_spectrum as normalised_spectrum
from bsnunu_jax.observables.public import omega as omega
from bsnunu_jax.observables.public import ratio_to_sm as ratio_to_sm
from bsnunu_jax.states import FermionPair as FermionPair
from bsnunu_jax.states import Neutrinos as Neutrinos
from bsnunu_jax.states import Resonance as Resonance
from bsnunu_jax.states import ScalarPair as ScalarPair
from bsnunu_jax.states import Scaled as Scaled
from bsnunu_jax.states import SterileNeutrino as SterileNeutrino
from bsnunu_jax.states import TwoBody as TwoBody
from bsnunu_jax.states import Universal as Universal
from bsnunu_jax.states import Unstable as Unstable
from bsnunu_jax.states import VectorPair as VectorPair
from bsnunu_jax.states.sectors import Sectors as Sectors

__all__ = [
    "MODES",
    "OBSERVABLES",
    "FermionPair",
    "InputError",
    "Inputs",
    "Neutrinos",
    "Nuisances",
    "Resonance",
    "ScalarPair",
    "Scaled",
    "Sectors",
    "SterileNeutrino",
    "TwoBody",
    "Universal",
    "Unstable",
    "VectorPair",
    "branching_fraction",
    "branching_fraction_bins",
    "branching_fraction_np",
    "chunked_vmap",
    "dbr_dq2",
    "efficiency_weighted_spectrum",
    "eta",
    "get_model",
    "get_observable",
    "load_inputs",
    "longitudinal_fraction",
    "longitudinal_fraction_at",
    "normalised_spectrum",
    "omega",
    "ratio_to_sm",
]
