"""Models whose coefficients correlate b -> s + missing energy with other decays and Bs mixing."""

from bsnunu_jax.models import leptoquarks, rpv, smeft, vlq_dm, zprime
from bsnunu_jax.models.model import Model


def correlated_models() -> dict[str, Model]:
    """Models with a file of their own, by name.

    >>> list(correlated_models())
    ['S0', 'S1', 'V1', 'S2tilde', 'V2', 'rpv', 'smeft', 'zprime', 'lmu-ltau',
     'vlq-dm']
    """
    found = [*leptoquarks.MODELS, rpv.MODEL, smeft.MODEL, *zprime.MODELS, vlq_dm.MODEL]
    return {model.name: model for model in found}
