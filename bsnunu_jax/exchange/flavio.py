"""Measurements of flavio (YAML): numerical likelihoods of one or two observables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.stats import gaussian_kde

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.inference.hypotheses.observable_profile import ObservableProfile, with_probe
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.observables.catalogue import ALIASES, get_numbers, get_observable

SUFFIXES = (".yml", ".yaml")
# Reach of the grid in errors; points of it that are fitted and that are written, of one and of two
# observables. flavio interpolates the density of one linearly, and ln of it for two.
_REACH = {1: 6.0, 2: 5.0}
_FITTED = {1: 61, 2: 31}
_WRITTEN = {1: 1501, 2: 161}
# A fit that stays so far from where it was wanted, in steps of the grid, says: nothing is there.
_MISSED = 0.5
# Fewer points of one observable are no curve.
_FEWEST = 8
_DIGITS = 9
_LOWEST = 1e-60


@dataclass(frozen=True)
class NumericalLikelihood:
    """A likelihood on a grid.

    Attributes:
        names: observables as flavio calls them.
        grid: values of each, increasing; of two evenly spaced.
        minus_2_log: -2 ln of it, 0 at its lowest, infinite where nothing is.
        about: lines that say what it is.
    """

    names: tuple[str, ...]
    grid: tuple[np.ndarray, ...]
    minus_2_log: np.ndarray
    about: tuple[str, ...]


def flavio_name(observable: str) -> str:
    """What flavio calls an observable; ours where it has none.

    >>> flavio_name("BR(B+->K+inv)"), flavio_name("R_K_nunu")
    ('BR(B+->Knunu)', 'R_K_nunu')
    """
    name = get_observable(observable).name
    return next((theirs for theirs, ours in ALIASES.items() if ours == name), name)


def profile(
    problem: Problem, observables: Sequence[str], *, starts: int = 16, seed: int = 0
) -> NumericalLikelihood:
    """The profile likelihood of one or two observables: everything else at its best.

    Args:
        problem: model, data, inputs.
        observables: one or two numbers.
        starts: random starts of the best fit.
        seed: their seed.

    Raises:
        InputError: for others, or data that do not bound them.
    """
    names = _checked(observables)
    found = ObservableProfile(tabulate(with_probe(problem, names)), starts=starts, seed=seed)
    about = (
        "profile likelihood: parameters and uncertain inputs are at their best at every value",
        *(
            f"{flavio_name(name)}: best fit {best:.6g}, SM with these inputs {sm:.6g}"
            for name, best, sm in zip(names, found.best, found.sm, strict=True)
        ),
    )
    grid, height = (_one if len(names) == 1 else _two)(found)
    return NumericalLikelihood(tuple(map(flavio_name, names)), grid, height, about)


def posterior(
    draws: Sequence[np.ndarray], observables: Sequence[str], about: Sequence[str] = ()
) -> NumericalLikelihood:
    """The posterior density of one or two observables, smoothed by a Gaussian kernel.

    Args:
        draws: one array of draws an observable.
        observables: their names.
        about: further lines that say what it is.

    Raises:
        InputError: for other observables, or draws that do not vary.
    """
    names, k = _checked(observables), len(observables)
    samples = np.array([np.ravel(d) for d in draws])
    if not (np.isfinite(samples).all() and (np.ptp(samples, axis=1) > 0).all()):
        raise InputError("the draws do not vary, or are not finite", allowed="another observable")
    scale = samples.std(axis=1)
    grid = tuple(
        np.linspace(s.min() - e, s.max() + e, _WRITTEN[k])
        for s, e in zip(samples, scale, strict=True)
    )
    points = np.stack([g.ravel() for g in np.meshgrid(*grid, indexing="ij")])
    kde = gaussian_kde(samples / scale[:, None])
    density = np.concatenate(
        [kde(part) for part in np.array_split(points / scale[:, None], 32, axis=1)]
    ).reshape([len(g) for g in grid])
    with np.errstate(divide="ignore"):
        height = -2 * np.log(density / density.max())
    first = "posterior density, priors of the parameters included, smoothed by a Gaussian kernel"
    return NumericalLikelihood(tuple(map(flavio_name, names)), grid, height, (first, *about))


def of_card(card: Card, observables: Sequence[str]) -> NumericalLikelihood:
    """The profile likelihood of a card.

    Raises:
        InputError: as `profile`, or for data that nobody has measured.
    """
    card.need_measured()
    starts, seed = card.content.best_fit.starts, card.content.seed
    return profile(card.stated, observables, starts=starts, seed=seed)


def of_fit(folder: Path, observables: Sequence[str]) -> NumericalLikelihood:
    """The posterior of a finished fit whose card predicts these observables.

    Raises:
        InputError: for a folder without it, or an observable that it does not have.
    """
    import xarray  # takes a second that others need not wait for

    names, path = _checked(observables), folder / "posterior.nc"
    if not path.is_file():
        raise InputError(
            f"no posterior in {str(folder)!r}",
            where="--posterior",
            allowed="the result folder of `bsnunu fit`",
        )
    try:
        with xarray.open_dataset(path, group="posterior_predictive", engine="h5netcdf") as file:
            known = [str(n) for n, v in file.data_vars.items() if v.dims == ("chain", "draw")]
            for name in names:
                if name not in known:
                    raise InputError(
                        f"the fit does not predict {name}",
                        where="--posterior",
                        allowed=f"one of {', '.join(known)}; or put it under `predictions`",
                    )
            draws = [file[name].values for name in names]
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read ({error})", where="--posterior") from None
    return posterior(draws, names, [f"{draws[0].size} draws"])


def write_flavio(
    path: Path, likelihood: NumericalLikelihood, *, name: str, about: Sequence[str] = ()
) -> None:
    """Write a measurement that `flavio.measurements.read_file` reads.

    Args:
        path: the file.
        likelihood: of one or two observables.
        name: of the measurement.
        about: lines for the head of the file.

    Raises:
        InputError: for a suffix that is not YAML's.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"the suffix {path.suffix!r} is not that of flavio's measurements",
            where="--out",
            allowed="end the name with .yml or .yaml",
        )
    density = np.exp(-np.minimum(likelihood.minus_2_log, -2 * np.log(_LOWEST)) / 2)
    density = np.where(np.isfinite(likelihood.minus_2_log), density, 0.0)
    axes = [_plain(g, 17) for g in likelihood.grid]
    lines = [*about, *likelihood.about, f"written by bsnunu_jax {__version__}"]
    strange = [n for n in likelihood.names if n not in ALIASES and n == get_observable(n).name]
    if strange:
        lines.append(f"if flavio has no observable {', '.join(strange)}: define it there first")
    entry: dict[str, object] = {"description": " ".join(likelihood.about)}
    if len(axes) == 1:
        values = {"distribution": "numerical", "x": axes[0], "y": _plain(density, _DIGITS)}
        entry["values"] = {likelihood.names[0]: values}
    else:
        rows = [_plain(row, _DIGITS) for row in density]
        ends = [[axis[0], axis[-1]] for axis in axes]
        entry["observables"] = list(likelihood.names)
        entry["values"] = {"distribution": "multivariate_numerical", "xi": ends, "y": rows}
    text = yaml.safe_dump({name: entry}, sort_keys=False, width=120, default_flow_style=None)
    write_whole(path, "".join(f"# {line}\n" for line in lines) + text)


