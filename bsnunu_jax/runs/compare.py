"""Models side by side: best fits, Delta chi2 against the SM by data set, evidence."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from bsnunu_jax.cards.comparison import Comparison, Variant
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.progress import bar, say_on_stderr, silent, warn
from bsnunu_jax.foundation.seals import read_sealed_json, write_json, write_sealed_json
from bsnunu_jax.hadrons.transitions import REPORTED_DECAYS
from bsnunu_jax.inference.evidence.operators import MASSES, PairComparison
from bsnunu_jax.inference.evidence.pairs import PairOperator
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import arguments
from bsnunu_jax.report.compare_words import in_words
from bsnunu_jax.report.remarks import measured
from bsnunu_jax.runs.compare_fit import compare_by_fit
from bsnunu_jax.runs.folder import run

Result = dict[str, Any]
Keep = Callable[[Variant, Result], None]


def run_compare(
    comparison: Comparison,
    folder: Path | None = None,
    *,
    resume: bool = False,
    quiet: bool = False,
    masses: int = MASSES,
) -> Result:
    """Compare models with the SM and with each other.

    Args:
        comparison: the models.
        folder: result folder; every variant is written there when it is done.
        resume: keep the variants that `folder` holds.
        quiet: no progress on stderr.
        masses: points of the curves of pair operators.

    Returns:
        the content of compare.json.

    Raises:
        InputError: for a folder with another comparison, or a fit that does not converge.
        RunError: if the folder goes while the run works.
    """
    say = silent if quiet else say_on_stderr
    for variants in _bases(comparison.variants).values():
        _ = variants[0].card.stated  # errors in data come before anything is written
        variants[0].card.need_measured()
        for v in variants:
            v.card.check_reach(variants[0].card.measurements, v.card.content.predictions)
    if folder is None:
        for line in comparison.warnings:
            warn(line)
    settings = {"masses": masses}
    with (
        run(folder, comparison, resume=resume, quiet=quiet, settings=settings)
        if folder
        else nullcontext()
    ):
        known = _finished(comparison, folder)
        found = _compare(comparison, known, folder, masses, say, quiet)
        unseen = _unseen(comparison.variants)
        result = {
            "titles": {str(c.path.name): c.content.title for c in comparison.cards},
            "comparable": len(_bases(comparison.variants)) == 1,
            "variants": [
                found[v.name] | {"not_constrained": unseen[v.name]} for v in comparison.variants
            ],
        }
        result["verdict"] = in_words(result)
        if folder:
            # Matplotlib takes a second that nobody need wait for.
            from bsnunu_jax.report.compare_table import write_comparison

            write_json(folder / "compare.json", result)
            write_comparison(folder, result)
    return result


def _unseen(variants: Sequence[Variant]) -> dict[str, list[str]]:
    """The modes of which the data of a variant have nothing, by its name."""
    found: dict[str, list[str]] = {}
    for same in _bases(variants).values():
        seen = measured(same[0].card.stated)
        left = [mode for mode in REPORTED_DECAYS if mode not in seen]
        found |= {v.name: left for v in same}
    return found


def _bases(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Variants with the same inputs and data."""
    found: dict[str, list[Variant]] = {}
    for v in variants:
        content = v.card.content
        own = (
            str(v.card.path.parent.resolve())
            if any(name.endswith((".yaml", ".yml")) for name in content.data)
            else ""
        )
        shared = content.model_dump(mode="json", include={"inputs", "data", "likelihood"})
        found.setdefault(json.dumps([shared, own]), []).append(v)
    return found


def _compare(
    comparison: Comparison,
    known: dict[str, Result],
    folder: Path | None,
    masses: int,
    say: Any,
    quiet: bool,
) -> dict[str, Result]:
    found = dict(known)
    numbers = {"total": len(comparison.variants), "initial": len(known)}
    with bar("compare", "variant", quiet=quiet, **numbers) as shown:

        def keep(variant: Variant, result: Result) -> None:
            content = variant.card.content
            found[variant.name] = {
                "name": variant.name,
                "panel": variant.panel,
                "model": content.model,
                "fixed": content.model_dump(mode="json")["fixed"],
                **result,
            }
            if folder:
                write_sealed_json(_path(folder, variant), found[variant.name])
            shown.set_postfix_str(variant.name, refresh=False)
            shown.update()

        for variants in _bases(comparison.variants).values():
            left = [v for v in variants if v.name not in known]
            if left:
                base = next((v for v in variants if v.card.decays), variants[0])
                _compare_on(base.card.stated, left, masses, say, keep)
    return found


def _compare_on(
    base: Problem, variants: Sequence[Variant], masses: int, say: Any, keep: Keep
) -> None:
    """All variants with the same inputs and data."""
    problems = {v.name: v.card.on(base) for v in variants}
    operators = {name: op for name, problem in problems.items() if (op := PairOperator.of(problem))}
    if operators:
        try:
            together = PairComparison(base, operators, masses=masses)
        except InputError as error:
            say(f"no common scan of pairs: {error}")
            operators = {}
        else:
            say(f"{len(operators)} pair operators: compiling")
            _scan([v for v in variants if v.name in operators], together, keep)
    for variant in variants:
        if variant.name not in operators:
            say(f"{variant.name}: general best fit and its Laplace evidence")
            stated = problems[variant.name]
            # Variants that differ in held values share their programs.
            fixed = arguments(stated.model, dict(stated.fixed))
            problem = variant.card.ready(replace(stated, fixed=fixed))
            keep(variant, compare_by_fit(variant.card, problem))


def _scan(variants: Sequence[Variant], together: PairComparison, keep: Keep) -> None:
    """Scans beside each other: XLA lets go of the interpreter while it compiles and computes."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for job in [pool.submit(task) for task in together.preparations]:
            job.result()
        jobs = {pool.submit(together.result, v.name): v for v in variants}
        for job in as_completed(jobs):
            keep(jobs[job], job.result())
    finally:
        # Also after Ctrl-C: what has not begun never will.
        pool.shutdown(cancel_futures=True)


def _path(folder: Path, variant: Variant) -> Path:
    return folder / "variants" / f"{variant.file_name}.json"


def _finished(comparison: Comparison, folder: Path | None) -> dict[str, Result]:
    """Variants that the folder holds already."""
    if folder is None:
        return {}
    paths = {v.name: _path(folder, v) for v in comparison.variants}
    remedy = "delete it: `--resume` makes it again"
    return {n: read_sealed_json(path, remedy) for n, path in paths.items() if path.exists()}
