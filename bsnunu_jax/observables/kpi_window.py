"""B -> K pi + invisible in a window of the K pi mass: the line of the K* and the S wave below it.

The rate of the narrow K* times the part of its line in the window, over 1 - F_S with the share F_S
of the S wave (`F_S_Kpi`, 0.05(5)). Kinematics of a K* of another mass move it by 0.3 % or less in
the SM. Form factors of light-cone sum rules were extracted as if the K* were narrow; their width
changes the rate by a universal factor (arXiv:1908.02267), which is `norm_width_Kstar`, 1.0(2), for
such sets and 1 for those with lattice data.
"""

from functools import partial

from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.kstar_width import KstarShape, with_s_wave
from bsnunu_jax.hadrons.transitions import MODES, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.observables.observable import Observable, observable
from bsnunu_jax.states import States

# By the mass of the K*.
_WIDTHS = {"m_Kstar_0": "width_Kstar_0", "m_Kstar_plus": "width_Kstar_plus"}


def kstar_shape(mode: str, inputs: Inputs) -> KstarShape:
    """The line of K* -> K pi in a mode with a K*.

    Raises:
        InputError: for another mode.
    """
    mass = get_mode(mode).m_K
    if mass not in _WIDTHS:
        known = ", ".join(name for name, m in MODES.items() if m.m_K in _WIDTHS)
        raise InputError(f"{mode} has no K*", allowed=f"one of {known}")
    names = mass, _WIDTHS[mass], "m_K_plus", "m_pi_plus", "radius_Kstar"
    return KstarShape(*map(inputs.number, names))


def in_window(mode: str, states: States, inputs: Inputs, low: ArrayLike, high: ArrayLike) -> Scalar:
    """BR of K pi in all charges with a mass between two [GeV], S wave included.

    Raises:
        InputError: for a mode without a K*.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> f"{float(in_window('B0->K*0', Neutrinos(), load_inputs(), 0.796, 0.996)):.2e}"
    '7.80e-06'
    """
    shape = kstar_shape(mode, inputs)
    rate = shape.fraction(low, high) * branching_fraction(mode, states, inputs)
    if of_sum_rules(mode, inputs):
        rate *= inputs.number("norm_width_Kstar")
    return with_s_wave(rate, inputs.number("F_S_Kpi"))


def about_the_peak(mode: str, states: States, inputs: Inputs) -> Scalar:
    """`in_window` within `window_Kpi` [GeV] of the mass of the K*."""
    m_0, width = inputs.number(get_mode(mode).m_K), inputs.number("window_Kpi")
    return in_window(mode, states, inputs, m_0 - width, m_0 + width)


def of_sum_rules(mode: str, inputs: Inputs) -> bool:
    """Whether the form factors of a mode are those of light-cone sum rules alone."""
    transition = get_mode(mode).transition
    return form_factor_set(transition, dict(inputs.sets)[transition]).sum_rules


def window_observables() -> list[Observable]:
    """One for every mode with a K*.

    >>> [o.name for o in window_observables()][:2]
    ['BR_window(B+->K*+inv)', 'BR_window(B0->K*0inv)']
    """
    found = []
    for name, mode in MODES.items():
        if mode.m_K in _WIDTHS:
            words = {"mode": name, "tex": mode.latex, "hadron": mode.meson}
            function = partial(about_the_peak, name)
            found.append(observable("BR_window(${mode}inv)", function, **words))
    return found
