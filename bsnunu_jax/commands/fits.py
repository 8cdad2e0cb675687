"""Commands on run cards: fit, limit, project, profile, compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsnunu_jax.commands.options import (
    CARD,
    JSON,
    LEVEL,
    LIKELIHOOD,
    NUMBER,
    PARAMETER,
    PATH,
    QUIET,
    SEED,
    TOYS,
    answer,
    echo,
    out,
    resume,
)
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.interrupts import KEPT, keep

if TYPE_CHECKING:
    from bsnunu_jax.cards.run_card import Card


@click.command()
@CARD
@out("")
@SEED
@click.option("--chains", type=click.IntRange(1, 1024), help="Chains, instead of the card's.")
@click.option(
    "--draws", type=click.IntRange(10, 1_000_000), help="Draws per chain, instead of the card's."
)
@LIKELIHOOD
@resume("Go on with the run in the result folder.")
@QUIET
def fit(
    card: Path,
    out: Path | None,
    seed: int | None,
    chains: int | None,
    draws: int | None,
    likelihood: Path | None,
    resume: bool,
    quiet: bool,
) -> None:
    """Fit a run card: best fit, posterior, table and figures.

    Example: bsnunu fit fits/belle2_cr.yaml
    """
    from bsnunu_jax.runs.fit import run_fit, use_cpu_devices

    loaded = _read(card, seed=seed, chains=chains, draws=draws, likelihood=likelihood)
    use_cpu_devices(loaded.sampler.chains)
    folder = out or Path("results") / card.stem
    echo(run_fit(loaded, folder, resume=resume, quiet=quiet))
    echo(f"results: {folder}")


@click.command()
@CARD
@PARAMETER
@click.option(
    "--null", type=NUMBER, default=0.0, show_default=True, help="Its value without a signal."
)
@LEVEL
@click.option(
    "--test",
    "tested",
    type=NUMBER,
    multiple=True,
    metavar="VALUE",
    help="A value to test besides the null; may be given several times.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Hold a parameter, or change what is held; may be repeated.",
)
@click.option(
    "--scan",
    "scans",
    multiple=True,
    metavar="NAME=LOW:HIGH:N[:log]",
    help="A limit at each of these values of what is held; twice for a plane.",
)
@TOYS
@SEED
@LIKELIHOOD
@click.option(
    "--posterior",
    type=PATH,
    metavar="DIR",
    help="Result folder of a fit of the card: posterior predictive check.",
)
@out("/limit_NAME")
@resume("Go on with the toys in the result folder.")
@JSON
@QUIET
def limit(
    card: Path,
    parameter: str | None,
    seed: int | None,
    likelihood: Path | None,
    out: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    scans: tuple[str, ...],
    **options: Any,
) -> None:
    """Upper limit or interval of one parameter, significance and goodness of fit.

    Example: bsnunu limit fits/belle2_wet.yaml --parameter cVL
    """
    from bsnunu_jax.report.limit_scan_table import limit_scan_table
    from bsnunu_jax.report.limit_table import limit_table
    from bsnunu_jax.runs.limit import run_limit
    from bsnunu_jax.runs.limit_scan import read_held, read_scans, run_limit_scan

    held, scanned = read_held(settings), read_scans(scans)
    loaded = _read(card, seed=seed, likelihood=likelihood)
    left = [n for n in loaded.content.parameters if n not in held and n not in scanned]
    name = parameter or next(iter(left), "")
    folder = out or Path("results") / card.stem / f"limit_{name}"
    if not scanned and name != "Lambda":
        result = run_limit(loaded, folder, parameter=parameter, settings=held, **options)
        return answer(result, as_json, limit_table(result), folder)
    for option in ("tested", "posterior"):
        if options.pop(option):
            raise InputError(
                f"--{option.removesuffix('ed')} is for one limit",
                where="--scan",
                allowed="drop one",
            )
    null = options.pop("null") or None
    result = run_limit_scan(
        loaded, folder, scanned, parameter=parameter, null=null, settings=held, **options
    )
    answer(result, as_json, limit_scan_table(result), folder)


@click.command()
@CARD
@click.option(
    "--luminosity",
    metavar="X,...",
    help="Of each data set that states its own, in 1/ab at the Y(4S).",
)
@click.option(
    "--factor", metavar="F,...", help="In place of it: F times the data of today, of all data sets."
)
@click.option(
    "--truth",
    metavar="TRUTH",
    help="best-fit, SM or NAME=VALUE,...: what data are expected of [best-fit; SM if none is"
    " measured].",
)
@PARAMETER
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE[,...]",
    help="Hold a parameter, or change what is held; may be repeated.",
)
@click.option(
    "--true", metavar="VALUE,...", help="True values whose median significance is wanted."
)
@click.option("--null", type=NUMBER, help="The value without a signal [0; Lambda: infinite].")
@click.option(
    "--systematics",
    type=NUMBER,
    default=1.0,
    show_default=True,
    help="Of the data that scale, over those of today.",
)
@LEVEL
@TOYS
@click.option(
    "--posterior", is_flag=True, help="The posterior of the data that the truth expects, too."
)
@SEED
@LIKELIHOOD
@out("/project_NAME")
@resume("Go on with toys and posteriors in the result folder.")
@JSON
@QUIET
def project(
    card: Path,
    luminosity: str | None,
    factor: str | None,
    parameter: str | None,
    settings: tuple[str, ...],
    true: str | None,
    seed: int | None,
    likelihood: Path | None,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Expected limits, errors and discovery reach with more data, or with data yet to be taken.

    Example: bsnunu project fits/belle2_mu.yaml --luminosity 0.362,5,50 --true 1
    """
    from bsnunu_jax.report.limit_table import project_table
    from bsnunu_jax.runs.growth import read_numbers
    from bsnunu_jax.runs.project import read_settings, run_project

    loaded = _read(card, seed=seed, likelihood=likelihood)
    if options["posterior"]:
        from bsnunu_jax.runs.fit import use_cpu_devices

        use_cpu_devices(loaded.sampler.chains)
    held = read_settings(settings)
    left = [name for name in loaded.content.parameters if name not in held]
    folder = out or Path("results") / card.stem / f"project_{parameter or ''.join(left[:1])}"
    result = run_project(
        loaded,
        folder,
        luminosities=read_numbers(luminosity, "--luminosity") if luminosity else (),
        factors=read_numbers(factor, "--factor") if factor else (),
        parameter=parameter,
        settings=held,
        true=read_numbers(true, "--true") if true else (),
        **options,
    )
    answer(result, as_json, project_table(result), folder)


