"""Rows about where C_R is: claims 5 to 8 of `claims.STATEMENTS`."""

from collections.abc import Sequence

import numpy as np

from bsnunu_jax.report.figures.coupling_regions import margin
from bsnunu_jax.reproduce.neutrinos.coupling_circles import Region
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import RatioKernels, drawn
from bsnunu_jax.reproduce.neutrinos.ratio_rows import ROUNDING, STATED_END
from bsnunu_jax.reproduce.neutrinos.ratio_scans import Scan, quantiles
from bsnunu_jax.reproduce.row import Row, spread
from bsnunu_jax.reproduce.settings import Settings

Numbers = np.ndarray
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
        rows.append(
            Row(
                5,
                "Fig. 2 centre",
                f"largest |C_R^ii| of {color} points, median",
                "near 10",
                median,
                _recut(sm.central, sm.draws, allowed, largest, new, limit),
                "",
                low <= 10 <= high,
                f"90 % of the points are between {low:.1f} and {high:.1f}",
            )
        )
        for large in _LARGE:
            share = float((mine > large).mean())
            stated = large == _LARGE[0]
            rows.append(
                Row(
                    5,
                    "Fig. 2 centre",
                    f"{color} points with at least one |C_R^ii| > {large:g}",
                    "all of order 10" if stated else "",
                    100 * share,
                    100 * float(np.sqrt(share * (1 - share) / max(mine.size, 1))),
                    "%",
                    share > 0.9 if stated else None,
                    "" if stated else "of the same scan",
                )
            )
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
            Row(6, "Fig. 2 right", f"{title}: {quantity}", "", float(value), spread(spreading))
            for quantity, (value, spreading) in found.items()
        ]
    return rows


def off_diagonal(scan: Scan) -> list[Row]:
    """Claim 7."""
    apart = float(abs(scan.R_K - scan.R_Kstar).max())
    return [
        Row(
            7,
            "text",
            "largest |R_K - R_K*| of a scan of off-diagonal C_R",
            "0",
            apart,
            None,
            "",
            apart < ROUNDING,
        )
    ]


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
    return Row(
        8,
        "text",
        f"lowest R_K* with |C_R^ee| = |C_R^mumu| = {_LIGHT:g} and C_R^tautau",
        "similar solutions exist",
        value,
        spread(draws),
        "",
        value <= limit,
        f"the tight limit is {limit:.3g}",
    )


def lowest_point(settings: Settings) -> list[Row]:
    """Claim 8: where R_K* of the red region is lowest; and the point that the text names."""
    sm, c = settings.once(drawn), settings.constraints
    limit, rows = c.R_Kstar["tight"], []

    def lowest(kernels: RatioKernels, end: float) -> tuple[Numbers, Numbers]:
        return Region(kernels, (end, c.R_K["new"][1]), limit).lowest_R_Kstar()

    for end in dict.fromkeys((STATED_END, c.R_K["new"][0])):
        stated = end == STATED_END
        (value, at), (values, ats) = lowest(sm.central, end), lowest(sm.draws, end)
        error, error_at = spread(values), spread(ats)
        there = abs(float(at) - STATED_TAUTAU) <= 2 * error_at
        rows += [
            Row(
                8,
                "text",
                f"lowest R_K* of the red region, R_K >= {end:.3g}",
                f"{STATED_R_KSTAR:g}" if stated else "",
                float(value),
                error,
                "",
                abs(float(value) - STATED_R_KSTAR) <= max(error, 0.05) if stated else None,
                "" if stated else "with the range of R_K of these constraints",
            ),
            Row(
                8,
                "text",
                f"C_R^tautau where it is, C_R^mutau = 0, R_K >= {end:.3g}",
                f"{STATED_TAUTAU:g}" if stated else "",
                float(at),
                error_at,
                "",
                there if stated else None,
                ""
                if there and stated
                else "with the range of R_K of these constraints"
                if not stated
                else "R_K* rises with |C_R^tautau| here, its minimum is on the edge "
                f"R_K = {end:.3g}",
            ),
        ]
    at, ats = lowest(sm.central, SLIDES_END)[1], lowest(sm.draws, SLIDES_END)[1]
    rows.append(
        Row(
            8,
            "slides",
            f"C_R^tautau of the lowest R_K* for R_K >= {SLIDES_END:g}",
            f"{STATED_TAUTAU:g}",
            float(at),
            spread(ats),
            "",
            abs(float(at) - STATED_TAUTAU) <= spread(ats),
            "the point of the text goes with the lower end of R_K that the slides write",
        )
    )
    rows.append(_with_light_flavours(settings))
    zero = np.zeros(())
    point = sm.central.plane(np.asarray(STATED_TAUTAU), zero)
    moved = sm.draws.plane(np.asarray(STATED_TAUTAU), zero)
    for name, value, values in zip(("R_K", "R_K*"), point, moved, strict=True):
        rows.append(
            Row(
                8,
                "text",
                f"{name} at C_R^tautau = {STATED_TAUTAU:g}",
                "",
                float(value),
                spread(values),
            )
        )
    return rows


def rows(settings: Settings, allowed: Scan, crossed: Scan) -> Sequence[Row]:
    """All rows of this module."""
    return [
        *clusters(settings, allowed),
        *plane(settings),
        *off_diagonal(crossed),
        *lowest_point(settings),
    ]
