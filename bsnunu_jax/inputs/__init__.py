"""Every number of the package, with unit, uncertainty, correlation and source."""

from bsnunu_jax.inputs.loader import Inputs as Inputs
from bsnunu_jax.inputs.loader import load_inputs as load_inputs
from bsnunu_jax.inputs.nuisances import GROUPS as GROUPS
from bsnunu_jax.inputs.nuisances import Nuisances as Nuisances
from bsnunu_jax.inputs.sets import form_factor_sets as form_factor_sets
from bsnunu_jax.inputs.tables import Number as Number
from bsnunu_jax.inputs.tables import numbers as numbers
from bsnunu_jax.inputs.tables import presets as presets
