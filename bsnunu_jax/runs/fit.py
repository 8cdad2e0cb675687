"""From a card to a result folder: best fit, NUTS, report, each stage on disk before the next."""

import sys
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.plain_text import counted
from bsnunu_jax.foundation.progress import bar
from bsnunu_jax.foundation.seals import read_sealed_json, write_sealed_json
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.inference.fits.best_fit import BestFit, best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import Arrays, Whole, numbers, program, shared
from bsnunu_jax.inference.sampling import nuts
from bsnunu_jax.inference.sampling.jump_grid import grid_and_starts
from bsnunu_jax.inference.sampling.jumps import Jumps
from bsnunu_jax.inference.sampling.regions import matter, regions
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.runs.folder import claimed as claimed  # also known from here
from bsnunu_jax.runs.folder import run

# What a posterior must reach to be quoted without a warning.
_R_HAT, _ESS = 1.01, 400


def convergence_warnings(problem: Problem, chains: nuts.Chains) -> list[str]:
    """One line for everything that speaks against quoting the result."""
    from bsnunu_jax.report.diagnostics import diagnostics
    from bsnunu_jax.report.draws import reported

    found = []
    for name, d in diagnostics(reported(problem, chains)).items():
        if not d.r_hat <= _R_HAT and len(chains.theta) > 1:
            found.append(f"WARNING: {name} has not converged, R-hat {d.r_hat:.3f} > {_R_HAT}")
        if not min(d.ess_bulk, d.ess_tail) >= _ESS:
            ess = min(d.ess_bulk, d.ess_tail)
            found.append(f"WARNING: {name} has an effective sample size of {ess:.0f} < {_ESS}")
    divergences = int(chains.diverging.sum())
    if divergences:
        found.append(f"WARNING: {divergences} divergent transitions, raise sampler: target_accept")
    elif found:
        found.append("WARNING: raise sampler: warmup and draws")
    return found


def use_cpu_devices(count: int) -> None:
    """Give every chain its own XLA device on the CPU; no effect once JAX has started."""
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:
        return


def run_fit(card: Card, folder: Path, *, resume: bool = False, quiet: bool = False) -> str:
    """Fit a card and leave card.yaml, best_fit.json, posterior.nc, summary.csv, figures, manifest.

    Args:
        card: what to fit.
        folder: result folder; must not hold a result unless `resume`.
        resume: go on with the run in `folder`.
        quiet: no progress on stderr.

    Returns:
        the summary as text.

    Raises:
        InputError: if the folder holds another run.
        RunError: if it goes while the run works.
    """
    problem = card.problem
    with run(folder, card, resume=resume, quiet=quiet) as ours:
        text = fit_problem(problem, card, folder, ours.say, quiet)
    return text


def fit_problem(problem: Problem, card: Card, folder: Path, say: Any, quiet: bool) -> str:
    """Best fit, posterior and report of a problem, with the sampler of a card, in a run's folder.

    What the folder has of them is taken up.

    Returns:
        the summary as text.
    """
    parameters = counted(problem.size, "parameter")
    data = counted(len(problem.measurements), "data set")
    say(f"{card.content.title}: {parameters}, {data}")
    landscape = Landscape(problem, min(card.content.best_fit.starts, 16))
    jumps = jumping(problem, card.sampler)
    with ThreadPoolExecutor(1) as pool:
        # The sampler compiles beside the best fit.
        compiled = pool.submit(_sampler.of, problem, card.sampler, numbers(problem))
        fit = _best_fit(problem, card, folder, say, landscape)
        chains = _sample(problem, card, folder, fit, quiet, landscape, compiled, jumps)
    if chains.jumped is not None:
        far, near = 100 * chains.jumped.mean(axis=(0, 1))
        say(
            f"{' and '.join(card.sampler.jumps or ())} moved in {far:.0f} % of jumps "
            f"across the grid and {near:.0f} % of jumps nearby"
        )
    say("writing posterior.nc, summary.csv and figures")
    # ArviZ and Matplotlib take 2 s that errors in a card need not wait for.
    from bsnunu_jax.report import write_report

    attrs = {"card": card.resolved, "bsnunu_jax": __version__}
    text = write_report(
        folder,
        problem,
        chains,
        fit,
        seed=card.content.seed,
        attrs=attrs,
        observables=[get_observable(name).name for name in card.content.predictions],
    )
    warnings = convergence_warnings(problem, chains)
    for line in warnings:
        print(f"bsnunu: {line}", file=sys.stderr)
    return "\n".join([text.rstrip("\n"), *warnings, ""])


