"""Nuisances that records have in common: one standard normal for both."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from bsnunu_jax.experiments.histfactory.coordinates import coordinates
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, Shared
from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.foundation.errors import InputError, shown


def share(measurements: Sequence[Measurement], known: Collection[str]) -> tuple[Measurement, ...]:
    """The measurements with what their records share; what others have not is their own.

    Args:
        measurements: all data of a card.
        known: names of records that are not among them.

    Raises:
        InputError: for a record or a nuisance that there is not, or records that share in a circle.
    """
    own = {m.name: m for m in measurements}
    records = {name: m for name, m in own.items() if isinstance(m, Reweighted)}
    for m in records.values():
        for s in m.share:
            _check(s, m, own, known)
    done: dict[str, Measurement] = {}

    def linked(name: str, before: tuple[str, ...]) -> Measurement:
        if name in done:
            return done[name]
        m = own[name]
        here = tuple(s for s in getattr(m, "share", ()) if s.other in own)
        for s in here:
            if s.other in (*before, name):
                raise InputError(
                    f"{s.other!r} shares nuisances with {name!r} too",
                    where=s.where,
                    allowed="let one of them say so",
                )
        lenders = [linked(s.other, (*before, name)) for s in here]
        done[name] = _linked(m, here, lenders) if isinstance(m, Reweighted) and here else m
        return done[name]

    return tuple(linked(name, ()) for name in own)


def _linked(m: Reweighted, here: Sequence[Shared], lenders: Sequence[Measurement]) -> Reweighted:
    assert m.coordinates is not None
    rows = []
    for s, lender in zip(here, lenders, strict=True):
        assert isinstance(lender, Reweighted)
        rows.append(lender.row(s.there))
    density, sampled = m.coordinates.density, m.coordinates.sampled
    correlations = {s.name: s.correlation for s in here}
    return replace(
        m,
        coordinates=coordinates(density, sampled, m.name, correlations),
        lenders=tuple(s.other for s in here),
        rows=tuple(rows),
    )


def _check(s: Shared, m: Reweighted, own: dict[str, Measurement], known: Collection[str]) -> None:
    if s.other == m.name:
        raise InputError(f"{s.other!r} is the record itself", where=s.where, allowed="another one")
    if s.name not in m.lendable:
        raise InputError(
            f"no nuisance {shown(s.name)} that can be shared",
            where=s.where,
            allowed=f"one of {', '.join(m.lendable) or 'none'}",
        )
    other = own.get(s.other)
    if other is None:
        if s.other not in known:
            raise InputError(
                f"no record {shown(s.other)} is known",
                where=s.where,
                allowed=f"one of {', '.join(known)}, or one of the card; `bsnunu data add` makes "
                "it known",
            )
        return
    if not isinstance(other, Reweighted):
        raise InputError(f"{s.other!r} is no record", where=s.where)
    if s.there not in other.lendable:
        compact = "; its published files have all" if other.form == "compact" else ""
        raise InputError(
            f"{s.other!r} has no nuisance {shown(s.there)} that can be shared",
            where=s.where,
            allowed=f"one of {', '.join(other.lendable) or 'none'}{compact}",
        )
