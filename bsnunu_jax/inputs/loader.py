"""`Inputs`: the traced side of the tables, one frozen pytree that every rate takes."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.precision import require_float64
from bsnunu_jax.hadrons.form_factors import BCL, BSZ, FormFactors
from bsnunu_jax.hadrons.transitions import TRANSITIONS
from bsnunu_jax.inputs import tables

_PARAMETRISATIONS: Mapping[str, Callable[..., FormFactors]] = {"BSZ": BSZ, "BCL": BCL}


class Inputs(eqx.Module):
    """Central or shifted inputs of every rate: differentiate, vmap or replace any of them.

    Attributes:
        values: scalars under their published names ("m_B_plus", "GF", ...) in GeV, ps, 1.
        form_factors: callables of q2 by transition, "B->K" and "B->K*".
        preset: name of the preset (static).
        sets: name of the form-factor set of each transition (static).
        roles: which number is alpha_hamiltonian, alpha_sm, m_b, m_s (static).
    """

    values: dict[str, Scalar]
    form_factors: dict[str, Any]
    preset: str = eqx.field(static=True)
    sets: tuple[tuple[str, str], ...] = eqx.field(static=True)
    roles: tuple[tuple[str, str], ...] = eqx.field(static=True)

    def role(self, name: str) -> Scalar:
        """The number that plays this role in the preset, e.g. "m_b" [GeV]."""
        return self.values[dict(self.roles)[name]]

    @property
    def C_L_SM(self) -> Scalar:
        """C_L^SM = -(X_t/s_W^2) alpha_sm/alpha_hamiltonian, Eq. (9) of arXiv:2309.12741."""
        ratio = self.role("alpha_sm") / self.role("alpha_hamiltonian")
        return -self.values["X_t"] / self.values["sin2thetaW"] * ratio

    @property
    def N_0(self) -> Scalar:
        """|4 GF/sqrt2 VtbVts* alpha/(4 pi)| of Eq. (7) of arXiv:2309.12741 [GeV^-2]."""
        prefactor = 4 * self.values["GF"] / jnp.sqrt(2.0) * self.values["VtbVts_abs"]
        return prefactor * self.role("alpha_hamiltonian") / (4 * jnp.pi)

    def lifetime(self, name: str) -> Scalar:
        """The lifetime called `name` in GeV^-1."""
        return self.values[name] * 1e-12 / self.values["hbar"]


def load_inputs(preset: str = "default", form_factors: Mapping[str, str] | None = None) -> Inputs:
    """The central inputs of a preset, with form-factor sets of your choice.

    Args:
        preset: "default", "paper", "flavio", "eos" or "hpqcd".
        form_factors: set by transition, e.g. {"B->K*": "bsz2015v2_lcsr"}; others as in the preset.

    Raises:
        InputError: for an unknown preset, transition or set, or in single precision.

    >>> inputs = load_inputs("default")
    >>> round(float(inputs.C_L_SM), 4)
    -6.3484
    """
    require_float64()
    description = tables.preset(preset)
    usual = {name: t.usual for name, t in TRANSITIONS.items() if t.usual}
    sets = usual | description["form_factors"] | dict(form_factors or {})
    return Inputs(
        values={k: jnp.asarray(n.value) for k, n in tables.numbers(preset).items()},
        form_factors={t: _form_factors(t, name) for t, name in sets.items()},
        preset=preset,
        sets=tuple(sets.items()),
        roles=tuple(description["roles"].items()),
    )


def _form_factors(transition: str, name: str) -> FormFactors:
    table = tables.form_factor_set(transition, name)
    return _PARAMETRISATIONS[table.parametrisation](
        coefficients=jnp.asarray(table.central),
        masses={k: jnp.asarray(m) for k, m in table.masses.items()},
        names=table.parameters,
        transition=transition,
    )
