"""Limits against a mass, or two numbers that are held: one compilation, local and global p-values.

Every point of the scan is a problem of its own with these numbers held; points are arguments of the
same programs. Each is kept in the folder as soon as it is there.

Somewhere in a scan the data fluctuate: the global p-value of the largest local significance is
that of the largest one of toys without a signal, each scanned likewise; beside it stands the
formula of Gross and Vitells, arXiv:1005.1891, Eq. (3), with crossings counted in the same toys, of
which it needs fewer.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2, norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.plain_numbers import finite, real_number
from bsnunu_jax.foundation.progress import bar
from bsnunu_jax.foundation.seals import read_sealed_json, write_json, write_sealed_json
from bsnunu_jax.inference.hypotheses.ensembles import Fits
from bsnunu_jax.inference.hypotheses.hypotest import BANDS, significance
from bsnunu_jax.inference.hypotheses.limits import interval, upper_limits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.hypotheses.toys import Fraction, run_ensemble
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.runs.folder import run
from bsnunu_jax.runs.subject import held, of_interest

# Crossings of this q0 are counted: low, so that there are many.
_LEVEL = 0.5
_MOST = 100_000
_GRID = 17
_ONE_SIGMA = float(1 - 2 * norm.sf(1))
# What a best fit says where nothing that is fitted changes a prediction.
_UNSEEN = "changes anything that is measured"
_AGAIN = "delete it; --resume makes it anew"
_FORM = "NAME=LOW:HIGH:N, with :log for equal ratios, or NAME=VALUE,..."


def run_limit_scan(
    card: Card,
    folder: Path,
    scans: Mapping[str, Sequence[str]],
    *,
    parameter: str | None = None,
    null: float | None = None,
    cl: float = 0.95,
    settings: Mapping[str, str] | None = None,
    toys: int = 0,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Limits of one parameter of a card at every combination of held values; leaves limits.json.

    Args:
        card: what to fit.
        folder: result folder; must not hold a result unless `resume`.
        scans: values, as text, of one or two numbers that are held.
        parameter: of interest; may be left out where one is left.
        null: its value without a signal, 0 if absent; Lambda has none.
        cl: confidence level.
        settings: further numbers and settings that are held.
        toys: without a signal, each scanned like the data, for the global p-value.
        resume: go on with the points and toys in `folder`.
        quiet: no progress on stderr.

    Returns:
        the content of limits.json.

    Raises:
        InputError: for a parameter or value that does not fit, or a folder with another run.
        RunError: if the folder goes while the run works.
    """
    given = dict(settings or {})
    for name in scans:
        if name in given:
            raise InputError(f"{name!r} is held and scanned", where="--scan", allowed="keep one")
    values = itertools.product(*scans.values())
    points = [dict(zip(scans, v, strict=True)) for v in values]
    if len(points) > _MOST:
        raise InputError(f"{len(points)} points", where="--scan", allowed=f"at most {_MOST}")
    # All are looked at before the first is computed.
    problems = [_held(card, given, point) for point in points]
    names = [p.name for p in problems[0].parameters]
    chosen = names[0] if parameter is None and len(names) == 1 else parameter
    stated = {
        "parameter": chosen,
        "null": null,
        "cl": cl,
        "scan": {k: list(v) for k, v in scans.items()},
        "set": given,
    }

    def likelihood_of(i: int) -> tuple[ProfileLikelihood, Callable[[Any], Any]]:
        problem, own, report, _ = of_interest(problems[i], chosen, null)
        found = ProfileLikelihood(
            card.ready(problem),
            own,
            null=0.0 if null is None else null,
            starts=card.content.best_fit.starts,
            seed=card.content.seed,
        )
        return found, report

    # A parameter that does not fit is refused before there is a folder.
    first, _ = likelihood_of(0)
    with run(folder, card, resume=resume, quiet=quiet, settings=stated) as ours:
        of = f"{len(points)} points of {', '.join(scans)}" if scans else "one limit"
        ours.say(f"{card.content.title}: {of}")
        found, q0 = [], np.zeros((toys, len(points)))
        null_fit = None
        with bar("scan", "point", quiet=quiet, total=len(points)) as shown:
            for i, point in enumerate(points):
                path = folder / "points" / f"point_{i:05d}.json"
                likelihood, report = likelihood_of(i)
                if resume and path.exists():
                    entry = read_sealed_json(path, _AGAIN)
                else:
                    path.parent.mkdir(exist_ok=True)
                    entry = _point(likelihood, report, _numbers(card, point), cl)
                    write_sealed_json(path, entry)
                found.append(entry)
                if toys:
                    if null_fit is None:  # the same toys at every point
                        null_fit = likelihood.profile(np.array([likelihood.null]))
                    q0[:, i] = _scanned(likelihood, null_fit, toys, card.content.seed, folder, i)
                shown.update()
        result = {
            "title": card.content.title,
            "parameter": chosen or names[0],
            "null": None if chosen == SCALE else first.null,
            "confidence_level": cl,
            "limit": "lower" if chosen == SCALE else "upper" if first.one_sided else "interval",
            "bands_sigma": list(BANDS),
            "scanned": list(scans),
            "logarithmic": [k for k, v in scans.items() if _of_equal_ratios(v)],
            "assume_sm_spectrum": [m.name for m in card.stated.measurements if m.sm_spectrum],
            "set": given,
            "points": found,
            "global": _global(found, q0, len(scans)),
        }
        # Matplotlib takes a second that errors in a card need not wait for.
        from bsnunu_jax.report.draws import axis_label, quantity_label
        from bsnunu_jax.report.figures.limit_scan import write_limit_scan_figure

        model = card.stated.model
        own = {p.name: axis_label(p) for p in card.stated.parameters}
        labels = {
            k: own.get(k) or quantity_label(model.quantity(k))
            for k in (*scans, str(result["parameter"]))
        }
        write_limit_scan_figure(folder / "figures", result, labels)
        write_json(folder / "limits.json", result)
    return result


