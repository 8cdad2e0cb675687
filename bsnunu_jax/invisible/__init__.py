"""What recoils against the kaon: one file a kind."""

from bsnunu_jax.invisible.base import InvisibleState as InvisibleState
from bsnunu_jax.invisible.base import MasslessPair as MasslessPair
from bsnunu_jax.invisible.base import States as States
from bsnunu_jax.invisible.base import each_state as each_state
from bsnunu_jax.invisible.fermion_pair import FermionPair as FermionPair
from bsnunu_jax.invisible.massive_pair import MassivePair as MassivePair
from bsnunu_jax.invisible.neutrinos import Neutrinos as Neutrinos
from bsnunu_jax.invisible.resonance import Resonance as Resonance
from bsnunu_jax.invisible.resonance import TwoBody as TwoBody
from bsnunu_jax.invisible.scalar_pair import ScalarPair as ScalarPair
from bsnunu_jax.invisible.scaled import Scaled as Scaled
from bsnunu_jax.invisible.sterile_neutrino import SterileNeutrino as SterileNeutrino
from bsnunu_jax.invisible.tabulated import Tabulated as Tabulated
from bsnunu_jax.invisible.universal import Universal as Universal
from bsnunu_jax.invisible.vector_pair import VectorPair as VectorPair