def _checked(observables: Sequence[str]) -> tuple[str, ...]:
    found = get_numbers(observables)
    if len(found) not in (1, 2):
        raise InputError(f"{len(found)} observables", allowed="one or two")
    return tuple(o.name for o in found)


def _axis(found: ObservableProfile, i: int, k: int) -> np.ndarray:
    """Values around the best fit that are wanted."""
    low, high = found.best[i] + _REACH[k] * np.array([-1, 1]) * found.errors[i]
    return np.linspace(low, high, _FITTED[k])


def _one(found: ObservableProfile) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """A spline through the points of the profile; the best fit and the SM are nodes."""
    wanted = np.unique(np.append(_axis(found, 0, 1), [found.best[0], found.sm[0]]))
    points = found.at(wanted[:, None])
    step = np.median(np.diff(wanted))
    good = points.converged & (np.abs(points.values[:, 0] - wanted) < _MISSED * step)
    x, height = points.values[good, 0], points.objective[good] - found.lowest
    order = np.argsort(x)
    x, height = x[order], height[order]
    apart = np.append(True, np.diff(x) > 1e-6 * step)
    x, height = x[apart], height[apart]
    if len(x) < _FEWEST:
        raise InputError(f"no curve of {found.names[0]}", allowed="raise best_fit: starts")
    spline = CubicSpline(x, height)
    inside = [v for v in (found.best[0], found.sm[0]) if x[0] <= v <= x[-1]]
    fine = np.unique(np.append(np.linspace(x[0], x[-1], _WRITTEN[1]), inside))
    found_height = spline(fine)
    return (fine,), found_height - found_height.min()


def _two(found: ObservableProfile) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """A spline through the profile on an even grid, brought there along its slope."""
    axes = [_axis(found, i, 2) for i in range(2)]
    wanted = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    points = found.at(wanted)
    off = points.values - wanted
    missed = (np.abs(off) > _MISSED * np.array([a[1] - a[0] for a in axes])).any(axis=1)
    # Beyond what a model can do there is nothing: as high as the probe makes it.
    height = points.objective - found.lowest - (points.slope * off).sum(axis=1)
    shape = [len(a) for a in axes]
    spline = RectBivariateSpline(*axes, height.reshape(shape))
    fine = tuple(np.linspace(a[0], a[-1], _WRITTEN[2]) for a in axes)
    smooth = spline(*fine)
    near = [np.clip(np.rint((f - a[0]) / (a[1] - a[0])).astype(int), 0, len(a) - 1)
            for f, a in zip(fine, axes, strict=True)]  # fmt: skip
    smooth = np.where((missed | ~points.converged).reshape(shape)[np.ix_(*near)], np.inf, smooth)
    return fine, smooth - smooth.min()


def _plain(numbers: np.ndarray, digits: int) -> list[float]:
    return [float(f"{x:.{digits}g}") for x in numbers]
