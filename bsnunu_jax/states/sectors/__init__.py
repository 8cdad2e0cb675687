"""What a model has beside the invisible states: one file a sector, listed in `sectors`."""

from bsnunu_jax.states.sectors.bs_mixing import BsMixing as BsMixing
from bsnunu_jax.states.sectors.charged_current import ChargedCurrent as ChargedCurrent
from bsnunu_jax.states.sectors.charged_leptons import ChargedLeptons as ChargedLeptons
from bsnunu_jax.states.sectors.dark_scalar import DarkScalar as DarkScalar
from bsnunu_jax.states.sectors.sectors import Listening as Listening
from bsnunu_jax.states.sectors.sectors import Sectors as Sectors
from bsnunu_jax.states.sectors.sectors import sectors_of as sectors_of
