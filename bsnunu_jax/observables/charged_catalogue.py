r"""Observables of the charged modes: B -> K(*) l l', Bs -> l l', R_D and R_D*.

`BR(B+->K+mu-tau+)` is the decay of a B+ and goes with C^{tau mu}; `mu+-tau-+` is the sum of both
charges, which experiments quote for Bs.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import MODES, Mode, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables import charged_current
from bsnunu_jax.observables import charged_leptons as charged
from bsnunu_jax.observables.observable import Observable
from bsnunu_jax.states import States
from bsnunu_jax.states.sectors import sectors_of

Scalar = Float[Array, ""]

_LIGHTER_FIRST = (("e", "mu"), ("e", "tau"), ("mu", "tau"))
_TEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
# Above psi(2S) and below the endpoint, where the short-distance rate is what is measured [GeV^2].
WINDOWS: Mapping[bool, tuple[float, float]] = MappingProxyType(
    {False: (15.0, 22.0), True: (15.0, 19.0)}
)
_ACCURACY = {False: ("0.2 %", "0.5 %"), True: ("2 %", "0.8 %")}


def _total(
    mode: str,
    minus: str,
    plus: str,
    *,
    both: bool = False,
    window: tuple[float, float] | None = None,
) -> Callable[..., Scalar]:
    def function(states: States, inputs: Inputs) -> Scalar:
        c = sectors_of(states).charged
        return charged.branching_fraction(mode, minus, plus, c, inputs, both=both, window=window)

    return function


def _spectrum(mode: str) -> Callable[..., Scalar]:
    def function(states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
        c = sectors_of(states).charged
        rate = charged.dgamma_dq2(mode, "tau", "tau", c, inputs, q2)
        return inputs.lifetime(get_mode(mode).tau_B) * rate

    return function


def _bs(minus: str, plus: str, both: bool = False) -> Callable[..., Scalar]:
    def function(states: States, inputs: Inputs) -> Scalar:
        c = sectors_of(states).charged
        return charged.branching_fraction_bs(minus, plus, c, inputs, both=both)

    return function


def _br(tex: str) -> str:
    return rf"\mathcal{{B}}({tex})"


def _tau_pairs(mode: Mode) -> Iterator[Observable]:
    name, tex = f"{mode.name}tau+tau-", rf"{mode.latex}\,\tau^+\tau^-"
    low, high = WINDOWS[mode.vector]
    total, cut = _ACCURACY[mode.vector]
    about = "short distance, SM included, average over B and Bbar; {} from flavio's"
    yield Observable(
        f"BR({name})", _total(mode.name, "tau", "tau"), _br(tex), description=about.format(total)
    )
    yield Observable(
        f"BR({name})[{low:g},{high:g}]",
        _total(mode.name, "tau", "tau", window=WINDOWS[mode.vector]),
        _br(tex) + rf"_{{[{low:g},{high:g}]}}",
        description=f"{low:g} < q2 < {high:g} GeV^2, {about.format(cut)}",
    )
    yield Observable(
        f"dBR/dq2({name})",
        _spectrum(mode.name),
        rf"d\mathcal{{B}}({tex})/dq^2",
        "GeV^-2",
        mode.name,
        True,
        "its spectrum",
    )


def _flavour_violating() -> Iterator[Observable]:
    for a, b in _LIGHTER_FIRST:
        for first, second in (("-", "+"), ("+", "-")):
            minus, plus = (a, b) if first == "-" else (b, a)
            name, tex = f"{a}{first}{b}{second}", rf"{_TEX[a]}^{first} {_TEX[b]}^{second}"
            about = f"{{}}, goes with C_{plus}{minus} (barred lepton first)"
            for m in MODES.values():
                yield Observable(
                    f"BR({m.name}{name})",
                    _total(m.name, minus, plus),
                    _br(rf"{m.latex}\,{tex}"),
                    description=about.format("new physics alone"),
                )
            yield Observable(
                f"BR(Bs->{name})",
                _bs(minus, plus),
                _br(rf"B_s \to {tex}"),
                mode="Bs->inv",
                description=about.format("instantaneous"),
            )
        name, tex = f"{a}+-{b}-+", rf"{_TEX[a]}^\pm {_TEX[b]}^\mp"
        for m in MODES.values():
            yield Observable(
                f"BR({m.name}{name})",
                _total(m.name, a, b, both=True),
                _br(rf"{m.latex}\,{tex}"),
                description="sum of both charges",
            )
        yield Observable(
            f"BR(Bs->{name})",
            _bs(a, b, both=True),
            _br(rf"B_s \to {tex}"),
            mode="Bs->inv",
            description="sum of both charges, instantaneous",
        )


def _charged_current() -> Iterator[Observable]:
    yield Observable(
        "R_D",
        lambda states, inputs: charged_current.R_D(sectors_of(states).current, inputs),
        "R_D",
        description="SM value of HFLAV times r_D",
    )
    yield Observable(
        "R_Dstar",
        lambda states, inputs: charged_current.R_Dstar(sectors_of(states).current, inputs),
        r"R_{D^*}",
        description="SM value of HFLAV times r_D",
    )
    yield Observable(
        "r_D",
        lambda states, _inputs: charged_current.ratio_to_sm(sectors_of(states).current),
        r"R_D/R_D^\mathrm{SM}",
        description="R_D over its SM value, the same for R_Dstar; without QED running, 0.1 %",
    )


def charged_observables() -> list[Observable]:
    """All observables of this module.

    >>> len(charged_observables()), charged_observables()[0].name
    (61, 'BR(B+->K+tau+tau-)')
    """
    found = [o for mode in MODES.values() for o in _tau_pairs(mode)]
    found.append(
        Observable(
            "BR(Bs->tau+tau-)",
            _bs("tau", "tau"),
            _br(r"B_s \to \tau^+\tau^-"),
            mode="Bs->inv",
            description="time-integrated, SM included",
        )
    )
    return [*found, *_flavour_violating(), *_charged_current()]


def _aliases() -> Iterator[tuple[str, str]]:
    """flavio's names: `Kmutau` is Bbar -> Kbar mu+ tau-, that is B -> K mu- tau+."""
    kaons = {"B+->K+": "B+->K", "B0->K0": "B0->K", "B+->K*+": "B+->K*", "B0->K*0": "B0->K*"}
    peers = {**kaons, "Bs->": "Bs->"}
    for ours, peer in peers.items():
        for a, b in _LIGHTER_FIRST:
            yield f"BR({peer}{a}{b})", f"BR({ours}{a}-{b}+)"
            yield f"BR({peer}{b}{a})", f"BR({ours}{a}+{b}-)"
            if "*" not in ours:  # flavio has no sum for K*
                yield f"BR({peer}{a}{b},{b}{a})", f"BR({ours}{a}+-{b}-+)"
        if "*" not in ours:
            yield f"BR({peer}tautau)", f"BR({ours}tau+tau-)"
    for ours, peer in kaons.items():
        yield f"dBR/dq2({peer}tautau)", f"dBR/dq2({ours}tau+tau-)"
    yield "Rtaul(B->Dlnu)", "R_D"
    yield "Rtaul(B->D*lnu)", "R_Dstar"


ALIASES: Mapping[str, str] = MappingProxyType(dict(_aliases()))
