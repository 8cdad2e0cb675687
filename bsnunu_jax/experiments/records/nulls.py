"""Null models: the spectra that number densities were made with, as BR in bins of true q2."""

from collections.abc import Callable

import jax
import numpy as np

from bsnunu_jax.experiments.histfactory.closed_form import null_br
from bsnunu_jax.experiments.histfactory.spectrum import Spectrum
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.records.layout import NullModelSection, NullSection
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import located
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model

# Of the closed form.
CONSTANTS = (
    *("GF", "inverse_alpha", "X_t", "sin2thetaW", "VtbVts_abs", "m_B", "m_K", "tau_ps"),
    *("L", "a0", "a1", "a2", "m_pole"),
)
Where = Callable[..., str]


def null_bins(
    section: NullSection, spectrum: Spectrum, table: np.ndarray | None, where: Where
) -> np.ndarray:
    """BR of the null model in the bins of a spectrum.

    Args:
        section: which it is.
        spectrum: mode, polarisation and bins.
        table: the file of a `spectrum:`.
        where: file and line of keys of the section.

    Raises:
        InputError: for a model that there is not, or constants that are not the closed form's.
    """
    if table is not None:
        return table.ravel()
    edges = np.array(spectrum.edges)
    if section.model is not None:
        return _of_model(section.model, spectrum, where)
    constants = section.constants or {}
    with located(where("constants")):
        if get_mode(spectrum.mode).spin != "0":
            raise InputError(
                f"the closed form is no rate of {spectrum.mode}",
                allowed="a mode of a pseudoscalar, or null: {spectrum: FILE}",
            )
        lacking, unknown = set(CONSTANTS) - set(constants), set(constants) - set(CONSTANTS)
        if lacking or unknown:
            raise InputError(
                f"constants {', '.join(sorted(lacking or unknown))} "
                f"{'are missing' if lacking else 'are not known'}",
                allowed=", ".join(CONSTANTS),
            )
        with np.errstate(all="ignore"):
            found = null_br(edges, constants)
        if not np.isfinite(found).all():
            raise InputError("the closed form is not finite with these constants")
    return found


def _of_model(section: NullModelSection, spectrum: Spectrum, where: Where) -> np.ndarray:
    model = get_model(section.name, where("model", "name"))
    with located(where("model")):
        inputs = load_inputs(section.preset, section.form_factors)
    model.check(tuple(section.parameters), where("model", "parameters"))
    parameters = {
        name: model.read(name, value, where("model", "parameters", name))
        for name, value in section.parameters.items()
    }

    @jax.jit
    def bins() -> jax.Array:
        return spectrum.bins(Predictions(model.build(parameters, inputs), inputs))

    return np.asarray(bins())
