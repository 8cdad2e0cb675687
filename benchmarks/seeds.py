"""Best fits of cards with many seeds: whether all converge, and to the same -2 ln L.

    python benchmarks/seeds.py CARD... [--seeds 20] [--sample]

Prints one line a card; with `--sample` the chains of the card are run for every seed too, with the
largest R-hat and the smallest effective sample size of the parameters.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.compilation_cache import use_compilation_cache
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import BestFit, best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling import nuts
from bsnunu_jax.inference.sampling.regions import regions
from bsnunu_jax.report.diagnostics import diagnostics
from bsnunu_jax.report.draws import reported
from bsnunu_jax.runs.fit import initial_points, use_cpu_devices


class Fits:
    """One card with as many seeds as wanted, compiled once."""

    def __init__(self, path: Path) -> None:
        """Read the card."""
        self.card = Card(path)
        self.problem: Problem = self.card.problem
        self.landscape = Landscape(self.problem, min(self.card.content.best_fit.starts, 16))
        self._program: nuts.Program | None = None

    def fit(self, seed: int) -> BestFit | None:
        """The best fit with this seed, None if it fails."""
        starts = self.card.content.best_fit.starts
        try:
            return best_fit(self.problem, starts=starts, seed=seed, landscape=self.landscape)
        except InputError as error:
            print(f"  seed {seed}: {error}", flush=True)
            return None

    def chains(self, fit: BestFit, seed: int) -> nuts.Chains:
        """The chains of the card; regions and lines are those of the first fit."""
        sampler = replace(self.card.sampler, jumps=None)
        if self._program is None:
            self._program = nuts.Program(
                self.problem.potential, sampler, regions(self.landscape, fit)
            ).compile(self.problem.size)
        with tempfile.TemporaryDirectory() as folder:
            return nuts.sample(
                self.problem.potential,
                initial_points(self.problem, fit, sampler.chains, seed),
                sampler,
                seed=seed,
                folder=Path(folder),
                energies=self.landscape.potential,
                program=self._program,
                scale=np.clip(fit.best.theta_std, 1e-3, 1.5),
            )


def line(path: Path, seeds: int, sample: bool) -> str:
    """What happened to one card."""
    began, fits = time.monotonic(), Fits(path)
    found = {seed: fit for seed in range(1, seeds + 1) if (fit := fits.fit(seed))}
    heights = np.array([f.best.objective for f in found.values()])
    minima = sorted({len(f.minima) for f in found.values()})
    text = (
        f"{path.stem:24} {len(found):3} of {seeds:3}  "
        f"{heights.min() if found else np.nan:14.8f}  {np.ptp(heights) if found else np.nan:8.1e}  "
        f"{', '.join(map(str, minima)):8} {time.monotonic() - began:7.0f} s"
    )
    if not sample:
        return text
    hats, sizes, divergences = [], [], 0
    for seed, fit in found.items():
        chains = fits.chains(fit, seed)
        checks = diagnostics(reported(fits.problem, chains)).values()
        hats.append(max(d.r_hat for d in checks))
        sizes.append(min(min(d.ess_bulk, d.ess_tail) for d in checks))
        divergences += int(chains.diverging.sum())
        print(f"  seed {seed}: R-hat {hats[-1]:.4f}, ESS {sizes[-1]:.0f}", flush=True)
    good = sum(h <= 1.01 for h in hats)
    return (
        f"{text}  R-hat <= 1.01 in {good}, largest {max(hats):.4f}; ESS from {min(sizes):.0f}; "
        f"{divergences} divergences"
    )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cards", nargs="+", type=Path, metavar="CARD")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sample", action="store_true", help="run the chains too")
    options = parser.parse_args()
    use_compilation_cache()
    use_cpu_devices(2)
    jax.config.update("jax_enable_x64", True)
    print(f"{'card':24} converged  lowest -2 ln L   spread    minima       time", flush=True)
    for path in options.cards:
        print(line(path, options.seeds, options.sample), flush=True)


if __name__ == "__main__":
    main()
