"""Rows about where C_R is: claims 5 to 8."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bsnunu_jax.report.figures.coupling_regions import margin
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Numbers, RatioKernels, Region, drawn
from bsnunu_jax.reproduce.neutrinos.ratio_rows import ROUNDING, STATED_END
from bsnunu_jax.reproduce.neutrinos.ratio_scans import Scan, quantiles
from bsnunu_jax.reproduce.row import Row, row, spread
from bsnunu_jax.reproduce.settings import Settings

COLORS = (("blue", "loose"), ("red", "tight"))
# Lower end of the new range of R_K as the slides write it, and C_R^tautau of the paper's red point.
SLIDES_END, STATED_TAUTAU, STATED_R_KSTAR = 3.8, -13.2, 1.5
_LARGE = (5.0, 7.5, 10.0)
_RECUT_DRAWS, _RECUT_POINTS = 100, 100_000
# "Small but nonzero C_R^ee, C_R^mumu".
_LIGHT = 0.1


def regions(settings: Settings, kernels: RatioKernels, weight: float = 2.0) -> dict[str, Region]:
    """The four regions of Fig. 2 right by name: new and average, loose and tight."""
    c = settings.constraints
    return {
        f"{which}, {name}": Region(kernels, c.R_K[which], c.R_Kstar[name], weight)
        for which in ("new", "average")
        for name in ("loose", "tight")
    }


def coloured_regions(settings: Settings, kernels: RatioKernels) -> dict[str, Region]:
    """Those of the new range, blue and red."""
    every = regions(settings, kernels)
    return {color: every[f"new, {name}"] for color, name in COLORS}


def clusters(settings: Settings, allowed: Scan) -> list[Row]:
    """Claim 5, for real symmetric C_R uniform in the volume that the cuts leave."""
    sm, c = settings.once(drawn), settings.constraints
    rows, new = [], c.R_K["new"]
    CR = allowed.coefficients["CR"]
    largest = abs(CR[:, :3]).max(axis=1)
    for color, name in COLORS:
        limit = c.R_Kstar[name]
        mine = largest[allowed.inside(new, limit)]
        low, median, high = quantiles(mine, (0.05, 0.5, 0.95))
        error = _recut(sm.central, sm.draws, allowed, largest, new, limit)
        words: dict[str, Any] = {"color": color, "low": low, "high": high}
        rows.append(row(5, "median", median, error, low <= 10 <= high, **words))
        for large in _LARGE:
            share = float((mine > large).mean())
            error = 100 * float(np.sqrt(share * (1 - share) / max(mine.size, 1)))
            words, said = {"color": color, "large": large}, large == _LARGE[0]
            rows.append(row(5, "large", 100 * share, error, share > 0.9, said=said, **words))
    return rows


def _recut(
    central: RatioKernels,
    draws: RatioKernels,
    allowed: Scan,
    largest: Numbers,
    R_K: tuple[float, float],
    limit: float,
) -> float:
    """Uncertainty of the median: at fixed C_R/C_SM only R_K* moves, with eta."""
    n = _RECUT_POINTS
    V, R_Kstar, size = allowed.R_K[:n], allowed.R_Kstar[:n], largest[:n]
    A = (R_Kstar - (1 - central.eta) / 2 * V) * 2 / (1 + central.eta)
    medians = []
    etas, Cs = (np.atleast_1d(x)[:_RECUT_DRAWS] for x in (draws.eta, draws.C_SM))
    for eta, C in zip(etas, Cs, strict=True):
        inside = margin(*RatioKernels(eta, C).of_squares(V, A), R_K, limit) >= 0
        medians.append(quantiles(size[inside] * C / central.C_SM, (0.5,))[0])
    return spread(medians)


def plane(settings: Settings) -> list[Row]:
    """Claim 6: corners, ends on the axis and areas of the four regions."""
    sm = settings.once(drawn)
    central, draws = regions(settings, sm.central), regions(settings, sm.draws)
    rows = []
    names = {"new, loose": "blue", "new, tight": "red"}
    for name, region in central.items():
        low, high = region.R_K
        cut = f"{low:.3g} <= R_K <= {high:.3g}, R_K* <= {region.limit:.3g}"
        title = f"{names.get(name, 'hatched')} ({cut})"
        moved = draws[name]
        found = {
            "lowest C_R^tautau without C_R^mutau": (region.on_axis()[0], moved.on_axis()[0]),
            "highest C_R^tautau without C_R^mutau": (region.on_axis()[1], moved.on_axis()[1]),
            "largest |C_R^mutau|": (region.extent()[2], moved.extent()[2]),
            "area": (region.area(), moved.area()),
        }
        for R_K in (low, high):
            at, by = region.vertex(R_K), moved.vertex(R_K)
            if np.isfinite(at[0]):
                found[f"C_R^tautau of the corners at R_K = {R_K:.3g}"] = (at[0], by[0])
                found[f"|C_R^mutau| of the corners at R_K = {R_K:.3g}"] = (at[1], by[1])
        rows += [
            row(6, "region", value, spreading, title=title, what=what)
            for what, (value, spreading) in found.items()
        ]
    return rows


def off_diagonal(scan: Scan) -> list[Row]:
    """Claim 7."""
    apart = abs(scan.R_K - scan.R_Kstar).max()
    return [row(7, "apart", apart, None, apart < ROUNDING)]


def _with_light_flavours(settings: Settings) -> Row:
    """The lowest R_K* of the new range with C_R^ee = C_R^mumu = 0.1 or -0.1."""
    sm, (low, high) = settings.once(drawn), settings.constraints.R_K["new"]

    def lowest(kernels: RatioKernels) -> float:
        tautau = np.linspace(-25.0, 25.0, 5001)
        found = []
        for light in (-_LIGHT, _LIGHT):
            C = np.zeros((tautau.size, 6))
            C[:, 0] = C[:, 1] = light
            C[:, 2] = tautau
            R_K, R_Kstar = kernels.symmetric(np.zeros(6), C)
            found.append(R_Kstar[(low <= R_K) & (high >= R_K)].min())
        return float(min(found))

    etas, Cs = (np.atleast_1d(x)[:_RECUT_DRAWS] for x in (sm.draws.eta, sm.draws.C_SM))
    draws = [lowest(RatioKernels(eta, C)) for eta, C in zip(etas, Cs, strict=True)]
    value, limit = lowest(sm.central), settings.constraints.R_Kstar["tight"]
    words: dict[str, Any] = {"light": _LIGHT, "limit": limit}
    return row(8, "light", value, np.array(draws), value <= limit, **words)


def lowest_point(settings: Settings) -> list[Row]:
    """Claim 8: where R_K* of the red region is lowest; and the point that the text names."""
    sm, c = settings.once(drawn), settings.constraints
    limit, rows = c.R_Kstar["tight"], []

    def lowest(kernels: RatioKernels, end: float) -> tuple[Numbers, Numbers]:
        return Region(kernels, (end, c.R_K["new"][1]), limit).lowest_R_Kstar()

    words: dict[str, Any] = {"tautau": STATED_TAUTAU, "R_Kstar": STATED_R_KSTAR}
    for end in dict.fromkeys((STATED_END, c.R_K["new"][0])):
        said = end == STATED_END
        (value, at), (values, ats) = lowest(sm.central, end), lowest(sm.draws, end)
        error, error_at = spread(values), spread(ats)
        agrees = abs(value - STATED_R_KSTAR) <= max(error, 0.05)
        there = abs(at - STATED_TAUTAU) <= 2 * error_at
        rows += [
            row(8, "lowest", value, error, agrees, said=said, end=end, **words),
            row(8, "tautau", at, error_at, there, said=said, end=end, **words),
        ]
    at, ats = lowest(sm.central, SLIDES_END)[1], lowest(sm.draws, SLIDES_END)[1]
    agrees = abs(at - STATED_TAUTAU) <= spread(ats)
    rows.append(row(8, "slides", at, ats, agrees, end=SLIDES_END, **words))
    rows.append(_with_light_flavours(settings))
    points = (k.plane(np.asarray(STATED_TAUTAU), np.zeros(())) for k in (sm.central, sm.draws))
    for name, value, values in zip(("R_K", "R_K*"), *points, strict=True):
        rows.append(row(8, "point", value, values, name=name, **words))
    return rows


def rows(settings: Settings, allowed: Scan, crossed: Scan) -> Sequence[Row]:
    """All rows of this module."""
    return [
        *clusters(settings, allowed),
        *plane(settings),
        *off_diagonal(crossed),
        *lowest_point(settings),
    ]