@click.command()
@CARD
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="NAME[=LOW:HIGH[:POINTS]]",
    help="A parameter that is not profiled; once or twice.",
)
@SEED
@LIKELIHOOD
@out("/profile_NAME_NAME")
@resume("Write into the result folder again.")
@JSON
@QUIET
def profile(
    card: Path,
    over: tuple[str, ...],
    seed: int | None,
    likelihood: Path | None,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Profile likelihood over one or two parameters, everything else at its best.

    Example: bsnunu profile fits/belle2_cr.yaml --over CR_mutau=0:15 --over CR_tautau=-25:15
    """
    from bsnunu_jax.runs.profile import profile_table, run_profile

    loaded = _read(card, "`--resume` computes it again", seed=seed, likelihood=likelihood)
    names = "_".join(text.partition("=")[0] for text in over)
    folder = out or Path("results") / card.stem / f"profile_{names}"
    result = run_profile(loaded, folder, over, **options)
    answer(result, as_json, profile_table(result), folder)


@click.command()
@click.argument("cards", nargs=-1, required=True, type=PATH, metavar="CARD...")
@click.option("--out", type=PATH, help="Result folder; none if left out.")
@LIKELIHOOD
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the cards'.")
@resume("Keep the variants that the result folder holds.")
@JSON
@QUIET
def compare(
    cards: tuple[Path, ...],
    out: Path | None,
    likelihood: Path | None,
    seed: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare models with the SM: best fits, Delta chi2 by data set, evidence.

    Example: bsnunu compare fits/dark_sector.yaml --out results/dark_sector
    """
    from bsnunu_jax.cards.comparison import load_comparison
    from bsnunu_jax.report.compare_table import compare_table
    from bsnunu_jax.runs.compare import run_compare

    if out:
        keep(KEPT)
    loaded = load_comparison(cards, seed=seed, likelihood=likelihood)
    result = run_compare(loaded, out, **options)
    answer(result, as_json, compare_table(result), out)


def _read(card: Path, kept: str = KEPT, **given: Any) -> "Card":
    """The card with what is given in place of its own; `kept` is what remains of a killed run."""
    from bsnunu_jax.cards.run_card import Card

    keep(kept)
    return Card(card, **given)


COMMANDS = (fit, limit, project, profile, compare)
