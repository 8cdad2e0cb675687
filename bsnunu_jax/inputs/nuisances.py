"""Uncertain inputs as whitened nuisances: a standard-normal vector z gives shifted `Inputs`."""

from collections.abc import Iterable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import QUARKS, TRANSITIONS, USUAL_QUARKS, get_decay
from bsnunu_jax.inputs import tables
from bsnunu_jax.inputs.detectors import ENVELOPE
from bsnunu_jax.inputs.loader import Inputs
from bsnunu_jax.inputs.sets import form_factor_set

# The masses are known to 1e-4 or better: they move no rate by more than 3e-4 of itself. f_Bs, the
# lifetime and the width difference of the Bs matter to decays of the Bs alone, those of "charged"
# to R_D, R_D* and Bs -> tau tau, "mixing" to Delta M_s, "charm" to D decays and dark matter, "Kpi"
# to windows of the K pi mass, "detector" to particles that decay in flight, and the CKM factor of
# another quark transition, in the group of its name, to its decays.
DEFAULT_GROUPS = ("ckm", "electroweak", "lifetimes", "B->K", "B->K*")
DETECTOR = "detector"
_SCALARS = {
    "ckm": ("VtbVts_abs",),
    "electroweak": ("X_t", "sin2thetaW", "GF", "alpha_em_mZ"),
    "lifetimes": ("tau_B_plus", "tau_B_0"),
    "masses": ("m_B_plus", "m_B_0", "m_K_plus", "m_K_0", "m_Kstar_plus", "m_Kstar_0"),
    "Bs": ("f_Bs", "tau_B_s", "DeltaGamma_over_Gamma_Bs"),
    "charged": ("R_D_SM", "R_Dstar_SM", "DeltaGamma_over_Gamma_Bs", "Vcb"),
    "mixing": ("f_Bs", "B1_Bs", "B4_Bs", "B5_Bs", "alpha_s_mZ", "m_t_MSbar"),
    "Kpi": ("F_S_Kpi", "norm_width_Kstar"),
    "charm": ("tau_D_0", "f_D", "m_c_mc_MSbar", "ChPT_B"),
    DETECTOR: (ENVELOPE,),
    **{
        q.name: q.uncertain or (q.ckm,) for q in QUARKS.values() if q.ckm and q.name != USUAL_QUARKS
    },
}
GROUPS = (*_SCALARS, *TRANSITIONS)


def groups_of(modes: Iterable[str | None]) -> tuple[str, ...]:
    """The groups that rates of these decays depend on, `DEFAULT_GROUPS` among them.

    None where there is no decay.

    >>> groups_of(["B+->K+", None]) == DEFAULT_GROUPS
    True
    >>> [g for g in groups_of(["Bs->phi", "B+->pi+"]) if g not in DEFAULT_GROUPS]
    ['Bs', 'b->d', 'B->pi', 'Bs->phi']
    """
    found = set(DEFAULT_GROUPS)
    for decay in (get_decay(mode) for mode in modes if mode is not None):
        found |= {getattr(decay, "transition", ""), decay.quarks}
        found |= {group for group, names in _SCALARS.items() if decay.tau_B in names}
    return tuple(g for g in GROUPS if g in found)


class Nuisances(eqx.Module):
    """Standard-normal coordinates of the uncertain inputs, one vector for all modes and data.

    Attributes:
        inputs: the central inputs.
        names: one name a coordinate; form factors as "B->K[0]", ... (columns of the Cholesky root).
        sigma: standard uncertainties of the scalar inputs.
        roots: lower Cholesky root of the covariance of each form-factor set.
    """

    inputs: Inputs
    sigma: dict[str, Float[Array, ""]]
    roots: dict[str, Float[Array, "n n"]]
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, inputs: Inputs, groups: Sequence[str] = DEFAULT_GROUPS) -> None:
        """Whiten the chosen groups of the inputs' preset.

        Args:
            inputs: central inputs from `load_inputs`.
            groups: any of `GROUPS`.

        Raises:
            InputError: for an unknown group.
        """
        unknown = [g for g in groups if g not in GROUPS]
        if unknown:
            raise InputError(
                f"unknown nuisance group {unknown[0]!r}", allowed=f"groups: {', '.join(GROUPS)}"
            )
        table = tables.numbers(inputs.preset)
        scalars = [n for g in GROUPS if g in groups for n in _SCALARS.get(g, ())]
        self.inputs = inputs
        self.sigma = {
            n: jnp.asarray(table[n].uncertainty)
            for n in scalars
            if n in table and table[n].uncertainty > 0
        }
        self.roots = {
            t: jnp.asarray(_root(form_factor_set(t, name).covariance))
            for t, name in inputs.sets
            if t in groups
        }
        self.names = (
            *self.sigma,
            *(f"{t}[{i}]" for t, root in self.roots.items() for i in range(root.shape[0])),
        )

    @property
    def size(self) -> int:
        """Number of standard-normal coordinates."""
        return len(self.names)

    def shift(self, z: Float[Array, " size"]) -> Inputs:
        """The inputs at z; z = 0 gives the central ones.

        >>> import jax.numpy as jnp
        >>> from bsnunu_jax.inputs import load_inputs
        >>> nuisances = Nuisances(load_inputs(), groups=["ckm"])
        >>> float(nuisances.shift(jnp.array([1.0])).values["VtbVts_abs"])
        0.04278
        """
        values = dict(self.inputs.values)
        for i, (name, sigma) in enumerate(self.sigma.items()):
            values[name] = values[name] + sigma * z[i]
        form_factors = dict(self.inputs.form_factors)
        start = len(self.sigma)
        for transition, root in self.roots.items():
            stop = start + root.shape[0]
            central = form_factors[transition]
            form_factors[transition] = eqx.tree_at(
                lambda ff: ff.coefficients, central, central.coefficients + root @ z[start:stop]
            )
            start = stop
        return eqx.tree_at(
            lambda i: (i.values, i.form_factors), self.inputs, (values, form_factors)
        )

    def draw(self, key: Array, n: int) -> Float[Array, "n size"]:
        """n independent draws of z; use as `jax.vmap(lambda z: f(nuisances.shift(z)))(draws)`."""
        return jax.random.normal(key, (n, self.size))


def _root(covariance: np.ndarray) -> np.ndarray:
    """Lower Cholesky root, taken of the correlation matrix: the variances span six decades."""
    sigma = np.sqrt(np.diag(covariance))
    return sigma[:, None] * np.linalg.cholesky(covariance / np.outer(sigma, sigma))
