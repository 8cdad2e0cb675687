"""From a card to a result folder: best fit, NUTS, report, each stage on disk before the next."""

import hashlib
import json
import os
import platform
import re
import sys
import time
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jax
import numpy as np

import bsnunu_jax
from bsnunu_jax.config import Card
from bsnunu_jax.errors import InputError
from bsnunu_jax.inference import nuts
from bsnunu_jax.inference.best_fit import BestFit, best_fit
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.inputs import tables

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "numpyro", "arviz", "xarray")


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
    """
    began = time.monotonic()
    problem = card.problem
    _claim(folder, card, resume)
    say = _silent if quiet else _say
    say(f"{card.content.title}: {problem.size} parameters, {len(problem.measurements)} data sets")
    fit = _best_fit(problem, card, folder, say)
    chains = _sample(problem, card, folder, fit, quiet)
    say("writing posterior.nc, summary.csv and figures")
    from bsnunu_jax.report import (
        write_report,  # arviz and matplotlib: 2 s that errors need not wait
    )

    attrs = {"card": card.resolved, "bsnunu_jax": bsnunu_jax.__version__}
    text = write_report(folder, problem, chains, fit, seed=card.content.seed, attrs=attrs)
    _write_json(folder / "manifest.json", manifest(card) | {
        "wall_time_s": round(time.monotonic() - began, 1), "resumed": resume,
    })  # fmt: skip
    return text


def initial_points(problem: Problem, fit: BestFit, chains: int, seed: int) -> np.ndarray:
    """Starts of the chains: around every minimum that matters, spread by its Hessian errors.

    Minima with more than 1 % of the posterior (Laplace) share the chains in proportion; a
    mirrored parameter starts on a random side.
    """
    rng = np.random.default_rng(seed)
    matter = [m for m in fit.minima if m.weight > 0.01] or [fit.best]
    share = np.array([m.weight for m in matter])
    edges = np.cumsum(share / share.sum())
    found = []
    for chain in range(chains):
        m = matter[min(int(np.searchsorted(edges, (chain + 0.5) / chains)), len(matter) - 1)]
        theta = np.array(m.theta)
        for i, p in enumerate(problem.parameters):
            if p.mirror:
                theta[i] *= rng.choice([-1.0, 1.0])
        spread = np.minimum(m.theta_std, 1.0)
        found.append(theta + 0.5 * spread * rng.standard_normal(problem.size))
    return np.array(found)


def manifest(card: Card) -> dict[str, Any]:
    """Versions, settings, checksums of all data in use, and what to cite."""
    problem = card.problem
    inputs = problem.nuisances.inputs
    sets = [tables.form_factor_set(t, name) for t, name in inputs.sets]
    cite = {f"arXiv:{s.arxiv}": f"{s.transition} form factors" for s in sets}
    for name, number in tables.numbers(inputs.preset).items():
        for arxiv in re.findall(r"arXiv:\d{4}\.\d{4,5}", number.source):
            cite[arxiv] = f"{cite[arxiv]}, {name}" if arxiv in cite else name
    cite |= {source: m.title for m in problem.measurements for source in m.sources}
    return {
        "title": card.content.title,
        "seed": card.content.seed,
        "preset": inputs.preset,
        "form_factors": dict(inputs.sets),
        "versions": {"bsnunu_jax": bsnunu_jax.__version__, "python": platform.python_version()}
        | {name: metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "data_sha256": _checksums(card),
        "cite": cite,
        "tree_tau": {m.name: m.tree_tau for m in problem.measurements},
    }


def _claim(folder: Path, card: Card, resume: bool) -> None:
    """Make the folder ours, or refuse."""
    path = folder / "card.yaml"
    if path.is_file():
        if path.read_text() != card.resolved:
            raise InputError(
                "the folder holds the run of another card, seed or setting", where=str(folder),
                allowed="choose another --out",
            )  # fmt: skip
        if not resume:
            raise InputError(
                "the folder holds a run of this card already", where=str(folder),
                allowed="add --resume to go on with it, or choose another --out",
            )  # fmt: skip
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, card.resolved)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None


def _best_fit(problem: Problem, card: Card, folder: Path, say: Any) -> BestFit:
    path = folder / "best_fit.json"
    if path.is_file():
        return BestFit.from_dict(json.loads(path.read_text())["fit"])
    starts = card.content.best_fit.starts
    say(f"best fit from {starts} starts")
    fit = best_fit(problem, starts=starts, seed=card.content.seed)
    at_best = np.array(fit.best.theta)
    log_likelihoods = jax.jit(problem.log_likelihoods)(at_best)
    _write_json(path, {
        "best": fit.best.values,
        "errors": fit.best.errors,
        "minus_2_log_likelihood": fit.best.objective,
        "log_likelihoods": {k: float(v) for k, v in log_likelihoods.items()},
        "nuisances": dict(zip(problem.names, fit.best.theta, strict=True)),
        "fit": fit.as_dict(),
    })  # fmt: skip
    return fit


def _sample(problem: Problem, card: Card, folder: Path, fit: BestFit, quiet: bool) -> nuts.Chains:
    from tqdm import tqdm

    sampler = card.sampler
    total = sampler.blocks * sampler.block
    with tqdm(total=total, desc="NUTS (compiling)", unit="step", disable=quiet,
              file=sys.stderr, mininterval=0.5) as bar:  # fmt: skip

        def progress(done: int, _total: int, divergences: int, warmup: bool) -> None:
            bar.set_description("NUTS warm-up" if warmup else "NUTS sampling", refresh=False)
            bar.set_postfix(chains=sampler.chains, divergences=divergences, refresh=False)
            bar.update(done - bar.n)

        initial = initial_points(problem, fit, sampler.chains, card.content.seed)
        return nuts.sample(
            problem.potential, initial, sampler, seed=card.content.seed,
            folder=folder / "blocks", progress=progress,
        )  # fmt: skip


def _checksums(card: Card) -> dict[str, str]:
    """SHA-256 of every data file of the package and of the card's own data files."""
    found = {}
    for room in ("inputs", "experiments"):
        root = resources.files(f"bsnunu_jax.{room}") / "data"
        with resources.as_file(root) as data:
            for path in sorted(Path(data).rglob("*.yaml")):
                found[f"{room}/{path.relative_to(data)}"] = _sha256(path)
    for name in card.content.data:
        if name.endswith((".yaml", ".yml")):
            found[name] = _sha256(card.path.parent / name)
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    _write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(text: str) -> None:
    return
