"""pyhf workspace JSON -> `Density`: patched, of one measurement, less what a theory replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.factors import NormCode
from bsnunu_jax.experiments.histfactory.model import HistFactory, HistoCode, padded
from bsnunu_jax.experiments.histfactory.parameters import Parameters
from bsnunu_jax.experiments.histfactory.patches import patched
from bsnunu_jax.experiments.histfactory.requirements import (
    INTERPOLATED,
    OF_BINS,
    by_name,
    requirements,
)
from bsnunu_jax.experiments.histfactory.specification import (
    Modifier,
    Specification,
    selected,
    specification,
)
from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.json_files import read_json

# Up and down variations closer to symmetric than this are symmetric, in units of the nominal yield.
_ROUNDING = 1e-13


def read_workspace(
    path: Path,
    *,
    measurement: str | None = None,
    patch: tuple[Path, str | None] | None = None,
    drop: Sequence[str] = (),
    channels: Sequence[str] | None = None,
    norm_code: NormCode = "code4",
    histo_code: HistoCode = "code4p",
) -> Density:
    """The density of a pyhf workspace at its observations; its `model` has the expected events.

    Args:
        path: JSON file, which may be compressed by gzip.
        measurement: which of its measurements; may be left out where there is one.
        patch: a patch set and the name of a patch in it, or a file with one patch and no name.
        drop: names of modifiers to leave out, with their constraint terms.
        channels: names of the channels to keep, all if absent; modifiers that act on no other
            channel go, with their constraint terms.
        norm_code: interpolation of normsys.
        histo_code: interpolation of histosys.

    Raises:
        InputError: for a file that is missing or no workspace, a name that it does not have, or
            what pyhf refuses or cannot evaluate; with channel, sample and modifier.
    """
    content = read_json(path, "pyhf workspace")
    if patch is not None:
        content = patched(content, *patch, str(path))
    spec = specification(content, str(path), measurement)
    whole = not drop and channels is None
    return build(
        selected(spec, drop, channels), norm_code=norm_code, histo_code=histo_code, whole=whole
    )


def build(
    spec: Specification,
    *,
    norm_code: NormCode = "code4",
    histo_code: HistoCode = "code4p",
    whole: bool = True,
) -> Density:
    """The density of a checked specification; one that is not `whole` may lack its POI."""
    parameters, starts = requirements(spec)
    if whole and not len(parameters):
        spec.place.refuse("has no parameters", "a modifier at least")
    poi = _poi(spec, parameters, whole)
    blocks = _blocks(spec)
    with np.errstate(all="ignore"):  # what overflows is no finite density
        model, gamma_at, collapses = _model(spec, blocks, parameters, starts)
    model = replace(model, norm_code=norm_code, histo_code=histo_code)
    _refuse_impossible(spec, model)
    at = {name: found.start for name, found in parameters.slices.items()}
    rows = [
        [starts[m.type, m.name, b.channel] + i for m in b.modifiers if m.type in OF_BINS]
        for b in blocks
        for i in range(b.width)
    ]
    return Density(
        model,
        parameters,
        poi,
        spec.measurement.name,
        alpha_at=np.array([at[name] for name in model.alphas], dtype=int),
        factor_at=np.array([at[name] for name in model.factors], dtype=int),
        gamma_at=gamma_at,
        bin_factors=padded(rows, len(parameters)),
        collapses=collapses,
    )


@dataclass(frozen=True)
class _Block:
    """A sample in a channel: its bins, its entries, its modifiers by name."""

    channel: str
    sample: str
    nominal: np.ndarray
    bins: np.ndarray
    entries: np.ndarray
    modifiers: tuple[Modifier, ...]

    @property
    def width(self) -> int:
        return len(self.nominal)


def _blocks(spec: Specification) -> list[_Block]:
    found, first_bin, first_entry = [], 0, 0
    for c in spec.channels:
        bins = first_bin + np.arange(len(c.observed))
        for s in c.samples:
            entries = first_entry + np.arange(len(bins))
            found.append(_Block(c.name, s.name, s.data, bins, entries, by_name(s)))
            first_entry += len(bins)
        first_bin += len(bins)
    return found


def _poi(spec: Specification, parameters: Parameters, whole: bool) -> str | None:
    poi, place = spec.measurement.poi, spec.measurement.place
    if poi not in parameters.slices:
        if poi and whole:
            place.refuse(f"no parameter {shown(poi)}, its poi", ", ".join(parameters.slices))
        return None
    if next(s for s in parameters.sets if s.name == poi).inits.size != 1:
        place.refuse(f"its poi {shown(poi)} is a list of parameters", "a number")
    return poi


def _model(
    spec: Specification,
    blocks: Sequence[_Block],
    parameters: Parameters,
    starts: Mapping[tuple[str, str, str], int],
) -> tuple[HistFactory, np.ndarray, bool]:
    """Expected events, where its gammas are in the vector, and whether they collapse."""
    nominal = np.concatenate([b.nominal for b in blocks])
    modifiers = [(b, m) for b in blocks for m in b.modifiers]
    alphas = tuple(sorted({m.name for _, m in modifiers if m.type in INTERPOLATED}))
    factors = tuple(sorted({m.name for _, m in modifiers if m.type in ("normfactor", "lumi")}))
    index = {name: i for names in (alphas, factors) for i, name in enumerate(names)}
    symmetric = np.zeros((len(alphas), nominal.size))
    antisymmetric = np.zeros_like(symmetric)
    norms: dict[tuple[int, float, float], int] = {}
    norm_rows: list[list[int]] = [[] for _ in nominal]
    factor_rows: list[list[int]] = [[] for _ in nominal]
    for block, m in modifiers:
        if m.type == "histosys":
            high, low = m.data
            symmetric[index[m.name], block.entries] = (high - low) / 2
            bend = high + low - 2 * block.nominal
            bend[np.abs(bend) <= _ROUNDING * block.nominal] = 0
            antisymmetric[index[m.name], block.entries] = bend / 16
        elif m.type in ("normsys", "normfactor", "lumi"):
            row, i = factor_rows, index[m.name]
            if m.type == "normsys":
                row, i = norm_rows, norms.setdefault((i, *m.data.tolist()), len(norms))
            for entry in block.entries:
                row[entry].append(i)
    gammas, gamma_at, gamma_sigma, constant, collapses = _mc_statistics(blocks, parameters, starts)
    table = np.array(list(norms), dtype=float).reshape(-1, 3)
    model = HistFactory(
        entries=tuple((b.channel, b.sample) for b in blocks for _ in b.nominal),
        nominal=nominal,
        bins=np.concatenate([b.bins for b in blocks]),
        observed=np.concatenate([c.observed for c in spec.channels]),
        alphas=alphas,
        symmetric=symmetric,
        antisymmetric=antisymmetric,
        norm_alpha=table[:, 0].astype(int),
        norm_up=table[:, 1],
        norm_down=table[:, 2],
        norm_of_entry=padded(norm_rows, len(norms)),
        factors=factors,
        factor_of_entry=padded(factor_rows, len(factors)),
        gammas=gammas,
        gamma_sigma=gamma_sigma,
        constant=constant,
    )
    return model, gamma_at, collapses


def _mc_statistics(
    blocks: Sequence[_Block], parameters: Parameters, starts: Mapping[tuple[str, str, str], int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, bool]:
    """The model's gammas: see `HistFactory` and `Density`.

    A staterror without an error in a bin stays at 1 there, with a constant constraint term.
    """
    size = len(parameters)
    with_error = np.zeros(size, dtype=bool)
    sigma, centre = np.ones(size), np.ones(size)
    constant = 0.0
    for s in (s for s in parameters.sets if s.type == "staterror"):
        at = parameters.slices[s.name]
        sigma[at], centre[at], with_error[at] = s.scale, s.auxdata, ~s.without_error
        still = s.without_error
        pulls = (s.auxdata[still] - 1) / s.scale[still]
        constant -= float(np.sum(pulls**2 / 2 + np.log(s.scale[still] * np.sqrt(2 * np.pi))))
    gamma_at = np.flatnonzero(with_error)
    number = np.full(size + 1, len(gamma_at))
    number[gamma_at] = np.arange(len(gamma_at))
    gammas, uses = [], 0
    for b in blocks:
        rows = [
            starts[m.type, m.name, b.channel] + np.arange(b.width)
            for m in b.modifiers
            if m.type == "staterror"
        ]
        live = [np.where(with_error[row], row, size) for row in rows]
        uses += sum(int((row < size).sum()) for row in live)
        first = np.full(b.width, size)
        for row in reversed(live):
            first = np.where(row < size, row, first)
        gammas.append(number[first])
    found = np.concatenate(gammas)
    single = len(np.unique(found[found < len(gamma_at)])) == uses
    return found, gamma_at, sigma[gamma_at], constant, single and bool((centre == 1).all())


def _refuse_impossible(spec: Specification, model: HistFactory) -> None:
    """Refuse a bin with counts that expects none whatever the parameters."""
    moved = (model.symmetric != 0).any(axis=0) | (model.antisymmetric != 0).any(axis=0)
    possible = np.zeros(len(model.observed), dtype=bool)
    possible[model.bins[moved | (model.nominal > 0)]] = True
    first = 0
    for c in spec.channels:
        here = slice(first, first + len(c.observed))
        bad = np.flatnonzero((c.observed > 0) & ~possible[here])
        if bad.size:
            spec.place.inside("channel", c.name).refuse(
                f"bin {bad[0]} has {c.observed[bad[0]]:g} events and can expect none"
            )
        first = here.stop
