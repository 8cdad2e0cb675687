"""Differentiable b -> s + missing energy: from couplings to Belle II's likelihood in JAX.

Natural units of GeV inside; branching fractions and rates are free functions of (mode, states,
inputs), so that `jax.grad`, `jax.vmap` and `jax.jit` apply as they are. Importing the package
switches JAX to 64-bit numbers.
"""

from bsnunu_jax import process as _process

_process.begin_if_command()  # while JAX is imported, too

from bsnunu_jax.precision import enable_float64

enable_float64()

__version__ = "0.1.0"

from bsnunu_jax.batch import chunked_vmap as chunked_vmap
from bsnunu_jax.errors import InputError as InputError
from bsnunu_jax.inputs import Inputs as Inputs
from bsnunu_jax.inputs import Nuisances as Nuisances
from bsnunu_jax.inputs import load_inputs as load_inputs
from bsnunu_jax.invisible import FermionPair as FermionPair
from bsnunu_jax.invisible import Neutrinos as Neutrinos
from bsnunu_jax.invisible import Resonance as Resonance
from bsnunu_jax.invisible import ScalarPair as ScalarPair
from bsnunu_jax.invisible import Scaled as Scaled
from bsnunu_jax.invisible import SterileNeutrino as SterileNeutrino
from bsnunu_jax.invisible import TwoBody as TwoBody
from bsnunu_jax.invisible import Universal as Universal
from bsnunu_jax.invisible import VectorPair as VectorPair
from bsnunu_jax.models import get_model as get_model
from bsnunu_jax.modes import MODES as MODES
from bsnunu_jax.observables import OBSERVABLES as OBSERVABLES
from bsnunu_jax.observables import branching_fraction as branching_fraction
from bsnunu_jax.observables import branching_fraction_bins as branching_fraction_bins
from bsnunu_jax.observables import branching_fraction_np as branching_fraction_np
from bsnunu_jax.observables import dbr_dq2 as dbr_dq2
from bsnunu_jax.observables import eta as eta
from bsnunu_jax.observables import get_observable as get_observable
from bsnunu_jax.observables import longitudinal_fraction as longitudinal_fraction
from bsnunu_jax.observables import longitudinal_fraction_at as longitudinal_fraction_at
from bsnunu_jax.observables import ratio_to_sm as ratio_to_sm
from bsnunu_jax.sectors import Sectors as Sectors
from bsnunu_jax.spectra import efficiency_weighted_spectrum as efficiency_weighted_spectrum
from bsnunu_jax.spectra import normalised_spectrum as normalised_spectrum
from bsnunu_jax.spectra import omega as omega

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
