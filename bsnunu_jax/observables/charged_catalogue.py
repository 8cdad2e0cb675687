r"""Observables of the charged modes: B -> K(*) l l', Bs -> l l', R_D and R_D*.

`BR(B+->K+mu-tau+)` is the decay of a B+ and goes with C^{tau mu}; `mu+-tau-+` is the sum of both
charges, which experiments quote for Bs.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from bsnunu_jax.hadrons.transitions import MODES, Mode
from bsnunu_jax.observables import charged_current
from bsnunu_jax.observables import charged_leptons as charged
from bsnunu_jax.observables.observable import Observable, observable, of_sector

_MODES = tuple(mode for mode in MODES.values() if mode.charged)
_LIGHTER_FIRST = (("e", "mu"), ("e", "tau"), ("mu", "tau"))
_TEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
# Above psi(2S) and below the endpoint, where the short-distance rate is what is measured [GeV^2].
WINDOWS: Mapping[bool, tuple[float, float]] = MappingProxyType(
    {False: (15.0, 22.0), True: (15.0, 19.0)}
)
_ACCURACY = {False: ("0.2 %", "0.5 %"), True: ("2 %", "0.8 %")}


_total, _bs = (
    partial(of_sector, "charged", function)
    for function in (charged.branching_fraction, charged.branching_fraction_bs)
)


def _tau_pairs(mode: Mode) -> Iterator[Observable]:
    words = {"mode": mode.name, "tex": mode.latex}
    window = WINDOWS[mode.vector]
    total, cut = _ACCURACY[mode.vector]
    low, high = (f"{end:g}" for end in window)
    yield observable(
        "BR(${mode}tau+tau-)", _total(mode.name, "tau", "tau"), accuracy=total, **words
    )
    in_window = _total(mode.name, "tau", "tau", window=window)
    words |= {"low": low, "high": high}
    yield observable("BR(${mode}tau+tau-)[$low,$high]", in_window, accuracy=cut, **words)
    spectrum = of_sector("charged", charged.dbr_dq2, mode.name, "tau", "tau")
    yield observable("dBR/dq2(${mode}tau+tau-)", spectrum, **words)


def _flavour_violating() -> Iterator[Observable]:
    for a, b in _LIGHTER_FIRST:
        for first, second in (("-", "+"), ("+", "-")):
            minus, plus = (a, b) if first == "-" else (b, a)
            words = {
                "pair": f"{a}{first}{b}{second}",
                "of_pair": rf"{_TEX[a]}^{first} {_TEX[b]}^{second}",
                "minus": minus,
                "plus": plus,
            }
            for m in _MODES:
                total = _total(m.name, minus, plus)
                yield observable("BR($mode$pair)", total, mode=m.name, tex=m.latex, **words)
            yield observable("BR(Bs->$pair)", _bs(minus, plus), **words)
        words = {"sum": f"{a}+-{b}-+", "of_pair": rf"{_TEX[a]}^\pm {_TEX[b]}^\mp"}
        for m in _MODES:
            total = _total(m.name, a, b, both=True)
            yield observable("BR($mode$sum)", total, mode=m.name, tex=m.latex, **words)
        yield observable("BR(Bs->$sum)", _bs(a, b, both=True), **words)


def _charged_current() -> Iterator[Observable]:
    for name, function in (
        ("R_D", charged_current.R_D),
        ("R_Dstar", charged_current.R_Dstar),
        ("r_D", lambda current, _inputs: charged_current.ratio_to_sm(current)),
    ):
        yield observable(name, of_sector("current", function))


def charged_observables() -> list[Observable]:
    """All observables of this module.

    >>> len(charged_observables()), charged_observables()[0].name
    (73, 'BR(B+->K+tau+tau-)')
    """
    found = [o for mode in _MODES for o in _tau_pairs(mode)]
    found.append(observable("BR(Bs->tau+tau-)", _bs("tau", "tau")))
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