def _held(card: Card, given: Mapping[str, str], point: Mapping[str, str]) -> Problem:
    """The problem with these values; what does not fit of a scan says at which value."""
    at = ", ".join(f"{k}={v}" for k, v in point.items())
    return held(card, {**given, **point}, f"--scan, at {at}" if at else "--set")


def _of_equal_ratios(values: Sequence[str]) -> bool:
    """Values of :log, which two alone do not tell."""
    return isinstance(values, Logarithmic)


class Logarithmic(tuple[str, ...]):
    """Values with equal ratios, as `NAME=LOW:HIGH:N:log` gives them."""

    __slots__ = ()


def read_scans(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Values by name of NAME=LOW:HIGH:N, NAME=LOW:HIGH:N:log or NAME=VALUE,...

    Raises:
        InputError: for anything else.

    >>> read_scans(["m=0.5:1.5:3", "ctau=0.1:10:3:log"])
    {'m': ('0.5', '1.0', '1.5'), 'ctau': ('0.1', '1.0', '10.0')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if not name or not values:
            raise InputError(f"{text!r}", where="--scan", allowed=_FORM)
        if name in found:
            raise InputError(f"{name!r} stands twice", where="--scan", allowed="once each")
        found[name] = _values(text, values)
    return found


def read_held(texts: Sequence[str]) -> dict[str, str]:
    """One value by name of NAME=VALUE.

    Raises:
        InputError: for anything else.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value or name in found:
            raise InputError(f"{text!r}", where="--set", allowed="NAME=VALUE, e.g. m=0.5")
        found[name] = value.strip()
    return found


def _values(given: str, text: str) -> tuple[str, ...]:
    """The values of one scan, as text.

    Raises:
        InputError: saying what of them is wrong.
    """

    def wrong(why: str, allowed: str = _FORM) -> InputError:
        return InputError(f"{given!r}: {why}", where="--scan", allowed=allowed)

    if ":" not in text:
        try:
            return tuple(repr(real_number(v.strip())) for v in text.split(","))
        except (ValueError, OverflowError) as error:
            raise wrong(str(error)) from None
    low, high, number, *scale = [*text.split(":"), "", ""][: max(3, text.count(":") + 1)]
    try:
        a, b, n = real_number(low), real_number(high), int(number)
    except (ValueError, OverflowError):
        raise wrong("two ends and a number of values are wanted") from None
    if not a < b:
        raise wrong("the first end is not below the second")
    if not 2 <= n <= _MOST:
        raise wrong(f"{n} values", f"2 to {_MOST}")
    if scale not in ([], ["log"]):
        raise wrong(f"{':'.join(scale)!r} is no spacing")
    if scale and a <= 0:
        raise wrong("equal ratios begin above 0")
    values = (np.geomspace if scale else np.linspace)(a, b, n).tolist()
    texts = (repr(float(f"{v:.12g}")) for v in values)
    return Logarithmic(texts) if scale else tuple(texts)


def _numbers(card: Card, point: Mapping[str, str]) -> dict[str, float]:
    return {k: float(np.real(card.stated.model.read(k, text))) for k, text in point.items()}


def _point(
    likelihood: ProfileLikelihood, report: Callable[[Any], Any], at: dict[str, float], cl: float
) -> dict[str, Any]:
    """Limit with bands, or interval, best fit and local significance at one point.

    Where the data see nothing of the parameter, behind a closed channel or a short lifetime, any
    value is allowed.
    """
    try:
        discovery = significance(likelihood)
    except InputError as error:
        if _UNSEEN not in str(error):
            raise
        nothing: dict[str, Any] = {"at": at, "best_fit": None, "minus_2_log_likelihood": None}
        nothing |= {"Z": 0.0, "p_local": 0.5, "seen": False}
        if not likelihood.one_sided:
            return nothing | {"interval": [[finite(likelihood.low), finite(likelihood.high)]]}
        return nothing | {"observed": None, "expected": [None] * len(BANDS)}
    best = float(likelihood.best.value[0])
    entry: dict[str, Any] = {
        "at": at,
        "best_fit": finite(float(report(best))),
        "minus_2_log_likelihood": float(likelihood.best.objective[0]),
        "Z": discovery.Z,
        "p_local": discovery.p_excess,
    }
    if not likelihood.one_sided:
        region = interval(likelihood, cl=cl)
        entry["interval"] = [[finite(x) for x in piece] for piece in region.pieces]
        return entry
    limits = upper_limits(likelihood, cl=cl, points=_GRID)
    entry["observed"] = finite(float(report(limits.observed)))
    entry["expected"] = [finite(float(x)) for x in report(limits.expected)]
    return entry


def _scanned(
    likelihood: ProfileLikelihood, truth: Fits, toys: int, seed: int, folder: Path, i: int
) -> np.ndarray:
    """Signed q0 of every toy without a signal at one point."""
    tested = np.array([likelihood.null])
    found = run_ensemble(
        likelihood, truth, tested, toys, seed=seed, path=folder / "toys" / f"point_{i:05d}"
    )
    q0 = np.full(toys, np.nan)
    q0[found.kept] = np.maximum(found.t[:, 0], 0.0) * np.sign(found.best - likelihood.null)
    return q0


def _global(found: Sequence[dict[str, Any]], q0: np.ndarray, dimensions: int) -> dict[str, Any]:
    """p-value of the largest excess anywhere in the scan."""
    observed = np.array([e["Z"] * abs(e["Z"]) for e in found])
    largest = int(np.argmax(observed))
    u = float(observed[largest])
    entry: dict[str, Any] = {
        "at": found[largest]["at"],
        "Z_local": found[largest]["Z"],
        "p_local": found[largest]["p_local"],
    }
    good = q0[np.isfinite(q0).all(axis=1)] if q0.size else q0[:0]
    if q0.size:
        highest = good.max(axis=1)
        of_toys = Fraction(int((highest >= u).sum()), len(good))
        entry["toys"] = {
            "number": len(q0),
            "failed": len(q0) - len(good),
            "p": of_toys.p,
            "error": of_toys.error,
            "largest_q0": [float(f"{x:.6g}") for x in highest],
        }
    if q0.size and dimensions == 1:
        crossings = up_crossings(good, _LEVEL)
        p = gross_vitells(u, float(crossings.mean()), _LEVEL)
        entry["gross_vitells"] = {
            "level": _LEVEL,
            "crossings": float(crossings.mean()),
            "p": p,
            "Z": float(norm.isf(p)),
        }
    return entry


def up_crossings(q0: np.ndarray, level: float) -> np.ndarray:
    """How often each scan, shape (scans, points), goes up through a level.

    >>> up_crossings(np.array([[0.0, 2.0, 0.1, 1.0], [3.0, 0.0, 0.0, 0.0]]), 0.5)
    array([2, 0])
    """
    above = q0 > level
    found: np.ndarray = np.sum(above[:, 1:] & ~above[:, :-1], axis=1)
    return found


def gross_vitells(u: float, crossings: float, level: float) -> float:
    """P(max q0 > u) <= P(q0 > u) + <N(level)> exp(-(u - level)/2), Eq. (3) of arXiv:1005.1891.

    Args:
        u: the largest q0 that was seen; excesses alone, one degree of freedom.
        crossings: <N(level)>, the mean number of crossings of the level without a signal.
        level: where they were counted.

    >>> round(gross_vitells(9.0, 2.0, 0.5), 4)
    0.0299
    """
    local = 0.5 * float(chi2.sf(max(u, 0.0), 1))
    return min(local + crossings * float(np.exp(-(max(u, level) - level) / 2)), 1.0)
