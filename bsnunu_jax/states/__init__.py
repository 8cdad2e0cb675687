"""What recoils against the kaon: one file a kind."""

from bsnunu_jax.states.base import InvisibleState as InvisibleState
from bsnunu_jax.states.base import MasslessPair as MasslessPair
from bsnunu_jax.states.base import States as States
from bsnunu_jax.states.base import each_state as each_state
from bsnunu_jax.states.fermion_pair import FermionPair as FermionPair
from bsnunu_jax.states.massive_pair import MassivePair as MassivePair
from bsnunu_jax.states.mediated import Mediated as Mediated
from bsnunu_jax.states.mediated_neutrinos import MediatedNeutrinos as MediatedNeutrinos
from bsnunu_jax.states.neutrinos import Neutrinos as Neutrinos
from bsnunu_jax.states.resonance import Resonance as Resonance
from bsnunu_jax.states.resonance import TwoBody as TwoBody
from bsnunu_jax.states.scalar_pair import ScalarPair as ScalarPair
from bsnunu_jax.states.scaled import Scaled as Scaled
from bsnunu_jax.states.sterile_neutrino import SterileNeutrino as SterileNeutrino
from bsnunu_jax.states.universal import Universal as Universal
from bsnunu_jax.states.unstable import Unstable as Unstable
from bsnunu_jax.states.vector_line import DerivativeLine as DerivativeLine
from bsnunu_jax.states.vector_line import VectorLine as VectorLine
from bsnunu_jax.states.vector_pair import VectorPair as VectorPair
