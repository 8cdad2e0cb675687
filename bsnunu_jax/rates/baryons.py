"""Lambda_b -> Lambda + invisible and b -> s + invisible: their rate, and what their spins see."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import equinox as eqx
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.rows import Rows, baryon_rows, polarised_rows, quark_form_factors
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_mode
from bsnunu_jax.inputs import Inputs

Part = Literal["rate", "decaying", "daughter"]


class Baryons(eqx.Module):
    """1/2+ -> 1/2+ with its masses and form factors.

    Attributes:
        m_B, m_K: masses of the decaying baryon and of its daughter [GeV].
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
        form_factors: a callable of q2 that gives those of 1/2 in `FORM_FACTORS`.
        part: rows of the rate; of the slope in the angle between the daughter and the polarisation
            of the decaying baryon; of the daughter's helicity (static). The last two go with
            `states.parity_odd`.
        quarks: the quark transition (static).
    """

    name: ClassVar[str] = "1/2 -> 1/2"
    factor: ClassVar[float] = 1.0
    complete: ClassVar[tuple[str, ...]] = ()

    m_B: Scalar = eqx.field(converter=as_scalar)
    m_K: Scalar = eqx.field(converter=as_scalar)
    m_b: Scalar = eqx.field(converter=as_scalar)
    m_s: Scalar = eqx.field(converter=as_scalar)
    form_factors: Callable[[Scalar], Mapping[str, Scalar]]
    part: Part = eqx.field(static=True, default="rate")
    quarks: str = eqx.field(static=True, default=USUAL_QUARKS)

    def seen(self, part: Part) -> "Baryons":
        """The same baryons with other rows."""
        masses = self.m_B, self.m_K, self.m_b, self.m_s
        return Baryons(*masses, self.form_factors, part, self.quarks)

    def rows(self, q2: Scalar) -> Rows:
        """Rows of the part at one q2 [GeV^2]."""
        arguments = q2, self.m_B, self.m_K, self.form_factors(q2), self.m_b, self.m_s
        if self.part == "rate":
            return baryon_rows(*arguments)
        return polarised_rows(*arguments, daughter=self.part == "daughter")


def of_mode(mode: str, inputs: Inputs) -> Baryons:
    """The baryons of a mode of the table of transitions, to see their spins.

    Raises:
        InputError: for an unknown mode, or one of mesons.

    >>> from bsnunu_jax import load_inputs
    >>> float(of_mode("Lambdab->Lambda", load_inputs()).m_B)
    5.6196
    """
    decay = get_mode(mode)
    if decay.spin != "1/2":
        raise InputError(f"{mode} has no baryon whose spin could be seen")
    return Baryons(
        inputs.number(decay.m_B),
        inputs.number(decay.m_K),
        *inputs.quark_masses(decay.quarks),
        inputs.form_factors_of(decay.transition),
        quarks=decay.quarks,
    )


def free_quark(m_b: ArrayLike, m_s: ArrayLike, quarks: str = USUAL_QUARKS) -> Baryons:
    """b -> s + invisible of free quarks with these masses [GeV], averaged over colour and spin.

    All form factors are 1: of the pole masses it is the parton model of B -> X_s + invisible.
    """
    masses = as_scalar(m_b), as_scalar(m_s)
    return Baryons(*masses, *masses, _Ones(), quarks=quarks)


class _Ones(eqx.Module):
    """Of a free quark; a pytree without leaves, as functions are none."""

    def __call__(self, q2: Scalar) -> Mapping[str, Scalar]:
        return quark_form_factors()
