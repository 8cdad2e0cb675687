"""Models by name: named real or complex parameters -> invisible final states."""

from bsnunu_jax.models.catalogue import MODELS as MODELS
from bsnunu_jax.models.catalogue import Model as Model
from bsnunu_jax.models.catalogue import get_model as get_model
from bsnunu_jax.models.catalogue import quantity as quantity
