"""`Inputs`: the traced side of the tables, one frozen pytree that every rate takes."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.precision import require_float64
from bsnunu_jax.hadrons.families import FAMILIES
from bsnunu_jax.hadrons.form_factors import FormFactors
from bsnunu_jax.hadrons.transitions import TRANSITIONS, USUAL_QUARKS, Quarks, get_quarks, normalised
from bsnunu_jax.inputs import tables
from bsnunu_jax.inputs.sets import form_factor_set, form_factor_sets


class Inputs(eqx.Module):
    """Central or shifted inputs of every rate: differentiate, vmap or replace any of them.

    Attributes:
        values: scalars under their published names ("m_B_plus", "GF", ...) in GeV, ps, 1.
        form_factors: callables of q2 by transition, e.g. "B->K" and "B->K*".
        preset: name of the preset (static).
        sets: name of the form-factor set of each transition (static).
        chosen: transitions whose set the preset or the user names, others have their usual one
            (static).
        roles: which number is alpha_hamiltonian, that of single transitions, alpha_sm, m_b, m_s
            (static).
        time_integrated: rates of the Bs have its mixing (static).
    """

    values: dict[str, Scalar]
    form_factors: dict[str, Any]
    preset: str = eqx.field(static=True)
    sets: tuple[tuple[str, str], ...] = eqx.field(static=True)
    roles: tuple[tuple[str, str], ...] = eqx.field(static=True)
    chosen: tuple[str, ...] = eqx.field(static=True, default=())
    time_integrated: bool = eqx.field(static=True, default=True)

    def role(self, name: str) -> Scalar:
        """The number that plays this role in the preset, e.g. "m_b" [GeV]."""
        return self.values[dict(self.roles)[name]]

    def number(self, name: str) -> Scalar:
        """The number of this role or of this name.

        Raises:
            InputError: if the preset has none.
        """
        key = dict(self.roles).get(name, name)
        if key not in self.values:
            raise InputError(
                f"preset {self.preset!r} has no {name}", allowed="use another preset or add it"
            )
        return self.values[key]

    def quark_masses(self, quarks: str) -> tuple[Scalar, Scalar]:
        """Masses of the heavy and the light quark of a quark transition [GeV]."""
        row = get_quarks(quarks)
        return self.number(row.heavy), self.number(row.light)

    def form_factors_of(self, transition: str) -> FormFactors:
        """The form factors of a transition.

        Raises:
            InputError: if neither the preset nor the user names a set, and there is no usual one.
        """
        if transition not in self.form_factors:
            known = ", ".join(form_factor_sets(transition))
            raise InputError(
                f"no set of form factors is named for {transition}",
                allowed=f"name one, none is recommended: {known}; or a file NAME.yaml",
            )
        found: FormFactors = self.form_factors[transition]
        return found

    @property
    def named_sets(self) -> dict[str, str]:
        """Form-factor sets that the preset or the user names, by transition."""
        return {t: name for t, name in self.sets if t in self.chosen}

    @property
    def C_L_SM(self) -> Scalar:
        """C_L^SM = -(X_t/s_W^2) alpha_sm/alpha_hamiltonian, Eq. (9) of arXiv:2309.12741."""
        return self._top(USUAL_QUARKS)

    @property
    def N_0(self) -> Scalar:
        """|4 GF/sqrt2 VtbVts* alpha/(4 pi)| of Eq. (7) of arXiv:2309.12741 [GeV^-2]."""
        return self.normalisation(USUAL_QUARKS)

    def normalisation(self, quarks: str) -> Scalar:
        """N_0 with the CKM factor of a quark transition [GeV^-2].

        Raises:
            InputError: for a transition without SM coefficient.
        """
        row = normalised(quarks)
        prefactor = 4 * self.values["GF"] / jnp.sqrt(2.0) * self.number(row.ckm)
        return prefactor * self.alpha_of(quarks) / (4 * jnp.pi)

    def alpha_of(self, quarks: str) -> Scalar:
        """The alpha of the prefactor of a quark transition."""
        own = f"alpha_hamiltonian {quarks}"
        return self.role(own if own in dict(self.roles) else "alpha_hamiltonian")

    def _top(self, quarks: str) -> Scalar:
        ratio = self.role("alpha_sm") / self.alpha_of(quarks)
        return -self.values["X_t"] / self.values["sin2thetaW"] * ratio

    def sm_coefficient(self, quarks: str) -> Float[Array, " 3"] | Scalar:
        """C_L of the SM in a quark transition, or its values for nu_e, nu_mu, nu_tau.

        With charm it is -(1/s_W^2) [X_t + (lambda_c/lambda_t) X_c^i], lambda_q = V_qs* V_qd, where
        X_c/lambda^4 is P_c on average over the flavours (hep-ph/0603079), and deltaP_cu
        (hep-ph/0503107).

        Raises:
            InputError: for a transition without SM coefficient.
        """
        self.normalisation(quarks)
        row = get_quarks(quarks)
        top = self._top(quarks)
        return top if row.sm == "top" else top * (1 + self._charm(row))

    def _charm(self, row: Quarks) -> Float[Array, " 3"]:
        """Of each flavour the charm part over that of the top; V_us* V_ud is real."""
        v = self.values
        lambda_t = self.number(row.ckm) * jnp.exp(1j * self.number(row.phase))
        lambda_u = v["Vus"] * jnp.sqrt(1 - v["Vus"] ** 2 - v["Vub"] ** 2)
        tau = v["X_c_tau_over_e"]
        flavours = 3 * jnp.stack([jnp.ones_like(tau), jnp.ones_like(tau), tau]) / (2 + tau)
        X_c = v["Vus"] ** 4 * (flavours * v["P_c"] + v["deltaP_cu"])
        return -(lambda_u + lambda_t) / lambda_t * X_c / v["X_t"]

    def lifetime(self, name: str) -> Scalar:
        """The lifetime called `name` in GeV^-1."""
        return self.number(name) * 1e-12 / self.values["hbar"]


def load_inputs(
    preset: str = "default",
    form_factors: Mapping[str, str] | None = None,
    *,
    time_integrated: bool | None = None,
) -> Inputs:
    """The central inputs of a preset, with form-factor sets of your choice.

    Args:
        preset: "default", "paper", "flavio", "eos" or "hpqcd".
        form_factors: set by transition, e.g. {"B->K*": "bsz2015v2_lcsr"}, or the path of a YAML
            file like those of inputs/data/form_factors; others as in the preset.
        time_integrated: whether rates of the Bs have its mixing; as in the preset if None.

    Raises:
        InputError: for an unknown preset, transition or set, a file that does not fit, or in single
            precision.

    >>> inputs = load_inputs("default")
    >>> round(float(inputs.C_L_SM), 4)
    -6.3484
    """
    require_float64()
    description = tables.preset(preset)
    if time_integrated is None:
        time_integrated = description["time_integrated"]
    usual = {name: t.usual for name, t in TRANSITIONS.items() if t.usual}
    named = description["form_factors"] | dict(form_factors or {})
    sets = usual | named
    return Inputs(
        values={k: jnp.asarray(n.value) for k, n in tables.numbers(preset).items()},
        form_factors={t: _form_factors(t, name) for t, name in sets.items()},
        preset=preset,
        sets=tuple(sets.items()),
        roles=tuple(description["roles"].items()),
        chosen=tuple(named),
        time_integrated=time_integrated,
    )


def _form_factors(transition: str, name: str) -> FormFactors:
    table = form_factor_set(transition, name)
    return FAMILIES[table.parametrisation](
        coefficients=jnp.asarray(table.central),
        masses={k: jnp.asarray(m) for k, m in table.masses.items()},
        names=table.parameters,
        transition=transition,
    )
