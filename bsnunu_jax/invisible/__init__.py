"""What recoils against the kaon: one file a kind."""

from bsnunu_jax.invisible.base import InvisibleState as InvisibleState
from bsnunu_jax.invisible.neutrinos import Neutrinos as Neutrinos
from bsnunu_jax.invisible.universal import Universal as Universal