@shared
def _sampler(whole: Whole, arrays: Arrays, sampler: nuts.Sampler, _: Hashable) -> nuts.Program:
    """With all numbers of the problem as constants, which the compiler folds."""
    problem = whole(arrays)
    jumps = jumping(problem, sampler)
    return nuts.Program(problem.potential, sampler, jumps=jumps).compile(problem.size)


@program
def _log_likelihoods(problem: Problem, theta: Array) -> dict[str, Array]:
    return problem.log_likelihoods(theta)


def jumping(problem: Problem, sampler: nuts.Sampler) -> Jumps | None:
    """The kernels of a sampler in which some parameters jump."""
    if not sampler.jumps:
        return None
    names = [p.name for p in problem.parameters]
    return Jumps(problem.potential, tuple(names.index(n) for n in sampler.jumps), problem.size)


def initial_points(problem: Problem, fit: BestFit, chains: int, seed: int) -> np.ndarray:
    """Starts of the chains: around every minimum that matters, spread by its errors.

    Minima with more than 0.1 % of the posterior (Laplace) share the chains in proportion; a
    mirrored parameter starts on a random side.
    """
    rng = np.random.default_rng(seed)
    minima = matter(fit)
    share = np.array([m.weight for m in minima])
    edges = np.cumsum(share / share.sum())
    found = []
    for chain in range(chains):
        m = minima[min(int(np.searchsorted(edges, (chain + 0.5) / chains)), len(minima) - 1)]
        theta = np.array(m.inside)
        for i, p in enumerate(problem.parameters):
            if p.mirror:
                theta[i] *= rng.choice([-1.0, 1.0])
        spread = np.minimum(m.theta_std, 1.0)
        found.append(theta + 0.5 * spread * rng.standard_normal(problem.size))
    return np.array(found)


def _best_fit(
    problem: Problem, card: Card, folder: Path, say: Any, landscape: Landscape
) -> BestFit:
    path = folder / "best_fit.json"
    if path.exists():
        found = read_sealed_json(path, "delete it: `--resume` makes it again")
        return BestFit.from_dict(found["fit"])
    starts = card.content.best_fit.starts
    say(f"best fit from {counted(starts, 'start')}")
    fit = best_fit(problem, starts=starts, seed=card.content.seed, landscape=landscape)
    at_best = np.array(fit.best.theta)
    log_likelihoods = _log_likelihoods(problem, at_best)
    write_sealed_json(
        path,
        {
            "best": fit.best.values,
            "errors": fit.best.errors,
            "intervals": fit.best.intervals,
            "flat": [line.sentence for line in fit.flat],
            "minus_2_log_likelihood": fit.best.objective,
            "log_likelihoods": {k: float(v) for k, v in log_likelihoods.items()},
            "nuisances": dict(zip(problem.names, fit.best.theta, strict=True)),
            "fit": fit.as_dict(),
        },
    )
    return fit


def _sample(
    problem: Problem,
    card: Card,
    folder: Path,
    fit: BestFit,
    quiet: bool,
    landscape: Landscape,
    compiled: "Future[tuple[nuts.Program, Arrays]]",
    jumps: Jumps | None,
) -> nuts.Chains:
    sampler = card.sampler
    total = sampler.blocks * sampler.block
    with bar("NUTS (compiling)", "step", quiet=quiet, total=total) as shown:

        def progress(done: int, _total: int, divergences: int, warmup: bool) -> None:
            shown.set_description("NUTS warm-up" if warmup else "NUTS sampling", refresh=False)
            shown.set_postfix(chains=sampler.chains, divergences=divergences, refresh=False)
            shown.update(done - shown.n)

        grid = separate = None
        if jumps is not None:
            grid, initial = grid_and_starts(
                folder / "blocks" / "grid.npz",
                landscape.potential,
                jumps.jumping,
                np.array(fit.best.inside),
                sampler.chains,
                card.content.seed,
            )
        else:
            initial = initial_points(problem, fit, sampler.chains, card.content.seed)
            separate = regions(landscape, fit)
        return nuts.sample(
            problem.potential,
            initial,
            sampler,
            seed=card.content.seed,
            folder=folder / "blocks",
            progress=progress,
            branches=separate,
            energies=landscape.potential,
            scale=np.clip(fit.best.theta_std, 1e-3, 1.5),
            program=compiled.result()[0] if separate is None else None,
            grid=grid,
        )
