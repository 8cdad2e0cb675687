"""From a card to profile.nc: -2 ln L over one or two parameters, everything else profiled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.plain_numbers import real_number, whole_number
from bsnunu_jax.foundation.progress import warn
from bsnunu_jax.foundation.seals import write_json
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.fits.profile_map import check, profile_map
from bsnunu_jax.inference.problem.flat_lines import need_seen
from bsnunu_jax.inference.problem.parameters import LogUniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.runs.folder import run

_POINTS, _MOST = 40, 100_000
_FORM = "NAME, NAME=low:high or NAME=low:high:points"


def run_profile(
    card: Card, folder: Path, over: Sequence[str], *, resume: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Profile everything but one or two parameters; leaves profile.nc, profile.json and a figure.

    Args:
        card: what to fit.
        folder: result folder; must not hold a result unless `resume`.
        over: one or two of NAME, NAME=low:high, NAME=low:high:points; by default 40 points over the
            range of the prior, in equal ratios if that is log-uniform.
        resume: write again into `folder`.
        quiet: no progress on stderr.

    Returns:
        the content of profile.json.

    Raises:
        InputError: for a parameter or range that does not fit, or a folder with another run.
        RunError: if the folder goes while the run works.
    """
    problem = card.problem
    axes = dict(axis_of(problem, text) for text in over)
    if len(axes) < len(over):
        raise InputError("a parameter stands twice", where="--over", allowed="one or two")
    check(problem, list(axes), list(axes.values()))
    settings = {"over": list(over)}
    with run(folder, card, resume=resume, quiet=quiet, settings=settings) as ours:
        points = " x ".join(str(len(a)) for a in axes.values())
        ours.say(f"{card.content.title}: {points} points, {problem.size - len(axes)} profiled")
        starts, seed = card.content.best_fit.starts, card.content.seed
        fit = best_fit(problem, starts=starts, seed=seed, errors=False)
        need_seen(fit.flat, list(axes), [p.name for p in problem.parameters], "--over")
        found = profile_map(
            problem,
            list(axes),
            list(axes.values()),
            fit=fit,
            progress=lambda done, total: ours.say(f"{done} of {total} points"),
        )
        result = {
            "over": list(axes),
            "best_fit": fit.best.values,
            "minus_2_log_likelihood": fit.best.objective,
            "lowest_on_the_grid": float(found.objective.min()),
            "not_converged": int((~found.converged).sum()),
            "points": found.objective.size,
        }
        # Matplotlib and xarray take two seconds that errors in a card need not wait for.
        from bsnunu_jax.report.figures.profile import write_profile

        write_profile(folder, problem, found, fit.best.values)
        write_json(folder / "profile.json", result)
    if result["not_converged"]:
        lowest = found.delta[~found.converged].min()
        warn(
            f"{result['not_converged']} points have not converged, the lowest of them "
            f"{lowest:.3g} above the minimum: see `converged` in profile.nc"
        )
    return result


def axis_of(problem: Problem, text: str) -> tuple[str, np.ndarray]:
    """Name and values of NAME=low:high:points.

    Raises:
        InputError: for anything else.
    """
    name, _, given = text.partition("=")
    known = {p.name: p for p in problem.parameters}
    if name not in known:
        raise InputError(
            f"unknown parameter {name!r}", where="--over", allowed=f"one of {', '.join(known)}"
        )
    low, high = known[name].range
    points = _POINTS
    if given:
        try:
            first, second, *rest = given.split(":")
            low, high = real_number(first), real_number(second)
            points = whole_number(rest[0]) if rest else _POINTS
        except ValueError:
            raise InputError(f"{text!r} is no range", where="--over", allowed=_FORM) from None
        if len(rest) > 1 or not -np.inf < low < high < np.inf or not 2 <= points <= _MOST:
            raise InputError(f"{text!r} is no range", where="--over", allowed=_FORM)
    if not np.isfinite([low, high]).all():
        raise InputError(f"{name} has no range", where="--over", allowed=f"{name}=low:high")
    ratios = isinstance(known[name].prior, LogUniform) and low > 0
    return name, (np.geomspace if ratios else np.linspace)(low, high, points)


def profile_table(result: dict[str, Any]) -> str:
    """A few lines for people."""
    best = ", ".join(f"{k} = {v:.4g}" for k, v in result["best_fit"].items())
    return (
        f"best fit: {best}, -2 ln L = {result['minus_2_log_likelihood']:.3f}\n"
        f"{result['points']} points profiled, lowest -2 ln L on them "
        f"{result['lowest_on_the_grid']:.3f}, {result['not_converged']} not converged"
    )
